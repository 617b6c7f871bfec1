"""Task graphs on a chip with unlike processing elements (PEs): platforms, applications, streams of jobs, and static graphs.

A job is one arrival of an application: a directed acyclic graph of tasks whose edges carry a volume. A task runs on one PE
without preemption; how long depends on the PE's cluster. Before it starts, the data of each predecessor must have
arrived: floor(volume / bandwidth between the two PEs) microseconds after the predecessor's end.

Arda et al., DS3, IEEE Transactions on Computers 69 (2020); Sung et al., SoCRATES, ICMLA 2021; for static graphs Topcuoglu et
al., IEEE TPDS 13 (2002).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.arrays import read_only
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.soc.graph import topological

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]
Arrival = Literal["exponential", "fixed"]
ARRIVALS: tuple[str, ...] = get_args(Arrival)
WhenFull = Literal["redraw", "retry", "queue"]
WHEN_FULL: tuple[str, ...] = get_args(WhenFull)

MAX_TIME = 2**30  # every time stays below this, so int32 never overflows
MAX_HORIZON = 2_000_000  # microseconds: mean latencies are kept in nanoseconds
MAX_TASKS = 20_000
MAX_PES = 2048
MAX_ENTRIES = 50_000_000  # numbers in one table, larger is refused before memory is taken


@dataclass(frozen=True)
class Level:
    """One frequency of a cluster."""

    mhz: int  # > 0
    milliwatts: int = 0  # of one busy PE, >= 0


@dataclass(frozen=True, eq=False)
class Cluster:
    """Identical PEs."""

    name: str
    pes: int
    duration: Mapping[str, int]  # microseconds at the highest frequency by task name; a missing task cannot run here
    levels: tuple[Level, ...] = (Level(1000),)  # by increasing frequency
    idle_milliwatts: int = 0  # of one idle PE

    def __post_init__(self) -> None:
        if self.pes < 1:
            raise InputError(f"cluster {self.name}: {self.pes} PEs")
        for task, ticks in self.duration.items():
            if not 0 <= ticks < MAX_TIME:
                raise InputError(f"cluster {self.name}: execution time {ticks} of task {task!r} is out of range")
        if not self.levels or any(x.mhz <= 0 or x.milliwatts < 0 for x in self.levels) or self.idle_milliwatts < 0:
            raise InputError(f"cluster {self.name}: frequencies must be positive, and powers must not be negative")
        if any(a.mhz >= b.mhz for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise InputError(f"cluster {self.name}: frequencies do not increase")


@dataclass(frozen=True, eq=False)
class Platform:
    """A chip. PEs are numbered through the clusters in order."""

    clusters: tuple[Cluster, ...]
    between: FloatArray  # (C, C) bandwidth between different PEs of two clusters, volume per microsecond, > 0
    same_pe: float = np.inf  # bandwidth from a PE to itself
    name: str = "unnamed"

    def __post_init__(self) -> None:
        count = len(self.clusters)
        if count == 0:
            raise InputError(f"{self.name}: no clusters")
        between = np.asarray(self.between, np.float64)
        if between.shape != (count, count):
            raise InputError(f"{self.name}: bandwidths {between.shape} for {count} clusters")
        bad = [(int(a), int(b)) for a, b in np.argwhere(~(between > 0))]
        if bad or not self.same_pe > 0:
            value = between[bad[0]] if bad else self.same_pe
            raise InputError(
                f"{self.name}: bandwidth {value:g} between clusters {bad[0] if bad else 'of one PE'} is not positive"
            )
        if self.pes > MAX_PES:
            raise InputError(f"{self.name}: {self.pes} PEs are more than {MAX_PES}")
        object.__setattr__(self, "between", read_only(between))

    @cached_property
    def cluster_of(self) -> IntArray:
        """(P,) cluster of each PE."""
        return np.repeat(np.arange(len(self.clusters)), [c.pes for c in self.clusters]).astype(np.int32)

    @property
    def pes(self) -> int:
        return sum(c.pes for c in self.clusters)

    @cached_property
    def bandwidth(self) -> FloatArray:
        """(P, P) volume per microsecond from one PE to another."""
        table = self.between[np.ix_(self.cluster_of, self.cluster_of)]
        np.fill_diagonal(table, self.same_pe)
        return table

    def __repr__(self) -> str:
        return f"Platform({self.name!r}, {'+'.join(f'{c.pes} {c.name}' for c in self.clusters)})"


@dataclass(frozen=True, eq=False)
class Application:
    """A task graph, without times: those are the platform's."""

    tasks: tuple[str, ...]  # (T,) names, looked up in the clusters' tables
    edges: IntArray  # (E, 3) predecessor, successor, volume >= 0
    name: str = "unnamed"

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", _edges(self.name, self.edges, len(self.tasks)))

    def durations(self, platform: Platform) -> IntArray:
        """(T, P) microseconds at the highest frequency, -1 = cannot run there; InputError if a task can run nowhere."""
        rows = [[c.duration.get(task, -1) for c in platform.clusters] for task in self.tasks]
        table = np.array(rows, np.int32)[:, platform.cluster_of]
        nowhere = np.flatnonzero((table < 0).all(axis=1))
        if nowhere.size:
            raise InputError(f"{self.name}: task {self.tasks[nowhere[0]]!r} can run on no PE of platform {platform.name}")
        return table

    def __repr__(self) -> str:
        return f"Application({self.name!r}, tasks={len(self.tasks)}, edges={len(self.edges)})"


