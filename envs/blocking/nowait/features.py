"""What the agent sees of a no-wait shop: the features of choices and of the state, and the graph."""

from __future__ import annotations

from dispatchgym.envs.blocking.layout import NEVER, JobData
from dispatchgym.envs.blocking.nowait.layout import (
    Candidate,
    Context,
    Instances,
    Job,
    Machine,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)
from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array, Observation


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of placing job k, or of waiting; time is in mean durations, or in shares of the horizon."""
    for f in range(out.shape[0]):
        out[f] = 0.0
    i = s.row[b]
    jobs = s.job.shape[1]
    rate = inst.rate[i]
    share = 1.0 / max(s.bound[b], 1)
    first = NEVER
    for j in range(jobs):
        first = min(first, s.job[b, j, Job.OFFER])
    if k == jobs:
        out[Candidate.IS_CURSOR] = 1.0
        out[Candidate.BEGIN] = first * share
        return
    begin = s.job[b, k, Job.OFFER]
    work = inst.job[i, k, JobData.WORK]
    out[Candidate.BEGIN] = begin * share
    out[Candidate.LATER_THAN_FIRST] = clip((begin - first) * rate, 8.0)
    out[Candidate.WORK] = work * share
    out[Candidate.END] = (begin + work) * share
    out[Candidate.END_AFTER_MAKESPAN] = (begin + work - s.makespan[b]) * share
    out[Candidate.MAKESPAN_GROWTH] = max(begin + work - s.makespan[b], 0) * share
    out[Candidate.HAS_LATER_START] = s.job[b, k, Job.MORE]
    # How much of its machines' work is still open, and how tightly the job fits between placed operations.
    crowded = 0
    joined = 0
    for x in range(inst.job[i, k, JobData.LENGTH]):
        task = inst.task[i, k * inst.width + x]
        machine = s.resource[b, task[Task.MACHINE]]
        crowded = max(crowded, machine[Machine.OPEN])
        low = begin + task[Task.HEAD]
        at = inst.first[i, task[Task.MACHINE]]
        for y in range(at, at + machine[Machine.COUNT]):
            n = s.placed[b, y]
            other = s.start[b, n // inst.width, n % inst.width]
            joined += other + inst.task[i, n, Task.DURATION] == low
            joined += other == low + task[Task.DURATION]
    out[Candidate.MACHINE_LOAD] = crowded * share
    out[Candidate.TOUCHES] = joined / (2.0 * inst.job[i, k, JobData.LENGTH])


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is and how full."""
    i = s.row[b]
    bound = max(s.bound[b], 1)
    out[Context.JOBS_LEFT] = s.left[b] / max(inst.jobs[i], 1)
    out[Context.MAKESPAN] = s.makespan[b] / bound
    out[Context.LOSS] = bound / max(inst.bound[i], 1) - 1.0
    out[Context.UTILISATION] = s.work[b] / (float(bound) * inst.machines[i])
    out[Context.JOBS_PER_MACHINE] = clip(inst.jobs[i] / inst.machines[i], 8.0) / 4.0
    out[Context.CURSOR] = s.cursor[b] / bound


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are operations (job * K + index), resource nodes are machines; the last node of each is for the cursor."""
    i = s.row[b]
    unit = inst.unit[i]
    bound = max(s.bound[b], 1)
    o.tasks[b, s.job.shape[1] * inst.width, TaskNode.IS_CURSOR] = 1.0
    precedence = 0
    link = 0
    for j in range(inst.jobs[i]):
        for k in range(inst.job[i, j, JobData.LENGTH]):
            n = j * inst.width + k
            task = inst.task[i, n]
            row = o.tasks[b, n]
            row[TaskNode.EXISTS] = 1.0
            row[TaskNode.PLACED] = 1.0 if s.start[b, j, k] >= 0 else 0.0
            row[TaskNode.START] = max(s.start[b, j, k], 0) / bound
            row[TaskNode.DURATION] = task[Task.DURATION] / unit
            row[TaskNode.HEAD] = task[Task.HEAD] / bound
            row[TaskNode.REST] = task[Task.REST] / bound
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = task[Task.MACHINE]
            o.runs_on_features[b, link, RunsOn.DURATION] = task[Task.DURATION] / unit
            link += 1
            if k > 0:
                o.precedes[b, precedence, 0] = n - 1
                o.precedes[b, precedence, 1] = n
                precedence += 1
    for m in range(inst.machines[i]):
        o.resources[b, m, ResourceNode.EXISTS] = 1.0
        o.resources[b, m, ResourceNode.LOAD] = s.resource[b, m, Machine.OPEN] / bound
        o.resources[b, m, ResourceNode.PLACED] = s.resource[b, m, Machine.PLACED] / bound
    o.resources[b, s.resource.shape[1], ResourceNode.IS_CURSOR] = 1.0
