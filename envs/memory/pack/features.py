"""What the agent sees of packing: features of choices and of the state, and the graph of buffers and sections."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.memory.pack.layout import (
    LENGTHS,
    TRAITS,
    Candidate,
    Context,
    Instances,
    Move,
    ResourceNode,
    RunsOn,
    State,
    TaskNode,
)


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    return k


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    return k


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The section that is fullest before any decision, of those in which the buffer lives."""
    return inst.busiest[s.row[b], k]


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The offset that choice k gives to its buffer."""
    return s.floor[b, k]


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of putting buffer k onto the skyline; bytes are in mean sizes or shares of the bound, areas in mean areas."""
    i = s.row[b]
    size = inst.size[i, k]
    floor = s.floor[b, k]
    unit = inst.unit[i]
    share = inst.share[i]
    bound = s.bound[b]
    excess = s.move[b, k, Move.REACH] - bound
    top = floor + size
    buried = s.move[b, k, Move.BURIED]
    for f in range(TRAITS):
        out[Candidate.SIZE + f] = inst.traits[i, k, f]
    out[Candidate.FLOOR] = clip((floor - s.base[b]) * unit, 4.0)
    out[Candidate.TOP] = clip((top - s.lowest[b]) * unit, 8.0) * 0.25
    out[Candidate.COST] = clip(excess * share * 16.0, 4.0)
    out[Candidate.COST_IN_MEANS] = clip(excess * unit, 4.0)
    out[Candidate.TIGHTNESS] = clip((s.move[b, k, Move.HEAVIEST] - bound) * share * 16.0, 4.0)
    out[Candidate.BURIED] = clip(buried * inst.area_unit[i], 8.0) * 0.5
    out[Candidate.BURIED_SHARE] = clip(buried * inst.area_rate[i, k], 4.0)
    out[Candidate.BURIES_NOTHING] = 1.0 if buried == 0 else 0.0
    # The steps of the skyline at both ends of its life: whether it fills a valley, and how evenly.
    section = inst.left[i, k]
    beside = s.top[b, section - 1] if section > 0 else bound
    out[Candidate.FLOOR_BELOW_LEFT] = clip((beside - floor) * unit, 4.0)
    out[Candidate.TOP_BELOW_LEFT] = clip((beside - top) * unit, 4.0)
    out[Candidate.LEVEL_WITH_LEFT] = 1.0 if beside == top else 0.0
    section = inst.right[i, k]
    beside = s.top[b, section] if section < inst.sections[i] else bound
    out[Candidate.FLOOR_BELOW_RIGHT] = clip((beside - floor) * unit, 4.0)
    out[Candidate.TOP_BELOW_RIGHT] = clip((beside - top) * unit, 4.0)
    out[Candidate.LEVEL_WITH_RIGHT] = 1.0 if beside == top else 0.0
    out[Candidate.COSTS_NOTHING] = 1.0 if excess == 0 else 0.0


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is, and how much space is left."""
    i = s.row[b]
    bound = s.bound[b]
    share = inst.share[i]
    left = s.left[b]
    out[Context.LEFT] = left / inst.buffers[i]
    out[Context.FILLED] = s.filled[b] / inst.total[i]
    # The limit stands between product and difference, so no compiler fuses them and rounds once.
    out[Context.LOSS] = clip((min(bound * share, 2.0) - 1.0) * 4.0, 4.0)
    out[Context.HEIGHT] = s.height[b] * share
    out[Context.LOWEST_FLOOR] = s.base[b] * share if left > 0 else 1.0
    out[Context.LOWEST_TOP] = clip((s.lowest[b] - s.base[b]) * inst.unit[i], 8.0) if left > 0 else 0.0
    out[Context.CHOICES] = clip(s.choices[b] / 32.0, 4.0)
    out[Context.DENSITY] = inst.density[i]


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are buffers, resource nodes sections. Placed buffers stay, marked.

    A buffer has edges to its first, its last and its fullest section, and precedes the largest buffer that begins when it ends.
    """
    i = s.row[b]
    share = inst.share[i]
    chain = 0
    for j in range(inst.buffers[i]):
        size = inst.size[i, j]
        row = o.tasks[b, j]
        placed = s.offset[b, j] >= 0
        row[TaskNode.EXISTS] = 1.0
        row[TaskNode.PLACED] = 1.0 if placed else 0.0
        for f in range(TRAITS):
            row[TaskNode.SIZE + f] = inst.traits[i, j, f]
        row[TaskNode.OFFSET] = (s.offset[b, j] if placed else s.floor[b, j]) * share
        row[TaskNode.LEFT] = inst.left[i, j] / inst.sections[i]
        row[TaskNode.RIGHT] = inst.right[i, j] / inst.sections[i]
        for n in range(3):
            section = inst.left[i, j] if n == 0 else inst.right[i, j] - 1 if n == 1 else inst.busiest[i, j]
            link = 3 * j + n
            o.runs_on[b, link, 0] = j
            o.runs_on[b, link, 1] = section
            o.runs_on_features[b, link, RunsOn.IS_FIRST] = 1.0 if n == 0 else 0.0
            o.runs_on_features[b, link, RunsOn.IS_LAST] = 1.0 if n == 1 else 0.0
            o.runs_on_features[b, link, RunsOn.SIZE] = size * share
        if inst.successor[i, j] >= 0:
            o.precedes[b, chain, 0] = j
            o.precedes[b, chain, 1] = inst.successor[i, j]
            chain += 1
    for c in range(inst.sections[i]):
        row = o.resources[b, c]
        row[ResourceNode.EXISTS] = 1.0
        row[ResourceNode.SKYLINE] = s.top[b, c] * share
        row[ResourceNode.LOAD] = s.load[b, c] * share
        row[ResourceNode.LEAST_HEIGHT] = (s.top[b, c] + s.load[b, c]) * share
        row[ResourceNode.LENGTH] = (inst.reached[i, c + 1] - inst.reached[i, c]) * inst.sections[i] / LENGTHS
