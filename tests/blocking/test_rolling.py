"""Plans carried out on machines that break down, and planning again at failures without looking ahead."""

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.blocking import local_search
from dispatchgym.baselines.blocking.execution import Trace, execute
from dispatchgym.baselines.blocking.rolling import board_at, solve
from dispatchgym.baselines.blocking.sequence import REFUSED, empty_board, flatten, new_plan, new_table, play, to_schedule
from dispatchgym.baselines.method import parse_method
from dispatchgym.envs.blocking.check import check, processing_end
from dispatchgym.instances.blocking.catalogue import load
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions, interrupt
from dispatchgym.instances.errors import InputError, InvalidSchedule
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.blocking.shops import random_shop

seeds = st.integers(0, 2**32 - 1)
variants = st.sampled_from(("bws", "bns"))


def roll(instance, moves=400, seed=0):
    return solve(instance, parse_method(f"rolling:iterations={moves}"), seed=seed)


def plan_of(instance):
    """The plan that makes one job after another enter as early as it can."""
    shop, board = flatten(instance), empty_board(instance)
    plan = new_plan(shop)
    order = np.arange(len(shop.job), dtype=np.uint32)
    play(shop, board, new_table(board), plan, plan, 0, order, len(order), REFUSED - 1)
    return shop, board, plan


def busy(instance):
    """The shop with no duration 0, for which the arguments about single ticks below hold."""
    duration = np.where(instance.shop.machine >= 0, np.maximum(instance.shop.duration, 1), 0)
    return dataclasses.replace(instance, shop=dataclasses.replace(instance.shop, duration=duration))


@given(seed=seeds, tick=st.integers(0, 30))
def test_processing_ends_when_the_referee_says(seed, tick):
    instance = random_shop(np.random.default_rng(seed), windows=True)
    trace = Trace.of(instance)
    x = 0
    for (j, k), m in np.ndenumerate(instance.shop.machine):
        if m >= 0:
            assert trace.processed(x, m, int(instance.shop.duration[j, k]), tick) == processing_end(instance, j, k, tick)
            x += 1


@settings(max_examples=50)
@given(seed=seeds, variant=variants)
def test_no_job_of_an_executed_plan_could_enter_a_tick_earlier(seed, variant):
    instance = busy(random_shop(np.random.default_rng(seed), variant, windows=True))
    shop, board, plan = plan_of(instance)
    done = execute(shop, board, Trace.of(instance), plan.order, plan.begin)
    schedule = to_schedule(instance, done.entry)
    assert check(instance, schedule) == done.end.max()
    for (j, k), start in np.ndenumerate(schedule.start):
        earlier = schedule.start.copy()
        earlier[j, k] = start - 1
        with pytest.raises(InvalidSchedule):
            check(instance, BlockingSchedule(earlier))


@settings(max_examples=50)
@given(seed=seeds, variant=variants)
def test_without_a_trace_a_plan_is_executed_as_it_stands(seed, variant):
    instance = random_shop(np.random.default_rng(seed), variant)
    shop, board, plan = plan_of(instance)
    assert np.array_equal(execute(shop, board, Trace.of(instance), plan.order, plan.begin).entry, plan.entry)


@settings(max_examples=50)
@given(seed=seeds, variant=variants, now=st.integers(0, 25))
def test_planning_on_from_a_board_without_failures_is_the_plan_itself(seed, variant, now):
    instance = random_shop(np.random.default_rng(seed), variant)
    shop, empty, plan = plan_of(instance)
    entered = plan.entry <= now
    board = board_at(shop, empty, Trace.of(instance), plan.entry, entered, now, 5)
    rest = plan.order[~entered[plan.order]]
    again = new_plan(shop)
    length = play(shop, board, new_table(board), again, again, 0, rest, len(rest), REFUSED - 1)
    assert np.array_equal(again.entry[rest], plan.entry[rest])
    if len(rest):
        assert length <= (plan.entry + shop.duration).max()


def test_a_machine_that_is_down_is_expected_after_the_mean_repair_and_holds_up_its_job():
    trace = Trace([[(4, 90)], [(2, 3)]], [0, 0, 0], restart=False)
    seen = trace.seen(6, np.array([1, 0, 0]), np.array([True, False, False]), repair=10)
    assert seen.down == [[(4, 16)], [(2, 3)]]
    assert seen.processed(0, 0, 8, 1) == 21  # 3 of 8 ticks before the failure
    assert Trace([[(7, 9)]], [0], restart=False).seen(6, np.array([0]), np.array([False]), 10).down == [[]]


