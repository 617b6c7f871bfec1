"""The Gantt chart of a job-shop schedule: machines as rows, jobs as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import (
    DPI,
    MOST_BARS,
    WIDTH,
    add_bars,
    draw_marks,
    draw_utilisation,
    name_bar,
    style_gantt,
)
from dispatchgym.instances.jobshop.instance import JobShop, Schedule, simple_lower_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(instance: JobShop, schedule: Schedule, *, title: str | None = None) -> Figure:
    """A matplotlib Figure of `schedule`, in which operations that have not started (-1) are left out.

    Above `MOST_BARS` operations the utilisation of the machines is shown. `title` defaults to the instance's name. Marked are
    the lower bound, the best published makespan if there is one, and the makespan, or the latest end so far.
    """
    from matplotlib.figure import Figure

    row_height = min(float(np.clip(5.5 / instance.machines, 0.26, 0.5)), 26.0 / instance.machines)
    figure = Figure((WIDTH, instance.machines * row_height + 1.25), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    begun = (instance.machine >= 0) & (schedule.start >= 0)
    end = int((schedule.start + instance.duration)[begun].max(initial=0))
    bound = max(simple_lower_bound(instance), instance.lower_bound or 0)
    marks = {"lower bound": bound} | ({"best known": instance.best_known} if instance.best_known else {})
    horizon = max(end, *marks.values(), 1)
    axes.set_xlim(0, horizon * 1.015)
    axes.set_ylim(instance.machines - 0.45, -0.55)
    done, total = int(begun.sum()), int(instance.operations.sum())
    if done > MOST_BARS:
        start = schedule.start[begun].astype(np.int64)
        bars = np.stack([instance.machine[begun], start, start + instance.duration[begun]], axis=1)
        draw_utilisation(axes, bars, instance.machines, 0, horizon)
    else:
        _draw_bars(axes, instance, schedule, begun, row_height, horizon)
    draw_marks(axes, marks, end if done else None, "makespan" if done == total else "latest end")
    status = f"makespan {end}" if done == total else f"{done} of {total} operations started"
    subtitle = f"{instance.jobs} jobs, {instance.machines} machines  ·  {status}"
    style_gantt(axes, instance.machines, title or instance.name, subtitle)
    return figure


def _draw_bars(
    axes: Axes, instance: JobShop, schedule: Schedule, begun: npt.NDArray[np.bool_], row_height: float, horizon: int
) -> None:
    job, operation = np.nonzero(begun)
    machine = instance.machine[job, operation]
    left = schedule.start[job, operation].astype(float)
    right = left + instance.duration[job, operation]
    half = 0.4
    corners = np.stack([[left, machine - half], [right, machine - half], [right, machine + half], [left, machine + half]])
    per_tick = (WIDTH - 0.9) * 72 / horizon  # points
    typical = float(np.median(right - left)) * per_tick if len(job) else 0.0
    thin = 0.5 if typical > 8 else 0.25
    add_bars(axes, corners.transpose(2, 0, 1), job, thin)
    size = float(np.clip(typical / (0.62 * len(str(instance.jobs - 1))) - 1, 5.0, min(9.0, row_height * 72 * 0.5)))
    for j, m, a, b in zip(job.tolist(), machine.tolist(), left.tolist(), right.tolist(), strict=True):
        if (b - a) * per_tick >= size * 0.62 * len(str(j)) + 1:
            name_bar(axes, (a + b) / 2, m, j, size)
