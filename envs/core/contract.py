"""What a problem gives to the engine, and what it may rely on.

A problem is plain scalar Python functions (its *kernel*, one file or several) on copy `b` of a batch, plus the layout of its
arrays. The engine compiles the same functions for CPU threads and for CUDA (one thread a copy), or runs them as they
stand. A kernel defines, with `inst` the packed instances, `s` the state and `row` the instance of copy `b`:

    reset(inst, s, b)                     the first state of instance s.row[b]
    finished(inst, s, b) -> bool          no decision is left
    legal(inst, s, b, choices) -> int     lists the legal choices in `choices` (K,), ascending, and returns how many; called
                                          once before the functions below, so it may leave intermediate results in `s` for them
    step(inst, s, b, action) -> float     plays a legal action; returns the reward
    objective(inst, s, b) -> int          the value that the referee would compute, once finished
    candidate(inst, s, b, k, out)         fills out (Fc,): features of legal choice k
    context(inst, s, b, out)              fills out (Fx,): features of the whole state
    task_of / resource_of(inst, s, b, k)  the graph nodes that choice k names
    offered_at(inst, s, b, k) -> int      the tick at which legal choice k would take effect
    deed_of(inst, s, b, k) -> int         where a schedule that is imitated says when choice k is made
    graph(inst, s, b, o)                  fills the node and edge arrays of Observation o for copy b; they are blank when it
                                          is called: features 0, edges -1

Files that are compiled together share one namespace: a later file knows the constants of an earlier one, and a function's
name must be theirs alone.

Rules that keep every target equal to the last bit: arithmetic on integers and float64 only (float32 is storage), no
transcendental functions, no allocation, no exceptions. No index is negative: on the CPU it would not count from the end
(with NUMBA_BOUNDSCHECK=1 in the environment it raises IndexError, as one beyond the end does).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

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


class Problem(Protocol):
    """One family with its options; `kernel` is the files of its functions, those with constants that others use first."""

    @property
    def name(self) -> str: ...

    @property
    def kernel(self) -> tuple[Path, ...]: ...

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