def test_a_breakdown_is_seen_when_the_job_enters_and_its_length_when_it_is_over():
    trace = Trace([[], []], [5, 50], restart=False)
    entry, both = np.array([0, 2]), np.array([True, True])
    assert trace.seen(3, entry, both, repair=10).breakdown == [13, 11]
    assert trace.seen(6, entry, both, repair=10).breakdown == [5, 14]
    assert trace.seen(1, entry, np.array([True, False]), repair=10).breakdown == [11, 0]


@settings(max_examples=50)
@given(seed=seeds, variant=variants)
def test_rolling_schedules_are_valid(seed, variant):
    instance = random_shop(np.random.default_rng(seed), variant, windows=True)
    result = roll(instance, seed=seed)
    assert check(instance, result.schedule) == result.objective >= result.lower_bound


@pytest.mark.parametrize("law", [Interruptions(0.2), Interruptions(0.3, 1.0, restart=True), Interruptions(0.3, mode="bernoulli")])
def test_swaps_survive_many_failures(law):
    for seed in range(15):
        shop = generate(6, 4, operations=7, recirculation=True, seed=seed, duration=(0, 9), release=(0, 20))
        instance = interrupt(BlockingShop(shop, "bws"), law, seed)
        result = roll(instance, 300)
        assert check(instance, result.schedule) == result.objective


@settings(max_examples=50)
@given(seed=seeds, variant=variants, now=st.integers(0, 25))
@example(seed=2_048_450_648, variant="bws", now=0)  # no operation takes any time
def test_nothing_that_happens_later_changes_what_has_entered(seed, variant, now):
    """Neither failures after `now`, nor when the repairs under way end, nor breakdowns of jobs that enter later."""
    instance = random_shop(np.random.default_rng(seed), variant, windows=True)
    rng = np.random.default_rng(seed + 1)
    before = roll(instance, seed=seed).schedule.start
    down = []
    for windows in instance.down.tolist():
        known = [[a, b] for a, b in windows if 0 <= a <= now]
        if known and known[-1][1] > now:
            known[-1][1] = now + int(rng.integers(1, 20))
        later = max(now, *(b for _, b in known), 0) + 1 + int(rng.integers(0, 5))
        down.append([*known, [later, later + int(rng.integers(1, 20))]])
    width = max(map(len, down))
    padded = np.array([w + [[-1, -1]] * (width - len(w)) for w in down])
    over = before + instance.breakdown <= now
    under_way = np.where(over, instance.breakdown, np.maximum(now - before, 0) + rng.integers(1, 9, before.shape))
    breakdown = np.where(before > now, rng.integers(0, 9, before.shape), np.where(instance.breakdown > 0, under_way, 0))
    other = dataclasses.replace(instance, down=padded, breakdown=breakdown)
    after = roll(other, seed=seed).schedule.start
    assert np.array_equal(np.where(before <= now, before, 0), np.where(after <= now, after, 0))


@pytest.mark.parametrize("name", ["la01/bws/p0.1/t0", "la01/bns/p0.1,restart/t1", "la01/bws/p0.2,bernoulli/t2"])
def test_planning_again_is_repeatable_and_within_its_moves(name):
    instance = load(name)
    one, same = roll(instance, 3000, seed=5), roll(instance, 3000, seed=5)
    assert check(instance, one.schedule) == one.objective
    assert np.array_equal(one.schedule.start, same.schedule.start)
    assert one.notes["failures"] > 3
    assert 2000 < one.notes["moves"] <= 3000


def test_planning_again_lets_another_job_pass_while_a_machine_is_down():
    shop = JobShop(np.array([[0, 1, 2], [1, -1, -1]]), np.array([[4, 4, 6], [10, 0, 0]]), 3, np.array([0, 4]))
    down = np.array([[[1, 30]], [[-1, -1]], [[-1, -1]]])
    instance = BlockingShop(shop, "bws", down, interruptions=Interruptions(0.1, repair=20.0))
    stubborn = local_search.solve(instance, parse_method("sa:iterations=200"))
    assert stubborn.schedule.start.tolist() == [[0, 33, 37], [37, -1, -1]]
    assert roll(instance).schedule.start.tolist() == [[0, 33, 37], [4, -1, -1]]


def test_a_shop_that_never_fails_is_annealed_once():
    instance = load("la01/bws")
    once = local_search.solve(instance, parse_method("sa:iterations=500"))
    assert np.array_equal(roll(instance, 500).schedule.start, once.schedule.start)


def test_seconds_are_shared_by_all_plans():
    result = solve(load("la01/bws/p0.1/t0"), parse_method("rolling:0.2s"))
    assert result.notes["failures"] > 3
    assert result.notes["cpu_seconds"] < 0.6


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(InputError, match="x8"):
        solve(BlockingShop(load("la01/bws").shop), parse_method("rolling:x8"))
