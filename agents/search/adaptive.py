"""Active search: the last layer of the decoder is trained on the instance itself (Hottung, Kwon & Tierney, ICLR 2022).

As in the paper's EAS-Lay, all other weights stay as they are, and a step follows the policy gradient of the sampled episodes
and imitates the best one so far. The paper inserts a layer; here the decoder's own last one is trained.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from dispatchgym.agents.learners.turn import mean_log_probability
from dispatchgym.agents.network import Policy
from dispatchgym.agents.records import Record
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.search.loop import Run

TRAINED = ("weight_hidden", "weight_pool", "bias_hidden", "weight_out")
EPISODES = 32  # of a round
RATE = 3e-3
IMITATION = 0.5  # weight of the best episode in the loss


def adapt(run: Run) -> Iterator[tuple[Rollout, Tensor]]:
    """The greedy episode, then rounds of samples; the last layer is trained after each."""
    yield run.greedy()
    policy, optimiser = trainable(run.policy)
    best = record_of(run.rollout(1), 0)
    while True:
        count = min(EPISODES, run.round(EPISODES))
        rollout = run.rollout(count + 1)
        retrace(rollout, best)
        seeds: np.ndarray = run.rng.integers(2**62, size=count + 1)
        run.play(rollout, seeds, policy)
        rollout.record.prefix.zero_()  # the buffers are shared
        yield rollout, torch.arange(1, count + 1)
        better = 1 + int(rollout.record.objective[1:].argmin())
        update(rollout, policy, optimiser)
        if rollout.record.objective[better] < best.objective:
            best = record_of(rollout, better)


def trainable(policy: Policy) -> tuple[Policy, torch.optim.Optimizer]:
    """A copy of which only the last layer of the decoder learns."""
    copied = copy.deepcopy(policy).requires_grad_(False)
    layer = [getattr(copied.decoder, name).requires_grad_(True) for name in TRAINED]
    return copied, torch.optim.Adam(layer, RATE)


def record_of(rollout: Rollout, episode: int) -> Record:
    return Record(*(tensor[episode].clone() for tensor in rollout.record))


def retrace(rollout: Rollout, best: Record) -> None:
    """Copy 0 will play the best episode again, so that it is learned from with the others."""
    rollout.record.actions[0] = best.actions
    rollout.record.prefix[0] = best.length


def update(rollout: Rollout, policy: Policy, optimiser: torch.optim.Optimizer) -> None:
    """One step: the policy gradient with the mean of the samples as its baseline, and cross-entropy on copy 0."""
    graph, choices, examples = rollout.recall(encode_every=policy.config.encode_every)
    objective = rollout.record.objective[1:].double()
    spread = objective.std(unbiased=False)
    advantage = ((objective.mean() - objective) / spread.clamp(min=1.0)).float()
    logp, _ = policy(graph, choices)
    each = mean_log_probability(logp, examples, rollout.copies)
    loss = -(advantage * each[1:]).mean() - IMITATION * each[0]
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
