"""Large-neighbourhood search for the job shop: a window of time is freed, on all machines, on some, or for some jobs.

Operations before the window keep their starts, those after it the order on their machines. So the window alone is a model: what
comes before it are releases, what comes after it are tails. Every solution of the model is a schedule of the whole shop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import Curve
from dispatchgym.baselines.jobshop.graph import Graph, build_graph, makespan, rebuild, to_schedule
from dispatchgym.baselines.lns import Free, Piece, Search
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.jobshop.instance import JobShop, Schedule, simple_lower_bound

SHARE = 0.25  # of the machines, or of the jobs, that are freed in a window
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """A schedule and the operations in [begin, end) of it, of which some are free. N operations of positive duration."""

    graph: Graph
    head: npt.NDArray[np.int64]  # (N,) starts
    inside: Mask  # (N,)
    free: Mask  # (N,) those inside whose place on their machine is open
    late: Mask  # (N,) that start after the window

    def members(self) -> list[int]:
        """The operations inside, by start."""
        found = np.flatnonzero(self.inside)
        result: list[int] = found[np.argsort(self.head[found], kind="stable")].tolist()
        return result

    def ready(self, x: int) -> int:
        """The earliest start of an operation inside: what comes before the window on its job and on its machine."""
        g, ends = self.graph, [0]
        before = int(g.before[x])
        if before >= len(self.head) or not self.inside[before]:
            ends.append(int(g.end[before]))
        p = int(g.prev[x])
        while p < len(self.head) and self.inside[p]:
            p = int(g.prev[p])
        return max(*ends, int(g.end[p]))

    def rest(self, x: int) -> int:
        """The longest path after an operation inside, by what comes after the window on its job and on its machine."""
        g, after = self.graph, int(self.graph.after[x])
        tail = 0 if after < len(self.head) and self.inside[after] else int(g.tail[after])
        s = int(g.next[x])
        while s < len(self.head) and self.inside[s]:
            s = int(g.next[s])
        return max(tail, int(g.tail[s]))

    def around(self) -> int:
        """The longest path that passes the window by: no change inside makes the schedule shorter than it."""
        g, n = self.graph, len(self.head)
        early = np.flatnonzero(~self.inside & ~self.late)
        longest = int(g.end[n + 1 :].max(initial=0))
        for following in (g.after[early], g.next[early]):
            passes = np.where(following < n, self.late[np.minimum(following, n - 1)], True)
            tail = np.where(passes, g.tail[following], 0)
            longest = max(longest, int((g.end[early] + tail).max(initial=0)))
        return longest


def window_of(graph: Graph, size: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], Mask, Mask]:
    """Starts, and which operations are in and after a random window of about `size` operations."""
    n = len(graph.machine)
    head = (graph.end[:n] - graph.duration[:n]).astype(np.int64)
    ordered = np.sort(head)
    first = int(rng.integers(-size // 2, n - size // 2)) if size < n else 0
    begin = ordered[max(first, 0)]
    last = first + size
    late = head >= ordered[last] if last < n else np.zeros(n, np.bool_)
    return head, (head >= begin) & ~late, late


def free_all(graph: Graph, size: int, rng: np.random.Generator) -> Piece[Graph] | None:
    """All operations of a window."""
    head, inside, late = window_of(graph, size, rng)
    return piece(Window(graph, head, inside, inside, late))


def free_some(
    groups: npt.NDArray[np.int64], count: int, graph: Graph, size: int, rng: np.random.Generator
) -> Piece[Graph] | None:
    """The operations of some groups (machines, or jobs) in a longer window; the others keep their order among themselves."""
    some = max(2, round(SHARE * count))
    head, inside, late = window_of(graph, int(size * max(count / some, 1.0)), rng)
    chosen = rng.permutation(count)[:some]
    return piece(Window(graph, head, inside, inside & np.isin(groups, chosen), late))


def piece(window: Window) -> Piece[Graph] | None:
    """The model of the better schedules that differ in the window's free operations; None if there is none."""
    from ortools.sat.python import cp_model

    g, most, n = window.graph, makespan(window.graph) - 1, len(window.head)
    members, least = window.members(), window.around()
    if least > most or not window.free.any():
        return None
    model = cp_model.CpModel()
    total = model.new_int_var(least, int(most), "makespan")
    start: dict[int, Any] = {}
    for x in members:
        ticks, ready, rest = int(g.duration[x]), window.ready(x), window.rest(x)
        if ready + ticks + rest > most:
            return None
        start[x] = model.new_int_var(ready, int(most) - ticks - rest, f"start {x}")
        model.add(total >= start[x] + ticks + rest)
        before = int(g.before[x])
        if before in start:
            model.add(start[x] >= start[before] + int(g.duration[before]))
        model.add_hint(start[x], int(window.head[x]))
    for own in on_machines(g, members):
        free = [bool(window.free[x]) for x in own]
        if any(free) and len(own) > 1:
            model.add_no_overlap([model.new_fixed_size_interval_var(start[x], int(g.duration[x]), f"op {x}") for x in own])
        kept = [x for x, is_free in zip(own, free, strict=True) if not is_free]
        for x, y in pairwise(kept):
            model.add(start[y] >= start[x] + int(g.duration[x]))
    model.minimize(total)

    def read(value: Callable[[Any], int]) -> Graph:
        """The whole schedule: what is late starts as late as the makespan allows, and is shifted to the left afterwards."""
        begin = window.head.copy()
        begin[window.late] = value(total) - g.tail[:n][window.late]
        for x, variable in start.items():
            begin[x] = value(variable)
        return reordered(g, begin)

    return Piece(model, read)


