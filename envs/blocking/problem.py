"""The blocking shop's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from dispatchgym.envs.blocking.arrays import pad, padding, refuse, room, table
from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.instances.blocking.instance import BlockingShop, Variant, lower_bound
from dispatchgym.instances.errors import InputError

FILES = ("rules.py", "deadlock.py", "drain.py", "features.py")
KERNEL = tuple(Path(__file__).with_name(name) for name in FILES)
NO_BUDGET = 2**50
BUDGETS = ((10, NO_BUDGET), (15, 20_000), (62, 2_000))  # up to so many machines, states that a search for deadlocks may look at
MAX_MACHINES = BUDGETS[-1][0]  # machines are bits of one integer in the search


def memo_size(machines: int) -> int:
    """How many verdicts a copy remembers, a power of two: long searches meet the same states again and again."""
    return 2**16 if 10 < machines <= 15 else 2**12


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines, W windows; rules.py names the columns."""

    pool: int  # N
    width: int  # K
    swap: int  # 1 = bws, 0 = bns
    budget: int  # states that one search for deadlocks may look at
    repairs_known: int  # 1 = the agent sees when a repair will be done
    outlook: int  # 1 = the agent sees how the shop would drain
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    total: Array  # (N,) int32 operations in all
    bound: Array  # (N,) int32 lower bound on the makespan before any decision
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    share: Array  # (N,) float64 long-run share of time down
    repair: Array  # (N,) int32 mean ticks of a repair
    restart: Array  # (N,) int32 1 = interrupted operations begin anew
    task: Array  # (N, J * K, 6) int32
    job: Array  # (N, J, 3) int32
    resource: Array  # (N, M, 2) int32 work and operations of each machine
    visit: Array  # (N, J, M) int32 work of the job before its last operation on each machine, -1 = it has none
    future: Array  # (N, J * K) int64 set of the machines of the job's later operations, bit m = machine m
    windows: Array  # (N, M) int32 number of down windows
    down: Array  # (N, M, W, 2) int32


class State(NamedTuple):
    """One shop at one moment a copy; times in ticks; rules.py names the columns."""

    row: Array  # (B,) int32 instance in the pool
    scheduled: Array  # (B,) int32 operations begun so far
    bound: Array  # (B,) int32 lower bound on the makespan from here on, by what is known
    rewarded: Array  # (B,) int32 the lower bound that the rewards so far have paid for
    makespan: Array  # (B,) int32 latest exit so far
    work: Array  # (B,) int32 work not begun
    clock: Array  # (B, 6) int32
    job: Array  # (B, J, 8) int32
    resource: Array  # (B, M, 10) int32
    start: Array  # (B, J, K) int32 when each operation's job entered, -1 = it has not
    crew: Array  # (B, M) int32 the jobs of a search for deadlocks; these five are empty with swaps
    level: Array  # (B, D, M) int16 their operations at each depth of the search, -1 = out of the shop
    branch: Array  # (B, D) int16 the next job to try at each depth
    key: Array  # (B, D) int64 the state at each depth, hashed
    memo: Array  # (B, S) int64 verdicts on states: twice the key, plus 1 if safe; 0 = free
    walker: Array  # (B, M, 3) int32 from here on: the outlook, as drain.py names it, empty without one
    station: Array  # (B, M, 3) int32
    outlook: Array  # (B, 2, 8) int32
    exit: Array  # (B, J) int32 when each job in the shop would leave it, if nobody else entered


