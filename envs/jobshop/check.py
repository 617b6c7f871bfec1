"""The referee of the job shop: plain loops written from the problem statement, sharing no code with any player.

An operation occupies its machine during the half-open interval [start, start + duration). An operation of duration 0
occupies nothing: its interval is empty, so it overlaps no other, even one that is running at that tick. Its job's
order and release still bind it.
"""

from __future__ import annotations

import itertools

import numpy as np

from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.jobshop.instance import JobShop, Schedule


def check(instance: JobShop, schedule: Schedule) -> int:
    """Return the makespan (ticks) of `schedule`, the completion time of the last operation.

    Raises InvalidSchedule when a start is missing, fractional or stands where there is no operation, when a job starts
    before its release or an operation before its predecessor's end, or when two operations overlap on a machine.
    """
    starts = np.asarray(schedule.start)
    if starts.shape != instance.machine.shape:
        raise InvalidSchedule(f"start has shape {starts.shape}, the instance has {instance.machine.shape}")
    if not np.issubdtype(starts.dtype, np.integer):
        raise InvalidSchedule(f"start has dtype {starts.dtype}, not whole ticks")
    start: list[list[int]] = starts.tolist()
    machine: list[list[int]] = instance.machine.tolist()
    duration: list[list[int]] = instance.duration.tolist()
    release: list[int] = instance.release.tolist()

    makespan = 0
    occupied: list[list[tuple[int, int, int, int]]] = [[] for _ in range(instance.machines)]  # (start, end, job, operation)
    for j in range(len(machine)):
        job_free = release[j]
        for k in range(len(machine[j])):
            begin = start[j][k]
            if machine[j][k] < 0:
                if begin != -1:
                    raise InvalidSchedule(f"job {j} has no op {k}, yet it starts at {begin}")
                continue
            if begin < 0:
                raise InvalidSchedule(f"job {j} op {k} has no start ({begin})")
            end = begin + duration[j][k]
            if begin < job_free:
                what = f"its release {job_free}" if k == 0 else f"the end {job_free} of op {k - 1}"
                raise InvalidSchedule(f"job {j} op {k} [{begin}, {end}) starts before {what}")
            job_free = end
            if end > begin:
                occupied[machine[j][k]].append((begin, end, j, k))
        makespan = max(makespan, job_free)

    for m, intervals in enumerate(occupied):
        intervals.sort()
        for (b1, e1, j1, k1), (b2, e2, j2, k2) in itertools.pairwise(intervals):
            if b2 < e1:
                raise InvalidSchedule(f"machine {m}: job {j1} op {k1} [{b1}, {e1}) overlaps job {j2} op {k2} [{b2}, {e2})")
    return makespan
