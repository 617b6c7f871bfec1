"""Constraint programming: OR-Tools CP-SAT, rectangles of fixed times that must not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, run
from dispatchgym.baselines.memory.pack.greedy import FITS, ORDERS, best_of
from dispatchgym.baselines.memory.pack.sections import LongArray, unit_of
from dispatchgym.baselines.result import Point, Result, Status
from dispatchgym.instances.memory.instance import Packing, PackingPlan

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


@dataclass(frozen=True)
class Model:
    """A model and its variables, in units of `unit` bytes."""

    cp: cp_model.CpModel
    offset: list[Any]  # (N,) variables or expressions
    unit: int

    def offsets(self, solver: cp_model.CpSolver) -> LongArray:
        """(N,) bytes: the solution that the solver holds."""
        return np.array([solver.value(x) for x in self.offset], np.int64) * self.unit


def build_model(packing: Packing, least: int, most: int, hint: LongArray, minimise: bool) -> Model:
    """The model of packings with a height of `least` to `most` bytes; `hint` (N,) are the initial offsets.

    Only the times at which a part begins or ends are numbered.
    """
    from ortools.sat.python import cp_model

    model, unit = cp_model.CpModel(), unit_of(packing)
    parts = packing.parts
    top = np.zeros(packing.buffers, np.int64)
    np.maximum.at(top, parts[:, 0], parts[:, 4])
    times = np.unique(parts[:, 1:3])
    offset: list[Any] = []
    for n in range(packing.buffers):
        step = max(int(packing.alignment[n]) // unit, 1)
        multiple = model.new_int_var(0, max((most - int(top[n])) // unit // step, 0), f"offset_{n}")
        model.add_hint(multiple, int(hint[n]) // unit // step)
        offset.append(multiple * step)
    height = model.new_int_var(-(-least // unit), most // unit, "height") if minimise else most // unit
    for n in range(packing.buffers):
        model.add(offset[n] + int(top[n]) // unit <= height)
    lives: list[Any] = []
    ranges: list[Any] = []
    demands: list[int] = []
    for n, lower, upper, low, high in parts.tolist():
        begin, end = np.searchsorted(times, [lower, upper]).tolist()
        lives.append(model.new_fixed_size_interval_var(begin, end - begin, ""))
        demands.append((high - low) // unit)
        ranges.append(model.new_fixed_size_interval_var(offset[n] + low // unit, demands[-1], ""))
    model.add_no_overlap_2d(lives, ranges)
    model.add_cumulative(lives, demands, height)
    if minimise:
        model.minimize(height)
    return Model(model, offset, unit)


def cpsat(packing: Packing, *, goal: str = "height", seconds: float = 10.0, workers: int = 1, seed: int = 0) -> Result:
    """Find the lowest packing, or (goal "capacity") any within the capacity, in `seconds` of the clock.

    The seconds include building the model. The search starts from the best greedy packing. An interrupt stops the solver
    and is raised.
    """
    limit = Limit(seconds, workers)
    offset, height = best_of(packing, [(name, fit) for name in ORDERS for fit in FITS])
    bound = least = int(packing.lower_bound or 0)
    notes = {"workers": workers}
    curve = Curve(limit)  # bytes
    spent = curve.record(height, bound)
    minimise = goal == "height"
    most = height if minimise or packing.capacity is None else packing.capacity
    if height == bound or (not minimise and height <= most):
        status: Status = "optimal" if height == bound else "feasible"
        return Result(height, PackingPlan(offset), status, spent, bound, tuple(curve.points), notes)
    model = build_model(packing, least, most, offset, minimise)
    solver = new_solver(limit, seed)
    if minimise:
        outcome = run(
            solver,
            model.cp,
            limit,
            lambda solution: curve.record(objective=round(solution.objective_value) * model.unit),
            lambda proved: curve.record(bound=max(least, round(proved) * model.unit)),
        )
    else:
        outcome = run(solver, model.cp, limit)
    if outcome in SOLVED:
        offset = model.offsets(solver)
        height = int((offset[packing.parts[:, 0]] + packing.parts[:, 4]).max(initial=0))
    elif outcome == "infeasible":
        bound = (most // model.unit + 1) * model.unit
    if minimise:
        bound = min(max(bound, round(solver.best_objective_bound) * model.unit), height)
    spent = curve.record(height, bound)
    if height > most:
        status = "infeasible" if outcome == "infeasible" else "timeout"
    else:
        status = "optimal" if height == bound else "feasible"
    return _result(offset, height, status, spent, bound, tuple(curve.points), notes)


def _result(
    offset: LongArray,
    height: int,
    status: Status,
    seconds: float,
    bound: int,
    curve: tuple[Point, ...],
    notes: dict[str, Any],
) -> Result:
    """The result, without a packing if none is within the capacity."""
    if status in ("infeasible", "timeout"):
        return Result(None, None, status, seconds, bound, tuple((s, None, b) for s, _, b in curve), notes)
    return Result(height, PackingPlan(offset), status, seconds, bound, curve, notes)
