"""The compiled part of list scheduling.

Everywhere: `duration` (N, P), -1 = cannot run there; the predecessors of task i are the rows ptr[i]:ptr[i + 1] of `pred` (E, 2),
predecessor and edge; its successors are succ[succ_ptr[i]:succ_ptr[i + 1]]; `transfer` (E, P, P); `begin` (N, P), no start before;
`pe` and `start` (N,) are filled, -1 = not placed yet.
"""

from __future__ import annotations

import numpy as np

from dispatchgym.baselines.compiled import compiled


@compiled(allocates=True)
def data_ready(i, p, duration, ptr, pred, transfer, begin, pe, start):  # type: ignore[no-untyped-def]
    """When the data of all placed predecessors of task i is at PE p."""
    tick = begin[i, p]
    for x in range(ptr[i], ptr[i + 1]):
        k, e = pred[x]
        q = pe[k]
        if q >= 0:
            tick = max(tick, start[k] + duration[k, q] + transfer[e, q, p])
    return tick


@compiled(allocates=True)
def slot(tick, ticks, p, duration, start, chain, insertion):  # type: ignore[no-untyped-def]
    """The first start on PE p from `tick` on, and the task after which it is (n + p: first).

    `chain` (N + P,) links the tasks of a PE by start. A task without length cannot be inside another one.
    """
    before = len(start) + p
    while chain[before] >= 0:
        i = chain[before]
        if insertion and tick + ticks <= start[i]:
            break
        tick = max(tick, start[i] + duration[i, p])
        before = i
    return tick, before


@compiled(allocates=True)
def place(i, p, tick, before, pe, start, chain):  # type: ignore[no-untyped-def]
    pe[i] = p
    start[i] = tick
    chain[i] = chain[before]
    chain[before] = i


@compiled(allocates=True)
def take_back(i, before, pe, start, chain):  # type: ignore[no-untyped-def]
    chain[before] = chain[i]
    pe[i] = start[i] = -1


@compiled(allocates=True)
def chains(duration, pe, start):  # type: ignore[no-untyped-def]
    """The chains of the tasks that are placed already."""
    n, pes = duration.shape
    chain = np.full(n + pes, -1, np.int64)
    for i in range(n):
        if pe[i] >= 0:
            before = n + pe[i]
            while chain[before] >= 0 and start[chain[before]] < start[i]:
                before = chain[before]
            chain[i] = chain[before]
            chain[before] = i
    return chain


@compiled(allocates=True)
def latest_child(i, duration, ptr, pred, succ_ptr, succ, transfer, begin, pe, start, chain):  # type: ignore[no-untyped-def]
    """The latest of the earliest finishes of the children of task i, which are placed and removed again."""
    pes = duration.shape[1]
    first = succ_ptr[i]
    count = succ_ptr[i + 1] - first
    behind = np.empty(count, np.int64)
    latest = -1
    for x in range(count):
        j = succ[first + x]
        best = 2**62
        q = at = 0
        for p in range(pes):
            if duration[j, p] >= 0:
                ready = data_ready(j, p, duration, ptr, pred, transfer, begin, pe, start)
                tick, before = slot(ready, duration[j, p], p, duration, start, chain, True)
                if tick + duration[j, p] < best:
                    best = tick + duration[j, p]
                    q, at, behind[x] = p, tick, before
        place(j, q, at, behind[x], pe, start, chain)
        latest = max(latest, best)
    for x in range(count - 1, -1, -1):
        take_back(succ[first + x], behind[x], pe, start, chain)
    return latest


