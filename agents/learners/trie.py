"""Sampling without replacement: beginnings of episodes that were not played yet, drawn from a policy shifted to the better ones.

The sequences of one instance are a trie: two episodes share its nodes up to the first decision in which they differ. No trie is
built, because few of its nodes are visited again: a walk keeps the episodes that agree with it so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXHAUSTED = 1e-6  # shares of probability below this are rounding


@dataclass(frozen=True)
class Episode:
    """A played episode: D decisions."""

    actions: Sequence[int]  # of every step, forced ones too
    step: Sequence[int]  # (D,) steps before the decision
    choices: Sequence[Sequence[int]]  # (D, count) actions to choose from
    logp: Sequence[Sequence[float]]  # (D, count) their log-probabilities
    chosen: Sequence[int]  # (D,) which of them was taken
    objective: int

    @property
    def taken(self) -> tuple[int, ...]:
        return tuple(self.chosen)


class Tried:
    """The distinct episodes of one instance so far."""

    def __init__(self) -> None:
        self.episodes: list[Episode] = []
        self._known: set[tuple[int, ...]] = set()
        self._rest: list[list[float]] = []  # probability of what an episode did after each of its decisions

    def add(self, episode: Episode) -> None:
        """Take note of an episode, once."""
        if episode.taken in self._known:
            return
        self._known.add(episode.taken)
        self.episodes.append(episode)
        rest, total = [0.0] * len(episode.chosen), 0.0
        for d in range(len(episode.chosen) - 1, -1, -1):
            rest[d] = math.exp(total)
            total += episode.logp[d][episode.chosen[d]]
        self._rest.append(rest)

    def advantages(self) -> list[float]:
        """How much better each episode is than their mean, in standard deviations."""
        scores = np.array([-float(x.objective) for x in self.episodes])
        result: list[float] = ((scores - scores.mean()) / (scores.std() + 1e-6)).tolist()
        return result

    def beginning(self, shift: float, rng: np.random.Generator) -> list[int] | None:
        """Actions of a new episode up to its first decision that no earlier episode made there; None if all are known.

        A choice has its probability, times exp(shift * advantage) of each episode that goes through it (Pirnay & Grimm 2024),
        times the share of what follows it that has not been played (Shi et al. 2020). With `shift` 0 the whole episode is
        therefore drawn from the policy without replacement, if the policy goes on from here.
        """
        if not self.episodes or not self.episodes[0].chosen:
            return None if self.episodes else []
        advantage = self.advantages()
        active = list(range(len(self.episodes)))
        d = 0
        while True:
            node = self.episodes[active[0]]  # the others that are active made the same decisions so far
            weights = self._weights(d, active, shift, advantage)
            c = pick(weights, rng.random())
            if c < 0:
                return None
            active = [i for i in active if self.episodes[i].chosen[d] == c]
            if not active:
                return [*node.actions[: node.step[d]], node.choices[d][c]]
            d += 1
            if d == len(node.chosen):
                return None  # by rounding alone: an episode that has ended leaves nothing

    def _weights(self, d: int, active: Sequence[int], shift: float, advantage: Sequence[float]) -> list[float]:
        """Of the choices of decision `d`, in which the `active` episodes are."""
        logits = list(self.episodes[active[0]].logp[d])
        left = [1.0] * len(logits)
        for i in active:
            c = self.episodes[i].chosen[d]
            logits[c] += shift * advantage[i]
            left[c] -= self._rest[i][d]
        top = max(logits)
        return [math.exp(x - top) * share if share > EXHAUSTED else 0.0 for x, share in zip(logits, left, strict=True)]


def pick(weights: Sequence[float], uniform: float) -> int:
    """An index drawn with these weights by a number in [0, 1); -1 if all are 0."""
    total = sum(weights)
    if total <= 0.0:
        return -1
    left, last = uniform * total, -1
    for c, weight in enumerate(weights):
        if weight > 0.0:
            last = c
            left -= weight
            if left < 0.0:
                return c
    return last
