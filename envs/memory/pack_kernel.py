"""The rules of packing, once: buffers are put one after the other onto the skyline.

Functions of the contract in `envs/core/contract.py`. Time is cut into sections, between which no buffer begins or ends. The
skyline is the top of what is placed in each section. A choice is a buffer that is not placed yet; it goes to its *floor*, the
lowest offset above the skyline of all its sections. Every packing whose buffers cannot be lowered is reached by placing them in
the order of their offsets, so an optimal one is. Not so where buffers need some of their addresses in a gap: then one may be
above another at one time and below it at another one, and no order of placement makes that.

Choices that lead to no better packing are left out:

*  one whose floor is not below the top of another one, both at their floors: that one would fit below it, so it can come
   first (dominance; Moffitt, MiniMalloc, ASPLOS 2023);
*  of the others, those that no chain of choices which live at the same time links to the one with the lowest top: whatever
   keeps that one from its floor is in the chain, so the rest can wait;
*  with a capacity that must be kept, one after which the skyline and what must still go above it exceed the capacity in some
   section. An episode ends when nothing else is left.
"""

# inst.part (N, P, 4): the sections [BEGINS, ENDS) in which a buffer needs [LOW, HIGH) of its addresses.
BEGINS, ENDS, LOW, HIGH = range(4)

UNLIMITED = 2**62  # above every offset: the floor of a buffer that is placed
STALE = -1  # as s.reach: what the move does must be surveyed again


def reset(inst, s, b):
    i = s.row[b]
    for c in range(inst.sections[i]):
        s.top[b, c] = 0
        s.load[b, c] = inst.load[i, c]
        s.sky[b, c] = 0
    buffers = inst.buffers[i]
    for j in range(s.floor.shape[1]):
        s.offset[b, j] = -1
        s.floor[b, j] = 0 if j < buffers else UNLIMITED
        s.reach[b, j] = STALE
        s.offered[b, j] = 0
    s.left[b] = buffers
    s.bound[b] = inst.bound[i]
    s.height[b] = 0
    s.filled[b] = 0.0
    offer(inst, s, b)


def finished(inst, s, b):
    return s.choices[b] == 0


def objective(inst, s, b):
    """The height; of a dead end the height that what is placed leads to at least, which is above the capacity."""
    return s.bound[b]


def legal(inst, s, b, mask):
    for j in range(mask.shape[0]):
        mask[j] = s.offered[b, j]
    return s.choices[b]


def step(inst, s, b, action):
    i = s.row[b]
    offset = s.floor[b, action]
    s.offset[b, action] = offset
    first = inst.first[i, action]
    bound = s.bound[b]
    tops = s.top[b]
    loads = s.load[b]
    sky = s.sky[b]
    reached = inst.reached[i]
    for p in range(first, first + inst.count[i, action]):
        part = inst.part[i, p]
        top = offset + part[HIGH]
        need = part[HIGH] - part[LOW]
        coarse = top >> inst.shift[i]
        s.height[b] = max(s.height[b], top)
        begins = part[BEGINS]
        ends = part[ENDS]
        for c in range(begins, ends):
            load = loads[c] - need
            loads[c] = load
            tops[c] = top
            sky[c] = coarse * (reached[c + 1] - reached[c])
            bound = max(bound, top + load)
        if inst.plain[i] == 1:
            lift(inst, s, b, i, begins, ends, top)
        else:
            lift_parts(inst, s, b, i, part, top)
    s.floor[b, action] = UNLIMITED
    s.filled[b] += inst.area[i, action]
    left = s.left[b] - 1
    s.left[b] = left
    offer(inst, s, b)
    if left > 0 and s.choices[b] == 0:
        bound = max(bound, s.stuck[b])
    gain = (s.bound[b] - bound) * inst.share[i]
    s.bound[b] = bound
    if inst.goal == 1:
        gain = 1.0 if left == 0 else 0.0
    return gain


