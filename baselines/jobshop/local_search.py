"""Tabu search and simulated annealing by inserting operations within critical blocks.

The neighbourhood is N7 of Zhang, Li, Guan & Rao (Computers & Operations Research 34, 2007) with the feasibility tests and
estimates of Balas & Vazacopoulos (Management Science 44, 1998); the tabu list holds reversed arcs, as in Dell'Amico &
Trubian (Annals of Operations Research 41, 1993).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from dispatchgym.baselines.budget import BEST, MOVES, Budget, run_chunks
from dispatchgym.baselines.clock import now
from dispatchgym.baselines.compiled import compiled
from dispatchgym.baselines.jobshop.graph import Graph, build_graph, makespan, rebuild, to_schedule
from dispatchgym.baselines.jobshop.moves import (
    IDLE,
    Memory,
    apply_move,
    candidates,
    estimate,
    forbid,
    keep,
    new_memory,
    pick,
)
from dispatchgym.baselines.random import draw, fraction
from dispatchgym.baselines.result import Point, Result, Status
from dispatchgym.instances.jobshop.instance import JobShop, Schedule, simple_lower_bound

# Tabu search; chosen on generated shops, uniform and two-set, 15x15 to 50x20.
TENURE = 10  # moves for which a reversed arc stays forbidden,
SPREAD = 10  # plus a random integer below this
PATIENCE = 20_000  # moves without a new best after which the search returns to the best schedule
KICK = 20  # and makes up to this many random moves from it
# Simulated annealing: temperatures in mean durations, falling geometrically.
HOT = 1.0
COLD = 0.05


@compiled
def tabu_moves(g, m, moves, target, tenure, spread, patience, kick):  # type: ignore[no-untyped-def]
    """Make up to `moves` moves, fewer once the best makespan is `target` or below."""
    length = makespan(g)
    for _ in range(moves):
        if m.tally[BEST] <= target:
            break
        count = candidates(g, m, length)
        m.tally[MOVES] += 1
        m.tally[IDLE] += 1
        if count:
            c = pick(g, m, count)
            if c < 0:
                c = draw(m, count)
            u, v, forward = m.moves[c, 0], m.moves[c, 1], m.moves[c, 2]
            forbid(g, m, u, v, forward, m.tally[MOVES] + tenure + draw(m, spread))
            apply_move(g, u, v, forward)
            length = makespan(g)
            if length < m.tally[BEST]:
                m.tally[BEST] = length
                m.tally[IDLE] = 0
                keep(g, m)
        if count == 0 or m.tally[IDLE] >= patience:
            m.tally[IDLE] = 0
            length = rebuild(g, m.best)
            for _ in range(draw(m, kick) + 1):
                count = candidates(g, m, length)
                if count:
                    c = draw(m, count)
                    apply_move(g, m.moves[c, 0], m.moves[c, 1], m.moves[c, 2])
                    length = makespan(g)


@compiled
def anneal_moves(g, m, moves, target, temperature):  # type: ignore[no-untyped-def]
    """Try `moves` random moves at one temperature (ticks), fewer once the best makespan is `target` or below."""
    length = makespan(g)
    for _ in range(moves):
        if m.tally[BEST] <= target:
            break
        m.tally[MOVES] += 1
        count = candidates(g, m, length)
        if count == 0:
            length = rebuild(g, m.best)
            continue
        c = draw(m, count)
        u, v, forward = m.moves[c, 0], m.moves[c, 1], m.moves[c, 2]
        limit = length - temperature * np.log(1.0 - fraction(m))
        if estimate(g, u, v, forward, np.int64(limit)) <= limit:
            apply_move(g, u, v, forward)
            length = makespan(g)
            if length < m.tally[BEST]:
                m.tally[BEST] = length
                keep(g, m)


Step = Callable[[Graph, Memory, int, int, float], None]  # graph, memory, moves, target, share of the budget that is used


def tabu_step(graph: Graph, memory: Memory, moves: int, target: int, used: float) -> None:
    tabu_moves(graph, memory, moves, target, TENURE, SPREAD, PATIENCE, KICK)


def anneal_step(graph: Graph, memory: Memory, moves: int, target: int, used: float) -> None:
    mean = float(graph.duration[: len(graph.machine)].mean())
    anneal_moves(graph, memory, moves, target, mean * HOT * (COLD / HOT) ** used)


STEPS: dict[str, Step] = {"tabu": tabu_step, "sa": anneal_step}


@lru_cache(maxsize=1)
def load() -> float:
    """Compile the searches, or load them from numba's cache; return the CPU-seconds that took."""
    began = time.thread_time()
    pair = np.array([[0, 1], [0, 1]])
    tiny = JobShop(pair, pair + 1)
    graph = build_graph(tiny, Schedule(np.array([[0, 1], [1, 3]])))
    for step in STEPS.values():
        step(graph, new_memory(graph, seed=0), 2, 0, 0.0)
    return time.thread_time() - began


def search(
    instance: JobShop, start: Result, name: str, *, seconds: float = 1.0, moves: int | None = None, seed: int = 0
) -> Result:
    """Improve the schedule of `start` by `name`, one of STEPS.

    The search ends after `seconds` of the clock, which include the time of `start`, or, if given, after `moves`
    moves. With `moves`, the result depends on the seed alone. It ends early at the simple lower bound (status optimal). The time
    to compile or load code is not counted; it is notes["load_seconds"].
    """
    load_seconds = load()
    bound = simple_lower_bound(instance)
    began, cpu = time.perf_counter() - start.seconds, time.thread_time() - start.seconds
    budget = Budget(seconds, moves, bound, began=began, cpu=cpu, start=now() - start.seconds)
    graph = build_graph(instance, start.schedule)
    memory = new_memory(graph, seed)
    step = STEPS[name]
    curve: list[Point] = [(start.seconds, start.objective, bound)]
    best = int(memory.tally[BEST])

    def record() -> None:
        nonlocal best
        if memory.tally[BEST] < best:
            best = int(memory.tally[BEST])
            curve.append((budget.spent_seconds(), best, bound))

    run_chunks(lambda n, used: step(graph, memory, n, bound, used), memory.tally, budget, record)
    rebuild(graph, memory.best)
    schedule = to_schedule(instance, graph)
    objective = int(np.where(instance.machine >= 0, schedule.start + instance.duration, 0).max())
    if objective != curve[-1][1]:  # the start was not left-shifted, or waited for an operation of duration 0
        curve.append((budget.spent_seconds(), objective, bound))
    notes = {
        "moves": int(memory.tally[MOVES]),
        "cpu_seconds": budget.cpu_seconds(),
        "load_seconds": load_seconds,
    }
    status: Status = "optimal" if objective == bound else "feasible"
    return Result(objective, schedule, status, time.perf_counter() - began, bound, tuple(curve), notes)
