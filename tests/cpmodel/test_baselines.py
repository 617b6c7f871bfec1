"""Rules, sampling and forward-backward improvement: the referee accepts what they find, and they are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from dispatchgym.baselines.cpmodel.dispatch import mirrored
from dispatchgym.baselines.cpmodel.methods import METHODS, check_method, solve
from dispatchgym.envs.cpmodel.check import check
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, Resource, Task
from dispatchgym.instances.errors import InputError
from tests.cpmodel.models import random_model, random_shop

PLAIN = [name for name in METHODS if name not in ("cpsat", "justify", "tabu", "sa")]


@pytest.mark.parametrize("method", [*PLAIN, *(f"{name}:x3,builder=serial" for name in PLAIN)])
def test_the_referee_accepts_every_schedule(method: str) -> None:
    found = 0
    for seed in range(20):
        for x in (random_model(seed, 6), random_model(seed, 5, forwards=False), random_model(seed, 5, tight=True)):
            result = solve(x, method, seed=seed)
            if result.schedule is None:
                assert (result.status, result.objective) == ("timeout", None)
            else:
                assert check(x, result.schedule) == result.objective
                found += 1
    assert found > 40


def test_more_samples_are_never_worse_and_the_seed_fixes_them() -> None:
    x = catalogue.load("j601_1")
    for name in ("lft", "random", "regret", "justify"):
        one, many, again = (solve(x, f"{name}:x{n}", seed=4) for n in (1, 12, 12))
        assert many.objective == again.objective <= (one.objective or 0)


def test_forward_backward_improvement_improves() -> None:
    names = catalogue.expand(["j601_1..j601_10"])
    drawn, better = (sum(solve(catalogue.load(n), m).objective or 0 for n in names) for m in ("regret:x5", "justify:x5"))
    assert better < drawn
    for n in names[:3]:
        x = catalogue.load(n)
        result = solve(x, "justify:x3")
        assert check(x, result.schedule) == result.objective


def test_a_mirrored_schedule_is_a_schedule() -> None:
    for seed in range(20):
        x = random_shop(seed, 4, 3, 3)
        start = solve(x, "mwkr").schedule
        back = mirrored(x, start.mode)
        ends = start.start + np.array([t.modes[m].duration for t, m in zip(x.tasks, start.mode, strict=True)])
        assert check(back, type(start)(ends.max() - ends, np.zeros_like(start.mode))) == ends.max()


def test_releases_have_a_direction() -> None:
    x = CPInstance((Task("a", (Mode(1),), release=1), Task("b", (Mode(1),))), name="dated")
    with pytest.raises(InputError, match="dated: forward-backward improvement needs a makespan alone"):
        solve(x, "justify")


def test_the_mode_that_ends_first_is_taken_and_the_rule_decides_who_goes_first() -> None:
    machines = (Resource("slow", 1), Resource("fast", 1))
    either = (Mode(9, ((0, 1),)), Mode(4, ((1, 1),)))
    tasks = (Task("short", either), Task("long", (Mode(12, ((0, 1),)), Mode(6, ((1, 1),)))), Task("last", (Mode(1, ((1, 1),)),)))
    x = CPInstance(tasks, machines, (Lag(1, 2),), name="two")
    first = {rule: solve(x, f"{rule}:builder=serial") for rule in ("spt", "mwkr")}
    assert first["spt"].schedule.start.tolist() == [0, 4, 10]
    assert first["mwkr"].schedule.start.tolist() == [0, 0, 6]
    assert first["mwkr"].schedule.mode.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("method", "match"),
    [
        ("brkga", "brkga"),
        ("tabu:x3", "x3"),
        ("sa:1s,moves=5", "not both"),
        ("sa:start=cpsat", "start=cpsat is not a heuristic"),
        ("spt:builder=active", "builder"),
        ("regret:rule=random", "rule"),
        ("justify:builder=serial", "builder"),
        ("cpsat:hint=cpsat", "hint=cpsat is not a heuristic"),
        ("lft:5s", "lft:5s"),
    ],
)
def test_wrong_methods_are_named_in_one_line(method: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        check_method(method)
    assert "\n" not in str(caught.value)
