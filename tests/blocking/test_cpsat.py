"""CP-SAT on the blocking shop against brute force and published optima; its start, its limit and its interrupts."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchgym.baselines.blocking.cpsat import cpsat
from dispatchgym.baselines.blocking.cpsat_start import Clock, insertion, left_shift, makespan
from dispatchgym.baselines.blocking.methods import solve
from dispatchgym.envs.blocking.check import check
from dispatchgym.instances.blocking.catalogue import load
from dispatchgym.instances.blocking.instance import BlockingShop, Interruptions, interrupt
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.blocking.shops import brute_force, random_shop

KINDS = [("bws", False), ("bns", False), ("nwt", False), ("bws", True), ("bns", True)]


def differences(variant: str, windows: bool, shops: int, seed: int = 0) -> list[str]:
    """How CP-SAT's proved optima differ from brute force on so many random shops; every schedule passes the referee first."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(shops):
        shop = random_shop(rng, variant, windows=windows)  # type: ignore[arg-type]
        result = cpsat(shop, seconds=60, seed=i)
        assert check(shop, result.schedule) == result.objective
        optimum = brute_force(shop)
        if (result.status, result.objective, result.lower_bound) != ("optimal", optimum, optimum):
            found.append(f"shop {i}: {result.status} [{result.lower_bound}, {result.objective}], brute force {optimum}")
    return found


@pytest.mark.parametrize(("variant", "windows"), KINDS)
def test_the_proved_optimum_is_that_of_brute_force(variant, windows):
    assert differences(variant, windows, 40) == []


@pytest.mark.parametrize(("variant", "optimum"), [("bws", 63), ("bns", 69), ("nwt", 73)])
def test_ft06_is_solved_to_its_published_optimum_and_the_curve_closes(variant, optimum):
    shop = load(f"ft06/{variant}")
    result = solve(shop, "cpsat:60s,workers=1")
    assert (result.objective, result.lower_bound, result.status) == (optimum, optimum, "optimal")
    assert shop.best_known == optimum == check(shop, result.schedule)
    assert result.notes == {"workers": 1}
    seconds, objectives, bounds = zip(*result.curve, strict=True)
    assert list(seconds) == sorted(seconds)
    assert list(objectives) == sorted(objectives, reverse=True)
    assert list(bounds) == sorted(bounds)
    assert len(set(objectives)) > 1
    assert (objectives[-1], bounds[-1]) == (optimum, optimum)
    assert 0 < seconds[-1] < 1.2 * result.seconds + 0.1  # of CPU time; the result has wall time


def test_on_a_trace_it_knows_the_future_and_is_never_better_than_without_interruptions():
    for law in (Interruptions(0.15), Interruptions(0.15, restart=True), Interruptions(0.15, mode="bernoulli")):
        for seed in range(3):
            shop = BlockingShop(generate(4, 3, seed=seed, duration=(1, 9)), "bns")
            trace = interrupt(shop, law, seed)
            result = solve(trace, "cpsat:60s")
            assert result.status == "optimal"
            assert result.notes["plan"] == "clairvoyant"
            assert check(trace, result.schedule) == result.objective >= solve(shop, "cpsat:60s").objective


@pytest.mark.parametrize("variant", ["bws", "bns", "nwt"])
def test_a_limit_ends_the_run_with_a_schedule_and_a_bound(variant):
    shop = load(f"ta21/{variant}")
    for seconds in ("0.001", "1"):
        result = solve(shop, f"cpsat:{seconds}s")
        assert result.seconds < 10
        assert result.status == "feasible"
        assert check(shop, result.schedule) == result.objective > result.lower_bound


def test_a_long_trace_of_a_large_shop_is_no_reason_to_pass_the_limit():
    shop = interrupt(load("ta41/bns"), Interruptions(0.2), 0)
    result = solve(shop, "cpsat:1s")
    assert result.seconds < 10
    assert check(shop, result.schedule) == result.objective


def test_an_interrupt_stops_the_solver_and_is_raised():
    shop = load("la21/bns")
    began = time.monotonic()
    timer = threading.Timer(2.0, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        solve(shop, "cpsat:60s")
    timer.join()
    assert time.monotonic() - began < 20


@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS), st.booleans())
def test_inserted_jobs_make_a_valid_schedule_that_is_only_shifted_to_the_left_by_its_orders(seed, kind, late):
    rng = np.random.default_rng(seed)
    shop = random_shop(rng, kind[0], jobs=6, windows=kind[1])
    clock = Clock(shop)
    orders = insertion(clock, rng.permutation(shop.shop.jobs).tolist(), lambda late=late: late)
    assert sum(len(order) for order in orders) == shop.shop.operations.sum()
    times = left_shift(clock, orders)
    assert check(shop, clock.schedule(times)) == makespan(times)


def test_holes_are_used():
    # Job 2 fits on machine 1 before job 1 comes; one after another would take 5 + 4 + 2.
    shop = BlockingShop(JobShop(np.array([[0, -1], [0, 1], [1, -1]]), np.array([[5, 0], [2, 2], [2, 0]])), "bns")
    clock = Clock(shop)
    assert makespan(left_shift(clock, insertion(clock, [0, 1, 2], lambda: False))) == 9
    assert makespan(left_shift(clock, insertion(clock, [0, 1, 2], lambda: True))) == 11


def test_a_schedule_that_meets_the_trivial_bound_is_optimal_without_a_model():
    shop = BlockingShop(JobShop(np.array([[0, 1]]), np.array([[3, 4]])))
    for variant in ("bws", "bns", "nwt"):
        result = cpsat(dataclasses.replace(shop, variant=variant), seconds=1e-6)  # type: ignore[arg-type]
        assert (result.status, result.objective, result.lower_bound) == ("optimal", 7, 7)
