"""The referee of the blocking job shop: plain loops written from the problem statement, sharing no code with any player.

Job j enters the machine of its operation k at start[j, k] and holds it until it enters the next one; if that is the same
machine, it keeps it in between. After its last operation it leaves the shop when it is processed. A holding is a half-open
interval, and no two holdings of a machine overlap. One of length 0 still needs an empty machine: it may touch another at either
end, but not lie inside it.

With swaps (bws) that is all. Without (bns) the moves of one instant must have an order in which every job enters a machine
that is empty then (or its own, if two operations in a row are on one machine). Without waiting (nwt) an operation begins
exactly when the previous one ends.
"""

from __future__ import annotations

import itertools

import numpy as np

from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop
from dispatchgym.instances.errors import InvalidSchedule

Windows = list[tuple[int, int]]  # [from, to) ticks, in order
Moves = list[tuple[int, int]]  # (job, machine entered or OUTSIDE), in the order of each job

OUTSIDE = -1


def processing_end(instance: BlockingShop, j: int, k: int, start: int) -> int:
    """The tick at which operation k of job j is processed if its job enters the machine at `start`.

    Processing begins after the operation's own breakdown, at the end of a down window if that falls into one. A window that
    begins before all ticks are done stops it until the window's end; then it goes on, or starts over under `restart`.
    """
    return _processed(instance, _windows(instance, int(instance.shop.machine[j, k])), j, k, start)


def check(instance: BlockingShop, schedule: BlockingSchedule) -> int:
    """Return the makespan (ticks) of `schedule`: when the last job has left the shop.

    Raises InvalidSchedule when a start is missing, fractional or stands where there is no operation, when a job enters before
    its release, before its previous operation ends, later than that in a no-wait shop, or a machine that is down, when two
    holdings overlap, or when jobs exchange machines in a shop without swaps.
    """
    starts = np.asarray(schedule.start)
    shop = instance.shop
    if starts.shape != shop.machine.shape:
        raise InvalidSchedule(f"start has shape {starts.shape}, the instance has {shop.machine.shape}")
    if not np.issubdtype(starts.dtype, np.integer):
        raise InvalidSchedule(f"start has dtype {starts.dtype}, not whole ticks")
    down = [_windows(instance, m) for m in range(shop.machines)]
    moves = [_moves_of_job(instance, down, j, row) for j, row in enumerate(starts.tolist())]

    held: list[list[tuple[int, int, int, int]]] = [[] for _ in range(shop.machines)]  # (entry, exit, job, operation)
    for j, row in enumerate(moves):
        last = OUTSIDE
        for k, ((entry, m), (leave, _)) in enumerate(itertools.pairwise(row)):
            if m == last:
                begin, _, _, first = held[m].pop()
                held[m].append((begin, leave, j, first))
            else:
                held[m].append((entry, leave, j, k))
            last = m
    for m, holdings in enumerate(held):
        holdings.sort()
        for (b1, e1, j1, k1), (b2, e2, j2, k2) in itertools.pairwise(holdings):
            if b2 < e1:
                raise InvalidSchedule(f"machine {m}: job {j1} op {k1} [{b1}, {e1}) overlaps job {j2} op {k2} [{b2}, {e2})")
    if instance.variant == "bns":
        _check_order_of_moves(moves)
    return max(row[-1][0] for row in moves)


def _moves_of_job(instance: BlockingShop, down: list[Windows], j: int, start: list[int]) -> list[tuple[int, int]]:
    """(tick, machine entered) for every operation of job j and (tick, OUTSIDE) for its exit."""
    moves: list[tuple[int, int]] = []
    ready = int(instance.shop.release[j])
    for k, m in enumerate(instance.shop.machine[j].tolist()):
        if m < 0 and start[k] != -1:
            raise InvalidSchedule(f"job {j} has no op {k}, yet it starts at {start[k]}")
        if m >= 0:
            _check_entry(instance, down[m], j, k, start[k], ready)
            moves.append((start[k], m))
            ready = _processed(instance, down[m], j, k, start[k])
    return [*moves, (ready, OUTSIDE)]


def _check_entry(instance: BlockingShop, windows: Windows, j: int, k: int, entry: int, ready: int) -> None:
    """Whether job j may enter at `entry` the machine of its operation k: `ready` is its release or the end of operation k - 1."""
    if entry < 0:
        raise InvalidSchedule(f"job {j} op {k} has no start ({entry})")
    m = int(instance.shop.machine[j, k])
    if entry < ready:
        what = f"its release {ready}" if k == 0 else f"the end {ready} of op {k - 1}"
        raise InvalidSchedule(f"job {j} op {k} enters machine {m} at {entry}, before {what}")
    if instance.variant == "nwt" and k > 0 and entry > ready:
        raise InvalidSchedule(f"job {j} op {k} enters machine {m} at {entry}, waiting since the end {ready} of op {k - 1}")
    for begin, end in windows:
        if begin <= entry < end:
            raise InvalidSchedule(f"job {j} op {k} enters machine {m} at {entry} while it is down [{begin}, {end})")


