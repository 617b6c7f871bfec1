"""Scheduling models as the agent sees them: flexible job shops and projects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from dispatchgym.agents.cpmodel_own import load, own_training
from dispatchgym.agents.records import Demonstration
from dispatchgym.agents.training import Agent, Training, Way, parse_pair, starts_only, ways_in_time
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.cpmodel.check import check_statement
from dispatchgym.envs.cpmodel.env import CPModelKeywords
from dispatchgym.envs.cpmodel.problem import CPProblem, CPSizes
from dispatchgym.instances.cpmodel import generate
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.reverse import reverse, unreverse
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

UNPLANNED = 2**40  # the start of a mode that a schedule does not take: after all others
PRESETS = ("flexible", "projects")
NO_MODEL = {"from": None, "model": None}  # what a run of a preset says of a user's own model


def draw_shops(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[CPInstance]:
    """`count` flexible shops of one size out of `sizes`: SD1 or SD2; with probability `hard` Hurink's, with equal times."""
    jobs, machines = parse_pair(sizes[int(rng.integers(len(sizes)))])
    seeds = rng.integers(2**62, size=count).tolist()
    if rng.random() < hard:
        kind = generate.KINDS[int(rng.integers(len(generate.KINDS)))]
        return [generate.hurink_uniform(kind, jobs, machines, seed) for seed in seeds]
    make = generate.sd1 if rng.random() < 0.5 else generate.sd2
    return [make(jobs, machines, seed) for seed in seeds]


def draw_projects(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[CPInstance]:
    """`count` projects of one size out of `sizes`, with PSPLIB's parameters; `hard` ones have scarce resources."""
    activities = parse_project(sizes[int(rng.integers(len(sizes)))])
    complexity = (1.5, 1.8, 2.1)[int(rng.integers(3))]
    factor = (0.25, 0.5, 0.75, 1.0)[int(rng.integers(4))]
    strength = 0.1 if rng.random() < hard else (0.2, 0.3, 0.5, 0.7)[int(rng.integers(4))]
    seeds = rng.integers(2**62, size=count).tolist()
    return [generate.project(activities, complexity, factor, strength, seed=seed) for seed in seeds]


def parse_project(text: str) -> int:
    """`60` as 60; InputError otherwise."""
    if re.fullmatch(r"[0-9]{1,3}", text) is None or not 1 <= int(text) <= generate.LARGEST:
        raise InputError(f"size {shown(text)} is not a number of activities between 1 and {generate.LARGEST}")
    return int(text)


def demonstration(instance: CPInstance, schedule: CPSchedule, sizes: Sizes) -> Demonstration:
    """The start of each mode that is taken; the last entry is to wait."""
    assert isinstance(sizes, CPSizes)
    start = np.full(sizes.rows + 1, UNPLANNED, np.int64)
    row = 0
    for j, task in enumerate(instance.tasks):
        start[row + int(schedule.mode[j])] = schedule.start[j]
        row += len(task.modes)
    start[-1] = -1
    return starts_only(start)


FLEXIBLE = Training(
    name="cpmodel",
    problem=CPProblem("serial"),
    gymnasium_id="dispatchgym:dispatchgym/FlexibleJobShop-v0",
    draw=draw_shops,
    schedule=CPModelKeywords().schedule,
    demonstration=demonstration,
    default_sizes=("10x5", "10x5", "15x10", "20x5", "10x10", "15x8"),
    pretrained="cpmodel-flexible",
    run_name="flexible",
    options={"preset": "flexible", **NO_MODEL},
    domain="random flexible job shops (SD1, SD2, Hurink's)",
)
PROJECTS = Training(
    name="cpmodel",
    problem=CPProblem("parallel"),
    gymnasium_id="dispatchgym:dispatchgym/CPModel-v0",
    draw=draw_projects,
    schedule=CPModelKeywords().schedule,
    demonstration=demonstration,
    default_sizes=("30", "30", "60", "60", "90"),
    pretrained="cpmodel-projects",
    run_name="projects",
    keywords={"actions": "parallel"},
    options={"preset": "projects", **NO_MODEL},
    domain="random projects with PSPLIB's parameters",
    size=parse_project,
)


@lru_cache(maxsize=4)
def training(preset: str | None = None, from_: str | None = None) -> Training:
    """The training of a preset, "flexible" by default, or for the model that `from_` names; InputError if there is none."""
    if preset is not None and preset not in PRESETS:
        raise InputError(f"--preset {shown(preset)} is not one of {', '.join(PRESETS)}")
    if from_ is None:
        return PROJECTS if preset == "projects" else FLEXIBLE
    if preset is not None:
        raise InputError(f"--preset {preset}: the model of --from says itself how it is played; leave --preset out")
    instance = load(from_)
    return own_training(of_instance(instance), from_, instance)


def of_instance(instance: CPInstance) -> Training:
    """Flexible shops have machines alone; what has another resource is played as a project."""
    machines = all(resource.capacity == 1 for resource in instance.resources)
    return FLEXIBLE if machines else PROJECTS


def directions(training: Training, instance: CPInstance, options: Mapping[str, str]) -> list[Way]:
    """Forward in time, backward, or both."""
    direction = options["direction"]

    def restore(schedule: CPSchedule) -> tuple[int, CPSchedule]:
        forward = unreverse(instance, schedule)
        return check_statement(instance, forward.start.tolist(), forward.mode.tolist()), forward

    return ways_in_time(training, instance, direction, reverse, restore)


def outside(about: Mapping[str, Any], instance: CPInstance) -> bool:
    """Policies of a preset were trained on makespans alone, without dates and breaks."""
    if about.get("config", {}).get("from"):
        return False
    o = instance.objective
    dated = any(task.release or task.deadline is not None or task.due is not None for task in instance.tasks)
    return dated or any(x.breaks for x in instance.resources) or bool(o.cost or o.lateness or any((*o.completion, *o.tardiness)))


AGENT = Agent(
    training=training,
    of_instance=of_instance,
    ways=directions,
    method_options={"direction": ("forward", "backward", "both")},
    noted_options=("direction",),
    options_of_run=("preset",),
    outside=outside,
)
