"""Running CP-SAT: what is the same for every model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


def new_solver(seconds: float, workers: int, seed: int) -> cp_model.CpSolver:
    """A solver with a limit of `seconds` wall seconds that leaves interrupts to Python."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = max(seconds, 0.001)
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    return solver


def run(solver: cp_model.CpSolver, model: cp_model.CpModel, callback: cp_model.CpSolverSolutionCallback) -> Any:
    """The status with which the search ends. An interrupt stops it and is raised."""
    # Python raises an interrupt in the main thread only, and only between two steps of it: it must not be in the solver.
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(solver.solve, model, callback)
        try:
            while not future.done():
                wait([future], timeout=0.1)
        except BaseException:
            solver.stop_search()
            raise
        return future.result()
