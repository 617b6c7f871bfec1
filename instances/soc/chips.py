"""Random chips and the streams of jobs on them: what a policy for streams is trained on, and a fixed set that it never saw.

A chip is drawn with everything that distinguishes chips: how many clusters and PEs, how unlike their times are, which
accelerators run which tasks, how long data take; a mix of applications, bundled ones (with times of this chip) among
them; and how jobs arrive. `chips/n7` is always the same chip. Training draws its chips from other random
numbers, so those that have names are never trained on.
"""

from __future__ import annotations

import dataclasses
import math
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import bundled
from dispatchgym.instances.soc.generate import random_application
from dispatchgym.instances.soc.instance import (
    WHEN_FULL,
    Application,
    Cluster,
    Platform,
    Workload,
    lower_bound,
    on_platform,
)
from dispatchgym.instances.soc.shapes import SHAPES

SETS = {  # of names: one to choose weights by, one to report on
    "chips": tuple(f"chips/n{i}" for i in range(24)),
    "chips-test": tuple(f"chips/n{i}" for i in range(24, 48)),
}
LOADS = (0.3, 1.8)  # of the arrivals, 1 = all that the chip can carry
MAX_LOAD = 10.0
KINDS = 20  # of tasks of the random applications
MOST_PES = 24  # of three clusters of cores and three of accelerators, four each
JOBS = 60  # that arrive on a named chip before its horizon, about

Floats = npt.NDArray[np.float64]


def named(n: int, *, load: float | None = None, name: str = "chips") -> Workload:
    """The n-th chip that has a name; `load` replaces its own. Raises InputError for a load that is out of range."""
    if load is not None and not 0 < load <= MAX_LOAD:
        raise InputError(f"load {load:g} is not above 0 and at most {MAX_LOAD:g}")
    return chip(np.random.default_rng((zlib.crc32(b"chips"), n)), load=load, jobs=JOBS, name=name)


def chip(rng: np.random.Generator, *, load: float | None = None, jobs: int = JOBS, name: str = "chips") -> Workload:
    """A random workload on a random chip. `jobs` decides its horizon: so many arrive at the load that the chip can carry."""
    applications = _mix(rng)
    platform = _platform(rng, sorted({task for x in applications for task in x.tasks}), applications)
    chances = rng.dirichlet(np.full(len(applications), 2.0))
    busy = gap_at_full_load(platform, applications, chances)
    drawn = float(rng.uniform(*LOADS))
    scale = max(busy / (load or drawn), 1.0)
    cap = round(math.exp(rng.uniform(math.log(2), math.log(12))))
    # Jobs that wait outside pile up for ever where more arrive than the chip can carry.
    chances_of = (0.5, 0.4, 0.1) if (load or drawn) < 0.9 else (0.5, 0.5, 0.0)
    admission = rng.choice(WHEN_FULL, p=chances_of)
    prefill = bool(rng.random() < 0.6)
    chain = float(np.mean([lower_bound(on_platform(a, platform)) for a in applications]))
    horizon = int(min(2 * chain + jobs * max(scale, busy), 500_000))
    return Workload(
        platform,
        applications,
        scale=scale,
        cap=cap,
        when_full=str(admission),  # type: ignore[arg-type]
        probabilities=tuple(chances.tolist()),
        prefill=prefill,
        horizon=horizon,
        noise=float(rng.uniform(0.05, 0.5)) if rng.random() < 0.35 else 0.0,
        name=name,
    )


def gap_at_full_load(platform: Platform, applications: Sequence[Application], chances: Floats) -> float:
    """Microseconds between arrivals that keep the busiest cluster busy when work is shared out as evenly as it can be.

    Found by prices: tasks go where they are cheapest, and clusters that get too much become dearer; the mean of all rounds is
    near the best way to share (Freund & Schapire, Games and Economic Behavior 29, 1999).
    """
    count: dict[str, float] = {}
    for application, chance in zip(applications, chances.tolist(), strict=True):
        for task in application.tasks:
            count[task] = count.get(task, 0.0) + chance
    table = [[cluster.duration.get(task, math.inf) / cluster.pes for cluster in platform.clusters] for task in count]
    cost = np.array(list(count.values()))[:, None] * np.maximum(np.array(table), 1e-3)
    price, total, rounds = np.ones(cost.shape[1]), np.zeros(cost.shape[1]), 120
    rows = np.arange(len(cost))
    for _ in range(rounds):
        where = np.argmin(cost * price, axis=1)
        load = np.bincount(where, cost[rows, where], minlength=len(price))
        total += load
        price *= np.exp(0.2 * (load / load.max() - 1.0))
        price = np.maximum(price / price.max(), 1e-6)
    return float(total.max() / rounds)


