"""Greedy packing: buffers in some order, each at the best or the lowest offset that is free all its life.

By size, best fit: Pisarchyk & Lee, arXiv 2001.03288, as TensorFlow Lite does; by size or conflicts: TVM's unified static memory
planner; by duration: the repacker of XLA's memory space assignment.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.memory.pack.sections import LongArray
from dispatchgym.instances.memory.instance import Packing

ORDERS = ("size", "duration", "area", "conflicts")
FITS = ("best", "first")
NOISE = 0.05  # of the ranks in a randomised order, as a share of the number of buffers


class Parts(NamedTuple):
    """A packing as arrays for the compiled functions."""

    parts: LongArray  # (P, 5) as in Packing
    ptr: LongArray  # (N+1,) rows ptr[n]:ptr[n+1] are the parts of buffer n
    begin: LongArray  # (N,) first time at which the buffer needs memory
    end: LongArray  # (N,) last one, exclusive; begin if there is none
    alignment: LongArray  # (N,)


def parts_of(packing: Packing) -> Parts:
    parts = packing.parts
    ptr = np.searchsorted(parts[:, 0], np.arange(packing.buffers + 1))
    begin, end = np.full(packing.buffers, np.iinfo(np.int64).max), np.full(packing.buffers, np.iinfo(np.int64).min)
    np.minimum.at(begin, parts[:, 0], parts[:, 1])
    np.maximum.at(end, parts[:, 0], parts[:, 2])
    return Parts(parts, ptr, begin, end, packing.alignment)


class Placer:
    """Places the buffers of one packing in any order; keeps its work space between calls."""

    def __init__(self, packing: Packing) -> None:
        self.parts = parts_of(packing)
        self.buffers = packing.buffers
        self.blocked = np.zeros((len(packing.parts) * int(np.diff(self.parts.ptr).max(initial=1)) + 1, 2), np.int64)
        self.placed = np.zeros((2, packing.buffers), np.int64)

    def place(self, order: npt.ArrayLike, fit: str = "best") -> tuple[LongArray, int]:
        """Offsets (N,) in bytes when the buffers are placed in `order` (N,), and the height; fit "best" or "first"."""
        offset = np.zeros(self.buffers, np.int64)
        sequence = np.ascontiguousarray(order, np.int64)
        return offset, int(place_all(self.parts, sequence, fit == "best", offset, self.blocked, self.placed))

    def heights(self, orders: LongArray, fit: str = "first") -> LongArray:
        """(B,) the heights of `orders` (B, N)."""
        offset = np.zeros(self.buffers, np.int64)
        heights = np.zeros(len(orders), np.int64)
        place_many(self.parts, orders, fit == "best", offset, self.blocked, self.placed, heights)
        return heights


@compiled
def place_all(p, order, best, offset, blocked, placed):  # type: ignore[no-untyped-def]
    """Fill `offset` (N,); return the height. `placed` holds the buffers placed, by offset."""
    height, count = np.int64(0), 0
    for i in range(len(order)):
        b = order[i]
        if p.end[b] <= p.begin[b]:
            offset[b] = 0
            continue
        rows = 0
        for k in range(count):
            a = placed[0, k]
            if p.begin[a] < p.end[b] and p.begin[b] < p.end[a]:
                rows = block(p, a, b, offset[a], blocked, rows)
        sort_rows(blocked, rows)
        o = choose(p.alignment[b], blocked, rows, best)
        offset[b] = o
        for x in range(p.ptr[b], p.ptr[b + 1]):
            height = max(height, o + p.parts[x, 4])
        k = count
        while k > 0 and offset[placed[0, k - 1]] > o:
            placed[0, k] = placed[0, k - 1]
            k -= 1
        placed[0, k] = b
        count += 1
    return height


@inlined
def block(p, a, b, o, blocked, rows):  # type: ignore[no-untyped-def]
    """Append the offsets of b, above the first and below the second number, that buffer a at offset o forbids."""
    for x in range(p.ptr[a], p.ptr[a + 1]):
        for y in range(p.ptr[b], p.ptr[b + 1]):
            if p.parts[x, 1] < p.parts[y, 2] and p.parts[y, 1] < p.parts[x, 2]:
                high = o + p.parts[x, 4] - p.parts[y, 3]
                if high > 0:
                    blocked[rows, 0] = o + p.parts[x, 3] - p.parts[y, 4]
                    blocked[rows, 1] = high
                    rows += 1
    return rows


@inlined
def sort_rows(blocked, rows):  # type: ignore[no-untyped-def]
    """Sort by the lower number. Insertion sort: the placed buffers are sorted by offset, so only windows need to be moved."""
    for x in range(1, rows):
        low, high, y = blocked[x, 0], blocked[x, 1], x - 1
        while y >= 0 and blocked[y, 0] > low:
            blocked[y + 1, 0], blocked[y + 1, 1] = blocked[y, 0], blocked[y, 1]
            y -= 1
        blocked[y + 1, 0], blocked[y + 1, 1] = low, high


@inlined
def choose(alignment, blocked, rows, best):  # type: ignore[no-untyped-def]
    """The lowest offset that is not forbidden, or the lowest of those in the smallest gap; above all if there is no gap."""
    o, found, smallest = np.int64(0), np.int64(-1), np.int64(2**62)
    for x in range(rows):
        room = blocked[x, 0] - o
        if room >= 0:
            if not best:
                return o
            if room < smallest:
                smallest, found = room, o
        if blocked[x, 1] > o:
            o = (blocked[x, 1] + alignment - 1) // alignment * alignment
    return found if found >= 0 else o


@compiled
def place_many(p, orders, best, offset, blocked, placed, heights):  # type: ignore[no-untyped-def]
    for i in range(len(orders)):
        heights[i] = place_all(p, orders[i], best, offset, blocked, placed)


def keys(packing: Packing) -> dict[str, LongArray]:
    """(N,) for each of ORDERS: the sort keys of the buffers, largest first."""
    life, size = packing.upper - packing.lower, packing.size
    begin, end = np.sort(packing.lower), np.sort(packing.upper)
    # all but itself, those that end before it and those that begin after it
    conflicts = np.searchsorted(begin, packing.upper) - np.searchsorted(end, packing.lower, side="right") - 1
    return {"size": size, "duration": life, "area": life * size, "conflicts": conflicts}


def greedy_order(packing: Packing, name: str) -> LongArray:
    """Buffers by one of ORDERS, largest first; ties by size, duration and number."""
    key = keys(packing)
    return np.lexsort([-key["duration"], -key["size"], -key[name]]).astype(np.int64)


def best_of(packing: Packing, pairs: list[tuple[str, str]]) -> tuple[LongArray, int]:
    """The lowest packing of several (order, fit), the first of them at ties."""
    placer = Placer(packing)
    return min((placer.place(greedy_order(packing, name), fit) for name, fit in pairs), key=lambda found: found[1])


def sampled(packing: Packing, order: LongArray | None, fit: str, samples: int, seed: int) -> tuple[LongArray, int]:
    """The lowest packing of `samples` orders: `order` itself and noisy copies of it, or random ones if it is None."""
    placer, rng, count = Placer(packing), np.random.default_rng(seed), packing.buffers

    def draw(i: int) -> LongArray:
        if order is None:
            return rng.permutation(count)
        if i == 0:
            return order
        return order[np.argsort(np.arange(count) + NOISE * count * rng.standard_normal(count), kind="stable")]

    return min((placer.place(draw(i), fit) for i in range(samples)), key=lambda found: found[1])
