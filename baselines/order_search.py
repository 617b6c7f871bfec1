"""Search over priority orders: hill climbing, simulated annealing and a biased random-key genetic algorithm.

What an order is worth is told by a callback, so that every problem whose decisions follow from an order can use them.
BRKGA: Gonçalves & Resende, Journal of Heuristics 17 (2011), with the parameters that they recommend.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.budget import Budget

LongArray = npt.NDArray[np.int64]
Evaluate = Callable[[LongArray], LongArray]  # orders (B, N) -> objectives (B,), to be as small as possible

SWAP_SHARE = 0.5  # of the moves; the others insert one element at another place
NEAR = 0.5  # share of the moves whose two places are at most REACH apart
REACH = 10
# Temperatures as shares of the objective of the start, falling geometrically.
HOT = 0.01
COLD = 0.001
# BRKGA: parents that live on, and newcomers, as shares of the population; chance of a key of the better parent.
ELITE = 0.2
MUTANTS = 0.15
BIAS = 0.7
POPULATION = 100


@dataclass
class Found:
    """What a search over orders has found."""

    order: LongArray  # (N,) the best order
    objective: int
    curve: list[tuple[float, int]]  # (seconds, objective) of every improvement
    evaluations: int


def first(evaluate: Evaluate, start: LongArray, budget: Budget) -> Found:
    """The start as the best so far."""
    start = np.ascontiguousarray(start, np.int64)
    objective = int(evaluate(start[None])[0])
    budget.spent += 1
    return Found(start, objective, [(time.perf_counter() - budget.began, objective)], budget.spent)


def improve(found: Found, order: LongArray, objective: int, budget: Budget) -> None:
    if objective < found.objective:
        found.order, found.objective = order.copy(), objective
        found.curve.append((time.perf_counter() - budget.began, objective))


def neighbour(order: LongArray, draws: LongArray, near: bool, swap: bool, into: LongArray) -> None:
    """Write into `into` the order after a random swap or insertion; `draws` are two large random numbers."""
    n = len(order)
    i = int(draws[0]) % n
    if near:
        j = min(max(i + int(draws[1]) % (2 * REACH + 1) - REACH, 0), n - 1)
    else:
        j = int(draws[1]) % n
    into[:] = order
    if swap:
        into[i], into[j] = order[j], order[i]
    elif i < j:
        into[i:j] = order[i + 1 : j + 1]
        into[j] = order[i]
    else:
        into[j + 1 : i + 1] = order[j:i]
        into[j] = order[i]


def hill_climb(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int = 0) -> Found:
    """Accept every random move that does not make the order worse."""
    return walk(evaluate, start, budget, seed, 0.0, 0.0)


def anneal(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int = 0, hot: float = HOT, cold: float = COLD) -> Found:
    """Accept a worse order with the probability of Metropolis; temperatures are shares of the objective of the start."""
    return walk(evaluate, start, budget, seed, hot, cold)


def walk(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int, hot: float, cold: float) -> Found:
    """Single random moves, accepted if not worse or, at temperatures that fall from `hot` to `cold`, by chance."""
    rng = np.random.default_rng(seed)
    found = first(evaluate, start, budget)
    order, objective = found.order.copy(), found.objective
    trial = np.empty((1, len(order)), np.int64)
    block, i = 256, 256
    temperature = hot * objective
    scale = objective
    used = budget.used()
    while used < 1.0 and not budget.reached(found.objective):
        if i == block:  # random numbers one by one cost more than a placing
            draws, chances, i = rng.integers(0, 2**31, (block, 2)), rng.random((block, 3)), 0
        neighbour(order, draws[i], chances[i, 0] < NEAR, chances[i, 1] < SWAP_SHARE, trial[0])
        value = int(evaluate(trial)[0])
        budget.spent += 1
        if hot > 0.0:
            temperature = scale * hot * (cold / hot) ** used
        worse = value - objective
        if worse <= 0 or (hot > 0.0 and worse < -temperature * math.log(1.0 - chances[i, 2])):
            order[:], objective = trial[0], value
            improve(found, order, objective, budget)
        i += 1
        used = budget.used()
    found.evaluations = budget.spent
    return found


def brkga(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int = 0, population: int = POPULATION) -> Found:
    """Evolve vectors of keys in [0, 1); an order sorts by them. The first population holds `start` and random ones."""
    rng = np.random.default_rng(seed)
    found = first(evaluate, start, budget)
    n = len(found.order)
    keys = rng.random((population, n))
    keys[0, found.order] = (np.arange(n) + 0.5) / n
    elite, mutants = max(1, round(ELITE * population)), max(1, round(MUTANTS * population))
    values = np.full(population, np.iinfo(np.int64).max)
    fresh = np.arange(population)
    while budget.used() < 1.0 and not budget.reached(found.objective):
        orders = np.argsort(keys[fresh], axis=1, kind="stable")
        values[fresh] = evaluate(orders)
        budget.spent += len(fresh)
        best = int(values[fresh].argmin())
        improve(found, orders[best], int(values[fresh[best]]), budget)
        rank = np.argsort(values, kind="stable")
        keys, values = keys[rank], values[rank]
        children = population - elite - mutants
        better = keys[rng.integers(0, elite, children)]
        other = keys[rng.integers(elite, population, children)]
        keys[elite : elite + children] = np.where(rng.random((children, n)) < BIAS, better, other)
        keys[elite + children :] = rng.random((mutants, n))
        fresh = np.arange(elite, population)
    found.evaluations = budget.spent
    return found
