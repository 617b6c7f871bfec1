"""CP-SAT for one plan after another."""

from __future__ import annotations

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.soc.static.cpsat import build_model, quick_solver, windows
from dispatchgym.baselines.soc.static.planning_request import Request
from dispatchgym.instances.soc.instance import StaticSchedule

UNITS = 0.1  # of deterministic time in about a CPU second of one worker: 0.08 to 0.1 measured on plans of 30 tasks on 3 PEs
NO_LIMIT = 1e6


def improve(request: Request, plan: StaticSchedule, *, seconds: float, workers: int, seed: int) -> tuple[StaticSchedule, bool]:
    """The plan, or a better one found within about `seconds` CPU-seconds of each worker; and whether it is optimal.

    The limit is on deterministic time: one worker's answer depends on the seed alone, not on the machine and its load.
    """
    from ortools.sat.python import cp_model

    goal = request.objective(plan)
    window = windows(request, goal)
    if window.bound == goal:
        return plan, True
    model = build_model(request, window, plan)
    solver = quick_solver(Limit(NO_LIMIT, workers), seed)
    solver.parameters.max_deterministic_time = seconds * UNITS
    outcome = solver.solve(model.cp)
    if outcome in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        plan = min(model.schedule(solver), plan, key=request.objective)
    return plan, outcome == cp_model.OPTIMAL
