"""An instance as the kernel's tables: rows of modes, lags in the order of their first task, chains, lower bounds, what is cut.

Everything here is computed once an instance, by plain loops over what the instance says.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.cpmodel.layout import MACHINE_CUT, NEVER, NO_CUT, START_CUT
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, safe_horizon

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Network:
    """What lags say of the tasks of an instance."""

    order: list[int]  # each task after those that it waits for; of several, the first by number
    out: list[list[Lag]]  # (N,) lags from a task
    into: list[list[int]]  # (N,) first tasks of the lags to a task
    after: list[int]  # (N,) tasks that are placed later, as bits
    chains: list[list[int]]


def network(x: CPInstance) -> Network:
    count = len(x.tasks)
    out: list[list[Lag]] = [[] for _ in range(count)]
    into: list[list[int]] = [[] for _ in range(count)]
    for lag in x.lags:
        out[lag.first].append(lag)
        into[lag.second].append(lag.first)
    waits = [len(firsts) for firsts in into]
    free = [j for j in range(count) if waits[j] == 0]
    order = []
    while free:
        j = heapq.heappop(free)
        order.append(j)
        for lag in out[j]:
            waits[lag.second] -= 1
            if waits[lag.second] == 0:
                heapq.heappush(free, lag.second)
    after = [0] * count
    for j in reversed(order):
        for lag in out[j]:
            after[j] |= after[lag.second] | 1 << lag.second
    return Network(order, out, into, after, _chains(order, into, after))


def _chains(order: list[int], into: list[list[int]], after: list[int]) -> list[list[int]]:
    """Few lists in which every task waits for the one before it: a task goes behind a task that it waits for directly, if one
    is the last of its list, else behind any that it waits for."""
    chains: list[list[int]] = []
    last: dict[int, int] = {}  # last task of a chain -> chain
    for j in order:
        before = next((i for i in reversed(into[j]) if i in last), None)
        if before is None and into[j]:
            before = next((i for i in last if after[i] >> j & 1), None)
        chain = len(chains) if before is None else last.pop(before)
        if before is None:
            chains.append([])
        chains[chain].append(j)
        last[j] = chain
    return chains


@dataclass(frozen=True)
class Times:
    """What the lags say of times, whatever resources do; a list for each task, with a number for each mode where it says so."""

    head: list[list[int]]  # earliest start of each mode
    tail: list[list[int]]  # from the start of each mode to the end of all, at least
    latest: list[list[int]]  # latest start of each mode by deadlines, NEVER = there is none
    tight: bool  # whether there is one


def times(x: CPInstance, net: Network) -> Times:
    """Longest paths over the lags that hold in any mode."""
    tight = x.horizon < safe_horizon(x) or any(task.deadline is not None for task in x.tasks)
    tail: list[list[int]] = [[mode.duration for mode in task.modes] for task in x.tasks]
    latest = [
        [min(x.horizon, x.horizon if task.deadline is None else task.deadline) - mode.duration for mode in task.modes]
        if tight
        else [NEVER] * len(task.modes)
        for task in x.tasks
    ]
    for j in reversed(net.order):
        for lag in net.out[j]:
            second = x.tasks[lag.second].modes
            if lag.second_mode is not None and len(second) > 1:
                continue
            back = [mode.duration if _to_end(lag) else 0 for mode in second]
            least = min(t - d for t, d in zip(tail[lag.second], back, strict=True))
            most = max(t + d for t, d in zip(latest[lag.second], back, strict=True))
            for m, mode in _modes(x.tasks[j].modes, lag.first_mode):
                ahead = (mode.duration if _from_end(lag) else 0) + lag.least
                tail[j][m] = max(tail[j][m], ahead + least)
                if tight:
                    latest[j][m] = min(latest[j][m], most - ahead)
    head: list[list[int]] = [[task.release] * len(task.modes) for task in x.tasks]
    for j in net.order:
        begin = min(head[j])
        end = min(t + mode.duration for t, mode in zip(head[j], x.tasks[j].modes, strict=True))
        for lag in net.out[j]:
            if lag.first_mode is not None and len(x.tasks[j].modes) > 1:
                continue
            point = (end if _from_end(lag) else begin) + lag.least
            for m, mode in _modes(x.tasks[lag.second].modes, lag.second_mode):
                t = point - (mode.duration if _to_end(lag) else 0)
                head[lag.second][m] = max(head[lag.second][m], t)
    return Times(head, [[min(t, NEVER - 1) for t in row] for row in tail], latest, tight)


def _from_end(lag: Lag) -> bool:
    return lag.kind[0] == "F"


def _to_end(lag: Lag) -> bool:
    return lag.kind[1] == "F"


def _modes(modes: tuple[Mode, ...], only: int | None) -> Iterator[tuple[int, Mode]]:
    """The modes in which a lag holds, with their numbers."""
    return ((m, mode) for m, mode in enumerate(modes) if only is None or m == only)


def path_bound(x: CPInstance, t: Times) -> int:
    """A lower bound on the makespan: longest paths, and the work of each resource and of all of them."""
    count = len(x.tasks)
    ahead = [min(row) for row in t.head]
    through = [min(a + b for a, b in zip(t.head[j], t.tail[j], strict=True)) for j in range(count)]
    behind = [min(tail - mode.duration for tail, mode in zip(t.tail[j], x.tasks[j].modes, strict=True)) for j in range(count)]
    bound = max(through)
    used: list[list[int]] = [[] for _ in x.resources]  # tasks that need the resource in every mode
    work: list[int] = [0] * len(x.resources)
    for j, task in enumerate(x.tasks):
        needs = [dict(mode.demands) for mode in task.modes]
        for r in set.intersection(*(set(need) for need in needs)):
            least = min(need[r] * mode.duration for need, mode in zip(needs, task.modes, strict=True))
            if least > 0:
                used[r].append(j)
                work[r] += least
    for r, resource in enumerate(x.resources):
        if used[r]:
            first, last = min(ahead[j] for j in used[r]), min(behind[j] for j in used[r])
            bound = max(bound, first - (-work[r] // resource.capacity) + last)
    every = sum(min(mode.duration * sum(a for _, a in mode.demands) for mode in task.modes) for task in x.tasks)
    bound = max(bound, -(-every // max(sum(resource.capacity for resource in x.resources), 1)))
    return min(bound, NEVER - 1)


def cut_of(x: CPInstance) -> int:
    """Which choices of the serial scheme can be left out without losing all optima: see rules.py."""
    plain = not x.links and not x.objective.cost and all(lag.first_mode is None and lag.second_mode is None for lag in x.lags)
    if not plain or not all(_forwards(x, lag) for lag in x.lags):
        return NO_CUT
    machines = all(
        len(mode.demands) == 1 and x.resources[mode.demands[0][0]].capacity == 1 for task in x.tasks for mode in task.modes
    )
    chained = all(lag.kind == "FS" and lag.least >= 0 for lag in x.lags)
    return MACHINE_CUT if machines and chained else START_CUT


def _forwards(x: CPInstance, lag: Lag) -> bool:
    """Whether the second task of the lag never starts before the first one."""
    ahead = min(mode.duration for mode in x.tasks[lag.first].modes) if _from_end(lag) else 0
    back = max(mode.duration for mode in x.tasks[lag.second].modes) if _to_end(lag) else 0
    return ahead + lag.least - back >= 0


def exclusions(x: CPInstance, first_row: list[int]) -> list[list[int]]:
    """(M,) the rows that are impossible together with a row, ascending."""
    found: list[set[int]] = [set() for task in x.tasks for _ in task.modes]
    for link in x.links:
        row = first_row[link.first] + link.first_mode
        for m in range(len(x.tasks[link.second].modes)):
            if m not in link.second_modes:
                other = first_row[link.second] + m
                found[row].add(other)
                found[other].add(row)
    return [sorted(rows) for rows in found]


def opening(resource: Any) -> list[tuple[int, int]]:
    """The steps (time, units in use) of a resource by its breaks alone."""
    change: dict[int, int] = {0: 0}
    for begin, end, amount in resource.breaks:
        change[begin] = change.get(begin, 0) + amount
        change[end] = change.get(end, 0) - amount
    steps: list[tuple[int, int]] = []
    used = 0
    for time in sorted(change):
        used += change[time]
        if not steps or steps[-1][1] != used:
            steps.append((time, used))
    return steps


def objective_at(x: CPInstance, ends: list[int], makespan: int, costs: int) -> int:
    """The objective of these ends."""
    o = x.objective
    value = o.offset + o.makespan * makespan + o.cost * costs
    for j, end in enumerate(ends):
        due = x.tasks[j].due
        value += o.completion[j] * end if o.completion else 0
        value += o.tardiness[j] * max(end - due, 0) if o.tardiness and due is not None else 0
    dues = [end - task.due for end, task in zip(ends, x.tasks, strict=True) if task.due is not None]
    return value + (o.lateness * max(dues) if o.lateness else 0)
