"""Running CP-SAT: limits, interrupts, the anytime curve and the status, the same for every model."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from dispatchgym.baselines.clock import Limit, chosen
from dispatchgym.baselines.result import Point, Status

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

STATUS: dict[str, Status] = {"OPTIMAL": "optimal", "FEASIBLE": "feasible", "INFEASIBLE": "infeasible", "UNKNOWN": "timeout"}
POLL = 0.02  # wall seconds between two looks at the limit
BUSIEST = 1000.0  # wall over CPU seconds at which a solver ends in any case, as no machine should be that busy
SOLVED = ("optimal", "feasible")  # statuses with which the solver holds a solution


class Curve:
    """The anytime record of a search within `limit`, in seconds of its clock."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.points: list[Point] = []  # (seconds, objective, bound), in the order of time

    def record(self, objective: int | None = None, bound: int | None = None) -> float:
        """Add a point now and return the wall seconds so far; None repeats the value of the previous point."""
        _, last_objective, last_bound = self.points[-1] if self.points else (0.0, None, None)
        self.points.append(
            (self.limit.spent(), last_objective if objective is None else objective, last_bound if bound is None else bound)
        )
        return self.limit.wall()


def new_solver(limit: Limit, seed: int) -> cp_model.CpSolver:
    """A solver with the workers of `limit` and what it leaves of wall time; `run` ends it by CPU time.

    Python keeps its own handling of interrupts.
    """
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(limit.left(), 0.001) * (1.0 if chosen() == "wall" else BUSIEST)
    solver.parameters.num_workers = limit.workers
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    return solver


def prefer_no_relaxation(solver: cp_model.CpSolver, workers: int) -> None:
    """Let a solver of one to three workers search without linear relaxations, in one of them if there are more than one.

    Relaxations of no-overlap and cumulative are weak: with so few workers they only slow the proof (measured on generated job
    shops of 10x10 and 12x12, and on projects of PSPLIB). From four workers on, CP-SAT's own portfolio holds a worker without.
    """
    if workers == 1:
        solver.parameters.linearization_level = 0
    elif workers < 4:
        solver.parameters.subsolvers.append("no_lp")


def run(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    limit: Limit,
    on_solution: Callable[[cp_model.CpSolverSolutionCallback], Any] | None = None,
    on_bound: Callable[[float], Any] | None = None,
) -> Status:
    """Solve within `limit` and return the status, "error" for an invalid model. An interrupt stops the solver and is raised.

    CP-SAT itself has a limit on wall time only: by CPU time it is stopped from here, at most `POLL` seconds late.

    `on_solution` is called with every solution that improves the objective, `on_bound` with every better bound.
    """
    from ortools.sat.python import cp_model

    class OnSolution(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self) -> None:
            if on_solution is not None:
                on_solution(self)

    solver.best_bound_callback = on_bound
    # Python raises an interrupt in the main thread, between two of its instructions: the solver must run in another thread.
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(solver.solve, model, OnSolution())
        try:
            while not future.done():
                wait([future], timeout=POLL)
                if limit.over():
                    solver.stop_search()
        except BaseException:
            solver.stop_search()
            raise
        return STATUS.get(future.result().name, "error")
