"""The arrays of one instance, named as the fields of `Instances`, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dispatchgym.envs.core.columns import Columns, stacked
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.cpmodel.layout import (
    NEVER,
    About,
    Arc,
    ChainData,
    Demand,
    Plan,
    ResourceData,
    RowData,
    Step,
    TaskData,
    Weight,
)
from dispatchgym.envs.cpmodel.tables import (
    Network,
    Times,
    cut_of,
    exclusions,
    network,
    objective_at,
    opening,
    path_bound,
    times,
)
from dispatchgym.instances.cpmodel.instance import CPInstance


def arrays_of(x: CPInstance, dummy: int) -> dict[str, Array]:
    """The arrays of `x`; `dummy` is the resource node of modes that need no resource."""
    net = network(x)
    t = times(x, net)
    counts = np.array([len(task.modes) for task in x.tasks])
    first_row = (np.cumsum(counts) - counts).tolist()
    path = path_bound(x, t)
    found: dict[str, Array] = {"order": np.array(net.order)}
    found |= (
        _rows(x, t, first_row, dummy) | _demands(x, t, first_row) | _arcs(x, net) | _chains(net) | _tasks(x, net, t, first_row)
    )
    return found | _whole(x, net, t, path)


def _rows(x: CPInstance, t: Times, first_row: list[int], dummy: int) -> dict[str, Array]:
    modes = [(j, m, mode) for j, task in enumerate(x.tasks) for m, mode in enumerate(task.modes)]
    excluded = exclusions(x, first_row)
    demands = np.array([len(mode.demands) for _, _, mode in modes])
    excludes = np.array([len(rows) for rows in excluded])

    def heaviest(mode: Any) -> tuple[int, int]:
        """The resource of which the mode takes the largest share, and how much of it."""
        return max(mode.demands, key=lambda d: (d[1] / x.resources[d[0]].capacity, -d[0]), default=(dummy, 0))

    main = np.array([heaviest(mode) for _, _, mode in modes])
    row = stacked(
        RowData,
        {
            RowData.TASK: [j for j, _, _ in modes],
            RowData.DURATION: [mode.duration for _, _, mode in modes],
            RowData.COST: [mode.cost for _, _, mode in modes],
            RowData.TAIL: [t.tail[j][m] for j, m, _ in modes],
            RowData.LATEST: [t.latest[j][m] for j, m, _ in modes],
            RowData.DEMAND: np.cumsum(demands) - demands,
            RowData.DEMANDS: demands,
            RowData.RESOURCE: main[:, 0],
            RowData.AMOUNT: main[:, 1],
            RowData.EXCLUDE: np.cumsum(excludes) - excludes,
            RowData.EXCLUDES: excludes,
        },
    )
    work = np.array([mode.duration * sum(a for _, a in mode.demands) for _, _, mode in modes], np.int64)
    return {"row": row, "work": work, "excluded": np.array([y for rows in excluded for y in rows], np.int64)}


def _demands(x: CPInstance, t: Times, first_row: list[int]) -> dict[str, Array]:
    table, load = [], []
    for j, task in enumerate(x.tasks):
        for m, mode in enumerate(task.modes):
            for r, amount in mode.demands:
                table.append((r, amount, first_row[j] + m, j, t.tail[j][m]))
                load.append(mode.duration * amount / (x.resources[r].capacity * len(task.modes)))
    demand = np.array(table, np.int64).reshape(-1, len(Demand))
    steps = [opening(resource) for resource in x.resources]
    visits = np.bincount(demand[:, Demand.RESOURCE], minlength=len(x.resources)).astype(np.int64)
    # A task is in one mode: it adds at most two steps to the profile of a resource.
    room = np.array([len(s) for s in steps], np.int64)
    for task in x.tasks:
        for r in {r for mode in task.modes for r, _ in mode.demands}:
            room[r] += 2
    count = np.array([len(s) for s in steps], np.int64)
    resource = stacked(
        ResourceData,
        {
            ResourceData.CAPACITY: [resource.capacity for resource in x.resources],
            ResourceData.PROFILE: np.cumsum(room) - room,
            ResourceData.VISITOR: np.cumsum(visits) - visits,
            ResourceData.VISITS: visits,
            ResourceData.OPENING: np.cumsum(count) - count,
            ResourceData.STEPS: count,
        },
    )
    return {
        "demand": demand,
        "load": np.array(load, np.float64),
        "resource": resource.reshape(-1, len(ResourceData)),
        "visitor": np.argsort(demand[:, Demand.RESOURCE], kind="stable"),
        "opening": np.array([step for s in steps for step in s], np.int64).reshape(-1, len(Step)),
        "profile": np.array(int(room.sum())),
    }


def _arcs(x: CPInstance, net: Network) -> dict[str, Array]:
    def only(mode: int | None, task: int) -> int:
        return -1 if mode is None or len(x.tasks[task].modes) == 1 else mode

    arcs = [
        (
            lag.second,
            int(lag.kind[0] == "F"),
            int(lag.kind[1] == "F"),
            lag.least,
            only(lag.first_mode, lag.first),
            only(lag.second_mode, lag.second),
        )
        for lags in net.out
        for lag in lags
    ]
    return {"arc": np.array(arcs, np.int64).reshape(-1, len(Arc))}


def _chains(net: Network) -> dict[str, Array]:
    length = np.array([len(chain) for chain in net.chains])
    table = stacked(ChainData, {ChainData.FIRST: np.cumsum(length) - length, ChainData.LENGTH: length})
    return {"chain": table, "link": np.array([j for chain in net.chains for j in chain])}


def _tasks(x: CPInstance, net: Network, t: Times, first_row: list[int]) -> dict[str, Array]:
    arcs = np.array([len(lags) for lags in net.out])
    chain = {j: c for c, tasks in enumerate(net.chains) for j in tasks}
    task = stacked(
        TaskData,
        {
            TaskData.ROW: first_row,
            TaskData.MODES: [len(task.modes) for task in x.tasks],
            TaskData.RELEASE: [task.release for task in x.tasks],
            TaskData.DUE: [NEVER if task.due is None else task.due for task in x.tasks],
            TaskData.PREDS: [len(firsts) for firsts in net.into],
            TaskData.ARC: np.cumsum(arcs) - arcs,
            TaskData.ARCS: arcs,
            TaskData.SHORTEST: [min(mode.duration for mode in task.modes) for task in x.tasks],
            TaskData.TAIL: [min(row) for row in t.tail],
            TaskData.AFTER: [bits.bit_count() for bits in net.after],
            TaskData.CHAIN: [chain[j] for j in range(len(x.tasks))],
            TaskData.PLACE: np.argsort(net.order),
        },
    )
    none = (0,) * len(x.tasks)
    weight = {
        Weight.COMPLETION: x.objective.completion or none,
        Weight.TARDINESS: x.objective.tardiness or none,
        Weight.WORK: [min(mode.duration * sum(a for _, a in mode.demands) for mode in task.modes) for task in x.tasks],
    }
    return {"task": task, "weight": stacked(Weight, {k: np.array(v, np.int64) for k, v in weight.items()})}


def _whole(x: CPInstance, net: Network, t: Times, path: int) -> dict[str, Array]:
    o = x.objective
    modes = [mode for task in x.tasks for mode in task.modes]
    most = sum(max(mode.cost for mode in task.modes) for task in x.tasks)
    least = sum(min(mode.cost for mode in task.modes) for task in x.tasks)
    worst = objective_at(x, [x.horizon] * len(x.tasks), x.horizon, most) + 1
    ends = [min(a + m.duration for a, m in zip(t.head[j], task.modes, strict=True)) for j, task in enumerate(x.tasks)]
    parts = {
        About.MAKESPAN: o.makespan * path,
        About.COMPLETION: sum(o.completion) * path,
        About.TARDINESS: (sum(o.tardiness) + o.lateness) * path,
        About.COSTS: o.cost * most,
    }
    scale = max(sum(parts.values()), 1)
    weights = [a + b for a, b in zip(o.completion or (0,) * len(x.tasks), o.tardiness or (0,) * len(x.tasks), strict=True)]
    plan: dict[Columns, Any] = {
        Plan.TASKS: len(x.tasks),
        Plan.CHAINS: len(net.chains),
        Plan.RESOURCES: len(x.resources),
        Plan.CUT: cut_of(x),
        Plan.TIGHT: int(t.tight or bool(x.links)),
        Plan.LINKS: int(bool(x.links)),
        Plan.PATH: path,
        Plan.CAPACITY: max(sum(resource.capacity for resource in x.resources), 1),
        Plan.MAKESPAN: o.makespan,
        Plan.LATENESS: o.lateness,
        Plan.COST: o.cost,
        Plan.WORST: worst,
        Plan.OFFSET: o.offset,
    }
    unit = _mean([mode.duration for mode in modes])
    about: dict[Columns, Any] = {
        About.UNIT: unit,
        About.RATE: 1.0 / unit,
        About.WORTH: 1.0 / scale,
        About.WEIGHT: 1.0 / _mean(weights),
        About.PRICE: 1.0 / _mean([mode.cost for mode in modes]),
        About.FLEXIBILITY: len(modes) / (8 * len(x.tasks)),
        About.CUMULATIVE: sum(resource.capacity > 1 for resource in x.resources) / max(len(x.resources), 1),
        About.BRANCHING: len(x.lags) / (4 * len(x.tasks)),
        **{column: part / scale for column, part in parts.items()},
    }
    return {
        "plan": stacked(Plan, {k: np.int64(v) for k, v in plan.items()}),
        "about": stacked(About, {k: np.float64(v) for k, v in about.items()}),
        "bound": np.int64(min(objective_at(x, ends, path, least), worst)),
    }


def _mean(values: Sequence[int]) -> float:
    """The mean of those above 0, at least 1."""
    some = [value for value in values if value > 0]
    return max(sum(some) / len(some), 1.0) if some else 1.0
