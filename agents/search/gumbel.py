"""Planning at the decisions of an episode by Gumbel search with sequential halving (Danihelka et al., ICLR 2022, algorithm 2).

Choices are drawn from the policy without replacement, each is simulated to the end, and the better half goes on to the next
round. The environment's kernel is the model, so a value is the mean objective of played episodes. The network's critic is not
used: most policies are trained without one. Only the root is searched, as the policy plays the rest of a simulation.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor

from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.search.loop import Run

CONSIDERED = 8  # choices of a decision that are simulated in its first round
# Of the transformation of values (paper, equation 8): its weight grows with the simulations of the most simulated choice.
VISITS = 50.0
SCALE = 0.1


def plan(run: Run) -> Iterator[tuple[Rollout, Tensor]]:
    """The greedy episode, then episodes that are planned, with random numbers of their own.

    An episode plans as many decisions as the budget allows it, evenly spread; between them it goes on greedily.
    """
    yield run.greedy()
    decisions = int(run.rollout(1).record.decisions[0])
    while True:
        yield from planned_episode(run, decisions)


def planned_episode(run: Run, decisions: int) -> Iterator[tuple[Rollout, Tensor]]:
    """One episode of about so many decisions. Every simulation is yielded, and at last the episode."""
    root = run.rollout(1)
    root.start()
    left = decisions
    root.go_on(run.policy, [-1], 1.0, run.encoded(root), 0)  # to the first decision
    while not bool(root.record.over[0]):
        stride = stride_of(run, left)
        best = yield from plan_decision(run, root)
        root.branch_from(root, torch.zeros(1, dtype=torch.int64), torch.tensor([best]))
        root.go_on(run.policy, [-1], 1.0, run.encoded(root), stride - 1)
        left -= stride
    yield root, torch.arange(1)


def stride_of(run: Run, left: int) -> int:
    """Decisions from one that is planned to the next, so that the budget lasts for the `left` ones."""
    mean_length = 0.5  # of a simulation, in episodes; if episodes count, one that begins late counts as much as any
    simulations = 2 * CONSIDERED * (mean_length if run.budget.rollouts is None else 1.0)
    points = max(run.affordable() / simulations, 1.0)
    return max(1, int(np.ceil(left / points)))


def plan_decision(run: Run, root: Rollout) -> Generator[tuple[Rollout, Tensor], None, int]:
    """Simulate the choices of `root`'s copy, and return one of them."""
    logits = root.choices(run.policy, run.encoded(root))[0].double().cpu().numpy()
    legal = np.flatnonzero(np.isfinite(logits))
    noisy = logits + run.rng.gumbel(size=len(logits))
    considered = legal[np.argsort(-noisy[legal], kind="stable")][:CONSIDERED]
    total, visits = np.zeros(len(logits)), np.zeros(len(logits), np.int64)
    seen: list[int] = []
    while len(considered) > 1:
        simulations = run.rollout(len(considered))
        simulations.branch_from(root, torch.zeros(len(considered), dtype=torch.int64), torch.as_tensor(considered))
        first = visits[considered] == 0
        seeds = np.where(first, -1, run.rng.integers(2**62, size=len(considered)))  # the first simulation of a choice is greedy
        simulations.go_on(run.policy, seeds, run.temperature, run.encoded(simulations))
        found = simulations.record.objective.cpu().numpy()
        total[considered] += found
        visits[considered] += 1
        seen += found.tolist()
        yield simulations, torch.arange(len(considered))
        score = noisy[considered] + transformed(total[considered] / visits[considered], seen, int(visits.max()))
        considered = considered[np.argsort(-score, kind="stable")][: (len(considered) + 1) // 2]
    return int(considered[0])


def transformed(value: np.ndarray, seen: list[int], most: int) -> np.ndarray:
    """What values add to the logits: 1 is the best objective that was seen at this decision, 0 the worst."""
    worst, best = max(seen), min(seen)
    quality = (worst - value) / max(worst - best, 1)
    result: np.ndarray = (VISITS + most) * SCALE * quality
    return result
