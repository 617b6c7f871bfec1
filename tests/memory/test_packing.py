"""Packing baselines: against every packing of tiny instances, and on the published benchmarks."""

import dataclasses
import itertools
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.budget import Budget
from dispatchgym.baselines.memory.pack.branch_and_bound import search
from dispatchgym.baselines.memory.pack.greedy import ORDERS, Placer, greedy_order
from dispatchgym.baselines.memory.pack.methods import METHODS, check_method, solve
from dispatchgym.baselines.order_search import anneal, brkga, hill_climb
from dispatchgym.envs.memory.pack.check import check as check_packing
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.catalogue import load_packing
from dispatchgym.instances.memory.instance import Gap, Packing, PackingPlan, peak

SEEDS = st.integers(0, 2**32 - 1)
HEURISTICS = ["size", "duration:fit=first", "area", "conflicts:x3", "best-of-8", "random:x4,fit=best", "hill:evaluations=30"]
HEURISTICS += ["anneal:evaluations=30", "brkga:evaluations=250"]


def random_gaps(rng: np.random.Generator, lower: int, upper: int, size: int) -> tuple[Gap, ...]:
    """Up to two gaps within [lower, upper), each with nothing, a lower part or any window of the addresses."""
    cuts = sorted(rng.choice(np.arange(lower, upper + 1), min(4, upper - lower + 1), replace=False).tolist())
    gaps = []
    for a, b in zip(cuts[::2], cuts[1::2], strict=False):
        low = int(rng.integers(0, size + 1)) if rng.random() < 0.5 else 0
        gaps.append(Gap(a, b, low, int(rng.integers(low, size + 1))))
    return tuple(gaps)


def random_packing(rng: np.random.Generator, buffers: int = 5, windows: bool = True) -> Packing:
    n = int(rng.integers(1, buffers + 1))
    lower = rng.integers(0, 6, n)
    upper = lower + rng.integers(1, 6, n)
    unit = int(rng.choice([1, 3]))
    size = rng.integers(1, 5, n) * unit
    gaps: tuple[tuple[Gap, ...], ...] = ()
    if windows and rng.random() < 0.6:
        lives = zip(lower.tolist(), upper.tolist(), size.tolist(), strict=True)
        gaps = tuple(random_gaps(rng, a, b, s) if rng.random() < 0.6 else () for a, b, s in lives)
    alignment = rng.choice([1, 1, 2, 4], n) if rng.random() < 0.5 else np.ones(n, np.int64)
    hint = rng.integers(-1, 8, n) if rng.random() < 0.3 else np.full(n, -1)
    return Packing(lower, upper, size, alignment=alignment, hint=hint, gaps=gaps)


def overlap(packing: Packing, offset: np.ndarray) -> bool:
    """Whether two buffers need an address at the same time, part by part."""
    parts = packing.parts.tolist()
    return any(
        a != b and l1 < u2 and l2 < u1 and offset[a] + low1 < offset[b] + high2 and offset[b] + low2 < offset[a] + high1
        for (a, l1, u1, low1, high1), (b, l2, u2, low2, high2) in itertools.combinations(parts, 2)
    )


def optimum(packing: Packing) -> int:
    """The least height of all packings: every offset of every buffer is tried, lowest capacity first."""
    parts = [[tuple(p) for p in packing.parts.tolist() if p[0] == n] for n in range(packing.buffers)]
    tops = [max((p[4] for p in own), default=0) for own in parts]
    conflict = {
        (a, b, d)
        for a, b in itertools.combinations(range(packing.buffers), 2)
        for d in range(-60, 61)
        for (_, l1, u1, low1, high1), (_, l2, u2, low2, high2) in itertools.product(parts[a], parts[b])
        if l1 < u2 and l2 < u1 and low1 < d + high2 and d + low2 < high1
    }

    def fits(capacity: int, chosen: tuple[int, ...]) -> bool:
        b = len(chosen)
        if b == packing.buffers:
            return True
        for o in range(0, capacity - tops[b] + 1 if tops[b] else 1, int(packing.alignment[b])):
            if not any((a, b, o - at) in conflict for a, at in enumerate(chosen)) and fits(capacity, (*chosen, o)):
                return True
        return False

    return next(h for h in itertools.count(peak(packing)) if fits(h, ()))


def checked(packing: Packing, plan: PackingPlan) -> int:
    """The height by the referee, and a look of our own."""
    assert not overlap(packing, plan.offset)
    return check_packing(packing, plan)


