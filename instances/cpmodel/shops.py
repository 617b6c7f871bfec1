"""Flexible job shops and assembly shops as instances of the normal form, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, Objective, Resource, Task
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop

Option = tuple[int, int]  # machine and duration (ticks)
Operation = Sequence[Option]  # the options of an operation, one of which is chosen
Jobs = Sequence[Sequence[Operation]]  # the operations of each job, in order


def flexible_shop(jobs: Jobs, machines: int, **fields: Any) -> CPInstance:
    """The flexible job shop in which every operation has one or more options on `machines` machines.

    A task is an operation; its modes are its options in their order; the tasks of a job stand one after another.
    """
    tasks: list[Task] = []
    lags: list[Lag] = []
    for j, job in enumerate(jobs):
        for k, operation in enumerate(job):
            if k > 0:
                lags.append(Lag(len(tasks) - 1, len(tasks)))
            tasks.append(Task(f"job {j} op {k}", _modes(operation), group=j))
    return CPInstance(tuple(tasks), _machines(machines), tuple(lags), **fields)


def assembly_shop(
    operations: Sequence[Operation], arrows: Iterable[tuple[int, int]], machines: int, jobs: Sequence[int] = (), **fields: Any
) -> CPInstance:
    """The flexible shop whose operations are ordered by `arrows` (before, after). `jobs` (N,) says the job of each.

    Without `jobs`, operations that arrows connect are one job.
    """
    lags = tuple(Lag(before, after) for before, after in arrows)
    groups = jobs if len(jobs) else _connected(len(operations), lags)
    tasks = tuple(Task(f"op {i}", _modes(operation), group=groups[i]) for i, operation in enumerate(operations))
    return CPInstance(tasks, _machines(machines), lags, **fields)


def from_job_shop(shop: JobShop) -> CPInstance:
    """The job shop in the normal form: an operation is a task of one mode. Bounds and releases are kept."""
    count = shop.operations.tolist()
    jobs = [
        [[(int(m), int(d))] for m, d in zip(machine[:n], duration[:n], strict=True)]
        for machine, duration, n in zip(shop.machine, shop.duration, count, strict=True)
    ]
    plain = flexible_shop(jobs, shop.machines, name=shop.name, lower_bound=shop.lower_bound, best_known=shop.best_known)
    if not shop.release.any():
        return plain
    firsts = {sum(count[:j]): int(release) for j, release in enumerate(shop.release)}
    tasks = [Task(t.name, t.modes, release=firsts.get(i, 0), group=t.group) for i, t in enumerate(plain.tasks)]
    bounds = {"lower_bound": plain.lower_bound, "best_known": plain.best_known}
    return CPInstance(tuple(tasks), plain.resources, plain.lags, name=plain.name, **bounds)  # type: ignore[arg-type]


def operations_of(instance: CPInstance) -> list[list[Option]]:
    """The options of every task of a shop. Raises InputError, naming what is more than a flexible shop with makespan."""
    if instance.objective != Objective():
        raise InputError(f"{instance.name}: is no flexible shop: its objective is not the makespan alone")
    if instance.links:
        raise InputError(f"{instance.name}: is no flexible shop: it has links of modes")
    for r, resource in enumerate(instance.resources):
        if resource.capacity != 1 or resource.breaks:
            raise InputError(f"{instance.name}: is no flexible shop: resource {r} is not a machine without breaks")
    for k, lag in enumerate(instance.lags):
        if lag.kind != "FS" or lag.least or lag.first_mode is not None or lag.second_mode is not None:
            raise InputError(f"{instance.name}: is no flexible shop: lag {k} is more than a precedence")
    operations = []
    for i, task in enumerate(instance.tasks):
        if task.release or task.deadline is not None:
            raise InputError(f"{instance.name}: is no flexible shop: task {i} has a release or a deadline")
        if any(len(mode.demands) != 1 for mode in task.modes):
            raise InputError(f"{instance.name}: is no flexible shop: task {i} has a mode that is not on one machine")
        operations.append([(mode.demands[0][0], mode.duration) for mode in task.modes])
    return operations


def routes_of(instance: CPInstance) -> list[list[int]]:
    """The tasks of each job of a flexible job shop, in order. Raises InputError unless the precedences are chains of tasks."""
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for lag in instance.lags:
        if lag.first in after or lag.second in before:
            raise InputError(f"{instance.name}: is no flexible job shop: precedences are not chains (task {lag.first})")
        after[lag.first], before[lag.second] = lag.second, lag.first
    routes = []
    for i in range(len(instance.tasks)):
        if i not in before:
            route = [i]
            while route[-1] in after:
                route.append(after[route[-1]])
            routes.append(route)
    return routes


def _modes(operation: Operation) -> tuple[Mode, ...]:
    return tuple(Mode(duration, ((machine, 1),)) for machine, duration in operation)


def _machines(count: int) -> tuple[Resource, ...]:
    return tuple(Resource(f"machine {m}", 1) for m in range(count))


def _connected(count: int, lags: Iterable[Lag]) -> list[int]:
    """(N,) the number of the connected part of each task, in the order of their first tasks."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for lag in lags:
        a, b = find(lag.first), find(lag.second)
        root[max(a, b)] = min(a, b)
    number: dict[int, int] = {}
    return [number.setdefault(find(i), len(number)) for i in range(count)]
