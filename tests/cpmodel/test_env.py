"""The environment of scheduling models: it reaches optima, its schedules are what the referee and CP-SAT accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from dispatchgym.baselines.cpmodel.cpsat import cpsat
from dispatchgym.baselines.cpmodel.cpsat_model import build_model
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.cpmodel.check import check
from dispatchgym.envs.cpmodel.env import CPModelKeywords
from dispatchgym.envs.cpmodel.layout import DEAD_END, MACHINE_CUT, NO_CUT, START_CUT, Clock, Plan
from dispatchgym.envs.cpmodel.problem import ACTIONS, CPProblem
from dispatchgym.envs.cpmodel.tables import cut_of
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Lag, Mode, ModeLink, Objective, Resource, Task
from dispatchgym.instances.jobshop import catalogue as job_shops
from tests.core.targets import assert_targets_agree
from tests.cpmodel.models import random_model, random_shop
from tests.cpmodel.play import record
from tests.cpmodel.search import best_of_all

BOTH = pytest.mark.parametrize("actions", ACTIONS)


def batch(actions: Any, pool: list[CPInstance]) -> Engine:
    """Copy b plays instance b."""
    engine = Engine(CPProblem(actions), pool, len(pool), seed=1)
    engine.assign_rows(np.arange(len(pool)))
    engine.reset()
    return engine


def finish(engine: Engine, seed: int = 0) -> list[tuple[CPSchedule | None, int, float]]:
    """A random episode of each copy: its schedule (None in a dead end), objective and return."""
    rng = np.random.default_rng(seed)
    found: list[Any] = [None] * engine.copies
    while None in found:
        seen, record = engine.arrays
        for array in (seen.candidates, seen.context, seen.tasks, seen.resources, seen.runs_on_features):
            assert np.abs(array).max(initial=0) < 1e6
        engine.step((seen.mask * (rng.random(seen.mask.shape) + 1e-9)).argmax(axis=1), autoreset=False)
        for b in np.flatnonzero(record.terminated == 1).tolist():
            if found[b] is None:
                dead = engine.state.clock[b, Clock.OVER] == DEAD_END
                schedule = None if dead else CPModelKeywords().schedule(engine.pool[b], engine.state, b)
                found[b] = schedule, int(record.final_objective[b]), float(record.final_return[b])
    return found


@BOTH
@pytest.mark.parametrize("words", [{}, {"forwards": False}, {"tight": True}], ids=["forwards", "any lags", "deadlines and links"])
def test_the_referee_accepts_every_schedule_and_rewards_add_up(actions: str, words: dict[str, bool]) -> None:
    pool = [random_model(seed, 4 + seed % 6, **words) for seed in range(60)] + [random_shop(seed, 4, 3, 3) for seed in range(9)]
    ends = 0
    for seed in range(3):
        engine = batch(actions, pool)
        first = engine.state.bound.numpy().copy()
        bounds, plans, about = engine.read("instances", "bound", "plan", "about")
        for b, (schedule, objective, total) in enumerate(finish(engine, seed)):
            assert total == pytest.approx((first[b] - objective) * about[b, 2])
            if schedule is None:
                assert objective == plans[b, Plan.WORST]
            else:
                assert check(pool[b], schedule) == objective >= first[b] >= bounds[b]
                assert objective < plans[b, Plan.WORST]
                ends += 1
    assert ends > (60 if words.get("tight") else 3 * len(pool) - 1)


@BOTH
def test_the_best_of_all_choice_sequences_is_the_optimum(actions: Any) -> None:
    cuts = []
    for seed in range(14):
        for x in (random_model(seed, 4 + seed % 2), random_model(seed, 4, tight=True), random_shop(seed, 3, 2, 2)):
            best = best_of_all(CPProblem(actions), x)
            result = cpsat(x, seconds=20)
            assert result.status in ("optimal", "infeasible")
            conditional = any(lag.first_mode is not None or lag.second_mode is not None for lag in x.lags)
            if conditional:  # tasks wait for each other also in modes in which the lag does not hold
                assert best is None or best >= (result.objective or 0)
            else:
                assert best == result.objective, x.name
            cuts.append(cut_of(x))
    assert set(cuts) == {NO_CUT, START_CUT, MACHINE_CUT}


def test_cpsat_accepts_schedules_with_all_variables_fixed() -> None:
    from ortools.sat.python import cp_model

    pool = [random_model(seed, 6, tight=seed % 3 == 0) for seed in range(24)]
    fixed = 0
    for x, (schedule, objective, _) in zip(pool, finish(batch("serial", pool)), strict=True):
        if schedule is not None:
            solver = cp_model.CpSolver()
            solver.parameters.fix_variables_to_their_hinted_value = True
            assert solver.solve(build_model(x, schedule).model) == cp_model.OPTIMAL
            assert round(solver.objective_value) == objective
            fixed += 1
    assert fixed > 12


@pytest.mark.parametrize("name", ["la01", "la02", "la03", "la04", "la05"])
def test_a_job_shop_as_a_model_is_the_job_shop(name: str) -> None:
    assert catalogue.load(f"{name}-sdata").resources[0].capacity == 1
    model = gymnasium.make("dispatchgym/FlexibleJobShop-v0", instance=f"{name}-sdata", observation="candidates")
    shop = gymnasium.make("dispatchgym/JobShop-v0", instance=name, actions="active", observation="candidates")
    assert job_shops.load(name).jobs == model.action_space.n  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    for _ in range(3):
        (_, left), (_, right) = model.reset(), shop.reset()
        over = False
        while not over:
            assert left["action_mask"].tolist() == right["action_mask"].tolist()
            action = int(rng.choice(np.flatnonzero(left["action_mask"])))
            (_, _, over, _, left), (_, _, _, _, right) = model.step(action), shop.step(action)
        assert left["objective"] == right["objective"] > 0


def test_an_instance_worked_by_hand() -> None:
    """A long task on two of three units; two tasks of two units, one of one unit, and a break."""
    resource = Resource("crew", 3, breaks=((6, 8, 3),))
    tasks = tuple(
        Task(name, (Mode(ticks, ((0, a),)),)) for name, ticks, a in (("a", 4, 2), ("b", 3, 2), ("c", 2, 1), ("d", 2, 2))
    )
    x = CPInstance(tasks, (resource,), (Lag(0, 2, "SS", 1),), name="crew")
    engine = Engine(CPProblem("serial"), [x], 1, device="python")
    engine.reset()
    starts = []
    for task in (0, 2, 3, 1):
        chain = int(engine.instances.task[0, task, 10])
        starts.append(int(engine._state.mode[0, task, 1]))
        engine.step(np.array([chain]), autoreset=False)
    # c begins one tick after a and fits beside it; d has room between a and the break; b needs three ticks, after the break.
    assert starts == [0, 1, 4, 8]
    assert engine.arrays[1].final_objective[0] == 11


def test_a_dead_end_ends_the_episode_with_the_worst_objective_and_says_so() -> None:
    machine = (Resource("machine", 1),)
    tasks = (Task("late", (Mode(5, ((0, 1),)),)), Task("urgent", (Mode(2, ((0, 1),)),), deadline=4))
    env = gymnasium.make("dispatchgym/CPModel-v0", instance=CPInstance(tasks, machine, name="urgent"))
    env.reset()
    _, reward, over, _, info = env.step(0)
    assert (over, info["dead_end"], info["objective"]) == (True, 1.0, 8)  # the horizon is 7
    assert reward < 0
    env.reset()
    assert [env.step(1)[2], env.step(0)[2]] == [False, True]


def test_modes_that_links_rule_out_are_no_choices() -> None:
    modes = (Mode(1), Mode(1, cost=1), Mode(1, cost=2))
    tasks = tuple(Task(name, modes) for name in "abc")
    links = (ModeLink(0, 0, 1, (1,)), ModeLink(1, 1, 2, (0, 2)), ModeLink(2, 2, 0, (1,)))
    x = CPInstance(tasks, links=links, objective=Objective(cost=1), name="links")
    env = gymnasium.make("dispatchgym/CPModel-v0", instance=x)
    env.reset()
    _, _, _, _, info = env.step(0)  # a in mode 0: b must be in mode 1, so c in mode 0
    assert np.flatnonzero(info["action_mask"]).tolist() == [4, 6]


def test_all_targets_agree_in_the_cuda_simulator(tmp_path: Path) -> None:
    assert_targets_agree("tests.cpmodel.play", record, 4, tmp_path)