@settings(max_examples=60)
@given(SEEDS)
def test_branch_and_bound_finds_and_proves_the_optimum(seed):
    packing = random_packing(np.random.default_rng(seed))
    best = optimum(packing)
    result = solve(packing, "branch:20s", seed=seed % 5)
    assert (result.objective, result.lower_bound, result.status) == (best, best, "optimal")
    assert checked(packing, result.schedule) == best
    if best > 0:
        below = search(packing, capacity=best - 1, seconds=20.0)
        assert (below.proved, below.offset, below.lower_bound) == (True, None, best)


@settings(max_examples=25)
@given(SEEDS)
def test_branch_and_bound_agrees_with_cpsat_on_more_buffers(seed):
    packing = random_packing(np.random.default_rng(seed), buffers=9, windows=False)
    found = [solve(packing, method) for method in ("branch:20s", "cpsat:20s")]
    assert [r.status for r in found] == ["optimal", "optimal"]
    assert found[0].objective == found[1].objective
    assert [checked(packing, r.schedule) for r in found] == [r.objective for r in found]


@settings(max_examples=15)
@given(SEEDS)
def test_cpsat_finds_the_optimum_with_gaps(seed):
    packing = random_packing(np.random.default_rng(seed), buffers=4)
    result = solve(packing, "cpsat:20s")
    assert (result.objective, result.status) == (optimum(packing), "optimal")
    assert checked(packing, result.schedule) == result.objective


@settings(max_examples=40)
@given(SEEDS)
def test_heuristics_give_packings_of_their_height_and_never_below_the_peak(seed):
    packing = random_packing(np.random.default_rng(seed), buffers=12)
    for method in HEURISTICS:
        result = solve(packing, method, seed=seed)
        assert checked(packing, result.schedule) == result.objective >= peak(packing)
        assert result.status == ("optimal" if result.objective == peak(packing) else "feasible")
        again = solve(packing, method, seed=seed)
        assert again.schedule.offset.tolist() == result.schedule.offset.tolist()


def test_best_fit_takes_the_smallest_gap_and_first_fit_the_lowest():
    # At time 1 the long-lived buffers at 4 and 8 leave [0, 4) and [5, 8) free.
    packing = Packing([0, 0, 0, 0, 1], [1, 2, 1, 2, 2], np.array([4, 1, 3, 1, 3]))
    place = Placer(packing).place
    offset, height = place([0, 1, 2, 3, 4], "best")
    assert offset.tolist() == [0, 4, 5, 8, 5]
    assert height == 9
    assert place([0, 1, 2, 3, 4], "first")[0].tolist() == [0, 4, 5, 8, 0]


def test_greedy_orders_sort_by_their_keys():
    packing = Packing([0, 0, 4, 5], [2, 9, 6, 6], np.array([5, 1, 4, 2]))
    assert [greedy_order(packing, name).tolist() for name in ORDERS] == [[0, 2, 3, 1], [1, 0, 2, 3], [0, 1, 2, 3], [1, 2, 3, 0]]


def test_example_of_minimalloc_is_solved_by_every_exact_method():
    packing = load_packing("minimalloc-example")
    for method in ("branch:5s", "branch:5s,goal=height", "cpsat:5s", "cpsat:5s,goal=height"):
        result = solve(packing, method)
        assert (result.objective, result.status) == (12, "optimal")
        assert checked(packing, result.schedule) == 12


@pytest.mark.parametrize("name", ["C", "F", "G", "J", "K"])
def test_benchmarks_are_packed_within_their_capacity(name):
    packing = load_packing(name)
    result = solve(packing, "branch:20s")
    assert checked(packing, result.schedule) == result.objective <= packing.capacity
    assert result.status == ("optimal" if result.objective == peak(packing) else "feasible")
    assert result.notes["cpu_seconds"] < 20


def test_same_seed_gives_the_same_search():
    packing = load_packing("C")
    one, two, other = (search(packing, capacity=packing.capacity, seconds=60.0, seed=seed) for seed in (1, 1, 2))
    assert one.nodes == two.nodes
    assert one.offset.tolist() == two.offset.tolist()
    assert other.height <= packing.capacity


