"""Small random models with everything that the normal form has."""

from __future__ import annotations

import numpy as np

from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, ModeLink, Objective, Resource, Task


def random_model(seed: int, tasks: int = 5, *, forwards: bool = True, tight: bool = False) -> CPInstance:
    """A model of `tasks` tasks. `forwards`: no lag lets its second task start before its first. `tight`: deadlines and links."""
    rng = np.random.default_rng([seed, tasks])
    resources = tuple(_resource(rng, r) for r in range(int(rng.integers(1, 4))))
    flexible = rng.random() < 0.6
    found = tuple(_task(rng, j, resources, flexible, tight) for j in range(tasks))
    lags = [_lag(rng, i, j, found) for j in range(1, tasks) for i in range(j) if rng.random() < 0.3]
    kept = tuple(lag for lag in lags if not forwards or leads_forwards(lag, found))
    links = _links(rng, found) if tight else ()
    return CPInstance(found, resources, kept, links, _objective(rng, found), name=f"random-{seed}-{tasks}")


def random_shop(seed: int, jobs: int = 3, machines: int = 2, operations: int = 2) -> CPInstance:
    """A flexible job shop."""
    rng = np.random.default_rng([seed, jobs, machines])
    tasks, lags = [], []
    for j in range(jobs):
        for k in range(operations):
            some = rng.choice(machines, int(rng.integers(1, machines + 1)), replace=False)
            modes = tuple(Mode(int(rng.integers(1, 9)), ((m, 1),)) for m in sorted(some.tolist()))
            if k:
                lags.append(Lag(len(tasks) - 1, len(tasks)))
            tasks.append(Task(f"{j}.{k}", modes, group=j))
    resources = tuple(Resource(f"M{m}", 1) for m in range(machines))
    return CPInstance(tuple(tasks), resources, tuple(lags), name=f"shop-{seed}-{jobs}x{machines}")


def _resource(rng: np.random.Generator, r: int) -> Resource:
    capacity = int(rng.integers(1, 4))
    begin = int(rng.integers(0, 12))
    broken = rng.random() < 0.3
    breaks = ((begin, begin + int(rng.integers(1, 5)), int(rng.integers(1, capacity + 1))),) if broken else ()
    return Resource(f"R{r}", capacity, breaks)


def _task(rng: np.random.Generator, j: int, resources: tuple[Resource, ...], flexible: bool, tight: bool) -> Task:
    modes = []
    for _ in range(int(rng.integers(1, 4)) if flexible else 1):
        used = [r for r in range(len(resources)) if rng.random() < 0.6]
        demands = tuple((r, int(rng.integers(1, resources[r].capacity + 1))) for r in used)
        modes.append(Mode(int(rng.integers(0, 8)), demands, int(rng.integers(0, 6))))
    release = int(rng.integers(0, 6)) if rng.random() < 0.3 else 0
    longest = max(mode.duration for mode in modes)
    deadline = release + longest + int(rng.integers(0, 16)) if tight and rng.random() < 0.5 else None
    return Task(f"T{j}", tuple(modes), release, deadline, int(rng.integers(-2, 20)))


def _lag(rng: np.random.Generator, i: int, j: int, tasks: tuple[Task, ...]) -> Lag:
    kind = ("FS", "FS", "FS", "SS", "FF", "SF")[int(rng.integers(6))]
    modes = [int(rng.integers(len(tasks[t].modes))) if rng.random() < 0.2 else None for t in (i, j)]
    return Lag(i, j, kind, int(rng.integers(-3, 9)) if rng.random() < 0.5 else 0, *modes)  # type: ignore[arg-type]


def leads_forwards(lag: Lag, tasks: tuple[Task, ...]) -> bool:
    """Whether the second task starts no earlier than the first, in any modes."""
    first, second = tasks[lag.first].modes, tasks[lag.second].modes
    ahead = min(mode.duration for mode in first) if lag.kind[0] == "F" else 0
    back = max(mode.duration for mode in second) if lag.kind[1] == "F" else 0
    return ahead + lag.least >= back


def _links(rng: np.random.Generator, tasks: tuple[Task, ...]) -> tuple[ModeLink, ...]:
    found = []
    for i in range(len(tasks)):
        for j in range(len(tasks)):
            count = len(tasks[j].modes)
            if i != j and count > 1 and rng.random() < 0.3:
                some = rng.choice(count, int(rng.integers(1, count)), replace=False)
                found.append(ModeLink(i, int(rng.integers(len(tasks[i].modes))), j, tuple(sorted(some.tolist()))))
    return tuple(found)


def _objective(rng: np.random.Generator, tasks: tuple[Task, ...]) -> Objective:
    def weights() -> tuple[int, ...]:
        return tuple(int(rng.integers(0, 4)) for _ in tasks)

    kind = int(rng.integers(6))
    if kind == 1:
        return Objective(makespan=0, completion=weights())
    if kind == 2:
        return Objective(makespan=0, tardiness=weights())
    if kind == 3:
        return Objective(makespan=0, lateness=1)
    if kind == 4:
        return Objective(makespan=3, cost=2, offset=7)
    if kind == 5:
        return Objective(makespan=1, completion=weights(), tardiness=weights(), lateness=2, cost=1)
    return Objective()
