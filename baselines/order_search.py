"""Search over orders: hill climbing, simulated annealing and a biased random-key genetic algorithm (BRKGA).

An order is a permutation of 0 to N - 1. A callback returns the objectives of orders, so the searches serve every problem that
decodes a schedule from an order. BRKGA: Gonçalves & Resende, Journal of Heuristics 17 (2011), with their recommended parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.budget import Budget

LongArray = npt.NDArray[np.int64]
Evaluate = Callable[[LongArray], LongArray]  # orders (B, N) -> objectives (B,), which are minimised

SWAP_SHARE = 0.5  # of the moves; the others move one element to another position
NEAR_SHARE = 0.5  # of the moves; their two positions are at most REACH apart
REACH = 10
# First and last temperature, as shares of the objective of the start; they fall geometrically.
HOT = 0.01
COLD = 0.001
# BRKGA: shares of the population that are elite and mutants, and the probability that a key comes from the elite parent.
ELITE = 0.2
MUTANTS = 0.15
BIAS = 0.7
POPULATION = 100


@dataclass
class Best:
    """The best order of a search so far."""

    order: LongArray  # (N,)
    objective: int
    curve: list[tuple[float, int]]  # (seconds, objective) of every improvement
    evaluations: int


def evaluate_start(evaluate: Evaluate, start: LongArray, budget: Budget) -> Best:
    """The start as the best order so far."""
    start = np.ascontiguousarray(start, np.int64)
    objective = int(evaluate(start[None])[0])
    budget.spent += 1
    return Best(start, objective, [(budget.spent_seconds(), objective)], budget.spent)


def update(best: Best, order: LongArray, objective: int, budget: Budget) -> None:
    """Replace the best order if the objective is smaller."""
    if objective < best.objective:
        best.order, best.objective = order.copy(), objective
        best.curve.append((budget.spent_seconds(), objective))


def neighbour(order: LongArray, draws: LongArray, near: bool, swap: bool, into: LongArray) -> None:
    """Write to `into` the order after a random swap or insertion; `draws` are two random integers far above N."""
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


def hill_climb(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int = 0) -> Best:
    """Accept each random move that does not increase the objective."""
    return local_search(evaluate, start, budget, seed, 0.0, 0.0)


def anneal(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int = 0, hot: float = HOT, cold: float = COLD) -> Best:
    """Accept by the Metropolis criterion; temperatures are shares of the objective of the start."""
    return local_search(evaluate, start, budget, seed, hot, cold)


def local_search(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int, hot: float, cold: float) -> Best:
    """Accept random moves by the Metropolis criterion at temperatures from `hot` to `cold`; without heat, no worse orders."""
    rng = np.random.default_rng(seed)
    best = evaluate_start(evaluate, start, budget)
    order, objective = best.order.copy(), best.objective
    trial = np.empty((1, len(order)), np.int64)
    block, i = 256, 256
    temperature = hot * objective
    scale = objective
    used = budget.used()
    while used < 1.0 and not budget.reached(best.objective):
        if i == block:  # drawing numbers one by one can cost more than an evaluation
            draws, chances, i = rng.integers(0, 2**31, (block, 2)), rng.random((block, 3)), 0
        neighbour(order, draws[i], chances[i, 0] < NEAR_SHARE, chances[i, 1] < SWAP_SHARE, trial[0])
        value = int(evaluate(trial)[0])
        budget.spent += 1
        if hot > 0.0:
            temperature = scale * hot * (cold / hot) ** used
        worse = value - objective
        if worse <= 0 or (hot > 0.0 and worse < -temperature * math.log(1.0 - chances[i, 2])):
            order[:], objective = trial[0], value
            update(best, order, objective, budget)
        i += 1
        used = budget.used()
    best.evaluations = budget.spent
    return best


def brkga(evaluate: Evaluate, start: LongArray, budget: Budget, seed: int = 0, population: int = POPULATION) -> Best:
    """Evolve vectors of keys in [0, 1), which are sorted to give orders. The first population is `start` and random vectors."""
    rng = np.random.default_rng(seed)
    best = evaluate_start(evaluate, start, budget)
    n = len(best.order)
    keys = rng.random((population, n))
    keys[0, best.order] = (np.arange(n) + 0.5) / n
    elite, mutants = max(1, round(ELITE * population)), max(1, round(MUTANTS * population))
    values = np.full(population, np.iinfo(np.int64).max)
    fresh = np.arange(population)
    while budget.used() < 1.0 and not budget.reached(best.objective):
        orders = np.argsort(keys[fresh], axis=1, kind="stable")
        values[fresh] = evaluate(orders)
        budget.spent += len(fresh)
        first = int(values[fresh].argmin())
        update(best, orders[first], int(values[fresh[first]]), budget)
        rank = np.argsort(values, kind="stable")
        keys, values = keys[rank], values[rank]
        children = population - elite - mutants
        better = keys[rng.integers(0, elite, children)]
        other = keys[rng.integers(elite, population, children)]
        keys[elite : elite + children] = np.where(rng.random((children, n)) < BIAS, better, other)
        keys[elite + children :] = rng.random((mutants, n))
        fresh = np.arange(elite, population)
    best.evaluations = budget.spent
    return best
