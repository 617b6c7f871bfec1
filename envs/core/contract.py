"""What a problem gives to the engine: its kernel functions, and the layout of its arrays.

The kernel is plain scalar Python functions on copy `b` of a batch; `rules.py` lists the functions that every problem defines.
The engine compiles the same functions for CPU threads and for CUDA (one thread a copy), or runs them as plain Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.columns import Columns

Array: TypeAlias = Any  # numpy array, or torch CUDA tensor seen by numba: the compilers take both
Arrays: TypeAlias = Any  # a NamedTuple of Array (and of plain integers)


@dataclass(frozen=True)
class Sizes:
    """The padded sizes that instances of one batch share."""

    actions: int  # K choices
    tasks: int  # N task nodes
    resources: int  # R resource nodes
    precedes: int  # task-to-task edges
    runs_on: int  # task-to-resource edges
    steps: int  # decisions of the longest episode


@dataclass(frozen=True)
class Features:
    """How many numbers describe a choice, the state, a task, a resource and a runs-on edge."""

    candidate: int
    context: int
    task: int
    resource: int
    runs_on: int

    @classmethod
    def of(cls, *columns: type[Columns]) -> Features:
        """The numbers of columns of the five feature tables: choice, state, task, resource, runs-on edge."""
        return cls(*map(len, columns))


class Observation(NamedTuple):
    """What the agent sees, one row a copy; graph arrays have length 0 in `candidates` mode."""

    mask: Array  # (B, K) int8, 1 = legal
    candidates: Array  # (B, K, Fc) float32, zero where illegal
    context: Array  # (B, Fx) float32
    candidate_task: Array  # (B, K) int64 task node, -1 where illegal
    candidate_resource: Array  # (B, K) int64 resource node, -1 where illegal
    tasks: Array  # (B, N, Ft) float32
    resources: Array  # (B, R, Fr) float32
    precedes: Array  # (B, E, 2) int64 task -> task, -1 = padding
    runs_on: Array  # (B, L, 2) int64 task -> resource, -1 = padding
    runs_on_features: Array  # (B, L, Fe) float32


@dataclass(frozen=True)
class Kernel:
    """The modules that define a problem's kernel functions, each function of the contract (`rules.py`) once.

    `settings` are pairs (NAME, value) that replace the constant NAME of these modules when they are compiled: code that a
    setting switches off is never compiled. `graph_keeps` says what stays of a graph from the beginning of an episode to its
    end: "rows", if `graph` writes the same rows of nodes and edges, so that these need no clearing; "everything", if it also
    writes the same numbers. With `compiled_once` a function is not compiled again for each constant and each size of whole
    number that it is called with: less to compile, but the optimiser knows less.
    """

    modules: tuple[ModuleType, ...]
    settings: tuple[tuple[str, Any], ...] = ()
    graph_keeps: Literal["nothing", "rows", "everything"] = "nothing"
    compiled_once: bool = False


class Problem(Protocol):
    """One problem with its options."""

    @property
    def kernel(self) -> Kernel: ...

    @property
    def features(self) -> Features: ...

    def sizes(self, instances: Sequence[Any]) -> Sizes:
        """The smallest padding that holds all of `instances`."""
        ...

    def pack(self, instances: Sequence[Any], sizes: Sizes) -> Arrays:
        """The instances as numpy arrays whose first axis is the pool; InputError if one exceeds `sizes`."""
        ...

    def state(self, sizes: Sizes, copies: int) -> Arrays:
        """Zeroed state arrays (copies, ...), among them `row` (copies,) int32."""
        ...


def observation(features: Features, sizes: Sizes, copies: int, graph: bool) -> Observation:
    """Zeroed observation arrays for `copies` copies."""
    f, z = features, sizes
    n, r, e, m = (z.tasks, z.resources, z.precedes, z.runs_on) if graph else (0, 0, 0, 0)
    k = z.actions if graph else 0

    def zeros(*shape: int, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        return np.zeros((copies, *shape), dtype)

    return Observation(
        mask=zeros(z.actions, dtype=np.int8),
        candidates=zeros(z.actions, f.candidate),
        context=zeros(f.context),
        candidate_task=zeros(k, dtype=np.int64),
        candidate_resource=zeros(k, dtype=np.int64),
        tasks=zeros(n, f.task),
        resources=zeros(r, f.resource),
        precedes=zeros(e, 2, dtype=np.int64),
        runs_on=zeros(m, 2, dtype=np.int64),
        runs_on_features=zeros(m, f.runs_on),
    )
