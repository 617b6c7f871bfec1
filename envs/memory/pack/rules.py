"""The rules of packing, once: buffers are put one after the other onto the skyline.

A choice is a buffer that is not placed yet. It goes to its *floor*, the lowest offset above the skyline of all its sections.
Every packing whose buffers cannot be lowered is reached by placing them in the order of their offsets, so an optimal one is.
Not so where buffers need some of their addresses in a gap: then one may be above another at one time and below it at another,
and no order of placement makes that.

Choices that lead to no better packing are left out:

*  one whose floor is not below the top of another one, both at their floors: that one would fit below it, so it can come
   first (dominance; Moffitt, MiniMalloc, ASPLOS 2023);
*  of the others, those that no chain of choices which live at the same time links to the one with the lowest top: every
   buffer that could take its place is in the chain, so the rest can wait;
*  with a capacity that must be kept, one after which the skyline and what must still go above it exceed the capacity in some
   section. An episode ends when nothing else is left.
"""

from __future__ import annotations

from dispatchgym.envs.core.bits import lowest_bit
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.memory.pack.layout import BLOCK, CAPACITY, UNLIMITED, WORD, Instances, Move, Part, State


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    for c in range(inst.sections[i]):
        s.top[b, c] = 0
        s.load[b, c] = inst.load[i, c]
        s.sky[b, c] = 0
    buffers = inst.buffers[i]
    for j in range(s.floor.shape[1]):
        s.offset[b, j] = -1
        s.floor[b, j] = 0 if j < buffers else UNLIMITED
        # The move onto the empty skyline. It is wrong for a buffer with gaps, so that one is marked as changed.
        tall = inst.load[i, inst.busiest[i, j]]
        s.move[b, j, Move.HEAVIEST] = tall
        s.move[b, j, Move.REACH] = tall
        s.move[b, j, Move.BURIED] = 0
        s.changed[b, j] = 1 - inst.plain[i]
    s.left[b] = buffers
    s.bound[b] = inst.bound[i]
    s.height[b] = 0
    s.filled[b] = 0.0
    raise_floors(inst, s, b, i, 0, 0, 0)
    list_choices(inst, s, b, i)
    if s.choices[b] == 0:
        s.bound[b] = max(s.bound[b], s.stuck[b])


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.choices[b] == 0


def objective(inst: Instances, s: State, b: int) -> int:
    """The height; of a dead end the height that what is placed leads to at least, which is above the capacity."""
    return s.bound[b]


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    for n in range(s.choices[b]):
        choices[n] = s.near[b, n]
    return s.choices[b]


def step(inst: Instances, s: State, b: int, action: int) -> float:
    i = s.row[b]
    offset = s.floor[b, action]
    s.offset[b, action] = offset
    s.floor[b, action] = UNLIMITED
    first = inst.first[i, action]
    bound = s.bound[b]
    tops = s.top[b]
    loads = s.load[b]
    sky = s.sky[b]
    reached = inst.reached[i]
    for p in range(first, first + inst.count[i, action]):
        part = inst.part[i, p]
        top = offset + part[Part.HIGH]
        need = part[Part.HIGH] - part[Part.LOW]
        coarse = top >> inst.shift[i]
        s.height[b] = max(s.height[b], top)
        begins = part[Part.BEGINS]
        ends = part[Part.ENDS]
        for c in range(begins, ends):
            load = loads[c] - need
            loads[c] = load
            tops[c] = top
            sky[c] = coarse * (reached[c + 1] - reached[c])
            bound = max(bound, top + load)
        if inst.plain[i] == 0:
            raise_floors_of_parts(inst, s, b, i, part, top)
    if inst.plain[i] == 1:
        raise_floors(inst, s, b, i, inst.left[i, action], inst.right[i, action], offset + inst.size[i, action])
    else:
        raise_floors(inst, s, b, i, 0, 0, 0)
    s.filled[b] += inst.area[i, action]
    left = s.left[b] - 1
    s.left[b] = left
    list_choices(inst, s, b, i)
    if left > 0 and s.choices[b] == 0:
        bound = max(bound, s.stuck[b])
    gain = (s.bound[b] - bound) * inst.share[i]
    s.bound[b] = bound
    if inst.goal == CAPACITY:
        gain = 1.0 if left == 0 else 0.0
    return gain


def raise_floors(inst: Instances, s: State, b: int, i: int, begins: int, ends: int, top: int) -> None:
    """Raise the floors of buffers that live in the sections [begins, ends) to `top`; find the lowest floor and the lowest top."""
    floor = s.floor[b]
    changed = s.changed[b]
    left = inst.left[i]
    right = inst.right[i]
    size = inst.size[i]
    lowest = UNLIMITED
    base = UNLIMITED
    for j in range(floor.shape[0]):
        meets = (left[j] < ends) & (begins < right[j])
        offset = max(floor[j], top if meets else 0)
        floor[j] = offset
        changed[j] |= meets
        base = min(base, offset)
        lowest = min(lowest, offset + size[j])
    s.base[b] = base
    s.lowest[b] = lowest


