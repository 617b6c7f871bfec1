"""Replanning at every failure: operations that have entered a machine stay, the rest of the sequence is annealed again.

At a failure the planner knows all failures so far and which operations have entered and ended. It expects each machine that is
down to be repaired after the mean repair time of the law, and no further failures. Later windows and the ends of current
repairs are hidden from it.
"""

from __future__ import annotations

import math
import time

import numpy as np

from dispatchgym.baselines.blocking.execution import Done, Trace, execute
from dispatchgym.baselines.blocking.local_search import COLD, HOT, cool, load, mean_duration
from dispatchgym.baselines.blocking.local_search import solve as anneal_once
from dispatchgym.baselines.blocking.moves import Search, anneal_moves, new_search
from dispatchgym.baselines.blocking.sequence import Board, Shop, Ticks, copied, empty_board, flatten, to_schedule
from dispatchgym.baselines.budget import BEST, Budget
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.blocking.instance import BlockingShop, lower_bound

WARM = 0.1  # mean durations: first temperature of an annealing that improves a plan


def anneal(shop: Shop, board: Board, search: Search, budget: Budget, share: float, target: int, hot: float, cold: float) -> None:
    """Improve the plan of `search` with a share of the remaining budget."""
    part = budget.part(share, target)
    if part is not None:
        cool(lambda moves, heat: anneal_moves(shop, board, search, moves, target, heat), search.tally, part, hot, cold)
        budget.spent += part.spent


def solve(instance: BlockingShop, method: Method, *, seed: int = 0, workers: int = 1) -> Result:
    """Use `method.seconds` CPU-seconds of one core (1 unless given), or `iterations=N` moves, for all plans together.

    Half of the budget goes to the first plan. The rest is shared equally among the failures expected under the law. A shop
    without interruptions has one plan. Compiling is not counted. Raises InputError for other options.
    """
    moves = method.budget("iterations")
    if not instance.interrupted:
        return anneal_once(instance, method, seed=seed, workers=workers)
    load_seconds = load()
    began = time.perf_counter()
    budget = Budget(method.seconds or 1.0, moves)
    trace, shop, empty = Trace.of(instance), flatten(instance), empty_board(instance)
    mean, bound = mean_duration(instance), lower_bound(instance)
    search = new_search(shop, empty, np.arange(len(shop.job), dtype=np.uint32), seed)
    anneal(shop, empty, search, budget, 0.5, bound, HOT * mean, COLD * mean)
    order, begin = search.best.order.copy(), search.best.begin.copy()
    done = execute(shop, empty, trace, order, begin)
    failures = 0
    repair = math.ceil(max(mean, 1.0) * instance.interruptions.repair)
    now = next_failure(trace, done, -1)
    while now is not None:
        failures += 1
        entered = done.entry <= now
        board = board_at(shop, empty, trace, done.entry, entered, now, repair)
        prefix, suffix = order[entered[order]], order[~entered[order]]
        again = new_search(shop, board, suffix, seed + failures)
        share = 1.0 / (2.0 + expected_failures(instance, len(suffix), int(again.tally[BEST]) - now, repair))
        anneal(shop, board, again, budget, share, 0, WARM * mean, COLD * mean)
        # Positions of the entered operations once the others are removed; a cycle of swaps enters as a whole.
        place = np.cumsum(entered[order]) - 1
        begin[prefix] = place[begin[prefix]]
        order = np.concatenate([prefix, again.best.order[: len(suffix)]])
        begin[suffix] = again.best.begin[suffix] + len(prefix)
        done = execute(shop, empty, trace, order, begin, floor=now, entered=entered, entry=done.entry)
        now = next_failure(trace, done, now)
    objective = int(done.end.max())
    seconds = time.perf_counter() - began
    notes = {
        "plan": "rolling",
        "failures": failures,
        "moves": budget.spent,
        "cpu_seconds": budget.cpu_seconds(),
        "load_seconds": load_seconds,
    }
    status: Status = "optimal" if objective == bound else "feasible"
    return Result(objective, to_schedule(instance, done.entry), status, seconds, bound, ((seconds, objective, bound),), notes)


def next_failure(trace: Trace, done: Done, now: int) -> int | None:
    """The first failure after `now` at which an operation has not entered: a down window, or a breakdown as a job enters."""
    times = [a for windows in trace.down for a, _ in windows if a > now]
    times += [t for t, ticks in zip(done.entry.tolist(), trace.breakdown, strict=True) if ticks and t > now]
    first = min(times, default=None)
    return first if first is not None and first < done.entry.max() else None


def board_at(shop: Shop, empty: Board, trace: Trace, entry: Ticks, entered: np.ndarray, now: int, repair: int) -> Board:
    """The positions of the jobs at `now`, and when jobs and machines are expected to be ready, `now` at the earliest."""
    known = trace.seen(now, entry, entered, repair)
    jobs, machines = len(empty.ready), len(empty.free) - 1
    board = copied(empty)
    np.maximum(board.ready, now, out=board.ready)
    board.free[:machines] = [known.up(m, now) for m in range(machines)]
    for x in sorted(np.flatnonzero(entered).tolist(), key=lambda x: (entry[x], x)):
        j, m = int(shop.job[x]), int(shop.machine[x])
        board.following[j] = x + 1
        end = max(now, known.processed(x, m, int(shop.duration[x]), int(entry[x])))
        board.ready[j] = end
        board.seat[j] = machines if shop.final[x] else m
        board.last[m] = x
        if shop.final[x]:
            board.free[m] = max(board.free[m], end)
    for j in range(jobs):
        board.holder[board.seat[j]] = j
    board.holder[machines] = jobs
    return board


def expected_failures(instance: BlockingShop, operations: int, ticks: int, repair: int) -> float:
    """The expected number of further failures while `operations` operations enter within `ticks` ticks."""
    law = instance.interruptions
    if law.mode == "bernoulli":
        return law.down_share * operations
    return law.down_share / repair * instance.shop.machines * max(ticks, 0)
