"""The referee on the statement of the problem, against hand-worked cases and against CP-SAT."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from ortools.sat.python import cp_model

from dispatchgym.baselines.cpmodel.cpsat import cpsat
from dispatchgym.baselines.cpmodel.cpsat_model import fixed_model
from dispatchgym.envs.cpmodel.check import check
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Lag, Mode, ModeLink, Objective, Resource, Task
from dispatchgym.instances.errors import InvalidSchedule
from tests.cpmodel.problems import random_instance

# A saw with a break in [4, 6), and a crew of three.
SHOP = CPInstance(
    (
        Task("cut", (Mode(3, ((0, 1),)), Mode(5, ((1, 2),), cost=4)), release=1),
        Task("glue", (Mode(2, ((1, 2),)),), due=3),
        Task("dry", (Mode(0, ((0, 1),)), Mode(7)), deadline=14),
    ),
    (Resource("saw", 1, ((4, 6, 1),)), Resource("crew", 3)),
    (Lag(0, 1), Lag(1, 2, "SS", 3, second_mode=1)),
    (ModeLink(0, 0, 2, (1,)),),
    Objective(completion=(0, 0, 2), tardiness=(0, 5, 0), lateness=3, cost=1, offset=100),
    name="shop",
)


def schedule(start: list[int], mode: list[int]) -> CPSchedule:
    return CPSchedule(np.array(start), np.array(mode))


def test_the_objective_is_that_of_the_statement() -> None:
    # Ends 4, 6, 14: makespan 14, 2 * 14, glue is 3 late (5 * 3), maximum lateness 3 (3 * 3), no cost, offset 100.
    assert check(SHOP, schedule([1, 4, 7], [0, 0, 1])) == 14 + 28 + 15 + 9 + 100
    # Drying takes no time, and no saw during its break: ends 6, 8, 5 and a cost of 4.
    assert check(SHOP, schedule([1, 6, 5], [1, 0, 0])) == 8 + 10 + 25 + 15 + 4 + 100


@pytest.mark.parametrize(
    ("start", "mode", "message"),
    [
        ([0, 4, 7], [0, 0, 1], "task 0 (cut) starts at 0, before its release 1"),
        ([1, 4, 8], [0, 0, 1], "task 2 (dry) ends at 15, after its deadline 14"),
        ([1, 3, 7], [0, 0, 1], "lag 0 (FS) from task 0 to 1: 3 < 4 + 0"),
        ([1, 4, 6], [0, 0, 1], "lag 1 (SS) from task 1 to 2: 6 < 4 + 3"),
        ([1, 4, 7], [0, 0, 0], "link 0: mode 0 of task 0 rules out mode 0 of task 2"),
        ([2, 6, 7], [0, 0, 1], "lag 1 (SS) from task 1 to 2"),
        ([2, 5, 7], [0, 0, 1], "lag 1"),
        ([1, 4, 7], [0, 0, 2], "task 2 (dry): mode 2 is not one of its 2"),
        ([1, 4], [0, 0], "start has shape (2,), the instance has 3 tasks"),
    ],
)
def test_what_the_statement_forbids_is_refused(start: list[int], mode: list[int], message: str) -> None:
    with pytest.raises(InvalidSchedule) as caught:
        check(SHOP, schedule(start, mode))
    assert str(caught.value).startswith(message)


def test_resources_hold_no_more_than_their_capacity() -> None:
    two = CPInstance((Task("a", (Mode(3, ((0, 2),)),)), Task("b", (Mode(2, ((0, 2),)),))), (Resource("crew", 3, ((5, 6, 2),)),))
    assert check(two, schedule([0, 3], [0, 0])) == 5
    for start, message in (([0, 2], "4 in use at 2"), ([3, 0], "4 in use at 5"), ([6, 4], "4 in use at 5")):
        with pytest.raises(InvalidSchedule, match=message):
            check(two, schedule(start, [0, 0]))
    with pytest.raises(InvalidSchedule, match="has dtype float64, not whole numbers"):
        check(two, CPSchedule(np.zeros(2), np.zeros(2, np.int64)))


def solve(model: cp_model.CpModel) -> bool:
    return cp_model.CpSolver().solve(model) == cp_model.OPTIMAL


@pytest.mark.parametrize("seed", range(60))
def test_the_referee_and_cpsat_agree_on_what_is_a_schedule(seed: int) -> None:
    instance, rng = random_instance(seed), Random(seed)
    found = cpsat(instance, seconds=20.0, seed=seed)
    assert found.status in ("optimal", "infeasible")
    if found.objective is not None:
        assert check(instance, found.schedule) == found.objective == found.lower_bound
        start, mode = found.schedule.start.tolist(), found.schedule.mode.tolist()
    else:
        start, mode = [0] * len(instance.tasks), [0] * len(instance.tasks)
    for _ in range(8):
        near = [max(0, s + rng.choice((-2, -1, 0, 0, 0, 1, 2))) for s in start]
        other = [rng.randrange(len(t.modes)) if rng.random() < 0.2 else m for t, m in zip(instance.tasks, mode, strict=True)]
        try:
            objective = check(instance, schedule(near, other))
        except InvalidSchedule:
            assert not solve(fixed_model(instance, near, other))
        else:
            assert solve(fixed_model(instance, near, other))
            assert found.objective is not None
            assert objective >= found.objective
