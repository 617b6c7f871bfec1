"""Schedules of scheduling models as reports draw them, the names of choices, and the shelf of instances."""

from __future__ import annotations

from typing import Any

from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.core.drawing import FURTHER, SAFE
from dispatchgym.families.models import table
from dispatchgym.family import Shelf
from dispatchgym.instances.cpmodel import catalogue, files
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.jobs import groups
from dispatchgym.report.scene import NameChoice, Scene

PALETTE = list(SAFE + FURTHER)


def gantt(instance: CPInstance, schedule: CPSchedule) -> list[Scene]:
    """The Gantt chart; a resource of several units has as many rows as tasks run on it at once."""
    rows = table(instance, schedule)
    lanes = _lanes(rows)
    names = sorted(set(lanes), key=lambda lane: (lane[0] == "", lane))
    where = {lane: n for n, lane in enumerate(names)}
    job = groups(instance)
    drawn = [job[j] for j in rows["task"]]
    scene = Scene(
        title="Gantt chart: resources as rows, jobs as colours",
        across="time (ticks)",
        left=rows["start"],
        right=rows["end"],
        low=[where[lane] for lane in lanes],
        high=[where[lane] for lane in lanes],
        name=[str(n) for n in drawn],
        colour=[n % len(PALETTE) for n in drawn],
        palette=PALETTE,
        rows=[name if n == 0 else "" for name, n in ((lane[0] or "none", lane[1]) for lane in names)],
        columns={title: rows[title] for title in ("name", "mode", "amount", "start", "end")},
        key=[str(j) for j in rows["task"]],
    )
    best = {"best known": float(instance.best_known)} if instance.best_known and instance.objective.makespan else {}
    scene.marks = {**best, "makespan": max(rows["end"])}
    return [scene]


def _lanes(rows: dict[str, list[Any]]) -> list[tuple[str, int]]:
    """The resource of each box, and its row there: the first that is free."""
    found: list[tuple[str, int]] = [("", 0)] * len(rows["start"])
    free: dict[str, list[int]] = {}  # resource -> when each of its rows is free
    for k in sorted(range(len(found)), key=lambda k: (rows["start"][k], rows["end"][k])):
        ends = free.setdefault(rows["resource"][k], [])
        lane = next((n for n, end in enumerate(ends) if end <= rows["start"][k]), len(ends))
        ends[lane : lane + 1] = [rows["end"][k]]
        found[k] = rows["resource"][k], lane
    return found


def name_modes(problem: Any, instance: CPInstance, sizes: Sizes) -> NameChoice:
    def name(k: int, task: int, resource: int, start: int) -> tuple[str, str]:
        if task >= len(instance.tasks):
            return "", f"wait (time {start})"
        on = f" on {instance.resources[resource].name}" if resource < len(instance.resources) else ""
        return str(task), f"{instance.tasks[task].name}{on} at {start}"

    return name


def facts(instance: CPInstance) -> dict[str, Any]:
    ticks = [mode.duration for task in instance.tasks for mode in task.modes]
    capacities = [resource.capacity for resource in instance.resources]
    jobs = {task.group for task in instance.tasks} - {-1}
    objective = instance.objective
    parts = {
        "makespan": objective.makespan,
        "completion times": any(objective.completion),
        "tardiness": any(objective.tardiness),
        "maximum lateness": objective.lateness,
        "costs": objective.cost,
    }
    found: dict[str, Any] = {"jobs": len(jobs)} if jobs else {}
    found |= {
        "tasks": len(instance.tasks),
        "modes": f"{instance.modes}, {instance.modes / len(instance.tasks):.2f} a task",
        "resources": f"{len(capacities)}, capacity {min(capacities, default=0)} to {max(capacities, default=0)}",
        "lags": len(instance.lags),
        "durations": f"{min(ticks)} to {max(ticks)}, mean {sum(ticks) / len(ticks):.1f} ticks",
        "minimised": ", ".join(name for name, weight in parts.items() if weight) or "nothing",
    }
    return found | ({"links of modes": len(instance.links)} if instance.links else {})


MODELS = Shelf(
    lambda: catalogue.SETS,
    catalogue.GENERATORS,
    facts,
    files.write,
    what="flexible job shops and projects",
    examples={
        "show": ("mk01 --method mwkr",),
        "generate": ("cpmodel sd1/j10/m5/s0..s9 project/n30/s0 --out models",),
    },
)
