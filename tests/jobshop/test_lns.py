"""Large-neighbourhood search: every piece is a whole schedule, none is longer, and small shops are solved."""

from __future__ import annotations

import numpy as np
import pytest

from dispatchgym import families
from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import Curve, new_solver, run
from dispatchgym.baselines.jobshop import lns
from dispatchgym.baselines.jobshop.graph import build_graph, makespan, to_schedule
from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.baselines.lns import Search
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.catalogue import load
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.jobshop.shops import odd_shop

JOBSHOP = families.load("jobshop")


@pytest.mark.parametrize("kind", ["window", "machines", "jobs"])
def test_what_a_piece_promises_is_what_the_schedule_takes(kind: str) -> None:
    """The makespan of the window's model, left-shifted, is that of the whole schedule: releases and tails are right."""
    shop = generate(8, 6, seed=3, recirculation=True, operations=7, release=(0, 40))
    rng = np.random.default_rng(4)
    found = 0
    for trial in range(40):
        graph = build_graph(shop, solve(shop, "random", seed=trial).schedule)
        piece = lns.kinds(shop)[kind](graph, 14, rng)
        if piece is None:
            continue
        solver = new_solver(Limit(20.0), trial)
        if run(solver, piece.model, Limit(20.0)) != "optimal":
            continue
        found += 1
        better = piece.read(solver.value)
        assert check(shop, to_schedule(shop, better)) == makespan(better) == round(solver.objective_value) < makespan(graph)
    assert found >= 3


def test_a_window_of_everything_is_the_whole_problem() -> None:
    shop = load("ft06")
    graph = build_graph(shop, solve(shop, "spt").schedule)
    piece = lns.free_all(graph, 36, np.random.default_rng(0))
    assert piece is not None
    solver = new_solver(Limit(20.0), 0)
    assert run(solver, piece.model, Limit(20.0)) == "optimal"
    assert check(shop, to_schedule(shop, piece.read(solver.value))) == 55


def test_the_search_solves_a_small_shop_and_its_curve_falls_to_the_answer() -> None:
    shop = load("ft06")
    result = solve(shop, "lns:1s,start=spt")
    assert check(shop, result.schedule) == result.objective == 55
    assert result.notes["start"] == "spt"
    objectives = [x for _, x, _ in result.curve]
    assert objectives == sorted(objectives, reverse=True)
    assert objectives[0] == solve(shop, "spt").objective
    assert [at for at, *_ in result.curve] == sorted(at for at, *_ in result.curve)


def test_shops_with_zero_durations_and_releases_are_improved_or_left_alone() -> None:
    for shop in (*(odd_shop(np.random.default_rng(i)) for i in range(4)), JobShop(np.array([[0, 1]]), np.array([[0, 0]]))):
        result = solve(shop, "lns:0.05s")
        assert check(shop, result.schedule) == result.objective <= solve(shop, "fdd-mwkr").objective


def test_parts_that_are_searched_to_the_end_grow_and_others_shrink() -> None:
    search = Search(0, lambda x: 7, {"a": lambda best, size, rng: None}, bound=0)
    limit = Limit(0.05)
    search.run(limit, Curve(limit), 0)
    assert search.sizes["a"] > 60
    assert search.repairs == 0


def test_a_policy_makes_the_first_schedule_and_its_time_is_counted() -> None:
    shop = load("ft06")
    policy = JOBSHOP.solve(shop, "policy:x4").objective
    hinted = JOBSHOP.solve(shop, "cpsat:5s,hint=policy:x4")
    assert (hinted.objective, hinted.notes["hint"]) == (55, "policy:x4")
    improved = JOBSHOP.solve(shop, "lns:0.2s,start=policy:x4")
    assert improved.curve[0][1] == policy
    assert improved.curve[0][0] > 0
    assert check(shop, improved.schedule) == improved.objective <= policy
    assert JOBSHOP.validate("cpsat:5s,hint=policy:x4") == JOBSHOP.validate("policy")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lns:1s,start=cpsat", "option start=cpsat is not a heuristic"),
        ("cpsat:1s,hint=lns", "option hint=lns is not a heuristic"),
        ("tabu:1s,start=lns", "option start=lns is not a heuristic"),
        ("lns:hint=spt", "option hint=spt does not apply to 'lns'"),
        ("cpsat:1s,hint=policy:dive", "option search=dive is not one of sample"),
        ("cpsat:1s,hint=policy@nowhere", "no such checkpoint"),
    ],
)
def test_wrong_first_schedules_are_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        JOBSHOP.validate(text)


def test_baselines_alone_play_no_policies() -> None:
    with pytest.raises(InputError, match=r"'policy' is played by evaluate\.py and Family\.solve alone"):
        solve(load("ft06"), "cpsat:1s,hint=policy")
