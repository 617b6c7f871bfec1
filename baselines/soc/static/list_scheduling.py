"""List scheduling: tasks are placed one after another, predecessors first, each as early as its PE and its data allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.soc.static.placing import place_by_pair, place_by_rank
from dispatchgym.baselines.soc.static.planning_request import Request
from dispatchgym.baselines.soc.static.ranks import optimistic_cost, optimistic_rank, path_length, upward_rank
from dispatchgym.instances.soc.instance import StaticSchedule

NOISE = 0.4  # half-width of the factor on a rank in randomised runs: the flat optimum of 128 runs on graphs of 20 to 100 tasks
BY_PAIR = ("min-min", "max-min", "etf")  # codes 0, 1, 2 of `place_by_pair`


@dataclass(frozen=True)
class Graph:
    """A request as arrays for the compiled functions."""

    request: Request
    duration: npt.NDArray[np.int64]  # (N, P)
    ptr: npt.NDArray[np.int64]  # (N + 1,) rows of each task in `pred`
    pred: npt.NDArray[np.int64]  # (E, 2) predecessor, edge
    succ_ptr: npt.NDArray[np.int64]  # (N + 1,) places of each task in `succ`
    succ: npt.NDArray[np.int64]  # (E,)
    transfer: npt.NDArray[np.int64]  # (E, P, P)

    @staticmethod
    def of(request: Request) -> Graph:
        tasks = len(request.duration)
        source, target = (np.asarray(request.edges[:, c], np.int64) for c in (0, 1))
        by_target, by_source = np.lexsort((source, target)), np.lexsort((target, source))
        pred = np.stack([source[by_target], by_target], axis=1)
        ptr, succ_ptr = (np.searchsorted(np.sort(x), np.arange(tasks + 1)) for x in (target, source))
        duration = request.duration.astype(np.int64)
        transfer = np.ascontiguousarray(request.transfer, np.int64)
        return Graph(request, duration, ptr, np.ascontiguousarray(pred), succ_ptr, target[by_source], transfer)

    def placed(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """PEs and starts to be filled: -1 but for fixed tasks."""
        pe, start = self.request.fixed_pe, self.request.fixed_start
        return pe.astype(np.int64), np.where(pe >= 0, start, -1).astype(np.int64)

    def by_rank(
        self,
        rank: npt.NDArray[np.float64],
        *,
        extra: npt.NDArray[np.int64] | None = None,
        pin: npt.NDArray[np.int64] | None = None,
        insertion: bool = True,
        lookahead: bool = False,
    ) -> StaticSchedule:
        """A schedule by `place_by_rank`."""
        tasks = len(rank)
        succ = self.succ
        if lookahead:
            source = np.repeat(np.arange(tasks), np.diff(self.succ_ptr))
            succ = succ[np.lexsort((succ, -rank[succ], source))]
        extra = np.zeros_like(self.duration) if extra is None else extra
        pin = np.full(tasks, -1, np.int64) if pin is None else pin
        pe, start = self.placed()
        graph = (self.duration, self.ptr, self.pred, self.succ_ptr, succ, self.transfer, self.request.begin)
        place_by_rank(*graph, rank, extra, pin, insertion, lookahead, pe, start)
        return StaticSchedule(pe, start)

    def by_pair(self, kind: int) -> StaticSchedule:
        """A schedule by `place_by_pair`."""
        pe, start = self.placed()
        graph = (self.duration, self.ptr, self.pred, self.succ_ptr, self.succ, self.transfer, self.request.begin)
        place_by_pair(*graph, kind, pe, start)
        return StaticSchedule(pe, start)


def schedule(request: Request, name: str, *, samples: int = 1, seed: int = 0) -> StaticSchedule:
    """The best of `samples` schedules by the heuristic `name` ("heft", "cpop", ..., "random").

    The first one uses the heuristic's ranks; the others multiply each rank by a random factor. Raises KeyError for another name.
    """
    graph = Graph.of(request)
    rng = np.random.default_rng(seed)
    if name == "random":
        return min((_random(graph, rng) for _ in range(samples)), key=request.objective)
    if name in BY_PAIR:
        return graph.by_pair(BY_PAIR.index(name))
    prepared = _PREPARE[name](graph)
    best = graph.by_rank(**prepared)
    for _ in range(samples - 1):
        luck = rng.uniform(1 - NOISE, 1 + NOISE, len(request.duration))
        best = min(best, graph.by_rank(**{**prepared, "rank": prepared["rank"] * luck}), key=request.objective)
    return best


def _random(graph: Graph, rng: np.random.Generator) -> StaticSchedule:
    """Any ready task, any PE that can run it."""
    luck = rng.random(graph.duration.shape)
    pin = np.where(graph.request.allowed, luck, -1.0).argmax(axis=1)
    return graph.by_rank(rng.random(len(pin)), pin=pin, insertion=False)


def _heft(graph: Graph) -> dict[str, Any]:
    return {"rank": upward_rank(graph.request)}


def _lookahead(graph: Graph) -> dict[str, Any]:
    return {"rank": upward_rank(graph.request), "lookahead": True}


def _peft(graph: Graph) -> dict[str, Any]:
    cost = optimistic_cost(graph.request)
    return {"rank": optimistic_rank(graph.request, cost), "extra": cost}


def _cpop(graph: Graph) -> dict[str, Any]:
    """Pin the tasks of one critical path to the PE that can run most of them; ties: the fastest."""
    request = graph.request
    rank = path_length(request)
    path = [max((i for i in request.order if not request.before[i]), key=lambda i: (rank[i], -i))]
    while following := [j for _, j in sorted(request.after[path[-1]], key=lambda x: x[1]) if rank[j] == rank[path[0]]]:
        path.append(following[0])
    times = graph.duration[path]
    common = min(range(times.shape[1]), key=lambda p: ((times[:, p] < 0).sum(), times[:, p].clip(0).sum()))
    pin = np.full(len(rank), -1, np.int64)
    pin[[i for i in path if graph.duration[i, common] >= 0]] = common
    return {"rank": rank, "pin": pin}


def _met(graph: Graph) -> dict[str, Any]:
    """One of the fastest PEs of each task; the tasks in the order in which they become ready."""
    slower = graph.duration - np.where(graph.duration >= 0, graph.duration, 2**30).min(axis=1, keepdims=True)
    return {"rank": np.zeros(len(slower)), "extra": slower * 2**32, "insertion": False}


_PREPARE = {"heft": _heft, "cpop": _cpop, "peft": _peft, "lookahead": _lookahead, "met": _met}
