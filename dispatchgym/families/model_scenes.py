"""Schedules of scheduling models as reports draw them, the names of choices, and the shelf of instances."""

from __future__ import annotations

from itertools import pairwise
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
PITCH = 1.2  # from one profile to the next, in capacities


def gantt(instance: CPInstance, schedule: CPSchedule) -> list[Scene]:
    """The Gantt chart, with as many rows for a resource of several units as tasks run on it at once, and profiles of these."""
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
    full = {x.name: [(a, b) for a, b, amount in x.breaks if amount == x.capacity] for x in instance.resources}
    latest = max(rows["end"])
    scene.shade = [(where[lane], a, min(b, latest)) for lane in names for a, b in full.get(lane[0], ()) if a < latest]
    scene.shade_name = "break"
    return [scene, *profiles(instance, schedule)]


def profiles(instance: CPInstance, schedule: CPSchedule) -> list[Scene]:
    """What is in use over time of every resource of several units, breaks included, each as a share of its capacity."""
    wide = [r for r, resource in enumerate(instance.resources) if resource.capacity > 1]
    boxes: list[tuple[int, int, int, int]] = []  # resource, start, end, units
    for r in wide:
        change: dict[int, int] = {}
        for start, end, amount in _uses(instance, schedule, r):
            change[start] = change.get(start, 0) + amount
            change[end] = change.get(end, 0) - amount
        used = 0
        times = sorted(t for t, by in change.items() if by)
        for at, following in pairwise(times):
            used += change[at]
            boxes += [(r, at, following, used)] if used else []
    if not boxes:
        return []
    floor = {r: PITCH * (len(wide) - 1 - n) for n, r in enumerate(wide)}  # the first on top
    resources = instance.resources
    return [
        Scene(
            title="Use of the resources of several units, as shares of their capacities",
            across="time (ticks)",
            upward="share of each capacity",
            left=[start for _, start, _, _ in boxes],
            right=[end for _, _, end, _ in boxes],
            low=[floor[r] for r, _, _, _ in boxes],
            high=[floor[r] + units / resources[r].capacity for r, _, _, units in boxes],
            name=[str(units) for _, _, _, units in boxes],
            colour=[wide.index(r) % len(PALETTE) for r, _, _, _ in boxes],
            palette=PALETTE,
            columns={
                "resource": [resources[r].name for r, _, _, _ in boxes],
                "in use": [units for _, _, _, units in boxes],
                "capacity": [resources[r].capacity for r, _, _, _ in boxes],
            },
            levels={f"{resources[r].name} ({resources[r].capacity})": floor[r] + 1 for r in wide},
        )
    ]


def _uses(instance: CPInstance, schedule: CPSchedule, r: int) -> list[tuple[int, int, int]]:
    """Start, end and amount of everything that uses resource r until the last task ends."""
    placed = list(zip(schedule.start.tolist(), schedule.mode.tolist(), instance.tasks, strict=True))
    found = []
    for start, m, task in placed:
        mode = task.modes[m]
        found += [(start, start + mode.duration, amount) for q, amount in mode.demands if q == r and mode.duration > 0]
    latest = max(start + task.modes[m].duration for start, m, task in placed)
    return found + [(a, min(b, latest), amount) for a, b, amount in instance.resources[r].breaks if a < latest]


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
