"""Tabu search and simulated annealing: valid moves, exact bookkeeping, and optima where they are known."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.jobshop.dispatch import dispatch
from dispatchgym.baselines.jobshop.graph import (
    build_graph,
    estimate_after,
    estimate_before,
    insert_after,
    insert_before,
    makespan,
    may_follow,
    may_precede,
    rebuild,
    to_schedule,
)
from dispatchgym.baselines.jobshop.local_search import STEPS
from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.jobshop.catalogue import load
from dispatchgym.instances.jobshop.instance import JobShop


def random_shop(seed, jobs=7, operations=6, machines=4):
    """Releases, zero durations, routes that skip and revisit machines, padding."""
    rng = np.random.default_rng(seed)
    machine = rng.integers(0, machines, (jobs, operations))
    duration = rng.integers(0, 8, (jobs, operations))
    for j, length in enumerate(rng.integers(1, operations + 1, jobs)):
        machine[j, length:], duration[j, length:] = -1, 0
    return JobShop(machine, duration, machines, rng.integers(0, 20, jobs))


def shortest(shop):
    """The least makespan over all orders in which operations can be started as early as possible, by exhaustion."""
    machine, duration = shop.machine.tolist(), shop.duration.tolist()
    best = 2**30

    def extend(following, job_free, machine_free, makespan):
        nonlocal best
        if makespan >= best:
            return
        open_jobs = [j for j in range(shop.jobs) if following[j] < shop.operations[j]]
        if not open_jobs:
            best = makespan
        for j in open_jobs:
            k = following[j]
            m, d = machine[j][k], duration[j][k]
            end = (max(job_free[j], machine_free[m]) if d else job_free[j]) + d  # duration 0 occupies nothing
            extend(
                [f + (i == j) for i, f in enumerate(following)],
                [end if i == j else t for i, t in enumerate(job_free)],
                [end if i == m and d else t for i, t in enumerate(machine_free)],
                max(makespan, end),
            )

    extend([0] * shop.jobs, shop.release.tolist(), [0] * shop.machines, 0)
    return best


@st.composite
def tiny_shops(draw):
    """At most three jobs of three operations, so that exhaustion is quick."""
    return random_shop(draw(st.integers(0, 2**32)), jobs=draw(st.integers(1, 3)), operations=3, machines=draw(st.integers(1, 3)))


def pairs_on_machines(graph):
    """(u, v) for every u ahead of v on one machine."""
    n = len(graph.machine)
    for u in range(n):
        v = graph.next[u]
        while v < n:
            yield np.uint32(u), v
            v = graph.next[v]


def makespan_after(graph, u, v, forward):
    """Makespan after a permitted move, by rebuilding from the machine orders alone; None if the orders form a cycle."""
    n = len(graph.machine)
    chains = []
    for head in (x for x in range(n) if graph.prev[x] == n):
        chain = [head]
        while graph.next[chain[-1]] < n:
            chain.append(int(graph.next[chain[-1]]))
        if u in chain:
            moved, anchor = (u, v) if forward else (v, u)
            chain.remove(moved)
            chain.insert(chain.index(anchor) + forward, int(moved))
        chains.append(chain)
    arcs = [arc for chain in chains for arc in pairwise(chain)] + [
        (x, int(graph.after[x])) for x in range(n) if graph.after[x] < n
    ]
    before = {x: [a for a, b in arcs if b == x] for x in range(n)}
    end: dict[int, int] = {}
    while len(end) < n:
        free = [x for x in range(n) if x not in end and all(p in end for p in before[x])]
        if not free:
            return None
        for x in free:
            release = graph.end[graph.before[x]] if graph.before[x] > n else 0
            end[x] = max([int(release), *(end[p] for p in before[x])]) + int(graph.duration[x])
    return max(end.values())


@pytest.mark.parametrize("seed", range(6))
def test_every_permitted_move_is_acyclic_and_leaves_exact_heads_tails_and_order(seed):
    shop = random_shop(seed)
    rule = dispatch(shop, "random", seed=seed)
    moved = 0
    for u, v in list(pairs_on_machines(build_graph(shop, rule.schedule))):
        for forward in (True, False):
            g = build_graph(shop, rule.schedule)
            expected = makespan_after(g, u, v, forward)
            permitted = (
                may_follow(g.after, g.duration, g.tail, u, v) if forward else may_precede(g.before, g.duration, g.end, v, u)
            )
            assert expected is not None or not permitted
            if not permitted:
                continue
            if forward:
                insert_after(g, u, v)
            else:
                insert_before(g, v, u)
            end, tail = g.end.copy(), g.tail.copy()
            assert makespan(g) == expected
            assert rebuild(g, g.order.copy()) == expected
            assert np.array_equal(g.end, end)
            assert np.array_equal(g.tail, tail)
            assert not g.mark.any()
            moved += 1
    assert moved > 10


@pytest.mark.parametrize("seed", range(6))
def test_estimates_of_swaps_never_exceed_the_new_makespan(seed):
    shop = random_shop(seed, jobs=8, operations=8)
    rule = dispatch(shop, "random", seed=seed)
    swaps = 0
    for u, v in list(pairs_on_machines(build_graph(shop, rule.schedule))):
        g = build_graph(shop, rule.schedule)
        if g.next[u] != v or not may_follow(g.after, g.duration, g.tail, u, v):
            continue
        estimate = estimate_after(g, u, v, 2**30)
        assert estimate == estimate_before(g, v, u, 2**30)
        insert_after(g, u, v)
        assert estimate == max(g.end[x] - g.duration[x] + g.tail[x] for x in (u, v)) <= makespan(g)
        swaps += 1
    assert swaps > 3


@pytest.mark.parametrize("seed", range(20))
def test_a_graph_keeps_the_schedule_it_was_built_from_or_shifts_it_left(seed):
    shop = random_shop(seed)
    given = dispatch(shop, "random", seed=seed)
    schedule = to_schedule(shop, build_graph(shop, given.schedule))
    assert check(shop, schedule) <= given.objective
    assert (schedule.start <= given.schedule.start).all()


@settings(deadline=None, max_examples=60)
@given(tiny_shops())
def test_search_and_cpsat_find_the_optimum_of_tiny_shops_that_exhaustion_finds(shop):
    optimum = shortest(shop)
    for name in STEPS:
        result = solve(shop, f"{name}:moves=3000,start=lpt")
        assert check(shop, result.schedule) == result.objective == optimum
        assert (result.status == "optimal") == (result.lower_bound == optimum)
    result = solve(shop, "cpsat:30s")
    assert check(shop, result.schedule) == result.objective == result.lower_bound == optimum
    assert result.status == "optimal"


def test_tabu_search_finds_the_optimum_of_ft06_and_la01():
    assert solve(load("ft06"), "tabu:moves=20000").objective == 55
    la01 = solve(load("la01"), "tabu:moves=20000")
    assert (la01.objective, la01.status) == (666, "optimal")


@pytest.mark.parametrize("name", STEPS)
def test_local_search_improves_any_start_and_records_how(name):
    shop = load("ta01")
    start = solve(shop, "random", seed=5).objective
    result = solve(shop, f"{name}:moves=20000,start=random", seed=5)
    assert check(shop, result.schedule) == result.objective < 0.9 * start
    objectives = [objective for _, objective, _ in result.curve]
    assert objectives == sorted(set(objectives), reverse=True)
    assert (objectives[0], objectives[-1]) == (start, result.objective)
    assert result.notes["moves"] == 20000
    assert result.notes["start"] == "random"


@pytest.mark.parametrize("name", STEPS)
def test_the_seed_and_the_number_of_moves_decide_the_schedule(name):
    shop = load("ft10")
    starts = [solve(shop, f"{name}:moves=5000", seed=seed).schedule.start for seed in (7, 7, 8)]
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])


def test_time_limits_are_cpu_seconds():
    result = solve(load("ta21"), "tabu:0.2s")
    assert 0.2 <= result.notes["cpu_seconds"] < 0.3
    assert result.seconds >= 0.19


def test_shops_without_work_or_choice_are_optimal_at_once():
    idle = JobShop(np.array([[0, 1], [1, 0]]), np.zeros((2, 2), int), release=np.array([0, 6]))
    single = JobShop(np.array([[0, 1, 0]]), np.array([[3, 0, 2]]))
    for shop, makespan_ in ((idle, 6), (single, 5)):
        for name in STEPS:
            result = solve(shop, name)
            assert (check(shop, result.schedule), result.objective, result.status) == (makespan_, makespan_, "optimal")
