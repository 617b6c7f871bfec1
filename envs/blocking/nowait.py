"""The no-wait shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.instances.blocking import BlockingShop, lower_bound
from dispatchgym.instances.errors import InputError


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines; nowait_kernel.py names the columns."""

    pool: int  # N
    width: int  # K
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    bound: Array  # (N,) int32 lower bound on the makespan before any decision
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    task: Array  # (N, J * K, 4) int32
    job: Array  # (N, J, 3) int32
    load: Array  # (N, M) int32 work of each machine
    first: Array  # (N, M) int32 where each machine's part of State.placed begins


class State(NamedTuple):
    """One partial schedule a copy; times in ticks; nowait_kernel.py names the columns."""

    row: Array  # (B,) int32 instance in the pool
    cursor: Array  # (B,) int32 starts before it are not offered
    left: Array  # (B,) int32 jobs not placed
    work: Array  # (B,) int32 work not placed
    makespan: Array  # (B,) int32 latest end so far
    bound: Array  # (B,) int32 lower bound on the makespan from here on
    job: Array  # (B, J, 3) int32
    resource: Array  # (B, M, 3) int32
    placed: Array  # (B, T) int32 rows of `task` that are placed, machine by machine
    start: Array  # (B, J, K) int32 start of each operation, -1 = not placed


@dataclass(frozen=True)
class NoWaitProblem:
    """No-wait job shop with makespan."""

    name: ClassVar[str] = "nowait"
    variant: ClassVar[str] = "nwt"
    kernel: ClassVar[Path] = Path(__file__).with_name("nowait_kernel.py")
    features: ClassVar[Features] = Features(candidate=10, context=6, task=7, resource=4, runs_on=1)

    def sizes(self, instances: Sequence[BlockingShop]) -> Sizes:
        shops = [x.shop for x in instances]
        jobs = max(x.jobs for x in shops)
        total = max(int(x.operations.sum()) for x in shops)
        width = max(x.machine.shape[1] for x in shops)
        # A job touches each operation that is placed at most once with each of its own.
        touches = max(
            int(np.bincount(x.machine[x.machine >= 0]).astype(np.int64) @ np.bincount(x.machine[x.machine >= 0])) for x in shops
        )
        return Sizes(
            actions=jobs + 1,
            tasks=jobs * width + 1,
            resources=max(x.machines for x in shops) + 1,
            precedes=total,
            runs_on=total,
            steps=jobs * (touches + 2),
        )

    def pack(self, instances: Sequence[BlockingShop], sizes: Sizes) -> Instances:
        need = self.sizes(instances)
        n, jobs, machines = len(instances), sizes.actions - 1, sizes.resources - 1
        width = (sizes.tasks - 1) // jobs
        for what, asked, room in (
            ("jobs", need.actions - 1, jobs),
            ("machines", need.resources - 1, machines),
            ("operations in one job", (need.tasks - 1) // (need.actions - 1), width),
            ("operations", need.runs_on, sizes.runs_on),
        ):
            if asked > room:
                raise InputError(f"an instance has {asked} {what}, this environment was made for {room}")
        wrong = next((x for x in instances if x.variant != self.variant), None)
        if wrong is not None:
            raise InputError(f"{wrong.name} is a {wrong.variant} shop, this environment plays {self.variant}")
        machine = np.full((n, jobs, width), -1, np.int64)
        duration = np.zeros((n, jobs, width), np.int64)
        release = np.zeros((n, jobs), np.int64)
        for i, x in enumerate(instances):
            rows, columns = x.shop.machine.shape
            machine[i, :rows, :columns] = x.shop.machine
            duration[i, :rows, :columns] = x.shop.duration
            release[i, :rows] = x.shop.release
        used = machine >= 0
        length = used.sum(axis=2)
        work = duration.sum(axis=2)
        head = np.cumsum(duration, axis=2) - duration
        task = np.stack([machine, duration, head, (work[:, :, None] - head) * used], axis=-1)
        at = np.nonzero(used)
        load = np.zeros((n, machines, 2), np.int64)
        np.add.at(load[..., 0], (at[0], machine[at]), duration[at])
        np.add.at(load[..., 1], (at[0], machine[at]), 1)
        unit = np.maximum(work.sum(axis=1) / length.sum(axis=1), 1.0)
        return Instances(
            pool=n,
            width=width,
            jobs=(length > 0).sum(axis=1).astype(np.int32),
            machines=np.array([x.shop.machines for x in instances], np.int32),
            bound=np.array([lower_bound(x) for x in instances], np.int32),
            unit=unit,
            rate=1.0 / unit,
            task=task.reshape(n, jobs * width, 4).astype(np.int32),
            job=np.stack([length, release, work], axis=-1).astype(np.int32),
            load=load[..., 0].astype(np.int32),
            first=(np.cumsum(load[..., 1], axis=1) - load[..., 1]).astype(np.int32),
        )

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, machines = sizes.actions - 1, sizes.resources - 1

        def zeros(*shape: int) -> Array:
            return np.zeros((copies, *shape), np.int32)

        shapes = [()] * 6 + [(jobs, 3), (machines, 3), (sizes.runs_on,), (jobs, (sizes.tasks - 1) // jobs)]
        return State(*(zeros(*shape) for shape in shapes))
