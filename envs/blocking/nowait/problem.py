"""The no-wait shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from dispatchgym.envs.blocking.arrays import pad, padding, refuse, room, rows_of_operations
from dispatchgym.envs.blocking.layout import MachineData
from dispatchgym.envs.blocking.nowait import features, rules
from dispatchgym.envs.blocking.nowait.layout import (
    Candidate,
    Context,
    Instances,
    Job,
    Machine,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)
from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.instances.blocking.instance import BlockingShop, lower_bound, stay_ticks


@dataclass(frozen=True)
class NoWaitProblem:
    """No-wait job shop with makespan."""

    variant: ClassVar[str] = "nwt"
    kernel: ClassVar[Kernel] = Kernel((rules, features), graph_keeps="rows")
    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def sizes(self, instances: Sequence[BlockingShop]) -> Sizes:
        found = padding(instances)
        # Each operation of a job touches each placed operation on its machine at most once.
        visits = [np.bincount(x.shop.machine[x.shop.machine >= 0]).astype(np.int64) for x in instances]
        touches = max(int(v @ v) for v in visits)
        return replace(found, steps=(found.actions - 1) * (touches + 2))

    def pack(self, instances: Sequence[BlockingShop], sizes: Sizes) -> Instances:
        shops = pad(instances, sizes, self.variant)
        refuse("decisions", self.sizes(instances).steps, sizes.steps)
        held = np.zeros_like(shops.duration)
        for i, x in enumerate(instances):
            held[i, : x.shop.jobs, : x.shop.machine.shape[1]] = stay_ticks(x.shop)
        task = stacked(Task, {Task.MACHINE: shops.machine, Task.DURATION: held, Task.HEAD: shops.head, Task.REST: shops.rest})
        visits = shops.resource[..., MachineData.VISITS]
        return Instances(
            pool=len(instances),
            width=shops.machine.shape[2],
            jobs=shops.jobs,
            machines=shops.machines,
            bound=np.array([lower_bound(x) for x in instances], np.int32),
            unit=shops.unit,
            rate=1.0 / shops.unit,
            task=rows_of_operations(task),
            job=shops.job,
            load=np.ascontiguousarray(shops.resource[..., MachineData.LOAD]),
            first=(np.cumsum(visits, axis=1) - visits).astype(np.int32),
        )

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, width, machines = room(sizes)

        def zeros(*shape: int) -> Array:
            return np.zeros((copies, *shape), np.int32)

        return State(
            row=zeros(),
            cursor=zeros(),
            left=zeros(),
            work=zeros(),
            makespan=zeros(),
            bound=zeros(),
            job=zeros(jobs, len(Job)),
            resource=zeros(machines, len(Machine)),
            placed=zeros(sizes.runs_on),
            start=zeros(jobs, width),
        )
