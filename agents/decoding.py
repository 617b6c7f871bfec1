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
    """Beam search on the log-probability of the whole sequence; of the `width` survivors the best objective wins."""
    rollout = Rollout(problem, problem.sizes([instance]), width, policy.config.hidden)
    rollout.load([instance])
    total = torch.full((width,), -torch.inf, dtype=torch.float64)
    total[0] = 0.0
    for logp in rollout.expand(policy):  # (W, K) of every step
        scores = (total.unsqueeze(1) + logp.double().cpu()).flatten()
        top = scores.topk(width)
        # With fewer live continuations than beams the dead ones repeat the best.
        alive = torch.where(torch.isfinite(top.values), top.indices, top.indices[0])
        total = top.values
        rollout.branch(alive // logp.shape[1], alive % logp.shape[1])
    return rollout, int(rollout.record.objective.argmin())