@dataclass(frozen=True, eq=False)
class StaticDag:
    """One task graph that is all there at time 0; the makespan is minimised."""

    duration: IntArray  # (N, P) time of each task on each PE, -1 = cannot run there
    edges: IntArray  # (E, 3) predecessor, successor, volume >= 0
    bandwidth: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))  # (P, P) > 0; empty = 1, and inf on the diagonal
    tasks: tuple[str, ...] = ()  # (N,) names; empty = their numbers
    name: str = "unnamed"
    lower_bound: int | None = None  # best published or proved lower bound on the makespan
    best_known: int | None = None  # best known makespan

    def __post_init__(self) -> None:
        duration = np.asarray(self.duration)
        if duration.ndim != 2 or duration.size == 0:
            raise InputError(f"{self.name}: durations {duration.shape} are not a table of tasks and PEs")
        if duration.size and not np.issubdtype(duration.dtype, np.integer):
            raise InputError(f"{self.name}: durations must be whole numbers")
        n, p = duration.shape
        if n > MAX_TASKS or p > MAX_PES or n * p > MAX_ENTRIES:
            raise InputError(f"{self.name}: {n} tasks on {p} PEs are too many (at most {MAX_TASKS} and {MAX_PES})")
        if len(self.edges) * p * p > MAX_ENTRIES:
            raise InputError(
                f"{self.name}: {len(self.edges)} edges between {p} PEs each way are more than {MAX_ENTRIES} transfers"
            )
        for i, row in enumerate(duration.tolist()):
            if not any(x >= 0 for x in row):
                raise InputError(f"{self.name}: task {self.tasks[i] if self.tasks else i} can run on no PE")
            wrong = next((x for x in row if x < -1 or x >= MAX_TIME), None)
            if wrong is not None:
                raise InputError(f"{self.name}: duration {wrong} of task {i} is out of range")
        bandwidth = np.asarray(self.bandwidth, np.float64)
        if bandwidth.size == 0:
            bandwidth = np.where(np.eye(p, dtype=bool), np.inf, 1.0)
        if bandwidth.shape != (p, p):
            raise InputError(f"{self.name}: bandwidths {bandwidth.shape} for {p} PEs")
        if not (bandwidth > 0).all():
            a, b = (int(x) for x in np.argwhere(~(bandwidth > 0))[0])
            raise InputError(f"{self.name}: bandwidth {bandwidth[a, b]:g} between PEs {a} and {b} is not positive")
        if self.tasks and len(self.tasks) != n:
            raise InputError(f"{self.name}: {len(self.tasks)} names for {n} tasks")
        object.__setattr__(self, "duration", read_only(duration.astype(np.int32)))
        object.__setattr__(self, "edges", _edges(self.name, self.edges, n))
        object.__setattr__(self, "bandwidth", read_only(bandwidth))
        volume = float(self.edges[:, 2].sum()) if len(self.edges) else 0.0
        if float(duration.clip(0).max(axis=1).sum()) + volume / float(min(bandwidth.min(), 1e300)) >= MAX_TIME:
            raise InputError(f"{self.name}: durations and transfers add up to 2**30 or more")
        if self.lower_bound is not None and self.best_known is not None and self.lower_bound > self.best_known:
            raise InputError(f"{self.name}: lower bound {self.lower_bound} is above the best known makespan {self.best_known}")

    @cached_property
    def transfer(self) -> IntArray:
        """(E, P, P) time from the PE of an edge's predecessor to that of its successor."""
        return transfer_times(self.edges, self.bandwidth)

    @property
    def pes(self) -> int:
        return self.duration.shape[1]

    def __repr__(self) -> str:
        return f"StaticDag({self.name!r}, tasks={len(self.duration)}, edges={len(self.edges)}, pes={self.pes})"


