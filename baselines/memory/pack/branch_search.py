"""The decision whether a packing within a capacity exists: alternating searches with several orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.clock import now
from dispatchgym.baselines.memory.pack.branch_kernel import (
    DIVIDED,
    EXHAUSTED,
    G_LENGTH,
    G_LEVEL,
    G_LIST,
    G_NEXT,
    HEAD,
    NODES,
    OPEN,
    SOLVED,
    Tree,
    explore,
    new_tree,
)
from dispatchgym.baselines.memory.pack.branch_windows import WindowTree, explore_windows, new_window_tree
from dispatchgym.baselines.memory.pack.sections import LongArray, Sections, renumber
from dispatchgym.instances.memory.instance import Packing

# Static orders, by the largest value first: T most units that are needed at a time of the life, W length of life, A size times
# length, O number of conflicts. MiniMalloc has the first three.
ORDERS = ("TWA", "TAW", "WAT", "TO")
NOISE = (0.003, 0.01, 0.03, 0.1)  # of the ranks in randomised orders, as a share of the number of buffers
TURN = 4000  # buffers that a complete search places before the next search continues
SHORT = 4000  # buffers that a randomised search places at most
TRIES = 20  # randomised searches in a part before the whole attempt is abandoned
SMALLEST_PART = 20  # buffers; smaller parts are not split off
SLICE = 1000  # buffers placed between two readings of the clock


class OutOfTime(Exception):
    """The time limit has passed."""


@dataclass
class Search:
    """The decision whether a packing exists in `capacity` units."""

    packing: Packing
    sections: Sections
    orders: list[LongArray]  # each of all buffers that need memory
    capacity: int
    deadline: float  # of clock.now()
    rng: np.random.Generator
    nodes: int = 0
    offset: LongArray = field(default_factory=lambda: np.zeros(0, np.int64))  # (N,) units

    def run(self) -> bool:
        """Whether a packing exists; it is stored in `offset`. Raises OutOfTime."""
        p, used = self.sections, np.sort(self.orders[0])
        self.offset = np.zeros(len(p.size), np.int64)
        if max(p.load.max(initial=0), p.size.max()) > self.capacity or not len(used):
            return not len(used)
        floor = np.zeros(len(p.size), np.int64)
        searches = [(order, q := renumber(p, order), new_tree(q, self.capacity, floor[order])) for order in self.orders]
        # With windows above the lowest address, placing buffers above all earlier ones does not reach every packing.
        windows = new_window_tree(self.packing) if self.packing.parts[:, 3].any() else None
        while True:
            for order, q, tree in list(searches):
                status = self.advance(q, tree, TURN, 0)
                if status == SOLVED:
                    self.offset[order] = tree.offset
                    return True
                if status == EXHAUSTED and windows is None:
                    return False
                if status == EXHAUSTED:
                    searches = [other for other in searches if other[2] is not tree]
            for base in self.orders:
                status = self.part(used, floor, 0, base, 1)
                if status == SOLVED or (status == EXHAUSTED and windows is None):
                    return status == SOLVED
            if windows is not None and (status := self.advance_windows(windows)) != OPEN:
                return status == SOLVED

    def advance_windows(self, tree: WindowTree) -> int:
        """One turn of the search for packings with windows. Raises OutOfTime."""
        before = int(tree.tally[NODES])
        status = explore_windows(tree, self.capacity * self.sections.unit, SLICE)
        self.nodes += int(tree.tally[NODES]) - before
        if status == SOLVED:
            self.offset = tree.offset // self.sections.unit
        elif status == OPEN and now() > self.deadline:
            raise OutOfTime
        return int(status)

    def advance(self, p: Sections, tree: Tree, limit: int, smallest: int) -> int:
        """Place up to `limit` buffers. Raises OutOfTime."""
        status = OPEN
        while limit > 0 and status == OPEN:
            before = int(tree.tally[NODES])
            status = explore(p, tree, self.capacity, min(SLICE, limit), smallest)
            limit -= SLICE
            self.nodes += int(tree.tally[NODES]) - before
            if status == OPEN and now() > self.deadline:
                raise OutOfTime
        return int(status)

    def part(self, members: LongArray, floor: LongArray, level: int, base: LongArray, tries: int) -> int:
        """Search for offsets of `members` (M,), at their `floor` (N,) or above and none below `level`, in randomised orders."""
        for _ in range(tries):
            order = self.shuffled(base, members)
            p = renumber(self.sections, order)
            tree = new_tree(p, self.capacity, floor[order], level)
            status = self.advance(p, tree, SHORT, SMALLEST_PART)
            if status == DIVIDED:
                status = self.parts(tree, order, floor)
            elif status == SOLVED:
                self.offset[order] = tree.offset
            if status != OPEN:
                return status
            base = self.orders[self.rng.integers(len(self.orders))]
        return OPEN

    def parts(self, tree: Tree, order: LongArray, floor: LongArray) -> int:
        """Keep the placed buffers of a search and search its open parts; return SOLVED or OPEN."""
        placed = tree.offset >= 0
        self.offset[order[placed]] = tree.offset[placed]
        floor = floor.copy()
        floor[order] = tree.floor
        open_parts = sorted(goals(tree), key=lambda part: -len(part[0]))
        for members, level in open_parts:
            base = self.orders[self.rng.integers(len(self.orders))]
            if self.part(order[members], floor, level, base, TRIES) != SOLVED:
                return OPEN
        return SOLVED

    def shuffled(self, base: LongArray, members: LongArray) -> LongArray:
        """`members` in the order `base`, with some noise."""
        rank = np.empty(len(self.sections.size))
        rank[base] = np.arange(len(base)) / len(base)
        noise = self.rng.choice(NOISE) * self.rng.standard_normal(len(members))
        return members[np.argsort(rank[members] + noise, kind="stable")]


def goals(tree: Tree) -> Iterator[tuple[LongArray, int]]:
    """The open parts of a search that has just been divided: members and level."""
    g = int(tree.tally[HEAD])
    while g >= 0:
        begin, length = int(tree.goal[g, G_LIST]), int(tree.goal[g, G_LENGTH])
        yield tree.arena[begin : begin + length].astype(np.int64), int(tree.goal[g, G_LEVEL])
        g = int(tree.goal[g, G_NEXT])


def static_orders(packing: Packing, p: Sections, priority: npt.ArrayLike | None) -> list[LongArray]:
    """The orders to search in, without repetition: by `priority` and by the hints, if there are any, come first."""
    life = packing.upper - packing.lower
    load = np.array([p.load[f : z + 1].max(initial=0) for f, z in zip(p.first, p.last, strict=True)])
    key = {"T": load, "W": life, "A": life * packing.size, "O": np.diff(p.ptr.astype(np.int64))}
    orders = [] if priority is None else [np.argsort(-np.asarray(priority), kind="stable")]
    if (packing.hint >= 0).any():
        orders.append(np.argsort(np.where(packing.hint >= 0, packing.hint, np.iinfo(np.int64).max), kind="stable"))
    orders += [np.lexsort([-key[c] for c in reversed(text)]) for text in ORDERS]
    used = p.first <= p.last
    return [order[used[order]].astype(np.int64) for order in orders]
