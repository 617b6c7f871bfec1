"""What the agent needs to know of a problem family: its problem, training instances, and how a copy's state is a schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.agents.rollout import Goal
from dispatchgym.envs.core.contract import Problem, Sizes
from dispatchgym.instances.errors import InputError


def parse_pair(text: str) -> tuple[int, int]:
    """`15x10` as (15, 10); InputError otherwise."""
    jobs, cross, machines = text.partition("x")
    if not (cross and jobs.isdigit() and machines.isdigit() and int(jobs) > 0 and int(machines) > 0):
        raise InputError(f"size {text!r} is not of the form JOBSxMACHINES, such as 15x10")
    return int(jobs), int(machines)


def parse_count(text: str) -> int:
    """`200` as 200; InputError otherwise."""
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise InputError(f"size {text!r} is not a whole number between 1 and 10000")
    return int(text)


@dataclass(frozen=True)
class Family:
    """One problem as the trainer and the policy methods see it."""

    name: str
    problem: Problem
    gymnasium_id: str
    draw: Callable[[np.random.Generator, int, Sequence[str], float], list[Any]]  # (rng, count, sizes, hard share)
    schedule: Callable[[Any, Any, int], Any]  # (instance, state tensors, copy) -> the family's schedule
    goal: Callable[[Any, Any, Sizes], Goal] | None  # (instance, schedule, sizes) -> when and where each deed is done
    default_sizes: tuple[str, ...]  # empty = sizes mean nothing here
    pretrained: str  # folder of the shipped policy in agents/pretrained
    words: dict[str, Any] = field(default_factory=dict)  # keywords of the environment that make it this problem
    size: Callable[[str], Any] = parse_pair  # reads a size; InputError unless it is one


def anywhere(start: npt.NDArray[np.int64]) -> Goal:
    """A goal whose deeds are done at these ticks; which resource does them is no choice."""
    return Goal(start, np.full_like(start, -1))
