"""Buffers into fast memory one by one, in the manner of XLA's memory space assignment (`algorithm.cc`; reimplemented).

A buffer is served use by use in the order of time: it stays where it is; or it is evicted, if it is in fast memory alone,
and fetched again; or the use is served from slow memory. A fetch is tried at starts around the preferred one, each with the
ledger of copies (`in_time`) and best fit for as many uses as possible. Where no room is found, all stays get new offsets once,
long ones first, and the buffer is tried again.
"""

from __future__ import annotations

from dispatchgym.envs.memory.map.layout import BEST, FREE, NEVER, Access, Instances, State, Stay
from dispatchgym.envs.memory.map.simulator import in_time, latency_now, list_copies, make_fast, note_copy
from dispatchgym.envs.memory.map.space import add_stay, find_gap, free_until, is_free, slow_down, taken

TRIES = 100  # starts on each side of the preferred one
REPACKS = 10  # a program
# shares of a copy's time that the instructions it overlaps should, must and may take
PREFERRED, LEAST, MOST = 1.5, 0.8, 10.0


def serve_storage(inst: Instances, s: State, b: int, j: int) -> None:
    """Allocate storage j, and take it back if the program is slower with it: XLA's ledger of copies is too optimistic to tell."""
    before = s.latency[b]
    stays = s.stays[b]
    allocate(inst, s, b, j)
    for _ in range(2):
        s.latency[b] = latency_now(inst, s, b)
        if s.latency[b] > before:
            undo(inst, s, b, j, stays)


def allocate(inst: Instances, s: State, b: int, j: int) -> None:
    """Give the storage whose first buffer is j as much fast memory as the heuristic finds."""
    i = s.row[b]
    if inst.pin[i, j] != FREE or inst.size[i, j] > inst.capacity[i]:
        return
    before = s.stays[b]
    repacks = s.repacks[b]
    whole = inst.members[i, j] > 1
    again = True
    while again:
        done = allocate_storage(inst, s, b, j) if whole else allocate_buffer(inst, s, b, j)
        again = not done and s.repacks[b] == repacks and repacks < REPACKS
        if again:
            s.repacks[b] += 1
            undo(inst, s, b, j, before)
            again = repack(inst, s, b) or not whole


def undo(inst: Instances, s: State, b: int, j: int, before: int) -> None:
    """Take back all stays from number `before` on: they are those of the storage of j."""
    i = s.row[b]
    s.stays[b] = before
    for k in range(inst.buffers[i]):
        if inst.storage[i, k] == j:
            slow_down(inst, s, b, k)
    list_copies(inst, s, b)


def allocate_buffer(inst: Instances, s: State, b: int, j: int) -> bool:
    """Serve the uses of buffer j; returns whether there was room for all of them."""
    i = s.row[b]
    before = s.stays[b]
    define = inst.define[i, j]
    a = inst.entry[i, j]
    valid = 0 if define < 0 else NEVER
    current = -1
    born = -1
    complete = True
    if define >= 0:
        current = place_stay(inst, s, b, j, a, define, define)
        born = current
        if current < 0:
            valid = define + 1
            complete = False
        a = inst.access[i, a, Access.FOLLOWS]
    while a >= 0:
        slot = inst.access[i, a, Access.SLOT]
        if current >= 0:
            stay = s.stay[b, current]
            near = inst.reached[i, slot] - inst.reached[i, stay[Stay.END]] <= MOST * inst.whole[i]
            if near and is_free(inst, s, b, j, stay[Stay.END], slot + 1, stay[Stay.OFFSET], stay[Stay.TOP]):
                stay[Stay.END] = slot + 1
                stay[Stay.WANTED_UNTIL] = slot + 1
                make_fast(inst, s, b, a)
                a = inst.access[i, a, Access.FOLLOWS]
                continue
            complete = False
            if valid == NEVER:
                valid = evict(inst, s, b, j, born, slot)
                if valid == NEVER:
                    undo(inst, s, b, j, before)
                    return False
            valid = max(valid, stay[Stay.END])
            current = -1
        current = fetch(inst, s, b, j, a, valid)
        complete = complete and current >= 0
        a = inst.access[i, a, Access.FOLLOWS]
    if born >= 0 and inst.output[i, j] == 1 and valid == NEVER and evict(inst, s, b, j, born, inst.slots[i]) == NEVER:
        undo(inst, s, b, j, before)
        return False
    return complete


