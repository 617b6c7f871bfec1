"""Large-neighbourhood search (Shaw 1998): free a part of a schedule, let CP-SAT repair it, go on from what is better.

What may be freed and how the rest is kept is the family's: a `Piece` is a model of what can change. The loop chooses the kind of
part, and lets its size follow what CP-SAT can prove: parts that are searched to the end grow, others shrink.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from dispatchgym.baselines.clock import Limit
from dispatchgym.baselines.cpsat import SOLVED, Curve, new_solver, prefer_no_relaxation, run

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

T = TypeVar("T")  # a complete solution

FIRST_SIZE = 60  # decisions that are freed at first
SMALLEST, LARGEST = 8, 5_000
GROW, SHRINK = 1.1, 0.85
SLICE = 0.2  # seconds of the clock for a repair, at most
MEMORY = 0.9  # of a kind's share of successes, at each trial
LEAST = 0.05  # of the weight with which a kind is drawn


@dataclass(frozen=True)
class Piece(Generic[T]):
    """A freed part of a solution: the model of all better solutions that change nothing else, and how one is read from it."""

    model: cp_model.CpModel
    read: Callable[[Callable[[Any], int]], T]  # of a function that gives the value of a variable


# (solution, decisions to free, random numbers) -> the piece; None if it cannot hold a better solution
Free = Callable[[T, int, np.random.Generator], Piece[T] | None]


@dataclass
class Search(Generic[T]):
    """The state of a search: the best solution, and how the kinds of parts have fared."""

    best: T
    objective: Callable[[T], int]
    kinds: Mapping[str, Free[T]]
    bound: int  # the search ends at it
    repairs: int = 0
    sizes: dict[str, float] = field(default_factory=dict)
    success: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.value = self.objective(self.best)
        self.sizes = dict.fromkeys(self.kinds, float(FIRST_SIZE))
        self.success = dict.fromkeys(self.kinds, 1.0)

    def run(self, limit: Limit, curve: Curve, seed: int) -> None:
        """Repair until the limit or the bound ends the search."""
        rng = np.random.default_rng(seed)
        names = list(self.kinds)
        while self.value > self.bound and not limit.over():
            weights = np.array([LEAST + self.success[name] for name in names])
            name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
            better, searched = self._repair(name, limit, rng)
            self.success[name] *= MEMORY
            if better:
                self.success[name] += 1.0 - MEMORY
                curve.record(objective=self.value)
            factor = GROW if searched else SHRINK
            self.sizes[name] = min(max(self.sizes[name] * factor, SMALLEST), LARGEST)

    def _repair(self, name: str, limit: Limit, rng: np.random.Generator) -> tuple[bool, bool]:
        """Whether a better solution was found, and whether all of the piece was searched."""
        piece = self.kinds[name](self.best, int(self.sizes[name]), rng)
        if piece is None:
            return False, True
        part = limit.part(max(min(SLICE, limit.left()), 0.001))
        solver = new_solver(part, int(rng.integers(2**31 - 1)))
        prefer_no_relaxation(solver, limit.workers)
        solver.parameters.symmetry_level = 0
        solver.parameters.cp_model_probing_level = 0
        outcome = run(solver, piece.model, part)
        self.repairs += 1
        if outcome not in SOLVED:
            return False, outcome == "infeasible"
        found = piece.read(solver.value)
        value = self.objective(found)
        better = value < self.value
        if better:
            self.best, self.value = found, value
        return better, outcome == "optimal"
