"""Names, groups, options and tables of scheduling models, for the commands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import numpy as np

from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Mode, Resource, Task
from dispatchgym.options import Metavar


def expand(specs: Iterable[str], options: Any = None) -> list[str]:
    return catalogue.expand(specs)


def group(what: str, instance: CPInstance) -> tuple[str, str]:
    """The set, and jobs and machines of a shop or the number of tasks of a project."""
    jobs = {task.group for task in instance.tasks}
    shop = -1 not in jobs and all(resource.capacity == 1 for resource in instance.resources)
    size = f"{len(jobs)}x{len(instance.resources)}" if shop else f"{len(instance.tasks)} tasks"
    return catalogue.group(what) or "files", size


def warm_up(instance: CPInstance) -> CPInstance:
    """One task, on a machine or on a resource of two units: the policy depends on that."""
    capacity = max((resource.capacity for resource in instance.resources), default=1)
    return CPInstance((Task("task", (Mode(1, ((0, 1),)),)),), (Resource("resource", min(capacity, 2)),), name="warm-up")


def table(instance: CPInstance, schedule: CPSchedule) -> dict[str, list[Any]]:
    """A row for each task and resource that it uses; `resource` is empty for a task that needs none. Times in ticks."""
    rows = []
    for j, (start, m) in enumerate(zip(np.asarray(schedule.start).tolist(), np.asarray(schedule.mode).tolist(), strict=True)):
        task = instance.tasks[j]
        for r, amount in task.modes[m].demands or ((-1, 0),):
            name = "" if r < 0 else instance.resources[r].name
            ticks = task.modes[m].duration
            rows.append((j, task.name, m, name, amount, start, ticks, start + ticks))
    columns = ("task", "name", "mode", "resource", "amount", "start", "duration", "end")
    return {column: [row[n] for row in rows] for n, column in enumerate(columns)}


@dataclasses.dataclass(frozen=True)
class ModelTraining:
    """Which models a policy is trained for."""

    preset: Literal["flexible", "projects"] | None = None
    """Random flexible job shops (the default), or random projects with resources of several units."""
    from_: Annotated[str | None, Metavar("MODEL", name="from")] = None
    """Train for a model of your own: a file that CP-SAT exported (.pb, .pbtxt, .txt), any other file of models, or a name.
    Each batch has random variations of it: other durations and demands, or a part of its tasks. At the end the model is
    solved by rules, the policy and CP-SAT. Weights start at random; --initial shipped starts from the shipped policy."""
