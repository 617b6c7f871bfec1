"""The moves of tabu search in flexible shops, compiled: a task of a critical path goes to another place, on any of its machines.

Mastrolilli & Gambardella (Journal of Scheduling 3, 2000), neighbourhood Nopt: with the task taken off its machine, the ends and
tails of all others say which places keep the graph free of cycles and hold a best one, and give the makespan of each exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.budget import BEST, MOVES
from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.cpmodel.shop_graph import Ints, Nodes, Shop, put_on, ready, rest, restore, settle, take_off
from dispatchgym.baselines.random import State, draw, new_state

IDLE, TASK, OPTION, POSITION = 2, 3, 4, 5  # positions in Memory.tally, after MOVES and BEST
FAR = 2**40


class Memory(NamedTuple):
    """The state of a search that persists between calls."""

    chosen: Nodes  # (N,) options of the best schedule
    order: Nodes  # (N,) its topological order
    tabu: Ints  # (K,) move until which a task may not be given this option
    path: Nodes  # (N,) work space: tasks of a critical path, first to last
    # Moves made, the best makespan, moves since it improved, and the move that is picked: task, option and position.
    tally: npt.NDArray[np.int64]
    random: State


def new_memory(g: Shop, seed: int) -> Memory:
    """A memory with an empty tabu list, whose best schedule is that of `g`."""
    tally = np.zeros(6, np.int64)
    tally[BEST] = g.highest[-1]
    return Memory(
        g.chosen.copy(), g.order.copy(), np.zeros(len(g.option_ticks), np.int64), np.zeros_like(g.order), tally, new_state(seed)
    )


@inlined
def critical_path(g, m, length):  # type: ignore[no-untyped-def]
    """Write a critical path, branches chosen at random, into m.path[first:]; return first."""
    n = g.order.size
    x, ties = np.uint32(n), 0
    for last in range(n):
        if g.end[last] == length:
            ties += 1
            if ties == 1 or draw(m, ties) == 0:
                x = np.uint32(last)
    first = n
    while x < n:
        first -= 1
        m.path[first] = x
        head = g.end[x] - g.ticks[x]
        y, ties = np.uint32(n), 0
        if head > g.release[x] or head == 0:
            p = g.prev[x]
            if p < n and g.end[p] == head:
                y, ties = p, 1
            for z in range(g.before_at[x], g.before_at[x + 1]):
                b = g.before[z]
                if g.end[b] == head:
                    ties += 1
                    if ties == 1 or draw(m, ties) == 0:
                        y = b
        x = y
    return first


@inlined
def ends_without(g, v, p):  # type: ignore[no-untyped-def]
    """The ends of the tasks after place p if v, which is off its machine, takes no time; returns the makespan of the others."""
    n = g.order.size
    end = g.end_without
    end[v] = ready(g, v, g.end)
    latest = g.highest[p]
    for i in range(p + np.uint32(1), n):
        x = g.order[i]
        e = max(ready(g, x, end), end[g.prev[x]]) + g.ticks[x]
        end[x] = e
        latest = max(latest, e)
    return latest


@inlined
def tails_without(g, v, p):  # type: ignore[no-untyped-def]
    """The tails of the tasks before place p, likewise."""
    tail = g.tail_without
    tail[v] = rest(g, v, g.tail)
    for k in range(p):
        x = g.order[p - np.uint32(1) - np.uint32(k)]
        tail[x] = max(rest(g, x, tail), tail[g.next[x]]) + g.ticks[x]


@inlined
def first_late(g, k, head):  # type: ignore[no-untyped-def]
    """The position of the first task on machine k that ends after `head` (tasks without one are left out)."""
    low, high = np.uint32(0), g.length[k]
    while low < high:
        middle = (low + high) >> np.uint32(1)
        if g.end_without[g.row[k, middle]] > head:
            high = middle
        else:
            low = middle + np.uint32(1)
    return low


@inlined
def first_short(g, k, tail):  # type: ignore[no-untyped-def]
    """The position of the first task on machine k whose tail is not above `tail`."""
    low, high = np.uint32(0), g.length[k]
    while low < high:
        middle = (low + high) >> np.uint32(1)
        if g.tail_without[g.row[k, middle]] > tail:
            low = middle + np.uint32(1)
        else:
            high = middle
    return low


@inlined
def through(g, k, i, head, ticks, tail):  # type: ignore[no-untyped-def]
    """The longest path through a task of `ticks` that becomes task i of machine k."""
    n = g.order.size
    before = g.end_without[g.row[k, i - np.uint32(1)]] if i > 0 else g.end_without[n]
    after = g.tail_without[g.row[k, i]] if i < g.length[k] else g.tail_without[n]
    return max(head, before) + ticks + max(tail, after)


@inlined
def pick(g, m, first, record):  # type: ignore[no-untyped-def]
    """Put the best move of the path m.path[first:] that is not tabu, or is a new best, into m.tally.

    If all are tabu, a random one. Returns whether there is a move. Ties of the makespan go to the shorter path through the task.
    """
    n, machines = g.order.size, g.length.size
    now = m.tally[MOVES]
    best, shortest, ties, others = np.int64(FAR), np.int64(FAR), 0, 0
    done = np.uint32(n - 1)  # tails up to this place are those without the task before
    for c in range(n - 1, first - 1, -1):
        v = m.path[c]
        p = g.place[v]
        head, tail = ready(g, v, g.end), rest(g, v, g.tail)
        promising = False
        for o in range(g.option_at[v], g.option_at[v + np.uint32(1)]):
            promising |= head + g.option_ticks[o] + tail <= best and (o != g.chosen[v] or g.machine[v] < machines)
        if not promising:
            continue
        own, old = g.chosen[v], g.at[v]
        take_off(g, v)
        without = ends_without(g, v, p)
        if without <= best:
            for i in range(p, done + np.uint32(1)):
                g.tail_without[g.order[i]] = g.tail[g.order[i]]
            done = p
            tails_without(g, v, p)
            for o in range(g.option_at[v], g.option_at[v + np.uint32(1)]):
                ticks, k = g.option_ticks[o], g.option_machine[o]
                if head + ticks + tail > best or (o == own and k >= machines):
                    continue
                low, high = np.uint32(0), np.uint32(0)
                if k < machines:
                    low, high = first_late(g, k, head), first_short(g, k, tail)
                for i in range(min(low, high), max(low, high) + 1):
                    if o == own and i == old:
                        continue
                    path = head + ticks + tail if k >= machines else through(g, k, np.uint32(i), head, ticks, tail)
                    value = max(without, path)
                    if m.tabu[o] > now and value >= record:
                        if ties == 0:
                            others += 1
                            if draw(m, others) == 0:
                                m.tally[TASK], m.tally[OPTION], m.tally[POSITION] = v, o, i
                        continue
                    if value > best or (value == best and path > shortest):
                        continue
                    ties = ties + 1 if value == best and path == shortest else 1
                    if ties == 1 or draw(m, ties) == 0:
                        best, shortest = value, path
                        m.tally[TASK], m.tally[OPTION], m.tally[POSITION] = v, o, i
        put_on(g, v, own, old)
    return ties + others > 0


@inlined
def scatter(g, m, first):  # type: ignore[no-untyped-def]
    """Move a random task of the path m.path[first:] to a random place of a random option of it; return the makespan."""
    n, machines = g.order.size, g.length.size
    v = m.path[first + draw(m, n - first)]
    o = g.option_at[v] + np.uint32(draw(m, g.option_at[v + np.uint32(1)] - g.option_at[v]))
    take_off(g, v)
    ends_without(g, v, g.place[v])
    tails_without(g, v, g.place[v])
    i, k = np.uint32(0), g.option_machine[o]
    if k < machines:
        a, b = first_late(g, k, ready(g, v, g.end)), first_short(g, k, rest(g, v, g.tail))
        i = min(a, b) + np.uint32(draw(m, max(a, b) - min(a, b) + 1))
    put_on(g, v, o, i)
    return settle(g)


@inlined
def keep(g, m):  # type: ignore[no-untyped-def]
    """Store the schedule as the best one."""
    for i in range(g.order.size):
        m.chosen[i], m.order[i] = g.chosen[i], g.order[i]


@compiled
def tabu_moves(g, m, moves, target, tenure, spread, patience, kick):  # type: ignore[no-untyped-def]
    """Make up to `moves` moves, fewer once the best makespan is `target` or below."""
    length = g.highest[g.order.size]
    for _ in range(moves):
        if m.tally[BEST] <= target:
            break
        m.tally[MOVES] += 1
        m.tally[IDLE] += 1
        first = critical_path(g, m, length)
        found = pick(g, m, first, m.tally[BEST])
        if found:
            v = np.uint32(m.tally[TASK])
            m.tabu[g.chosen[v]] = m.tally[MOVES] + tenure + draw(m, spread)
            take_off(g, v)
            put_on(g, v, np.uint32(m.tally[OPTION]), np.uint32(m.tally[POSITION]))
            length = settle(g)
            if length < m.tally[BEST]:
                m.tally[BEST], m.tally[IDLE] = length, 0
                keep(g, m)
        if not found or m.tally[IDLE] >= patience:
            m.tally[IDLE] = 0
            length = restore(g, m.chosen, m.order)
            for _ in range(draw(m, kick) + 1):
                length = scatter(g, m, critical_path(g, m, length))