def place_stay(inst: Instances, s: State, b: int, j: int, a: int, begin: int, serves: int) -> int:
    """A stay of buffer j from slot `begin` on that holds access a and room for as many later ones as possible, or -1."""
    i = s.row[b]
    slot = inst.access[i, a, Access.SLOT]
    last = a
    while inst.access[i, last, Access.FOLLOWS] >= 0:
        last = inst.access[i, last, Access.FOLLOWS]
    until = inst.access[i, last, Access.SLOT] + 1
    while True:
        count = taken(inst, s, b, inst.storage[i, j], begin, until, 0)
        offset = find_gap(inst, s, b, count, inst.size[i, j], BEST)
        if offset >= 0:
            n = add_stay(inst, s, b, j, begin, slot + 1, offset, serves)
            make_fast(inst, s, b, a)
            return n
        if until <= slot + 1:
            return -1
        # The use before the last one that was tried.
        earlier = a
        while inst.access[i, inst.access[i, earlier, Access.FOLLOWS], Access.SLOT] + 1 < until:
            earlier = inst.access[i, earlier, Access.FOLLOWS]
        until = inst.access[i, earlier, Access.SLOT] + 1


def fetch(inst: Instances, s: State, b: int, j: int, a: int, valid: int) -> int:
    """A stay of buffer j that is fetched for access a from a slow copy that is valid before slot `valid`, or -1."""
    i = s.row[b]
    slot = inst.access[i, a, Access.SLOT]
    demand = inst.demand[i, j]
    reached = inst.reached[i]
    if valid >= slot:
        return -1
    latest = slot - 1
    while latest > valid and reached[slot] - reached[latest] + inst.worth[i, a] < LEAST * demand:
        latest -= 1
    if reached[slot] - reached[latest] + inst.worth[i, a] < LEAST * demand:
        return -1
    first = latest
    while first > valid and reached[slot] - reached[first] < PREFERRED * demand:
        first -= 1
    earliest = first
    while earliest > valid and first - earliest < TRIES and reached[slot] - reached[earliest - 1] <= MOST * inst.whole[i]:
        earliest -= 1
    for away in range(max(latest - first, first - earliest) + 1):
        for side in range(2):
            start = first + away if side == 0 else first - away
            if start > latest or start < earliest or (away == 0 and side == 1):
                continue
            if in_time(inst, s, b, start, slot, demand):
                n = place_stay(inst, s, b, j, a, start, slot)
                if n >= 0:
                    note_copy(s, b, 2 * n, start, slot, demand)
                    return n
    return -1


def evict(inst: Instances, s: State, b: int, j: int, born: int, limit: int) -> int:
    """Write buffer j back from its born stay by slot `limit` at the latest; returns the slot when that is done, or NEVER."""
    i = s.row[b]
    stay = s.stay[b, born]
    begin = inst.define[i, j] + 1
    demand = inst.demand[i, j]
    least = max(begin + 1, stay[Stay.END])
    limit = min(limit, free_until(inst, s, b, inst.storage[i, j], stay[Stay.END], limit, stay[Stay.OFFSET], stay[Stay.TOP]))
    if limit < least:
        return NEVER
    end = least
    while end < limit and inst.reached[i, end] - inst.reached[i, begin] < PREFERRED * demand:
        end += 1
    while end < limit and not in_time(inst, s, b, begin, end, demand):
        end += 1
    if not in_time(inst, s, b, begin, end, demand):
        return NEVER
    stay[Stay.WRITTEN] = end
    stay[Stay.END] = max(stay[Stay.END], end)
    stay[Stay.WANTED_UNTIL] = stay[Stay.END]
    note_copy(s, b, 2 * born + 1, begin, end, demand)
    return end