def _windows(instance: BlockingShop, m: int) -> Windows:
    return [(begin, end) for begin, end in instance.down[m].tolist() if begin >= 0]


def _processed(instance: BlockingShop, windows: Windows, j: int, k: int, start: int) -> int:
    """`processing_end` on a machine that is down in `windows`."""
    duration = left = int(instance.shop.duration[j, k])
    begin = start + int(instance.breakdown[j, k])
    for down, up in windows:
        if down <= begin < up:
            begin = up
        elif begin < down < begin + left:
            left = duration if instance.interruptions.restart else left - (down - begin)
            begin = up
    return begin + left


def _check_order_of_moves(route: list[list[tuple[int, int]]]) -> None:
    """Play the moves of all jobs, instant by instant. Raises InvalidSchedule where an instant has no order that works."""
    place = [OUTSIDE] * len(route)
    moves_at: dict[int, Moves] = {}
    for j, moves in enumerate(route):
        for tick, m in moves:
            moves_at.setdefault(tick, []).append((j, m))
    for tick in sorted(moves_at):
        stuck = _play(place, moves_at[tick])
        if stuck:
            jobs, machines = (", ".join(map(str, sorted(x))) for x in zip(*stuck, strict=True))
            raise InvalidSchedule(f"jobs {jobs} exchange machines {machines} at {tick}, which a shop without swaps cannot do")
        for j, m in moves_at[tick]:
            place[j] = m


def _play(place: list[int], moves: Moves) -> Moves:
    """Find an order of one instant's moves by search over positions. Returns a circle of moves that wait if there is none.

    `place` is the machine of each job before this instant. Only holdings of length 0 leave a choice: without them every
    machine is entered at most once.
    """
    path: dict[int, list[int]] = {}  # job -> machines entered at this instant
    for j, m in moves:
        path.setdefault(j, []).append(m)
    circle: Moves = []
    seen: set[tuple[int, ...]] = set()
    states = [dict.fromkeys(path, 0)]  # moves made by each job
    while states:
        done = states.pop()
        _settle(place, path, done)
        if all(done[j] == len(path[j]) for j in path):
            return []
        if tuple(done.values()) in seen:
            continue
        seen.add(tuple(done.values()))
        waits = {j: _waits_for(place, path, done, j) for j in path if done[j] < len(path[j])}
        states += [{**done, j: done[j] + 1} for j, other in waits.items() if other is None]
        blocked = {j: other for j, other in waits.items() if other is not None}
        if len(blocked) == len(waits) and not circle:
            circle = [(j, path[j][done[j]]) for j in _circle(blocked)]
    return circle


def _circle(waits: dict[int, int]) -> list[int]:
    """Jobs that wait for each other in a circle, where every job waits for another one."""
    j = next(iter(waits))
    for _ in waits:  # after so many steps j is on a circle
        j = waits[j]
    circle = [j]
    while waits[circle[-1]] != j:
        circle.append(waits[circle[-1]])
    return circle


def _holder(place: list[int], path: dict[int, list[int]], done: dict[int, int], m: int) -> int | None:
    """The job on machine m after the moves `done`."""
    for j, before in enumerate(place):
        if (path[j][done[j] - 1] if done.get(j) else before) == m:
            return j
    return None


def _settle(place: list[int], path: dict[int, list[int]], done: dict[int, int]) -> None:
    """Make, in `done`, all moves that can harm nobody.

    Those are the moves of a job that can make all its moves of this instant now and ends outside or on a machine that nobody
    else enters any more: in any order that works they can be put first.
    """
    again = True
    while again:
        again = False
        for j, ms in path.items():
            rest = ms[done[j] :]
            last = rest[-1] if rest else OUTSIDE
            free = all(m == OUTSIDE or _holder(place, path, done, m) in (None, j) for m in rest)
            if rest and free and not (last != OUTSIDE and _entered_by_others(path, done, j, last)):
                done[j] = len(ms)
                again = True


def _entered_by_others(path: dict[int, list[int]], done: dict[int, int], j: int, m: int) -> list[int]:
    return [i for i in path if i != j and m in path[i][done[i] :]]


def _waits_for(place: list[int], path: dict[int, list[int]], done: dict[int, int], j: int) -> int | None:
    """The job that must move before job j can make its next move; None if j may move."""
    m = path[j][done[j]]
    if m == OUTSIDE:
        return None
    holder = _holder(place, path, done, m)
    if holder not in (None, j):
        return holder
    others = _entered_by_others(path, done, j, m)
    return others[0] if others and done[j] + 1 == len(path[j]) else None  # who stays comes last