@dataclass(frozen=True)
class BlockingProblem:
    """Blocking job shop with makespan, with swaps (bws) or without (bns).

    `mask_budget` limits the states that a search for deadlocks looks at (bns); what it cannot decide is forbidden, unless
    nothing else is left to do. None: no limit up to 10 machines, 20,000 up to 15, 2,000 beyond. `repairs_known` shows the
    agent when repairs end, `outlook` how the shop would drain after a choice (None: only without swaps, where it is not
    what a step costs most).
    """

    swap: bool = True
    mask_budget: int | None = None
    repairs_known: bool = False
    outlook: bool | None = None

    name: ClassVar[str] = "blocking"
    kernel: ClassVar[tuple[Path, ...]] = KERNEL
    features: ClassVar[Features] = Features(candidate=54, context=12, task=12, resource=9, runs_on=3)

    def __post_init__(self) -> None:
        if self.mask_budget is not None and not 1 <= self.mask_budget <= NO_BUDGET:
            raise InputError(f"mask_budget={self.mask_budget!r} is not a positive number of states")

    @property
    def looks_ahead(self) -> bool:
        return not self.swap if self.outlook is None else self.outlook

    @property
    def variant(self) -> Variant:
        return "bws" if self.swap else "bns"

    def sizes(self, instances: Sequence[BlockingShop]) -> Sizes:
        found = padding(instances)
        # Rounded up, so that traces of one law share their padding.
        events = 1 << max(int((x.down[..., 0] >= 0).sum()) for x in instances).bit_length()
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
        down = np.full((n, machines, max(x.down.shape[1] for x in instances), 2), -1, np.int32)
        for i, x in enumerate(instances):
            rows, columns = x.breakdown.shape
            delay[i, :rows, :columns] = x.breakdown
            down[i, : x.shop.machines, : x.down.shape[1]] = x.down
        used = shops.machine >= 0
        last = (np.arange(width) == shops.job[..., :1] - 1) & used
        visit = np.full((n, jobs, machines), -1, np.int32)
        for k in range(width):  # in this order, so that the last operation stays
            some = np.nonzero(used[:, :, k])
            visit[(*some, shops.machine[(*some, k)])] = shops.head[(*some, k)]
        repair = [max(1, round(x.interruptions.repair * unit)) for x, unit in zip(instances, shops.unit, strict=True)]
        budget = self.mask_budget or next((states for most, states in BUDGETS if machines <= most), NO_BUDGET)
        return Instances(
            pool=n,
            width=width,
            swap=int(self.swap),
            budget=budget,
            repairs_known=int(self.repairs_known),
            outlook=int(self.looks_ahead),
            jobs=shops.jobs,
            machines=shops.machines,
            total=shops.total,
            bound=np.array([lower_bound(x) for x in instances], np.int32),
            unit=shops.unit,
            rate=1.0 / shops.unit,
            share=np.array([x.interruptions.down_share for x in instances]),
            repair=np.array(repair, np.int32),
            restart=np.array([x.interruptions.restart for x in instances], np.int32),
            task=table([shops.machine, shops.duration, shops.head, shops.rest, delay, last]),
            job=shops.job,
            resource=shops.load,
            visit=visit,
            future=self._later_machines(shops.machine).reshape(n, jobs * width),
            windows=(down[..., 0] >= 0).sum(axis=2).astype(np.int32),
            down=down,
        )

    def _later_machines(self, machine: Array) -> Array:
        """(N, J, K) the machines of later operations as sets of bits; only the search for deadlocks needs them."""
        future = np.zeros(machine.shape, np.int64)
        if not self.swap:
            bits = np.where(machine >= 0, np.int64(1) << np.maximum(machine, 0), 0)
            for k in range(machine.shape[2] - 2, -1, -1):
                future[:, :, k] = future[:, :, k + 1] | bits[:, :, k + 1]
        return future

    def state(self, sizes: Sizes, copies: int) -> State:
        jobs, width, machines = room(sizes)
        depth, crew, memo = (0, 0, 0) if self.swap else (machines * width + 1, machines, memo_size(machines))

        def zeros(*shape: int, dtype: type = np.int32) -> Array:
            return np.zeros((copies, *shape), dtype)

        shapes = [()] * 6 + [(6,), (jobs, 8), (machines, 10), (jobs, width), (crew,)]
        search = [
            zeros(depth, crew, dtype=np.int16),
            zeros(depth, dtype=np.int16),
            zeros(depth, dtype=np.int64),
            zeros(memo, dtype=np.int64),
        ]
        walkers, rows, leavers = (machines, 2, jobs) if self.looks_ahead else (0, 0, 0)
        drain = [zeros(walkers, 3), zeros(walkers, 3), zeros(rows, 8), zeros(leavers)]
        return State(*(zeros(*shape) for shape in shapes), *search, *drain)
