"""The graph that the agent sees of a blocking shop: operations, machines and their links."""

from __future__ import annotations

from dispatchgym.envs.blocking.layout import (
    Clock,
    Instances,
    Job,
    JobData,
    Machine,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)
from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Observation


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are operations (job * K + index) and a last one for waiting; resource nodes are machines and one for waiting.

    A runs-on edge says whether the operation holds the machine and whether its job is done and waits for the machine.
    """
    i = s.row[b]
    unit = inst.unit[i]
    now = s.clock[b, Clock.NOW]
    horizon = max(s.bound[b] - now, 1)
    o.tasks[b, s.job.shape[1] * inst.width, TaskNode.IS_WAIT] = 1.0
    precedence = 0
    link = 0
    for j in range(inst.jobs[i]):
        job = s.job[b, j]
        at = job[Job.AT]
        length = inst.job[i, j, JobData.LENGTH]
        waits = job[Job.WANTS] >= 0 and job[Job.DONE] == 1 and job[Job.DUE] <= now
        earliest = max(now, job[Job.EXPECTED]) if at < length else 0
        done_work = inst.task[i, j * inst.width + at + 1, Task.HEAD] if job[Job.WANTS] >= 0 else inst.job[i, j, JobData.WORK]
        for k in range(length):
            n = j * inst.width + k
            task = inst.task[i, n]
            m = task[Task.MACHINE]
            begin = s.start[b, j, k] if k <= at else earliest + task[Task.HEAD] - done_work
            row = o.tasks[b, n]
            row[TaskNode.EXISTS] = 1.0
            row[TaskNode.LEFT] = 1.0 if k < at else 0.0
            row[TaskNode.HELD] = 1.0 if k == at else 0.0
            row[TaskNode.PROCESSED] = 1.0 if k == at and job[Job.DONE] == 1 else 0.0
            row[TaskNode.DURATION] = task[Task.DURATION] / unit
            row[TaskNode.START] = (begin - now) / horizon
            row[TaskNode.TAIL] = (task[Task.REST] - task[Task.DURATION]) / horizon
            row[TaskNode.SLACK] = (s.bound[b] - begin - task[Task.REST]) / horizon
            row[TaskNode.OPERATIONS_LEFT] = (length - k - 1) * unit / horizon
            row[TaskNode.JOB_PROGRESS] = task[Task.HEAD] / max(inst.job[i, j, JobData.WORK], 1)
            row[TaskNode.MACHINE_LOAD] = s.resource[b, m, Machine.OPEN] / horizon
            o.runs_on[b, link, 0] = n
            o.runs_on[b, link, 1] = m
            o.runs_on_features[b, link, RunsOn.DURATION] = task[Task.DURATION] / unit
            o.runs_on_features[b, link, RunsOn.HELD] = 1.0 if k == at else 0.0
            o.runs_on_features[b, link, RunsOn.WAITS] = 1.0 if waits and k == at + 1 else 0.0
            link += 1
            if k > 0:
                o.precedes[b, precedence, 0] = n - 1
                o.precedes[b, precedence, 1] = n
                precedence += 1
    for m in range(inst.machines[i]):
        row = o.resources[b, m]
        machine = s.resource[b, m]
        held = machine[Machine.HOLDER] >= 0
        row[ResourceNode.EXISTS] = 1.0
        row[ResourceNode.LOAD] = machine[Machine.OPEN] / horizon
        row[ResourceNode.OPENS] = clip((machine[Machine.OPENS] - now) / unit, 8.0)
        row[ResourceNode.OPERATIONS_LEFT] = machine[Machine.LEFT] * unit / horizon
        row[ResourceNode.HELD] = 1.0 if held else 0.0
        row[ResourceNode.BLOCKED] = 1.0 if held and s.job[b, machine[Machine.HOLDER], Job.DONE] == 1 else 0.0
        row[ResourceNode.DOWN] = 1.0 if machine[Machine.DOWN] == 1 else 0.0
        row[ResourceNode.DOWN_FOR] = clip((now - machine[Machine.SINCE]) / unit, 8.0) if machine[Machine.DOWN] == 1 else 0.0
    o.resources[b, s.resource.shape[1], ResourceNode.IS_WAIT] = 1.0
