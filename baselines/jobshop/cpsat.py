"""Constraint programming: OR-Tools CP-SAT with one interval for each operation and one no-overlap for each machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, prefer_no_relaxation, run
from dispatchgym.baselines.jobshop.dispatch import dispatch
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.jobshop.instance import JobShop, Schedule

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


def build_model(instance: JobShop, horizon: int, hint: Schedule | None) -> tuple[cp_model.CpModel, list[list[cp_model.IntVar]]]:
    """The model and its start variables [job][operation]; no schedule longer than `horizon` ticks is a solution.

    Operations of duration 0 occupy no machine, so no-overlap constraints leave them out.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    makespan = model.new_int_var(0, horizon, "makespan")
    on_machine: list[list[cp_model.IntervalVar]] = [[] for _ in range(instance.machines)]
    starts: list[list[cp_model.IntVar]] = []
    for j in range(instance.jobs):
        row: list[cp_model.IntVar] = []
        ready: cp_model.LinearExprT = int(instance.release[j])
        for k in range(int(instance.operations[j])):
            duration = int(instance.duration[j, k])
            start = model.new_int_var(int(instance.release[j]), horizon - duration, f"start_{j}_{k}")
            model.add(start >= ready)
            if duration:
                on_machine[instance.machine[j, k]].append(model.new_fixed_size_interval_var(start, duration, f"op_{j}_{k}"))
            if hint is not None:
                model.add_hint(start, int(hint.start[j, k]))
            ready = start + duration
            row.append(start)
        model.add(makespan >= ready)
        starts.append(row)
    for intervals in on_machine:
        model.add_no_overlap(intervals)
    if hint is not None:
        model.add_hint(makespan, int(np.where(instance.machine >= 0, hint.start + instance.duration, 0).max()))
    model.minimize(makespan)
    return model, starts


def cpsat(instance: JobShop, *, seconds: float = 10.0, workers: int = 1, seed: int = 0, hint: Result | None = None) -> Result:
    """Solve within `seconds` of the clock, which include the time of `hint`.

    Status optimal, feasible, or timeout when no schedule was found. An interrupt stops the solver and is raised.
    """
    limit = Limit(seconds, workers, hint.seconds if hint is not None else 0.0)
    quick = dispatch(instance, "fdd-mwkr")
    known = [r.objective for r in (quick, hint) if r is not None and r.objective is not None]
    model, starts = build_model(instance, min(known), hint.schedule if hint is not None else None)
    solver = new_solver(limit, seed)
    prefer_no_relaxation(solver, workers)
    curve = Curve(limit)
    outcome = run(
        solver,
        model,
        limit,
        lambda solution: curve.record(objective=round(solution.objective_value)),
        lambda proved: curve.record(bound=round(proved)),
    )
    bound = round(solver.best_objective_bound)
    notes = {"workers": workers}
    if outcome not in SOLVED:
        # A known schedule keeps the horizon, so "infeasible" is an error.
        status: Status = "timeout" if outcome == "timeout" else "error"
        return Result(None, None, status, limit.wall(), bound, tuple(curve.points), notes)
    start = np.full(instance.machine.shape, -1, np.int64)
    for j, row in enumerate(starts):
        start[j, : len(row)] = [solver.value(x) for x in row]
    objective = round(solver.objective_value)
    spent_in_all = curve.record(objective, bound)
    return Result(objective, Schedule(start), outcome, spent_in_all, bound, tuple(curve.points), notes)
