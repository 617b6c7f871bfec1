"""Preference optimisation over ranked samples (BOPO: Liao et al., ICML 2025).

The best sample of an instance is preferred to others whose ranks are spread evenly; the closer the loser's objective, the
weaker the preference.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dispatchgym.agents.learners.turn import Turn, mean_log_probability, play_samples
from dispatchgym.agents.ranks import ALONE, Ranks


def preference(turn: Turn) -> dict[str, float]:
    """Steps on the pairs of one batch; the first episode of each instance is greedy, the others are sampled."""
    rollout = play_samples(turn, greedy_first=True)
    pairs = min(turn.config.preference.pairs, turn.group - 1)
    copies = ranked(rollout.record.objective, turn.group, pairs)
    objective = rollout.record.objective[copies].view(-1, pairs + 1)
    graph, choices, examples = rollout.recall(copies, turn.config.encode_every)
    for _ in range(turn.config.reuse):
        logp, _ = turn.forward(graph, choices)
        loss = preference_loss(objective, mean_log_probability(logp, examples, len(copies)).view(-1, pairs + 1), turn.ranks)
        norm = turn.step(loss)
    return {**turn.ranks.sums(loss=float(loss.detach())), "gradient": norm}


def ranked(objective: Tensor, group: int, pairs: int) -> Tensor:
    """Copies (B / group * (pairs + 1),): of each group the best one, then `pairs` others at even ranks down to the worst."""
    order = objective.view(-1, group).argsort(dim=1, stable=True)
    # Integers: rounding of fractions could depend on the device.
    ranks = torch.tensor([0, *((i * (group - 1) + pairs - 1) // pairs for i in range(1, pairs + 1))], device=objective.device)
    first = torch.arange(0, len(objective), group, device=objective.device).unsqueeze(1)
    return (order[:, ranks] + first).flatten()


def preference_loss(objective: Tensor, logp: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Mean over the pairs of -log sigmoid(g(loser) / g(winner) * (logp(winner) - logp(loser))).

    `objective` and `logp` (mean over the decisions) are (G, pairs + 1), the winner first. A pair with equal objectives prefers
    neither and is left out. Of several processes each has its part of the mean.
    """
    scores = objective.float()
    winner, losers = scores[:, :1], scores[:, 1:]
    unequal = losers > winner
    scale = losers / winner.clamp(min=1.0)
    loss = -torch.nn.functional.logsigmoid(scale * (logp[:, :1] - logp[:, 1:]))
    return (loss * unequal).sum() / max(1.0, ranks.total(float(unequal.sum())))