def lift(inst, s, b, i, begins, ends, top):
    """Raise the floors of buffers that live in the sections [begins, ends) to `top`."""
    floor = s.floor[b]
    reach = s.reach[b]
    left = inst.left[i]
    right = inst.right[i]
    for j in range(floor.shape[0]):
        meets = (left[j] < ends) & (begins < right[j])
        floor[j] = max(floor[j], top if meets else 0)
        reach[j] = STALE if meets else reach[j]


def lift_parts(inst, s, b, i, below, top):
    """`lift` where buffers have gaps or alignments."""
    for q in range(inst.parts[i]):
        above = inst.part[i, q]
        if above[BEGINS] < below[ENDS] and below[BEGINS] < above[ENDS]:
            j = inst.owner[i, q]
            alignment = inst.alignment[i, j]
            offset = (top - above[LOW] + alignment - 1) // alignment * alignment
            if s.floor[b, j] < UNLIMITED:
                s.floor[b, j] = max(s.floor[b, j], offset)
                s.reach[b, j] = STALE


def offer(inst, s, b):
    """Find the choices."""
    i = s.row[b]
    floor = s.floor[b]
    size = inst.size[i]
    offered = s.offered[b]
    near = s.near[b]
    lowest = UNLIMITED
    base = UNLIMITED
    for j in range(floor.shape[0]):
        base = min(base, floor[j])
        lowest = min(lowest, floor[j] + size[j])
    s.lowest[b] = lowest
    s.base[b] = base
    for j in range(offered.shape[0]):
        offered[j] = 0
    count = 0
    for j in range(floor.shape[0]):
        near[count] = j
        count += 1 if floor[j] < lowest else 0
    chief = 0
    for n in range(count):
        chief = near[n] if floor[near[n]] + size[near[n]] == lowest else chief
    count = gather(inst, s, b, i, count, chief)
    limit = inst.capacity[i]
    least = UNLIMITED
    choices = 0
    for n in range(count):
        j = near[n]
        if s.reach[b, j] == STALE:
            survey_move(inst, s, b, i, j)
        reach = s.reach[b, j]
        least = min(least, reach)
        if reach <= limit:
            offered[j] = 1
            choices += 1
    s.stuck[b] = least
    s.choices[b] = choices


def gather(inst, s, b, i, count, chief):
    """Move to the front of s.near those that are linked to `chief` by shared time among them; returns their number."""
    near = s.near[b]
    low = inst.left[i, chief]
    high = inst.right[i, chief]
    linked = 0
    grown = True
    while grown:
        grown = False
        for n in range(linked, count):
            j = near[n]
            left = inst.left[i, j]
            right = inst.right[i, j]
            if left < high and low < right:
                near[n] = near[linked]
                near[linked] = j
                linked += 1
                grown = True
                low = min(low, left)
                high = max(high, right)
    return linked


def survey_move(inst, s, b, i, j):
    """What moving buffer j to its floor does to its sections: their least height, the space it buries, how tight they are."""
    reached = inst.reached[i]
    tops = s.top[b]
    loads = s.load[b]
    sky = s.sky[b]
    floor = s.floor[b, j]
    reach = 0
    buried = 0
    heaviest = 0
    first = inst.first[i, j]
    for p in range(first, first + inst.count[i, j]):
        part = inst.part[i, p]
        begins = part[BEGINS]
        ends = part[ENDS]
        base = floor + part[LOW]
        below = 0
        tall = 0
        for c in range(begins, ends):
            below += sky[c]
            tall = max(tall, loads[c])
            heaviest = max(heaviest, tops[c] + loads[c])
        buried += (base >> inst.shift[i]) * (reached[ends] - reached[begins]) - below
        reach = max(reach, base + tall)
    s.reach[b, j] = reach
    s.buried[b, j] = buried
    s.heaviest[b, j] = heaviest
