"""A packing as sections of time, in units of the greatest common divisor of its sizes.

A section is a maximal set of buffers that need memory at the same time (Moffitt, MiniMalloc, ASPLOS 2023: cross-sectional
cuts). Two buffers conflict if and only if they share one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.compiled import compiled
from dispatchgym.instances.memory.instance import Packing

LongArray = npt.NDArray[np.int64]
IndexArray = npt.NDArray[np.uint32]  # unsigned: for a signed index numba adds a test for Python's negative indices
# Without _nrt=False every array access updates a reference count, which makes a search ten times slower.


class Sections(NamedTuple):
    """N buffers in S sections. Sizes and addresses are in units of `unit` bytes."""

    unit: int
    sections: int
    load: LongArray  # (S,) needed by all buffers
    size: LongArray  # (N,) the highest address that is needed, above the offset
    align: LongArray  # (N,) units
    first: IndexArray  # (N,) first section; 1 if nothing is needed at any time
    last: IndexArray  # (N,) last section; 0 if nothing is needed at any time
    row: IndexArray  # (N,) rows row[n] to row[n] + last[n] - first[n] are the sections of buffer n in
    need: LongArray  # (X,) needed there, 0 in the gaps
    ptr: IndexArray  # (N+1,) rows ptr[n]:ptr[n+1] are the conflicts of buffer n in
    other: IndexArray  # (Y,) other buffer
    above: LongArray  # (Y,) the other is above n wherever its offset is higher by this or more


def unit_of(packing: Packing) -> int:
    """The greatest unit of which all offsets of some lowest packing are multiples."""
    unit = int(np.gcd.reduce(packing.parts[:, 3:].ravel())) or 1
    alignments = np.unique(packing.alignment).tolist()
    while True:
        smaller = unit
        for a in alignments:
            if smaller % a:
                smaller = int(np.gcd(smaller, a))
        if smaller == unit:
            return unit
        unit = smaller


def divide(packing: Packing) -> Sections:
    """The sections of a packing and the conflicts between its buffers."""
    unit, parts, n = unit_of(packing), packing.parts, packing.buffers
    moments = _moments(parts[:, 1], parts[:, 2])
    begin, end = np.searchsorted(moments, parts[:, 1]), np.searchsorted(moments, parts[:, 2])
    of, low, high = parts[:, 0], parts[:, 3] // unit, parts[:, 4] // unit
    size, first, last = np.zeros(n, np.int64), np.full(n, len(moments)), np.zeros(n, np.int64)
    np.maximum.at(size, of, high)
    np.minimum.at(first, of, begin)
    np.maximum.at(last, of, end - 1)
    first[size == 0] = 1
    length = np.maximum(last - first + 1, 0)
    row = np.cumsum(length) - length
    # every part in its sections
    count = end - begin
    part = np.repeat(np.arange(len(parts)), count)
    section = np.arange(len(part)) - np.repeat(np.cumsum(count) - count, count) + begin[part]
    need, load = np.zeros(int(length.sum()), np.int64), np.zeros(len(moments), np.int64)
    need[row[of[part]] + section - first[of[part]]] = (high - low)[part]
    np.add.at(load, section, (high - low)[part])
    ptr, other, above = _conflicts(n, len(moments), of[part], section, low[part], high[part])
    align = np.where(packing.alignment % unit == 0, packing.alignment // unit, 1)
    lives = first.astype(np.uint32), last.astype(np.uint32), row.astype(np.uint32)
    return Sections(unit, len(moments), load, size, align, lives[0], lives[1], lives[2], need, ptr, other, above)


def _moments(lower: LongArray, upper: LongArray) -> LongArray:
    """One time in each section: the last at which something begins before something ends."""
    times = np.unique(np.concatenate([lower, upper]))
    begins, ends = np.isin(times, lower).tolist(), np.isin(times, upper).tolist()
    found: list[int] = []
    fresh = False
    for i in range(len(times)):
        if ends[i] and fresh:
            found.append(i - 1)
            fresh = False
        fresh = fresh or begins[i]
    return times[found]


@compiled(allocates=True)
def _conflicts(buffers, sections, buffer, section, low, high):  # type: ignore[no-untyped-def]
    """The conflicts of each buffer: rows ptr[n]:ptr[n + 1] of (other, above). The entries come by buffer."""
    at = np.zeros(sections + 1, np.int64)  # section k has the entries inside[at[k]:at[k + 1]]
    of = np.zeros(buffers + 1, np.int64)
    for x in range(len(buffer)):
        at[section[x] + 1] += 1
        of[buffer[x] + 1] += 1
    at, of = np.cumsum(at), np.cumsum(of)
    inside, filled = np.zeros(len(buffer), np.int64), at.copy()
    for x in range(len(buffer)):
        inside[filled[section[x]]] = x
        filled[section[x]] += 1
    ptr, place = np.zeros(buffers + 1, np.uint32), np.full(buffers, -1, np.int64)
    other, above = np.zeros(0, np.uint32), np.zeros(0, np.int64)
    for fill in range(2):  # the first pass counts them
        total = 0
        place[:] = -1
        for a in range(buffers):
            begin = total
            for x in range(of[a], of[a + 1]):
                for i in range(at[section[x]], at[section[x] + 1]):
                    y = inside[i]
                    b = buffer[y]
                    if b == a:
                        continue
                    if place[b] < begin:
                        place[b] = total
                        total += 1
                    if fill:
                        other[place[b]] = b
                        above[place[b]] = max(above[place[b]], high[x] - low[y])
            ptr[a + 1] = total
        if fill == 0:
            other, above = np.zeros(total, np.uint32), np.zeros(total, np.int64)
    return ptr, other, above


def renumber(p: Sections, order: LongArray) -> Sections:
    """Only the buffers in `order` (M,), buffer order[i] as buffer i, and the conflicts of each by number."""
    rank = np.full(len(p.size), -1, np.int64)
    rank[order] = np.arange(len(order))
    ends = p.ptr.astype(np.int64)
    source = np.repeat(rank, ends[1:] - ends[:-1])
    other = rank[p.other]
    rows = np.flatnonzero((source >= 0) & (other >= 0))
    rows = rows[np.argsort(source[rows] * len(order) + other[rows])]
    ptr = np.searchsorted(source[rows], np.arange(len(order) + 1)).astype(np.uint32)
    fields = {name: getattr(p, name)[order] for name in ("size", "align", "first", "last", "row")}
    load = np.zeros(p.sections, np.int64)
    add_loads(load, fields["first"], fields["last"], fields["row"], p.need)
    return p._replace(ptr=ptr, other=other[rows].astype(np.uint32), above=p.above[rows], load=load, **fields)


@compiled
def add_loads(load, first, last, row, need):  # type: ignore[no-untyped-def]
    for b in range(len(row)):
        for i in range(np.int64(last[b]) - np.int64(first[b]) + 1):
            load[first[b] + i] += need[row[b] + i]
