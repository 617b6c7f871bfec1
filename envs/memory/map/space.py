"""Where there is room in fast memory: the stays of one copy, and the gaps between them."""

from __future__ import annotations

from dispatchgym.envs.memory.map.layout import LOWEST, NEVER, REMOVED, Access, Instances, Range, State, Stay
from dispatchgym.envs.memory.map.simulator import list_copies, make_fast, make_slow


def add_stay(inst: Instances, s: State, b: int, j: int, begin: int, end: int, offset: int, serves: int) -> int:
    """A new stay of buffer j; returns its number."""
    n = s.stays[b]
    stay = s.stay[b, n]
    stay[Stay.OF] = j
    stay[Stay.BEGIN] = begin
    stay[Stay.END] = end
    stay[Stay.OFFSET] = offset
    stay[Stay.SERVES] = serves
    stay[Stay.WRITTEN] = -1
    stay[Stay.TOP] = offset + inst.size[s.row[b], j]
    stay[Stay.WANTED_UNTIL] = end
    s.stays[b] = n + 1
    return n


def remove_stay(s: State, b: int, n: int) -> None:
    """Take back stay n. Its number is not used again."""
    stay = s.stay[b, n]
    stay[Stay.OF] = REMOVED
    stay[Stay.BEGIN] = 0
    stay[Stay.END] = 0
    stay[Stay.WANTED_UNTIL] = 0
    stay[Stay.WRITTEN] = -1


def is_free(inst: Instances, s: State, b: int, storage: int, begin: int, end: int, offset: int, top: int) -> bool:
    """Whether no other storage has any of [offset, top) in any of the slots [begin, end)."""
    i = s.row[b]
    free = True
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[Stay.BEGIN] < end and begin < stay[Stay.END] and stay[Stay.OFFSET] < top and offset < stay[Stay.TOP]:
            free = free and stay[Stay.OF] >= 0 and inst.storage[i, stay[Stay.OF]] == storage
    return free


def free_until(inst: Instances, s: State, b: int, storage: int, begin: int, end: int, offset: int, top: int) -> int:
    """The last slot up to `end` until which `is_free` holds from `begin` on, or `begin`."""
    i = s.row[b]
    limit = end
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[Stay.BEGIN] < limit and begin < stay[Stay.END] and stay[Stay.OFFSET] < top and offset < stay[Stay.TOP]:
            if stay[Stay.OF] < 0 or inst.storage[i, stay[Stay.OF]] != storage:
                limit = max(stay[Stay.BEGIN], begin)
    return limit


def taken(inst: Instances, s: State, b: int, storage: int, begin: int, end: int, wanted: int) -> int:
    """Sort the address ranges of other storages in the slots [begin, end) into s.range by their lower ends; returns their number.

    With `wanted` 1 a stay lasts up to Stay.WANTED_UNTIL. A stay at offset NEVER has no addresses.
    """
    i = s.row[b]
    found = s.range[b]
    count = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        until = stay[Stay.WANTED_UNTIL] if wanted == 1 else stay[Stay.END]
        if stay[Stay.BEGIN] < end and begin < until and (stay[Stay.OF] < 0 or inst.storage[i, stay[Stay.OF]] != storage):
            low = stay[Stay.OFFSET]
            if low == NEVER:
                continue
            x = count
            while x > 0 and found[x - 1, Range.LOW] > low:
                found[x, Range.LOW] = found[x - 1, Range.LOW]
                found[x, Range.HIGH] = found[x - 1, Range.HIGH]
                x -= 1
            found[x, Range.LOW] = low
            found[x, Range.HIGH] = stay[Stay.TOP]
            count += 1
    return count


def find_gap(inst: Instances, s: State, b: int, count: int, size: int, how: int) -> int:
    """Offset of the smallest (BEST) or the LOWEST gap between the first `count` ranges that holds `size` bytes, -1 = none."""
    i = s.row[b]
    alignment = inst.alignment[i]
    found = s.range[b]
    cursor = 0
    best = -1
    least = inst.capacity[i] + 1
    for x in range(count + 1):
        low = found[x, Range.LOW] if x < count else inst.capacity[i]
        offset = (cursor + alignment - 1) // alignment * alignment
        room = low - offset
        if room >= size and room < least:
            if how == LOWEST:
                return offset
            best = offset
            least = room
        if x < count:
            cursor = max(cursor, found[x, Range.HIGH])
    return best


def begin_plan(inst: Instances, s: State, b: int) -> None:
    """Everything is in slow memory, except what is pinned to fast memory."""
    i = s.row[b]
    for t in range(inst.slots[i]):
        s.sigma[b, t] = inst.sigma[i, t]
        s.phi[b, t] = 0
    for a in range(inst.accesses[i]):
        s.fast[b, a] = 0
    s.stays[b] = 0
    s.repacks[b] = 0
    for n in range(inst.fixed[i]):
        block = inst.block[i, n]
        j = block[Stay.OF]
        for c in range(s.stay.shape[2]):
            s.stay[b, n, c] = block[c]
        s.stays[b] += 1
        a = inst.entry[i, j] if j >= 0 else -1
        while a >= 0:
            make_fast(inst, s, b, a)
            a = inst.access[i, a, Access.FOLLOWS]
    list_copies(inst, s, b)


def slow_down(inst: Instances, s: State, b: int, j: int) -> None:
    """Serve all accesses of buffer j from slow memory."""
    i = s.row[b]
    a = inst.entry[i, j]
    while a >= 0:
        if s.fast[b, a] == 1:
            make_slow(inst, s, b, a)
        a = inst.access[i, a, Access.FOLLOWS]