def test_capacity_below_the_optimum_is_proved_to_be_too_small():
    tight = Packing([0, 0], [1, 1], np.array([1, 1]), capacity=2, alignment=np.array([2, 2]))
    assert peak(tight) == 2
    assert optimum(tight) == 3
    for method in ("branch:5s", "cpsat:5s"):
        result = solve(tight, method)
        assert (result.status, result.schedule, result.objective) == ("infeasible", None, None)


def test_a_given_order_is_searched_first():
    packing = load_packing("F")
    found = search(packing, capacity=packing.capacity, seconds=20.0)
    guided = search(packing, capacity=packing.capacity, seconds=20.0, priority=-found.offset.astype(float))
    assert guided.nodes < found.nodes
    assert guided.height <= packing.capacity


def test_hints_that_are_a_packing_are_taken():
    packing = load_packing("F")
    solved = search(packing, capacity=packing.capacity, seconds=20.0)
    hinted = search(dataclasses.replace(packing, hint=solved.offset), capacity=packing.capacity, seconds=20.0)
    assert hinted.nodes == 0
    assert hinted.height == solved.height


@pytest.mark.parametrize("run", [hill_climb, anneal, brkga])
def test_searches_over_orders_improve_and_keep_their_budget(run):
    packing = load_packing("A")
    placer, start = Placer(packing), greedy_order(packing, "area")
    counted = []

    def evaluate(orders):
        counted.append(len(orders))
        assert (np.sort(orders, axis=1) == np.arange(packing.buffers)).all()
        return placer.heights(orders)

    found = run(evaluate, start, Budget(steps=600), 3)
    assert found.evaluations == sum(counted)
    assert 600 <= found.evaluations < 700
    heights = [height for _, height in found.curve]
    assert heights == sorted(set(heights), reverse=True)
    assert heights[0] == placer.heights(start[None])[0] > heights[-1] == found.objective
    assert placer.place(found.order, "first")[1] == found.objective
    assert run(placer.heights, start, Budget(steps=600), 3).objective == found.objective
    reached = run(placer.heights, start, Budget(steps=600, target=heights[1]), 3)
    assert reached.objective <= heights[1]
    assert reached.evaluations < found.evaluations


@pytest.mark.parametrize("method", ["hill:0.3s", "anneal:0.3s", "brkga:0.3s", "branch:0.3s,goal=height"])
def test_time_limits_are_kept(method):
    packing = load_packing("D")
    solve(packing, method)  # compiled by now
    began = time.thread_time()
    result = solve(packing, method)
    assert 0.2 < time.thread_time() - began < 1.0
    assert checked(dataclasses.replace(packing, capacity=None), result.schedule) == result.objective
    seconds, heights, _ = zip(*result.curve, strict=True)
    assert list(seconds) == sorted(seconds)
    assert list(heights) == sorted(heights, reverse=True)
    assert heights[-1] == result.objective


def test_searches_say_whether_they_keep_the_capacity():
    packing = load_packing("A")
    assert solve(packing, "size").notes == {"fits": False}
    assert solve(dataclasses.replace(packing, capacity=2**21), "size:x2").notes == {"samples": 2, "fits": True}
    assert solve(dataclasses.replace(packing, capacity=None), "size").notes == {}


def test_samples_never_make_a_greedy_packing_higher():
    packing = load_packing("C")
    one, many = solve(packing, "size"), solve(packing, "size:x20", seed=1)
    assert many.objective <= one.objective
    assert solve(packing, "random:x20", seed=1).objective < solve(packing, "random", seed=1).objective


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("largest", "'largest' is not one of size, duration"),
        ("size:10s", "option 10.0s does not apply"),
        ("size:fit=worst", "option fit=worst is not one of best, first"),
        ("best-of-8:x2", "valid: no option"),
        ("hill:x5", "option x5 does not apply"),
        ("anneal:1s,evaluations=5", "give seconds or evaluations, not both"),
        ("branch:5s,goal=speed", "option goal=speed is not one of capacity, height"),
        ("branch:workers=2", "does not apply to 'branch'"),
        ("cpsat:workers=0", "is not a positive whole number"),
    ],
)
def test_bad_method_texts_are_named(method, problem):
    with pytest.raises(InputError, match=re.escape(problem)):
        check_method(method)


def test_goal_of_a_capacity_needs_one():
    with pytest.raises(InputError, match="has no capacity"):
        solve(random_packing(np.random.default_rng(0)), "branch:goal=capacity")


def test_every_method_is_described():
    assert all(check_method(name).name == name for name in METHODS)
