"""Padding and packing that blocking shops of every variant share: with swaps, without, and no-wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dispatchgym.envs.blocking.layout import JobData, MachineData
from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Sizes
from dispatchgym.instances.blocking.instance import BlockingShop
from dispatchgym.instances.errors import InputError


class Padded(NamedTuple):
    """N shops padded to J jobs of K operations and M machines; ticks are int64, operations that do not exist are 0."""

    machine: Array  # (N, J, K) -1 = no operation
    duration: Array  # (N, J, K)
    head: Array  # (N, J, K) work of the job before the operation
    rest: Array  # (N, J, K) and from it on
    job: Array  # (N, J, JobData) int32
    resource: Array  # (N, M, MachineData) int32
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    total: Array  # (N,) int32 operations in all
    unit: Array  # (N,) float64 mean duration of an operation, at least 1


def padding(instances: Sequence[BlockingShop]) -> Sizes:
    """The smallest sizes that hold all instances, with `steps` 0. One choice, one task and one resource are for waiting."""
    shops = [x.shop for x in instances]
    jobs = max(x.jobs for x in shops)
    total = max(int(x.operations.sum()) for x in shops)
    width = max(x.machine.shape[1] for x in shops)
    resources = max(x.machines for x in shops) + 1
    return Sizes(actions=jobs + 1, tasks=jobs * width + 1, resources=resources, precedes=total, runs_on=total, steps=0)


def room(sizes: Sizes) -> tuple[int, int, int]:
    """(J, K, M): jobs, operations of each, machines."""
    jobs = sizes.actions - 1
    return jobs, (sizes.tasks - 1) // jobs, sizes.resources - 1


def pad(instances: Sequence[BlockingShop], sizes: Sizes, variant: str) -> Padded:
    """The shops as arrays. Raises InputError if one exceeds `sizes` or is not of the variant."""
    jobs, width, machines = room(sizes)
    need = padding(instances)
    for what, asked, limit in zip(("jobs", "operations in one job", "machines"), room(need), room(sizes), strict=True):
        refuse(what, asked, limit)
    refuse("operations", need.runs_on, sizes.runs_on)
    wrong = next((x for x in instances if x.variant != variant), None)
    if wrong is not None:
        raise InputError(f"{wrong.name} is a {wrong.variant} shop, this environment plays {variant}")
    n = len(instances)
    machine = np.full((n, jobs, width), -1, np.int64)
    duration = np.zeros((n, jobs, width), np.int64)
    release = np.zeros((n, jobs), np.int64)
    for i, x in enumerate(instances):
        rows, columns = x.shop.machine.shape
        machine[i, :rows, :columns] = x.shop.machine
        duration[i, :rows, :columns] = x.shop.duration
        release[i, :rows] = x.shop.release
    used = machine >= 0
    length, work = used.sum(axis=2), duration.sum(axis=2)
    head = np.cumsum(duration, axis=2) - duration
    at = np.nonzero(used)
    resource = np.zeros((n, machines, len(MachineData)), np.int32)
    np.add.at(resource[..., MachineData.LOAD], (at[0], machine[at]), duration[at])
    np.add.at(resource[..., MachineData.VISITS], (at[0], machine[at]), 1)
    total = length.sum(axis=1)
    return Padded(
        machine=machine,
        duration=duration,
        head=head,
        rest=(work[:, :, None] - head) * used,
        job=stacked(JobData, {JobData.LENGTH: length, JobData.RELEASE: release, JobData.WORK: work}).astype(np.int32),
        resource=resource,
        jobs=(length > 0).sum(axis=1).astype(np.int32),
        machines=np.array([x.shop.machines for x in instances], np.int32),
        total=total.astype(np.int32),
        unit=np.maximum(work.sum(axis=1) / total, 1.0),
    )


def rows_of_operations(task: Array) -> Array:
    """(N, J, K, Task) as (N, J * K, Task) int32, the rows of a kernel's `inst.task`."""
    n, jobs, width, columns = task.shape
    return task.reshape(n, jobs * width, columns).astype(np.int32)


def refuse(what: str, asked: int, limit: int) -> None:
    """Raise InputError if an instance has more of something than there is room for."""
    if asked > limit:
        raise InputError(f"an instance has {asked} {what}, this environment was made for {limit}")
