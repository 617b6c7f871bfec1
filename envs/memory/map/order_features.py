"""What the agent sees of the order actions: features of choices and of the state."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.memory.map.layout import Instances, OrderCandidate, OrderContext, State, Stay


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    return k


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    return inst.slots[s.row[b]]


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    return k


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    return max(inst.define[s.row[b], k], 0)


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of serving storage k next; ticks are in mean times of an instruction, bytes in shares of the capacity."""
    i = s.row[b]
    rate = inst.rate[i]
    size = inst.size[i, k]
    demand = inst.demand[i, k]
    first = inst.entry[i, k]
    worth = inst.worth[i, first] + inst.later[i, first] if first >= 0 else 0
    begin = max(inst.define[i, k], 0)
    end = inst.last[i, k]
    out[OrderCandidate.WORTH] = clip(worth * rate, 8.0)
    out[OrderCandidate.WORTH_PER_COPY] = clip(worth / max(demand, 1), 8.0)
    out[OrderCandidate.SIZE] = clip(size * inst.share[i] * 4.0, 4.0)
    out[OrderCandidate.COPY] = clip(demand * rate, 8.0)
    out[OrderCandidate.PRIORITY] = inst.priority[i, k] * inst.best[i]
    out[OrderCandidate.BEGIN] = begin / inst.slots[i]
    out[OrderCandidate.LIFE] = clip((end - begin) / 16.0, 4.0)
    out[OrderCandidate.INPUT] = 1.0 if inst.define[i, k] < 0 else 0.0
    out[OrderCandidate.OUTPUT] = 1.0 if inst.output[i, k] == 1 else 0.0
    out[OrderCandidate.SHARED] = 1.0 if inst.members[i, k] > 1 else 0.0
    least = inst.capacity[i]
    spare = 0
    for t in range(begin, end):
        least = min(least, inst.capacity[i] - s.due[b, t])
        spare = max(spare, s.spare[b, t])
    out[OrderCandidate.ROOM] = clip((least - size) * inst.share[i], 1.0)
    out[OrderCandidate.SPARE] = clip(spare / max(demand, 1), 4.0)


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state; s.due is filled with the bytes in use in each slot."""
    i = s.row[b]
    slots = inst.slots[i]
    for t in range(slots + 1):
        s.due[b, t] = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        for t in range(stay[Stay.BEGIN], stay[Stay.END]):
            s.due[b, t] += stay[Stay.TOP] - stay[Stay.OFFSET]
    used = 0.0
    for t in range(slots):
        used += min(s.due[b, t] * inst.share[i], 2.0)  # with a limit between, no compiler fuses product and sum
    out[OrderContext.LEFT] = s.undecided[b] / inst.buffers[i]
    out[OrderContext.LATENCY] = s.latency[b] * inst.gain[i]
    out[OrderContext.ABOVE_BOUND] = (s.latency[b] - inst.bound[i]) * inst.gain[i]
    out[OrderContext.USED] = used / slots
    out[OrderContext.PRESSURE] = inst.pressure[i]
    out[OrderContext.REPACKS] = clip(s.repacks[b] / 4.0, 4.0)
