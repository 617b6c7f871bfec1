"""What the agent needs to know of a problem family: its problem, training instances, and how a copy's state is a schedule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.agents.records import Demonstration
from dispatchgym.envs.core.contract import Problem, Sizes
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown


def parse_pair(text: str) -> tuple[int, int]:
    """`15x10` as (15, 10); InputError otherwise."""
    found = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text)
    if found is None or not all(int(x) for x in found.groups()):
        raise InputError(f"size {shown(text)} is not of the form JOBSxMACHINES, such as 15x10")
    return int(found[1]), int(found[2])


def parse_count(text: str) -> int:
    """`200` as 200; InputError otherwise."""
    if re.fullmatch(r"[0-9]{1,5}", text) is None or not 0 < int(text) <= 10_000:
        raise InputError(f"size {shown(text)} is not a whole number between 1 and 10000")
    return int(text)


Draw = Callable[[np.random.Generator, int, Sequence[str], float], list[Any]]  # (rng, count, sizes, hard share)


@dataclass(frozen=True)
class Training:
    """One problem as the trainer and the policy methods see it."""

    name: str  # of the family
    problem: Problem
    gymnasium_id: str
    draw: Draw
    schedule: Callable[[Any, Any, int], Any]  # (instance, state tensors, copy) -> the family's schedule
    # (instance, schedule, sizes) -> start and resource of each operation in the schedule to imitate
    demonstration: Callable[[Any, Any, Sizes], Demonstration] | None
    default_sizes: tuple[str, ...]  # empty = sizes mean nothing here
    pretrained: str  # folder of the shipped policy in agents/pretrained
    run_name: str = ""  # begins the name of a run's folder; empty = `name`
    keywords: dict[str, Any] = field(default_factory=dict)  # of the environment, that make it this problem
    options: dict[str, Any] = field(default_factory=dict)  # of train.py, that make it this training
    domain: str = ""  # what `draw` draws, in words; empty = generated instances of the sizes
    size: Callable[[str], Any] = parse_pair  # reads a size; InputError unless it is one
    instance: str = ""  # what users type for the one instance that it is for; empty = it is for all that are like those drawn
    fixed: Callable[[], list[Any]] | None = None  # instances to validate on; None = drawn, some of each size
    geometric: bool = False  # validation means ratios to the bound geometrically: bounds are loose, and unequally so
    kept_shapes: int = 24  # padded sizes whose buffers are kept; fewer where hardly two batches have the same


@dataclass(frozen=True)
class Way:
    """One of the ways in which a policy plays an instance; they share its samples."""

    training: Training
    instance: Any  # what is played
    restore: Callable[[Any], tuple[int, Any]] | None = None  # its schedule -> (objective, schedule of the instance asked for)


def one_way(training: Training, instance: Any, options: Mapping[str, str]) -> list[Way]:
    return [Way(training, instance)]


def ways_in_time(
    training: Training,
    instance: Any,
    direction: str,
    reverse: Callable[[Any], Any],
    restore: Callable[[Any], tuple[int, Any]],
) -> list[Way]:
    """The instance forward in time, backward, or both; `restore` is that of the reversed instance's schedule."""
    both = {"forward": Way(training, instance)}
    if direction != "forward":
        both["backward"] = Way(training, reverse(instance), restore)
    return [way for name, way in both.items() if direction in (name, "both")]


def no_objection(options: Mapping[str, str], trained: bool) -> None:
    """Every combination of options of a policy method is possible."""


def nothing_is_outside(about: Mapping[str, Any], instance: Any) -> bool:
    """No instance is said to be unlike those that a policy was trained on."""
    return False


@dataclass(frozen=True)
class Agent:
    """How a family is trained, and how its policies play."""

    training: Callable[..., Training]  # by the options of train.py that only this family has
    of_instance: Callable[[Any], Training]  # the problem that an instance poses, and the shipped policy for it
    ways: Callable[[Training, Any, Mapping[str, str]], list[Way]] = one_way  # by the method's own options
    method_options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # option -> its values, the default first
    noted_options: tuple[str, ...] = ()  # those of them that results report
    options_of_run: tuple[str, ...] = ()  # options of train.py that decide the network's features
    refuse: Callable[[Mapping[str, str], bool], None] = no_objection  # InputError for options (of a trained run) that clash
    # (metadata of a policy, instance) -> whether the instance is unlike those that the policy was trained on
    outside: Callable[[Mapping[str, Any], Any], bool] = nothing_is_outside
    greedy_only: str = ""  # why its policies play once, greedily; empty = they may sample

    def of_run(self, config: Mapping[str, Any]) -> Training:
        """The training whose network has the features of the run with these settings."""
        return self.training(**{name: config[name] for name in self.options_of_run if name in config})


def starts_only(start: npt.NDArray[np.int64]) -> Demonstration:
    """A demonstration with these starts in which the resource is no choice."""
    return Demonstration(start, np.full_like(start, -1))