def on_machines(graph: Graph, members: Sequence[int]) -> list[list[int]]:
    """The members of each machine that has some, in order."""
    found: dict[int, list[int]] = {}
    for x in members:
        found.setdefault(int(graph.machine[x]), []).append(x)
    return list(found.values())


def reordered(graph: Graph, begin: npt.NDArray[np.int64]) -> Graph:
    """A graph of its own with the operations in the order of their starts."""
    copied = graph._replace(**{name: array.copy() for name, array in graph._asdict().items()})
    rebuild(copied, np.argsort(begin, kind="stable").astype(np.uint32))
    return copied


def kinds(instance: JobShop) -> dict[str, Free[Graph]]:
    """The kinds of parts that are freed."""
    job, position = np.nonzero(instance.duration > 0)
    machine = instance.machine[job, position].astype(np.int64)
    return {
        "window": free_all,
        "machines": partial(free_some, machine, instance.machines),
        "jobs": partial(free_some, job.astype(np.int64), instance.jobs),
    }


def lns(instance: JobShop, start: Result, *, seconds: float = 10.0, seed: int = 0) -> Result:
    """Improve the schedule of `start` for `seconds` of the clock, which include the time of `start`.

    It ends early at the simple lower bound (status optimal). Compiling and loading are not counted.
    """
    load()
    limit = Limit(seconds, before=start.seconds)
    bound = simple_lower_bound(instance)
    curve = Curve(limit)
    curve.record(start.objective, bound)
    graph = build_graph(instance, start.schedule)
    search = Search(graph, lambda g: int(makespan(g)), kinds(instance), bound)
    if len(graph.machine):
        search.run(limit, curve, seed)
    schedule = to_schedule(instance, search.best)
    objective = int(np.where(instance.machine >= 0, schedule.start + instance.duration, 0).max())
    spent = curve.record(objective, bound)
    status: Status = "optimal" if objective == bound else "feasible"
    notes = {"repairs": search.repairs, "sizes": {name: round(size) for name, size in search.sizes.items()}}
    return Result(objective, schedule, status, spent, bound, tuple(curve.points), notes)


@lru_cache(maxsize=1)
def load() -> None:
    """Import CP-SAT, and compile what makes graphs or load it from numba's cache."""
    pair = np.array([[0, 1], [0, 1]])
    graph = build_graph(JobShop(pair, pair + 1), Schedule(np.array([[0, 1], [1, 3]])))
    free_all(graph, len(graph.machine), np.random.default_rng(0))
