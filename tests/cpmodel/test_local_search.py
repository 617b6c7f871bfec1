"""Tabu search and annealing: the referee accepts what they find, they reach optima of small models, and the seed fixes them."""

from __future__ import annotations

import dataclasses
import math

import pytest

from dispatchgym.baselines.cpmodel.methods import solve
from dispatchgym.envs.cpmodel.check import check
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, Objective, Resource, Task
from dispatchgym.instances.errors import InputError
from tests.cpmodel.models import random_model, random_shop


def assembled(seed: int) -> CPInstance:
    """A flexible shop whose jobs come together: the last tasks of the first two jobs precede that of the last job.

    One task has a release, and one has a mode that needs no machine.
    """
    x = random_shop(seed, 4, 3, 3)
    tasks = list(x.tasks)
    tasks[3] = dataclasses.replace(tasks[3], release=5)
    tasks[7] = dataclasses.replace(tasks[7], modes=(*tasks[7].modes, Mode(11)))
    tasks[4] = dataclasses.replace(tasks[4], modes=(Mode(0, ((1, 1),)),))
    return CPInstance(tuple(tasks), x.resources, (*x.lags, Lag(2, 11), Lag(5, 11)), name=x.name)


@pytest.mark.parametrize("method", ["tabu", "sa"])
def test_small_shops_are_solved_to_optimality(method: str) -> None:
    for seed in range(12):
        x = random_shop(seed, 4, 3, 3) if seed % 2 else assembled(seed)
        result = solve(x, f"{method}:moves=4000", seed=seed)
        assert check(x, result.schedule) == result.objective == solve(x, "cpsat:20s").objective


@pytest.mark.parametrize("method", ["tabu:moves=150", "sa:moves=150"])
def test_the_seed_fixes_the_search_and_its_curve_falls(method: str) -> None:
    x = catalogue.load("mk01")
    one, again = (solve(x, method, seed=5) for _ in range(2))
    assert one.schedule.start.tolist() == again.schedule.start.tolist()
    objectives = [point[1] for point in one.curve]
    assert objectives == sorted(objectives, reverse=True)
    assert objectives[-1] == one.objective == check(x, one.schedule) >= 40
    assert one.notes["moves"] == 150


def test_annealing_keeps_every_rule_and_undercuts_no_optimum() -> None:
    found = 0
    for seed in range(12):
        for x in (random_model(seed, 6), random_model(seed, 5, forwards=False), random_model(seed, 5, tight=True)):
            result, best = solve(x, "sa:moves=300", seed=seed), solve(x, "cpsat:20s")
            if result.schedule is None:
                assert (result.status, result.objective) == ("timeout", None)
            else:
                assert check(x, result.schedule) == result.objective >= (best.objective or -math.inf)
                found += result.objective == best.objective
    assert found >= 28


def test_annealing_needs_no_schedule_to_start_from() -> None:
    either = (Mode(1, ((0, 1),)), Mode(3))
    tasks = (
        Task("long", (Mode(4, ((0, 1),)),)),
        Task("due", either, deadline=4),
        Task("tight", (Mode(2, ((0, 1),)),), deadline=2),
    )
    x = CPInstance(tasks, (Resource("one", 1),), name="dated")
    assert solve(x, "spt:builder=serial").schedule is None
    result = solve(x, "sa:moves=200,start=spt")
    assert result.objective == check(x, result.schedule) == 6


def test_tabu_search_gives_up_where_its_rule_finds_no_schedule_within_the_horizon() -> None:
    tasks = (Task("either", (Mode(4, ((0, 1),)), Mode(5, ((1, 1),)))), Task("one", (Mode(4, ((0, 1),)),)))
    x = CPInstance(tasks, (Resource("M0", 1), Resource("M1", 1)), horizon=5, name="tight")
    assert solve(x, "tabu:moves=5").status == "timeout"
    assert solve(x, "tabu:moves=5,start=sa:moves=50").objective == 5


def test_annealing_is_below_sampling_on_projects() -> None:
    names = ("j601_1", "j605_1", "j609_1", "j6013_1")
    drawn, annealed = (sum(solve(catalogue.load(n), m).objective or 0 for n in names) for m in ("regret:x300", "sa:moves=1000"))
    assert annealed < drawn


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"resources": (Resource("M0", 2), Resource("M1", 1))}, "modes with more than one machine"),
        ({"lags": (Lag(0, 1, "SS"),)}, "lags other than FS 0"),
        ({"objective": Objective(makespan=1, cost=1)}, "an objective other than the makespan"),
        ({"resources": (Resource("M0", 1, ((3, 4, 1),)), Resource("M1", 1))}, "breaks"),
    ],
)
def test_tabu_search_says_what_it_is_not_for(change: dict[str, object], reason: str) -> None:
    x = dataclasses.replace(random_shop(3), **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"tabu search is for flexible shops, and not for {reason}"):
        solve(x, "tabu:moves=5")
