"""Execution of a sequence of moves on machines that break down, and the part of a trace that is known at a given time."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dispatchgym.baselines.blocking.sequence import Board, Ids, Shop, Ticks
from dispatchgym.instances.blocking.instance import BlockingShop

Windows = list[tuple[int, int]]  # [from, to) ticks, in order


@dataclass(frozen=True)
class Trace:
    """When machines are down."""

    down: list[Windows]  # one list for each machine
    breakdown: list[int]  # ticks that a machine is down at the start of each operation
    restart: bool

    @classmethod
    def of(cls, instance: BlockingShop) -> Trace:
        down = [[(a, b) for a, b in windows if a >= 0] for windows in instance.down.tolist()]
        return cls(down, instance.breakdown[instance.shop.machine >= 0].tolist(), instance.interruptions.restart)

    def up(self, m: int, t: int) -> int:
        """The first tick from t on at which machine m is up."""
        i = bisect.bisect_right(self.down[m], (t, 2**40)) - 1
        return max(t, self.down[m][i][1]) if i >= 0 else t

    def processed(self, x: int, m: int, duration: int, entry: int) -> int:
        """When operation x is processed if its job enters machine m at `entry`."""
        begin, left = self.up(m, entry + self.breakdown[x]), duration
        for i in range(bisect.bisect_left(self.down[m], (begin, 0)), len(self.down[m])):
            fails, back = self.down[m][i]
            if fails >= begin + left:
                break
            left = duration if self.restart else left - (fails - begin)
            begin = back
        return begin + left

    def seen(self, now: int, entry: Ticks, entered: np.ndarray, repair: int) -> Trace:
        """The failures known at `now`; a machine that is down is expected to be up again `repair` ticks later."""
        down = [[(a, b if b <= now else now + repair) for a, b in w[: bisect.bisect_right(w, (now, 2**40))]] for w in self.down]
        breakdown = [0] * len(self.breakdown)
        for x in np.flatnonzero(entered).tolist():
            over = int(entry[x]) + self.breakdown[x] <= now
            breakdown[x] = self.breakdown[x] if over else now - int(entry[x]) + repair
        return Trace(down, breakdown, self.restart)


class Done(NamedTuple):
    """The times of an executed sequence."""

    entry: Ticks  # (N,)
    end: Ticks  # (N,) when an operation is processed


def execute(
    shop: Shop, board: Board, trace: Trace, order: Ids, begin: Ids, *, floor: int = 0, entered: np.ndarray | None = None,
    entry: Ticks | None = None,
) -> Done:  # fmt: skip
    """Enter the machines in `order`, each as early as order, blocking and `trace` permit.

    `board` is the empty one; begin[x] is the position of the first operation of x's cycle of swaps. The operations in
    `entered` have entered at `entry` already; the others enter at `floor` or later.
    """
    n, machines = len(shop.job), len(board.free) - 1
    job, machine, duration, final = shop.job.tolist(), shop.machine.tolist(), shop.duration.tolist(), shop.final.tolist()
    start, end = np.zeros(n, np.int64), np.zeros(n, np.int64)
    ready = board.ready.tolist()
    seat = [machines] * len(ready)
    free = [0] * (machines + 1)
    sequence, first = order.tolist(), begin.tolist()
    i = 0
    while i < n:
        stop = i + 1
        while stop < n and first[sequence[stop]] == i:
            stop += 1
        group = sequence[i:stop]
        if entered is not None and entry is not None and entered[group[0]]:
            t = int(entry[group[0]])
        else:
            inside = {seat[job[x]] for x in group}
            t = max(floor, *(ready[job[x]] for x in group), *(free[machine[x]] for x in group if machine[x] not in inside), 0)
            while any(trace.up(machine[x], t) > t for x in group):
                t = max(trace.up(machine[x], t) for x in group)
        for x in group:
            free[seat[job[x]]] = t
        for x in group:
            j, m = job[x], machine[x]
            start[x] = t
            end[x] = ready[j] = trace.processed(x, m, duration[x], t)
            seat[j] = machines if final[x] else m
            if final[x]:
                free[m] = ready[j]
        i = stop
    return Done(start, end)
