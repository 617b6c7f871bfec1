"""The moves of local search: insertions within the blocks of a critical path, and the memory that guides them, compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.budget import BEST, MOVES
from dispatchgym.baselines.compiled import inlined
from dispatchgym.baselines.jobshop.graph import (
    Graph,
    NodeArray,
    estimate_after,
    estimate_before,
    insert_after,
    insert_before,
    makespan,
    may_follow,
    may_precede,
)
from dispatchgym.baselines.random import State, draw, new_state


class Memory(NamedTuple):
    """The state of a search that persists between calls."""

    best: NodeArray  # (N,) topological order of the best schedule
    tabu: npt.NDArray[np.int64]  # (N, most operations on one machine) move until which x may not be put before y
    path: NodeArray  # (N,) work space: operations of a critical path, first to last
    moves: NodeArray  # (4N, 3) work space: u, v, and 1 if u moves right after v, 0 if v right before u
    tally: npt.NDArray[np.int64]  # moves made, makespan of `best`, moves since it improved
    random: State


IDLE = 2  # position in Memory.tally, after MOVES and BEST


def new_memory(graph: Graph, seed: int) -> Memory:
    """A memory with an empty tabu list, whose best schedule is that of `graph`."""
    n = len(graph.machine)
    visits = int(graph.local.max()) + 1 if n else 0
    return Memory(
        best=graph.order.copy(),
        tabu=np.zeros((n, visits), np.int64),
        path=np.zeros(n, np.uint32),
        moves=np.zeros((4 * n, 3), np.uint32),
        tally=np.array([0, makespan(graph), 0], np.int64),
        random=new_state(seed),
    )


@inlined
def critical_path(g, m, length):  # type: ignore[no-untyped-def]
    """Write a critical path, branches chosen at random, into m.path[first:]; return first."""
    pred, before, end, duration = g.prev, g.before, g.end, g.duration
    path = m.path
    n = path.size
    x, ties = g.final[0], 0
    for f in g.final:
        if end[f] == length:
            ties += 1
            if ties == 1 or draw(m, ties) == 0:
                x = f
    first = n
    none = np.uint32(n)
    while x < n:
        first -= 1
        path[first] = x
        head = end[x] - duration[x]
        p, b = pred[x], before[x]
        by_machine = p < n and end[p] == head
        if by_machine and (b > n or end[b] != head or draw(m, 2) == 0):
            x = p
        else:
            x = b if b < n and end[b] == head else none
    return first


@inlined
def is_tabu(g, m, u, v, forward, now):  # type: ignore[no-untyped-def]
    """Whether moving u right after v (forward) or v right before u restores a tabu arc."""
    succ, local = g.next, g.local
    x = u
    if forward:
        while x != v:
            x = succ[x]
            if m.tabu[x, local[u]] > now:
                return True
    else:
        while x != v:
            if m.tabu[v, local[x]] > now:
                return True
            x = succ[x]
    return False


@inlined
def forbid(g, m, u, v, forward, until):  # type: ignore[no-untyped-def]
    succ, local = g.next, g.local
    x = u
    if forward:
        while x != v:
            x = succ[x]
            m.tabu[u, local[x]] = until
    else:
        while x != v:
            m.tabu[x, local[v]] = until
            x = succ[x]


@inlined
def keep(g, m):  # type: ignore[no-untyped-def]
    """Store the schedule as the best one."""
    for i in range(g.order.size):
        m.best[i] = g.order[i]


@inlined
def apply_move(g, u, v, forward):  # type: ignore[no-untyped-def]
    if forward:
        insert_after(g, u, v)
    else:
        insert_before(g, v, u)


@inlined
def estimate(g, u, v, forward, limit):  # type: ignore[no-untyped-def]
    return estimate_after(g, u, v, limit) if forward else estimate_before(g, v, u, limit)


@inlined
def candidates(g, m, length):  # type: ignore[no-untyped-def]
    """List the moves (u, v, forward) in the blocks of a random critical path in m.moves; return their number."""
    machine, before, after, duration, end, tail = g.machine, g.before, g.after, g.duration, g.end, g.tail
    path, moves = m.path, m.moves
    n = machine.size
    first = critical_path(g, m, length)
    count = 0
    low = first
    while low < n:
        high = low + 1
        while high < n and machine[path[high]] == machine[path[low]]:
            high += 1
        high -= 1
        opens, closes = path[low], path[high]
        if high < n - 1:
            for i in range(low, high):
                if may_follow(after, duration, tail, path[i], closes):
                    moves[count, 0], moves[count, 1], moves[count, 2] = path[i], closes, 1
                    count += 1
        if low > first or end[opens] > duration[opens]:
            for i in range(low + (2 if high < n - 1 else 1), high + 1):
                if may_precede(before, duration, end, path[i], opens):
                    moves[count, 0], moves[count, 1], moves[count, 2] = opens, path[i], 0
                    count += 1
        for i in range(low + 1, high):
            if may_follow(after, duration, tail, opens, path[i]):
                moves[count, 0], moves[count, 1], moves[count, 2] = opens, path[i], 1
                count += 1
            if (i < high - 1 or high == n - 1) and may_precede(before, duration, end, closes, path[i]):
                moves[count, 0], moves[count, 1], moves[count, 2] = path[i], closes, 0
                count += 1
        low = high + 1
    return count


@inlined
def pick(g, m, count):  # type: ignore[no-untyped-def]
    """The listed move with the smallest estimate that is not tabu or may be a new best; ties at random; -1 if none."""
    moves, now, record = m.moves, m.tally[MOVES], m.tally[BEST]
    best = np.int64(2**40)
    chosen, ties = -1, 0
    for c in range(count):
        u, v, forward = moves[c, 0], moves[c, 1], moves[c, 2]
        e = estimate(g, u, v, forward, best)
        if e > best or (e >= record and is_tabu(g, m, u, v, forward, now)):
            continue
        ties = ties + 1 if e == best else 1
        if ties == 1 or draw(m, ties) == 0:
            best = np.int64(e)
            chosen = c
    return chosen
