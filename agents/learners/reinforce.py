"""REINFORCE with the greedy episode as the baseline (ReMax: Li et al., ICML 2024, algorithm 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from dispatchgym.agents.learners.turn import Turn, play_samples


def reinforce(turn: Turn) -> dict[str, float]:
    """One step; the first episode of each instance is greedy, and is not learned from.

    A second step on the same episodes would follow the gradient of another policy, so there is none.
    """
    rollout = play_samples(turn, greedy_first=True)
    copies, advantage = against_greedy(rollout.record.objective, turn.group)
    graph, choices, examples = rollout.recall(copies, turn.config.encode_every)
    if not turn.ranks.total(len(examples.chosen)):
        return {}
    logp, _ = turn.forward(graph, choices)
    loss = -turn.ranks.mean(advantage[examples.copy] * logp[examples.chosen])
    norm = turn.step(loss)
    return {**turn.ranks.sums(loss=float(loss.detach())), "gradient": norm}


def against_greedy(objective: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """Of `objective` (B,): the copies that are not the first of their group, and how much smaller theirs is than the first's.

    Both (B / group * (group - 1),). The difference is a share of the greedy objective times 100, so that instances of all
    sizes weigh the same.
    """
    scores = objective.view(-1, group).float()
    first = scores[:, :1]
    copies = torch.arange(len(objective), device=objective.device).view(-1, group)[:, 1:]
    return copies.flatten(), (100.0 * (first - scores[:, 1:]) / first.abs().clamp(min=1.0)).flatten()
