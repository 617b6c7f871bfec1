"""Tiny blocking shops with every complication, and their optima by trying every order of the operations on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import factorial, prod

import numpy as np

from dispatchgym.envs.blocking.check import processing_end
from dispatchgym.instances.blocking.instance import BlockingShop, Interruptions, Variant
from dispatchgym.instances.jobshop.instance import JobShop

IDS = ("dispatchgym:dispatchgym/BlockingJobShop-v0", "dispatchgym:dispatchgym/BlockingJobShopFlat-v0")
MAX_ORDERS = 20_000  # of a shop from `random_shop`: what brute force takes without patience

Operation = tuple[int, int]  # (job, operation)
Pair = tuple[Operation, Operation]  # on one machine: (before, after)


def random_shop(
    rng: np.random.Generator, variant: Variant = "bws", *, jobs: int = 4, machines: int = 4, windows: bool = False
) -> BlockingShop:
    """2 to `jobs` jobs on 2 to `machines` machines: routes that skip and revisit, zero durations, releases.

    With `windows` machines break down, in windows of time or at the start of operations, and work resumes or starts over.
    """
    while True:
        j, m = int(rng.integers(2, jobs + 1)), int(rng.integers(2, machines + 1))
        length = rng.integers(1, m + 2, j)
        used = np.arange(int(length.max())) < length[:, None]
        machine = np.where(used, rng.integers(0, m, used.shape), -1)
        if rng.random() < 0.5:  # every machine once at most, as in the literature
            for row in machine:
                row[row >= 0] = np.resize(rng.permutation(m), int((row >= 0).sum()))
        if orders(machine) <= MAX_ORDERS:
            break
    duration = np.where(used, rng.integers(0 if rng.random() < 0.5 else 1, 7, used.shape), 0)
    release = rng.integers(0, 6, j) * (rng.random() < 0.5)
    shop = JobShop(machine, duration, m, release)
    if not windows:
        return BlockingShop(shop, variant)
    law = Interruptions(0.2, restart=bool(rng.random() < 0.5))
    ticks = np.cumsum(rng.integers(1, 9, (m, 6)), axis=1)  # from, to, from, to, ...
    breakdown = np.where(used & (rng.random(used.shape) < 0.3), rng.integers(0, 5, used.shape), 0)
    return BlockingShop(shop, variant, ticks.reshape(m, 3, 2), breakdown * (rng.random() < 0.5), law)


def orders(machine: np.ndarray) -> int:
    """How many ways there are to order the operations of all machines, each job's own in the order of its route."""
    counts = [[int((row == m).sum()) for row in machine] for m in range(int(machine.max()) + 1)]
    return prod(factorial(sum(count)) // prod(map(factorial, count)) for count in counts)


def brute_force(instance: BlockingShop) -> int:
    """The smallest makespan (ticks) over all orders of the operations on the machines; the referee's `processing_end` is used.

    An order fixes who enters after whom; its best schedule enters as early as that allows. It has one with swaps unless a
    circle of waiting takes time, and one without swaps unless there is a circle at all.
    """
    best = _serial(instance) + 1

    def extend(m: int, previous: list[Pair]) -> None:
        nonlocal best
        times = earliest(instance, previous, best)
        if times is None or (instance.variant == "bns" and has_circle(instance, previous)):
            return
        if m == instance.shop.machines:
            best = max(row[-1] for row in times)
            return
        for order in orders_of_machine(instance, m):
            extend(m + 1, previous + list(pairwise(order)))

    extend(0, [])
    return best


def routes(instance: BlockingShop) -> list[list[int]]:
    return [[int(m) for m in row if m >= 0] for row in instance.shop.machine]


def orders_of_machine(instance: BlockingShop, m: int) -> Iterator[list[Operation]]:
    """Every order of the operations on machine m that keeps the order of each route, and together those in a row."""
    for order in _interleavings([_runs(route, m, j) for j, route in enumerate(routes(instance))]):
        yield [operation for run in order for operation in run]


def _runs(route: list[int], m: int, j: int) -> list[list[Operation]]:
    runs: list[list[Operation]] = []
    for k, x in enumerate(route):
        if x == m and k and route[k - 1] == m:
            runs[-1].append((j, k))
        elif x == m:
            runs.append([(j, k)])
    return runs


def _interleavings(rows: list[list[list[Operation]]]) -> Iterator[list[list[Operation]]]:
    if not any(rows):
        yield []
    for i, row in enumerate(rows):
        if row:
            for rest in _interleavings([*rows[:i], row[1:], *rows[i + 1 :]]):
                yield [row[0], *rest]


def _serial(instance: BlockingShop) -> int:
    """The makespan of one job after another."""
    time = 0
    for j, route in enumerate(routes(instance)):
        time = max(time, int(instance.shop.release[j]))
        for k, m in enumerate(route):
            time = processing_end(instance, j, k, _up(instance, m, time))
    return time


def _up(instance: BlockingShop, m: int, time: int) -> int:
    for begin, end in instance.down[m].tolist():
        if begin <= time < end:
            time = end
    return time


def earliest(instance: BlockingShop, previous: list[Pair], limit: int) -> list[list[int]] | None:
    """The entries and at last the exit of each job, as early as `previous` allows; None if a job would stay until `limit`."""
    time = [[int(instance.shop.release[j])] * (len(route) + 1) for j, route in enumerate(routes(instance))]
    old: list[list[int]] = []
    while time != old:
        if max(row[-1] for row in time) >= limit:
            return None
        old = [row.copy() for row in time]
        for (i, q), (j, k) in previous:
            time[j][k] = max(time[j][k], time[i][q + 1])
        for j, route in enumerate(routes(instance)):
            for k, m in enumerate(route):
                time[j][k] = _up(instance, m, time[j][k])
                time[j][k + 1] = max(time[j][k + 1], processing_end(instance, j, k, time[j][k]))
            if instance.variant == "nwt":
                for k in reversed(range(len(route))):
                    time[j][k] = time[j][k + 1] - int(instance.shop.duration[j, k])
    return time


def has_circle(instance: BlockingShop, previous: list[Pair]) -> bool:
    """Whether moves wait for each other: a job's move for its own last one, an entry for the exit of who was there before."""
    waits: dict[Operation, set[Operation]] = {}
    for j, route in enumerate(routes(instance)):
        waits |= {(j, k): {(j, k - 1)} for k in range(len(route) + 1)}
    for (i, q), after in previous:
        if (i, q + 1) != after:  # its own next operation is on the same machine: it stays
            waits[after].add((i, q + 1))
    while ready := [move for move, others in waits.items() if not others & waits.keys()]:
        for move in ready:
            del waits[move]
    return bool(waits)
