"""Accepted schedules as tables: what occupies which resource from when to when, for the files in OUT/schedules.

A table is column -> values, all of one length, so that `pandas.DataFrame(table)` has a row for each occupation. Intervals are
half-open: `end` is the first moment at which the resource is free again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram, Packing, PackingPlan
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog

Table = dict[str, list[Any]]


def job_shop(instance: JobShop, schedule: Schedule) -> Table:
    """A row for each operation; times in ticks."""
    job, operation = np.nonzero(instance.machine >= 0)
    machine, duration = instance.machine[job, operation], instance.duration[job, operation]
    start = np.asarray(schedule.start)[job, operation]
    return _table(job=job, operation=operation, machine=machine, start=start, duration=duration, end=start + duration)


def blocking_shop(instance: BlockingShop, schedule: BlockingSchedule) -> Table:
    """A row for each operation; times in ticks. Its job holds the machine from `start` to `end`; it is done by `processed`."""
    from dispatchgym.envs.blocking.check import processing_end

    shop, entry = instance.shop, np.asarray(schedule.start)
    job, operation = np.nonzero(shop.machine >= 0)
    start = entry[job, operation]
    where = zip(job.tolist(), operation.tolist(), start.tolist(), strict=True)
    processed = np.array([processing_end(instance, j, k, s) for j, k, s in where], np.int64)
    moves_on = operation + 1 < shop.operations[job]
    following = entry[job, np.minimum(operation + 1, entry.shape[1] - 1)]
    return _table(
        job=job,
        operation=operation,
        machine=shop.machine[job, operation],
        start=start,
        duration=shop.duration[job, operation],
        processed=processed,
        end=np.where(moves_on, following, processed),
    )


def static_graph(instance: StaticDag, schedule: StaticSchedule) -> Table:
    """A row for each task; times in ticks."""
    task = np.arange(len(instance.duration))
    pe, start = np.asarray(schedule.pe), np.asarray(schedule.start)
    duration = instance.duration[task, pe]
    return _table(task=task, pe=pe, start=start, duration=duration, end=start + duration)


def stream(instance: Stream, log: StreamLog) -> Table:
    """A row for each task that was begun; times in microseconds. `name` is the task's in its application."""
    from dispatchgym.envs.soc.check import executions

    runs = [run for rows in executions(instance, log) for run in rows.values()]
    applications = instance.workload.applications
    kinds = [applications[int(instance.application[run.job])] for run in runs]
    start, end = np.array([[run.start, run.end] for run in runs], np.int64).reshape(-1, 2).T
    return _table(
        job=[run.job for run in runs],
        application=[kind.name for kind in kinds],
        task=[run.task for run in runs],
        name=[kind.tasks[run.task] for kind, run in zip(kinds, runs, strict=True)],
        pe=[run.pe for run in runs],
        level=[run.level for run in runs],
        start=start,
        duration=end - start,
        end=end,
    )


def packing(instance: Packing, plan: PackingPlan) -> Table:
    """A row for each buffer: its addresses [offset, offset + size) in bytes, from time `start` to `end`."""
    start, end = np.asarray(instance.lower), np.asarray(instance.upper)
    offset, size = np.asarray(plan.offset), np.asarray(instance.size)
    return _table(buffer=list(instance.ids), offset=offset, size=size, start=start, duration=end - start, end=end)


def program(instance: MemoryProgram, plan: MemoryPlan) -> Table:
    """A row for each stay in fast memory: bytes at an offset, times as numbers of slots, one for each instruction."""
    buffer, start, end, offset, serves, written = np.asarray(plan.stay).reshape(-1, 6).T
    size = instance.size[buffer]
    return _table(
        buffer=buffer, offset=offset, size=size, start=start, duration=end - start, end=end, serves=serves, written=written
    )


def _table(**columns: Any) -> Table:
    return {name: values if isinstance(values, list) else np.asarray(values).tolist() for name, values in columns.items()}
