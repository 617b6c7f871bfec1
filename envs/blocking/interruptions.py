"""Interruptions of a blocking shop: machines fail, are repaired, and the work that was on them resumes or restarts."""

from __future__ import annotations

from dispatchgym.envs.blocking.layout import Clock, Instances, Job, Machine, State, Task, Window


def tick(inst: Instances, s: State, b: int, i: int) -> None:
    """Repairs and failures that are due."""
    now = s.clock[b, Clock.NOW]
    for m in range(s.resource.shape[1]):
        machine = s.resource[b, m]
        while machine[Machine.WINDOW] < inst.windows[i, m]:
            window = inst.down[i, m, machine[Machine.WINDOW]]
            if machine[Machine.DOWN] == 1 and window[Window.END] <= now:
                machine[Machine.DOWN] = 0
                machine[Machine.WINDOW] += 1
                repaired(inst, s, b, i, machine[Machine.HOLDER], window[Window.BEGIN], window[Window.END])
            elif machine[Machine.DOWN] == 0 and window[Window.END] <= now:
                machine[Machine.WINDOW] += 1  # it passed while no job needed the machine
            elif machine[Machine.DOWN] == 0 and window[Window.BEGIN] <= now:
                machine[Machine.DOWN] = 1
                machine[Machine.SINCE] = window[Window.BEGIN]
            else:
                break


def repaired(inst: Instances, s: State, b: int, i: int, j: int, failed: int, now: int) -> None:
    """Job j (-1 = none) was interrupted in [failed, now): its processing resumes, or restarts from the beginning."""
    if j < 0 or s.job[b, j, Job.DONE] == 1:
        return
    job = s.job[b, j]
    if now <= job[Job.BEGAN]:
        return
    if failed < job[Job.BEGAN]:
        job[Job.DUE] += now - job[Job.BEGAN]
        job[Job.BEGAN] = now
    elif inst.restart[i] == 1:
        job[Job.DUE] = now + inst.task[i, j * inst.width + job[Job.AT], Task.DURATION]
        job[Job.BEGAN] = now
    else:
        job[Job.DUE] += now - failed


def expected_repair(inst: Instances, s: State, b: int, i: int, m: int) -> int:
    """Ticks until machine m, which is down, is expected to be up. The law has no memory: the time down so far plays no part."""
    if inst.repairs_known == 1:
        return inst.down[i, m, s.resource[b, m, Machine.WINDOW], Window.END] - s.clock[b, Clock.NOW]
    return inst.repair[i]
