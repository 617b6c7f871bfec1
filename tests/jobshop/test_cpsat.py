"""The CP-SAT model of the job shop against published optima, its own time limit and interrupts."""

import signal
import threading
import time

import numpy as np
import pytest

from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.jobshop.catalogue import load
from dispatchgym.instances.jobshop.instance import JobShop


def test_ft06_is_proved_to_take_55_ticks_and_the_curve_closes():
    result = solve(load("ft06"), "cpsat:20s,workers=1,hint=tabu:moves=500")
    assert (result.objective, result.lower_bound, result.status) == (55, 55, "optimal")
    assert result.notes == {"workers": 1, "hint": "tabu:moves=500"}
    seconds, objectives, bounds = zip(*result.curve, strict=True)
    assert list(seconds) == sorted(seconds)
    assert seconds[-1] <= result.seconds + 0.01  # one is processor time, the other wall time
    found = [x for x in objectives if x is not None]
    proved = [x for x in bounds if x is not None]
    assert found == sorted(found, reverse=True)
    assert proved == sorted(proved)
    assert found[-1] == proved[-1] == 55


def test_a_limit_ends_the_run_with_a_schedule_and_a_bound_or_a_timeout():
    shop = load("ta41")
    result = solve(shop, "cpsat:0.5s,hint=fdd-mwkr")
    assert result.seconds < 5
    assert result.status in ("feasible", "timeout")
    assert result.objective is None or check(shop, result.schedule) == result.objective >= result.lower_bound
    assert result.lower_bound <= shop.best_known


def test_a_limit_too_short_to_build_the_model_is_a_timeout_without_a_schedule():
    result = solve(load("ta71"), "cpsat:0.001s")
    assert (result.status, result.objective, result.schedule) == ("timeout", None, None)


def test_a_hint_is_never_worsened():
    shop = load("ta01")
    hint = solve(shop, "tabu:moves=20000").objective
    result = solve(shop, "cpsat:3s,hint=tabu:moves=20000")
    assert result.objective <= hint


def test_an_interrupt_stops_the_solver_and_is_raised():
    began = time.monotonic()
    timer = threading.Timer(1.0, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        solve(load("ta41"), "cpsat:60s")
    timer.join()
    assert time.monotonic() - began < 20


def test_releases_zero_durations_and_revisits_reach_the_optimum_worked_by_hand():
    # Job 0 holds machine 0 in [0, 4) and again in [9, 11); job 1 (release 1) passes machine 0 in no time while it is busy.
    shop = JobShop(np.array([[0, 1, 0], [0, 1, -1]]), np.array([[4, 5, 2], [0, 2, 0]]), release=np.array([0, 1]))
    result = solve(shop, "cpsat:10s")
    assert (result.status, check(shop, result.schedule)) == ("optimal", 11)
    assert result.schedule.start[1].tolist()[1] + 2 <= 4
