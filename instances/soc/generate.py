"""Random task graphs: the classes of Topcuoglu, Hariri & Wu (IEEE TPDS 13, 2002), tiled factorisations, and streams.

Costs of the classes, after section 6.1 of that paper: a task's mean cost w is U(0, 2 mean_cost), its time on a PE
U(w (1 - beta/2), w (1 + beta/2)), an edge's volume U(0, 2 ccr mean_cost) at bandwidth 1; all rounded, times at least 1.
The same generator state gives the same graph at every ccr, and the same proportions of times at every mean cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc.instance import Application, Cluster, Platform, StaticDag, WhenFull, Workload

IntArray = npt.NDArray[np.int64]
Factorisation = Literal["cholesky", "lu", "qr"]
FACTORISATIONS: tuple[str, ...] = get_args(Factorisation)

MAX_V = 2000
MAX_TILES = 40
MAX_POINTS = 1024
MAX_MATRIX = 150

# Times of a tile kernel on a CPU and on a GPU. Cholesky's are those of READYS (Grinsztajn et al., IEEE Cluster 2021); those of LU
# and QR are our choice: CPU times grow with the kernels' operation counts against GEMM's, panel kernels gain little on a GPU.
KERNELS: dict[str, dict[str, tuple[int, int]]] = {
    "cholesky": {"POTRF": (18, 11), "SYRK": (57, 2), "TRSM": (52, 8), "GEMM": (95, 3)},
    "lu": {"GETRF": (36, 20), "TRSM": (52, 8), "GEMM": (95, 3)},
    "qr": {"GEQRT": (72, 30), "UNMQR": (104, 10), "TSQRT": (105, 34), "TSMQR": (198, 9)},
}


def topcuoglu(
    rng: np.random.Generator,
    v: int,
    *,
    ccr: float = 1.0,
    alpha: float = 1.0,
    out_degree: int = 3,
    beta: float = 0.5,
    pes: int = 8,
    mean_cost: float = 50.0,
    name: str = "topcuoglu",
) -> StaticDag:
    """A random graph of `v` tasks with one entry task, numbered level by level.

    The height is uniform with mean sqrt(v)/alpha (at least 2); the tasks are spread over the levels at random, so that a
    level holds alpha sqrt(v) tasks in the mean. Every task below the entry has a predecessor one level up (these spread evenly);
    then each task gets successors at random from all later levels until it has `out_degree` of them (`out_degree` = v: all
    that there are). Raises InputError for arguments that make no graph.
    """
    _check_costs(ccr, beta, pes, mean_cost)
    if not 1 <= v <= MAX_V or out_degree < 1:
        raise InputError(f"{v} tasks with {out_degree} successors: there must be 1 to {MAX_V} tasks with at least 1")
    if not 0.01 <= alpha <= 100:
        raise InputError(f"shape alpha {alpha:g} is not between 0.01 and 100")
    pairs = _layered(rng, _widths(rng, v, sqrt(v) / alpha), out_degree)
    duration = _durations(rng, v, beta, pes, mean_cost)
    volume = _volumes(rng, len(pairs), ccr, mean_cost)
    return StaticDag(duration, np.column_stack((pairs, volume)), name=name)


def _check_costs(ccr: float, beta: float, pes: int, mean_cost: float) -> None:
    if not 0 <= ccr <= 1000:
        raise InputError(f"ccr {ccr:g} is not between 0 and 1000")
    if not 0 <= beta <= 2:
        raise InputError(f"beta {beta:g} is not between 0 and 2")
    if not 1 <= pes <= 1000:
        raise InputError(f"{pes} PEs is not between 1 and 1000")
    if not 1 <= mean_cost <= 10_000:
        raise InputError(f"mean cost {mean_cost:g} is not between 1 and 10000")


def _widths(rng: np.random.Generator, v: int, mean_height: float, *, tail: bool = False) -> IntArray:
    """(H,) tasks of each level: one in the first (and in the last with `tail`), at least one in the others."""
    height = int(rng.uniform(2.0, max(2 * mean_height - 2.0, 2.0)) + rng.random())  # rounded so that the mean stays
    height = min(max(height, 3 if tail else 2), v)
    weight = rng.random(height) + 1e-9
    widths = np.ones(height, np.int64)
    inner = slice(1, height - 1 if tail else height)
    if v > height:
        widths[inner] += rng.multinomial(v - height, weight[inner] / weight[inner].sum())
    return widths


def _layered(rng: np.random.Generator, widths: IntArray, out_degree: int) -> IntArray:
    """(E, 2) sorted pairs of predecessor and successor; see `topcuoglu`."""
    v = int(widths.sum())
    level = np.repeat(np.arange(len(widths)), widths)
    first = np.cumsum(widths) - widths
    shuffled = np.lexsort((rng.random(v), level))
    child = np.arange(1, v)
    above = level[child] - 1
    parent = shuffled[first[above] + (child - first[level[child]]) % widths[above]]
    score = rng.random((v, v))
    score[level[None, :] <= level[:, None]] = 2.0
    score[parent, child] = 2.0
    forced = np.bincount(parent, minlength=v)
    later = v - (first + widths)[level]
    wanted = np.clip(np.minimum(out_degree, later) - forced, 0, None)
    chosen = np.argsort(score, axis=1)[np.arange(v)[None, :] < wanted[:, None]]
    before = np.concatenate((parent, np.repeat(np.arange(v), wanted)))
    after = np.concatenate((child, chosen))
    order = np.lexsort((after, before))
    return np.column_stack((before[order], after[order]))


def _durations(rng: np.random.Generator, rows: int, beta: float, pes: int, mean_cost: float) -> npt.NDArray[np.int32]:
    mean = rng.uniform(0.0, 2 * mean_cost, (rows, 1))
    return np.maximum(np.rint(mean * (1 + beta * (rng.random((rows, pes)) - 0.5))), 1).astype(np.int32)


def _volumes(rng: np.random.Generator, edges: int, ccr: float, mean_cost: float) -> IntArray:
    return np.rint(rng.random(edges) * (2 * ccr * mean_cost)).astype(np.int64)


def gauss(
    rng: np.random.Generator,
    n: int,
    *,
    ccr: float = 1.0,
    beta: float = 0.5,
    pes: int = 4,
    mean_cost: float = 50.0,
    name: str = "gauss",
) -> StaticDag:
    """Gaussian elimination of an n by n matrix: (n^2 + n - 2) / 2 tasks, pivot column k before the columns j > k it updates."""
    _check_costs(ccr, beta, pes, mean_cost)
    if not 2 <= n <= MAX_MATRIX:
        raise InputError(f"matrix size {n} is not between 2 and {MAX_MATRIX}")
    number = {task: i for i, task in enumerate((k, j) for k in range(1, n) for j in range(k, n + 1))}
    pairs = []
    for k, j in number:
        if j > k:
            pairs.append((number[k, k], number[k, j]))
            if k + 1 < n:
                pairs.append((number[k, j], number[k + 1, j]))
    duration = _durations(rng, len(number), beta, pes, mean_cost)
    volume = _volumes(rng, len(pairs), ccr, mean_cost)
    names = tuple(f"pivot{k}" if j == k else f"update{k},{j}" for k, j in number)
    return StaticDag(duration, np.column_stack((np.array(pairs), volume)), tasks=names, name=name)


def fft(
    rng: np.random.Generator,
    n: int,
    *,
    ccr: float = 1.0,
    beta: float = 0.5,
    pes: int = 4,
    mean_cost: float = 50.0,
    name: str = "fft",
) -> StaticDag:
    """The fast Fourier transform of n = 2^k points: 2n - 1 recursive calls and n log2(n) butterflies.

    Tasks of one level have equal times, and edges between two levels equal volumes, so every path is critical.
    """
    _check_costs(ccr, beta, pes, mean_cost)
    if not 2 <= n <= MAX_POINTS or n & (n - 1):
        raise InputError(f"{n} points is not a power of two between 2 and {MAX_POINTS}")
    depth = n.bit_length() - 1
    widths = [2**i for i in range(depth + 1)] + [n] * depth
    first = np.cumsum([0, *widths])
    pairs, gap = [], []
    for i in range(2 * depth):
        for q in range(widths[i + 1]):
            above = (q // 2,) if i < depth else (q, q ^ (1 << (i - depth)))
            pairs += [(first[i] + a, first[i + 1] + q) for a in above]
            gap += [i] * len(above)
    level = np.repeat(np.arange(2 * depth + 1), widths)
    duration = _durations(rng, 2 * depth + 1, beta, pes, mean_cost)[level]
    volume = _volumes(rng, 2 * depth, ccr, mean_cost)[gap]
    names = tuple(f"{'call' if i <= depth else 'butterfly'}{i},{q}" for i, width in enumerate(widths) for q in range(width))
    return StaticDag(duration, np.column_stack((np.array(pairs), volume)), tasks=names, name=name)


Call = tuple[str, tuple[int, ...], tuple[object, ...], tuple[object, ...]]  # kernel, indices, what it reads, what it writes


def tiled(kind: Factorisation, n: int, *, cpus: int = 2, gpus: int = 2, transfer: int = 0, name: str = "") -> StaticDag:
    """The factorisation of a matrix of n by n tiles on CPUs and GPUs; nothing is random.

    A tile takes `transfer` from one memory to another one: the CPUs share one, each GPU has its own.
    """
    if kind not in FACTORISATIONS:
        raise InputError(f"factorisation {kind!r} is not one of {', '.join(FACTORISATIONS)}")
    if not 1 <= n <= MAX_TILES:
        raise InputError(f"{n} tiles is not between 1 and {MAX_TILES}")
    if cpus < 0 or gpus < 0 or not 1 <= cpus + gpus <= 1000 or not 0 <= transfer <= 10_000:
        raise InputError(f"{cpus} CPUs, {gpus} GPUs and a transfer of {transfer} make no platform")
    calls = list({"cholesky": _cholesky, "lu": _lu, "qr": _qr}[kind](n))
    written: dict[object, int] = {}
    pairs: dict[tuple[int, int], None] = {}
    for i, (_, _, reads, writes) in enumerate(calls):
        pairs.update(((written[tile], i), None) for tile in (*reads, *writes) if tile in written)
        written.update((tile, i) for tile in writes)
    times = [KERNELS[kind][kernel] for kernel, *_ in calls]
    duration = np.repeat(np.array(times, np.int32), (cpus, gpus), axis=1)
    memory = np.array([0] * cpus + list(range(1, gpus + 1)))
    bandwidth = np.where(memory[:, None] == memory[None, :], np.inf, 1.0)
    edges = np.array([(a, b, transfer) for a, b in pairs], np.int32).reshape(-1, 3)
    names = tuple(f"{kernel}{','.join(map(str, index))}" for kernel, index, *_ in calls)
    return StaticDag(duration, edges, bandwidth, names, name or f"{kind}-{n}")


def _cholesky(n: int) -> Iterator[Call]:
    for k in range(n):
        yield "POTRF", (k,), (), ((k, k),)
        for i in range(k + 1, n):
            yield "TRSM", (i, k), ((k, k),), ((i, k),)
        for i in range(k + 1, n):
            yield "SYRK", (i, k), ((i, k),), ((i, i),)
            for j in range(k + 1, i):
                yield "GEMM", (i, j, k), ((i, k), (j, k)), ((i, j),)


def _lu(n: int) -> Iterator[Call]:
    """Without pivoting."""
    for k in range(n):
        yield "GETRF", (k,), (), ((k, k),)
        for i in range(k + 1, n):
            yield "TRSM", (k, i), ((k, k),), ((k, i),)
            yield "TRSM", (i, k), ((k, k),), ((i, k),)
        for i in range(k + 1, n):
            for j in range(k + 1, n):
                yield "GEMM", (i, j, k), ((i, k), (k, j)), ((i, j),)


def _qr(n: int) -> Iterator[Call]:
    """Flat tree (Buttari et al., Parallel Computing 35, 2009). ("V", k) are the reflectors below the triangle of tile (k, k)."""
    for k in range(n):
        yield "GEQRT", (k,), (), ((k, k), ("V", k))
        for j in range(k + 1, n):
            yield "UNMQR", (k, j), (("V", k),), ((k, j),)
        for i in range(k + 1, n):
            yield "TSQRT", (i, k), (), ((k, k), (i, k))
            for j in range(k + 1, n):
                yield "TSMQR", (i, j, k), ((i, k),), ((k, j), (i, j))


def random_application(
    rng: np.random.Generator, tasks: int, kinds: int, mean_volume: float = 20.0, name: str = "random"
) -> Application:
    """A layered graph with one head and one tail; each task is of one of `kinds` kinds, called k0, k1, ..."""
    if not 1 <= tasks <= MAX_V or kinds < 1:
        raise InputError(f"{tasks} tasks of {kinds} kinds: there must be 1 to {MAX_V} tasks and a kind")
    out_degree = int(rng.integers(1, 4))
    pairs = _layered(rng, _widths(rng, tasks, sqrt(tasks) * rng.uniform(0.7, 1.6), tail=True), out_degree)
    childless = np.setdiff1d(np.arange(tasks - 1), pairs[:, 0])
    pairs = np.concatenate((pairs, np.column_stack((childless, np.full(len(childless), tasks - 1)))))
    volume = _volumes(rng, len(pairs), 1.0, mean_volume)
    names = tuple(f"k{k}" for k in rng.integers(0, kinds, tasks))
    return Application(names, np.column_stack((pairs, volume)), name)


def random_platform(rng: np.random.Generator, kinds: int, pes: int, name: str = "random") -> Platform:
    """Big cores, slower little ones, and up to three clusters of accelerators that run a part of the `kinds`, but fast.

    Times on a big core are log-uniform in 5 to 100 us; on a little one 1.3 to 3.5 times that; on an accelerator a 2nd to a 15th.
    """
    if kinds < 1 or not 2 <= pes <= 1000:
        raise InputError(f"{kinds} kinds of tasks and {pes} PEs: there must be a kind and 2 to 1000 PEs")
    count = int(rng.integers(2, min(pes, 5) + 1))
    sizes = 1 + rng.multinomial(pes - count, np.full(count, 1 / count))
    big = np.exp(rng.uniform(np.log(5), np.log(100), kinds))
    tables = [big, big * rng.uniform(1.3, 3.5, kinds)]
    tables += [big / rng.uniform(2, 15, kinds) for _ in range(count - 2)]
    clusters = []
    for i, (size, times) in enumerate(zip(sizes.tolist(), tables, strict=True)):
        runs = np.ones(kinds, bool) if i < 2 else rng.random(kinds) < rng.uniform(0.1, 0.5)
        table = {f"k{k}": max(1, round(float(times[k]))) for k in np.flatnonzero(runs)}
        clusters.append(Cluster(("big", "little")[i] if i < 2 else f"accelerator{i - 1}", size, table))
    between = rng.uniform(0.5, 4.0, (count, count))
    return Platform(tuple(clusters), (between + between.T) / 2, name=name)


def random_workload(
    rng: np.random.Generator,
    *,
    applications: tuple[int, int] = (1, 6),
    tasks: tuple[int, int] = (5, 30),
    pes: tuple[int, int] = (3, 16),
    kinds: int = 20,
    load: tuple[float, float] = (0.5, 1.5),
    cap: tuple[int, int] = (3, 8),
    when_full: WhenFull = "redraw",
    prefill: bool = True,
    horizon: int = 5000,
    noise: float = 0.0,
    name: str = "random",
) -> Workload:
    """Random applications on a random platform; ranges are inclusive.

    At load 1 jobs arrive as fast as the PEs could finish them if each task took its mean time over the PEs that can
    run it, and none waited. Raises InputError for ranges that are reversed or make no workload.
    """
    for what, (low, high) in (("applications", applications), ("tasks", tasks), ("pes", pes), ("load", load), ("cap", cap)):
        if not 0 < low <= high:
            raise InputError(f"{what} range ({low}, {high}) is reversed or not positive")
    platform = random_platform(rng, kinds, int(rng.integers(pes[0], pes[1] + 1)))
    count = int(rng.integers(applications[0], applications[1] + 1))
    chosen = tuple(
        random_application(rng, int(rng.integers(tasks[0], tasks[1] + 1)), kinds, name=f"random{i}") for i in range(count)
    )
    chances = rng.dirichlet(np.full(count, 2.0))
    work = [float(_mean_times(x, platform).sum()) for x in chosen]
    scale = float(np.dot(chances, work)) / platform.pes / rng.uniform(*load)
    return Workload(
        platform,
        chosen,
        scale=max(scale, 1.0),
        cap=int(rng.integers(cap[0], cap[1] + 1)),
        when_full=when_full,
        probabilities=tuple(chances.tolist()),
        prefill=prefill,
        horizon=horizon,
        noise=noise,
        name=name,
    )


def _mean_times(application: Application, platform: Platform) -> npt.NDArray[np.float64]:
    """(T,) microseconds, over the PEs that can run each task."""
    duration = application.durations(platform)
    return np.where(duration < 0, 0, duration).sum(axis=1) / (duration >= 0).sum(axis=1)
