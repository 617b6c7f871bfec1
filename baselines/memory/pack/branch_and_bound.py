"""Branch and bound for packings, from the published ideas of MiniMalloc.

After Moffitt, MiniMalloc, ASPLOS 2023: buffers are placed at non-decreasing offsets, each at the lowest one that is free. An
offset must be below the lowest possible end of every unplaced buffer. Sections of time bound the height. Where no unplaced
buffer spans a section, the buffers on both sides are packed independently. Additions: in each section unplaced buffers are
queued by their lowest offsets; identical buffers keep their order; complete searches with several static orders alternate with
short randomised ones, which restart in each independent part.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.clock import now
from dispatchgym.baselines.memory.pack.branch_search import OutOfTime, Search, static_orders
from dispatchgym.baselines.memory.pack.branch_windows import explore_windows, new_window_tree
from dispatchgym.baselines.memory.pack.greedy import FITS, ORDERS, Placer, best_of
from dispatchgym.baselines.memory.pack.sections import LongArray, divide
from dispatchgym.instances.memory.instance import Gap, Packing

MOST_BUFFERS = 5000  # no search with more: its lists grow with the square
SHARE = 0.1  # of the time, for one attempt far below the best height
Curve = tuple[tuple[float, int | None, int | None], ...]  # (seconds, height, proved bound), bytes


@dataclass(frozen=True, eq=False)
class Answer:
    """The result of a search."""

    offset: LongArray | None  # (N,) bytes
    height: int | None  # of it, bytes
    proved: bool  # that the height is the lowest, or that there is no packing in the capacity
    lower_bound: int  # proved, bytes
    nodes: int  # buffers placed
    curve: Curve


def height_of(packing: Packing, offset: LongArray) -> int:
    """The end of the highest address needed; 0 if none is."""
    parts = packing.parts
    return int((offset[parts[:, 0]] + parts[:, 4]).max(initial=0))


@lru_cache(maxsize=1)
def load() -> float:
    """Compile the search, or load it from numba's cache; return the CPU-seconds that took."""
    began = time.thread_time()
    tiny = Packing(np.array([0, 0]), np.array([2, 1]), np.array([2, 2]), gaps=((Gap(0, 1, 1, 2),), ()))
    p = divide(tiny)
    best_of(tiny, [("size", "best")])
    Search(tiny, p, static_orders(tiny, p, None), 4, np.inf, np.random.default_rng(0)).run()
    explore_windows(new_window_tree(tiny), 4, 1)
    return time.thread_time() - began


def search(
    packing: Packing,
    *,
    capacity: int | None = None,
    seconds: float = 60.0,
    seed: int = 0,
    priority: npt.ArrayLike | None = None,
) -> Answer:
    """Find a packing within `capacity` bytes, or (None) the lowest one, in `seconds` CPU-seconds of this thread.

    `priority` (N,) gives the first search order, largest values first, for instance that of a policy. Hints are tried before it.
    The time to compile or load code is not counted. With more than `MOST_BUFFERS` buffers the answer is the best of the initial
    packings.
    """
    load()
    run = _Run(packing, seconds, seed, priority)
    return run.lowest() if capacity is None else run.within(capacity)


class _Run:
    """One call of `search`: the best packing so far."""

    def __init__(self, packing: Packing, seconds: float, seed: int, priority: npt.ArrayLike | None) -> None:
        self.packing = packing
        self.began, self.deadline, self.seconds = now(), now() + seconds, seconds
        self.rng = np.random.default_rng(seed)
        self.nodes = 0
        self.bound = int(packing.lower_bound or 0)
        self.offset, self.height = best_of(packing, [(name, fit) for name in ORDERS for fit in FITS])
        self.curve: list[tuple[float, int | None, int | None]] = []
        self.record()
        self.offer(_hinted(packing, priority))
        self.search = packing.buffers <= MOST_BUFFERS
        if self.search:
            self.sections = divide(packing)
            self.orders = static_orders(packing, self.sections, priority)
            self.bound = -(-self.bound // self.sections.unit) * self.sections.unit

    def offer(self, offset: LongArray) -> None:
        height = height_of(self.packing, offset)
        if height < self.height:
            self.offset, self.height = offset, height
            self.record()

    def record(self) -> None:
        self.curve.append((now() - self.began, self.height, self.bound))

    def attempt(self, capacity: int, seconds: float) -> bool | None:
        """Whether there is a packing within `capacity` bytes; None if that is unknown after `seconds` more CPU-seconds."""
        unit = self.sections.unit
        deadline = min(now() + seconds, self.deadline)
        one = Search(self.packing, self.sections, self.orders, capacity // unit, deadline, self.rng)
        try:
            found = one.run()
        except OutOfTime:
            return None
        finally:
            self.nodes += one.nodes
        if found:
            self.offer(one.offset * unit)
        else:
            self.bound = max(self.bound, (capacity // unit + 1) * unit)
            self.record()
        return found

    def within(self, capacity: int) -> Answer:
        found = self.height <= capacity or (self.attempt(capacity, self.seconds) if self.search else None)
        if found:
            return self.answer()
        return Answer(None, None, found is False, self.bound, self.nodes, tuple((s, None, b) for s, _, b in self.curve))

    def lowest(self) -> Answer:
        """Halve the distance to the bound while that succeeds quickly, then lower the height by the smallest steps."""
        hopeful = self.bound  # every lower height has been tried already
        while self.search and self.height > self.bound and now() < self.deadline:
            hopeful = max(hopeful, self.bound)
            step = (self.height - hopeful) // 2 // self.sections.unit * self.sections.unit
            last = step <= 0
            goal = self.height - self.sections.unit if last else hopeful + step
            if self.attempt(goal, self.seconds if last else SHARE * self.seconds) is None:
                hopeful = goal + self.sections.unit
        return self.answer()

    def answer(self) -> Answer:
        self.record()
        return Answer(self.offset, self.height, self.height == self.bound, self.bound, self.nodes, tuple(self.curve))


def _hinted(packing: Packing, priority: npt.ArrayLike | None) -> LongArray:
    """First fit in the order of the hints, if there are any, else of `priority`."""
    if priority is not None and (packing.hint < 0).all():
        order = np.argsort(-np.asarray(priority), kind="stable")
    else:
        order = np.argsort(np.where(packing.hint >= 0, packing.hint, np.iinfo(np.int64).max), kind="stable")
    return Placer(packing).place(order, "first")[0]
