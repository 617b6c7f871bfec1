"""Constraint programming: OR-Tools CP-SAT, begun with the best of a few schedules that insert the jobs one after another.

Interruptions are known to it in advance, so on a trace its optimum is a bound for every method that must not look ahead.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from dispatchgym.baselines.blocking.cpsat_model import Model, OutOfTime, build_model
from dispatchgym.baselines.blocking.cpsat_start import Clock, Times, insertion, left_shift, makespan
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, run
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.blocking.instance import BlockingShop, lower_bound

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

STARTS = 30  # random sequences of jobs that are inserted
START_SHARE = 0.05  # of the time limit: no further sequence is begun after it
LATE_SHARE = 0.5  # of the time limit: jobs that are not inserted by then go one after another


def solve(instance: BlockingShop, method: Method, *, seed: int = 0, workers: int = 1) -> Result:
    """Run "cpsat:10s,workers=2"; `workers` counts unless the text says otherwise."""
    return cpsat(instance, seconds=method.seconds or 10.0, workers=method.integer("workers", workers), seed=seed)


def cpsat(instance: BlockingShop, *, seconds: float = 10.0, workers: int = 1, seed: int = 0) -> Result:
    """Solve with a limit of `seconds` wall seconds, in which the model is built too.

    There is always a schedule: status optimal or feasible. An interrupt stops the solver and is raised.
    """
    began = time.perf_counter()
    deadline = began + seconds
    clock = Clock(instance)
    best = _start(clock, np.random.default_rng(seed), began, seconds)
    bound = lower_bound(instance)
    curve = Curve(began)
    curve.record(makespan(best), bound)
    try:
        model = build_model(clock, bound, makespan(best) - 1, deadline) if makespan(best) > bound else None
        found, proved = (best, makespan(best)) if model is None else _search(clock, model, bound, deadline, workers, seed, curve)
        best = best if found is None else min(found, best, key=makespan)
        bound = min(max(bound, proved), makespan(best))
    except OutOfTime:
        pass
    spent = curve.record(makespan(best), bound)
    status: Status = "optimal" if bound == makespan(best) else "feasible"
    notes = {"workers": workers, **({"clairvoyant": True} if instance.interrupted else {})}
    return Result(makespan(best), clock.schedule(best), status, spent, bound, tuple(curve.points), notes)


def _start(clock: Clock, rng: np.random.Generator, began: float, seconds: float) -> Times:
    """The best of some schedules by insertion of the jobs in random sequence; at least one, however short the limit."""
    best: Times | None = None
    for _ in range(STARTS):
        found = left_shift(clock, insertion(clock, rng.permutation(len(clock.route)).tolist(), began + LATE_SHARE * seconds))
        best = found if best is None else min(best, found, key=makespan)
        if time.perf_counter() > began + START_SHARE * seconds:
            break
    assert best is not None
    return best


def _search(
    clock: Clock, model: Model, bound: int, deadline: float, workers: int, seed: int, curve: Curve
) -> tuple[Times | None, int]:
    """The best schedule found in the model, and a proved bound on all schedules: past the horizon if the model has none."""
    solver = _solver(deadline, workers, seed)
    outcome = run(
        solver,
        model.cp,
        lambda solution: curve.record(objective=round(solution.objective_value)),
        lambda proved: curve.record(bound=max(bound, round(proved))),
    )
    if outcome in SOLVED:
        return left_shift(clock, model.orders(clock, solver)), round(solver.best_objective_bound)
    return None, model.horizon + 1 if outcome == "infeasible" else round(solver.best_objective_bound)


def _solver(deadline: float, workers: int, seed: int) -> cp_model.CpSolver:
    solver = new_solver(deadline - time.perf_counter(), workers, seed)
    # Linear relaxations and probing only cost time (measured on generated shops of 9x5 and 10x8). Two or three workers are one
    # for proofs and the rest for neighbourhoods; from four on, CP-SAT's own portfolio holds a worker without relaxations.
    solver.parameters.cp_model_probing_level = 0
    if workers < 4:
        solver.parameters.linearization_level = 0
    if 1 < workers < 4:
        solver.parameters.subsolvers.append("no_lp")
    return solver
