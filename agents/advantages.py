"""From rewards to advantages, for ragged episodes. The discount is 1: rewards telescope to the objective."""

from __future__ import annotations

import torch
from torch import Tensor


def generalised(reward: Tensor, value: Tensor, decisions: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """GAE (Schulman et al. 2016, eq. 16) of D decisions in B finished episodes.

    `reward` and `value` are (D,), episode after episode, `decisions` (B,) their lengths; every episode ends by
    termination, so the value after the last decision is 0. Returns advantages and returns, (D,) both.
    """
    if not len(reward):
        return reward.float(), reward.float()
    longest = int(decisions.max())
    first = decisions.cumsum(0) - decisions
    steps = torch.arange(longest, device=reward.device)
    inside = steps < decisions.unsqueeze(1)  # (B, longest)
    place = (first.unsqueeze(1) + steps).clamp(max=len(reward) - 1)
    zero = torch.zeros((), device=reward.device)
    rewards, values = torch.where(inside, reward[place].float(), zero), torch.where(inside, value[place], zero)
    advantage = torch.zeros_like(values)
    run = torch.zeros_like(values[:, 0])
    later = torch.zeros_like(run)
    for t in range(longest - 1, -1, -1):
        run = torch.where(inside[:, t], rewards[:, t] + later - values[:, t] + decay * run, run)
        later = torch.where(inside[:, t], values[:, t], later)
        advantage[:, t] = run
    return advantage[inside], (advantage + values)[inside]


def relative(objective: Tensor, group: int) -> Tensor:
    """(B,) how much better each episode is than the mean of its group, in standard deviations of the group.

    Consecutive `group` episodes play the same instance; their mean is the baseline (Kool et al. 2019), so no critic
    is needed and every decision of an episode shares its advantage.
    """
    scores = -objective.view(-1, group).float()
    centred = scores - scores.mean(dim=1, keepdim=True)
    return (centred / (scores.std(dim=1, keepdim=True) + 1e-6)).flatten()


def extremes(objective: Tensor, group: int, keep: int) -> Tensor:
    """Indices (B / group * keep,) of the keep/2 best and keep/2 worst episodes of each group.

    Playing an episode is far cheaper than learning from it, and the extremes carry most of the gradient.
    """
    order = objective.view(-1, group).argsort(dim=1, stable=True)
    chosen = torch.cat([order[:, : (keep + 1) // 2], order[:, group - keep // 2 :]], dim=1)
    base = torch.arange(0, len(objective), group, device=objective.device).unsqueeze(1)
    return (chosen + base).flatten()
