"""Annealing of blocking and no-wait shops: sequences that can always be played, valid schedules, optima where they are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.blocking.local_search import solve
from dispatchgym.baselines.blocking.moves import new_search
from dispatchgym.baselines.blocking.sequence import REFUSED, empty_board, flatten, new_plan, new_table, play, to_schedule
from dispatchgym.baselines.method import parse_method
from dispatchgym.envs.blocking.check import check
from dispatchgym.instances.blocking.catalogue import load
from dispatchgym.instances.blocking.instance import VARIANTS, BlockingShop
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop
from tests.blocking.shops import brute_force, random_shop

seeds = st.integers(0, 2**32 - 1)


def anneal(instance, moves=300, seed=0):
    return solve(instance, parse_method(f"sa:iterations={moves}"), seed=seed)


def played(instance, order):
    """Makespan and plan of a sequence of all operations."""
    shop, board = flatten(instance), empty_board(instance)
    plan = new_plan(shop)
    order = np.asarray(order, np.uint32)
    return play(shop, board, new_table(board), plan, plan, 0, order, len(order), REFUSED - 1), plan


@settings(max_examples=60)
@given(seed=seeds, variant=st.sampled_from(("bws", "bns")))
def test_any_sequence_plays_to_a_valid_schedule_unless_a_shop_without_swaps_refuses_it(seed, variant):
    rng = np.random.default_rng(seed)
    instance = random_shop(rng, variant)
    length, plan = played(instance, rng.permutation(int(instance.shop.operations.sum())))
    if variant == "bws" or length < REFUSED:
        assert check(instance, to_schedule(instance, plan.entry)) == length
        again, replay = played(instance, plan.order)
        assert again == length
        assert np.array_equal(replay.order, plan.order)


def test_jobs_that_wait_for_each_other_swap_or_are_refused():
    pair = np.array([[0, 1], [1, 0]])
    shop = JobShop(pair, np.array([[3, 2], [4, 5]]))
    length, plan = played(BlockingShop(shop, "bws"), [0, 2, 1, 3])
    assert (length, plan.entry.tolist()) == (9, [0, 4, 0, 4])
    assert plan.begin[1] == plan.begin[3] == 2
    assert played(BlockingShop(shop, "bns"), [0, 2, 1, 3])[0] == REFUSED


@settings(max_examples=40)
@given(seed=seeds, variant=st.sampled_from(("bws", "bns")))
def test_playing_on_from_any_circle_or_move_of_a_plan_is_playing_it_whole(seed, variant):
    rng = np.random.default_rng(seed)
    instance = random_shop(rng, variant)
    shop, board = flatten(instance), empty_board(instance)
    count = len(shop.job)
    _, plan = played(instance, np.arange(count))
    table, other = new_table(board), new_plan(shop)
    for low in {int(plan.begin[x]) for x in plan.order}:
        tokens = rng.permutation(plan.order[low:])
        _, whole = played(instance, np.concatenate([plan.order[:low], tokens]))
        found = play(shop, board, table, other, plan, low, tokens, count - low, REFUSED - 1)
        if found < REFUSED:
            assert np.array_equal(other.entry, whole.entry)
            assert np.array_equal(other.order, whole.order)


@settings(max_examples=40)
@given(seed=seeds, variant=st.sampled_from(VARIANTS))
def test_schedules_are_valid_no_worse_than_the_start_and_no_better_than_the_optimum(seed, variant):
    instance = random_shop(np.random.default_rng(seed), variant)
    first, last = anneal(instance, moves=1, seed=seed), anneal(instance, seed=seed)
    assert check(instance, last.schedule) == last.objective
    assert last.objective <= last.curve[0][1]
    assert first.objective <= first.curve[0][1]
    assert last.lower_bound <= last.objective
    assert last.status == ("optimal" if last.objective == last.lower_bound else "feasible")


@pytest.mark.parametrize("variant", ["bws", "bns"])
def test_tiny_shops_are_solved_to_the_optimum(variant):
    for seed in range(12):
        instance = random_shop(np.random.default_rng(seed), variant, jobs=3, machines=3)
        assert anneal(instance, moves=2000).objective == brute_force(instance)


def test_tiny_no_wait_shops_are_nearly_optimal():
    """Their optima may need a start later than the earliest that the jobs before it allow."""
    found, optimal = [], []
    for seed in range(12):
        instance = random_shop(np.random.default_rng(seed), "nwt", jobs=3, machines=3)
        found.append(anneal(instance).objective)
        optimal.append(brute_force(instance))
    assert all(f >= o for f, o in zip(found, optimal, strict=True))
    assert sum(found) <= 1.02 * sum(optimal)


@pytest.mark.parametrize("name", ["la01/bws", "la01/bns", "la01/nwt"])
def test_a_classic_shop_comes_within_five_percent_of_the_best_known(name):
    instance = load(name)
    result = anneal(instance, moves=200_000)
    assert check(instance, result.schedule) == result.objective <= 1.05 * instance.best_known
    lengths = [length for _, length, _ in result.curve]
    assert lengths == sorted(set(lengths), reverse=True)
    assert lengths[-1] == result.objective


@pytest.mark.parametrize("name", ["la06/bws", "la06/bns", "la06/nwt"])
def test_the_seed_decides_a_run_of_so_many_moves(name):
    one, same, other = (anneal(load(name), moves=2000, seed=s) for s in (3, 3, 4))
    assert np.array_equal(one.schedule.start, same.schedule.start)
    assert not np.array_equal(one.schedule.start, other.schedule.start)
    assert one.notes["moves"] == 2000


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_operation_is_solved_without_a_move(variant):
    instance = BlockingShop(JobShop(np.array([[0]]), np.array([[7]]), 1, np.array([2])), variant)
    result = anneal(instance)
    assert (result.objective, result.status, result.notes["moves"]) == (9, "optimal", 0)


def test_a_time_budget_ends_the_search():
    result = solve(load("la21/bws"), parse_method("sa:0.1s"))
    assert result.notes["cpu_seconds"] < 0.4
    assert result.notes["moves"] > 1000


@settings(max_examples=40)
@given(seed=seeds, variant=st.sampled_from(("bws", "bns")))
def test_an_interrupted_shop_follows_the_plan_of_the_shop_without_its_trace(seed, variant):
    instance = random_shop(np.random.default_rng(seed), variant, windows=True)
    calm = BlockingShop(instance.shop, variant)
    plan, result = anneal(calm, seed=seed), anneal(instance, seed=seed)
    assert result.notes["plan"] == "static"
    assert check(instance, result.schedule) == result.objective >= plan.objective
    assert result.curve[-1][1] == plan.objective
    assert (result.schedule.start >= plan.schedule.start).all()


@pytest.mark.parametrize("text", ["sa:x8", "sa:start=spt", "sa:iterations=0", "sa:iterations=10,1s"])
def test_options_that_mean_nothing_are_refused(text):
    with pytest.raises(InputError, match="sa"):
        solve(load("la01/bws"), parse_method(text))


def test_a_search_starts_with_its_order_as_best():
    instance = load("la02/bns")
    shop, board = flatten(instance), empty_board(instance)
    search = new_search(shop, board, np.arange(len(shop.job), dtype=np.uint32), 0)
    assert search.tally.tolist() == [0, played(instance, np.arange(len(shop.job)))[0], search.tally[1]]
    assert np.array_equal(search.best.order, search.current.order)
