"""Constraint programming: OR-Tools CP-SAT on the original model, or on that of the normal form (`cpsat_model.py`)."""

from __future__ import annotations

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpmodel.cpsat_model import build_model
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, prefer_no_relaxation, run
from dispatchgym.baselines.result import Result
from dispatchgym.instances.cpmodel.instance import CPInstance


def cpsat(instance: CPInstance, *, seconds: float = 10.0, workers: int = 1, seed: int = 0, hint: Result | None = None) -> Result:
    """Solve within `seconds` of the clock, which include the time of `hint`.

    Status optimal, feasible, infeasible, or timeout when no schedule was found. An interrupt stops the solver and is raised.
    """
    limit = Limit(seconds, workers, hint.seconds if hint is not None else 0.0)
    built = build_model(instance, hint.schedule if hint is not None else None)
    solver = new_solver(limit, seed)
    prefer_no_relaxation(solver, workers)
    curve = Curve(limit)
    outcome = run(
        solver,
        built.model,
        limit,
        lambda solution: curve.record(objective=round(solution.objective_value)),
        lambda proved: curve.record(bound=round(proved)),
    )
    notes = {"workers": workers, "model": "normal form" if instance.origin is None else "original"}
    if outcome not in SOLVED:
        bound = round(solver.best_objective_bound) if outcome == "timeout" else None
        return Result(None, None, outcome, limit.wall(), bound, tuple(curve.points), notes)
    objective, bound = round(solver.objective_value), round(solver.best_objective_bound)
    schedule = built.schedule(solver.value)
    wall = curve.record(objective, bound)
    return Result(objective, schedule, outcome, wall, bound, tuple(curve.points), notes)
