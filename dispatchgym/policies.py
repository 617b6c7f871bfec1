"""Policies as methods: `policy`, `policy:x128`, `policy:beam=8`, `policy@runs/mine:x64`.

A method solves one instance on one core and returns what every baseline returns.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.agents import checkpoint
from dispatchgym.agents.decoding import beam, sample
from dispatchgym.agents.families import family
from dispatchgym.agents.network import Policy
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import JobShop, Schedule

DIRECTIONS = ("forward", "backward", "both")


def prepare(text: str, problem: str = "jobshop") -> Method:
    """Parse a policy method and load its checkpoint; InputError if either cannot be used."""
    method = parse_method(text)
    if method.name != "policy":
        raise InputError(f"method '{text}': '{method.name}' is not a policy")
    method.accept(samples=True, keys=("beam", "temperature", "direction"), target=True)
    method.integer("beam", 1)
    method.choice("direction", DIRECTIONS)
    if method.samples is not None and "beam" in method.options:
        raise method.error("give a number of samples or a beam, not both")
    _temperature(method)
    load(method.target, problem)
    return method


def solve(instance: JobShop, text: str, *, seed: int = 0, workers: int = 1) -> Result:
    """Run a policy method on one instance. `seed` fixes the samples; greedy and beam need none. `workers` is not used."""
    method = prepare(text)
    policy, about = load(method.target, "jobshop")
    began = time.perf_counter()
    ways = (
        ["forward", "backward"] if method.choice("direction", DIRECTIONS) == "both" else [method.choice("direction", DIRECTIONS)]
    )
    if "backward" in ways and instance.release.any():
        raise method.error("an instance with release dates has no time-reversed twin; use direction=forward")
    count = method.samples or 1
    schedules = [
        _play(instance, method, policy, way, (count + i) // len(ways), seed + i) for i, way in enumerate(ways) if count > i
    ]
    objective, schedule = min(schedules, key=lambda pair: pair[0])
    notes: dict[str, Any] = {
        "builder": family("jobshop").problem.actions,  # type: ignore[attr-defined]
        "decoding": f"beam {method.integer('beam', 1)}" if "beam" in method.options else ("greedy" if count == 1 else "sampling"),
        "samples": count,
        "direction": method.choice("direction", DIRECTIONS),
        "checkpoint": method.target or "pretrained",
        "trained": {k: about.get(k) for k in ("minutes", "episodes", "iterations")},
    }
    return Result(objective, schedule, "feasible", time.perf_counter() - began, notes=notes)


def _play(instance: JobShop, method: Method, policy: Policy, way: str, count: int, seed: int) -> tuple[int, Schedule]:
    kind = family("jobshop")
    played = instance if way == "forward" else reverse(instance)
    if "beam" in method.options:
        rollout, best = beam(kind.problem, policy, played, method.integer("beam", 1))
    else:
        rollout, best = sample(kind.problem, policy, played, count, seed, _temperature(method))
    schedule = kind.schedule(played, rollout.state, best)
    if way == "backward":
        schedule = unreverse(instance, schedule)
    return int((schedule.start + instance.duration)[instance.machine >= 0].max()), schedule


def _temperature(method: Method) -> float:
    text = method.options.get("temperature", "1.0")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value < 100.0:
        raise method.error(f"option temperature={text} is not a number between 0 and 100")
    return value


@lru_cache(maxsize=8)
def load(target: str | None, problem: str) -> tuple[Policy, dict[str, Any]]:
    """The policy of a run folder, or the shipped one; read once a process."""
    where = Path(target) if target else checkpoint.PRETRAINED / problem
    return checkpoint.load_policy(where, problem)


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
