"""Dispatching rules: which of several ready jobs goes first.

A rule gives every operation a score. The operation with the smallest score is dispatched; ties go to the lower job index. The
score has a static part; dynamic rules add multiples of the tick at which the job became ready for the operation and of its
earliest start. Haupt, OR Spektrum 11 (1989), surveys the definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.jobshop.instance import JobShop

FloatArray = npt.NDArray[np.float64]


class Rule(NamedTuple):
    score: Callable[[JobShop], FloatArray]  # (J, K) static part of the score
    arrival: float = 0.0  # weight of the tick at which the job became ready for the operation
    start: float = 0.0  # weight of the tick at which the operation could start
    meaning: str = ""


def nothing(instance: JobShop) -> FloatArray:
    return np.zeros(instance.machine.shape)


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


RULES: dict[str, Rule] = {
    "spt": Rule(duration, meaning="shortest processing time"),
    "lpt": Rule(lambda i: -duration(i), meaning="longest processing time"),
    "fifo": Rule(nothing, arrival=1.0, meaning="first in the machine's queue, first out"),
    "lifo": Rule(nothing, arrival=-1.0, meaning="last in the machine's queue, first out"),
    "mwkr": Rule(lambda i: -work_left(i), meaning="most work remaining"),
    "lwkr": Rule(work_left, meaning="least work remaining"),
    "mopnr": Rule(lambda i: -operations_left(i), meaning="most operations remaining"),
    "lopnr": Rule(operations_left, meaning="least operations remaining"),
    "fdd-mwkr": Rule(flow_due_date_per_work_left, meaning="smallest flow due date per work remaining"),
    "est": Rule(nothing, start=1.0, meaning="earliest start time"),
    "random": Rule(nothing, meaning="any of the choices with equal chance"),
}