@dataclass(frozen=True, eq=False)
class Workload:
    """Applications that arrive at a platform, and what counts. Times in microseconds.

    When `cap` jobs are in the system, the next one
    redraw  is given up and tried again after 1 plus a fresh gap (gym-ds3);
    retry   is held back until there is room (DS3); its latency counts from when it is let in;
    queue   waits outside; its latency counts from its arrival (so no method can turn work away).
    """

    platform: Platform
    applications: tuple[Application, ...]
    scale: float = 25.0  # mean gap between arrivals
    cap: int = 3  # jobs in the system; with "queue", jobs that the scheduler sees
    when_full: WhenFull = "redraw"
    probabilities: tuple[float, ...] = ()  # of the applications; empty = equal
    arrival: Arrival = "exponential"  # gaps floor(Exp(scale)), or all equal to floor(scale)
    prefill: bool = True  # at time 0 the system holds `cap` jobs already (pseudo steady state)
    horizon: int = 5000  # the episode ends here
    max_jobs: int | None = None  # or when so many jobs are completed
    warmup: int = 0  # jobs completed before do not count
    noise: float = 0.0  # standard deviation of an execution time, as a share of its mean
    name: str = "unnamed"

    def __post_init__(self) -> None:
        if not self.applications:
            raise InputError(f"{self.name}: no applications")
        count = len(self.applications)
        chances = np.asarray(self.probabilities or (1.0 / count,) * count, np.float64)
        if chances.shape != (count,) or not (chances >= 0).all() or not abs(float(chances.sum()) - 1.0) < 1e-6:
            raise InputError(f"{self.name}: probabilities {chances.tolist()} for {count} applications do not sum to 1")
        for label, value, choices in (("arrival", self.arrival, ARRIVALS), ("when_full", self.when_full, WHEN_FULL)):
            if value not in choices:
                raise InputError(f"{self.name}: {label} {value!r} is not one of {', '.join(choices)}")
        if not 0.0 <= self.scale < MAX_TIME:
            raise InputError(f"{self.name}: mean gap {self.scale} is out of range")
        if self.scale < 1.0 and self.when_full != "retry":
            raise InputError(f"{self.name}: a mean gap of {self.scale} below 1 needs when_full='retry'")
        if not 1 <= self.cap <= 1024:
            raise InputError(f"{self.name}: cap of {self.cap} jobs is not between 1 and 1024")
        if not 1 <= self.horizon <= MAX_HORIZON:
            raise InputError(f"{self.name}: horizon {self.horizon} is not between 1 and {MAX_HORIZON}")
        if not 0 <= self.warmup < self.horizon:
            raise InputError(f"{self.name}: warm-up {self.warmup} is not below the horizon {self.horizon}")
        if self.max_jobs is not None and not 1 <= self.max_jobs < math.inf:
            raise InputError(f"{self.name}: max_jobs {self.max_jobs} is not positive")
        if self.prefill not in (True, False):
            raise InputError(f"{self.name}: prefill {shown(self.prefill)} is neither True nor False")
        if not 0.0 <= self.noise <= 2.0:
            raise InputError(f"{self.name}: noise {self.noise} is not between 0 and 2")
        object.__setattr__(self, "probabilities", tuple(float(x) for x in chances))
        for application in self.applications:
            application.durations(self.platform)

    def __repr__(self) -> str:
        return f"Workload({self.name!r}, {len(self.applications)} applications on {self.platform.name})"


