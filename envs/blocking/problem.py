"""The blocking shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from dispatchgym.envs.blocking import features, graph, rules
from dispatchgym.envs.blocking.arrays import pad, padding, refuse, room, rows_of_operations
from dispatchgym.envs.blocking.layout import (
    NO_BUDGET,
    Candidate,
    Clock,
    Context,
    DrainingJob,
    Forecast,
    Instances,
    Job,
    JobData,
    Machine,
    ResourceNode,
    RunsOn,
    State,
    Station,
    Task,
    TaskNode,
    Window,
)
from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.instances.blocking.instance import BlockingShop, Variant, lower_bound
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

BUDGETS = ((10, NO_BUDGET), (15, 20_000), (62, 2_000))  # up to so many machines, states that a search for deadlocks may look at
MAX_MACHINES = BUDGETS[-1][0]  # machines are bits of one integer in the search


def memo_size(machines: int) -> int:
    """How many verdicts a copy remembers, a power of two: long searches meet the same states again and again."""
    return 2**16 if 10 < machines <= 15 else 2**12


@dataclass(frozen=True)
class BlockingProblem:
    """Blocking job shop with makespan, with swaps (bws) or without (bns).

    `mask_budget` limits the states that a search for deadlocks looks at (bns). A move that it cannot decide is forbidden,
    unless no other choice is left. None: no limit up to 10 machines, 20,000 up to 15, 2,000 beyond. `repairs_known` shows
    the agent when repairs end. `outlook` shows it the drain forecast (None: only without swaps, where the search for
    deadlocks takes most of a step).
    """

    swap: bool = True
    mask_budget: int | None = None
    repairs_known: bool = False
    outlook: bool | None = None

    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def __post_init__(self) -> None:
        if self.mask_budget is not None and not 1 <= self.mask_budget <= NO_BUDGET:
            raise InputError(f"mask_budget={shown(self.mask_budget)} is not a positive number of states")

    @property
    def kernel(self) -> Kernel:
        settings = (("SWAP", self.swap), ("OUTLOOK", self.looks_ahead))
        return Kernel((rules, features, graph), settings, graph_keeps="rows", compiled_once=True)

    @property
    def looks_ahead(self) -> bool:
        return not self.swap if self.outlook is None else self.outlook

    @property
    def variant(self) -> Variant:
        return "bws" if self.swap else "bns"

    def sizes(self, instances: Sequence[BlockingShop]) -> Sizes:
        found = padding(instances)
        # Rounded up, so that traces of one law share their padding.
        events = 1 << max(int((x.down[..., Window.BEGIN] >= 0).sum()) for x in instances).bit_length()
        # one move and at most one wait for each operation, one wait for each failure, repair and release
        return replace(found, steps=2 * (found.runs_on + events) + found.actions - 1)

    def pack(self, instances: Sequence[BlockingShop], sizes: Sizes) -> Instances:
        jobs, width, machines = room(sizes)
        n = len(instances)
        shops = pad(instances, sizes, self.variant)
        refuse("decisions", self.sizes(instances).steps, sizes.steps)
        if not self.swap and machines > MAX_MACHINES:
            raise InputError(f"{machines} machines: without swaps the environment takes at most {MAX_MACHINES}")
        delay = np.zeros((n, jobs, width), np.int64)
        down = np.full((n, machines, max(x.down.shape[1] for x in instances), len(Window)), -1, np.int32)
        for i, x in enumerate(instances):
            rows, columns = x.breakdown.shape
            delay[i, :rows, :columns] = x.breakdown
            down[i, : x.shop.machines, : x.down.shape[1]] = x.down
        used = shops.machine >= 0
        last = (np.arange(width) == shops.job[..., JobData.LENGTH, None] - 1) & used
        visit = np.full((n, jobs, machines), -1, np.int32)
        for k in range(width):  # in this order, so that the last operation stays
            some = np.nonzero(used[:, :, k])
            visit[(*some, shops.machine[(*some, k)])] = shops.head[(*some, k)]
        repair = [max(1, round(x.interruptions.repair * unit)) for x, unit in zip(instances, shops.unit, strict=True)]
        task = stacked(
            Task,
            {
                Task.MACHINE: shops.machine,
                Task.DURATION: shops.duration,
                Task.HEAD: shops.head,
                Task.REST: shops.rest,
                Task.DELAY: delay,
                Task.LAST: last,
            },
        )
        budget = self.mask_budget or next((states for most, states in BUDGETS if machines <= most), NO_BUDGET)
        return Instances(
            pool=n,
            width=width,
            budget=budget,
            repairs_known=int(self.repairs_known),
            jobs=shops.jobs,
            machines=shops.machines,
            total=shops.total,
            bound=np.array([lower_bound(x) for x in instances], np.int32),
            unit=shops.unit,
            rate=1.0 / shops.unit,
            share=np.array([x.interruptions.down_share for x in instances]),
            repair=np.array(repair, np.int32),
            restart=np.array([x.interruptions.restart for x in instances], np.int32),
            task=rows_of_operations(task),
            job=shops.job,
            resource=shops.resource,
            visit=visit,
            future=self._later_machines(shops.machine).reshape(n, jobs * width),
            windows=(down[..., Window.BEGIN] >= 0).sum(axis=2).astype(np.int32),
            down=down,
        )

    def _later_machines(self, machine: Array) -> Array:
        """(N, J, K) sets of bits: the machines of later operations. Only the search for deadlocks needs them."""
        future = np.zeros(machine.shape, np.int64)
        if not self.swap:
            bits = np.where(machine >= 0, np.int64(1) << np.maximum(machine, 0), 0)
            for k in range(machine.shape[2] - 2, -1, -1):
                future[:, :, k] = future[:, :, k + 1] | bits[:, :, k + 1]
        return future

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, width, machines = room(sizes)
        depth, searched, memo = (0, 0, 0) if self.swap else (machines * width + 1, machines, memo_size(machines))
        draining, rows, leaving = (machines, 2, jobs) if self.looks_ahead else (0, 0, 0)

        def zeros(*shape: int, dtype: type = np.int32) -> Array:
            return np.zeros((copies, *shape), dtype)

        return State(
            row=zeros(),
            scheduled=zeros(),
            bound=zeros(),
            rewarded=zeros(),
            makespan=zeros(),
            work=zeros(),
            clock=zeros(len(Clock)),
            job=zeros(jobs, len(Job)),
            resource=zeros(machines, len(Machine)),
            start=zeros(jobs, width),
            search_jobs=zeros(searched),
            level=zeros(depth, searched, dtype=np.int16),
            branch=zeros(depth, dtype=np.int16),
            key=zeros(depth, dtype=np.int64),
            memo=zeros(memo, dtype=np.int64),
            draining_job=zeros(draining, len(DrainingJob)),
            station=zeros(draining, len(Station)),
            forecast=zeros(rows, len(Forecast)),
            exit=zeros(leaving),
        )
