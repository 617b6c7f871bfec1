"""Dispatching rules: which of several ready jobs goes first.

A rule gives every operation a score. The operation with the smallest score is dispatched; ties go to the lower job index. The
score has a static part; dynamic rules add multiples of the tick at which the job became ready for the operation and of its
earliest start. Haupt, OR Spektrum 11 (1989), surveys the definitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.jobshop.priorities import SCORES, FloatArray


class Rule(NamedTuple):
    score: Callable[[JobShop], FloatArray]  # (J, K) static part of the score
    arrival: float = 0.0  # weight of the tick at which the job became ready for the operation
    start: float = 0.0  # weight of the tick at which the operation could start
    meaning: str = ""


def nothing(instance: JobShop) -> FloatArray:
    return np.zeros(instance.machine.shape)


RULES: dict[str, Rule] = {
    "spt": Rule(SCORES["spt"], meaning="shortest processing time"),
    "lpt": Rule(SCORES["lpt"], meaning="longest processing time"),
    "fifo": Rule(nothing, arrival=1.0, meaning="first in the machine's queue, first out"),
    "lifo": Rule(nothing, arrival=-1.0, meaning="last in the machine's queue, first out"),
    "mwkr": Rule(SCORES["mwkr"], meaning="most work remaining"),
    "lwkr": Rule(SCORES["lwkr"], meaning="least work remaining"),
    "mopnr": Rule(SCORES["mopnr"], meaning="most operations remaining"),
    "lopnr": Rule(SCORES["lopnr"], meaning="least operations remaining"),
    "fdd-mwkr": Rule(SCORES["fdd-mwkr"], meaning="smallest flow due date per work remaining"),
    "est": Rule(nothing, start=1.0, meaning="earliest start time"),
    "random": Rule(nothing, meaning="any of the choices with equal chance"),
}
