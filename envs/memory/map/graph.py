"""The graph of a program, the same for both ways to decide: buffers, instructions and the two levels of memory."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Observation
from dispatchgym.envs.memory.map.layout import Access, Flow, Instances, ResourceNode, RunsOn, State, TaskNode


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are buffers; resource nodes are instructions, then the fast and the slow level of memory.

    A buffer has edges to the instructions that access it and to the fast level. It precedes the buffers that an instruction
    writes when it reads this one.
    """
    i = s.row[b]
    rate = inst.rate[i]
    share = inst.share[i]
    slots = inst.slots[i]
    for j in range(inst.buffers[i]):
        row = o.tasks[b, j]
        first = inst.entry[i, j]
        row[TaskNode.EXISTS] = 1.0
        row[TaskNode.SIZE] = clip(inst.size[i, j] * share * 4.0, 4.0)
        row[TaskNode.COPY] = clip(inst.demand[i, j] * rate, 8.0)
        row[TaskNode.INPUT] = 1.0 if inst.define[i, j] < 0 else 0.0
        row[TaskNode.OUTPUT] = 1.0 if inst.output[i, j] == 1 else 0.0
        row[TaskNode.PIN] = inst.pin[i, j] * 0.5
        row[TaskNode.SHARED] = 1.0 if inst.members[i, inst.storage[i, j]] > 1 else 0.0
        if first >= 0:
            row[TaskNode.FIRST_ACCESS] = inst.access[i, first, Access.SLOT] / slots
            row[TaskNode.LAST] = inst.last[i, j] / slots
            worth = inst.worth[i, first] + inst.later[i, first]
            row[TaskNode.WORTH] = clip(worth * rate, 8.0)
            row[TaskNode.WORTH_PER_COPY] = clip(worth / max(inst.demand[i, j], 1), 8.0)
            row[TaskNode.LIFE] = clip((inst.last[i, j] - inst.access[i, first, Access.SLOT]) / 16.0, 4.0)
        o.runs_on[b, j, 0] = j
        o.runs_on[b, j, 1] = slots
        o.runs_on_features[b, j, RunsOn.TO_FAST_LEVEL] = 1.0
    for a in range(inst.accesses[i]):
        access = inst.access[i, a]
        link = inst.buffers[i] + a
        o.runs_on[b, link, 0] = access[Access.BUFFER]
        o.runs_on[b, link, 1] = access[Access.SLOT]
        o.runs_on_features[b, link, RunsOn.SLOW] = clip(access[Access.SLOW] * rate, 8.0)
        o.runs_on_features[b, link, RunsOn.WORTH] = clip(inst.worth[i, a] * rate, 8.0)
        o.runs_on_features[b, link, RunsOn.WRITES] = access[Access.WRITES] * 1.0
    for e in range(inst.flows[i]):
        o.precedes[b, e, 0] = inst.flow[i, e, Flow.READ]
        o.precedes[b, e, 1] = inst.flow[i, e, Flow.MADE]
    for t in range(slots):
        row = o.resources[b, t]
        row[ResourceNode.EXISTS] = 1.0
        row[ResourceNode.COMPUTE] = clip(inst.compute[i, t] * rate, 8.0)
        row[ResourceNode.TRAFFIC] = clip(inst.sigma[i, t] * rate, 8.0)
        row[ResourceNode.TIME] = clip(inst.elapsed[i, t] * rate, 8.0)
        row[ResourceNode.MEMORY_BOUND] = 1.0 if inst.sigma[i, t] > inst.compute[i, t] else 0.0
        row[ResourceNode.SLOT] = t / slots
        row[ResourceNode.LIVE] = clip(inst.live[i, t] * share * 0.25, 4.0)
    o.resources[b, slots, ResourceNode.FAST_LEVEL] = 1.0
    o.resources[b, slots + 1, ResourceNode.SLOW_LEVEL] = 1.0
