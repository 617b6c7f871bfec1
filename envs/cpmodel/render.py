"""The Gantt chart of a schedule by resource: machines as rows of bars, other resources as profiles of what is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dispatchgym.envs.core.drawing import (
    DPI,
    FAINT,
    INK,
    MOST_BARS,
    WIDTH,
    add_bars,
    draw_marks,
    draw_utilisation,
    name_bar,
    style_gantt,
)
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.jobs import groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HALF = 0.4  # of a row's height
BREAK = "#d9d9d4"
USED = "#88CCEE"


class Bar(NamedTuple):
    """A task on a resource."""

    resource: int
    start: int
    end: int
    amount: int
    group: int  # its job, or itself


def bars_of(instance: CPInstance, schedule: CPSchedule) -> list[Bar]:
    """What the placed tasks (start >= 0) use."""
    found = []
    group = groups(instance)
    for j, (start, mode) in enumerate(zip(schedule.start.tolist(), schedule.mode.tolist(), strict=True)):
        if start < 0:
            continue
        task = instance.tasks[j]
        found += [Bar(r, start, start + task.modes[mode].duration, a, group[j]) for r, a in task.modes[mode].demands]
    return [bar for bar in found if bar.end > bar.start]


def draw(instance: CPInstance, schedule: CPSchedule, *, title: str | None = None) -> Figure:
    """A matplotlib Figure of `schedule`, in which tasks that are not placed (-1) are left out.

    Above `MOST_BARS` bars the utilisation of the resources is shown. `title` defaults to the instance's name.
    """
    from matplotlib.figure import Figure

    rows = max(len(instance.resources), 1)
    row_height = min(float(np.clip(5.5 / rows, 0.26, 0.8)), 26.0 / rows)
    figure = Figure((WIDTH, rows * row_height + 1.25), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    placed = schedule.start >= 0
    bars = bars_of(instance, schedule)
    ends = [s + instance.tasks[j].modes[schedule.mode[j]].duration for j, s in enumerate(schedule.start.tolist()) if s >= 0]
    end = int(max(ends, default=0))
    alone = instance.objective.makespan > 0 and instance.best_known
    marks = {"best known": int(instance.best_known)} if alone and instance.best_known else {}
    horizon = max(end, *marks.values(), 1) if marks else max(end, 1)
    axes.set_xlim(0, horizon * 1.015)
    axes.set_ylim(rows - 0.45, -0.55)
    if len(bars) > MOST_BARS:
        table = np.array([(bar.resource, bar.start, bar.end) for bar in bars], np.int64)
        draw_utilisation(axes, table, rows, 0, horizon)
    else:
        _draw_breaks(axes, instance, horizon)
        _draw_machines(axes, instance, bars, row_height, horizon)
        _draw_profiles(axes, instance, bars)
    done = bool(placed.all())
    draw_marks(axes, marks, end if placed.any() else None, "makespan" if done else "latest end")
    status = f"makespan {end}" if done else f"{int(placed.sum())} of {len(instance.tasks)} tasks placed"
    style_gantt(
        axes, rows, title or instance.name, f"{len(instance.tasks)} tasks, {len(instance.resources)} resources  ·  {status}"
    )
    named = range(0, len(instance.resources), 1 + rows // 100)
    axes.set_yticks(named, [_label(instance, r) for r in named])
    return figure


def _label(instance: CPInstance, r: int) -> str:
    resource = instance.resources[r]
    return resource.name[:14] + (f" ({resource.capacity})" if resource.capacity > 1 else "")


def _draw_breaks(axes: Axes, instance: CPInstance, horizon: int) -> None:
    for r, resource in enumerate(instance.resources):
        for begin, end, amount in resource.breaks:
            if begin < horizon:
                height = 2 * HALF * amount / resource.capacity
                axes.bar(begin, -height, min(end, horizon) - begin, r + HALF, align="edge", color=BREAK, zorder=1)


def _draw_machines(axes: Axes, instance: CPInstance, bars: list[Bar], row_height: float, horizon: int) -> None:
    shown = [bar for bar in bars if instance.resources[bar.resource].capacity == 1]
    if not shown:
        return
    left, right, row = (np.array([bar[k] for bar in shown], float) for k in (1, 2, 0))
    corners = np.stack([[left, row - HALF], [right, row - HALF], [right, row + HALF], [left, row + HALF]])
    groups = np.array([bar.group for bar in shown])
    per_tick = (WIDTH - 0.9) * 72 / horizon  # points
    typical = float(np.median(right - left)) * per_tick
    add_bars(axes, corners.transpose(2, 0, 1), groups, 0.5 if typical > 8 else 0.25)
    digits = len(str(int(groups.max())))
    size = float(np.clip(typical / (0.62 * digits) - 1, 5.0, min(9.0, row_height * 72 * 0.5)))
    for bar in shown:
        if (bar.end - bar.start) * per_tick >= size * 0.62 * digits + 1:
            name_bar(axes, (bar.start + bar.end) / 2, bar.resource, bar.group, size)


def _draw_profiles(axes: Axes, instance: CPInstance, bars: list[Bar]) -> None:
    for r, resource in enumerate(instance.resources):
        if resource.capacity == 1:
            continue
        change: dict[int, int] = {0: 0}
        for bar in bars:
            if bar.resource == r:
                change[bar.start] = change.get(bar.start, 0) + bar.amount
                change[bar.end] = change.get(bar.end, 0) - bar.amount
        times = sorted(change)
        used = np.cumsum([change[t] for t in times])
        level = r + HALF - 2 * HALF * used / resource.capacity
        axes.fill_between(times, level, r + HALF, step="post", color=USED, linewidth=0.6, edgecolor=INK, zorder=2)
        axes.axhline(r - HALF, color=FAINT, linewidth=0.6, linestyle=(0, (2, 2)))
