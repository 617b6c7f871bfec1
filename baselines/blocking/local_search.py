"""Simulated annealing of a blocking shop: sequences of moves with and without swaps, orders of jobs in a no-wait shop.

An interrupted shop is planned without its interruptions; then the sequence of the plan is executed (`execution.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from dispatchgym.baselines.blocking.execution import Trace, execute
from dispatchgym.baselines.blocking.moves import anneal_moves, new_search
from dispatchgym.baselines.blocking.nowait import anneal_orders, new_line, starts
from dispatchgym.baselines.blocking.sequence import empty_board, flatten, to_schedule
from dispatchgym.baselines.budget import BEST, MOVES, Budget, run_chunks
from dispatchgym.baselines.clock import now
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Point, Result, Status
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, lower_bound
from dispatchgym.instances.jobshop.instance import JobShop

# Temperatures in mean durations, falling geometrically; chosen on generated shops, 10x10 to 25x10.
HOT = 1.0
COLD = 0.1

Anneal = Callable[[int, float], None]  # moves to try, temperature in ticks


def mean_duration(instance: BlockingShop) -> float:
    """Mean duration of the operations, in ticks; 1 if all durations are 0."""
    return float(instance.shop.duration[instance.shop.machine >= 0].mean()) or 1.0


@lru_cache(maxsize=1)
def load() -> float:
    """Compile the searches, or load them from numba's cache; return the CPU-seconds that took."""
    began = time.thread_time()
    pair = np.array([[0, 1], [1, 0]])
    tiny = BlockingShop(JobShop(pair, pair + 1))
    shop, board = flatten(tiny), empty_board(tiny)
    anneal_moves(shop, board, new_search(shop, board, np.arange(4, dtype=np.uint32), 0), 2, 0, 1.0)
    anneal_orders(new_line(BlockingShop(tiny.shop, "nwt"), 0), 2, 0, 1.0)
    return time.thread_time() - began


def cool(
    anneal: Anneal, tally: np.ndarray, budget: Budget, hot: float, cold: float, watch: Callable[[], None] = lambda: None
) -> None:
    """Call `anneal` at temperatures (ticks) that fall from `hot` to `cold` over the budget, and `watch` after each call."""
    run_chunks(lambda moves, used: anneal(moves, hot * (cold / hot) ** used), tally, budget, watch)


def solve(instance: BlockingShop, method: Method, *, seed: int = 0, workers: int = 1) -> Result:
    """Anneal for `method.seconds` CPU-seconds of one core (1 unless given), or try `iterations=N` moves.

    With `iterations` the result depends on the seed alone. The first schedule runs the jobs one after another. The search ends
    early at the simple lower bound (status optimal). The time to compile or load code is not counted; it is
    notes["load_seconds"]. An interrupted shop is planned without its trace: the curve is that of the plan, and notes["plan"] is
    "static".
    Raises InputError for other options.
    """
    moves = method.budget("iterations")
    load_seconds = load()
    began, cpu = time.perf_counter(), time.thread_time()
    start = now()
    bound = lower_bound(instance)
    nowait = instance.variant == "nwt"
    shop, board = flatten(instance), empty_board(instance)
    count = len(shop.job)
    line = new_line(instance, seed)
    search = new_search(shop, board, np.arange(count, dtype=np.uint32), seed)
    tally = line.tally if nowait else search.tally
    curve: list[Point] = []

    def anneal(moves: int, temperature: float) -> None:
        if nowait:
            anneal_orders(line, moves, bound, temperature)
        else:
            anneal_moves(shop, board, search, moves, bound, temperature)

    def watch() -> None:
        if not curve or tally[BEST] < curve[-1][1]:
            curve.append((now() - start, int(tally[BEST]), bound))

    watch()
    mean = mean_duration(instance)
    cool(anneal, tally, Budget(method.seconds or 1.0, moves, bound), HOT * mean, COLD * mean, watch)
    notes: dict[str, Any] = {"moves": int(tally[MOVES]), "load_seconds": load_seconds}
    if nowait:
        schedule, objective = BlockingSchedule(starts(instance, line)), int(tally[BEST])
    elif instance.interrupted:
        done = execute(shop, board, Trace.of(instance), search.best.order, search.best.begin)
        schedule, objective = to_schedule(instance, done.entry), int(done.end.max())
        notes["plan"] = "static"
    else:
        schedule, objective = to_schedule(instance, search.best.entry), int(tally[BEST])
    notes["cpu_seconds"] = time.thread_time() - cpu
    status: Status = "optimal" if objective == bound else "feasible"
    return Result(objective, schedule, status, time.perf_counter() - began, bound, tuple(curve), notes)
