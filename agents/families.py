"""What the agent needs to know of each family: its problem, training instances, and how a copy's state is a schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.contract import Problem, Sizes
from dispatchgym.envs.jobshop.problem import JobShopProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import JobShop, Schedule
from dispatchgym.instances.jobshop_generate import generate_arrays


@dataclass(frozen=True)
class Family:
    """One problem as the trainer and the policy methods see it."""

    name: str
    problem: Problem
    gymnasium_id: str
    draw: Callable[[np.random.Generator, int, Sequence[str], float], list[Any]]  # (rng, count, sizes, hard share)
    schedule: Callable[[Any, Any, int], Any]  # (instance, state tensors, copy) -> the family's schedule
    goal: Callable[[Any, Any, Sizes], Any]  # (instance, schedule, sizes) -> (N,) start of each task node
    default_sizes: tuple[str, ...]


def parse_size(text: str) -> tuple[int, int]:
    """`15x10` as (15, 10); InputError otherwise."""
    jobs, cross, machines = text.partition("x")
    if not (cross and jobs.isdigit() and machines.isdigit() and int(jobs) > 0 and int(machines) > 0):
        raise InputError(f"size {text!r} is not of the form JOBSxMACHINES, such as 15x10")
    return int(jobs), int(machines)


def draw_job_shops(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[JobShop]:
    """`count` instances of one size out of `sizes`; with probability `hard` they have two-set routing and U[1, 200]."""
    jobs, machines = parse_size(sizes[int(rng.integers(len(sizes)))])
    two_set = machines > 1 and rng.random() < hard
    duration = (1, 200) if two_set else (1, 99)
    machine, ticks = generate_arrays(rng, count, jobs, machines, duration, "two-set" if two_set else "uniform")
    return [JobShop(m, d, machines) for m, d in zip(machine, ticks, strict=True)]


def job_shop_schedule(instance: JobShop, state: Any, copy: int) -> Schedule:
    return Schedule(state.start[copy, : instance.jobs, : instance.machine.shape[1]].cpu().numpy().astype(np.int64))


def job_shop_goal(instance: JobShop, schedule: Schedule, sizes: Sizes) -> npt.NDArray[np.int64]:
    width = sizes.tasks // sizes.actions
    goal = np.zeros((sizes.actions, width), np.int64)
    goal[: instance.jobs, : schedule.start.shape[1]] = schedule.start
    return goal.ravel()


FAMILIES = {
    "jobshop": Family(
        name="jobshop",
        problem=JobShopProblem(),
        gymnasium_id="dispatchgym:dispatchgym/JobShop-v0",
        draw=draw_job_shops,
        schedule=job_shop_schedule,
        goal=job_shop_goal,
        default_sizes=("6x6", "8x8", "10x10", "10x10", "15x10", "15x10", "15x15", "20x10", "20x15"),
    ),
}


def family(name: str) -> Family:
    if name not in FAMILIES:
        raise InputError(f"unknown problem {name!r}; choose from {', '.join(FAMILIES)}")
    return FAMILIES[name]
