"""A policy's greedy episode decision by decision: every choice that it had, and how probable each was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from dispatchgym.agents.network import Policy
from dispatchgym.agents.records import Record, Workspace
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.training import Training
from dispatchgym.envs.core.contract import Array, Sizes
from dispatchgym.envs.core.placing import place
from dispatchgym.envs.core.rules import Instances, State, finished, legal, resource_of, start_if_chosen, task_of


class Named(NamedTuple):
    """What each choice of a copy names; -1 where it is illegal."""

    task: Array  # (B, K) int64
    resource: Array  # (B, K) int64
    start: Array  # (B, K) int64


@dataclass(frozen=True)
class Choice:
    """One legal choice of a decision."""

    number: int
    task: int  # node
    resource: int  # node
    start: int  # when it takes effect
    probability: float


@dataclass(frozen=True)
class Step:
    """One decision; the choices by falling probability, so that the first is the one that is played."""

    choices: tuple[Choice, ...]
    legal: int  # how many choices there were, if not all are kept


@dataclass(frozen=True)
class Episode:
    """A greedy episode."""

    steps: tuple[Step, ...]
    schedule: Any  # of the family's type
    sizes: Sizes


def name_choices(b: int, inst: Instances, s: State, work: Workspace, r: Record, named: Named) -> None:
    """What the legal choices of copy `b` name, into `named`."""
    for k in range(named.task.shape[1]):
        named.task[b, k] = -1
        named.resource[b, k] = -1
        named.start[b, k] = -1
    if finished(inst, s, b):
        return
    choices = work.choices[b]
    count = legal(inst, s, b, choices)
    for c in range(count):
        k = choices[c]
        named.task[b, k] = task_of(inst, s, b, k)
        named.resource[b, k] = resource_of(inst, s, b, k)
        named.start[b, k] = start_if_chosen(inst, s, b, k)


def greedy_steps(training: Training, policy: Policy, instance: Any, *, most: int, kept: int) -> Episode | None:
    """The greedy episode of `policy` on `instance`, with at most `kept` choices of each step.

    None if it has more than `most` steps. Steps with a single choice count: they are part of what happened.
    """
    problem = training.problem
    sizes = problem.sizes([instance])
    rollout = Rollout(problem, sizes, 1, policy.config.hidden)
    rollout.load([instance])
    raw, _ = place(Named(*(np.full((1, sizes.actions), -1, np.int64) for _ in Named._fields)), rollout.target)
    steps: list[Step] = []
    for table in rollout.expand(policy):
        if len(steps) == most:
            return None
        rollout.run(name_choices, raw)
        step = _step(table[0].double().exp().cpu().numpy(), raw, kept)
        steps.append(step)
        rollout.branch(torch.zeros(1, dtype=torch.int64), torch.tensor([step.choices[0].number]))
    return Episode(tuple(steps), training.schedule(instance, rollout.state, 0), sizes)


def _step(probability: Any, named: Named, kept: int) -> Step:
    legal_ones = np.flatnonzero(named.task[0] >= 0)
    order = legal_ones[np.argsort(-probability[legal_ones], kind="stable")]
    choices = [
        Choice(int(k), int(named.task[0, k]), int(named.resource[0, k]), int(named.start[0, k]), float(probability[k]))
        for k in order[:kept]
    ]
    return Step(tuple(choices), len(legal_ones))