@dataclass(frozen=True, eq=False)
class Stream:
    """A workload with everything random drawn, independent of what a scheduler does: the same for all methods.

    The n-th job let in is of application[n]; the n-th attempt at an arrival is followed by gap[n]; task t of the n-th
    job takes max(1, floor(mean * (1 + workload.noise * deviation[n, t]) + 0.5)), or 0 if its mean is 0.
    """

    workload: Workload
    gap: IntArray  # (G,) microseconds
    application: IntArray  # (J,)
    deviation: FloatArray  # (J, T) standard normal; (J, 0) without noise
    name: str = "unnamed"
    lower_bound: int | None = None  # on the mean latency, nanoseconds
    best_known: int | None = None


@dataclass(frozen=True, eq=False)
class StaticSchedule:
    """Where and when each task of a StaticDag runs."""

    pe: npt.NDArray[np.int64]  # (N,)
    start: npt.NDArray[np.int64]  # (N,)


@dataclass(frozen=True, eq=False)
class StreamLog:
    """What a scheduler did with a Stream: one row for each job that was let in, in that order."""

    arrival: npt.NDArray[np.int64]  # (J,) when the job was let in; with "queue" when it arrived
    pe: npt.NDArray[np.int64]  # (J, T) -1 = not started before the end, or no such task
    start: npt.NDArray[np.int64]  # (J, T) -1 likewise
    level: npt.NDArray[np.int64]  # (J, T) index of the frequency in the cluster's levels, -1 likewise


def stream(workload: Workload, seed: int | tuple[int, ...], name: str = "") -> Stream:
    """Draw a stream. Gaps, applications and deviations come from streams of their own, so each is the same at any noise."""
    gaps, kinds, noise = (np.random.default_rng(x) for x in np.random.SeedSequence(seed).spawn(3))
    gap = _gaps(workload, gaps)
    jobs = len(gap) + workload.cap
    application = kinds.choice(len(workload.applications), size=jobs, p=workload.probabilities).astype(np.int32)
    widest = max(len(a.tasks) for a in workload.applications)
    if jobs * widest > MAX_ENTRIES:
        raise InputError(f"{workload.name}: up to {jobs} jobs of {widest} tasks within the horizon are too many")
    deviation = noise.standard_normal((jobs, widest if workload.noise else 0))
    return Stream(workload, read_only(gap), read_only(application), read_only(deviation), name or workload.name)


def _gaps(workload: Workload, rng: np.random.Generator) -> IntArray:
    """Enough gaps for the horizon."""
    if workload.arrival == "fixed" or workload.scale < 1.0:
        step = int(workload.scale)
        count = workload.horizon // max(step, 1) + 2
        return np.full(count, step, np.int32)
    blocks: list[npt.NDArray[np.int64]] = []
    reached = 0
    while reached <= workload.horizon:
        blocks.append(np.floor(rng.exponential(workload.scale, 64)).astype(np.int64))
        reached += int(blocks[-1].sum())
    return np.minimum(np.concatenate(blocks), MAX_TIME).astype(np.int32)


