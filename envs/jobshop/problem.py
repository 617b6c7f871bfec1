"""The job shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.envs.jobshop import features, rules
from dispatchgym.envs.jobshop.layout import (
    Candidate,
    Context,
    Instances,
    Job,
    JobData,
    Machine,
    MachineData,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from dispatchgym.instances.json_fields import shown

ActionSet = Literal["semi-active", "active", "non-delay"]
ACTION_SETS: tuple[str, ...] = get_args(ActionSet)


@dataclass(frozen=True)
class JobShopProblem:
    """Job shop with makespan; `actions` names the set of choices (see layout.py)."""

    actions: ActionSet = "active"

    kernel: ClassVar[Kernel] = Kernel((rules, features), graph_keeps="rows")
    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def __post_init__(self) -> None:
        if self.actions not in ACTION_SETS:
            raise InputError(f"actions {shown(self.actions)} is not one of {', '.join(ACTION_SETS)}")

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
        task = stacked(
            Task,
            {
                Task.MACHINE: machine,
                Task.DURATION: duration,
                Task.HEAD: head,
                Task.TAIL: rest - duration,
                Task.REST: rest,
                Task.JOB: owner,
            },
        )
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
            task=task.reshape(n, jobs * width, len(Task)).astype(np.int32),
            job=stacked(JobData, {JobData.LENGTH: length, JobData.RELEASE: release, JobData.WORK: work}).astype(np.int32),
            resource=stacked(
                MachineData,
                {MachineData.LOAD: load, MachineData.VISITS: visits, MachineData.FIRST: np.cumsum(visits, axis=1) - visits},
            ).astype(np.int32),
            visitor=visitor,
        )

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, machines, width = sizes.actions, sizes.resources, sizes.tasks // sizes.actions

        def zeros(*shape: int) -> Array:
            return np.zeros((copies, *shape), np.int32)

        return State(
            row=zeros(),
            scheduled=zeros(),
            unfinished=zeros(),
            bound=zeros(),
            makespan=zeros(),
            work=zeros(),
            busiest=zeros(),
            first_end=zeros(),
            first_start=zeros(),
            job=zeros(jobs, len(Job)),
            resource=zeros(machines, len(Machine)),
            waiting=zeros(sizes.steps),
            start=zeros(jobs, width),
        )
