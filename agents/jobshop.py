"""The job shop, as the agent sees it: built operation by operation, forward or backward in time, or improved by moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dispatchgym.agents.records import Demonstration
from dispatchgym.agents.training import Agent, Training, Way, parse_pair, starts_only, ways_in_time
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.jobshop.improve.env import ImproveKeywords
from dispatchgym.envs.jobshop.improve.problem import ImproveProblem
from dispatchgym.envs.jobshop.problem import JobShopProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate_arrays
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from dispatchgym.instances.json_fields import shown


def draw_job_shops(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[JobShop]:
    """`count` instances of one size out of `sizes`; with probability `hard` they have two-set routing and U[1, 200]."""
    jobs, machines = parse_pair(sizes[int(rng.integers(len(sizes)))])
    two_set = machines > 1 and rng.random() < hard
    duration = (1, 200) if two_set else (1, 99)
    machine, ticks = generate_arrays(rng, count, jobs, machines, duration, "two-set" if two_set else "uniform")
    return [JobShop(m, d, machines) for m, d in zip(machine, ticks, strict=True)]


def schedule_of(instance: JobShop, state: Any, copy: int) -> Schedule:
    return Schedule(state.start[copy, : instance.jobs, : instance.machine.shape[1]].cpu().numpy().astype(np.int64))


def demonstration(instance: JobShop, schedule: Schedule, sizes: Sizes) -> Demonstration:
    width = sizes.tasks // sizes.actions
    start = np.zeros((sizes.actions, width), np.int64)
    start[: instance.jobs, : schedule.start.shape[1]] = schedule.start
    return starts_only(start.ravel())


TRAINING = Training(
    name="jobshop",
    problem=JobShopProblem(),
    gymnasium_id="dispatchgym:dispatchgym/JobShop-v0",
    draw=draw_job_shops,
    schedule=schedule_of,
    demonstration=demonstration,
    default_sizes=("6x6", "8x8", "10x10", "10x10", "15x10", "15x10", "15x15", "20x10", "20x15"),
    pretrained="jobshop",
)


TASKS = ("build", "improve")


def training(task: str = "build", neighbourhood: str = "n6", moves: int = 100) -> Training:
    """Building schedules, or improving complete ones by so many moves of a neighbourhood; InputError for what does not exist."""
    if task not in TASKS:
        raise InputError(f"--task {shown(task)} is not one of {', '.join(TASKS)}")
    if task == "build":
        return TRAINING
    keywords = {"neighbourhood": neighbourhood, "moves": moves}
    return Training(
        name="jobshop",
        problem=ImproveProblem(**keywords),  # type: ignore[arg-type]
        gymnasium_id="dispatchgym:dispatchgym/JobShopImprove-v0",
        draw=draw_job_shops,
        schedule=ImproveKeywords().schedule,
        demonstration=None,  # a schedule does not say by which moves it was reached
        default_sizes=("10x10", "15x10", "15x15"),
        pretrained="jobshop-improve",
        run_name="jobshop-improve",
        keywords=keywords,
        options={"task": task, **keywords},
    )


def of_run(build: Training, options: Mapping[str, str]) -> Training:
    """The training that the options of a run name, of so many moves as `length` asks for; `build` if they name none."""
    length = options["length"]
    if options.get("task", "build") == "improve":
        return training("improve", options["neighbourhood"], int(options["moves"] if length == "trained" else length))
    if length != "trained":
        raise InputError(f"option length={length} is for a run that was trained to improve")
    return build


def directions(training: Training, instance: JobShop, options: Mapping[str, str]) -> list[Way]:
    """Forward in time, backward, or both."""
    training = of_run(training, options)
    direction = options["direction"]
    if direction != "forward" and instance.release.any():
        raise InputError("an instance with release dates has no time-reversed twin; use direction=forward")

    def restore(schedule: Schedule) -> tuple[int, Schedule]:
        forward = unreverse(instance, schedule)
        return int((forward.start + instance.duration)[instance.machine >= 0].max()), forward

    return ways_in_time(training, instance, direction, reverse, restore)


def reverse(instance: JobShop) -> JobShop:
    """Every job backwards: a job shop with the same optimum."""
    machine, duration = np.full_like(instance.machine, -1), np.zeros_like(instance.duration)
    for j, length in enumerate(instance.operations):
        machine[j, :length] = instance.machine[j, :length][::-1]
        duration[j, :length] = instance.duration[j, :length][::-1]
    return JobShop(machine, duration, instance.machines, name=instance.name)


def unreverse(instance: JobShop, schedule: Schedule) -> Schedule:
    """A schedule of the reversed instance as one of `instance`, every operation as early as its machine order allows."""
    lengths = instance.operations
    end = int(max(schedule.start[j, n - 1] + instance.duration[j, 0] for j, n in enumerate(lengths)))
    mirrored = [
        (end - int(schedule.start[j, n - 1 - k]) - int(instance.duration[j, k]), int(instance.duration[j, k]), k, j)
        for j, n in enumerate(lengths)
        for k in range(n)
    ]
    start = np.full(instance.machine.shape, -1, np.int64)
    job_free, machine_free = np.zeros(instance.jobs, np.int64), np.zeros(instance.machines, np.int64)
    # Zero durations share their start with a neighbour: of equal starts the shorter, then the earlier index, goes first.
    for _, ticks, k, j in sorted(mirrored, key=lambda x: (x[0], x[0] + x[1], x[2])):
        m = instance.machine[j, k]
        start[j, k] = max(job_free[j], machine_free[m])
        job_free[j] = machine_free[m] = start[j, k] + ticks
    return Schedule(start)


AGENT = Agent(
    training=training,
    of_instance=lambda instance: TRAINING,
    ways=directions,
    method_options={"direction": ("forward", "backward", "both"), "length": ("trained", "100", "500", "1000", "5000")},
    noted_options=("direction",),
    options_of_run=("task", "neighbourhood", "moves"),
)
