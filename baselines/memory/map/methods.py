"""The baselines of memory mapping, called by name: `solve(program, "xla")`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.first import Play, first_schedule, policies
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.memory.instance import PINS, MemoryPlan, MemoryProgram, all_slow

METHODS: dict[str, str] = {
    "all-slow": "everything in slow memory",
    "xla": "one buffer after the other by benefit per square root of its bytes, as in XLA [xSAMPLES]",
    "random": "buffers one after the other in random order [xSAMPLES]",
    "hill": "hill climbing on that order [SECONDS (1s) or evaluations=N]",
    "anneal": "simulated annealing on that order [SECONDS (1s) or evaluations=N]",
    "brkga": "biased random-key genetic algorithm on that order [SECONDS (1s) or evaluations=N]",
    "cpsat": "OR-Tools CP-SAT [SECONDS (10s), workers=N, hint=METHOD]",
}
SAMPLED = ("xla", "random")
SEARCHES = ("hill", "anneal", "brkga")
HINTS = ("xla", "all-slow", "hill")
SPREAD = 0.5  # standard deviation of the noise on logarithms of priorities, of samples


def check_method(text: Method | str) -> Method:
    """Parse a method text and check its options without solving anything.

    Raises InputError naming the method, the option and the valid ones.
    """
    method = parse_method(text)
    method.among(METHODS)
    if method.name in SEARCHES:
        method.budget("evaluations")
    elif method.name == "cpsat":
        method.accept(seconds=True, keys=("workers", "hint"))
        method.needs("ortools")
        method.integer("workers", 1)
        if not policies(method):
            method.choice("hint", HINTS)
    else:
        method.accept(samples=method.name in SAMPLED)
    return method


def solve(program: MemoryProgram, method: Method | str, *, seed: int = 0, workers: int = 1, play: Play | None = None) -> Result:
    """Run one method, e.g. "xla", "xla:x64", "hill:10s", "cpsat:60s,workers=2,hint=hill".

    `workers` is the number of CP-SAT's threads unless the text says otherwise; all other methods use one. `play` plays the
    policy that a hint may name. The same seed gives the same answer, unless a time limit ends the run or CP-SAT has several
    workers. Raises InputError for a method or option that is not valid.
    """
    m = check_method(method)
    began = time.perf_counter()
    if m.name == "all-slow" and not (program.pin == PINS.index("fast")).any():
        return Result(all_slow(program), MemoryPlan(), "feasible", time.perf_counter() - began)
    if m.name == "cpsat":
        return _cpsat(program, m, seed, workers, play)
    from dispatchgym.baselines.memory.map.order_player import Player

    player = Player(program)
    ranked = by_priority(player)
    if m.name in SEARCHES:
        return _search(player, ranked, m, seed, began)
    rng = np.random.default_rng(seed)
    best, plan = None, None
    for sample in range(m.samples or 1):
        order = ranked[:0] if m.name == "all-slow" else ranked
        if m.name == "random":
            order = rng.permutation(ranked)
        elif sample:
            order = by_priority(player, np.exp(rng.normal(0.0, SPREAD, len(player.priorities))))
        latency = int(player.evaluate(order[None])[0])
        if best is None or latency < best:
            best, plan = latency, player.plan()
    return Result(best, plan, "feasible", time.perf_counter() - began, notes={"samples": m.samples} if m.samples else {})


def by_priority(player: Any, factor: npt.NDArray[np.float64] | float = 1.0) -> npt.NDArray[np.int64]:
    """The storages of positive priority, the highest first; ties in the order of the program."""
    priorities = player.priorities * factor
    return np.argsort(-priorities, kind="stable")[: int((priorities > 0).sum())]


def _search(player: Any, start: npt.NDArray[np.int64], m: Method, seed: int, began: float) -> Result:
    from dispatchgym.baselines.budget import Budget
    from dispatchgym.baselines.order_search import anneal, brkga, hill_climb

    if not len(start):
        latency = int(player.evaluate(start[None])[0])
        return Result(latency, player.plan(), "feasible", time.perf_counter() - began)
    budget = Budget(m.seconds or 1.0, m.budget("evaluations"), player.program.lower_bound)
    # The searches permute 0 to N - 1, which are positions in `start`.
    run = {"hill": hill_climb, "anneal": anneal, "brkga": brkga}[m.name]
    found = run(lambda orders: player.evaluate(start[orders]), np.arange(len(start)), budget, seed)
    latency = int(player.evaluate(start[found.order][None])[0])
    curve = tuple((at, value, None) for at, value in found.curve)
    notes = {"evaluations": found.evaluations}
    return Result(latency, player.plan(), "feasible", time.perf_counter() - began, None, curve, notes)


def _cpsat(program: MemoryProgram, m: Method, seed: int, workers: int, play: Play | None) -> Result:
    from dispatchgym.baselines.memory.map.cpsat import plan

    seconds, workers, hint = m.seconds or 10.0, m.integer("workers", workers), m.options.get("hint", HINTS[0])
    text = f"hill:{max(0.1 * seconds, 0.1):g}s" if hint == "hill" else hint
    first = first_schedule(m, text, lambda own: solve(program, own, seed=seed), play)
    spent = first.seconds
    answer = plan(program, seconds=max(seconds - spent, 0.1), workers=workers, seed=seed, hint=first.schedule)
    curve = ((spent, first.objective, None), *((spent + at, value, bound) for at, value, bound in answer.curve))
    notes = {"workers": workers, "hint": text}
    return Result(answer.objective, answer.plan, answer.status, spent + answer.seconds, answer.lower_bound, curve, notes)
