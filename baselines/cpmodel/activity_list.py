"""Simulated annealing over activity lists, compiled: any model, any of its objectives.

A state is an order of the tasks in which every lag leads forwards, and for each task either a mode or "the mode that ends
first". The serial scheme places the tasks in that order. Moves shift a task within the order or change its choice of mode
(Bouleimen & Lecocq, EJOR 149, 2003, with one temperature for both).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from dispatchgym.baselines.budget import BEST, MOVES
from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.cpmodel.dispatch_kernel import fit, split
from dispatchgym.baselines.random import State, draw, fraction, new_state
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, placing_order

DEAD = 2**62  # the objective of an order that leaves a task without a mode
FIRST = -1  # the mode that ends first
CURRENT, BEGUN = 2, 3  # positions in Search.tally, after MOVES and BEST: the current objective, and whether it is known
MODE_SHARE = 4  # every so many moves change a mode, where there is a choice


class Prices(NamedTuple):
    """The objective as arrays."""

    scalar: Any  # (3,) offset, weights of makespan and maximum lateness
    completion: Any  # (N,) weights
    tardiness: Any  # (N,)
    dated: Any  # (N,) 1 = has a due date
    due: Any  # (N,)
    cost: Any  # (M,) of a row, times its weight


class Search(NamedTuple):
    """The state of a search that persists between calls."""

    order: Any  # (N,) the current order
    place: Any  # (N,) position of a task in it
    taken: Any  # (N,) mode or FIRST
    before_at: Any  # (N + 1,)
    before: Any  # (L,) tasks from which a lag leads to a task
    several: Any  # (S,) tasks of several modes
    trial: Any  # (N,) order that is tried
    best_start: Any  # (N,)
    best_mode: Any  # (N,)
    tally: Any  # moves, the best objective, the current one, and 1 once that is known
    random: State


def prices(x: CPInstance) -> Prices:
    o, n = x.objective, len(x.tasks)
    return Prices(
        scalar=np.array([o.offset, o.makespan, o.lateness]),
        completion=np.array(o.completion or (0,) * n),
        tardiness=np.array(o.tardiness or (0,) * n),
        dated=np.array([int(task.due is not None) for task in x.tasks]),
        due=np.array([task.due or 0 for task in x.tasks]),
        cost=np.array([mode.cost * o.cost for task in x.tasks for mode in task.modes]),
    )


def new_search(x: CPInstance, schedule: CPSchedule | None, objective: int, seed: int) -> Search:
    """A search that begins with the tasks in the order of the starts of `schedule`, whose objective is given.

    Without a schedule it begins with any order that lags allow, and `objective` is DEAD.
    """
    n = len(x.tasks)
    any_order = np.array(placing_order(x), np.int64)
    order = any_order if schedule is None else _forwards(x, np.lexsort((np.argsort(any_order), schedule.start)))
    if schedule is None:
        schedule = CPSchedule(np.full(n, -1), np.full(n, -1))
    before = sorted((g.second, g.first) for g in x.lags)
    counts = np.bincount([j for j, _ in before], minlength=n) if before else np.zeros(n, np.int64)
    return Search(
        order=order, place=np.argsort(order), taken=np.full(n, FIRST),
        before_at=np.concatenate([[0], np.cumsum(counts)]), before=np.array([i for _, i in before], np.int64),
        several=np.array([i for i, task in enumerate(x.tasks) if len(task.modes) > 1], np.int64), trial=np.zeros(n, np.int64),
        best_start=schedule.start.astype(np.int64), best_mode=schedule.mode.astype(np.int64),
        tally=np.array([0, objective, DEAD, 0]), random=new_state(seed),
    )  # fmt: skip


def _forwards(x: CPInstance, wanted: Any) -> Any:
    """The tasks in the wanted order, each after those from which a lag leads to it."""
    import heapq

    rank = np.argsort(wanted).tolist()
    waits = [0] * len(rank)
    after: list[list[int]] = [[] for _ in rank]
    for g in x.lags:
        waits[g.second] += 1
        after[g.first].append(g.second)
    heap = [(rank[i], i) for i, n in enumerate(waits) if n == 0]
    heapq.heapify(heap)
    found = []
    while heap:
        _, i = heapq.heappop(heap)
        found.append(i)
        for j in after[i]:
            waits[j] -= 1
            if waits[j] == 0:
                heapq.heappush(heap, (rank[j], j))
    return np.array(found, np.int64)


@inlined
def place_first(t, s, i, wanted):  # type: ignore[no-untyped-def]
    """Place task i in its mode `wanted`, or in the one that ends first; False if there is none."""
    end, chosen, start = DEAD, -1, 0
    low, high = t.row_at[i], t.row_at[i + 1]
    if wanted >= 0:
        low, high = low + wanted, low + wanted + 1
    for x in range(low, high):
        if s.closed[x]:
            continue
        begin = fit(t, s.time, s.used, s.count, x, s.ready[x])
        if begin <= t.latest[x] and begin + t.ticks[x] < end:
            end, chosen, start = begin + t.ticks[x], x, begin
    if chosen < 0:
        return False
    s.start[i], s.mode[i] = start, chosen - t.row_at[i]
    if end > start:
        for q in range(t.demand_at[chosen], t.demand_at[chosen + 1]):
            r = t.needs[q, 0]
            first = split(s.time, s.used, s.count, t.step_at[r], r, start)
            last = split(s.time, s.used, s.count, t.step_at[r], r, end)
            for z in range(first, last):
                s.used[z] += t.needs[q, 1]
    for z in range(t.bar_at[chosen], t.bar_at[chosen + 1]):
        s.closed[t.bar[z]] = 1
    for a in range(t.lag_at[i], t.lag_at[i + 1]):
        second = t.lag[a, 0]
        if t.lag[a, 4] < 0 or t.lag[a, 4] == s.mode[i]:
            point = (end if t.lag[a, 1] else start) + t.lag[a, 3]
            for y in range(t.row_at[second], t.row_at[second + 1]):
                if t.lag[a, 5] < 0 or t.lag[a, 5] == y - t.row_at[second]:
                    s.ready[y] = max(s.ready[y], point - (t.ticks[y] if t.lag[a, 2] else 0))
    return True


@inlined
def priced(t, p, s):  # type: ignore[no-untyped-def]
    """The objective of a whole schedule."""
    latest, late, total = 0, -(2**31), p.scalar[0]
    for i in range(len(s.start)):
        row = t.row_at[i] + s.mode[i]
        end = s.start[i] + t.ticks[row]
        latest = max(latest, end)
        total += p.completion[i] * end + p.cost[row]
        if p.dated[i]:
            total += p.tardiness[i] * max(0, end - p.due[i])
            late = max(late, end - p.due[i])
    return total + p.scalar[1] * latest + p.scalar[2] * late


@inlined
def decode(t, p, s, order, taken):  # type: ignore[no-untyped-def]
    """Place the tasks in `order`; returns the objective, DEAD in a dead end."""
    n = len(order)
    for r in range(len(t.capacity)):
        s.count[r] = t.steps[r]
        for z in range(t.step_at[r], t.step_at[r] + t.steps[r]):
            s.time[z], s.used[z] = t.time[z], t.used[z]
    for i in range(n):
        for x in range(t.row_at[i], t.row_at[i + 1]):
            s.ready[x], s.closed[x] = t.release[i], 0
    for k in range(n):
        if not place_first(t, s, order[k], taken[order[k]]):
            return DEAD
    return priced(t, p, s)


@inlined
def shifted(t, a, k):  # type: ignore[no-untyped-def]
    """Write to a.trial the order with its task k at a random other place that lags allow; False if there is none."""
    n = len(a.order)
    i = a.order[k]
    low, high = -1, n
    for z in range(a.before_at[i], a.before_at[i + 1]):
        low = max(low, a.place[a.before[z]])
    for z in range(t.lag_at[i], t.lag_at[i + 1]):
        high = min(high, a.place[t.lag[z, 0]])
    room = high - low - 2
    if room <= 0:
        return False
    to = low + 1 + draw(a, room)
    to += to >= k
    for z in range(n):
        a.trial[z] = a.order[z]
    step = 1 if to > k else -1
    z = k
    while z != to:
        a.trial[z] = a.order[z + step]
        z += step
    a.trial[to] = i
    return True


@inlined
def accept(a, s, value):  # type: ignore[no-untyped-def]
    """Go on from the order that was tried."""
    for k in range(len(a.order)):
        a.order[k] = a.trial[k]
        a.place[a.trial[k]] = k
    a.tally[CURRENT] = value
    if value < a.tally[BEST]:
        a.tally[BEST] = value
        for k in range(len(a.order)):
            a.best_start[k], a.best_mode[k] = s.start[k], s.mode[k]


@inlined
def changed(t, a):  # type: ignore[no-untyped-def]
    """Make a random move in a.trial and a.taken; returns the task whose mode it changed and the former mode, -1 for none."""
    n = len(a.order)
    if len(a.several) > 0 and draw(a, MODE_SHARE) == 0:
        i = a.several[draw(a, len(a.several))]
        old = a.taken[i]
        a.taken[i] = draw(a, t.row_at[i + 1] - t.row_at[i] + 1) - 1
        for k in range(n):
            a.trial[k] = a.order[k]
        return i, old
    for _ in range(n):  # a task may have no other place
        if shifted(t, a, draw(a, n)):
            return -1, 0
    for k in range(n):
        a.trial[k] = a.order[k]
    return -1, 0


@compiled
def anneal_orders(t, p, s, a, moves, target, temperature):  # type: ignore[no-untyped-def]
    """Try `moves` random moves at one temperature, fewer once the best objective is `target` or below."""
    for _ in range(moves):
        if a.tally[BEST] <= target:
            break
        a.tally[MOVES] += 1
        i, old = np.int64(-1), np.int64(0)
        if a.tally[BEGUN]:
            i, old = changed(t, a)
        else:
            a.tally[BEGUN] = 1
            for k in range(len(a.order)):
                a.trial[k] = a.order[k]
        value = decode(t, p, s, a.trial, a.taken)
        if value <= a.tally[CURRENT] - temperature * np.log(1.0 - fraction(a)):
            accept(a, s, value)
        elif i >= 0:
            a.taken[i] = old
