"""Improvement's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.envs.jobshop.improve import features, rules
from dispatchgym.envs.jobshop.improve.layout import (
    Candidate,
    Context,
    Instances,
    JobData,
    Move,
    Moved,
    Node,
    ResourceNode,
    RunsOn,
    State,
    Task,
    TaskNode,
)
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from dispatchgym.instances.jobshop.priorities import SCORES
from dispatchgym.instances.json_fields import shown

Neighbourhood = Literal["n6", "n5", "n7"]
NEIGHBOURHOODS: tuple[str, ...] = get_args(Neighbourhood)
CODES = {name: code for code, name in enumerate(("n5", "n6", "n7"))}  # Instances.neighbourhood
SLOTS = {"n5": 32, "n6": 64, "n7": 128}  # by default; random walks on 20x20 meet at most 22, 60 and 100 moves
MOST_SLOTS = 4096
MOST_MOVES = 10_000_000
STARTS = ("fdd-mwkr", "mwkr", "mopnr", "spt", "lpt")  # rules of instances/jobshop/priorities.py


@dataclass(frozen=True)
class ImproveSizes(Sizes):
    """Padded sizes of improvement."""

    jobs: int  # J
    width: int  # K


@dataclass(frozen=True)
class ImproveProblem:
    """Improvement of a job shop's schedule by local moves; the objective is the best makespan of the episode.

    `slots` is how many moves are offered at most, None = SLOTS. If the neighbourhood has more, those with the smallest
    estimates are offered.
    """

    neighbourhood: Neighbourhood = "n6"
    start: str = "fdd-mwkr"
    moves: int = 200
    slots: int | None = None

    kernel: ClassVar[Kernel] = Kernel((rules, features), graph_keeps="rows", compiled_once=True)
    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def __post_init__(self) -> None:
        for word, value, known in (("neighbourhood", self.neighbourhood, NEIGHBOURHOODS), ("start", self.start, STARTS)):
            if value not in known:
                raise InputError(f"{word} {shown(value)} is not one of {', '.join(known)}")
        for word, number, most in (("moves", self.moves, MOST_MOVES), ("slots", self.slots, MOST_SLOTS)):
            if number is not None and not 1 <= number <= most:
                raise InputError(f"{word} {shown(number)} is not a whole number between 1 and {most}")

    @property
    def actions(self) -> str:
        """What the choices are, for reports."""
        return f"{self.neighbourhood} moves"

    def sizes(self, instances: Sequence[JobShop]) -> ImproveSizes:
        jobs = max(x.jobs for x in instances)
        width = max(x.machine.shape[1] for x in instances)
        total = max(int(x.operations.sum()) for x in instances)
        slots = self.slots or min(SLOTS[self.neighbourhood], 4 * total)
        return ImproveSizes(
            actions=slots + 1,
            tasks=jobs * width + 1,
            resources=max(x.machines for x in instances) + 1,
            precedes=2 * total,
            runs_on=total,
            steps=self.moves,
            jobs=jobs,
            width=width,
        )

    def pack(self, instances: Sequence[JobShop], sizes: Sizes) -> Instances:
        assert isinstance(sizes, ImproveSizes)
        need = self.sizes(instances)
        for what, asked, room in (
            ("jobs", need.jobs, sizes.jobs),
            ("machines", need.resources - 1, sizes.resources - 1),
            ("operations in one job", need.width, sizes.width),
            ("operations", need.runs_on, sizes.runs_on),
        ):
            if asked > room:
                raise InputError(f"an instance has {asked} {what}, this environment was made for {room}")
        n, jobs, width, machines = len(instances), sizes.jobs, sizes.width, sizes.resources - 1
        machine = np.full((n, jobs, width), -1, np.int64)
        duration = np.zeros((n, jobs, width), np.int64)
        release = np.zeros((n, jobs), np.int64)
        score = np.zeros((n, jobs, width))
        for i, x in enumerate(instances):
            j, k = x.machine.shape
            machine[i, :j, :k], duration[i, :j, :k], release[i, :j] = x.machine, x.duration, x.release
            score[i, :j, :k] = SCORES[self.start](x)
        length = (machine >= 0).sum(axis=2)
        work = duration.sum(axis=(1, 2))
        before, after, first, last = neighbours(duration)
        load = np.zeros((n, machines + 1), np.int64)
        np.add.at(load, (np.arange(n)[:, None, None], machine), duration)  # padding adds 0 to the last column
        unit = np.maximum(work / length.sum(axis=1), 1.0)
        task = {Task.MACHINE: machine, Task.DURATION: duration, Task.BEFORE: before, Task.AFTER: after}
        job = {JobData.LENGTH: length, JobData.RELEASE: release, JobData.FIRST: first, JobData.LAST: last}
        return Instances(
            pool=n,
            width=width,
            neighbourhood=CODES[self.neighbourhood],
            moves=self.moves,
            jobs=np.array([x.jobs for x in instances], np.int32),
            machines=np.array([x.machines for x in instances], np.int32),
            total=(duration > 0).sum(axis=(1, 2)).astype(np.int32),
            bound=np.array([simple_lower_bound(x) for x in instances], np.int32),
            unit=unit,
            rate=1.0 / unit,
            task=np.pad(stacked(Task, task).reshape(n, jobs * width, len(Task)), ((0, 0), (0, 1 + jobs), (0, 0))).astype(
                np.int32
            ),
            job=stacked(JobData, job).astype(np.int32),
            load=np.ascontiguousarray(load[:, :machines]).astype(np.int32),
            score=score.reshape(n, jobs * width),
        )

    def state(self, sizes: Sizes, copies: int) -> State:
        assert isinstance(sizes, ImproveSizes)
        rows, total = sizes.jobs * sizes.width, sizes.runs_on

        def zeros(*shape: int, dtype: npt.DTypeLike = np.int32) -> Array:
            return np.zeros((copies, *shape), dtype)

        counters = ("row", "made", "makespan", "first", "best", "best_at", "count", "found", "begin")
        return State(
            **{name: zeros() for name in counters},
            is_best=zeros(dtype=np.int8),
            node=zeros(rows + 1 + sizes.jobs, len(Node)),
            place=zeros(rows + 1 + sizes.jobs),
            moved=zeros(rows, len(Moved)),
            **{name: zeros(total) for name in ("order", "best_order", "path", "scratch")},
            move=zeros(sizes.actions - 1, len(Move)),
            next=zeros(sizes.jobs),
            last=zeros(sizes.resources - 1),
        )


def neighbours(duration: npt.NDArray[np.int64]) -> tuple[Array, Array, Array, Array]:
    """Of durations (N, J, K): the nodes before and after each operation in its job (N, J, K), and the first and the last
    operation of positive duration of each job (N, J); layout.py says which nodes there are."""
    n, jobs, width = duration.shape
    none = jobs * width
    release = np.broadcast_to(none + 1 + np.arange(jobs), (n, jobs))
    own = np.broadcast_to(np.arange(none).reshape(jobs, width), duration.shape)
    before, after = np.empty_like(duration), np.empty_like(duration)
    last = release.copy()
    for k in range(width):
        before[:, :, k] = last
        last = np.where(duration[:, :, k] > 0, own[:, :, k], last)
    first = np.full((n, jobs), none)
    for k in reversed(range(width)):
        after[:, :, k] = first
        first = np.where(duration[:, :, k] > 0, own[:, :, k], first)
    return before, after, first, last
