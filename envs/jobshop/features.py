"""What the agent sees of a job shop: features of choices and of the state, and the graph."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.jobshop.layout import (
    NEVER,
    Candidate,
    Context,
    Instances,
    Job,
    JobData,
    Machine,
    MachineData,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of starting job k's next operation now; time is in mean durations, or in shares of the open horizon."""
    i = s.row[b]
    job = s.job[b, k]
    row = k * inst.width + job[Job.NEXT]
    task = inst.task[i, row]
    m = job[Job.WANTS]
    machine = s.resource[b, m]
    p = job[Job.NEEDS]
    tail = task[Task.TAIL]
    end = job[Job.READY] + p
    left = inst.job[i, k, JobData.LENGTH] - job[Job.NEXT] - 1
    now = s.first_start[b]
    bound = s.bound[b]
    unit = inst.rate[i]
    share = 1.0 / max(bound - now, 1)

    # What choosing k does to the other operations that still have to pass machine m.
    latest = 0
    earliest = 0
    delayed = 0.0
    rivals = 0
    longest = 0
    arrival = NEVER
    first = inst.resource[i, m, MachineData.FIRST]
    for x in range(first, first + machine[Machine.LEFT]):
        other = inst.task[i, s.waiting[b, x]]
        j = other[Task.JOB]
        # An operation of job k itself is neutral in all that follows.
        head = s.job[b, j, Job.ORIGIN] + other[Task.HEAD] if j != k else NEVER
        rest = other[Task.REST] if j != k else -NEVER
        earliest = max(earliest, head + rest)
        latest = max(latest, max(head, end) + rest)
        delayed += max(end - head, 0)
        rivals += head < end
        longest = max(longest, rest if head < end else 0)
        arrival = min(arrival, head if head >= end else NEVER)

    out[Candidate.DURATION] = p * unit
    out[Candidate.WAIT_FROM_NOW] = clip((job[Job.READY] - now) * unit, 8.0)
    out[Candidate.LATER_THAN_FIRST_END] = clip((end - s.first_end[b]) * unit, 8.0)
    out[Candidate.MACHINE_WAITS] = clip((job[Job.FREE] - machine[Machine.IDLE]) * unit, 8.0)
    out[Candidate.TAIL] = tail * share
    out[Candidate.JOB_SLACK] = (bound - end - tail) * share
    out[Candidate.OPERATIONS_LEFT] = left * inst.unit[i] * share
    out[Candidate.JOB_PROGRESS] = (task[Task.HEAD] + p) / max(inst.job[i, k, JobData.WORK], 1)
    out[Candidate.MACHINE_LOAD] = machine[Machine.OPEN] * share
    out[Candidate.MACHINE_SLACK] = (bound - max(machine[Machine.IDLE], now) - machine[Machine.OPEN]) * share
    out[Candidate.BOUND_INCREASE] = clip((latest - bound) * unit, 8.0)
    out[Candidate.WORST_RIVAL_DELAY] = clip((latest - earliest) * unit, 8.0)
    out[Candidate.MEAN_RIVAL_DELAY] = clip(delayed * unit / max(rivals, 1), 8.0)
    out[Candidate.RIVALS] = rivals / 8.0
    out[Candidate.LEAD_OVER_RIVALS] = clip((tail + p - longest) * share, 4.0)
    out[Candidate.IDLE_BEFORE_NEXT] = clip((arrival - end) * unit, 4.0)
    if left > 0:
        following = inst.task[i, row + 1]
        machine = s.resource[b, following[Task.MACHINE]]
        out[Candidate.NEXT_DURATION] = following[Task.DURATION] * unit
        out[Candidate.NEXT_MACHINE_WAIT] = clip((machine[Machine.IDLE] - end) * unit, 8.0)
        out[Candidate.NEXT_MACHINE_LOAD] = machine[Machine.OPEN] * share
        out[Candidate.NEXT_MACHINE_QUEUE] = clip(machine[Machine.QUEUE] * unit, 8.0)
    else:
        for f in range(Candidate.NEXT_DURATION, Candidate.NEXT_MACHINE_QUEUE + 1):
            out[f] = 0.0


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is, how tight it is, its shape."""
    i = s.row[b]
    jobs = s.unfinished[b]
    bound = s.bound[b]
    start = s.first_start[b] if jobs > 0 else s.makespan[b]
    horizon = max(bound - start, 1)
    out[Context.PROGRESS] = s.scheduled[b] / inst.total[i]
    out[Context.HORIZON] = (bound - start) / max(inst.bound[i], 1)
    out[Context.LOSS] = bound / max(inst.bound[i], 1) - 1.0
    out[Context.UTILISATION] = s.work[b] / (float(horizon) * inst.machines[i])
    out[Context.BUSIEST_SLACK] = clip((bound - s.busiest[b]) / horizon, 4.0)
    out[Context.UNFINISHED_JOBS] = jobs / max(inst.jobs[i], 1)
    out[Context.JOBS_PER_MACHINE] = clip(jobs / inst.machines[i], 8.0) / 4.0
    out[Context.OPERATION_TIME] = jobs * inst.unit[i] / horizon


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are operations (job * K + index), resource nodes machines; scheduled operations stay, marked."""
    i = s.row[b]
    unit = inst.unit[i]
    now = s.first_start[b] if s.unfinished[b] > 0 else s.makespan[b]
    horizon = max(s.bound[b] - now, 1)
    for m in range(inst.machines[i]):
        row = o.resources[b, m]
        machine = s.resource[b, m]
        row[ResourceNode.EXISTS] = 1.0
        row[ResourceNode.LOAD] = machine[Machine.OPEN] / horizon
        row[ResourceNode.IDLE] = clip((machine[Machine.IDLE] - now) / unit, 8.0)
        row[ResourceNode.OPERATIONS_LEFT] = machine[Machine.LEFT] * unit / horizon
        row[ResourceNode.SLACK] = (s.bound[b] - max(machine[Machine.IDLE], now) - machine[Machine.OPEN]) / horizon
    chain = 0
    link = 0
    for j in range(inst.jobs[i]):
        job = s.job[b, j]
        first = job[Job.NEXT]
        length = inst.job[i, j, JobData.LENGTH]
        origin = job[Job.FREE] - inst.task[i, j * inst.width + first, Task.HEAD] if first < length else 0
        for k in range(length):
            n = j * inst.width + k
            task = inst.task[i, n]
            m = task[Task.MACHINE]
            duration = task[Task.DURATION] / unit
            begin = s.start[b, j, k] if k < first else origin + task[Task.HEAD]
            row = o.tasks[b, n]
            row[TaskNode.EXISTS] = 1.0
            row[TaskNode.STARTED] = 1.0 if k < first else 0.0
            row[TaskNode.IS_NEXT] = 1.0 if k == first else 0.0
            row[TaskNode.DURATION] = duration
            row[TaskNode.START] = (begin - now) / horizon
            row[TaskNode.TAIL] = task[Task.TAIL] / horizon
            row[TaskNode.SLACK] = (s.bound[b] - begin - task[Task.REST]) / horizon
            row[TaskNode.OPERATIONS_LEFT] = (length - k - 1) * unit / horizon
            row[TaskNode.JOB_PROGRESS] = task[Task.HEAD] / max(inst.job[i, j, JobData.WORK], 1)
            row[TaskNode.MACHINE_LOAD] = o.resources[b, m, ResourceNode.LOAD]
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = m
            o.runs_on_features[b, link, RunsOn.DURATION] = duration
            link += 1
            if k > 0:
                o.precedes[b, chain, 0] = n - 1
                o.precedes[b, chain, 1] = n
                chain += 1
