"""What the agent sees of memory mapping: features of choices and of the state, and the graph of buffers and instructions."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.memory.map.layout import (
    BRING,
    CHOICES,
    DROP,
    IMPOSSIBLE,
    STAY,
    Access,
    Candidate,
    Context,
    Instances,
    Option,
    State,
    Stay,
)


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    return inst.access[s.row[b], s.cursor[b], Access.BUFFER]


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The level of memory that choice k serves from; levels come after the instructions."""
    return inst.slots[s.row[b]] + (1 if k == DROP else 0)


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    """A reference schedule has a row of all choices for each access."""
    return CHOICES * s.cursor[b] + k


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    return s.option[b, k, Option.BEGIN]


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of serving the access by choice k; ticks are in mean times of an instruction, bytes in shares of the capacity."""
    i = s.row[b]
    a = s.cursor[b]
    access = inst.access[i, a]
    j = access[Access.BUFFER]
    slot = access[Access.SLOT]
    option = s.option[b, k]
    rate = inst.rate[i]
    size = inst.size[i, j]
    demand = inst.demand[i, j]
    follows = access[Access.FOLLOWS]
    fast = k != DROP
    gain = s.latency[b] - option[Option.LATENCY]
    begin = option[Option.BEGIN] if k >= BRING else slot
    window = slot - begin
    away = inst.access[i, follows, Access.SLOT] - slot if follows >= 0 else 0
    wait = inst.reached[i, slot + away] - inst.reached[i, slot] if follows >= 0 else 0
    later = inst.later[i, a]
    soon = inst.worth[i, follows] if follows >= 0 else 0
    out[Candidate.GAIN] = clip(gain * rate, 8.0)
    out[Candidate.GAIN_MAGNIFIED] = clip(gain * rate * 16.0, 4.0)
    out[Candidate.GAIN_PER_COPY] = clip(gain / max(demand, 1), 4.0)
    out[Candidate.FAST] = 1.0 if fast else 0.0
    out[Candidate.STAYS] = 1.0 if k == STAY else 0.0
    out[Candidate.BORN] = 1.0 if k >= BRING and access[Access.WRITES] == 1 else 0.0
    out[Candidate.FETCHED] = 1.0 if k >= BRING and access[Access.WRITES] == 0 else 0.0
    out[Candidate.START] = 0.5 * ((k - BRING) // 3) if k >= BRING else 0.0
    out[Candidate.UNWANTED_GAP] = 1.0 if k >= BRING and (k - BRING) % 3 == 0 else 0.0
    out[Candidate.SMALLEST_GAP] = 1.0 if k >= BRING and (k - BRING) % 3 == 1 else 0.0
    out[Candidate.LOST] = clip(option[Option.LOST] * rate, 8.0) if fast else 0.0
    out[Candidate.LOST_MAGNIFIED] = clip(option[Option.LOST] * rate * 8.0, 4.0) if fast else 0.0
    out[Candidate.WINDOW] = clip(window / 8.0, 4.0)
    out[Candidate.SIZE] = clip(size * inst.share[i] * 4.0, 4.0)
    out[Candidate.COPY] = clip(demand * rate, 8.0)
    out[Candidate.WORTH] = clip(inst.worth[i, a] * rate, 8.0)
    out[Candidate.NEXT_WORTH] = clip(soon * rate, 8.0)
    out[Candidate.LATER_WORTH] = clip(later * rate, 8.0)
    out[Candidate.LATER_WORTH_PER_COPY] = clip(later / max(demand, 1), 8.0)
    out[Candidate.NEXT_SLOTS] = clip(away / 16.0, 4.0)
    out[Candidate.NEXT_TIME] = clip(wait * rate / 8.0, 4.0)
    out[Candidate.WRITES_BACK] = 1.0 if option[Option.WRITES_BY] >= 0 else 0.0
    out[Candidate.CANNOT_WRITE_BACK] = 1.0 if option[Option.WRITES_BY] == IMPOSSIBLE else 0.0
    out[Candidate.OUTPUT] = 1.0 if inst.output[i, j] == 1 else 0.0
    out[Candidate.INPUT] = 1.0 if inst.define[i, j] < 0 else 0.0
    out[Candidate.SHARED] = 1.0 if inst.members[i, inst.storage[i, j]] > 1 else 0.0
    out[Candidate.WANTED] = clip(s.wanted_bytes[b] * inst.share[i], 2.0)
    # The limit stands between product and difference, so no compiler fuses them and rounds once.
    wanted = min((s.wanted_bytes[b] + size) * inst.share[i], 3.0)
    out[Candidate.WANTED_EXCESS] = clip(wanted - 1.0, 2.0) if k >= BRING else 0.0
    out[Candidate.WAITING_WORTH] = clip(later * rate / max(wait * rate, 0.1) * 0.25, 4.0)
    out[Candidate.OFFSET] = clip(option[Option.OFFSET] * inst.share[i], 1.0) if fast else 0.0


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is, what is saved, how full and how busy the next instructions are."""
    i = s.row[b]
    a = min(s.cursor[b], inst.accesses[i] - 1)
    slot = inst.access[i, a, Access.SLOT]
    rate = inst.rate[i]
    busy = s.sigma[b, slot] + s.phi[b, slot]
    out[Context.PROGRESS] = slot / inst.slots[i]
    out[Context.LATENCY] = s.latency[b] * inst.gain[i]
    out[Context.ABOVE_BOUND] = (s.latency[b] - inst.bound[i]) * inst.gain[i]
    out[Context.COMPUTE] = clip(inst.compute[i, slot] * rate, 8.0)
    out[Context.SLOW_TRAFFIC] = clip(s.sigma[b, slot] * rate, 8.0)
    out[Context.MEMORY_EXCESS] = clip((busy - inst.compute[i, slot]) * rate, 8.0)
    out[Context.SPARE] = clip(s.spare[b, max(slot - 1, 0)] * rate, 8.0)
    out[Context.WRITES] = inst.access[i, a, Access.WRITES] * 1.0
    # Every choice is compared with these bytes, so they are computed once, here.
    wanted = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[Stay.WANTED_UNTIL] > slot and stay[Stay.OF] >= 0:
            wanted += stay[Stay.TOP] - stay[Stay.OFFSET]
    s.wanted_bytes[b] = wanted
    out[Context.WANTED] = clip(wanted * inst.share[i], 2.0)
    out[Context.PRESSURE] = inst.pressure[i]
    out[Context.BACKUPS] = clip(s.backups[b] / 4.0, 4.0)
