"""Tabu search for flexible shops and simulated annealing over activity lists, from the schedule of a rule."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from dispatchgym.baselines.budget import BEST, MOVES, Budget, run_chunks
from dispatchgym.baselines.clock import now
from dispatchgym.baselines.cpmodel import activity_list, shop_graph, shop_moves
from dispatchgym.baselines.cpmodel.dispatch import objective_of
from dispatchgym.baselines.cpmodel.dispatch_kernel import beginning, tables
from dispatchgym.baselines.result import Point, Result, Status
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Mode, Resource, Task

# Tabu search; the best of eight settings on 13 standard shops, which are among those of the tables in docs/cpmodel.md.
TENURE = 20  # moves for which a task may not be given the option again that it left,
SPREAD = 40  # plus a random number below this
PATIENCE = 1000  # moves without a new best after which the search returns to the best schedule
KICK = 10  # and makes up to this many random moves from it
# Simulated annealing: temperatures as shares of the objective of the start, falling geometrically; not tuned.
HOT = 0.02
COLD = 0.002
NEVER = -(2**62)  # a target below every objective

Step = Callable[[int, float], None]  # moves, share of the budget that is used


@lru_cache(maxsize=2)
def load(name: str) -> float:
    """Compile a search, or load it from numba's cache; return the CPU-seconds that took."""
    began = time.thread_time()
    modes = (Mode(1, ((0, 1),)), Mode(1, ((1, 1),)))
    tiny = CPInstance((Task("a", modes), Task("b", modes)), (Resource("x", 1), Resource("y", 1)), name="warm-up")
    start = CPSchedule(np.array([0, 1]), np.array([0, 0]))
    searcher = SEARCHES[name](tiny, start, 2, 0)
    searcher.step(2, 0.0)
    return time.thread_time() - began


class Tabu:
    """Tabu search on critical paths."""

    def __init__(self, x: CPInstance, start: CPSchedule, objective: int, seed: int) -> None:
        self.instance = x
        self.scale, self.offset = x.objective.makespan, x.objective.offset
        self.graph = shop_graph.build_shop(x, start)
        self.memory = shop_moves.new_memory(self.graph, seed)
        self.tally = self.memory.tally
        self.target = shop_graph.lower_bound(x)

    def step(self, moves: int, used: float) -> None:
        shop_moves.tabu_moves(self.graph, self.memory, moves, self.target, TENURE, SPREAD, PATIENCE, KICK)

    def objective(self) -> int:
        return self.scale * int(self.tally[BEST]) + self.offset

    def bound(self) -> int | None:
        return self.scale * self.target + self.offset

    def schedule(self) -> CPSchedule:
        shop_graph.restore(self.graph, self.memory.chosen, self.memory.order)
        return shop_graph.to_schedule(self.graph)


class Annealing:
    """Simulated annealing over activity lists."""

    target = NEVER

    def __init__(self, x: CPInstance, start: CPSchedule | None, objective: int, seed: int) -> None:
        self.tables, self.prices = tables(x), activity_list.prices(x)
        self.space = beginning(self.tables)
        self.search = activity_list.new_search(x, start, objective, seed)
        self.tally = self.search.tally
        self.scale = float(max(1, abs(objective))) if start is not None else 1.0

    def step(self, moves: int, used: float) -> None:
        temperature = self.scale * HOT * (COLD / HOT) ** used
        activity_list.anneal_orders(self.tables, self.prices, self.space, self.search, moves, NEVER, temperature)

    def objective(self) -> int:
        return int(self.tally[BEST])

    def bound(self) -> int | None:
        return None

    def schedule(self) -> CPSchedule:
        return CPSchedule(self.search.best_start.copy(), self.search.best_mode.copy())


SEARCHES: dict[str, type[Tabu | Annealing]] = {"tabu": Tabu, "sa": Annealing}


def search(x: CPInstance, start: Result, name: str, *, seconds: float, moves: int | None, seed: int) -> Result:
    """Improve the schedule of `start` by `name`, one of SEARCHES.

    The search ends after `seconds` of the clock, which include the time of `start`, or, if given, after `moves` moves; then the
    result depends on the seed alone. Tabu search ends early at its lower bound (status optimal). Annealing needs no schedule to
    start from; tabu search without one gives up. The time to compile or load code is not counted; it is notes["load_seconds"].
    Raises InputError for tabu search if the model is no flexible shop.
    """
    if start.schedule is None and name == "tabu":
        return start
    load_seconds = load(name)
    began, cpu = time.perf_counter() - start.seconds, time.thread_time() - start.seconds
    budget = Budget(seconds, moves, began=began, cpu=cpu, start=now() - start.seconds)
    objective = activity_list.DEAD if start.schedule is None else objective_of(x, start.schedule.start, start.schedule.mode)
    searcher = SEARCHES[name](x, start.schedule, objective, seed)
    budget.target = searcher.target
    curve: list[Point] = [] if start.schedule is None else [(start.seconds, objective, searcher.bound())]

    def record() -> None:
        best = searcher.objective()
        if best < (activity_list.DEAD if not curve or curve[-1][1] is None else curve[-1][1]):
            curve.append((budget.spent_seconds(), best, searcher.bound()))

    run_chunks(searcher.step, searcher.tally, budget, record)
    record()
    notes = {"moves": int(searcher.tally[MOVES]), "cpu_seconds": budget.cpu_seconds(), "load_seconds": load_seconds}
    seconds = time.perf_counter() - began
    if searcher.objective() == activity_list.DEAD:
        return Result(None, None, "timeout", seconds, searcher.bound(), (), {**notes, "dead_end": True})
    status: Status = "optimal" if searcher.objective() == searcher.bound() else "feasible"
    return Result(searcher.objective(), searcher.schedule(), status, seconds, searcher.bound(), tuple(curve), notes)
