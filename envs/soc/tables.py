"""The tables of a workload or a static graph that the kernel reads, computed once: tasks, edges, ranks, bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.soc.layout import App, Pe, Pred, TaskData, Worth
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import StaticDag, Workload, lower_bound

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tables:
    """Z tasks of A applications on P PEs; `layout.Instances` says what the arrays are."""

    cap: int  # jobs in the system
    tasks: Ints  # (A,) of each application
    breadth: int  # no application has more tasks that can be ready at once
    edges: Ints  # (E, 3) predecessor, successor (in the application), volume; sorted by application and successor
    most_edges: int  # of one application
    trips: int  # different ticks at which a task's data can arrive at PEs after it is ready
    bound: int  # on the objective
    duration: Ints  # (Z, P)
    bandwidth: Floats
    rate: float
    worth: Floats
    load: float
    spread: float
    elements: int
    app: Ints
    chain: Floats
    task: Ints
    work: Floats
    rank: Floats
    sends: Floats
    seen: Ints
    oct: Floats
    pred: Ints
    succ: Ints
    pe: Ints
    mhz: Ints
    power: Ints

    @property
    def mean(self) -> Ints:
        return self.duration


@dataclass(frozen=True)
class _Part:
    """One application on the chip."""

    duration: Ints  # (T, P)
    edges: Ints  # (E, 3)
    order: list[int]  # predecessors first


def _part(duration: npt.NDArray[np.int32], edges: npt.NDArray[np.int32]) -> _Part:
    ordered = edges[np.lexsort((edges[:, 0], edges[:, 1]))]
    return _Part(duration.astype(np.int64), ordered.astype(np.int64), topological(len(duration), edges))


@lru_cache(maxsize=256)
def tables_of(source: Workload | StaticDag, hidden_speeds: bool, online: bool) -> Tables:
    """The tables of a workload or graph; `hidden_speeds` and `online` as in `SocProblem`."""
    if isinstance(source, Workload):
        parts = [_part(a.durations(source.platform), a.edges) for a in source.applications]
        bandwidth, cap = source.platform.bandwidth, source.cap
    else:
        parts = [_part(source.duration, source.edges)]
        bandwidth, cap = source.bandwidth, 1
    duration = np.concatenate([p.duration for p in parts])
    # Units and shares are those that a scheduler knows: with unknown successors those of the tasks that jobs begin with.
    known = np.concatenate([~np.isin(np.arange(len(p.order)), p.edges[:, 1]) for p in parts]) | (not online)
    seen = _order_of_speeds(duration, known) if hidden_speeds else duration
    sizes = np.array([len(p.order) for p in parts])
    first = np.cumsum(sizes) - sizes
    work = _mean(seen)
    unit = float(work[known].mean())
    rank, sends, oct_ = _prospects(parts, first, seen, work, bandwidth, online)
    if online:
        chain = np.full(len(parts), max(4.0 * unit, 1.0))
    else:
        chain = np.array([max(float(rank[f : f + n].max()), 1.0) for f, n in zip(first, sizes, strict=True)])
    fastest, least = _fastest(seen), _fastest(duration)
    shortest = [_longest(part, least[f : f + n]) for part, f, n in zip(parts, first, sizes, strict=True)]
    task, pred, succ = _links(parts, fastest)
    pe, mhz, power = _elements(source, len(bandwidth))
    spent = float(np.mean((np.where(seen >= 0, seen, 0) * power[:, -1][None, :])[known])) or 1.0
    presence = 1.0 / (max(float(np.mean(shortest)), 1.0) * cap)
    return Tables(
        cap=cap,
        tasks=sizes,
        breadth=max(_breadth(p) for p in parts),
        edges=np.concatenate([p.edges for p in parts]),
        most_edges=max(len(p.edges) for p in parts),
        trips=len(bandwidth) if _travels(parts, bandwidth) else 0,
        bound=1000 * min(shortest) if isinstance(source, Workload) else max(lower_bound(source), 1),
        duration=duration,
        bandwidth=np.minimum(bandwidth, 1e300),
        rate=1.0 / max(unit, 1e-9),
        worth=stacked(Worth, {Worth.PRESENCE: presence, Worth.ENERGY: 1.0 / spent}),
        load=0.0 if online else _load(source, parts, fastest, first),
        spread=float(np.mean((work / np.maximum(fastest, 1))[known])) - 1.0,
        elements=len(bandwidth),
        app=stacked(App, {App.FIRST: first, App.TASKS: sizes, App.CHAIN: shortest}),
        chain=chain,
        task=task,
        work=work,
        rank=rank,
        sends=sends,
        seen=seen,
        oct=oct_,
        pred=pred,
        succ=succ,
        pe=pe,
        mhz=mhz,
        power=power,
    )


def _prospects(
    parts: list[_Part], first: Ints, seen: Ints, work: Floats, bandwidth: Floats, online: bool
) -> tuple[Floats, Floats, Floats]:
    """inst.rank, inst.sends and inst.oct; with unknown successors (`online`) a job ends with each task."""
    rank, sends, rest = np.zeros(len(work)), np.zeros(len(work)), np.zeros(seen.shape)
    delay = _mean_delay(bandwidth)
    for part, f in zip(parts, first, strict=True):
        rows = slice(f, f + len(part.order))
        if online:
            rank[rows] = work[rows]
        else:
            rank[rows], sends[rows] = _upward(part, work[rows], delay)
            rest[rows] = _optimistic(part, seen[rows], bandwidth)
    return rank, sends, rest


def _fastest(table: Ints) -> Ints:
    """(Z,) smallest execution time of each task."""
    return np.asarray(np.where(table >= 0, table, np.iinfo(np.int64).max).min(axis=1))


def _order_of_speeds(duration: Ints, known: npt.NDArray[np.bool_]) -> Ints:
    """For each task the place of each PE in the order of speeds, in units that make the mean time of known tasks right."""
    place = np.full(duration.shape, -1, np.int64)
    for t, row in enumerate(duration):
        speeds = np.unique(row[row >= 0])
        place[t] = np.where(row >= 0, np.searchsorted(speeds, row) + 1, -1)
    unit = _mean(duration)[known].mean() / _mean(place)[known].mean()
    return np.where(place >= 0, np.maximum(np.rint(place * unit), 1.0), -1).astype(np.int64)


def _mean(table: Ints) -> Floats:
    """(Z,) mean over the PEs that can run a task."""
    can = table >= 0
    return np.where(can, table, 0).sum(axis=1) / can.sum(axis=1)


def _mean_delay(bandwidth: Floats) -> float:
    """Mean time a unit of volume takes between different PEs."""
    apart = ~np.eye(len(bandwidth), dtype=bool)
    return float((1.0 / bandwidth[apart]).mean()) if len(bandwidth) > 1 else 0.0


def _upward(part: _Part, work: Floats, delay: float) -> tuple[Floats, Floats]:
    """Upward rank (Topcuoglu et al. 2002, eq. 8) and longest mean transfer to a successor."""
    rank, sends = work.copy(), np.zeros(len(work))
    after: list[list[tuple[int, float]]] = [[] for _ in work]
    for a, b, volume in part.edges.tolist():
        after[a].append((b, volume * delay))
    for t in reversed(part.order):
        for u, transfer in after[t]:
            rank[t] = max(rank[t], work[t] + transfer + rank[u])
            sends[t] = max(sends[t], transfer)
    return rank, sends


def _optimistic(part: _Part, duration: Ints, bandwidth: Floats) -> Floats:
    """Optimistic cost table (Arabnejad & Barbosa 2014, eq. 3) with the transfers between the PEs themselves."""
    cost = np.zeros(duration.shape)
    after: list[list[tuple[int, float]]] = [[] for _ in part.order]
    for a, b, volume in part.edges.tolist():
        after[a].append((b, float(volume)))
    run = np.where(duration >= 0, duration, np.inf)
    for t in reversed(part.order):
        for u, volume in after[t]:
            through = (cost[u] + run[u])[None, :] + np.floor(volume / bandwidth)
            np.maximum(cost[t], through.min(axis=1), out=cost[t])
    return cost


def _longest(part: _Part, ticks: Ints) -> int:
    """Longest chain of `ticks`, without transfers."""
    end = ticks.copy()
    before: list[list[int]] = [[] for _ in part.order]
    for a, b, _ in part.edges.tolist():
        before[b].append(a)
    for t in part.order:
        end[t] = ticks[t] + max((end[u] for u in before[t]), default=0)
    return int(end.max())


def _breadth(part: _Part) -> int:
    """No more tasks than this are ready at once: the number of paths that cover the graph, found greedily."""
    taken, begun = set(), 0
    before: list[list[int]] = [[] for _ in part.order]
    for a, b, _ in part.edges.tolist():
        before[b].append(a)
    place = {t: x for x, t in enumerate(part.order)}
    for t in part.order:
        free = [u for u in before[t] if u not in taken]
        if free:
            taken.add(max(free, key=lambda u: place[u]))
        else:
            begun += 1
    return begun


def _travels(parts: list[_Part], bandwidth: Floats) -> bool:
    slowest = float(bandwidth.min())
    return any(len(p.edges) and p.edges[:, 2].max() / slowest >= 1 for p in parts)


def _links(parts: list[_Part], fastest: Ints) -> tuple[Ints, Ints, Ints]:
    """inst.task, inst.pred and inst.succ."""
    preds: list[int] = []
    pred_at: list[int] = []
    succs: list[int] = []
    succ_at: list[int] = []
    pred: list[int] = []
    volume: list[int] = []
    succ: list[int] = []
    for part in parts:
        before: list[list[tuple[int, int]]] = [[] for _ in part.order]
        after: list[list[int]] = [[] for _ in part.order]
        for a, b, size in part.edges.tolist():
            before[b].append((a, size))
            after[a].append(b)
        for t in range(len(part.order)):
            preds.append(len(before[t]))
            pred_at.append(len(pred))
            succs.append(len(after[t]))
            succ_at.append(len(succ))
            pred += [a for a, _ in before[t]]
            volume += [size for _, size in before[t]]
            succ += after[t]
    task = stacked(
        TaskData,
        {
            TaskData.PREDS: preds,
            TaskData.PRED_AT: pred_at,
            TaskData.SUCCS: succs,
            TaskData.SUCC_AT: succ_at,
            TaskData.FASTEST: fastest,
        },
    )
    edges = stacked(Pred, {Pred.TASK: np.array(pred, np.int64), Pred.VOLUME: np.array(volume, np.int64)})
    return task, edges, np.array(succ, np.int64)


def _elements(source: Workload | StaticDag, pes: int) -> tuple[Ints, Ints, Ints]:
    """inst.pe, inst.mhz and inst.power; a static graph's PEs have one frequency and draw nothing."""
    if isinstance(source, StaticDag):
        ones = np.ones(pes, np.int64)
        pe = stacked(Pe, {Pe.EXISTS: ones, Pe.LEVELS: ones, Pe.IDLE_POWER: 0 * ones})
        return pe, np.ones((pes, 1), np.int64), np.zeros((pes, 1), np.int64)
    clusters = [source.platform.clusters[c] for c in source.platform.cluster_of]
    most = max(len(c.levels) for c in source.platform.clusters)
    # Padding repeats the highest level, so the last column is always that of full speed.
    levels = [[*c.levels, *[c.levels[-1]] * (most - len(c.levels))] for c in clusters]
    pe = stacked(
        Pe,
        {
            Pe.EXISTS: [1 for _ in clusters],
            Pe.LEVELS: [len(c.levels) for c in clusters],
            Pe.IDLE_POWER: [c.idle_milliwatts for c in clusters],
        },
    )
    return pe, np.array([[x.mhz for x in row] for row in levels]), np.array([[x.milliwatts for x in row] for row in levels])


def _load(source: Workload | StaticDag, parts: list[_Part], least: Ints, first: Ints) -> float:
    """Work that arrives, at its fastest, as a share of what the PEs can do."""
    work = np.array([float(least[f : f + len(p.order)].sum()) for p, f in zip(parts, first, strict=True)])
    if isinstance(source, Workload):
        return float(work @ np.array(source.probabilities)) / (max(source.scale, 1.0) * source.platform.pes)
    return float(work[0]) / (source.pes * max(_longest(parts[0], least), 1))
