"""Turning a policy into schedules: greedy, best of K samples, and beam search."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from dispatchgym.agents.network import Policy
from dispatchgym.agents.rollout import Rollout
from dispatchgym.envs.core.contract import Problem


def sample(problem: Problem, policy: Policy, instance: Any, count: int, seed: int, temperature: float) -> tuple[Rollout, int]:
    """Play `count` episodes of one instance, the first greedily; the rollout and the copy with the smallest objective."""
    rollout = Rollout(problem, problem.sizes([instance]), count, policy.config.hidden)
    rollout.load([instance])
    seeds = np.random.default_rng(seed).integers(2**62, size=count)
    seeds[0] = -1  # this stream plays greedily
    rollout.play(policy, np.zeros(count, np.int32), seeds, temperature)
    return rollout, int(rollout.record.objective.argmin())


def beam(problem: Problem, policy: Policy, instance: Any, width: int) -> tuple[Rollout, int]:
    """Beam search on the mean log-probability of the decisions made so far; never worse than the greedy episode.

    The greedy episode is played first. Every episode of the beam that ends is compared with the best one so far, and the
    others go on. A sum of log-probabilities would prefer episodes with fewer decisions: steps with a single choice are none.
    """
    best, _ = sample(problem, policy, instance, 1, 0, 1.0)
    rollout = Rollout(problem, problem.sizes([instance]), width, policy.config.hidden)
    rollout.load([instance])
    total = torch.full((width, 1), -torch.inf, dtype=torch.float64)  # of the log-probabilities
    total[0] = 0.0
    made = torch.zeros((width, 1), dtype=torch.float64)  # decisions
    for table in rollout.expand(policy):  # (W, K) of every step; -inf in all choices of an episode that has ended
        logp = table.double().cpu()
        made = made + (torch.isfinite(logp).sum(dim=1, keepdim=True) > 1)
        top = ((total + logp) / made.clamp(min=1)).flatten().topk(width)
        live = torch.isfinite(top.values)
        # With fewer live continuations than beams the others repeat the best, and are dropped in the next step.
        chosen = torch.where(live, top.indices, top.indices[0])
        parents = chosen // logp.shape[1]
        total = torch.where(live, (total + logp).flatten()[chosen], -torch.inf).unsqueeze(1)
        made = made[parents]
        rollout.branch(parents, chosen % logp.shape[1])
        _keep_better(best, rollout)
    return best, 0


def _keep_better(best: Rollout, rollout: Rollout) -> None:
    """Copy 0 of `best` becomes the ended episode of `rollout` with the smallest objective, if that is smaller than its own."""
    ended = (rollout.record.over != 0).nonzero().squeeze(1)
    if not len(ended):
        return
    copy = ended[rollout.record.objective[ended].argmin()]
    if rollout.record.objective[copy] < best.record.objective[0]:
        best.record.objective[0] = rollout.record.objective[copy]
        for kept, found in zip(best.state, rollout.state, strict=True):
            kept[0] = found[copy]
