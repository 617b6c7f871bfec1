"""What policies for chips are trained on: streams of one preset or of random chips, and random static graphs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from dispatchgym.agents.training import parse_pair
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc import chips as soc_chips
from dispatchgym.instances.soc.generate import topcuoglu
from dispatchgym.instances.soc.instance import StaticDag, Stream, Workload, lower_bound, on_platform, stream
from dispatchgym.instances.soc.shapes import SHAPES, shaped

DECISIONS = (60, 300)  # tasks of an episode on a random chip, about: short episodes tell sooner which decisions were good
VALIDATED_DECISIONS = 100  # of the fixed set
LOADS = (0.1, 3.5)  # of training's random chips: from jobs that meet no other to more than twice what a chip can carry
MOST_MORE_JOBS = 4  # that may be on a training chip above its own cap
SHARE_OF_PRESETS = 0.25  # of the streams of a batch of random chips
TRAINED_PRESETS = ("gym-ds3-1", "gym-ds3-5", "gym-ds3-10")  # the chips of 8 and 16 PEs are kept for tests


def chain_of(load: Workload) -> float:
    """Mean of the applications' longest chains of fastest executions."""
    return float(np.mean([lower_bound(on_platform(a, load.platform)) for a in load.applications]))


def varied(rng: np.random.Generator, base: Workload) -> Workload:
    """A short episode of the workload with another gap, cap and noise."""
    return dataclasses.replace(
        base,
        scale=base.scale * float(rng.choice((1.0, 1.0, 2.0, 4.0))),
        cap=base.cap + int(rng.choice((0, 0, 1, 2))),
        noise=float(rng.choice((0.0, 0.0, 0.3))),
        horizon=min(base.horizon, int(12 * chain_of(base) + 6 * base.scale)),
        warmup=0,
    )


def _seed(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(2**31, size=4).tolist())


def _between(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    """A number whose logarithm is uniform."""
    return math.exp(rng.uniform(math.log(ends[0]), math.log(ends[1])))


def draw_streams(rng: np.random.Generator, count: int, base: Workload) -> list[Stream]:
    """Streams of one variation of the workload."""
    load = varied(rng, base)
    return [stream(load, _seed(rng)) for _ in range(count)]


def short(load: Workload, decisions: float = VALIDATED_DECISIONS) -> Workload:
    """A random chip's workload until about so many tasks have come."""
    tasks = float(np.dot(load.probabilities, [len(a.tasks) for a in load.applications]))
    jobs = min(max(decisions / tasks, 3.0), 40.0)
    horizon = int(chain_of(load) + jobs * load.horizon / soc_chips.JOBS)
    return dataclasses.replace(load, horizon=max(horizon, 2), warmup=0)


def draw_chips(rng: np.random.Generator, count: int) -> list[Stream]:
    """Streams of as many random chips, or of a variation of one of TRAINED_PRESETS."""
    found = []
    for _ in range(count):
        if rng.random() < SHARE_OF_PRESETS:
            load = varied(rng, soc_catalogue.workload(str(rng.choice(TRAINED_PRESETS))))
        else:
            chip = soc_chips.chip(rng, load=_between(rng, LOADS))
            chip = dataclasses.replace(chip, cap=chip.cap + int(rng.integers(MOST_MORE_JOBS + 1)))
            load = short(chip, _between(rng, DECISIONS))
        found.append(stream(load, _seed(rng)))
    return found


def fixed_chips() -> list[Stream]:
    """The set `chips`, one short stream of each: what weights are chosen by."""
    return [stream(short(soc_catalogue.workload(name)), i) for i, name in enumerate(soc_chips.SETS["chips"])]


def draw_graphs(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[StaticDag]:
    """Graphs of one size TASKSxPES with all other parameters drawn; `hard`: share with costly data.

    One half are Topcuoglu's random graphs, the other half workflows.
    """
    tasks, pes = parse_pair(sizes[int(rng.integers(len(sizes)))])
    draw = (_topcuoglu, _workflow)
    return [draw[int(rng.integers(2))](rng, tasks, pes, rng.random() < hard) for _ in range(count)]


def _topcuoglu(rng: np.random.Generator, tasks: int, pes: int, costly: bool) -> StaticDag:
    ccr = float(rng.choice((5.0, 10.0) if costly else (0.1, 0.5, 1.0, 2.0)))
    alpha, beta = float(rng.choice((0.5, 1.0, 2.0))), float(rng.choice((0.1, 0.25, 0.5, 0.75, 1.0)))
    return topcuoglu(rng, tasks, ccr=ccr, alpha=alpha, out_degree=int(rng.integers(1, 6)), beta=beta, pes=pes)


def _workflow(rng: np.random.Generator, tasks: int, pes: int, costly: bool) -> StaticDag:
    return shaped(
        str(rng.choice(tuple(SHAPES))),
        rng,
        tasks,
        ccr=float(rng.choice((2.0, 5.0) if costly else (0.0, 0.02, 0.1, 0.5, 1.0))),
        beta=float(rng.choice((0.0, 0.3, 0.7, 1.2, 1.8))),
        consistent=float(rng.choice((0.0, 0.5, 1.0, 1.0))),
        fast=int(rng.integers(1, max(2, pes // 3))) if rng.random() < 0.3 else 0,
        pes=pes,
    )


def fixed_graphs() -> list[StaticDag]:
    """Workflows and Topcuoglu's graphs of several sizes, always the same: what weights are chosen by."""
    rng = np.random.default_rng(2**31 + 1)
    return [draw_graphs(rng, 1, (("20x8", "40x8", "60x8", "40x4", "30x3", "80x4")[i % 6],), 0.25)[0] for i in range(48)]
