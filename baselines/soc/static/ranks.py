"""Ranks of tasks, exact: sums are kept in whole numbers, so tasks of equal rank have equal floats."""

from __future__ import annotations

from math import lcm

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.soc.static.planning_request import Request
from dispatchgym.instances.soc.instance import StaticDag

Floats = npt.NDArray[np.float64]


def upward_rank(request: Request) -> Floats:
    """(N,) longest mean path from the start of a task to the end of the graph: Topcuoglu et al., TPDS 13 (2002), eq. 8.

    The mean execution time is over the PEs that can run the task, the mean transfer over all pairs of different such PEs.
    """
    scale, work, data = _means(request)
    return _scaled(_upward(request, work, data), scale)


def downward_rank(request: Request) -> Floats:
    """(N,) longest mean path from the begin of the graph to the start of a task: Topcuoglu et al., eq. 10."""
    scale, work, data = _means(request)
    return _scaled(_downward(request, work, data), scale)


def path_length(request: Request) -> Floats:
    """(N,) longest mean path through a task, upward plus downward rank: CPOP's priority, equal along the critical path."""
    scale, work, data = _means(request)
    both = zip(_upward(request, work, data), _downward(request, work, data), strict=True)
    return _scaled([up + down for up, down in both], scale)


def optimistic_cost(request: Request) -> npt.NDArray[np.int64]:
    """(N, P) longest path from the end of a task on a PE to the end of the graph, each successor on its best PE.

    Arabnejad & Barbosa, TPDS 25 (2014), eq. 3, with the transfer between the two PEs instead of the mean one, which is the
    same where all PEs are equally far apart.
    """
    cost = np.zeros(request.duration.shape, np.int64)
    never = np.int64(2**62)
    for i in reversed(request.order):
        for e, j in request.after[i]:
            rest = np.where(request.duration[j] >= 0, cost[j] + request.duration[j], never)
            best = np.min(np.where(rest < never, rest + request.transfer[e], never), axis=1)
            cost[i] = np.maximum(cost[i], best)
    return cost


def optimistic_rank(request: Request, cost: npt.NDArray[np.int64]) -> Floats:
    """(N,) mean optimistic cost over the PEs that can run the task: Arabnejad & Barbosa, eq. 4."""
    can = request.duration >= 0
    return np.asarray(np.where(can, cost, 0).sum(axis=1) / can.sum(axis=1), np.float64)


def slr(dag: StaticDag, makespan: int) -> float:
    """Schedule length ratio: makespan / longest path of the fastest executions without transfers; nan if that takes no time."""
    fastest = np.where(dag.duration >= 0, dag.duration, 2**30).min(axis=1).tolist()
    request = Request(dag.duration, dag.edges, dag.transfer)
    longest = max(_upward(request, fastest, [0] * len(dag.edges)))
    return makespan / longest if longest else float("nan")


def speedup(dag: StaticDag, makespan: int) -> float:
    """Shortest sequential execution on one PE / makespan; nan if no PE can run all tasks."""
    totals = dag.duration.sum(axis=0)[(dag.duration >= 0).all(axis=0)]
    return float(totals.min()) / max(makespan, 1) if totals.size else float("nan")


def _means(request: Request) -> tuple[int, list[int], list[int]]:
    """A scale, and mean execution times of tasks and transfer times of edges, times that scale."""
    can = request.duration >= 0
    work = np.where(can, request.duration, 0).sum(axis=1).tolist()
    choices = can.sum(axis=1).tolist()
    both = can[request.edges[:, 0], :, None] & can[request.edges[:, 1], None, :]
    apart = both & ~np.eye(request.duration.shape[1], dtype=bool)
    one = ~apart.any(axis=(1, 2))  # both tasks can run on one and the same PE only
    apart[one] = both[one]
    data = (request.transfer * apart).sum(axis=(1, 2), dtype=np.int64).tolist()
    pairs = apart.sum(axis=(1, 2)).tolist()
    scale = lcm(*set(choices), *set(pairs))
    scaled_work = [w * (scale // c) for w, c in zip(work, choices, strict=True)]
    return scale, scaled_work, [d * (scale // c) for d, c in zip(data, pairs, strict=True)]


def _upward(request: Request, work: list[int], data: list[int]) -> list[int]:
    rank = [0] * len(work)
    for i in reversed(request.order):
        rank[i] = work[i] + max((data[e] + rank[j] for e, j in request.after[i]), default=0)
    return rank


def _downward(request: Request, work: list[int], data: list[int]) -> list[int]:
    rank = [0] * len(work)
    for i in request.order:
        rank[i] = max((rank[j] + work[j] + data[e] for e, j in request.before[i]), default=0)
    return rank


def _scaled(rank: list[int], scale: int) -> Floats:
    return np.array([r / scale for r in rank], np.float64)
