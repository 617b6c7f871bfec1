"""Shapes of workflows, and static graphs that have them: fork and join, pipelines, scatter and gather, trees that reduce.

Recorded scientific workflows (WfCommons: Coleman et al., FGCS 128, 2022) are made of such blocks, and the tasks of one stage
do the same work: they take nearly the same time, and send nearly the same data. Between machines times are consistent (a
machine is faster for every task) or inconsistent, after Braun et al., Journal of Parallel and Distributed Computing 61 (2001).
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc.instance import StaticDag

MAX_V = 2000
SPREAD_OF_STAGES = 0.9  # standard deviation of the logarithm of a stage's mean time, and of its data
SPREAD_WITHIN = (0.02, 0.5)  # of the logarithm of a task's time within its stage
FAST = (3.0, 10.0)  # how many times faster the fast machines are


class Shape(NamedTuple):
    """N tasks, numbered so that predecessors come first; tasks of one stage are alike."""

    stage: npt.NDArray[np.int64]  # (N,)
    pairs: npt.NDArray[np.int64]  # (E, 2) predecessor and successor


class _Builder:
    """Tasks in the order in which they are added."""

    def __init__(self) -> None:
        self.stage: list[int] = []
        self.pairs: list[tuple[int, int]] = []

    def add(self, stage: int, after: list[int]) -> int:
        self.stage.append(stage)
        self.pairs += [(parent, len(self.stage) - 1) for parent in after]
        return len(self.stage) - 1

    def shape(self) -> Shape:
        return Shape(np.array(self.stage, np.int64), np.array(self.pairs, np.int64).reshape(-1, 2))


def fork_join(rng: np.random.Generator, v: int) -> Shape:
    """A task, several ones after it, a task that waits for them all, and so on."""
    build = _Builder()
    last, stage = build.add(0, []), 0
    while len(build.stage) < v:
        left = v - len(build.stage)
        width = min(int(rng.integers(2, max(3, int(2 * sqrt(v))))), left - 1)
        middle = [build.add(stage + 1, [last]) for _ in range(width)]
        last, stage = build.add(stage + 2, middle or [last]), stage + 2
    return build.shape()


def pipelines(rng: np.random.Generator, v: int) -> Shape:
    """Equal chains side by side behind one task; the one that joins them begins a chain of what is left."""
    build = _Builder()
    first = build.add(0, [])
    width = int(rng.integers(1, max(2, min(12, v // 3))))
    depth = int(rng.integers(1, max(2, (v - 2) // width + 1)))
    ends = [first] * width
    for stage in range(1, depth + 1):
        ends = [build.add(stage, [end]) for end in ends if len(build.stage) < v]
    stage = depth
    while len(build.stage) < v:
        stage += 1
        ends = [build.add(stage, list(dict.fromkeys(ends)))]
    return build.shape()


def scatter_gather(rng: np.random.Generator, v: int) -> Shape:
    """Stages of different widths; a task waits for its share of the stage before it, or for the whole of it."""
    build = _Builder()
    width = int(rng.integers(1, max(2, int(1.5 * sqrt(v)))))
    above, stage = [build.add(0, []) for _ in range(min(width, v))], 0
    while len(build.stage) < v:
        stage += 1
        widest = max(2, int(2 * sqrt(v)))
        count = min(len(above) if rng.random() < 0.4 else int(rng.integers(1, widest)), v - len(build.stage))
        whole = rng.random() < 0.3 and count * len(above) <= 4 * v
        above = [build.add(stage, above if whole else _share(above, i, count)) for i in range(count)]
    return build.shape()


def _share(above: list[int], i: int, count: int) -> list[int]:
    """What the i-th of `count` tasks waits for, when they share the tasks `above` evenly."""
    begin = i * len(above) // count
    return above[begin : max((i + 1) * len(above) // count, begin + 1)]


def in_tree(rng: np.random.Generator, v: int) -> Shape:
    """A tree of two to four branches at every task, from its leaves to its root."""
    branches = int(rng.integers(2, 5))
    parent = (np.arange(1, v) - 1) // branches
    depth = np.zeros(v, np.int64)
    for task in range(1, v):
        depth[task] = depth[parent[task - 1]] + 1
    pairs = np.column_stack((v - 1 - np.arange(1, v), v - 1 - parent)).reshape(-1, 2)
    return Shape((depth.max() - depth)[::-1].copy(), pairs[::-1].copy())


SHAPES: dict[str, Callable[[np.random.Generator, int], Shape]] = {
    "fork-join": fork_join,
    "pipelines": pipelines,
    "scatter-gather": scatter_gather,
    "in-tree": in_tree,
}


def shaped(
    shape: str,
    rng: np.random.Generator,
    v: int,
    *,
    ccr: float = 0.5,
    beta: float = 0.5,
    consistent: float = 1.0,
    fast: int = 0,
    pes: int = 4,
    mean_cost: float = 100.0,
    name: str = "workflow",
) -> StaticDag:
    """A graph of `v` tasks that has the shape called `shape`, one of SHAPES.

    A machine's speed and a task's liking for a machine are both U(1 - beta/2, 1 + beta/2); a time has the first to the power
    `consistent`, the second to the power 1 - `consistent`. The first `fast` machines are 3 to 10 times faster than that.
    Data are `ccr` times the mean time in the mean, at bandwidth 1. Raises InputError for arguments that make no graph.
    """
    _check(v, ccr, beta, consistent, fast, pes, mean_cost)
    found = SHAPES[shape](rng, v)
    cost = _weights(rng, found.stage)
    speed = rng.uniform(1 - beta / 2, 1 + beta / 2, (1, pes)) ** consistent
    liking = rng.uniform(1 - beta / 2, 1 + beta / 2, (v, pes)) ** (1 - consistent)
    ratio = np.where(np.arange(pes) < fast, 1 / rng.uniform(*FAST), 1.0)
    duration = np.maximum(np.rint(mean_cost * cost[:, None] * speed * liking * ratio), 1).astype(np.int32)
    volume = np.rint(ccr * mean_cost * _weights(rng, found.stage)[found.pairs[:, 0]]).astype(np.int64)
    return StaticDag(duration, np.column_stack((found.pairs, volume)), name=name)


def _weights(rng: np.random.Generator, stage: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(N,) weights with mean 1, nearly equal within a stage, at most 50."""
    of_stage = rng.normal(0.0, SPREAD_OF_STAGES, int(stage.max()) + 1)
    weight = np.exp(of_stage[stage] + rng.normal(0.0, rng.uniform(*SPREAD_WITHIN), len(stage)))
    return np.asarray(np.minimum(weight / weight.mean(), 50.0))


def _check(v: int, ccr: float, beta: float, consistent: float, fast: int, pes: int, mean_cost: float) -> None:
    if not 1 <= v <= MAX_V:
        raise InputError(f"{v} tasks is not between 1 and {MAX_V}")
    for what, value, most in (("ccr", ccr, 1000), ("beta", beta, 1.9), ("consistency", consistent, 1)):
        if not 0 <= value <= most:
            raise InputError(f"{what} {value:g} is not between 0 and {most}")
    if not 1 <= pes <= 1000 or not 0 <= fast <= pes:
        raise InputError(f"{pes} PEs, {fast} of them fast: there must be 1 to 1000, and no more fast ones than that")
    if not 1 <= mean_cost <= 10_000:
        raise InputError(f"mean cost {mean_cost:g} is not between 1 and 10000")
