"""Beam search on the mean log-probability of the decisions made so far."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.search.loop import Run

FIRST_WIDTH = 8
WIDEST = 4096


def widening_beams(run: Run) -> Iterator[tuple[Rollout, Tensor]]:
    """The greedy episode, then beams, each twice as wide as the one before."""
    yield run.greedy()
    width = FIRST_WIDTH
    while width <= WIDEST:
        yield from beam(run, run.width(width))
        width *= 2


def one_beam(width: int, run: Run) -> Iterator[tuple[Rollout, Tensor]]:
    """The greedy episode and one beam: never worse than greedy."""
    yield run.greedy()
    yield from beam(run, width)


def beam(run: Run, width: int) -> Iterator[tuple[Rollout, Tensor]]:
    """One beam. The episodes that end are yielded, and the others go on.

    A sum of log-probabilities would prefer episodes with fewer decisions: steps with a single choice are none.
    """
    rollout = run.rollout(width)
    total = torch.full((width, 1), -torch.inf, dtype=torch.float64)  # of the log-probabilities
    total[0] = 0.0
    made = torch.zeros((width, 1), dtype=torch.float64)  # decisions
    for table in rollout.expand(run.policy, run.encoded(rollout)):  # (W, K) of a step; -inf everywhere once an episode has ended
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
        yield rollout, ((rollout.record.over != 0) & live).nonzero().squeeze(1)
