"""Self-labelling (Corsini et al., Self-labeling the job shop scheduling problem, NeurIPS 2024, section 4.2)."""

from __future__ import annotations

import torch

from dispatchgym.agents.learners.imitation import imitate
from dispatchgym.agents.learners.turn import Turn, play_samples


def self_label(turn: Turn) -> dict[str, float]:
    """Cross-entropy on the best of each group: no reward, no critic."""
    rollout = play_samples(turn)
    best = rollout.record.objective.view(-1, turn.group).argmin(dim=1)
    copies = best + torch.arange(0, rollout.copies, turn.group, device=best.device)
    graph, choices, examples = rollout.recall(copies, turn.config.encode_every)
    for _ in range(turn.config.reuse):
        log = imitate(turn.forward, graph, choices, examples, turn.step, turn.ranks)
    return log
