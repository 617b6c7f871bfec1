"""The no-wait shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from dispatchgym.envs.blocking.arrays import pad, padding, refuse, room, table
from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.instances.blocking.instance import BlockingShop, lower_bound, stay_ticks


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines; rules.py names the columns."""

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
    """One partial schedule a copy; times in ticks; rules.py names the columns."""

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
    kernel: ClassVar[tuple[Path, ...]] = (Path(__file__).with_name("rules.py"),)
    features: ClassVar[Features] = Features(candidate=10, context=6, task=7, resource=4, runs_on=1)

    def sizes(self, instances: Sequence[BlockingShop]) -> Sizes:
        found = padding(instances)
        # A job touches each operation that is placed at most once with each of its own.
        visits = [np.bincount(x.shop.machine[x.shop.machine >= 0]).astype(np.int64) for x in instances]
        touches = max(int(v @ v) for v in visits)
        return replace(found, steps=(found.actions - 1) * (touches + 2))

    def pack(self, instances: Sequence[BlockingShop], sizes: Sizes) -> Instances:
        shops = pad(instances, sizes, self.variant)
        refuse("decisions", self.sizes(instances).steps, sizes.steps)
        held = np.zeros_like(shops.duration)
        for i, x in enumerate(instances):
            held[i, : x.shop.jobs, : x.shop.machine.shape[1]] = stay_ticks(x.shop)
        load, visits = shops.load[..., 0], shops.load[..., 1]
        return Instances(
            pool=len(instances),
            width=shops.machine.shape[2],
            jobs=shops.jobs,
            machines=shops.machines,
            bound=np.array([lower_bound(x) for x in instances], np.int32),
            unit=shops.unit,
            rate=1.0 / shops.unit,
            task=table([shops.machine, held, shops.head, shops.rest]),
            job=shops.job,
            load=np.ascontiguousarray(load),
            first=(np.cumsum(visits, axis=1) - visits).astype(np.int32),
        )

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, width, machines = room(sizes)

        def zeros(*shape: int) -> Array:
            return np.zeros((copies, *shape), np.int32)

        shapes = [()] * 6 + [(jobs, 3), (machines, 3), (sizes.runs_on,), (jobs, width)]
        return State(*(zeros(*shape) for shape in shapes))
