"""The drain forecast of blocking shops: a second implementation, from the description in docs/blocking.md, finds the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.envs.blocking.layout import Candidate, Clock, Job, Machine
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.engine import Engine
from dispatchgym.instances.blocking.instance import BlockingShop, Variant
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.blocking.shops import random_shop

COLUMNS = slice(Candidate.DRAIN_MY_BLOCKED, Candidate.DRAIN_BUSIEST + 1)


class Drained(NamedTuple):
    exits: dict[int, int]
    blocked: dict[int, list[int]]  # ticks of each job, for each of its moves
    circles: int
    ends: list[int]  # of the machines that have work left


def drain(shop: JobShop, inside: list[tuple[int, int, int]], free: dict[int, int], work: dict[int, int]) -> Drained:
    """Let the jobs `inside`, (job, operation, tick at which it is processed), leave; `free` are the empty machines."""
    place = {job: (k, ready) for job, k, ready in inside}
    work = dict(work)
    exits: dict[int, int] = {}
    blocked: dict[int, list[int]] = {job: [] for job in place}
    circles = 0

    def machine(job: int, k: int) -> int:
        return int(shop.machine[job, k])

    def leave_if_last(job: int) -> None:
        k, ready = place[job]
        if k + 1 == shop.operations[job]:
            exits[job] = free[machine(job, k)] = ready
            del place[job]

    def move(job: int, when: int) -> None:
        k, ready = place[job]
        blocked[job].append(when - ready)
        ticks = int(shop.duration[job, k + 1])
        work[machine(job, k + 1)] -= ticks
        place[job] = (k + 1, when + ticks)

    for job in list(place):
        leave_if_last(job)
    while place:
        holder = {machine(job, k): job for job, (k, _) in place.items()}
        able = []
        for job, (k, ready) in place.items():
            wanted = machine(job, k + 1)
            if holder.get(wanted, job) == job:
                able.append((max(ready, free[wanted]) if wanted in free else ready, job))
        if able:
            when, job = min(able, key=lambda x: x[0])  # of equal ones the first that was inside
            old = machine(job, place[job][0])
            free[old] = when
            move(job, when)
            free.pop(machine(job, place[job][0]), None)
            leave_if_last(job)
            continue
        circles += 1
        circle = [next(iter(place))]
        while True:
            job = circle[-1]
            following = holder[machine(job, place[job][0] + 1)]
            if following in circle:
                circle = circle[circle.index(following) :]
                break
            circle.append(following)
        when = max(place[job][1] for job in circle)
        for job in circle:
            move(job, when)
        for job in circle:
            leave_if_last(job)
    last = max(exits.values(), default=0)
    return Drained(exits, blocked, circles, [last, *(free[m] + left for m, left in work.items() if left > 0)])


def expected(engine: Engine, shop: JobShop, b: int) -> dict[int, list[float]]:
    """The forecast's features of every legal choice of copy b."""
    job, machine = engine.state.job[b].tolist(), engine.state.resource[b].tolist()
    now, bound = int(engine.state.clock[b, Clock.NOW]), int(engine.state.bound[b])
    unit, horizon = max(float(shop.duration[shop.machine >= 0].mean()), 1.0), max(bound - now, 1)
    work = {m: row[Machine.OPEN] for m, row in enumerate(machine[: shop.machines])}
    holders = [row[Machine.HOLDER] for row in machine if row[Machine.HOLDER] >= 0]
    inside = [(j, job[j][Job.AT], now if job[j][Job.DONE] else max(now, job[j][Job.EXPECTED])) for j in holders]
    empty = {m: row[Machine.OPENS] for m, row in enumerate(machine[: shop.machines]) if row[Machine.HOLDER] < 0}
    before = drain(shop, inside, dict(empty), work)
    found: dict[int, list[float]] = {}
    for choice in np.flatnonzero(engine.arrays[0].mask[b]).tolist():
        after, mine = before, [0.0] * 6
        if choice < len(job):
            at = job[choice][Job.AT]
            target, ticks = int(shop.machine[choice, at + 1]), int(shop.duration[choice, at + 1])
            others = [x for x in inside if x[0] != choice]
            now_empty = empty | ({int(shop.machine[choice, at]): now} if at >= 0 else {})
            del now_empty[target]
            less = work | {target: work[target] - ticks}
            after = drain(shop, [*others, (choice, at + 1, now + ticks)], now_empty, less)
            later = sum(after.exits[x[0]] - before.exits[x[0]] for x in others)
            more = sum(map(sum, after.blocked.values())) - sum(map(sum, before.blocked.values()))
            moves = after.blocked[choice]
            change = max(after.ends) - max(before.ends)
            short = [min(max(x / unit, -8.0), 8.0) for x in (sum(moves), moves[0] if moves else 0, later, more, change)]
            mine = [*short, (bound - after.exits[choice]) / horizon]
        cleared = max(after.exits.values(), default=0)
        blocked = sum(map(sum, after.blocked.values()))
        found[choice] = [
            *mine,
            (bound - cleared) / horizon,
            min(blocked / unit, 32.0) / 4.0,
            after.circles / 4.0,
            (max(after.ends) - bound) / horizon,
        ]
    return found


@pytest.mark.parametrize("variant", ["bws", "bns"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_the_forecast_is_what_the_page_says(variant: Variant, seed: int) -> None:
    rng = np.random.default_rng(seed)
    crowded = rng.random() < 0.5
    instance = BlockingShop(generate(6, 5, seed=seed), variant) if crowded else random_shop(rng, variant)
    engine = Engine(BlockingProblem(variant == "bws", outlook=True), [instance], 1, graph=False)
    engine.reset()
    seen, record = engine.arrays
    while not record.terminated[0]:
        for choice, numbers in expected(engine, instance.shop, 0).items():
            np.testing.assert_allclose(seen.candidates[0, choice, COLUMNS], numbers, rtol=1e-5, atol=1e-6)
        legal = np.array(seen.mask[0])
        engine.step([int((legal * rng.random(len(legal))).argmax())], autoreset=False)
        seen, record = engine.arrays


def test_with_swaps_the_forecast_is_left_out_unless_it_is_asked_for() -> None:
    pool = [BlockingShop(generate(6, 5, seed=0), "bws")]
    for asked, there in ((None, False), (False, False), (True, True)):
        engine = Engine(BlockingProblem(outlook=asked), pool, 1, graph=False)
        engine.reset()
        assert bool((engine.arrays[0].candidates[0, :, COLUMNS] != 0).any()) == there
