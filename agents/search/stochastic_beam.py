"""Stochastic beam search: samples without replacement (Kool, van Hoof & Welling, ICML 2019, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.search.loop import Run

FIRST_WIDTH = 8
WIDEST = 4096


def stochastic_beams(run: Run) -> Iterator[tuple[Rollout, Tensor]]:
    """The greedy episode, then beams, each twice as wide as the one before and with random numbers of its own."""
    yield run.greedy()
    width = FIRST_WIDTH
    while True:
        yield from stochastic_beam(run, run.width(width))
        width = min(2 * width, WIDEST)


def stochastic_beam(run: Run, width: int) -> Iterator[tuple[Rollout, Tensor]]:
    """Up to `width` distinct episodes, drawn without replacement from the policy; those that end are yielded.

    An episode that has ended keeps its place in the beam until better beginnings take it.
    """
    rollout = run.rollout(width)
    source = torch.Generator().manual_seed(int(run.rng.integers(2**62)))
    phi = torch.full((width, 1), -torch.inf, dtype=torch.float64)  # log-probability of each beginning
    phi[0] = 0.0
    noisy = phi.clone()  # the same with its Gumbel noise
    ended = noisy.new_zeros(0)  # noisy log-probabilities of the episodes that have ended
    for table in rollout.expand(run.policy, run.encoded(rollout)):
        children = phi + tempered(table.double().cpu(), run.temperature)
        values = torch.cat([ended, conditioned(children, noisy, source).flatten()])
        top = values.topk(min(width, len(values)))
        old = top.indices < len(ended)
        new = top.indices[~old & torch.isfinite(top.values)] - len(ended)
        if not len(new):
            return
        kept, noise = top.values[old], values[new + len(ended)]
        chosen = torch.cat([new, new[:1].expand(width - len(new))])  # the others repeat the best, with probability 0
        parents, actions = chosen // table.shape[1], chosen % table.shape[1]
        phi, noisy = (torch.full((width, 1), -torch.inf, dtype=torch.float64) for _ in range(2))
        phi[: len(new), 0], noisy[: len(new), 0] = children.flatten()[new], noise
        rollout.branch(parents, actions)
        over = rollout.record.over[: len(new)].cpu() != 0
        ended = torch.cat([kept, noise[over]])
        yield rollout, over.nonzero().squeeze(1)


def tempered(logp: Tensor, temperature: float) -> Tensor:
    """(B, K) log-probabilities at a temperature; rows of -inf alone stay so."""
    scaled = logp / temperature
    return scaled - scaled.logsumexp(dim=1, keepdim=True).nan_to_num(neginf=0.0)


def conditioned(children: Tensor, parent: Tensor, source: torch.Generator) -> Tensor:
    """(B, K) `children` with Gumbel noise whose largest is `parent` (B, 1) in each row; -inf stays.

    The formula is that of appendix B.3 of the paper, which does not overflow.
    """
    uniform = torch.rand(children.shape, generator=source, dtype=torch.float64).clamp(min=1e-300)
    noisy = children - torch.log(-torch.log(uniform))
    largest = noisy.amax(dim=1, keepdim=True)
    v = parent - noisy + torch.log1p(-torch.exp(noisy - largest))
    value = parent - v.clamp(min=0.0) - torch.log1p(torch.exp(-v.abs()))
    return torch.where(torch.isfinite(children), value, -torch.inf)
