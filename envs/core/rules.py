"""The functions that every problem defines: the contract between a problem and whatever plays it.

Generic kernel functions (the engine's in `episode.py`, the decoder's in `agents/decode.py`) import these stubs. The linker
(`link.py`) replaces each stub by the function of the same name in the problem's modules, so the stubs themselves never run.

Arguments: `inst` is the pool of packed instances and `s` the state, both NamedTuples of arrays that the problem lays out; `b`
is the copy; `s.row[b]` is the row of its instance in the pool; `k` is a choice.

Rules that keep all targets equal to the last bit: arithmetic on integers and float64 only (float32 is storage), no
transcendental functions, no allocation, no exceptions. No index is negative: on the CPU it would not count from the end
(with NUMBA_BOUNDSCHECK=1 in the environment it raises IndexError, as one beyond the end does).
"""

from __future__ import annotations

from typing import Any, TypeAlias

from dispatchgym.envs.core.contract import Array, Observation

Instances: TypeAlias = Any  # the problem's NamedTuple of packed instances
State: TypeAlias = Any  # the problem's NamedTuple of state arrays


class NotLinked(TypeError):
    """A stub of the contract was called as it stands."""


def reset(inst: Instances, s: State, b: int) -> None:
    """Write the first state of instance s.row[b]."""
    raise NotLinked("reset")


def finished(inst: Instances, s: State, b: int) -> bool:
    """Whether no decision is left."""
    raise NotLinked("finished")


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    """List the legal choices in `choices` (K,), ascending, and return how many there are.

    It is called once before the functions below, so it may leave intermediate results in `s` for them.
    """
    raise NotLinked("legal")


def step(inst: Instances, s: State, b: int, action: int) -> float:
    """Play the legal choice `action`; returns the reward."""
    raise NotLinked("step")


def objective(inst: Instances, s: State, b: int) -> int:
    """The value that the referee would compute, once the episode is finished."""
    raise NotLinked("objective")


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Fill `out` (Fc,) with the features of legal choice k."""
    raise NotLinked("candidate")


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Fill `out` (Fx,) with the features of the whole state."""
    raise NotLinked("context")


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The task node that choice k names."""
    raise NotLinked("task_of")


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The resource node that choice k names."""
    raise NotLinked("resource_of")


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick at which legal choice k would take effect."""
    raise NotLinked("start_if_chosen")


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    """The position of choice k in a flattened reference schedule (a demonstration)."""
    raise NotLinked("schedule_index")


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Fill the node and edge arrays of Observation `o` for copy b. They are blank before: features 0, edges -1."""
    raise NotLinked("graph")


STUBS = (
    reset,
    finished,
    legal,
    step,
    objective,
    candidate,
    context,
    task_of,
    resource_of,
    start_if_chosen,
    schedule_index,
    graph,
)
