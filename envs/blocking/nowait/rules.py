"""The no-wait shop's rules, once: a job is placed as a whole, at a start where it touches a placed job.

Choice j < J places job j at its first possible start from the cursor on. The last choice moves the cursor past the first of
all these starts. After a placement the cursor is at 0 again.

Only starts are offered at which the job is released, or one of its operations begins when another one on the machine
ends. Some optimal schedule can be built so: in a left-shifted schedule every job is either at its release or follows
such a job without a gap, so it can be placed after that one (a tree of longest paths, read from the root).
"""

from __future__ import annotations

from dispatchgym.envs.blocking.layout import NEVER, JobData
from dispatchgym.envs.blocking.nowait.layout import Instances, Job, Machine, State, Task
from dispatchgym.envs.core.contract import Array


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    s.left[b] = 0
    s.work[b] = 0
    s.makespan[b] = 0
    s.bound[b] = inst.bound[i]
    for m in range(s.resource.shape[1]):
        s.resource[b, m, Machine.COUNT] = 0
        s.resource[b, m, Machine.PLACED] = 0
        s.resource[b, m, Machine.OPEN] = inst.load[i, m]
    for j in range(s.job.shape[1]):
        s.job[b, j, Job.BEGIN] = -1
        s.left[b] += inst.job[i, j, JobData.LENGTH] > 0
        s.work[b] += inst.job[i, j, JobData.WORK]
        for k in range(inst.width):
            s.start[b, j, k] = -1
    s.cursor[b] = 0
    offer(inst, s, b, i)


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.left[b] == 0


def objective(inst: Instances, s: State, b: int) -> int:
    return s.makespan[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    jobs = s.job.shape[1]
    count = 0
    more = 0
    first = NEVER
    later = 0
    for j in range(jobs):
        job = s.job[b, j]
        choices[count] = j
        count += 1 if job[Job.OFFER] < NEVER else 0
        if job[Job.OFFER] < first:
            later |= first < NEVER  # the former first start is still offered
            first = job[Job.OFFER]
            more = job[Job.MORE]
        elif job[Job.OFFER] > first and job[Job.OFFER] < NEVER:
            later = 1
        elif job[Job.OFFER] < NEVER:
            more |= job[Job.MORE]
    if more == 1 or later == 1:
        choices[count] = jobs
        count += 1
    return count


def step(inst: Instances, s: State, b: int, action: int) -> float:
    i = s.row[b]
    before = s.bound[b]
    if action == s.job.shape[1]:
        first = NEVER
        for j in range(s.job.shape[1]):
            first = min(first, s.job[b, j, Job.OFFER])
        s.cursor[b] = first + 1
    else:
        put(inst, s, b, i, action)
        s.cursor[b] = 0
    offer(inst, s, b, i)
    return (before - s.bound[b]) / max(inst.bound[i], 1)


def put(inst: Instances, s: State, b: int, i: int, j: int) -> None:
    """Place job j at its offered start."""
    begin = s.job[b, j, Job.OFFER]
    s.job[b, j, Job.BEGIN] = begin
    for k in range(inst.job[i, j, JobData.LENGTH]):
        row = j * inst.width + k
        task = inst.task[i, row]
        machine = s.resource[b, task[Task.MACHINE]]
        s.start[b, j, k] = begin + task[Task.HEAD]
        s.placed[b, inst.first[i, task[Task.MACHINE]] + machine[Machine.COUNT]] = row
        machine[Machine.COUNT] += 1
        machine[Machine.PLACED] += task[Task.DURATION]
        machine[Machine.OPEN] -= task[Task.DURATION]
    s.left[b] -= 1
    s.work[b] -= inst.job[i, j, JobData.WORK]
    s.makespan[b] = max(s.makespan[b], begin + inst.job[i, j, JobData.WORK])
    s.bound[b] = max(s.bound[b], s.makespan[b])


def offer(inst: Instances, s: State, b: int, i: int) -> None:
    """The first start of every job from the cursor on, and whether it has another."""
    for j in range(s.job.shape[1]):
        job = s.job[b, j]
        job[Job.OFFER] = NEVER
        job[Job.MORE] = 0
        if inst.job[i, j, JobData.LENGTH] > 0 and job[Job.BEGIN] < 0:
            found = first_start(inst, s, b, i, j, s.cursor[b])
            job[Job.OFFER] = found
            if found < NEVER:
                job[Job.MORE] = 1 if first_start(inst, s, b, i, j, found + 1) < NEVER else 0


def first_start(inst: Instances, s: State, b: int, i: int, j: int, low: int) -> int:
    """The smallest start of job j, not before `low`, at which it touches something and overlaps nothing."""
    release = inst.job[i, j, JobData.RELEASE]
    begin = release if release >= low else next_touch(inst, s, b, i, j, low)
    while begin < NEVER and overlaps(inst, s, b, i, j, begin):
        begin = next_touch(inst, s, b, i, j, begin + 1)
    return begin


def next_touch(inst: Instances, s: State, b: int, i: int, j: int, low: int) -> int:
    """The smallest start from `low` on (and the release) at which an operation begins when one placed on its machine ends."""
    low = max(low, inst.job[i, j, JobData.RELEASE])
    found = NEVER
    for k in range(inst.job[i, j, JobData.LENGTH]):
        task = inst.task[i, j * inst.width + k]
        first = inst.first[i, task[Task.MACHINE]]
        for x in range(first, first + s.resource[b, task[Task.MACHINE], Machine.COUNT]):
            n = s.placed[b, x]
            begin = s.start[b, n // inst.width, n % inst.width] + inst.task[i, n, Task.DURATION] - task[Task.HEAD]
            if begin >= low:
                found = min(found, begin)
    return found


def overlaps(inst: Instances, s: State, b: int, i: int, j: int, begin: int) -> bool:
    """Whether job j, begun then, would share a machine with a placed job."""
    for k in range(inst.job[i, j, JobData.LENGTH]):
        task = inst.task[i, j * inst.width + k]
        low = begin + task[Task.HEAD]
        high = low + task[Task.DURATION]
        first = inst.first[i, task[Task.MACHINE]]
        for x in range(first, first + s.resource[b, task[Task.MACHINE], Machine.COUNT]):
            n = s.placed[b, x]
            other = s.start[b, n // inst.width, n % inst.width]
            if low < other + inst.task[i, n, Task.DURATION] and other < high:
                return True
    return False


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    return k * inst.width


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    return task_of(inst, s, b, k)


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    jobs = s.job.shape[1]
    return inst.task[s.row[b], k * inst.width, Task.MACHINE] if k < jobs else s.resource.shape[1]


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick at which choice k would place its job; waiting skips the first of these."""
    if k == s.job.shape[1]:
        first = NEVER
        for j in range(k):
            first = min(first, s.job[b, j, Job.OFFER])
        return first
    return s.job[b, k, Job.OFFER]


def ready_at(inst: Instances, s: State, b: int, k: int) -> int:
    """Since when the job of move k has been waiting; dispatching rules use it."""
    return inst.job[s.row[b], k, JobData.RELEASE]
