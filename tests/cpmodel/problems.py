"""Tiny random instances of the normal form, with everything that it has."""

from __future__ import annotations

from random import Random

from dispatchgym.instances.cpmodel.instance import KINDS, CPInstance, Lag, Mode, ModeLink, Objective, Resource, Task
from dispatchgym.instances.errors import InputError


def random_instance(seed: int, tasks: int = 5, *, deadlines: bool = True) -> CPInstance:
    """An instance of 2 to `tasks` tasks. Schedules need not exist if there are `deadlines` or links."""
    rng = Random(seed)
    while True:
        try:
            return _random_instance(rng, tasks, deadlines, seed)
        except InputError:  # breaks above the capacity, or a release too late for the deadline
            continue


def _random_instance(rng: Random, most: int, deadlines: bool, seed: int) -> CPInstance:
    count = rng.randint(2, most)
    resources = tuple(_resource(rng, r) for r in range(rng.randint(1, 3)))
    tasks = tuple(_task(rng, i, resources, deadlines) for i in range(count))
    lags, links = [], []
    for i in range(count):
        for j in range(i + 1, count):
            if rng.random() < 0.35:
                conditions = [rng.randrange(len(tasks[k].modes)) if rng.random() < 0.25 else None for k in (i, j)]
                kind = KINDS[rng.choice((0, 0, 0, 1, 2, 3))]
                lags.append(Lag(i, j, kind, rng.choice((0, 0, 0, 2, -2)), *conditions))  # type: ignore[arg-type]
            if rng.random() < 0.1 and len(tasks[j].modes) > 1:
                links.append(ModeLink(i, rng.randrange(len(tasks[i].modes)), j, (rng.randrange(len(tasks[j].modes)),)))
    return CPInstance(tasks, resources, tuple(lags), tuple(links), _objective(rng, tasks), name=f"random {seed}")


def _resource(rng: Random, r: int) -> Resource:
    capacity = rng.choice((1, 1, 2, 3))
    breaks = []
    if rng.random() < 0.3:
        begin = rng.randint(0, 6)
        breaks.append((begin, begin + rng.randint(1, 3), rng.randint(1, capacity)))
    return Resource(f"resource {r}", capacity, tuple(breaks))


def _task(rng: Random, i: int, resources: tuple[Resource, ...], deadlines: bool) -> Task:
    modes = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        used = sorted(rng.sample(range(len(resources)), rng.randint(0, min(2, len(resources)))))
        demands = tuple((r, rng.randint(1, resources[r].capacity)) for r in used)
        modes.append(Mode(rng.choice((0, 1, 2, 3, 4)), demands, rng.choice((0, 0, 3))))
    release = rng.choice((0, 0, 0, 3))
    deadline = rng.randint(5, 13) if deadlines and rng.random() < 0.3 else None
    due = rng.randint(-1, 9) if rng.random() < 0.6 else None
    return Task(f"task {i}", tuple(modes), release, deadline, due)


def _objective(rng: Random, tasks: tuple[Task, ...]) -> Objective:
    def some(possible: list[bool]) -> tuple[int, ...]:
        weights = tuple(rng.choice((0, 1, 2)) if each else 0 for each in possible)
        return weights if any(weights) and rng.random() < 0.5 else ()

    dues = [task.due is not None for task in tasks]
    return Objective(
        makespan=rng.choice((0, 1, 1, 2)),
        completion=some([True] * len(tasks)),
        tardiness=some(dues),
        lateness=rng.choice((0, 0, 1)) if any(dues) else 0,
        cost=rng.choice((0, 1)),
        offset=rng.choice((0, 0, -5)),
    )
