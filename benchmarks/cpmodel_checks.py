"""One check of scheduling models each, for benchmarks/cpmodel_proofs.py: a line of results, `wrong` empty if all holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from ortools.sat.python import cp_model

from dispatchgym.baselines.cpmodel.cpsat import cpsat
from dispatchgym.baselines.cpmodel.cpsat_model import fixed_model
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.cpmodel.check import check
from dispatchgym.envs.cpmodel.env import CPModelKeywords
from dispatchgym.envs.cpmodel.layout import DONE, GOING, Clock
from dispatchgym.envs.cpmodel.problem import CPProblem
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.model import from_model
from dispatchgym.instances.cpmodel.solution import values_of
from dispatchgym.instances.errors import InputError, InvalidSchedule
from tests.cpmodel.models import random_model, random_shop
from tests.cpmodel.search import best_of_all
from tests.cpmodel.spoil import SPOILERS, spoiled
from tests.cpmodel.styles import styled_model

Line = dict[str, Any]
EPISODES = 3  # random ones of each model
LIMIT = 60.0  # seconds that CP-SAT has for a tiny model


def models(number: int) -> Line:
    """A tiny model: optimum by all choice sequences, referee on CP-SAT's schedules, CP-SAT on the environment's."""
    x = tiny(number)
    wrong: list[str] = []
    # Where a lag holds in some modes alone, tasks wait for each other in the others, too: an optimum may be lost.
    plain = replace(x, lags=tuple(replace(lag, first_mode=None, second_mode=None) for lag in x.lags))
    expected, best = cpsat(plain, seconds=LIMIT), best_of_all(CPProblem("serial"), plain)
    if expected.status not in ("optimal", "infeasible") or best != expected.objective:
        wrong.append(f"best of all choice sequences {best}, CP-SAT {expected.objective} ({expected.status})")
    judged = played = 0
    for one in (x, read(x, number)):
        if one is None:
            continue
        solved = cpsat(one, seconds=LIMIT)
        if solved.schedule is not None:
            judged += 1
            wrong += refused(one, solved.schedule, solved.objective)
        for schedule, objective in episodes(one):
            played += 1
            wrong += unsolved(one, schedule, objective)
    return {"name": x.name, "optimum": best, "judged": judged, "played": played, "wrong": wrong}


def tiny(number: int) -> CPInstance:
    """Model `number`: a quarter are flexible shops, a quarter have deadlines and links."""
    if number % 4 == 3:
        return random_shop(number, 3, 2, 2)
    return random_model(number, 4 + number % 2, tight=number % 4 == 1)


def read(x: CPInstance, number: int) -> CPInstance | None:
    """What is read of a CP-SAT model of `x`, in some style; None if the reader sees that it has no schedule."""
    try:
        return from_model(styled_model(x, number), x.name)
    except InputError as error:
        if "there is no schedule" in str(error):
            return None
        raise


def refused(x: CPInstance, schedule: CPSchedule, objective: int | None) -> list[str]:
    """Why the referee does not accept the schedule with this objective."""
    try:
        found = check(x, schedule)
    except InvalidSchedule as error:
        return [f"referee: {error}"]
    return [] if found == objective else [f"referee: {found}, CP-SAT {objective}"]


def unsolved(x: CPInstance, schedule: CPSchedule, objective: int) -> list[str]:
    """Why CP-SAT, with all variables fixed to the schedule, does not find this objective."""
    start, mode = schedule.start.tolist(), schedule.mode.tolist()
    if x.origin is None:
        model = fixed_model(x, start, mode)
    else:
        ticks = [task.modes[m].duration for task, m in zip(x.tasks, mode, strict=True)]
        model = styled_copy(x)
        for v, value in enumerate(values_of(x.origin, start, mode, ticks)):
            model.add(model.get_int_var_from_proto_index(v) == value)
    solver = cp_model.CpSolver()
    status = solver.solve(model)
    if status != cp_model.OPTIMAL:
        return [f"fixed: CP-SAT says {solver.status_name(status)}"]
    return (
        [] if round(solver.objective_value) == objective else [f"fixed: CP-SAT {solver.objective_value}, environment {objective}"]
    )


def styled_copy(x: CPInstance) -> cp_model.CpModel:
    """The model that an instance was read from."""
    assert x.origin is not None
    model = cp_model.CpModel()
    model.Proto().parse_text_format(x.origin.text)
    return model


def episodes(x: CPInstance) -> Iterator[tuple[CPSchedule, int]]:
    """Schedules and objectives of random episodes, without dead ends."""
    rng = np.random.default_rng(0)
    for actions in ("serial", "parallel"):
        engine = Engine(CPProblem(actions), [x], EPISODES, graph=False)  # type: ignore[arg-type]
        engine.reset()
        mask = engine.arrays[0].mask
        while (engine.read("state", "clock")[0][:, Clock.OVER] == GOING).any():
            engine.step((mask * (rng.random(mask.shape) + 1e-9)).argmax(axis=1), autoreset=False)
        (clock,) = engine.read("state", "clock")
        for b in np.flatnonzero(clock[:, Clock.OVER] == DONE).tolist():
            yield CPModelKeywords().schedule(x, engine.state, b), int(engine.arrays[1].final_objective[b])


def refusals(number: int) -> Line:
    """A model with one thing that is not understood: it is refused in one line."""
    names = list(SPOILERS)
    name, seed = names[number % len(names)], number // len(names)
    wrong = []
    try:
        from_model(spoiled(name, seed), "mine")
        wrong = ["accepted"]
    except InputError as error:
        wrong = [] if str(error).isprintable() and str(error).startswith("mine") else [f"refused by {error}"]
    return {"name": f"{name} {seed}", "wrong": wrong}


def shops(number: int) -> Line:
    """A job shop of Lawrence, as a model and in its own environment: the same choices, the same makespans."""
    name = f"la{number + 1:02d}"
    model = gymnasium.make("dispatchgym:dispatchgym/FlexibleJobShop-v0", instance=f"{name}-sdata", observation="candidates")
    shop = gymnasium.make("dispatchgym:dispatchgym/JobShop-v0", instance=name, actions="active", observation="candidates")
    rng = np.random.default_rng(number)
    wrong = []
    for _ in range(EPISODES):
        (_, left), (_, right), over = model.reset(), shop.reset(), False
        while not over and left["action_mask"].tolist() == right["action_mask"].tolist():
            action = int(rng.choice(np.flatnonzero(left["action_mask"])))
            (_, _, over, _, left), (_, _, _, _, right) = model.step(action), shop.step(action)
        if not over:
            wrong.append("the choices differ")
        elif left["objective"] != right["objective"]:
            wrong.append(f"makespans {left['objective']} and {right['objective']}")
    return {"name": name, "played": EPISODES, "wrong": wrong}


def solved(name: str, seconds: float, workers: int) -> Line:
    """CP-SAT on a bundled instance, against its published bounds and the referee."""
    x = catalogue.load(name)
    began, wall = time.process_time(), time.perf_counter()
    result = cpsat(x, seconds=seconds, workers=workers)
    cpu, wall = time.process_time() - began, time.perf_counter() - wall
    wrong = refused(x, result.schedule, result.objective) if result.schedule is not None else []
    lower, best = x.lower_bound, x.best_known
    if result.objective is not None and lower is not None and result.objective < lower:
        wrong.append(f"{result.objective} is below the published bound {lower}")
    if result.lower_bound is not None and best is not None and result.lower_bound > best:
        wrong.append(f"proves {result.lower_bound}, the best known is {best}")
    closed = lower is not None and lower == best
    line = {"name": name, "status": result.status, "objective": result.objective, "closed": closed, "best": best}
    return line | {"cpu": round(cpu, 3), "wall": round(wall, 3), "wrong": wrong}


def j30(number: int) -> Line:
    """CP-SAT on one of PSPLIB's projects of 30 activities."""
    return solved(catalogue.SETS["j30"][number], 30.0, 2)


def bounds(number: int) -> Line:
    """CP-SAT on a flexible shop whose bounds are published."""
    return solved(BOUNDED[number], 60.0, 1)


BOUNDED_SETS = ("kacem", "fattahi", "mk", "barnes")
BOUNDED = tuple(name for group in BOUNDED_SETS for name in catalogue.SETS[group])
CHECKS: dict[str, tuple[Callable[[int], Line], int]] = {  # part -> its check, and how many there are
    "models": (models, 2000),
    "refusals": (refusals, 200),
    "shops": (shops, 40),
    "j30": (j30, 480),
    "bounds": (bounds, len(BOUNDED)),
}