@compiled(allocates=True)
def place_by_rank(  # type: ignore[no-untyped-def]
    duration, ptr, pred, succ_ptr, succ, transfer, begin, rank, extra, pin, insertion, lookahead, pe, start
):
    """Place the ready task of the highest rank until none is left; ties: the task that has been ready for longest.

    Its PE is `pin`, if that is not -1, or else the first with the smallest finish + `extra` (N, P) (`lookahead`: with the
    smallest last finish of its children, which are listed by rank).
    """
    n, pes = duration.shape
    chain = chains(duration, pe, start)
    missing = np.zeros(n, np.int64)
    for i in range(n):
        for x in range(ptr[i], ptr[i + 1]):
            missing[i] += 1 if pe[pred[x, 0]] < 0 else 0
    ready = np.empty(n, np.int64)
    waiting = 0
    for i in range(n):
        if pe[i] < 0 and missing[i] == 0:
            ready[waiting] = i
            waiting += 1
    while waiting > 0:
        first = 0
        for y in range(1, waiting):
            if rank[ready[y]] > rank[ready[first]]:
                first = y
        i = ready[first]
        for y in range(first, waiting - 1):
            ready[y] = ready[y + 1]
        waiting -= 1
        best = 2**62
        q = at = behind = 0
        for p in range(pes):
            if duration[i, p] < 0 or (pin[i] >= 0 and pin[i] != p):
                continue
            tick, before = slot(
                data_ready(i, p, duration, ptr, pred, transfer, begin, pe, start),
                duration[i, p],
                p,
                duration,
                start,
                chain,
                insertion,
            )
            value = tick + duration[i, p] + extra[i, p]
            if lookahead and succ_ptr[i] < succ_ptr[i + 1]:
                place(i, p, tick, before, pe, start, chain)
                value = latest_child(i, duration, ptr, pred, succ_ptr, succ, transfer, begin, pe, start, chain)
                take_back(i, before, pe, start, chain)
            if value < best:
                best = value
                q, at, behind = p, tick, before
        place(i, q, at, behind, pe, start, chain)
        for x in range(succ_ptr[i], succ_ptr[i + 1]):
            missing[succ[x]] -= 1
            if missing[succ[x]] == 0:
                ready[waiting] = succ[x]
                waiting += 1


@compiled(allocates=True)
def place_by_pair(duration, ptr, pred, succ_ptr, succ, transfer, begin, kind, pe, start):  # type: ignore[no-untyped-def]
    """Place the best pair of a ready task and a PE, after all tasks on that PE, until no task is left.

    kind 0: smallest finish; 1: the task whose smallest finish is the largest; 2: event by event, of the tasks whose
    predecessors have ended by then the one with the smallest finish. Ties: the lower task, then the lower PE.
    """
    n, pes = duration.shape
    free = np.zeros(pes, np.int64)
    missing = np.zeros(n, np.int64)
    for i in range(n):
        if pe[i] >= 0:
            free[pe[i]] = max(free[pe[i]], start[i] + duration[i, pe[i]])
        for x in range(ptr[i], ptr[i + 1]):
            missing[i] += 1 if pe[pred[x, 0]] < 0 else 0
    ready = np.empty(n, np.int64)
    arrived = np.empty((n, pes), np.int64)
    known = np.zeros(n, np.int64)  # when the last predecessor has ended
    waiting = 0
    for i in range(n):
        if pe[i] < 0 and missing[i] == 0:
            ready[waiting] = i
            waiting += 1
            known[i] = np.min(begin[i])
            for p in range(pes):
                arrived[i, p] = data_ready(i, p, duration, ptr, pred, transfer, begin, pe, start)
    while waiting > 0:
        now = 2**62
        for y in range(waiting):
            now = min(now, known[ready[y]])
        chosen = q = -1
        best = 2**62
        for y in range(waiting):
            i = ready[y]
            if kind == 2 and known[i] > now:
                continue
            least = 2**62
            at = -1
            for p in range(pes):
                if duration[i, p] >= 0 and max(arrived[i, p], free[p]) + duration[i, p] < least:
                    least = max(arrived[i, p], free[p]) + duration[i, p]
                    at = p
            key = -least if kind == 1 else least
            if key < best or (key == best and i < ready[chosen]):
                best = key
                chosen = y
                q = at
        i = ready[chosen]
        waiting -= 1
        ready[chosen] = ready[waiting]
        pe[i] = q
        start[i] = max(arrived[i, q], free[q])
        free[q] = start[i] + duration[i, q]
        for x in range(succ_ptr[i], succ_ptr[i + 1]):
            j = succ[x]
            missing[j] -= 1
            if missing[j] == 0:
                ready[waiting] = j
                waiting += 1
                for y in range(ptr[j], ptr[j + 1]):
                    known[j] = max(known[j], start[pred[y, 0]] + duration[pred[y, 0], pe[pred[y, 0]]])
                for p in range(pes):
                    arrived[j, p] = data_ready(j, p, duration, ptr, pred, transfer, begin, pe, start)
