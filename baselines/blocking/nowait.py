"""No-wait shops: only the starts of the jobs are free. Annealing over the order in which jobs are inserted, compiled.

The decomposition into sequencing and timetabling is that of Schuster & Framinan (Operations Research Letters 31, 2003); here
a job is inserted at the earliest feasible start, also between jobs inserted before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.budget import BEST, MOVES
from dispatchgym.baselines.compiled import compiled
from dispatchgym.baselines.random import State, draw, fraction, new_state
from dispatchgym.instances.blocking.instance import BlockingShop, stay_ticks

Ticks = npt.NDArray[np.int64]
NOW = 2  # position in Line.tally, after MOVES and BEST


class Line(NamedTuple):
    """A no-wait shop and the state of a search. J jobs; at most C separate clashes of two jobs."""

    length: Ticks  # (J,) work of a job
    release: Ticks  # (J,)
    low: Ticks  # (J, J, C) job b may not begin more than `low` and less than `high` ticks after job a, for each c
    high: Ticks  # (J, J, C) increasing in c
    clashes: Ticks  # (J, J) number of clashes
    order: Ticks  # (J,) jobs in the order of insertion
    trial: Ticks  # (J,)
    best: Ticks  # (J,)
    begin: Ticks  # (J,) work space: start of each job
    tally: Ticks  # moves made, makespan of `best`, of `order`
    random: State


def new_line(instance: BlockingShop, seed: int) -> Line:
    """The clashes of all pairs, and the jobs in the order of their ids."""
    shop = instance.shop
    head = np.cumsum(shop.duration.astype(np.int64), axis=1) - shop.duration
    held = stay_ticks(shop)
    pairs = [[_clashes(shop.machine, held, head, a, b) for b in range(shop.jobs)] for a in range(shop.jobs)]
    clashes = np.array([[len(p) for p in row] for row in pairs], np.int64)
    bounds = np.zeros((2, shop.jobs, shop.jobs, max(1, int(clashes.max()))), np.int64)
    for a, row in enumerate(pairs):
        for b, found in enumerate(row):
            if found:
                bounds[:, a, b, : len(found)] = np.array(found).T
    order = np.arange(shop.jobs)
    line = Line(shop.duration.sum(axis=1, dtype=np.int64), shop.release.astype(np.int64), bounds[0], bounds[1], clashes,
                order, order.copy(), order.copy(), np.zeros(shop.jobs, np.int64), np.zeros(3, np.int64),
                new_state(seed))  # fmt: skip
    line.tally[BEST] = line.tally[NOW] = timetable(line, line.order, 2**40)
    return line


def _clashes(machine: np.ndarray, duration: np.ndarray, head: Ticks, a: int, b: int) -> list[tuple[int, int]]:
    """Open intervals of the delay of job b against job a in which two of their operations overlap, merged and in order."""
    if a == b:
        return []
    k, i = np.nonzero((machine[a][:, None] == machine[b][None, :]) & (machine[a][:, None] >= 0))
    low = head[a, k] - head[b, i] - duration[b, i]
    high = low + duration[b, i] + duration[a, k]
    merged: list[tuple[int, int]] = []
    for lo, hi in sorted((int(x), int(y)) for x, y in zip(low, high, strict=True) if x < y):
        if merged and lo < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], hi))
        else:
            merged.append((lo, hi))
    return merged


@compiled
def timetable(l, order, limit):  # type: ignore[no-untyped-def]  # noqa: E741
    """Insert the jobs of `order` as early as possible; return the makespan, or 2**40 once it exceeds `limit`."""
    longest = 0
    for n in range(order.size):
        b = order[n]
        t = l.release[b]
        settled, i = 0, 0  # number of consecutive earlier jobs, cyclically, that t does not clash with
        while settled < n:
            a = order[i]
            delay = t - l.begin[a]
            settled += 1
            for c in range(l.clashes[a, b]):
                if l.high[a, b, c] > delay:
                    if l.low[a, b, c] < delay:
                        delay = l.high[a, b, c]
                        settled = 1
                    else:
                        break
            t = l.begin[a] + delay
            i = i + 1 if i + 1 < n else 0
        l.begin[b] = t
        longest = max(longest, t + l.length[b])
        if longest > limit:
            return 2**40
    return longest


@compiled
def anneal_orders(l, moves, target, temperature):  # type: ignore[no-untyped-def]  # noqa: E741
    """Try `moves` random moves at one temperature (ticks): move a job to another position, or swap two jobs."""
    jobs = l.order.size
    for _ in range(moves):
        if l.tally[BEST] <= target:
            break
        l.tally[MOVES] += 1
        limit = np.int64(l.tally[NOW] - temperature * np.log(1.0 - fraction(l)))
        a, b = draw(l, jobs), draw(l, jobs)
        for i in range(jobs):
            l.trial[i] = l.order[i]
        if draw(l, 2):
            l.trial[a], l.trial[b] = l.order[b], l.order[a]
        else:
            step = 1 if a < b else -1
            for i in range(a, b, step):
                l.trial[i] = l.order[i + step]
            l.trial[b] = l.order[a]
        found = timetable(l, l.trial, limit)
        if found <= limit:
            for i in range(jobs):
                l.order[i] = l.trial[i]
            l.tally[NOW] = found
            if found < l.tally[BEST]:
                l.tally[BEST] = found
                for i in range(jobs):
                    l.best[i] = l.order[i]


def starts(instance: BlockingShop, line: Line) -> Ticks:
    """(J, K) entry times of the best order found; -1 after a job's last operation."""
    timetable(line, line.best, 2**40)
    duration = instance.shop.duration.astype(np.int64)
    head = np.cumsum(duration, axis=1) - duration
    return np.where(instance.shop.machine >= 0, line.begin[:, None] + head, -1)
