"""Constraint programming: OR-Tools CP-SAT, which starts from the best of a few insertion schedules.

The model contains all interruptions in advance, so its optimum on a trace is a lower bound for every online method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dispatchgym.baselines.blocking.cpsat_model import Model, OutOfTime, build_model
from dispatchgym.baselines.blocking.cpsat_start import Clock, Times, insertion, left_shift, makespan
from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, run
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.blocking.instance import BlockingShop, lower_bound

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

STARTS = 30  # random job sequences for the insertion
START_SHARE = 0.05  # of the time limit: no further sequence is started after it
LATE_SHARE = 0.5  # of the time limit: jobs not inserted by then are appended one after another


def solve(instance: BlockingShop, method: Method, *, seed: int = 0, workers: int = 1) -> Result:
    """Run "cpsat:10s,workers=2"; `workers` is the default of the option."""
    return cpsat(instance, seconds=method.seconds or 10.0, workers=method.integer("workers", workers), seed=seed)


def cpsat(instance: BlockingShop, *, seconds: float = 10.0, workers: int = 1, seed: int = 0) -> Result:
    """Solve within `seconds` of the clock, which include building the model.

    A schedule is always found: the status is optimal or feasible. An interrupt stops the solver and is raised.
    """
    limit = Limit(seconds, workers)
    clock = Clock(instance)
    best = _start(clock, np.random.default_rng(seed), limit)
    bound = lower_bound(instance)
    curve = Curve(limit)
    curve.record(makespan(best), bound)
    try:
        model = build_model(clock, bound, makespan(best) - 1, limit) if makespan(best) > bound else None
        found, proved = (best, makespan(best)) if model is None else _search(clock, model, bound, limit, seed, curve)
        best = best if found is None else min(found, best, key=makespan)
        bound = min(max(bound, proved), makespan(best))
    except OutOfTime:
        pass
    spent = curve.record(makespan(best), bound)
    status: Status = "optimal" if bound == makespan(best) else "feasible"
    notes = {"workers": workers, **({"plan": "clairvoyant"} if instance.interrupted else {})}
    return Result(makespan(best), clock.schedule(best), status, spent, bound, tuple(curve.points), notes)


def _start(clock: Clock, rng: np.random.Generator, limit: Limit) -> Times:
    """The best of several insertion schedules of random job sequences. At least one is built, however short the limit."""
    best: Times | None = None
    for _ in range(STARTS):
        found = left_shift(clock, insertion(clock, rng.permutation(len(clock.route)).tolist(), lambda: limit.over(LATE_SHARE)))
        best = found if best is None else min(best, found, key=makespan)
        if limit.over(START_SHARE):
            break
    assert best is not None
    return best


def _search(clock: Clock, model: Model, bound: int, limit: Limit, seed: int, curve: Curve) -> tuple[Times | None, int]:
    """The best schedule found in the model, and a proved bound on all schedules: past the horizon if the model has none."""
    solver = _solver(limit, seed)
    outcome = run(
        solver,
        model.cp,
        limit,
        lambda solution: curve.record(objective=round(solution.objective_value)),
        lambda proved: curve.record(bound=max(bound, round(proved))),
    )
    if outcome in SOLVED:
        return left_shift(clock, model.orders(clock, solver)), round(solver.best_objective_bound)
    return None, model.horizon + 1 if outcome == "infeasible" else round(solver.best_objective_bound)


def _solver(limit: Limit, seed: int) -> cp_model.CpSolver:
    solver, workers = new_solver(limit, seed), limit.workers
    # Linear relaxations and probing only cost time (measured on generated shops of 9x5 and 10x8). With two or three workers,
    # one proves bounds and the others search neighbourhoods. From four on, CP-SAT's portfolio has a worker without relaxations.
    solver.parameters.cp_model_probing_level = 0
    if workers < 4:
        solver.parameters.linearization_level = 0
    if 1 < workers < 4:
        solver.parameters.subsolvers.append("no_lp")
    return solver
