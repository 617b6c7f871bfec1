"""A complete schedule as a directed graph, and the moves of local search on it, compiled.

Only operations of positive duration are nodes: one of duration 0 occupies no machine and starts when its job is ready.
Nodes 0 ... N-1 are operations, node N stands for "none" and nodes N+1 ... N+J for the releases of the jobs, so that
every operation has a predecessor and successor on its job and on its machine and no loop needs a branch.

The head of an operation is its earliest start; its end is head + duration; its tail here INCLUDES its own duration
(longest path to the end of the schedule), so head + tail is the longest path through it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.instances.jobshop.instance import IntArray, JobShop, Schedule

# Node ids are unsigned: for a signed index numba adds a test for Python's negative indices, which halves the speed.
NodeArray = npt.NDArray[np.uint32]


class Graph(NamedTuple):
    """The shop (first seven) and one schedule of it. N operations of positive duration, J jobs, M machines."""

    machine: IntArray  # (N,) machine of an operation
    local: NodeArray  # (N,) index of an operation among those of its machine
    duration: IntArray  # (N+1+J,) ticks; 0 beyond N
    before: NodeArray  # (N,) predecessor on the job: an operation or the job's release node
    after: NodeArray  # (N+1+J,) successor on the job, N if none
    final: NodeArray  # (<=J,) last operation of each job that has one
    last: NodeArray  # (M,) work space
    prev: NodeArray  # (N+1,) predecessor on the machine, N if none
    next: NodeArray  # (N+1,) successor on the machine, N if none
    end: IntArray  # (N+1+J,) head + duration, ticks; the release at a release node
    tail: IntArray  # (N+1+J,) ticks
    order: NodeArray  # (N,) operations in a topological order of the graph
    place: IntArray  # (N+1+J,) position of an operation in `order`; -1 beyond N
    scratch: IntArray  # (N+1+J,) work space
    mark: npt.NDArray[np.uint8]  # (N+1+J,) work space, 0 between calls


def build_graph(instance: JobShop, schedule: Schedule) -> Graph:
    """The graph of `schedule`, which must be valid; its machine orders are kept, its operations are shifted to the left."""
    job, position = np.nonzero(instance.duration > 0)  # row-major: jobs in order, each in route order
    n, jobs = len(job), instance.jobs
    size = n + 1 + jobs
    nodes = np.arange(n, dtype=np.uint32)
    first = np.ones(n, np.bool_)
    first[1:] = job[1:] != job[:-1]
    machine = instance.machine[job, position].astype(np.int32)
    local = np.empty(n, np.uint32)
    for m in range(instance.machines):
        on = machine == m
        local[on] = np.arange(on.sum())
    duration = np.zeros(size, np.int32)
    duration[:n] = instance.duration[job, position]
    after = np.full(size, n, np.uint32)
    after[:n][~np.roll(first, -1)] = nodes[~np.roll(first, -1)] + 1
    end = np.zeros(size, np.int32)
    end[n + 1 :] = instance.release
    place = np.full(size, -1, np.int32)
    graph = Graph(
        machine=machine, local=local, duration=duration, after=after, end=end, place=place,
        before=np.where(first, n + 1 + job, nodes - 1).astype(np.uint32), final=nodes[np.roll(first, -1)],
        prev=np.full(n + 1, n, np.uint32), next=np.full(n + 1, n, np.uint32), tail=np.zeros(size, np.int32),
        order=np.argsort(schedule.start[job, position], kind="stable").astype(np.uint32),
        last=np.empty(instance.machines, np.uint32), scratch=np.zeros(size, np.int32), mark=np.zeros(size, np.uint8),
    )  # fmt: skip
    rebuild(graph, graph.order)
    return graph


def to_schedule(instance: JobShop, graph: Graph) -> Schedule:
    """Every operation at its head; those of duration 0 when their job is ready."""
    positive = instance.duration > 0
    begin = np.zeros(instance.machine.shape, np.int64)
    n = len(graph.machine)
    begin[positive] = graph.end[:n] - graph.duration[:n]
    ready = np.maximum.accumulate(np.maximum(begin + instance.duration, instance.release[:, None]), axis=1)
    ready = np.concatenate([instance.release[:, None].astype(np.int64), ready[:, :-1]], axis=1)
    return Schedule(np.where(instance.machine < 0, -1, np.where(positive, begin, ready)))


@inlined
def _latest(a, b):  # type: ignore[no-untyped-def]
    return a if a > b else b


@compiled(inline=True)
def makespan(g):  # type: ignore[no-untyped-def]
    latest = 0
    for x in g.final:
        latest = _latest(latest, g.end[x])
    return latest


@compiled(inline=True)
def rebuild(g, sequence):  # type: ignore[no-untyped-def]
    """Make the schedule whose machines follow `sequence`, a topological order of all operations; return its makespan."""
    machine, duration, before, after = g.machine, g.duration, g.before, g.after
    pred, succ, end, tail, order, place = g.prev, g.next, g.end, g.tail, g.order, g.place
    n = machine.size
    last = g.last
    last[:] = n
    for i in range(n):
        x = sequence[i]
        order[i] = x
        place[x] = i
        p = last[machine[x]]
        pred[x] = p
        succ[p] = x
        last[machine[x]] = x
        end[x] = _latest(end[before[x]], end[p]) + duration[x]
    for x in last:
        succ[x] = n
    for i in range(n - 1, -1, -1):
        x = order[i]
        tail[x] = _latest(tail[after[x]], tail[succ[x]]) + duration[x]
    return makespan(g)


@inlined
def _link(g, a, b):  # type: ignore[no-untyped-def]
    g.next[a] = b
    g.prev[b] = a


@inlined
def _refresh(g, low, high, first, last):  # type: ignore[no-untyped-def]
    """Recompute ends and tails between positions `low` and `high`, and beyond them as far as values change.

    `first` and `last` are the operations that now come just before and after those moved on their machine (N if none):
    they have new neighbours though they may lie outside.
    """
    duration, before, after, pred, succ = g.duration, g.before, g.after, g.prev, g.next
    end, tail, order, place = g.end, g.tail, g.order, g.place
    n = g.machine.size
    i, reach = low, _latest(high, place[last])
    while i <= reach:
        x = order[i]
        e = _latest(end[before[x]], end[pred[x]]) + duration[x]
        if e != end[x]:
            end[x] = e
            reach = _latest(reach, _latest(place[after[x]], place[succ[x]]))
        i += 1
    i, reach = high, low
    if first < n and place[first] < low:
        reach = place[first]
    while i >= reach:
        x = order[i]
        q = _latest(tail[after[x]], tail[succ[x]]) + duration[x]
        if q != tail[x]:
            tail[x] = q
            for p in (before[x], pred[x]):
                if p < n and place[p] < reach:
                    reach = place[p]
        i -= 1


@compiled(inline=True)
def insert_after(g, u, v):  # type: ignore[no-untyped-def]
    """Move u right after v, a later operation on its machine. `may_follow(g, u, v)` must hold."""
    before, pred, order, place, scratch, mark = g.before, g.prev, g.order, g.place, g.scratch, g.mark
    low, high = place[u], place[v]
    first, last = pred[u], g.next[v]
    _link(g, first, g.next[u])
    _link(g, v, u)
    _link(g, u, last)
    kept, moved = low, 0
    for i in range(low, high + 1):  # within this window, u and its successors move behind the others
        x = order[i]
        if x == u or mark[before[x]] or mark[pred[x]]:
            mark[x] = 1
            scratch[moved] = x
            moved += 1
        else:
            order[kept] = x
            place[x] = kept
            kept += 1
    for i in range(moved):
        x = scratch[i]
        order[kept + i] = x
        place[x] = kept + i
        mark[x] = 0
    _refresh(g, low, high, first, last)


@compiled(inline=True)
def insert_before(g, v, u):  # type: ignore[no-untyped-def]
    """Move v right before u, an earlier operation on its machine. `may_precede(g, v, u)` must hold."""
    after, succ, order, place, scratch, mark = g.after, g.next, g.order, g.place, g.scratch, g.mark
    low, high = place[u], place[v]
    first, last = g.prev[u], succ[v]
    _link(g, g.prev[v], last)
    _link(g, v, u)
    _link(g, first, v)
    kept, moved = high, 0
    for i in range(high, low - 1, -1):  # within this window, v and its predecessors move ahead of the others
        x = order[i]
        if x == v or mark[after[x]] or mark[succ[x]]:
            mark[x] = 1
            scratch[moved] = x
            moved += 1
        else:
            order[kept] = x
            place[x] = kept
            kept -= 1
    for i in range(moved):
        x = scratch[i]
        order[kept - i] = x
        place[x] = kept - i
        mark[x] = 0
    _refresh(g, low, high, first, last)


@compiled(inline=True)
def may_follow(after, duration, tail, u, v):  # type: ignore[no-untyped-def]
    """Whether u may move right after v without a cycle: no path leads from u's job successor to v.

    A path would make the successor's tail at least its duration longer than v's (Balas & Vazacopoulos, Management
    Science 44 (1998), proposition 2.2, which compares without the duration and so rejects more moves).
    """
    s = after[u]
    return s != v and tail[s] < duration[s] + tail[v]


@compiled(inline=True)
def may_precede(before, duration, end, v, u):  # type: ignore[no-untyped-def]
    """Whether v may move right before u without a cycle: no path leads from u to v's job predecessor."""
    p = before[v]
    return p != u and end[p] < duration[p] + end[u]


