"""The baselines of packing, called by name: `solve(packing, "size")`."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from dispatchgym.baselines.memory.pack.greedy import FITS, ORDERS, Placer, best_of, greedy_order, sampled
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.memory.instance import Packing, PackingPlan

METHODS: dict[str, str] = {
    "size": "largest buffer first (Pisarchyk & Lee 2020) [xSAMPLES, fit=best|first]",
    "duration": "longest life first (XLA's repacker) [xSAMPLES, fit=best|first]",
    "area": "largest size times life first [xSAMPLES, fit=best|first]",
    "conflicts": "most conflicts first (TVM) [xSAMPLES, fit=best|first]",
    "best-of-8": "the best of these four with either fit",
    "random": "any order [xSAMPLES, fit=first|best]",
    "hill": "hill climbing on the order [SECONDS (1s) or evaluations=N, fit=first|best]",
    "anneal": "simulated annealing on the order [SECONDS (1s) or evaluations=N, fit=first|best]",
    "brkga": "biased random-key genetic algorithm (Gonçalves & Resende 2011) [SECONDS (1s) or evaluations=N, fit=first|best]",
    "branch": "branch and bound after MiniMalloc (Moffitt 2023) [SECONDS (10s), goal=capacity|height]",
    "cpsat": "OR-Tools CP-SAT [SECONDS (10s), workers=N, goal=capacity|height]",
}
SEARCHES = ("hill", "anneal", "brkga")
EXACT = ("branch", "cpsat")
GOALS = ("capacity", "height")


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options without solving anything.

    Raises InputError naming the method, the option and the valid ones.
    """
    method = parse_method(text)
    method.among(METHODS)
    if method.name in EXACT:
        method.accept(seconds=True, keys=("goal", "workers") if method.name == "cpsat" else ("goal",))
        method.integer("workers", 1)
        method.choice("goal", GOALS)
        if method.name == "cpsat":
            method.needs("ortools")
    elif method.name in SEARCHES:
        method.budget("evaluations", "fit")
        method.choice("fit", FITS)
    elif method.name == "best-of-8":
        method.accept()
    else:
        method.accept(samples=True, keys=("fit",))
        method.choice("fit", FITS)
    return method


def solve(packing: Packing, method: Method | str, *, seed: int = 0, workers: int = 1) -> Result:
    """Run one method, e.g. "size:fit=first", "anneal:10s", "branch:60s,goal=height", "cpsat:20s,workers=2".

    Heuristics minimise the height, whatever the capacity is; notes["fits"] tells whether the packing keeps the capacity. Exact
    methods search for any packing within the capacity, or for the lowest packing if there is no capacity or the goal is
    "height"; without a packing the status is "infeasible" (proved) or "timeout". `workers` is the number of CP-SAT's threads
    unless the text says otherwise; all other methods use one. The same seed gives the same answer, unless a time limit ends the
    run or CP-SAT has several workers. Raises InputError for a method or option that is not valid, and for a goal "capacity"
    where there is no capacity.
    """
    m = check_method(method)
    if m.name in EXACT:
        return _exact(packing, m, seed, workers)
    if m.name in SEARCHES:
        return _search(packing, m, seed)
    began = time.perf_counter()
    if m.name == "best-of-8":
        offset, height = best_of(packing, [(name, fit) for name in ORDERS for fit in FITS])
    else:
        order = None if m.name == "random" else greedy_order(packing, m.name)
        offset, height = sampled(packing, order, _fit(m), m.samples or 1, seed)
    spent = time.perf_counter() - began
    notes: dict[str, Any] = {"samples": m.samples} if m.samples else {}
    return _result(packing, offset, height, spent, ((spent, height, packing.lower_bound),), notes)


def _fit(m: Method) -> str:
    """The option `fit`; the default is best fit for a fixed order, first fit for searched or random orders."""
    return m.choice("fit", FITS if m.name in ORDERS else tuple(reversed(FITS)))


def _result(packing: Packing, offset: Any, height: int, spent: float, curve: Any, notes: dict[str, Any]) -> Result:
    if packing.capacity is not None:
        notes["fits"] = height <= packing.capacity
    status: Status = "optimal" if height == packing.lower_bound else "feasible"
    return Result(height, PackingPlan(offset), status, spent, packing.lower_bound, tuple(curve), notes)


def _search(packing: Packing, m: Method, seed: int) -> Result:
    from dispatchgym.baselines.budget import Budget
    from dispatchgym.baselines.order_search import anneal, brkga, hill_climb

    placer, fit = Placer(packing), _fit(m)
    start = greedy_order(packing, "size")
    placer.place(start, fit)  # the time of compilation is not counted
    run = {"hill": hill_climb, "anneal": anneal, "brkga": brkga}[m.name]
    budget = Budget(m.seconds or 1.0, m.budget("evaluations", "fit"), packing.lower_bound)
    found = run(partial(placer.heights, fit=fit), start, budget, seed)
    offset, height = placer.place(found.order, fit)
    spent = time.perf_counter() - budget.began
    curve = [(s, h, packing.lower_bound) for s, h in found.curve]
    return _result(packing, offset, height, spent, curve, {"evaluations": found.evaluations})


def _exact(packing: Packing, m: Method, seed: int, workers: int) -> Result:
    goal = m.choice("goal", GOALS if packing.capacity is not None else tuple(reversed(GOALS)))
    if goal == "capacity" and packing.capacity is None:
        raise m.error(f"{packing.name} has no capacity")
    seconds = m.seconds or 10.0
    if m.name == "cpsat":
        from dispatchgym.baselines.memory.pack.cpsat import cpsat

        return cpsat(packing, goal=goal, seconds=seconds, workers=m.integer("workers", workers), seed=seed)
    from dispatchgym.baselines.memory.pack.branch_and_bound import load, search

    notes: dict[str, Any] = {"load_seconds": load()}
    began, cpu = time.perf_counter(), time.thread_time()
    answer = search(packing, capacity=packing.capacity if goal == "capacity" else None, seconds=seconds, seed=seed)
    spent = time.perf_counter() - began
    notes |= {"nodes": answer.nodes, "cpu_seconds": time.thread_time() - cpu}
    if answer.offset is None:
        return Result(None, None, "infeasible" if answer.proved else "timeout", spent, answer.lower_bound, answer.curve, notes)
    status: Status = "optimal" if answer.proved else "feasible"
    return Result(answer.height, PackingPlan(answer.offset), status, spent, answer.lower_bound, answer.curve, notes)
