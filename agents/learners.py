"""Two learners on the same rollouts: PPO, and self-labelling. Each turns one batch of episodes into weight updates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from dispatchgym.agents.advantages import extremes, generalised, relative
from dispatchgym.agents.network import Choices, Graph, Policy
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.settings import PPOConfig


@dataclass
class Batch:
    """Recorded episodes of `group` samples on each of the loaded instances."""

    rollout: Rollout
    group: int
    encode_every: int = 0  # decisions, as the policy plays


class Stepper(Protocol):
    """One clipped optimiser step."""

    def __call__(self, loss: Tensor) -> float: ...


def optimiser_step(policy: nn.Module, optimiser: torch.optim.Optimizer, limit: float = 1.0) -> Stepper:
    def step(loss: Tensor) -> float:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), limit)
        optimiser.step()
        return float(norm)

    return step


Forward = Callable[[Graph, Choices], tuple[Tensor, Tensor]]


def ppo(forward: Forward, batch: Batch, step: Stepper, config: PPOConfig, order: torch.Generator) -> dict[str, float]:
    """PPO epochs on a batch; returns what to log."""
    rollout, group = batch.rollout, batch.group
    objective = rollout.record.objective.clone()
    keep = config.keep if 0 < config.keep < group else group
    advantage = relative(objective, group)
    copies = None
    if keep < group:
        copies = extremes(objective, group, keep)
        advantage = advantage[copies]
    graph, choices, examples = rollout.recall(copies, batch.encode_every)
    decisions = rollout.record.decisions[: len(advantage)].long()
    chosen = examples.chosen
    with torch.no_grad():
        before, value = forward(graph, choices)
        before = before[chosen].float()
        value = value.float()
    returns = value
    if config.advantage == "gae":
        adv, returns = generalised(examples.reward, value, decisions, config.gae_decay)
    else:
        adv = advantage[examples.copy]
    adv = (adv - adv.mean()) / (adv.std() + 1e-6)

    log: dict[str, float] = {}
    graphs = graph.tasks.shape[0] // examples.tasks
    for _ in range(config.epochs):
        for nodes, part, rows, at in minibatches(graph, choices, chosen, examples.graph_of, graphs, config.minibatches, order):
            logp, guess = forward(nodes, part)
            new = logp[at]
            ratio = (new - before[rows]).exp()
            gain = torch.min(ratio * adv[rows], ratio.clamp(1 - config.clip, 1 + config.clip) * adv[rows]).mean()
            entropy = -(logp.exp() * logp).sum() / len(rows)
            loss = -gain - config.entropy * entropy
            if config.advantage == "gae":
                error = (guess - returns[rows]) ** 2
                if config.value_clip > 0:
                    near = value[rows] + (guess - value[rows]).clamp(-config.value_clip, config.value_clip)
                    error = torch.max(error, (near - returns[rows]) ** 2)
                loss = loss + config.value_weight * error.mean() / (returns.var() + 1e-6)
                log["value_error"] = float(error.detach().mean())
            norm = step(loss)
            shift = float((ratio - 1 - (new - before[rows])).detach().mean())
            log |= {"loss": float(loss.detach()), "entropy": float(entropy.detach()), "kl": shift, "gradient": norm}
        if 0 < config.kl_stop < log["kl"]:
            break
    return log


def minibatches(
    graph: Graph, choices: Choices, chosen: Tensor, owner: Tensor, graphs: int, parts: int, order: torch.Generator
) -> Iterator[tuple[Graph, Choices, Tensor, Tensor]]:
    """Split decisions by whole graphs: (graphs and choices of the part, its decisions, its chosen rows within the part).

    `owner` (D,) is the graph of each decision.
    """
    if parts <= 1:
        yield graph, choices, torch.arange(len(chosen), device=chosen.device), chosen
        return
    tasks, resources = graph.tasks.shape[0] // graphs, graph.resources.shape[0] // graphs
    shuffled = torch.randperm(graphs, generator=order).to(owner.device)
    for block in shuffled.chunk(parts):
        place = torch.full_like(shuffled, -1)  # of the graphs within the part
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


def self_label(forward: Forward, batch: Batch, step: Stepper) -> dict[str, float]:
    """Cross-entropy on the best of each group (Corsini et al. 2024, section 4.2): no reward, no critic."""
    rollout, group = batch.rollout, batch.group
    best = rollout.record.objective.view(-1, group).argmin(dim=1)
    copies = best + torch.arange(0, rollout.copies, group, device=best.device)
    graph, choices, examples = rollout.recall(copies, batch.encode_every)
    return imitate(forward, graph, choices, examples, step)


def imitate(forward: Forward, graph: Graph, choices: Choices, examples: Any, step: Stepper) -> dict[str, float]:
    """One cross-entropy step towards the recorded actions."""
    logp, _ = forward(graph, choices)
    loss = -logp[examples.chosen].mean()
    norm = step(loss)
    return {"loss": float(loss.detach()), "gradient": norm}


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