@compiled(inline=True)
def estimate_after(g, u, v, limit):  # type: ignore[no-untyped-def]
    """Longest path through the moved operations if u moves right after v, tails and heads elsewhere as they are.

    Balas & Vazacopoulos (1998), section 2. Stops early, with some value above `limit`, once the path exceeds it.
    """
    duration, before, after, pred, succ = g.duration, g.before, g.after, g.prev, g.next
    end, tail, scratch = g.end, g.tail, g.scratch
    n = 0
    free = end[pred[u]]
    x = succ[u]
    while True:
        free = _latest(end[before[x]], free) + duration[x]
        scratch[n] = free
        n += 1
        if x == v:
            break
        x = succ[x]
    head = _latest(end[before[u]], free)
    rest = _latest(tail[after[u]], tail[succ[v]]) + duration[u]
    longest = head + rest
    x = v
    while n > 0 and longest <= limit:
        n -= 1
        rest = _latest(tail[after[x]], rest)
        longest = _latest(longest, scratch[n] + rest)
        rest += duration[x]
        x = pred[x]
    return longest


@compiled(inline=True)
def estimate_before(g, v, u, limit):  # type: ignore[no-untyped-def]
    """The mirror image: longest path through the moved operations if v moves right before u."""
    duration, before, after, pred, succ = g.duration, g.before, g.after, g.prev, g.next
    end, tail, scratch = g.end, g.tail, g.scratch
    n = 0
    rest = tail[succ[v]]
    x = pred[v]
    while True:
        rest = _latest(tail[after[x]], rest) + duration[x]
        scratch[n] = rest
        n += 1
        if x == u:
            break
        x = pred[x]
    free = _latest(end[before[v]], end[pred[u]]) + duration[v]
    longest = free + _latest(tail[after[v]], rest)
    x = u
    while n > 0 and longest <= limit:
        n -= 1
        free = _latest(end[before[x]], free)
        longest = _latest(longest, free + scratch[n])
        free += duration[x]
        x = succ[x]
    return longest