def allocate_storage(inst: Instances, s: State, b: int, j: int) -> bool:
    """All buffers of a storage at one offset for all their lives, or none of them; returns whether there was room."""
    i = s.row[b]
    before = s.stays[b]
    begin = inst.slots[i]
    end = 0
    for k in range(inst.buffers[i]):
        if inst.storage[i, k] == j:
            if inst.entry[i, k] < 0:
                return False
            first = inst.define[i, k] if inst.define[i, k] >= 0 else inst.access[i, inst.entry[i, k], Access.SLOT] - 1
            begin = min(begin, first)
            end = max(end, inst.last[i, k])
    if begin < 0:
        return False
    count = taken(inst, s, b, j, begin, end, 0)
    offset = find_gap(inst, s, b, count, inst.size[i, j], BEST)
    if offset < 0:
        return False
    for k in range(inst.buffers[i]):
        if inst.storage[i, k] == j and not hold(inst, s, b, k, offset):
            undo(inst, s, b, j, before)
            return True  # more room would not help
    list_copies(inst, s, b)
    return True


def hold(inst: Instances, s: State, b: int, k: int, offset: int) -> bool:
    """One stay of buffer k over all its accesses at `offset`; returns whether its copies are in time."""
    i = s.row[b]
    a = inst.entry[i, k]
    slot = inst.access[i, a, Access.SLOT]
    born = inst.define[i, k] >= 0
    begin = inst.define[i, k] if born else slot - 1
    if not born:
        while begin > 0 and inst.reached[i, slot] - inst.reached[i, begin] < PREFERRED * inst.demand[i, k]:
            if not is_free(inst, s, b, inst.storage[i, k], begin - 1, begin, offset, offset + inst.size[i, k]):
                break
            begin -= 1
        if not in_time(inst, s, b, begin, slot, inst.demand[i, k]):
            return False
    n = add_stay(inst, s, b, k, begin, slot + 1, offset, slot)
    while a >= 0:
        make_fast(inst, s, b, a)
        s.stay[b, n, Stay.END] = inst.access[i, a, Access.SLOT] + 1
        a = inst.access[i, a, Access.FOLLOWS]
    s.stay[b, n, Stay.WANTED_UNTIL] = s.stay[b, n, Stay.END]
    list_copies(inst, s, b)
    return not (born and inst.output[i, k] == 1) or evict(inst, s, b, k, n, inst.slots[i]) != NEVER


def repack(inst: Instances, s: State, b: int) -> bool:
    """Give all stays that may move new offsets by best fit, the longest and then the largest first; returns whether all fit.

    If they do not, they keep the old ones.
    """
    i = s.row[b]
    count = 0
    movable = s.order[b]
    for n in range(s.stays[b]):
        j = s.stay[b, n, Stay.OF]
        if j >= 0 and inst.pin[i, j] == FREE and inst.members[i, inst.storage[i, j]] == 1:
            x = count
            while x > 0 and goes_before(s, b, n, movable[x - 1]):
                movable[x] = movable[x - 1]
                x -= 1
            movable[x] = n
            count += 1
    for x in range(count):
        stay = s.stay[b, movable[x]]
        s.moved[b, x] = stay[Stay.OFFSET]
        stay[Stay.OFFSET] = NEVER  # out of the way until it is placed
    for x in range(count):
        stay = s.stay[b, movable[x]]
        room = taken(inst, s, b, inst.storage[i, stay[Stay.OF]], stay[Stay.BEGIN], stay[Stay.END], 0)
        offset = find_gap(inst, s, b, room, inst.size[i, stay[Stay.OF]], BEST)
        if offset < 0:
            for y in range(count):
                old = s.stay[b, movable[y]]
                old[Stay.OFFSET] = s.moved[b, y]
                old[Stay.TOP] = old[Stay.OFFSET] + inst.size[i, old[Stay.OF]]
            return False
        stay[Stay.OFFSET] = offset
        stay[Stay.TOP] = offset + inst.size[i, stay[Stay.OF]]
    return True


def goes_before(s: State, b: int, n: int, m: int) -> bool:
    """Whether stay n is placed before stay m: it lasts longer, or as long and is larger."""
    one = s.stay[b, n]
    other = s.stay[b, m]
    longer = (one[Stay.END] - one[Stay.BEGIN]) - (other[Stay.END] - other[Stay.BEGIN])
    return longer > 0 or (longer == 0 and one[Stay.TOP] - one[Stay.OFFSET] > other[Stay.TOP] - other[Stay.OFFSET])
