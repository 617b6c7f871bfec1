"""The loop that every search with a policy runs in: budget, best schedule so far, anytime curve.

A search is a generator. It plays episodes and yields the rollout and the copies whose episodes have ended; the loop keeps the
best of them and ends the search when the budget is spent. What searches share is in `Run`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dispatchgym.agents.network import Policy
from dispatchgym.agents.records import Embeddings
from dispatchgym.agents.rollout import Rollout
from dispatchgym.envs.core.contract import Problem

MOST_COPIES = 256  # of a round
LONGEST_ROUND = 0.1  # share of what is left of the seconds, after which the clock is read again


@dataclass(frozen=True)
class Budget:
    """Seconds of a clock, or a number of episodes. An episode that goes on from a common beginning counts as one."""

    seconds: float | None = None
    rollouts: int | None = None
    now: Callable[[], float] = time.thread_time


@dataclass
class Run:
    """One search: what it plays, what is left of its budget, and the best so far."""

    problem: Problem
    policy: Policy
    instance: Any
    budget: Budget
    seed: int = 0
    temperature: float = 1.0
    objective: int | None = None  # of the best episode so far
    state: Any = None  # its final state, as copy 0
    played: int = 0  # episodes
    curve: list[tuple[float, int]] = field(default_factory=list)  # (seconds, objective) of every improvement

    def __post_init__(self) -> None:
        self.began = self.budget.now()
        self.rng = np.random.default_rng(self.seed)
        self._rollouts: dict[int, Rollout] = {}
        self._encoded: Embeddings | None = None
        self._each = 0.0  # seconds of an episode in the last round

    def spent(self) -> float:
        """Seconds of the clock since the start."""
        return self.budget.now() - self.began

    def over(self) -> bool:
        if self.budget.rollouts is not None:
            return self.played >= self.budget.rollouts
        return self.budget.seconds is not None and self.spent() >= self.budget.seconds

    def affordable(self) -> float:
        """Episodes that the rest of the budget allows, as the episodes so far went."""
        if self.budget.rollouts is not None:
            return float(self.budget.rollouts - self.played)
        if self.budget.seconds is None:
            return float("inf")
        each = self._each or self.spent() / max(self.played, 1)
        return max(self.budget.seconds - self.spent(), 0.0) / max(each, 1e-6)

    def round(self, most: int = MOST_COPIES) -> int:
        """Episodes to play before the clock is read again: at most `most`, a power of two where seconds count."""
        if self.budget.rollouts is not None:
            return self.width(most)
        count = 1
        while 2 * count <= min(most, 2 * self.played, LONGEST_ROUND * self.affordable()):
            count *= 2
        return count

    def width(self, wanted: int) -> int:
        """Episodes to play side by side: at most as many as are left, if the budget counts them."""
        return wanted if self.budget.rollouts is None else max(1, min(wanted, self.budget.rollouts - self.played))

    def rollout(self, copies: int) -> Rollout:
        """Buffers for so many copies of the instance, the same at every call."""
        if copies not in self._rollouts:
            made = Rollout(self.problem, self.problem.sizes([self.instance]), copies, self.policy.config.hidden)
            made.load([self.instance])
            self._rollouts[copies] = made
        return self._rollouts[copies]

    def encoded(self, rollout: Rollout) -> Embeddings | None:
        """The encoder's vectors of the instance, made once; None if the policy encodes again and again."""
        if self.policy.config.encode_every:
            return None
        if self._encoded is None:
            self._encoded = rollout.embed(self.policy)
        return self._encoded._replace(graph=torch.zeros(rollout.copies, dtype=torch.int64))

    def play(self, rollout: Rollout, seeds: Any, policy: Policy | None = None) -> tuple[Rollout, Tensor]:
        """One episode of every copy; a negative seed plays greedily. `policy` has the encoder of the run's own."""
        began = self.budget.now()
        rows = np.zeros(rollout.copies, np.int32)
        rollout.play(policy or self.policy, rows, seeds, self.temperature, self.encoded(rollout))
        self._each = (self.budget.now() - began) / rollout.copies
        return rollout, torch.arange(rollout.copies)

    def greedy(self) -> tuple[Rollout, Tensor]:
        """The greedy episode."""
        return self.play(self.rollout(1), [-1])

    def keep(self, rollout: Rollout, ended: Tensor) -> None:
        """The best of the `ended` copies becomes the best of the run, if it is better."""
        self.played += len(ended)
        if not len(ended):
            return
        copy = int(ended[rollout.record.objective[ended].argmin()])
        objective = int(rollout.record.objective[copy])
        if self.objective is None or objective < self.objective:
            self.objective = objective
            self.state = type(rollout.state)(*(x[copy : copy + 1].clone() for x in rollout.state))
            self.curve.append((self.spent(), objective))


Search = Callable[[Run], Iterator[tuple[Rollout, Tensor]]]  # its first episode is the greedy one


def run(search: Search, what: Run) -> Run:
    """Let `search` play until the budget is spent or it ends; returns `what`, with at least the greedy episode.

    An instance in which nothing is to decide is played once.
    """
    for rollout, ended in search(what):
        what.keep(rollout, ended)
        if what.over() or (what.played and not rollout.record.decisions[ended].any() and len(ended)):
            break
    return what
