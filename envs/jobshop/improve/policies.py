"""Plain policies on improvement, for whole batches: what a learned one has to beat.

A policy takes the observation's `action_mask` (B, K), `candidates` (B, K, F) and a random generator, and returns actions (B,).
Estimates are those of the observation, so it knows no more than a learned policy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.jobshop.improve.layout import Candidate

Array = npt.NDArray[Any]
MovePolicy = Callable[[Array, Array, np.random.Generator], npt.NDArray[np.int64]]

NEVER = np.float32(1e9)
TENURE = (10, 20)  # moves for which tabu search forbids to undo a move, drawn at each move


def random_choice(mask: Array, candidates: Array, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Any legal choice."""
    return np.asarray((mask * (1.0 - rng.random(mask.shape))).argmax(axis=1))


def first_improvement(mask: Array, candidates: Array, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The first move whose estimate is below the present makespan; any legal choice if there is none."""
    better = _moves(mask) & (candidates[:, :, Candidate.CHANGE] < 0)
    return np.where(better.any(axis=1), better.argmax(axis=1), random_choice(mask, candidates, rng))


def best_improvement(mask: Array, candidates: Array, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The move with the smallest estimate if it is below the present makespan; any legal choice if it is not."""
    best, change = _smallest(_moves(mask), candidates, rng)
    return np.where(change < 0, best, random_choice(mask, candidates, rng))


def tabu(mask: Array, candidates: Array, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The move with the smallest estimate of those that do not put an operation back whence it came lately.

    Such a move is allowed if its estimate is below the best makespan. Any move if all are forbidden, a restart if there is none.
    """
    moves = _moves(mask)
    tenure = rng.integers(*TENURE, len(mask))[:, None]
    lately = candidates[:, :, Candidate.RECENT] * tenure > 1
    allowed = moves & (~lately | (candidates[:, :, Candidate.ABOVE_BEST] < 0))
    best, _ = _smallest(allowed, candidates, rng)
    other = random_choice(np.where(moves.any(axis=1, keepdims=True), moves, mask), candidates, rng)
    return np.where(allowed.any(axis=1), best, other)


POLICIES: dict[str, MovePolicy] = {
    "random": random_choice,
    "first": first_improvement,
    "best": best_improvement,
    "tabu": tabu,
}


def play(engine: Engine, policy: MovePolicy, moves: int, rng: np.random.Generator) -> None:
    """Play `moves` steps of every copy; one whose episode ended stays as it is."""
    seen = engine.arrays[0]
    for _ in range(moves):
        engine.step(policy(seen.mask, seen.candidates, rng), autoreset=False)


def _moves(mask: Array) -> npt.NDArray[np.bool_]:
    """(B, K) which choices are legal moves: all but the last, which is the restart."""
    moves = mask == 1
    moves[:, -1] = False
    return np.asarray(moves)


def _smallest(which: Array, candidates: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """(B,) the choice of `which` with the smallest estimate, ties at random, and the estimated change of the makespan."""
    change = np.where(which, candidates[:, :, Candidate.CHANGE], NEVER)
    least = change.min(axis=1)
    ties = (change == least[:, None]) * (1.0 - rng.random(change.shape))
    return np.asarray(ties.argmax(axis=1)), least
