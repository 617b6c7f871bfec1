"""A flexible shop and one schedule of it as a directed graph, compiled.

A node is a task; node N stands for "none". A task is done by one of its options: a machine and a duration. The orders of the
machines and the lags are the arcs. The head of a task is its earliest start, its end is head + duration, its tail the longest
path from its start to the end of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.cpmodel.priorities import shortest, tails
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Mode, placing_order
from dispatchgym.instances.errors import InputError

# Node ids are unsigned: for a signed index numba adds a test for Python's negative indices.
Nodes = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]


class Shop(NamedTuple):
    """N tasks, K options of all of them, M machines. All that follows `release` is one schedule."""

    option_at: Nodes  # (N + 1,) first option of a task
    option_machine: Nodes  # (K,) M = none
    option_ticks: Ints  # (K,)
    before_at: Nodes  # (N + 1,)
    before: Nodes  # (L,) tasks that a task waits for
    after_at: Nodes  # (N + 1,)
    after: Nodes  # (L,) tasks that wait for a task
    release: Ints  # (N,)
    chosen: Nodes  # (N,) option
    machine: Nodes  # (N,) M = none
    ticks: Ints  # (N + 1,) duration; 0 at N
    row: Nodes  # (M, most tasks on a machine) tasks in the order of each machine
    length: Nodes  # (M,) how many they are
    at: Nodes  # (N + 1,) position of a task in the order of its machine
    prev: Nodes  # (N + 1,) task before on the machine, N if none
    next: Nodes  # (N + 1,) task after on the machine, N if none
    end: Ints  # (N + 1,)
    tail: Ints  # (N + 1,)
    order: Nodes  # (N,) tasks in a topological order
    place: Nodes  # (N + 1,) position of a task in `order`
    highest: Ints  # (N + 1,) largest end of the first i tasks of `order`
    end_without: Ints  # (N + 1,) ends and tails without one task on its machine
    tail_without: Ints  # (N + 1,)
    waits: Nodes  # (N,) work space


def refuse(x: CPInstance, what: str) -> None:
    """Raise InputError, in the name of `what`, unless `x` is a flexible shop whose makespan is minimised."""
    o = x.objective
    reasons = (
        (bool(o.completion or o.tardiness or o.lateness or o.cost) or not o.makespan, "an objective other than the makespan"),
        (any(task.deadline is not None for task in x.tasks), "deadlines"),
        (bool(x.links), "links between modes"),
        (any(resource.breaks for resource in x.resources), "breaks"),
        (any(g.kind != "FS" or g.least or (g.first_mode, g.second_mode) != (None, None) for g in x.lags), "lags other than FS 0"),
        (any(not _is_option(x, mode) for task in x.tasks for mode in task.modes), "modes with more than one machine"),
    )
    for wrong, reason in reasons:
        if wrong:
            raise InputError(f"{x.name}: {what} is for flexible shops, and not for {reason}")


def _is_option(x: CPInstance, mode: Mode) -> bool:
    """Whether a mode takes one machine alone, or nothing."""
    return not mode.demands or mode.duration == 0 or (len(mode.demands) == 1 and x.resources[mode.demands[0][0]].capacity == 1)


def lower_bound(x: CPInstance) -> int:
    """The longest path of shortest durations with releases, and the mean work of a machine (ticks)."""
    longest = max(task.release + int(tail) for task, tail in zip(x.tasks, tails(x), strict=True))
    machines = len({r for task in x.tasks for mode in task.modes for r, _ in mode.demands})
    everywhere = all(mode.demands for task in x.tasks for mode in task.modes)
    work = -(-int(shortest(x).sum()) // machines) if machines and everywhere else 0
    return max(longest, work)


def build_shop(x: CPInstance, schedule: CPSchedule) -> Shop:
    """The graph of `schedule`, which must be valid; its machine orders are kept. `x` must pass `refuse`."""
    n, machines = len(x.tasks), len(x.resources)
    modes = [mode for task in x.tasks for mode in task.modes]
    option_at = _starts([len(task.modes) for task in x.tasks])
    machine = np.array([mode.demands[0][0] if mode.demands and mode.duration else machines for mode in modes], np.uint32)
    most = max(np.bincount([k for i in range(n) for k in set(machine[option_at[i] : option_at[i + 1]].tolist())]))
    pairs = {(lag.first, lag.second) for lag in x.lags}
    before_at, before = _lists(n, ((b, a) for a, b in pairs))
    after_at, after = _lists(n, pairs)
    chosen = (option_at[:-1] + schedule.mode).astype(np.uint32)
    ticks = np.array([mode.duration for mode in modes], np.int64)
    rank = np.argsort(placing_order(x))
    order = np.lexsort((rank, schedule.start + ticks[chosen], schedule.start))

    def nodes() -> Nodes:
        return np.full(n + 1, n, np.uint32)

    def times() -> Ints:
        return np.zeros(n + 1, np.int64)

    shop = Shop(
        option_at=option_at, option_machine=machine, option_ticks=ticks,
        before_at=before_at, before=before, after_at=after_at, after=after,
        release=np.array([task.release for task in x.tasks], np.int64),
        chosen=chosen, machine=nodes()[:n], ticks=times(),
        row=np.zeros((max(1, machines), most), np.uint32), length=np.zeros(max(1, machines), np.uint32),
        at=nodes(), prev=nodes(), next=nodes(), end=times(), tail=times(), order=order.astype(np.uint32), place=nodes(),
        highest=times(), end_without=times(), tail_without=times(), waits=nodes()[:n],
    )  # fmt: skip
    restore(shop, shop.chosen.copy(), shop.order.copy())
    return shop


def to_schedule(g: Shop) -> CPSchedule:
    """Every task at its head."""
    start = g.end[:-1] - g.ticks[:-1]
    return CPSchedule(start.copy(), g.chosen.astype(np.int64) - g.option_at[:-1])


def _starts(counts: Sequence[int]) -> Nodes:
    return np.concatenate([[0], np.cumsum(np.array(counts, np.int64))]).astype(np.uint32)


def _lists(n: int, pairs: Iterable[tuple[int, int]]) -> tuple[Nodes, Nodes]:
    """Where the part of each task begins, and the second tasks of its pairs."""
    rows = sorted(pairs)
    counts = np.bincount([a for a, _ in rows], minlength=n) if rows else np.zeros(n, np.int64)
    return _starts(counts.tolist()), np.array([b for _, b in rows], np.uint32)


@inlined
def _link(g, a, b):  # type: ignore[no-untyped-def]
    g.next[a] = b
    g.prev[b] = a


@inlined
def take_off(g, v):  # type: ignore[no-untyped-def]
    """Take v off its machine."""
    k = g.machine[v]
    if k < g.length.size and g.ticks[v] > 0:
        g.length[k] -= np.uint32(1)
        for z in range(g.at[v], g.length[k]):
            y = g.row[k, z + 1]
            g.row[k, z] = y
            g.at[y] = z
        _link(g, g.prev[v], g.next[v])


@inlined
def put_on(g, v, option, i):  # type: ignore[no-untyped-def]
    """Let v be done by `option`, as task i of its machine."""
    n = g.order.size
    k = g.option_machine[option]
    g.chosen[v], g.machine[v], g.ticks[v] = option, k, g.option_ticks[option]
    g.prev[v], g.next[v] = n, n
    if k < g.length.size and g.ticks[v] > 0:
        for z in range(g.length[k], i, -1):
            y = g.row[k, z - 1]
            g.row[k, z] = y
            g.at[y] = z
        g.row[k, i], g.at[v] = v, i
        g.length[k] += np.uint32(1)
        if i > 0:
            _link(g, g.row[k, i - 1], v)
        if i + 1 < g.length[k]:
            _link(g, v, g.row[k, i + 1])


@inlined
def ready(g, v, end):  # type: ignore[no-untyped-def]
    """The largest of the release and of the ends of the tasks that v waits for."""
    latest = g.release[v]
    for z in range(g.before_at[v], g.before_at[v + 1]):
        latest = max(latest, end[g.before[z]])
    return latest


@inlined
def rest(g, v, tail):  # type: ignore[no-untyped-def]
    """The longest tail of the tasks that wait for v."""
    longest = 0
    for z in range(g.after_at[v], g.after_at[v + 1]):
        longest = max(longest, tail[g.after[z]])
    return longest


@compiled(inline=True)
def settle(g):  # type: ignore[no-untyped-def]
    """Put the tasks into a topological order, give them ends and tails; return the makespan."""
    n = g.order.size
    size = 0
    for x in range(n):
        g.waits[x] = g.before_at[x + 1] - g.before_at[x] + (g.prev[x] < n)
        if g.waits[x] == 0:
            g.order[size] = x
            size += 1
    for i in range(n):
        x = g.order[i]
        g.place[x] = i
        g.end[x] = max(ready(g, x, g.end), g.end[g.prev[x]]) + g.ticks[x]
        g.highest[i + 1] = max(g.highest[i], g.end[x])
        g.end_without[x] = g.end[x]
        for z in range(g.after_at[x], g.after_at[x + 1]):
            y = g.after[z]
            g.waits[y] -= np.uint32(1)
            if g.waits[y] == 0:
                g.order[size] = y
                size += 1
        y = g.next[x]
        if y < n:
            g.waits[y] -= np.uint32(1)
            if g.waits[y] == 0:
                g.order[size] = y
                size += 1
    for i in range(n - 1, -1, -1):
        x = g.order[i]
        g.tail[x] = max(rest(g, x, g.tail), g.tail[g.next[x]]) + g.ticks[x]
        g.tail_without[x] = g.tail[x]
    return g.highest[n]


@compiled(inline=True)
def restore(g, chosen, sequence):  # type: ignore[no-untyped-def]
    """Make the schedule with the options `chosen` whose machines follow `sequence`; return its makespan."""
    g.length[:] = 0
    n = g.order.size
    g.prev[n], g.next[n] = n, n
    for i in range(n):
        x = sequence[i]
        k = g.option_machine[chosen[x]]
        put_on(g, x, chosen[x], g.length[k] if k < g.length.size else np.uint32(0))
    return settle(g)