def _mix(rng: np.random.Generator) -> tuple[Application, ...]:
    """One to six applications of one kind of chip: bundled ones, or random ones that share KINDS kinds of tasks."""
    style = rng.random()
    count = int(rng.integers(1, 7))
    if style < 0.2:
        return tuple(_bundled(str(x)) for x in rng.choice(bundled.OWN, count, replace=False))
    if style < 0.3:
        return tuple(_bundled(str(x)) for x in rng.choice(bundled.TOP, count, replace=False))
    largest = int(rng.choice((10, 20, 35)))
    found = []
    for i in range(count):
        tasks = int(rng.integers(3, largest + 1))
        if rng.random() < 0.5:
            found.append(random_application(rng, tasks, KINDS, name=f"random{i}"))
        else:
            found.append(_shaped(rng, str(rng.choice(tuple(SHAPES))), tasks, f"random{i}"))
    return tuple(found)


@lru_cache(maxsize=32)
def _bundled(name: str) -> Application:
    """A bundled application in which the tasks of parallel chains (`tx_ifft_1`, `tx_ifft_2`) are of one kind."""
    found = bundled.application(name)
    if name in bundled.TOP:
        return found
    return dataclasses.replace(found, tasks=tuple(re.sub(r"_[0-9]+$", "", task) for task in found.tasks))


def _shaped(rng: np.random.Generator, shape: str, tasks: int, name: str) -> Application:
    """A workflow of that shape behind one head; tasks of a stage are of one kind and send the same data."""
    found = SHAPES[shape](rng, tasks)
    heads = np.setdiff1d(np.arange(tasks), found.pairs[:, 1])
    pairs = np.concatenate((np.column_stack((np.zeros_like(heads), heads + 1)), found.pairs + 1))
    stages = int(found.stage.max()) + 1
    kind = rng.integers(0, KINDS, stages + 1)
    sends = rng.integers(0, 41, stages + 1)
    stage = np.concatenate(([stages], found.stage))
    edges = np.column_stack((pairs, sends[stage[pairs[:, 0]]])).astype(np.int32)
    return Application(tuple(f"k{k}" for k in kind[stage]), edges, name)


def _platform(rng: np.random.Generator, names: Sequence[str], applications: Sequence[Application]) -> Platform:
    """Cores that run everything, and accelerators that run a part; or PEs whose times have nothing to do with each other."""
    shortest = math.exp(rng.uniform(math.log(3), math.log(20)))
    longest = shortest * math.exp(rng.uniform(math.log(3), math.log(80)))
    times = np.exp(rng.uniform(math.log(shortest), math.log(longest), len(names)))
    if rng.random() < 0.3:
        spread = rng.uniform(0.3, 0.7)
        count = int(rng.integers(2, 9))
        tables = [times * rng.uniform(1 - spread, 1 + spread, len(names)) for _ in range(count)]
        sizes = [1] * count
    else:
        tables, sizes = _cores(rng, times)
        accelerators = int(rng.integers(0, 4))
        for _ in range(accelerators):
            tables.append(_accelerator(rng, times))
            sizes.append(int(rng.integers(1, 5)))
    clusters = tuple(
        Cluster(f"cluster{i}", size, {n: max(1, round(float(t))) for n, t in zip(names, table, strict=True) if t < math.inf})
        for i, (size, table) in enumerate(zip(sizes, tables, strict=True))
    )
    volumes = np.concatenate([x.edges[:, 2] for x in applications])
    share = math.exp(rng.uniform(math.log(0.01), math.log(1.5)))  # of a transfer in a mean time on the first cluster
    bandwidth = max(float(volumes.sum()) / max(len(volumes), 1), 1.0) / (share * float(tables[0].mean()))
    between = bandwidth * rng.uniform(0.5, 2.0, (len(sizes), len(sizes)))
    return Platform(clusters, (between + between.T) / 2, name="random")


def _cores(rng: np.random.Generator, times: Floats) -> tuple[list[Floats], list[int]]:
    """One to three clusters, each slower than the one before it by its own factor and a little by the task."""
    tables, sizes, slower = [], [], 1.0
    for _ in range(int(rng.integers(1, 4))):
        tables.append(times * slower * rng.uniform(0.85, 1.15, len(times)))
        sizes.append(int(rng.integers(1, 5)))
        slower *= rng.uniform(1.2, 3.0)
    sizes[0] += int(sum(sizes) == 1)  # with one PE there is little to choose
    return tables, sizes


def _accelerator(rng: np.random.Generator, times: Floats) -> Floats:
    """Times of an accelerator: 2 to 200 times faster, for a twentieth to two fifths of the kinds of tasks, the rest infinite."""
    runs = rng.random(len(times)) < rng.uniform(0.05, 0.4)
    runs[int(rng.integers(len(times)))] = True
    faster = math.exp(rng.uniform(math.log(2), math.log(200)))
    return np.where(runs, times / faster * rng.uniform(0.7, 1.3, len(times)), math.inf)
