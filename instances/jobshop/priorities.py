"""Priorities of operations: the static parts of dispatching rules. The operation with the smallest score goes first.

Haupt, OR Spektrum 11 (1989), surveys the definitions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.jobshop.instance import JobShop

FloatArray = npt.NDArray[np.float64]


def duration(instance: JobShop) -> FloatArray:
    return instance.duration.astype(np.float64)


def work_left(instance: JobShop) -> FloatArray:
    """Work of the job from this operation on, itself included."""
    return np.cumsum(duration(instance)[:, ::-1], axis=1)[:, ::-1]


def operations_left(instance: JobShop) -> FloatArray:
    """Operations of the job from this one on, itself included."""
    left: FloatArray = instance.operations[:, None] - np.arange(instance.machine.shape[1], dtype=np.float64)
    return left


def flow_due_date(instance: JobShop) -> FloatArray:
    """Earliest completion of the operation on machines of infinite capacity: release plus work up to and including it."""
    return np.cumsum(duration(instance), axis=1) + instance.release[:, None]


def flow_due_date_per_work_left(instance: JobShop) -> FloatArray:
    """FDD/MWKR; the guard matters only where all work left has duration 0."""
    return flow_due_date(instance) / np.maximum(work_left(instance), 1e-3)


# Score (J, K) of every operation, by rule.
SCORES: dict[str, Callable[[JobShop], FloatArray]] = {
    "spt": duration,
    "lpt": lambda instance: -duration(instance),
    "mwkr": lambda instance: -work_left(instance),
    "lwkr": work_left,
    "mopnr": lambda instance: -operations_left(instance),
    "lopnr": operations_left,
    "fdd-mwkr": flow_due_date_per_work_left,
}
