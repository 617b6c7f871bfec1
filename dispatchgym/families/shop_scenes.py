"""Job shops and blocking job shops as reports draw them, and the names of their choices."""

from __future__ import annotations

from typing import Any

from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.core.drawing import FURTHER, SAFE
from dispatchgym.envs.jobshop.improve.problem import ImproveSizes
from dispatchgym.families import schedule_tables
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop
from dispatchgym.instances.blocking.instance import lower_bound as blocking_bound
from dispatchgym.instances.jobshop.instance import JobShop, Schedule, simple_lower_bound
from dispatchgym.report.scene import NameChoice, Scene
from dispatchgym.report.slack import Arc, in_turn, slack

PALETTE = list(SAFE + FURTHER)


def job_shop(instance: JobShop, schedule: Schedule) -> list[Scene]:
    """The Gantt chart. Slack: how much later an operation could start with the same orders on machines and the same makespan."""
    table = schedule_tables.job_shop(instance, schedule)
    start, end, ticks = table["start"], table["end"], table["duration"]
    arcs = [(a, b, ticks[a]) for a, b in [*in_turn(table["machine"], start, end), *_next_operations(table)]]
    last = max(end)
    scene = _gantt(table, instance.machines, end)
    scene.slack = list(slack(start, [last - d for d in ticks], arcs))
    bound = max(simple_lower_bound(instance), instance.lower_bound or 0)
    scene.marks = {"lower bound": bound, **_best_known(instance), "makespan": last}
    return [scene]


def blocking_shop(instance: BlockingShop, schedule: BlockingSchedule) -> list[Scene]:
    """The Gantt chart: a box is pale from the end of its processing until its job has moved on.

    Slack as in the job shop; with interruptions there is none, as how long an operation takes depends on when it starts.
    """
    table = schedule_tables.blocking_shop(instance, schedule)
    last = max(table["end"])
    scene = _gantt(table, instance.shop.machines, table["processed"])
    scene.solid, scene.pale = table["processed"], "blocking"
    scene.columns["blocks until"] = table["end"]
    if not instance.interrupted:
        limits = [last - ticks for ticks in table["duration"]]
        scene.slack = list(slack(table["start"], limits, _blocking_arcs(instance, table)))
    windows = [(m, a, b) for m, rows in enumerate(instance.down.tolist()) for a, b in rows if 0 <= a < last]
    scene.shade, scene.shade_name = [(m, a, min(b, last)) for m, a, b in windows], "machine is down"
    undisturbed = " undisturbed" if instance.interrupted else ""
    bound = max(blocking_bound(instance), instance.lower_bound or 0)
    best = _best_known(instance, undisturbed) if instance.best_known else {"lower bound": bound}
    scene.marks = {**best, "makespan": last}
    return [scene]


def _gantt(table: schedule_tables.Table, machines: int, processed: list[int]) -> Scene:
    job, operation = table["job"], table["operation"]
    return Scene(
        title="Gantt chart: machines as rows, jobs as colours",
        across="time (ticks)",
        left=table["start"],
        right=table["end"],
        low=table["machine"],
        high=table["machine"],
        name=[str(j) for j in job],
        colour=[j % len(PALETTE) for j in job],
        palette=PALETTE,
        rows=[f"M{m}" for m in range(machines)],
        columns={"job": job, "operation": operation, "start": table["start"], "end": processed},
        slack_unit="ticks",
        key=[f"{j}.{k}" for j, k in zip(job, operation, strict=True)],
    )


def _next_operations(table: schedule_tables.Table) -> list[tuple[int, int]]:
    place = {key: i for i, key in enumerate(zip(table["job"], table["operation"], strict=True))}
    return [(i, place[j, k + 1]) for (j, k), i in place.items() if (j, k + 1) in place]


def _best_known(instance: Any, undisturbed: str = "") -> dict[str, float]:
    return {f"best known{undisturbed}": instance.best_known} if instance.best_known else {}


def _blocking_arcs(instance: BlockingShop, table: schedule_tables.Table) -> list[Arc]:
    """A job enters a machine when the job before it has entered its next one."""
    following = dict(_next_operations(table))
    ticks = table["duration"]
    arcs = [(a, b, ticks[a]) for a, b in following.items()]
    if instance.variant == "nwt":
        arcs += [(b, a, -ticks[a]) for a, b in following.items()]
    for a, b in in_turn(table["machine"], table["start"], table["end"]):
        leaves = following.get(a)
        if leaves is None:
            arcs.append((a, b, ticks[a]))
        elif leaves != b:
            arcs.append((leaves, b, 0))
    return arcs


def name_operations(problem: Any, instance: JobShop, sizes: Sizes) -> NameChoice:
    if isinstance(sizes, ImproveSizes):
        return _name_improvements(sizes)
    width = sizes.tasks // sizes.actions
    return lambda k, task, machine, start: _operation(task, width, machine, start)


def _name_improvements(sizes: ImproveSizes) -> NameChoice:
    def name(k: int, task: int, machine: int, start: int) -> tuple[str, str]:
        if k == sizes.actions - 1:
            return "", "restart from the best schedule"
        job, operation = divmod(task, sizes.width)
        return "", f"move job {job}, operation {operation} on M{machine}, which starts at {start}"

    return name


def name_moves(problem: Any, instance: BlockingShop, sizes: Sizes) -> NameChoice:
    jobs = sizes.actions - 1
    width = (sizes.tasks - 1) // jobs

    def name(k: int, task: int, machine: int, start: int) -> tuple[str, str]:
        return ("", f"wait (time {start})") if k == jobs else _operation(task, width, machine, start)

    return name


def _operation(task: int, width: int, machine: int, start: int) -> tuple[str, str]:
    job, operation = divmod(task, width)
    return f"{job}.{operation}", f"job {job}, operation {operation} on M{machine} at {start}"