def raise_floors_of_parts(inst: Instances, s: State, b: int, i: int, below: Array, top: int) -> None:
    """Raise floors where buffers have gaps or alignments."""
    for q in range(inst.parts[i]):
        above = inst.part[i, q]
        if above[Part.BEGINS] < below[Part.ENDS] and below[Part.BEGINS] < above[Part.ENDS]:
            j = inst.owner[i, q]
            alignment = inst.alignment[i, j]
            offset = (top - above[Part.LOW] + alignment - 1) // alignment * alignment
            if s.floor[b, j] < UNLIMITED:
                s.floor[b, j] = max(s.floor[b, j], offset)
                s.changed[b, j] = 1


def list_choices(inst: Instances, s: State, b: int, i: int) -> None:
    """List the choices in s.near.

    Every loop picks with an addition in place of a branch: which buffers stay is as good as random, and a mispredicted branch
    costs more than a few of them.
    """
    floor = s.floor[b]
    changed = s.changed[b]
    size = inst.size[i]
    left = inst.left[i]
    right = inst.right[i]
    near = s.near[b]
    lowest = s.lowest[b]
    chief = 0
    count = 0
    for first in range(0, floor.shape[0], WORD):
        word = 0
        for t in range(min(WORD, floor.shape[0] - first)):
            word |= (floor[first + t] < lowest) << t
        while word > 0:
            j = first + lowest_bit(word)
            chief = j if floor[j] + size[j] == lowest else chief
            near[count] = j
            count += 1
            word &= word - 1
    # The time of the buffers that a chain links to `chief`.
    low = left[chief]
    high = right[chief]
    grown = True
    while grown:
        begins = low
        ends = high
        for n in range(count):
            a = left[near[n]]
            z = right[near[n]]
            meets = (a < high) & (low < z)
            low = min(low, a if meets else low)
            high = max(high, z if meets else high)
        grown = low < begins or ends < high
    stale = s.stale[b]
    stales = 0
    linked = 0
    for n in range(count):
        j = near[n]
        meets = (left[j] < high) & (low < right[j])
        near[linked] = j
        linked += meets
        stale[stales] = j
        stales += meets & changed[j]
    for n in range(stales):
        measure_move(inst, s, b, i, stale[n])
    limit = inst.capacity[i]
    least = UNLIMITED
    choices = 0
    for n in range(linked):
        j = near[n]
        reach = s.move[b, j, Move.REACH]
        near[choices] = j
        choices += reach <= limit
        least = min(least, reach)
    s.stuck[b] = least
    s.choices[b] = choices


def measure_move(inst: Instances, s: State, b: int, i: int, j: int) -> None:
    """Fill the row of s.move for buffer j."""
    s.changed[b, j] = 0
    move = s.move[b, j]
    move[Move.HEAVIEST] = 0
    move[Move.REACH] = 0
    move[Move.BURIED] = 0
    if inst.plain[i] == 1:
        measure_part(inst, s, b, i, j, inst.left[i, j], inst.right[i, j], 0)
    else:
        first = inst.first[i, j]
        for p in range(first, first + inst.count[i, j]):
            part = inst.part[i, p]
            measure_part(inst, s, b, i, j, part[Part.BEGINS], part[Part.ENDS], part[Part.LOW])


def measure_part(inst: Instances, s: State, b: int, i: int, j: int, begins: int, ends: int, low: int) -> None:
    """`measure_move` in the sections [begins, ends), where the buffer needs addresses from `low` on."""
    reached = inst.reached[i]
    tops = s.top[b]
    loads = s.load[b]
    sky = s.sky[b]
    base = s.floor[b, j] + low
    below = 0
    tall = 0
    heaviest = 0
    # Whole blocks, though most buffers need a part of one: the end of a loop of any length is a mispredicted branch.
    for c in range(begins, begins + ((ends - begins + BLOCK - 1) & -BLOCK)):
        load = loads[c]
        level = load + tops[c]
        area = sky[c]
        inside = c < ends
        tall = max(tall, load if inside else 0)
        heaviest = max(heaviest, level if inside else 0)
        below += area if inside else 0
    move = s.move[b, j]
    move[Move.HEAVIEST] = max(move[Move.HEAVIEST], heaviest)
    move[Move.REACH] = max(move[Move.REACH], base + tall)
    move[Move.BURIED] += (base >> inst.shift[i]) * (reached[ends] - reached[begins]) - below
