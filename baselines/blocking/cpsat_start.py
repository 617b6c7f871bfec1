"""Initial schedules for CP-SAT: insertion of jobs one by one, and the earliest schedule of given machine orders."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, stays

Operation = tuple[int, int]  # (job, operation)
Holding = tuple[int, int, list[Operation]]  # entry, exit, operations in between
Orders = list[list[Operation]]  # of each machine: its operations in the order of their entries
Times = list[list[int]]  # of each job: its entries, then its exit

FOREVER = 2**40


class Clock:
    """When machines are up and operations end; routes and durations as plain lists."""

    def __init__(self, instance: BlockingShop) -> None:
        shop = instance.shop
        self.instance = instance
        self.variant = instance.variant
        self.machines = shop.machines
        self.release: list[int] = shop.release.tolist()
        self.route: list[list[int]] = [[m for m in row if m >= 0] for row in shop.machine.tolist()]
        self.duration: list[list[int]] = shop.duration.tolist()
        self.breakdown: list[list[int]] = instance.breakdown.tolist()
        self.down: list[list[int]] = []  # of each machine: begins of its windows
        self.up: list[list[int]] = []  # and their ends
        for windows in instance.down.tolist():
            self.down.append([begin for begin, _ in windows if begin >= 0])
            self.up.append([end for _, end in windows if end >= 0])
        # Stays on a machine of each job: (machine, first operation, last operation).
        self.stays = [stays(route) for route in self.route]

    def enter(self, m: int, tick: int) -> int:
        """The first tick from `tick` on at which machine m is up."""
        i = bisect_right(self.up[m], tick)
        return self.up[m][i] if i < len(self.up[m]) and self.down[m][i] <= tick else tick

    def end(self, j: int, k: int, entry: int) -> int:
        """When operation k of job j is processed if its job enters at `entry`."""
        m, left = self.route[j][k], self.duration[j][k]
        tick = self.enter(m, entry + self.breakdown[j][k])
        i = bisect_left(self.down[m], tick)
        while left and i < len(self.down[m]) and self.down[m][i] < tick + left:
            left = self.duration[j][k] if self.instance.interruptions.restart else left - (self.down[m][i] - tick)
            tick = self.up[m][i]
            i += 1
        return tick + left

    def schedule(self, times: Times) -> BlockingSchedule:
        start = np.full(self.instance.shop.machine.shape, -1, np.int64)
        for j, row in enumerate(times):
            start[j, : len(row) - 1] = row[:-1]
        return BlockingSchedule(start)


def makespan(times: Times) -> int:
    return max(row[-1] for row in times)


def left_shift(clock: Clock, orders: Orders) -> Times:
    """The earliest schedule of the given machine orders, which must be feasible.

    Entries and ends are monotone in each other, so raising times that are too early reaches the smallest fixed point.
    """
    times = [[clock.release[j]] * (len(route) + 1) for j, route in enumerate(clock.route)]
    changed = True
    while changed:
        changed = False
        for j, row in enumerate(times):
            changed |= _tighten(clock, j, row)
        for order in orders:
            for (i, q), (j, k) in pairwise(order):
                if times[i][q + 1] > times[j][k]:
                    times[j][k] = times[i][q + 1]
                    changed = True
    return times


def _tighten(clock: Clock, j: int, row: list[int]) -> bool:
    """Raise the times of job j to satisfy its own route; return whether any has changed."""
    before = row.copy()
    for k, m in enumerate(clock.route[j]):
        row[k] = clock.enter(m, row[k])
        row[k + 1] = max(row[k + 1], clock.end(j, k, row[k]))
    if clock.variant == "nwt":
        for k in reversed(range(len(row) - 1)):
            row[k] = row[k + 1] - clock.duration[j][k]
    return row != before


def insertion(clock: Clock, sequence: list[int], late: Callable[[], bool]) -> Orders:
    """Machine orders of a schedule that inserts the jobs in `sequence`, each as early as the gaps between earlier jobs permit.

    Placed jobs do not move. Once it is `late` the remaining jobs are appended one after another.
    """
    held: list[list[Holding]] = [[] for _ in range(clock.machines)]  # in order
    last = 0
    for j in sequence:
        if late():
            row = _serial(clock, j, last)
        else:
            row = _insert_without_waiting(clock, j, held) if clock.variant == "nwt" else _insert(clock, j, held)
        last = max(last, row[-1])
        for m, first, final in clock.stays[j]:
            held[m].append((row[first], row[final + 1], [(j, k) for k in range(first, final + 1)]))
            held[m].sort(key=lambda x: x[:2])  # stable: of equal holdings the newer one is later
    return [[operation for _, _, operations in holdings for operation in operations] for holdings in held]


def _serial(clock: Clock, j: int, begin: int) -> list[int]:
    row = [max(begin, clock.release[j])]
    for k, m in enumerate(clock.route[j]):
        row[k] = clock.enter(m, row[k])
        row.append(clock.end(j, k, row[k]))
    return row


def _insert(clock: Clock, j: int, held: list[list[Holding]]) -> list[int]:
    """The earliest exit through gaps: in each gap of each machine on the route, only the earliest entry matters.

    Without swaps a job leaves before the next one enters, never at the same tick, so it cannot be part of a cycle of moves.
    """
    early = 1 if clock.variant == "bns" else 0
    layers: list[list[tuple[int, int, int, int]]] = []  # of each operation: (entry, end, last tick to leave, gap it came from)
    for k, m in enumerate(clock.route[j]):
        layer: list[tuple[int, int, int, int]] = []
        for begin, end in _holes(held[m]):
            latest = end - early
            found = FOREVER, -1
            for origin, (_, ready, leave, _) in enumerate(layers[-1] if layers else [(0, clock.release[j], FOREVER, -1)]):
                entry = clock.enter(m, max(ready, begin))
                if entry <= leave and not (k and m == clock.route[j][k - 1] and leave != latest):  # it stays in its gap
                    found = min(found, (entry, origin))
            if found[1] >= 0 and (done := clock.end(j, k, found[0])) <= latest:
                layer.append((found[0], done, latest, found[1]))
        layers.append(layer)
    at = min(range(len(layers[-1])), key=lambda i: layers[-1][i][1])
    row = [layers[-1][at][1]]
    for layer in reversed(layers):
        row.append(layer[at][0])
        at = layer[at][3]
    return row[::-1]


def _holes(holdings: list[Holding]) -> list[tuple[int, int]]:
    begins = [0] + [leave for _, leave, _ in holdings]
    ends = [entry for entry, _, _ in holdings] + [FOREVER]
    return [(begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end]


def _insert_without_waiting(clock: Clock, j: int, held: list[list[Holding]]) -> list[int]:
    """The earliest start at which no operation overlaps a holding on its machine."""
    head = [0]
    for k in range(len(clock.route[j])):
        head.append(head[-1] + clock.duration[j][k])
    begin = clock.release[j]
    moved = True
    while moved:
        moved = False
        for m, first, last in clock.stays[j]:
            for entry, leave, _ in held[m]:
                if begin + head[first] < leave and entry < begin + head[last + 1]:
                    begin = leave - head[first]
                    moved = True
    return [begin + x for x in head]
