"""A planning request for task graphs: a whole static graph, or the remaining tasks of several jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule

Ints = npt.NDArray[np.integer]


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Request:
    """Tasks to be placed. Times are whole ticks on any clock, so a plan made at tick t may use t as its first.

    Completed predecessors are left out; the arrivals of their data are part of `earliest`. A running task is either given with
    its PE and start, or left out too: then `pe_free` contains its end and `earliest` the arrival of its data.
    """

    duration: Ints  # (N, P) time of each task on each PE, -1 = cannot run there
    edges: Ints  # (E, 3) predecessor, successor, volume (not used)
    transfer: Ints  # (E, P, P) time from the PE of the predecessor to that of the successor
    earliest: Ints = field(default_factory=_none)  # (N, P) no start of the task on the PE before; empty = 0
    pe_free: Ints = field(default_factory=_none)  # (P,) no start on the PE before; empty = 0
    fixed_pe: Ints = field(default_factory=_none)  # (N,) where a task runs already, -1 = to be planned; empty = -1
    fixed_start: Ints = field(default_factory=_none)  # (N,) start of a running task
    job: Ints = field(default_factory=_none)  # (N,) number of the task's job; empty = 0
    weight: Ints = field(default_factory=_none)  # (J,) >= 0: minimise the weighted sum of job ends; empty = the last end of all

    def __post_init__(self) -> None:
        n, p = self.duration.shape
        blank = {"earliest": np.zeros((n, p)), "pe_free": np.zeros(p), "job": np.zeros(n)}
        for name, default in {**blank, "fixed_pe": np.full(n, -1), "fixed_start": np.full(n, -1)}.items():
            value = getattr(self, name)
            if value.size == 0:
                object.__setattr__(self, name, default.astype(np.int64))
            elif value.shape != default.shape:
                raise InputError(f"{name} has shape {value.shape}, which should be {default.shape}")
        if self.transfer.shape != (len(self.edges), p, p):
            raise InputError(f"transfer has shape {self.transfer.shape}, which should be {(len(self.edges), p, p)}")
        if self.weight.size and (len(self.weight) <= self.job.max() or (self.weight < 0).any()):
            raise InputError(f"weights {self.weight.tolist()} of {int(self.job.max()) + 1} jobs")

    @cached_property
    def begin(self) -> npt.NDArray[np.int64]:
        """(N, P) the first possible start by `earliest` and `pe_free`; of a fixed task its start."""
        first = np.maximum(self.earliest, self.pe_free[None, :])
        return np.where(self.fixed_pe[:, None] >= 0, self.fixed_start[:, None], first).astype(np.int64)

    @cached_property
    def allowed(self) -> npt.NDArray[np.bool_]:
        """(N, P) where each task may run."""
        fixed = self.fixed_pe[:, None]
        return (self.duration >= 0) & ((fixed < 0) | (fixed == np.arange(self.duration.shape[1])))

    @cached_property
    def order(self) -> list[int]:
        """The tasks, predecessors first."""
        return topological(len(self.duration), np.asarray(self.edges, np.int32))

    @cached_property
    def before(self) -> list[list[tuple[int, int]]]:
        """(edge, predecessor) of each task."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(len(self.duration))]
        for e, (a, b, _) in enumerate(self.edges.tolist()):
            found[b].append((e, a))
        return found

    @cached_property
    def after(self) -> list[list[tuple[int, int]]]:
        """(edge, successor) of each task."""
        found: list[list[tuple[int, int]]] = [[] for _ in range(len(self.duration))]
        for e, (a, b, _) in enumerate(self.edges.tolist()):
            found[a].append((e, b))
        return found

    def ends(self, schedule: StaticSchedule) -> npt.NDArray[np.int64]:
        """(N,) end of each task."""
        return schedule.start + self.duration[np.arange(len(schedule.pe)), schedule.pe]

    def objective(self, schedule: StaticSchedule) -> int:
        """The last end of all tasks, or the weighted sum of the jobs' last ends."""
        ends = self.ends(schedule)
        if not self.weight.size:
            return int(ends.max())
        last = np.zeros(len(self.weight), np.int64)
        np.maximum.at(last, self.job, ends)
        return int((last * self.weight).sum())


def whole(dag: StaticDag) -> Request:
    """The request to plan a whole static graph from tick 0 on."""
    return Request(dag.duration, dag.edges, dag.transfer)
