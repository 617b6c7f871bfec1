"""What a learner has in one iteration: a policy, loaded instances to play, and a clipped step of the optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from dispatchgym.agents.network import Choices, Graph, Policy
from dispatchgym.agents.ranks import ALONE, Ranks
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.settings import TrainConfig


class Stepper(Protocol):
    """One clipped optimiser step."""

    def __call__(self, loss: Tensor) -> float: ...


Forward = Callable[[Graph, Choices], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Turn:
    """One iteration of a learner. Everything random comes from `rng`, which is a function of the seed and the iteration."""

    policy: Policy  # that plays
    forward: Forward  # the same network, for the update
    rollout: Callable[[int], Rollout]  # copies of each instance -> buffers with the instances loaded
    instances: int  # of this process
    step: Stepper
    config: TrainConfig
    rng: np.random.Generator
    ranks: Ranks = ALONE

    @property
    def batch(self) -> int:
        """Instances of all processes."""
        return self.instances if self.ranks.count == 1 else self.config.instances

    @property
    def group(self) -> int:
        """Episodes of each instance."""
        return self.config.samples


@dataclass(frozen=True)
class Learner:
    """A way to learn from a batch."""

    learn: Callable[[Turn], dict[str, float]]  # plays and updates; returns what to log
    warm: Callable[[Rollout], object] = lambda rollout: None  # compiles kernels of its own on a played and recalled batch


def play_samples(turn: Turn, *, greedy_first: bool = False) -> Rollout:
    """One sampled episode of every copy; consecutive `turn.group` copies play the same instance.

    With `greedy_first` the first copy of each instance plays greedily.
    """
    rollout = turn.rollout(turn.group)
    rows = np.repeat(np.arange(turn.instances), turn.group)
    seeds = turn.ranks.part(turn.rng.integers(2**62, size=turn.batch * turn.group), turn.group)
    if greedy_first:
        seeds[:: turn.group] = -1  # this stream plays greedily
    rollout.play(turn.policy, rows, seeds)
    return rollout


def order_of(turn: Turn) -> torch.Generator:
    """The stream that shuffles minibatches."""
    return torch.Generator().manual_seed(int(turn.rng.integers(2**31)))


def optimiser_step(policy: nn.Module, optimiser: torch.optim.Optimizer, limit: float = 1.0, ranks: Ranks = ALONE) -> Stepper:
    def step(loss: Tensor) -> float:
        optimiser.zero_grad(set_to_none=True)
        if loss.requires_grad or ranks.count == 1:  # of several processes one may have nothing to learn from
            loss.backward()
        ranks.add_gradients(policy.parameters())
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), limit)
        optimiser.step()
        return float(norm)

    return step


def mean_log_probability(logp: Tensor, examples: Any, copies: int) -> Tensor:
    """(copies,) mean over the decisions of each recalled episode of the log-probability of what was chosen.

    `logp` (Q,) are those of every legal choice. An episode without decisions has 0.
    """
    total = logp.new_zeros(copies).index_add(0, examples.copy, logp[examples.chosen])
    return total / torch.bincount(examples.copy, minlength=copies).clamp(min=1)


@dataclass(frozen=True)
class Shuffled:
    """Graphs of a batch in minibatches."""

    graphs: int  # of this process
    parts: int
    order: torch.Generator
    ranks: Ranks = ALONE

    def blocks(self) -> Iterator[Tensor]:
        """This process's graphs of each minibatch, whose order is one over the batch of all processes."""
        counts = [0] * self.ranks.count
        counts[self.ranks.rank] = self.graphs
        counts = [int(n) for n in self.ranks.sums(**{str(i): n for i, n in enumerate(counts)}).values()]
        first = sum(counts[: self.ranks.rank])
        for block in torch.randperm(sum(counts), generator=self.order).chunk(self.parts):
            yield block[(first <= block) & (block < first + self.graphs)] - first


def minibatches(
    graph: Graph, choices: Choices, chosen: Tensor, owner: Tensor, graphs: Shuffled
) -> Iterator[tuple[Graph, Choices, Tensor, Tensor]]:
    """Split decisions by whole graphs: (graphs and choices of the part, its decisions, its chosen rows within the part).

    `owner` (D,) is the graph of each decision.
    """
    if graphs.parts <= 1:
        yield graph, choices, torch.arange(len(chosen), device=chosen.device), chosen
        return
    tasks, resources = graph.tasks.shape[0] // graphs.graphs, graph.resources.shape[0] // graphs.graphs
    for own in graphs.blocks():
        block = own.to(owner.device)
        place = torch.full((graphs.graphs,), -1, device=owner.device)  # of the graphs within the part
        place[block] = torch.arange(len(block), device=owner.device)
        decisions = (place[owner] >= 0).nonzero().squeeze(1)
        rank = torch.full_like(owner, -1)
        rank[decisions] = torch.arange(len(decisions), device=owner.device)
        rows = (rank[choices.decision] >= 0).nonzero().squeeze(1)
        at = torch.searchsorted(rows, chosen[decisions])
        task, resource = choices.task[rows], choices.resource[rows]
        part = Choices(
            choices.features[rows],
            place[task // tasks] * tasks + task % tasks,
            place[resource // resources] * resources + resource % resources,
            rank[choices.decision[rows]],
            choices.context[decisions],
        )
        yield graph.part(block, place), part, decisions, at


def accelerated(policy: Policy, precision: str, compiled: bool, device: str) -> Forward:
    """The policy's forward pass under autocast and torch.compile, if asked for."""
    run: Forward = torch.compile(policy, dynamic=True) if compiled else policy
    if precision == "float32":
        return run

    def forward(graph: Graph, choices: Choices) -> tuple[Tensor, Tensor]:
        context: AbstractContextManager[Any] = torch.autocast(device, dtype=torch.bfloat16)
        with context:
            logp, value = run(graph, choices)
        return logp.float(), value.float()

    return forward
