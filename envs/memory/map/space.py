"""Where there is room in fast memory: the stays of one copy, and the gaps between them."""

BEST, LOWEST = range(2)
NEVER = 2**62  # above every slot, tick and offset


def add_stay(inst, s, b, j, begin, end, offset, serves):
    """A new stay of buffer j; returns its number."""
    n = s.stays[b]
    stay = s.stay[b, n]
    stay[OF] = j
    stay[BEGIN] = begin
    stay[END] = end
    stay[OFFSET] = offset
    stay[SERVES] = serves
    stay[WRITTEN] = -1
    stay[TOP] = offset + inst.size[s.row[b], j]
    stay[HOPE] = end
    s.stays[b] = n + 1
    return n


def remove_stay(s, b, n):
    """Its number is not used again."""
    stay = s.stay[b, n]
    stay[OF] = REMOVED
    stay[BEGIN] = 0
    stay[END] = 0
    stay[HOPE] = 0
    stay[WRITTEN] = -1


def is_free(inst, s, b, storage, begin, end, offset, top):
    """Whether no other storage has any of [offset, top) in any of the slots [begin, end)."""
    i = s.row[b]
    free = True
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[BEGIN] < end and begin < stay[END] and stay[OFFSET] < top and offset < stay[TOP]:
            free = free and stay[OF] >= 0 and inst.storage[i, stay[OF]] == storage
    return free


def free_until(inst, s, b, storage, begin, end, offset, top):
    """The last slot up to `end` until which `is_free` holds from `begin` on, or `begin`."""
    i = s.row[b]
    limit = end
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        if stay[BEGIN] < limit and begin < stay[END] and stay[OFFSET] < top and offset < stay[TOP]:
            if stay[OF] < 0 or inst.storage[i, stay[OF]] != storage:
                limit = max(stay[BEGIN], begin)
    return limit


def taken(inst, s, b, storage, begin, end, hoped):
    """Sort the address ranges of other storages in the slots [begin, end) into s.range by their lower ends; their number.

    `hoped` 1: stays last as long as they would like to. Stays at NEVER are nowhere.
    """
    i = s.row[b]
    found = s.range[b]
    count = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        until = stay[HOPE] if hoped == 1 else stay[END]
        if stay[BEGIN] < end and begin < until and (stay[OF] < 0 or inst.storage[i, stay[OF]] != storage):
            low = stay[OFFSET]
            if low == NEVER:
                continue
            x = count
            while x > 0 and found[x - 1, 0] > low:
                found[x, 0] = found[x - 1, 0]
                found[x, 1] = found[x - 1, 1]
                x -= 1
            found[x, 0] = low
            found[x, 1] = stay[TOP]
            count += 1
    return count


def find_gap(inst, s, b, count, size, how):
    """Offset of the smallest (BEST) or the LOWEST gap between the first `count` ranges that holds `size` bytes, -1 = none."""
    i = s.row[b]
    alignment = inst.alignment[i]
    found = s.range[b]
    cursor = 0
    best = -1
    least = inst.capacity[i] + 1
    for x in range(count + 1):
        low = found[x, 0] if x < count else inst.capacity[i]
        offset = (cursor + alignment - 1) // alignment * alignment
        room = low - offset
        if room >= size and room < least:
            if how == LOWEST:
                return offset
            best = offset
            least = room
        if x < count:
            cursor = max(cursor, found[x, 1])
    return best


def begin_plan(inst, s, b):
    """Everything in slow memory, but for what is pinned to fast memory."""
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
        j = block[OF]
        for c in range(8):
            s.stay[b, n, c] = block[c]
        s.stays[b] += 1
        a = inst.entry[i, j] if j >= 0 else -1
        while a >= 0:
            make_fast(inst, s, b, a)
            a = inst.access[i, a, FOLLOWS]
    list_copies(inst, s, b)


def slow_down(inst, s, b, j):
    """All accesses of buffer j from slow memory."""
    i = s.row[b]
    a = inst.entry[i, j]
    while a >= 0:
        if s.fast[b, a] == 1:
            make_slow(inst, s, b, a)
        a = inst.access[i, a, FOLLOWS]
