"""Schedule generation by priorities, compiled: the serial and the parallel scheme with the mode that ends first."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.instances.cpmodel.instance import CPInstance

SERIAL, PARALLEL = range(2)


class Tables(NamedTuple):
    """An instance as arrays; the rows of a task are its modes, and `x_at` (count + 1) says where the part of each begins."""

    row_at: Any  # (N + 1,) first row of a task
    ticks: Any  # (M,) duration of a row
    latest: Any  # (M,) latest start of a row
    demand_at: Any  # (M + 1,)
    needs: Any  # (D, 2) resource, amount
    lag_at: Any  # (N + 1,)
    lag: Any  # (L, 6) second task, from its end, to its end, least, mode of the first, mode of the second (-1 = any)
    waits: Any  # (N,) lags to a task
    release: Any  # (N,)
    capacity: Any  # (R,)
    step_at: Any  # (R + 1,) room for the steps of a profile
    steps: Any  # (R,) steps before anything is placed
    time: Any  # (P,) of these, the first is 0
    used: Any  # (P,)
    bar_at: Any  # (M + 1,)
    bar: Any  # (X,) rows that a row rules out


def tables(x: CPInstance) -> Tables:
    """The arrays of an instance."""
    modes = [mode for task in x.tasks for mode in task.modes]
    row_at = _starts([len(task.modes) for task in x.tasks])
    limits = [x.horizon if task.deadline is None else min(task.deadline, x.horizon) for task in x.tasks]
    latest = [limit - mode.duration for task, limit in zip(x.tasks, limits, strict=True) for mode in task.modes]
    order = sorted(range(len(x.lags)), key=lambda k: x.lags[k].first)
    lags = [x.lags[k] for k in order]
    lag = [
        (g.second, g.kind[0] == "F", g.kind[1] == "F", g.least)
        + tuple(-1 if mode is None else mode for mode in (g.first_mode, g.second_mode))
        for g in lags
    ]
    opening = [_opening(resource.breaks) for resource in x.resources]
    visits = [2 + 2 * len(x.tasks) + len(steps) for steps in opening]
    if x.resources:
        users = [0] * len(x.resources)
        for task in x.tasks:
            for r in {r for mode in task.modes for r, _ in mode.demands}:
                users[r] += 1
        visits = [2 + 2 * u + len(steps) for u, steps in zip(users, opening, strict=True)]
    step_at = _starts(visits)
    time, used = np.zeros(step_at[-1], np.int64), np.zeros(step_at[-1], np.int64)
    for r, steps in enumerate(opening):
        for k, (tick, amount) in enumerate(steps):
            time[step_at[r] + k], used[step_at[r] + k] = tick, amount
    bars: list[list[int]] = [[] for _ in modes]
    for link in x.links:
        row = int(row_at[link.first]) + link.first_mode
        for m in range(len(x.tasks[link.second].modes)):
            if m not in link.second_modes:
                other = int(row_at[link.second]) + m
                bars[row].append(other)
                bars[other].append(row)
    return Tables(
        row_at=row_at,
        ticks=np.array([mode.duration for mode in modes], np.int64),
        latest=np.array(latest, np.int64),
        demand_at=_starts([len(mode.demands) for mode in modes]),
        needs=np.array([need for mode in modes for need in mode.demands], np.int64).reshape(-1, 2),
        lag_at=_starts(np.bincount([g.first for g in lags], minlength=len(x.tasks)).tolist() if lags else [0] * len(x.tasks)),
        lag=np.array(lag, np.int64).reshape(-1, 6),
        waits=np.bincount([g.second for g in lags], minlength=len(x.tasks)).astype(np.int64)
        if lags
        else np.zeros(len(x.tasks), np.int64),
        release=np.array([task.release for task in x.tasks], np.int64),
        capacity=np.array([resource.capacity for resource in x.resources], np.int64),
        step_at=step_at,
        steps=np.array([len(steps) for steps in opening], np.int64),
        time=time,
        used=used,
        bar_at=_starts([len(rows) for rows in bars]),
        bar=np.array([y for rows in bars for y in rows], np.int64),
    )


def _starts(counts: list[int]) -> Any:
    return np.concatenate([[0], np.cumsum(np.array(counts, np.int64))]).astype(np.int64)


def _opening(breaks: tuple[tuple[int, int, int], ...]) -> list[tuple[int, int]]:
    """The steps (time, amount) of breaks."""
    change = {0: 0}
    for begin, end, amount in breaks:
        change[begin] = change.get(begin, 0) + amount
        change[end] = change.get(end, 0) - amount
    total, found = 0, []
    for tick in sorted(change):
        total += change[tick]
        found.append((tick, total))
    return found


@inlined
def fit(t, time, used, count, x, begin):  # type: ignore[no-untyped-def]
    """The earliest start of row x from `begin` on."""
    ticks = t.ticks[x]
    first, last = t.demand_at[x], t.demand_at[x + 1]
    again = ticks > 0
    while again:
        again = False
        for q in range(first, last):
            r, most = t.needs[q, 0], t.capacity[t.needs[q, 0]] - t.needs[q, 1]
            at, end = t.step_at[r], t.step_at[r] + count[r]
            k = end - 1
            while k > at and time[k] > begin:
                k -= 1
            tick = begin
            while k < end and time[k] < tick + ticks:
                if used[k] > most:
                    tick = time[k + 1]
                k += 1
            if tick > begin:
                begin = tick
                again = True
    return begin


@inlined
def split(time, used, count, at, r, tick):  # type: ignore[no-untyped-def]
    """The step of resource r that begins at `tick`, made if there is none."""
    k = at + count[r] - 1
    while time[k] > tick:
        k -= 1
    if time[k] == tick:
        return k
    for z in range(at + count[r], k + 1, -1):
        time[z] = time[z - 1]
        used[z] = used[z - 1]
    time[k + 1] = tick
    used[k + 1] = used[k]
    count[r] += 1
    return k + 1


class Now(NamedTuple):
    """A schedule in the making."""

    start: Any  # (N,) -1 = not placed
    mode: Any  # (N,)
    waits: Any  # (N,) lags from tasks that are not placed
    ready: Any  # (M,) earliest start of a row by lags
    closed: Any  # (M,) 1 = ruled out
    time: Any  # (P,) steps of the profiles
    used: Any  # (P,)
    count: Any  # (R,) number of steps
    earliest: Any  # (N,) start of a task that could be placed in its best row
    best: Any  # (N,) the row that ends first
    stale: Any  # (N,) 1 = earliest and best are out of date
    value: Any  # (N,) priority
    listed: Any  # (N,) tasks that are compared


def beginning(t: Tables) -> Now:
    """Nothing is placed."""
    tasks = len(t.waits)
    return Now(
        start=np.full(tasks, -1),
        mode=np.full(tasks, -1),
        waits=t.waits.copy(),
        ready=np.repeat(t.release, np.diff(t.row_at)),
        closed=np.zeros(len(t.ticks), np.int64),
        time=t.time.copy(),
        used=t.used.copy(),
        count=t.steps.copy(),
        earliest=np.zeros(tasks, np.int64),
        best=np.zeros(tasks, np.int64),
        stale=np.ones(tasks, np.int64),
        value=np.zeros(tasks),
        listed=np.zeros(tasks, np.int64),
    )


@inlined
def renew(t, s, i, now):  # type: ignore[no-untyped-def]
    """The row of task i that ends first; False if there is none."""
    end = 2**62
    for x in range(t.row_at[i], t.row_at[i + 1]):
        begin = fit(t, s.time, s.used, s.count, x, max(s.ready[x], now))
        if s.closed[x] == 0 and begin <= t.latest[x] and begin + t.ticks[x] < end:
            end, s.best[i], s.earliest[i] = begin + t.ticks[x], x, begin
    s.stale[i] = 0
    return end < 2**62


@inlined
def place(t, s, chosen, now):  # type: ignore[no-untyped-def]
    """Place a task in its best row."""
    x = s.best[chosen]
    begin = s.earliest[chosen]
    end = begin + t.ticks[x]
    s.start[chosen], s.mode[chosen] = begin, x - t.row_at[chosen]
    if end > begin:
        for q in range(t.demand_at[x], t.demand_at[x + 1]):
            r = t.needs[q, 0]
            low = split(s.time, s.used, s.count, t.step_at[r], r, begin)
            high = split(s.time, s.used, s.count, t.step_at[r], r, end)
            for z in range(low, high):
                s.used[z] += t.needs[q, 1]
    for z in range(t.bar_at[x], t.bar_at[x + 1]):
        s.closed[t.bar[z]] = 1
        s.stale[np.searchsorted(t.row_at, t.bar[z], side="right") - 1] = 1
    for a in range(t.lag_at[chosen], t.lag_at[chosen + 1]):
        second = t.lag[a, 0]
        s.waits[second] -= 1
        if t.lag[a, 4] < 0 or t.lag[a, 4] == s.mode[chosen]:
            point = (end if t.lag[a, 1] else begin) + t.lag[a, 3]
            for y in range(t.row_at[second], t.row_at[second + 1]):
                if t.lag[a, 5] < 0 or t.lag[a, 5] == y - t.row_at[second]:
                    s.ready[y] = max(s.ready[y], point - (t.ticks[y] if t.lag[a, 2] else 0))
    for i in range(len(s.start)):  # those that may have lost their place, or are late in the parallel scheme
        if s.start[i] < 0 and s.waits[i] == 0 and (s.earliest[i] < end or s.earliest[i] < now):
            s.stale[i] = 1


@inlined
def drawn(s, size, most, least, luck, greed):  # type: ignore[no-untyped-def]
    """One of the listed tasks, with a chance in proportion to (1 + its regret) ** greed; 0 = equal chances."""
    spread = max(most - least, 1e-9) / 10 if greed > 0 else 1.0
    total = 0.0
    for n in range(size):
        total += (1 + (most - s.value[s.listed[n]]) / spread) ** greed
    left = luck * total
    for n in range(size):
        left -= (1 + (most - s.value[s.listed[n]]) / spread) ** greed
        if left < 0:
            return s.listed[n]
    return s.listed[size - 1]


@compiled
def generate(t, s, scheme, score, kind, factor, luck, greed, weight, scale):  # type: ignore[no-untyped-def]
    """Place all tasks; returns how many were placed, fewer than N in a dead end.

    The task with the smallest priority goes first: score * factor, or what `kind` makes of it. Where `greed` is not negative, a
    task is drawn instead (Drexl, Management Science 37, 1991).
    """
    now = 0
    for placed in range(len(s.start)):
        soonest = 2**62
        size = 0
        for i in range(len(s.start)):
            if s.start[i] >= 0 or s.waits[i] > 0:
                continue
            if s.stale[i] == 1 and not renew(t, s, i, now):
                return placed
            s.listed[size] = i
            size += 1
            soonest = min(soonest, s.earliest[i])
        if scheme == PARALLEL:
            now = soonest
        kept = 0
        chosen = s.listed[0]
        least, most = np.inf, -np.inf
        for n in range(size):
            i = s.listed[n]
            if scheme == PARALLEL and s.earliest[i] != now:
                continue
            s.listed[kept] = i
            kept += 1
            v = score[i]
            if kind == 1:
                v -= s.earliest[i]
            elif kind == 2:
                ticks = max(t.ticks[s.best[i]], 1)
                v = -weight[i] / ticks * math.exp(-max(v - ticks - s.earliest[i], 0.0) / scale)
            v *= factor[i]
            s.value[i] = v
            if v < least:
                least, chosen = v, i
            most = max(most, v)
        if greed >= 0.0:
            chosen = drawn(s, kept, most, least, luck[placed], greed)
        place(t, s, chosen, now)
    return len(s.start)
