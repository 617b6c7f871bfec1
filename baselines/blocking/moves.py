"""Neighbours of a sequence of moves and annealing over them, compiled.

A neighbour moves one operation, or the rest of a job, to another position in the sequence; `play` makes the result feasible.
Most positions are chosen to reverse a wait for a machine on a critical path.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.blocking.sequence import (
    REFUSED,
    Board,
    Ids,
    Plan,
    Shop,
    Table,
    copy_plan,
    new_plan,
    new_table,
    play,
)
from dispatchgym.baselines.budget import BEST, MOVES
from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.random import State, draw, fraction, new_state

# Shares of the kinds of moves, cumulated; chosen on generated shops, 10x10 to 25x10.
ANYWHERE = 0.4  # an operation earlier, or the rest of a job later
ADVANCE = 0.5  # an operation that waits for a machine comes before the one it waits for
DELAY = 0.6  # that one comes after it
EARLIER = 0.7  # the rest of the job that waits comes earlier
LATER = 0.8  # the rest of the job it waits for comes later; otherwise all remaining operations of either job move

NOW = 2  # position in Search.tally, after MOVES and BEST
_ONE = np.uint32(1)


class Search(NamedTuple):
    """The state of a search. N operations, of which `left` have not entered on the board."""

    current: Plan
    trial: Plan
    best: Plan
    table: Table
    tokens: Ids  # (N,) work space: operations to play after the part that is kept
    path: Ids  # (N,) work space: operations that wait for a machine on a critical path
    tally: npt.NDArray[np.int64]  # moves made, makespan of `best`, of `current`
    random: State
    left: int


def new_search(shop: Shop, board: Board, order: Ids, seed: int) -> Search:
    """Start from `order`, a playable sequence of the operations that have not entered on `board`."""
    n, count = len(shop.job), len(order)
    search = Search(
        current=new_plan(shop), trial=new_plan(shop), best=new_plan(shop), table=new_table(board),
        tokens=np.zeros(n, np.uint32), path=np.zeros(n, np.uint32), tally=np.zeros(3, np.int64),
        random=new_state(seed), left=count,
    )  # fmt: skip
    search.tokens[:count] = order
    length = play(shop, board, search.table, search.current, search.current, 0, search.tokens, count, REFUSED - 1)
    copy_plan(search.current, search.best, count)
    search.tally[BEST] = search.tally[NOW] = length
    return search


@inlined
def critical_waits(s, r):  # type: ignore[no-untyped-def]
    """Fill `path` with the operations on one critical path that wait for a machine, last first; return their number."""
    p = r.current
    none = np.uint32(s.job.size)
    x = none
    i = draw(r, r.left)
    for _i in range(r.left):
        y = p.order[i]
        if s.final[y] and p.entry[y] + s.duration[y] == r.tally[NOW]:
            x = y
            break
        i = i + 1 if i + 1 < r.left else 0
    n = 0
    for _ in range(r.left):  # the waits of a swap that waits for a repair form a cycle
        if x == none or p.place[x] == none:
            break
        before = p.cause[x]
        if before == none:
            if x == 0 or s.job[x - _ONE] != s.job[x]:
                break
            x = np.uint32(x - _ONE)
        else:
            if p.place[before] < none:
                r.path[n] = x
                n += 1
            x = np.uint32(before if s.final[before] else before + _ONE)
    return n


@inlined
def _advance(s, r, x, a):  # type: ignore[no-untyped-def]
    """Play operation x before position a and its cycle of swaps. Return the length of the kept part and of `tokens`."""
    p = r.current
    low = np.int64(p.begin[p.order[a]])
    r.tokens[0] = x
    n = 1
    for i in range(low, r.left):
        if p.order[i] != x:
            r.tokens[n] = p.order[i]
            n += 1
    return low, n


@inlined
def _delay(s, r, x, b):  # type: ignore[no-untyped-def]
    """Play operation x and the later ones of its job after position b. Return the length of the kept part and of `tokens`."""
    p = r.current
    j = s.job[x]
    low = np.int64(p.begin[x])
    n = 0
    for i in range(low, b + 1):
        if p.order[i] < x or s.job[p.order[i]] != j:
            r.tokens[n] = p.order[i]
            n += 1
    for i in range(low, b + 1):
        if p.order[i] >= x and s.job[p.order[i]] == j:
            r.tokens[n] = p.order[i]
            n += 1
    for i in range(b + 1, r.left):
        r.tokens[n] = p.order[i]
        n += 1
    return low, n


@inlined
def _shift(s, r, x, d):  # type: ignore[no-untyped-def]
    """Shift operation x and the later ones of its job by d positions. Return the length of the kept part and of `tokens`."""
    p = r.current
    j = s.job[x]
    a = np.int64(p.place[x])
    d = max(d, -a)
    low = np.int64(p.begin[p.order[min(a, a + d)]])
    n = 0
    for i in range(low, r.left + max(d, 0)):
        if a <= i - d < r.left and s.job[p.order[i - d]] == j:
            r.tokens[n] = p.order[i - d]
            n += 1
        if i < r.left and (i < a or s.job[p.order[i]] != j):
            r.tokens[n] = p.order[i]
            n += 1
    return low, n


@inlined
def _propose(s, r):  # type: ignore[no-untyped-def]
    """Write a random neighbour of the current plan to `tokens`; return the length of the kept part and of `tokens`."""
    p = r.current
    kind = fraction(r)
    d = draw(r, r.left // 2 + 1) + 1
    waits = critical_waits(s, r) if kind >= ANYWHERE else 0
    if waits == 0:
        x = p.order[draw(r, r.left)]
        a = np.int64(p.place[x])
        if draw(r, 2):
            return _advance(s, r, x, max(0, a - d))
        return _delay(s, r, x, min(r.left - 1, a + d))
    x = r.path[draw(r, waits)]
    y = p.cause[x]
    if kind < ADVANCE:
        return _advance(s, r, x, p.place[y])
    if kind < DELAY:
        return _delay(s, r, y, np.int64(p.place[x if s.final[x] else x + _ONE]))
    if kind < EARLIER:
        return _shift(s, r, x, -d)
    if kind < LATER:
        return _shift(s, r, y, d)
    x = x if draw(r, 2) else y
    while x > 0 and s.job[x - _ONE] == s.job[x] and p.place[x - _ONE] < s.job.size:
        x = np.uint32(x - _ONE)
    return _shift(s, r, x, d if draw(r, 2) else -d)


@compiled
def anneal_moves(s, board, r, moves, target, temperature):  # type: ignore[no-untyped-def]
    """Try `moves` random moves at one temperature (ticks), fewer once the best makespan is `target` or below."""
    for _ in range(moves):
        if r.tally[BEST] <= target:
            break
        r.tally[MOVES] += 1
        limit = np.int64(r.tally[NOW] - temperature * np.log(1.0 - fraction(r)))
        low, n = _propose(s, r)
        found = play(s, board, r.table, r.trial, r.current, low, r.tokens, n, limit)
        if found <= limit:
            copy_plan(r.trial, r.current, r.left)
            r.tally[NOW] = found
            if found < r.tally[BEST]:
                r.tally[BEST] = found
                copy_plan(r.current, r.best, r.left)
