"""The job shop's rules, once: operations start as early as their job and machine allow.

A choice is a job, and means its next operation. Three action sets limit the choices (`inst.action_set`):

SEMI_ACTIVE  every unfinished job.
ACTIVE       the conflict set of Giffler & Thompson (Operations Research 8, 1960): with C the smallest possible completion
             of any next operation, and m its machine, the next operations on m that can start before C. Every active
             schedule, hence an optimal one, can be reached (with operations of duration 0, which wait for their machine
             here, nearly so).
NON_DELAY    the next operations that can start at the earliest start of all. The optimum may be lost.
"""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.jobshop.layout import (
    ACTIVE,
    JOB_BITS,
    NEVER,
    NON_DELAY,
    Instances,
    Job,
    JobData,
    Machine,
    MachineData,
    State,
    Task,
)


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    busiest = 0
    work = 0
    for m in range(s.resource.shape[1]):
        load = inst.resource[i, m, MachineData.LOAD]
        machine = s.resource[b, m]
        machine[Machine.IDLE] = 0
        machine[Machine.OPEN] = load
        machine[Machine.LEFT] = inst.resource[i, m, MachineData.VISITS]
        machine[Machine.QUEUE] = 0
        work += load
        busiest = max(busiest, load)
    s.unfinished[b] = s.job.shape[1]
    for j in range(s.job.shape[1]):
        s.job[b, j, Job.FREE] = inst.job[i, j, JobData.RELEASE]
        enter(inst, s, b, i, j, 0)
        for k in range(inst.width):
            s.start[b, j, k] = -1
    for x in range(inst.total[i]):
        s.waiting[b, x] = inst.visitor[i, x]
    s.bound[b] = inst.bound[i]
    s.makespan[b] = 0
    s.scheduled[b] = 0
    s.work[b] = work
    s.busiest[b] = busiest


def enter(inst: Instances, s: State, b: int, i: int, j: int, k: int) -> None:
    """Operation k becomes the next one of job j."""
    job = s.job[b, j]
    job[Job.NEXT] = k
    if k < inst.job[i, j, JobData.LENGTH]:
        task = inst.task[i, j * inst.width + k]
        machine = s.resource[b, task[Task.MACHINE]]
        ready = max(job[Job.FREE], machine[Machine.IDLE])
        machine[Machine.QUEUE] += task[Task.DURATION]
        job[Job.READY] = ready
        job[Job.WANTS] = task[Task.MACHINE]
        job[Job.NEEDS] = task[Task.DURATION]
        job[Job.REMAINS] = task[Task.REST]
        job[Job.ORIGIN] = ready - task[Task.HEAD]
    else:
        job[Job.READY] = NEVER
        job[Job.WANTS] = -1
        job[Job.NEEDS] = 0
        s.unfinished[b] -= 1


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.unfinished[b] == 0


def objective(inst: Instances, s: State, b: int) -> int:
    return s.makespan[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    jobs = s.job[b]
    first_start = NEVER
    first = NEVER << JOB_BITS  # the smallest end, and behind it the job: one minimum without branches
    for j in range(choices.shape[0]):
        begin = jobs[j, Job.READY]
        first_start = min(first_start, begin)
        first = min(first, (int(begin + jobs[j, Job.NEEDS]) << JOB_BITS) + j)
    first_end = first >> JOB_BITS
    leader = first & ((1 << JOB_BITS) - 1)
    bottleneck = jobs[leader, Job.WANTS]
    s.first_end[b] = first_end
    s.first_start[b] = first_start
    count = 0
    for j in range(choices.shape[0]):
        if inst.action_set == ACTIVE:
            ok = (jobs[j, Job.WANTS] == bottleneck) & ((jobs[j, Job.READY] < first_end) | (j == leader))
        elif inst.action_set == NON_DELAY:
            ok = jobs[j, Job.READY] == first_start
        else:
            ok = jobs[j, Job.WANTS] >= 0
        choices[count] = j
        count += ok
    return count


def step(inst: Instances, s: State, b: int, action: int) -> float:
    i = s.row[b]
    job = s.job[b, action]
    k = job[Job.NEXT]
    m = job[Job.WANTS]
    p = job[Job.NEEDS]
    begin = job[Job.READY]
    end = begin + p
    machine = s.resource[b, m]
    load = machine[Machine.OPEN] - p
    s.start[b, action, k] = begin
    job[Job.FREE] = end
    machine[Machine.IDLE] = end
    machine[Machine.OPEN] = load
    machine[Machine.QUEUE] -= p
    leave(inst, s, b, i, m, action * inst.width + k)
    s.scheduled[b] += 1
    s.work[b] -= p
    s.busiest[b] = max(s.busiest[b], end + load)
    s.makespan[b] = max(s.makespan[b], end)
    # The lower bound after the move: this job's rest, the machine's rest, and the jobs that now wait for the machine.
    before = s.bound[b]
    bound = max(before, begin + job[Job.REMAINS], end + load)
    enter(inst, s, b, i, action, k + 1)
    for j in range(s.job.shape[1]):
        other = s.job[b, j]
        if other[Job.WANTS] == m:
            ready = max(end, other[Job.FREE])
            other[Job.ORIGIN] += ready - other[Job.READY]
            other[Job.READY] = ready
            bound = max(bound, ready + other[Job.REMAINS])
    s.bound[b] = bound
    return (before - bound) / max(inst.bound[i], 1)


def leave(inst: Instances, s: State, b: int, i: int, m: int, n: int) -> None:
    """Operation n has passed machine m: the last operation of the machine's list takes its place."""
    waiting = s.waiting[b]
    first = inst.resource[i, m, MachineData.FIRST]
    left = s.resource[b, m, Machine.LEFT] - 1
    place = first
    for x in range(first, first + left):
        place = x + 1 if waiting[x] != n and place == x else place
    waiting[place] = waiting[first + left]
    s.resource[b, m, Machine.LEFT] = left


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    return k * inst.width + s.job[b, k, Job.NEXT]


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    return task_of(inst, s, b, k)


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    return s.job[b, k, Job.WANTS]


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick at which choice k would start."""
    return s.job[b, k, Job.READY]
