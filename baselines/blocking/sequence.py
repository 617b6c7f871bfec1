"""Schedules of a blocking shop as sequences of moves, and the player that repairs and times any sequence, compiled.

A schedule is the sequence in which operations enter their machines; played in that order, each as early as it can, it gives
the earliest schedule of its machine orders (the longest paths in the alternative graph of Mascis & Pacciarelli, EJOR 143,
2002). Any sequence can be played: if a job holds the machine that another job needs, it moves first, and so does, in turn, the
job that blocks it. If these jobs wait for each other in a cycle, they swap (bws) or the sequence is rejected (bns).

Operations are numbered row by row, in route order; jobs and machines by their ids. One id beyond the last means "none".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop

# Unsigned ids: for a signed index numba adds a test for Python's negative indices.
Ids = npt.NDArray[np.uint32]
Ticks = npt.NDArray[np.int64]

# Without _nrt=False every array access updates a reference count, which makes a search ten times slower.
REFUSED = 2**40  # the makespan of a sequence that cannot be played, or passes the limit
_ONE = np.uint32(1)


class Shop(NamedTuple):
    """The routes. N operations."""

    job: Ids  # (N,)
    machine: Ids  # (N,)
    duration: Ticks  # (N,)
    rest: Ticks  # (N,) work of the job from this operation on
    final: npt.NDArray[np.bool_]  # (N,) last operation of its job
    swap: bool


class Board(NamedTuple):
    """Where the jobs stand. J jobs, M machines."""

    following: Ids  # (J,) next operation; one beyond the job's last if it has entered that
    ready: Ticks  # (J,) when the job can make its next move
    seat: Ids  # (J,) machine that the job holds until its next move; M if none
    free: Ticks  # (M+1,) when a machine is up and, if no job holds it, free
    holder: Ids  # (M+1,) job that holds a machine until its next move; J if none
    last: Ids  # (M+1,) operation that entered a machine last; N if none


class Plan(NamedTuple):
    """A sequence of the operations that have not entered on some board, and its times."""

    order: Ids  # (N,) operations; entries beyond their number are unused
    place: Ids  # (N,) position of an operation in `order`
    begin: Ids  # (N,) position of the first operation of its cycle of swaps, its own if it does not swap
    entry: Ticks  # (N,) when an operation's job enters its machine
    cause: Ids  # (N,) operation before it on its machine if it waits for the machine; N if for its own job


class Table(NamedTuple):
    """Work space of `play`."""

    board: Board
    chain: Ids  # (J,) jobs, each waiting for the machine of the next
    rank: npt.NDArray[np.int64]  # (J,) position in `chain`, -1 outside; -1 between calls


def flatten(instance: BlockingShop) -> Shop:
    used = instance.shop.machine >= 0
    duration = instance.shop.duration.astype(np.int64)
    rest = np.cumsum(duration[:, ::-1], axis=1)[:, ::-1]
    final = used & ~np.pad(used, ((0, 0), (0, 1)))[:, 1:]
    job = np.nonzero(used)[0].astype(np.uint32)
    return Shop(job, instance.shop.machine[used].astype(np.uint32), duration[used], rest[used], final[used],
                instance.variant == "bws")  # fmt: skip


def empty_board(instance: BlockingShop) -> Board:
    """All jobs outside, each ready at its release."""
    jobs, machines = instance.shop.jobs, instance.shop.machines
    length = instance.shop.operations.astype(np.int64)
    return Board(
        following=(np.cumsum(length) - length).astype(np.uint32),
        ready=instance.shop.release.astype(np.int64),
        seat=np.full(jobs, machines, np.uint32),
        free=np.zeros(machines + 1, np.int64),
        holder=np.full(machines + 1, jobs, np.uint32),
        last=np.full(machines + 1, int(length.sum()), np.uint32),
    )


def new_plan(shop: Shop) -> Plan:
    n = len(shop.job)
    return Plan(
        np.zeros(n, np.uint32), np.full(n, n, np.uint32), np.zeros(n, np.uint32), np.zeros(n, np.int64), np.full(n, n, np.uint32)
    )


def copied(board: Board) -> Board:
    return Board(
        following=board.following.copy(),
        ready=board.ready.copy(),
        seat=board.seat.copy(),
        free=board.free.copy(),
        holder=board.holder.copy(),
        last=board.last.copy(),
    )


def new_table(board: Board) -> Table:
    jobs = len(board.ready)
    return Table(copied(board), np.zeros(jobs + 1, np.uint32), np.full(jobs + 1, -1, np.int64))


def to_schedule(instance: BlockingShop, entry: Ticks) -> BlockingSchedule:
    used = instance.shop.machine >= 0
    start = np.full(used.shape, -1, np.int64)
    start[used] = entry
    return BlockingSchedule(start)


@inlined
def copy_board(source, target):  # type: ignore[no-untyped-def]
    for j in range(source.ready.size):
        target.following[j] = source.following[j]
        target.ready[j] = source.ready[j]
        target.seat[j] = source.seat[j]
    for m in range(source.free.size):
        target.free[m] = source.free[m]
        target.holder[m] = source.holder[m]
        target.last[m] = source.last[m]


@compiled(inline=True)
def copy_plan(source, target, count):  # type: ignore[no-untyped-def]
    for i in range(count):
        x = source.order[i]
        target.order[i] = x
        target.place[x] = i
        target.begin[x] = source.begin[x]
        target.entry[x] = source.entry[x]
        target.cause[x] = source.cause[x]


@inlined
def _leave(b, j, t):  # type: ignore[no-untyped-def]
    """Job j releases the machine it holds; machine M means none."""
    m = b.seat[j]
    b.free[m] = max(b.free[m], t)  # later than t if the machine is down
    b.holder[m] = b.ready.size


@inlined
def _enter(s, b, x, j, m, t):  # type: ignore[no-untyped-def]
    """Job j enters machine m for operation x at t; after its last operation it holds no machine."""
    b.following[j] = x + _ONE
    b.last[m] = x
    done = t + s.duration[x]
    b.ready[j] = done
    if s.final[x]:
        b.free[m] = done
        b.seat[j] = b.free.size - 1
    else:
        b.holder[m] = j
        b.seat[j] = m


@inlined
def _find_chain(s, b, w, j):  # type: ignore[no-untyped-def]
    """Fill `chain` with the jobs that must move before job j; return its last position and the begin of the cycle (-1: none)."""
    none = b.ready.size
    n, closed = 0, -1
    w.chain[0] = j
    w.rank[j] = 0
    while True:
        h = b.holder[s.machine[b.following[j]]]
        if h == none or h == j:  # noqa: SIM109  (two types)
            break
        if w.rank[h] >= 0:
            closed = w.rank[h]
            break
        n += 1
        w.chain[n] = h
        w.rank[h] = n
        j = h
    for c in range(n + 1):
        w.rank[w.chain[c]] = -1
    return n, closed


@inlined
def _swap(s, b, w, p, n, closed, out, limit):  # type: ignore[no-untyped-def]
    """Move the jobs of the chain from position `closed` to `n` at one instant; return a bound on their completion, or REFUSED."""
    t = b.ready[w.chain[n]]
    for c in range(closed, n + 1):
        j = w.chain[c]
        t = max(t, b.ready[j], b.free[b.seat[j]])
    longest = t
    begin = out
    for c in range(closed, n + 1):
        j = w.chain[c]
        x = b.following[j]
        longest = max(longest, t + s.rest[x])
        p.cause[x] = s.job.size if b.ready[j] == t else b.last[s.machine[x]]
        p.entry[x] = t
        p.place[x] = out
        p.begin[x] = begin
        p.order[out] = x
        out += 1
    if longest > limit:
        return REFUSED
    for c in range(closed, n + 1):
        _leave(b, w.chain[c], t)
    for c in range(closed, n + 1):
        j = w.chain[c]
        x = b.following[j]
        _enter(s, b, x, j, s.machine[x], t)
    return longest


@inlined
def _move(s, b, p, j, out, limit):  # type: ignore[no-untyped-def]
    """Job j enters its next machine, which is free, as early as possible; return a bound on its completion, or REFUSED."""
    x = b.following[j]
    m = s.machine[x]
    t = b.ready[j]
    p.cause[x] = s.job.size
    if b.free[m] > t and b.holder[m] != j:
        t = b.free[m]
        p.cause[x] = b.last[m]
    end = t + s.rest[x]
    if end > limit:
        return REFUSED
    p.entry[x] = t
    p.place[x] = out
    p.begin[x] = out
    p.order[out] = x
    _leave(b, j, t)
    _enter(s, b, x, j, m, t)
    return end


@compiled
def play(s, board, w, p, known, low, tokens, count, limit):  # type: ignore[no-untyped-def]
    """Play the first `low` operations of plan `known`, then `count` operations of `tokens`, from `board`; plan p records it.

    The part of `known` must not end within a cycle of swaps. If earlier operations of a job are still to be played, they are
    played first; an operation already played is skipped. Returns the makespan, or REFUSED once it must exceed `limit` or
    a cycle may not swap.
    """
    b = w.board
    copy_board(board, b)
    longest = 0
    for i in range(low):
        x = known.order[i]
        j, m, t = s.job[x], s.machine[x], known.entry[x]
        p.order[i] = x
        p.place[x] = i
        p.begin[x] = known.begin[x]
        p.entry[x] = t
        p.cause[x] = known.cause[x]
        seat = b.seat[j]
        if b.last[seat] == x - _ONE:  # otherwise a partner of a swap has already entered
            b.free[seat] = max(b.free[seat], t)
        if b.holder[seat] == j:
            b.holder[seat] = b.ready.size
        _enter(s, b, x, j, m, t)
        longest = max(longest, b.ready[j])
    out = low
    for i in range(count):
        x = tokens[i]
        j = s.job[x]
        while b.following[j] <= x:
            n, closed = _find_chain(s, b, w, j)
            if closed >= 0:
                if not s.swap:
                    return REFUSED
                end = _swap(s, b, w, p, n, closed, out, limit)
                if end == REFUSED:
                    return REFUSED
                out += n + 1 - closed
                longest = max(longest, end)
                continue
            for c in range(n, -1, -1):
                if c < n and b.holder[s.machine[b.following[w.chain[c]]]] != b.ready.size:
                    break  # the job that had to move has its next operation on the same machine
                end = _move(s, b, p, w.chain[c], out, limit)
                if end == REFUSED:
                    return REFUSED
                out += 1
                longest = max(longest, end)
    return longest
