"""The job shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np

from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound

ActionSet = Literal["semi-active", "active", "non-delay"]
ACTION_SETS: tuple[str, ...] = get_args(ActionSet)


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines, T operations; rules.py names the columns."""

    pool: int  # N
    width: int  # K
    action_set: int  # index into ACTION_SETS
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    total: Array  # (N,) int32 operations in all
    bound: Array  # (N,) int32 lower bound on the makespan before any decision
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    task: Array  # (N, J * K, 6) int32
    job: Array  # (N, J, 3) int32
    resource: Array  # (N, M, 3) int32
    visitor: Array  # (N, T) int32 rows of `task`, machine by machine


class State(NamedTuple):
    """One partial schedule a copy; times in ticks; rules.py names the columns."""

    row: Array  # (B,) int32 instance in the pool
    scheduled: Array  # (B,) int32 operations started so far
    unfinished: Array  # (B,) int32 jobs with operations left
    bound: Array  # (B,) int32 lower bound on the makespan of every completion of this partial schedule
    makespan: Array  # (B,) int32 latest end so far
    work: Array  # (B,) int32 work not yet started
    busiest: Array  # (B,) int32 when the last machine would be done if none stood idle from now on
    first_end: Array  # (B,) int32 smallest possible completion of a next operation
    first_start: Array  # (B,) int32 smallest possible start of a next operation
    job: Array  # (B, J, 7) int32
    resource: Array  # (B, M, 4) int32
    waiting: Array  # (B, T) int32 Instances.visitor, with the LEFT operations of each machine in front
    start: Array  # (B, J, K) int32 start of each operation, -1 = not started


@dataclass(frozen=True)
class JobShopProblem:
    """Job shop with makespan; `actions` names the set of choices (see rules.py)."""

    actions: ActionSet = "active"

    name: ClassVar[str] = "jobshop"
    kernel: ClassVar[tuple[Path, ...]] = (Path(__file__).with_name("rules.py"),)
    features: ClassVar[Features] = Features(candidate=20, context=8, task=10, resource=5, runs_on=1)

    def __post_init__(self) -> None:
        if self.actions not in ACTION_SETS:
            raise InputError(f"actions {self.actions!r} is not one of {', '.join(ACTION_SETS)}")

    def sizes(self, instances: Sequence[JobShop]) -> Sizes:
        jobs = max(x.jobs for x in instances)
        total = max(int(x.operations.sum()) for x in instances)
        width = max(x.machine.shape[1] for x in instances)
        return Sizes(
            actions=jobs,
            tasks=jobs * width,
            resources=max(x.machines for x in instances),
            precedes=total,
            runs_on=total,
            steps=total,
        )

    def pack(self, instances: Sequence[JobShop], sizes: Sizes) -> Instances:
        need = self.sizes(instances)
        width = sizes.tasks // sizes.actions
        for what, asked, room in (
            ("jobs", need.actions, sizes.actions),
            ("machines", need.resources, sizes.resources),
            ("operations in one job", need.tasks // need.actions, width),
            ("operations", need.steps, sizes.steps),
        ):
            if asked > room:
                raise InputError(f"an instance has {asked} {what}, this environment was made for {room}")
        n, jobs, machines = len(instances), sizes.actions, sizes.resources
        machine = np.full((n, jobs, width), -1, np.int32)
        duration = np.zeros((n, jobs, width), np.int32)
        release = np.zeros((n, jobs), np.int32)
        for i, x in enumerate(instances):
            machine[i, : x.jobs, : x.machine.shape[1]] = x.machine
            duration[i, : x.jobs, : x.machine.shape[1]] = x.duration
            release[i, : x.jobs] = x.release
        bound = np.array([simple_lower_bound(x) for x in instances], np.int32)
        counts = np.array([x.machines for x in instances], np.int32)
        return self.pack_arrays(machine, duration, release, counts, machines, bound)

    def pack_arrays(
        self, machine: Array, duration: Array, release: Array, counts: Array, machines: int, bound: Array
    ) -> Instances:
        """`pack` for instances that are arrays already: (N, J, K) twice, (N, J), (N,), M, (N,)."""
        n, jobs, width = machine.shape
        used = machine >= 0
        length = used.sum(axis=2)
        work = duration.sum(axis=2)
        head = np.cumsum(duration, axis=2) - duration
        rest = (work[:, :, None] - head) * used
        owner = np.broadcast_to(np.arange(jobs)[None, :, None], machine.shape)
        task = np.stack([machine, duration, head, rest - duration, rest, owner], axis=-1)
        i, j, k = np.nonzero(used)
        m = machine[i, j, k]
        load = np.zeros((n, machines), np.int64)
        visits = np.zeros((n, machines), np.int64)
        np.add.at(load, (i, m), duration[i, j, k])
        np.add.at(visits, (i, m), 1)
        total = length.sum(axis=1)
        order = np.lexsort((k, j, m, i))
        visitor = np.full((n, int(total.max())), -1, np.int32)
        visitor[np.arange(visitor.shape[1]) < total[:, None]] = (j * width + k)[order]
        unit = np.maximum(work.sum(axis=1) / total, 1.0)
        return Instances(
            pool=n,
            width=width,
            action_set=ACTION_SETS.index(self.actions),
            jobs=(length > 0).sum(axis=1).astype(np.int32),
            machines=counts.astype(np.int32),
            total=total.astype(np.int32),
            bound=bound.astype(np.int32),
            unit=unit,
            rate=1.0 / unit,
            task=task.reshape(n, jobs * width, 6).astype(np.int32),
            job=np.stack([length, release, work], axis=-1).astype(np.int32),
            resource=np.stack([load, visits, np.cumsum(visits, axis=1) - visits], axis=-1).astype(np.int32),
            visitor=visitor,
        )

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, machines, width = sizes.actions, sizes.resources, sizes.tasks // sizes.actions

        def zeros(*shape: int) -> Array:
            return np.zeros((copies, *shape), np.int32)

        shapes = [()] * 9 + [(jobs, 7), (machines, 4), (sizes.steps,), (jobs, width)]
        return State(*(zeros(*shape) for shape in shapes))
