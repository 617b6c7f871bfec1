"""A complete search for packings of buffers that at times need only a window of addresses above their lowest one.

Such buffers can lie below the window of another one, so placing each buffer above all earlier ones is not complete. In some
lowest packing every offset is 0 or the lowest above some other buffer, and this support relation has no cycle. So buffers are
placed in every order, each at 0 and at every offset that rests on an earlier buffer. Of two consecutive buffers of which the
second does not rest on the first, the one with the lower number is placed first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.memory.pack.greedy import Parts, block, choose, parts_of, sort_rows
from dispatchgym.baselines.memory.pack.sections import LongArray
from dispatchgym.instances.memory.instance import Packing

OPEN, SOLVED, EXHAUSTED = range(3)
DEPTH, NODES = range(2)


class WindowTree(NamedTuple):
    """A search that can be stopped and continued. All addresses are bytes."""

    parts: Parts
    top: LongArray  # (N,) highest address needed, above the offset
    offset: LongArray  # (N,) -1 = not placed
    buffer: LongArray  # (N,) placed at each depth
    tried: LongArray  # (N, 2) the last choice at each depth: buffer, row of what blocks it (-1 = offset 0)
    blocked: LongArray
    other: LongArray  # work space like `blocked`
    tally: LongArray  # depth, buffers placed so far


def new_window_tree(packing: Packing) -> WindowTree:
    n, parts = packing.buffers, parts_of(packing)
    top = np.zeros(n, np.int64)
    np.maximum.at(top, packing.parts[:, 0], packing.parts[:, 4])
    rows = len(packing.parts) * int(np.diff(parts.ptr).max(initial=1)) + 1
    blocked, other = np.zeros((rows, 2), np.int64), np.zeros((rows, 2), np.int64)
    tried, tally = np.tile(np.array([0, -2]), (n, 1)), np.zeros(2, np.int64)
    return WindowTree(parts, top, np.full(n, -1, np.int64), np.zeros(n, np.int64), tried, blocked, other, tally)


@inlined
def blocks(t, b, without, into):  # type: ignore[no-untyped-def]
    """Write the offsets of b that placed buffers other than `without` forbid; return the number of rows."""
    rows = 0
    for d in range(t.tally[DEPTH]):
        a = t.buffer[d]
        if a != without:
            rows = block(t.parts, a, b, t.offset[a], into, rows)
    return rows


@inlined
def aligned(address, alignment):  # type: ignore[no-untyped-def]
    return (address + alignment - 1) // alignment * alignment


@inlined
def allowed(t, b, r, rows, capacity):  # type: ignore[no-untyped-def]
    """The offset of b on row r (0 for row -1); -1 if it is forbidden, repeats an earlier row or breaks the order of numbers."""
    alignment = t.parts.alignment[b]
    o = np.int64(0) if r < 0 else aligned(t.blocked[r, 1], alignment)
    if o + t.top[b] > capacity:
        return np.int64(-1)
    for x in range(rows):
        if t.blocked[x, 0] < o < t.blocked[x, 1]:
            return np.int64(-1)
        if x < r and aligned(t.blocked[x, 1], alignment) == o:
            return np.int64(-1)
    d = t.tally[DEPTH]
    if d > 0 and b < t.buffer[d - 1]:
        if o == 0:
            return np.int64(-1)
        for x in range(blocks(t, b, t.buffer[d - 1], t.other)):
            if aligned(t.other[x, 1], alignment) == o:
                return np.int64(-1)
    return o


@inlined
def next_choice(t, capacity):  # type: ignore[no-untyped-def]
    """Place the next buffer at the current depth; return whether there was one."""
    d, n = t.tally[DEPTH], len(t.top)
    b, r = t.tried[d, 0], t.tried[d, 1] + 1
    while b < n:
        if t.offset[b] < 0:
            rows = blocks(t, b, -1, t.blocked)
            while r < rows:
                o = allowed(t, b, r, rows, capacity)
                if o >= 0:
                    t.tried[d, 0], t.tried[d, 1] = b, r
                    t.buffer[d] = b
                    t.offset[b] = o
                    return True
                r += 1
        b, r = b + 1, -1
    return False


@inlined
def hopeless(t, capacity):  # type: ignore[no-untyped-def]
    """Whether some buffer cannot be placed anywhere."""
    for b in range(len(t.top)):
        if t.offset[b] < 0:
            rows = blocks(t, b, -1, t.blocked)
            sort_rows(t.blocked, rows)
            if choose(t.parts.alignment[b], t.blocked, rows, False) + t.top[b] > capacity:
                return True
    return False


@compiled
def explore_windows(t, capacity, limit):  # type: ignore[no-untyped-def]
    """Place up to `limit` buffers; return SOLVED, EXHAUSTED or OPEN."""
    n = len(t.top)
    for _ in range(limit):
        d = t.tally[DEPTH]
        if next_choice(t, capacity):
            t.tally[NODES] += 1
            t.tally[DEPTH] = d + 1
            if d + 1 == n:
                return SOLVED
            t.tried[d + 1, 0], t.tried[d + 1, 1] = 0, -2
            if not hopeless(t, capacity):
                continue
        elif d == 0:
            return EXHAUSTED
        else:
            d -= 1
        t.tally[DEPTH] = d
        t.offset[t.buffer[d]] = -1
    return OPEN