def transfer_times(edges: IntArray, bandwidth: FloatArray) -> IntArray:
    """(E, P, P) floor(volume / bandwidth), in microseconds."""
    volume = edges[:, 2].astype(np.float64)[:, None, None]
    return np.minimum(np.floor(volume / bandwidth[None]), MAX_TIME).astype(np.int32)


def on_platform(application: Application, platform: Platform) -> StaticDag:
    """One job of an application, alone on the chip."""
    return StaticDag(
        application.durations(platform),
        application.edges,
        platform.bandwidth,
        application.tasks,
        name=f"{application.name}@{platform.name}",
    )


def lower_bound(dag: StaticDag) -> int:
    """Ticks that no schedule of `dag` falls short of: the longest path, and the work of tasks that must share some PEs.

    On the path each task starts on a PE when the data of its predecessors can be there at the earliest, each of them being on
    its best PE; and what follows is counted likewise. Work is that of the fastest executions, shared evenly, between the
    earliest start of such a task and the shortest rest after one.
    """
    n, pes = dag.duration.shape
    never = 2**40
    duration = np.where(dag.duration >= 0, dag.duration.astype(np.int64), never)
    head, tail = (np.zeros((n, pes), np.int64) for _ in range(2))  # before the start and after the end of a task on a PE
    into: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for e, (a, b, _) in enumerate(dag.edges.tolist()):
        into[b].append((e, a))
    order = topological(n, dag.edges)
    for i in order:
        for e, k in into[i]:
            head[i] = np.maximum(head[i], ((head[k] + duration[k])[:, None] + dag.transfer[e]).min(axis=0))
    for i in reversed(order):
        for e, k in into[i]:
            tail[k] = np.maximum(tail[k], ((tail[i] + duration[i])[None, :] + dag.transfer[e]).min(axis=1))
    bound = int((head + duration + tail).min(axis=1).max())
    can, fastest = dag.duration >= 0, duration.min(axis=1)
    for shared in np.unique(np.concatenate([can, np.ones((1, pes), bool)]), axis=0):
        bind = np.flatnonzero(~(can & ~shared).any(axis=1))  # tasks that run on no other PE
        work = -(-int(fastest[bind].sum()) // int(shared.sum()))
        bound = max(bound, work + int(head[bind][can[bind]].min()) + int(tail[bind][can[bind]].min()))
    return bound


def _edges(name: str, given: npt.ArrayLike, tasks: int) -> IntArray:
    """Validated edges as a read-only (E, 3) array."""
    if tasks < 1:
        raise InputError(f"{name}: no tasks")
    if tasks > MAX_TASKS:
        raise InputError(f"{name}: {tasks} tasks are too many")
    edges = np.asarray(given)
    if edges.size == 0:
        edges = np.zeros((0, 3), np.int64)
    if edges.ndim != 2 or edges.shape[1] != 3 or not np.issubdtype(edges.dtype, np.integer):
        raise InputError(f"{name}: edges must be rows of three whole numbers: predecessor, successor, volume")
    seen = set()
    for a, b, volume in edges.tolist():
        if not (0 <= a < tasks and 0 <= b < tasks):
            raise InputError(f"{name}: edge {a} -> {b} names a task that is not among {tasks}")
        if a == b or (a, b) in seen:
            raise InputError(f"{name}: edge {a} -> {b} is {'a loop' if a == b else 'given twice'}")
        if not 0 <= volume < MAX_TIME:
            raise InputError(f"{name}: volume {volume} of edge {a} -> {b} is {'negative' if volume < 0 else 'too large'}")
        seen.add((a, b))
    ended = set(edges[:, 1].tolist())
    if len(ended) == tasks:
        raise InputError(f"{name}: no head: every task has a predecessor")
    order = topological(tasks, edges)
    if len(order) < tasks:
        raise InputError(f"{name}: task {min(set(range(tasks)) - set(order))} is on or behind a cycle")
    return read_only(edges.astype(np.int32))
