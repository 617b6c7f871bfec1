"""Running CP-SAT: limits, interrupts, the anytime curve and the status, the same for every model."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from dispatchgym.baselines.result import Point, Status

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

STATUS: dict[str, Status] = {"OPTIMAL": "optimal", "FEASIBLE": "feasible", "INFEASIBLE": "infeasible", "UNKNOWN": "timeout"}
SOLVED = ("optimal", "feasible")  # statuses with which the solver holds a solution


class Curve:
    """The anytime record of a search that began at `began`, a value of time.perf_counter()."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.points: list[Point] = []  # (seconds, objective, bound), in the order of time

    def record(self, objective: int | None = None, bound: int | None = None) -> float:
        """Add a point now and return its seconds; None repeats the value of the previous point."""
        _, last_objective, last_bound = self.points[-1] if self.points else (0.0, None, None)
        seconds = time.perf_counter() - self.began
        self.points.append((seconds, last_objective if objective is None else objective, last_bound if bound is None else bound))
        return seconds


def new_solver(seconds: float, workers: int, seed: int) -> cp_model.CpSolver:
    """A solver with a limit of `seconds` wall seconds. Python keeps its own handling of interrupts."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(seconds, 0.001)
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    return solver


def run(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    on_solution: Callable[[cp_model.CpSolverSolutionCallback], Any] | None = None,
    on_bound: Callable[[float], Any] | None = None,
) -> Status:
    """Solve and return the status, "error" for an invalid model. An interrupt stops the solver and is raised.

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
                wait([future], timeout=0.1)
        except BaseException:
            solver.stop_search()
            raise
        return STATUS.get(future.result().name, "error")
