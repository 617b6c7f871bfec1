"""Models like a given one: other durations and demands, and parts of it. The same arguments give the same model.

What is kept: modes, resources with their breaks, lags, links, dates, weights and costs. What changes: durations, by up to
`TASK` for a task and `MODE` more for each of its times, so that modes with equal times stay equal; demands on resources of
several units, by up to `DEMAND`; and sometimes a part of the tasks is left out: some jobs, or what comes first or last.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from dispatchgym.instances.cpmodel.instance import MAX_TIME, CPInstance, Mode, Objective, Resource, Task, safe_horizon
from dispatchgym.instances.cpmodel.jobs import jobs_of
from dispatchgym.instances.errors import InputError

TASK, MODE, DEMAND = 0.3, 0.1, 0.25
NAME = 100  # characters that are kept of the model's name


def perturbed(x: CPInstance, rng: np.random.Generator, *, strength: float = 1.0, whole: bool = False) -> CPInstance:
    """A model like `x`; with `whole` no task is left out. `strength`, at most 1, scales how much durations and demands change.

    Raises InputError if what was drawn is no instance, as when a duration passes a deadline; whether it has a schedule is not
    checked.
    """
    kept = range(len(x.tasks)) if whole or rng.random() < 0.5 else sorted(_part(x, rng))
    number = {j: n for n, j in enumerate(kept)}
    tasks = tuple(_changed(x.tasks[j], x.resources, rng, strength) for j in kept)
    lags = [lag for lag in x.lags if lag.first in number and lag.second in number]
    links = [link for link in x.links if link.first in number and link.second in number]
    return CPInstance(
        tasks,
        x.resources,
        tuple(replace(lag, first=number[lag.first], second=number[lag.second]) for lag in lags),
        tuple(replace(link, first=number[link.first], second=number[link.second]) for link in links),
        _objective(x.objective, kept),
        x.horizon if x.horizon < safe_horizon(x) else 0,
        name=f"like {x.name[:NAME]}",
    )


def _changed(task: Task, resources: tuple[Resource, ...], rng: np.random.Generator, strength: float) -> Task:
    """The task with other durations and demands. No duration becomes 0, and no demand more than there is."""

    def factor(spread: float) -> float:
        return float(1.0 + strength * spread * rng.uniform(-1.0, 1.0))

    slower, more = factor(TASK), factor(DEMAND)
    ticks = {d: min(max(round(d * slower * factor(MODE)), 1), MAX_TIME - 1) for d in sorted({m.duration for m in task.modes})}
    ticks[0] = 0

    def amount(r: int, units: int) -> int:
        return min(max(round(units * more), 1), resources[r].capacity)

    modes = (Mode(ticks[m.duration], tuple((r, amount(r, a)) for r, a in m.demands), m.cost) for m in task.modes)
    return replace(task, modes=tuple(modes))


def _objective(o: Objective, kept: Collection[int]) -> Objective:
    """The objective over the tasks that are kept. Raises InputError if nothing of it is left."""
    completion = tuple(o.completion[j] for j in kept) if o.completion else ()
    tardiness = tuple(o.tardiness[j] for j in kept) if o.tardiness else ()
    if not (o.makespan or o.lateness or o.cost or any(completion) or any(tardiness)):
        raise InputError("objective: nothing is minimised")
    return replace(o, completion=completion, tardiness=tardiness)


def _part(x: CPInstance, rng: np.random.Generator) -> Collection[int]:
    """The tasks of some jobs, or else half of all tasks or more: the first or the last in some order that the lags allow."""
    jobs, milestones = jobs_of(x)
    if len(jobs) > 1:
        count = int(rng.integers(-(-len(jobs) // 2), len(jobs)))
        chosen = rng.permutation(len(jobs))[:count]
        return [*milestones, *(j for n in chosen for j in jobs[n])]
    count = len(x.tasks)
    order = _random_order(x, rng)
    left_out = int(rng.integers(0, count // 2, endpoint=True))
    return order[left_out:] if rng.random() < 0.5 else order[: count - left_out]


def _random_order(x: CPInstance, rng: np.random.Generator) -> list[int]:
    """All tasks, each after those from which a lag leads to it."""
    rank = rng.permutation(len(x.tasks)).tolist()
    after: list[list[int]] = [[] for _ in x.tasks]
    waits = [0] * len(x.tasks)
    for lag in x.lags:
        after[lag.first].append(lag.second)
        waits[lag.second] += 1
    free = [(rank[j], j) for j in range(len(x.tasks)) if waits[j] == 0]
    heapq.heapify(free)
    order = []
    while free:
        j = heapq.heappop(free)[1]
        order.append(j)
        for k in after[j]:
            waits[k] -= 1
            if waits[k] == 0:
                heapq.heappush(free, (rank[k], k))
    return order
