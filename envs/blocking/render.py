"""The Gantt chart of a blocking schedule: machines as rows, jobs as colours, solid while processing and pale while blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.blocking.check import processing_end
from dispatchgym.envs.core.drawing import (
    DPI,
    FAINT,
    INK,
    MOST_BARS,
    WIDTH,
    add_bars,
    draw_marks,
    draw_utilisation,
    job_colours,
    name_bar,
    style_gantt,
)
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, lower_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAID = {"bws": "swaps allowed", "bns": "no swaps", "nwt": "no-wait"}
PALE = 0.6  # share of white in the colour of a job that blocks
DOWN, DOWN_HATCH = "#d9d9d6", "#a3a3a0"


class Bar(NamedTuple):
    """Something on a machine during [left, right) ticks; `job` is -1 if the machine is down."""

    machine: int
    left: int
    right: int
    job: int = -1


class Bars(NamedTuple):
    """What a schedule shows, each kind in a layer of its own."""

    processing: list[Bar]  # pieces, where interruptions leave several
    blocking: list[Bar]  # done, and still on the machine
    stopped: list[Bar]  # not done, while the machine is down
    down: list[Bar]  # down windows, and breakdowns as operations begin


def draw(instance: BlockingShop, schedule: BlockingSchedule, *, title: str | None = None) -> Figure:
    """A matplotlib Figure of `schedule`, in which operations whose job has not entered (-1) are left out.

    Above `MOST_BARS` operations the share of time in which machines process is shown. The operation that a job entered last
    holds its machine until it is processed. `title` defaults to the instance's name. Marked are the best published makespan (of
    the shop without interruptions), or a lower bound if there is none, and the makespan, or the latest end so far.
    """
    from matplotlib.figure import Figure

    shop = instance.shop
    row_height = min(float(np.clip(5.5 / shop.machines, 0.26, 0.5)), 26.0 / shop.machines)
    figure = Figure((WIDTH, shop.machines * row_height + 1.5), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    begun = (shop.machine >= 0) & (schedule.start >= 0)
    ends = {(j, k): processing_end(instance, j, k, int(schedule.start[j, k])) for j, k in np.argwhere(begun).tolist()}
    end = max(ends.values(), default=0)
    marks = _marks(instance)
    horizon = max(end, *marks.values(), 1)
    axes.set_xlim(0, horizon * 1.015)
    axes.set_ylim(shop.machines - 0.45, -0.55)
    found = bars(instance, schedule, ends, horizon)
    many = len(ends) > MOST_BARS
    if many:
        processing = np.array([(m, a, b) for m, a, b, _ in found.processing], np.int64)
        draw_utilisation(axes, processing, shop.machines, 0, horizon)
    else:
        _draw_layers(axes, found, job_colours(shop.jobs))
        _draw_numbers(axes, found, shop.jobs, row_height, horizon)
    total = int(shop.operations.sum())
    draw_marks(axes, marks, end if ends else None, "makespan" if len(ends) == total else "latest end")
    status = f"makespan {end}" if len(ends) == total else f"{len(ends)} of {total} operations entered"
    subtitle = f"{shop.jobs} jobs, {shop.machines} machines, {SAID[instance.variant]}  ·  {status}"
    style_gantt(axes, shop.machines, title or instance.name, subtitle)
    if not many:
        _draw_legend(figure, bool(found.down))
    return figure


def _marks(instance: BlockingShop) -> dict[str, int]:
    if instance.best_known is None:
        return {"lower bound": max(lower_bound(instance), instance.lower_bound or 0)}
    what = "optimum" if instance.best_known == instance.lower_bound else "best known"
    return {f"{what} undisturbed" if instance.interrupted else what: instance.best_known}


def bars(instance: BlockingShop, schedule: BlockingSchedule, ends: dict[tuple[int, int], int], horizon: int) -> Bars:
    """The bars of the operations in `ends` (when each is processed), and of the times down before `horizon`."""
    windows = [[(a, b) for a, b in rows if 0 <= a < horizon] for rows in instance.down.tolist()]
    found = Bars([], [], [], [Bar(m, a, min(b, horizon)) for m, rows in enumerate(windows) for a, b in rows])
    for (j, k), done in ends.items():
        m, entry = int(instance.shop.machine[j, k]), int(schedule.start[j, k])
        begins = entry + int(instance.breakdown[j, k])
        if begins > entry:
            found.down.append(Bar(m, entry, begins))
            found.stopped.append(Bar(m, entry, begins, j))
        at = begins
        for a, b in [(a, b) for a, b in windows[m] if b > begins and a < done]:
            if a > at:
                found.processing.append(Bar(m, at, a, j))
            found.stopped.append(Bar(m, max(a, at), b, j))
            at = b
        if done > at:
            found.processing.append(Bar(m, at, done, j))
        if (j, k + 1) in ends and schedule.start[j, k + 1] > done:
            found.blocking.append(Bar(m, done, int(schedule.start[j, k + 1]), j))
    return found


def _draw_layers(axes: Axes, found: Bars, colours: npt.NDArray[np.float64]) -> None:
    """From back to front: times down, jobs that are stopped by them (an outline), blocking, processing."""
    pale = colours + PALE * (1.0 - colours)
    _layer(axes, found.down, 0.47, facecolors=DOWN, edgecolors="none", hatch="////", colour=DOWN_HATCH)
    mine = [bar.job for bar in found.stopped]
    _layer(axes, found.stopped, 0.4, facecolors="none", edgecolors=colours[mine], linewidths=1.4)
    mine = [bar.job for bar in found.blocking]
    _layer(
        axes, found.blocking, 0.4, facecolors=pale[mine], edgecolors=colours[mine], linewidths=0.5, hatch="////", colour="white"
    )
    add_bars(axes, _corners(found.processing, 0.4), np.array([bar.job for bar in found.processing], np.int64), 0.4)


def _layer(axes: Axes, layer: list[Bar], half: float, colour: str = INK, **style: Any) -> None:
    """One collection of rectangles; `colour` is that of its hatch."""
    import matplotlib
    from matplotlib.collections import PolyCollection

    corners = list(_corners(layer, half))
    with matplotlib.rc_context({"hatch.color": colour, "hatch.linewidth": 0.7}):
        axes.add_collection(PolyCollection(corners, **style))


def _corners(layer: list[Bar], half: float) -> npt.NDArray[np.float64]:
    """(N, 4, 2)."""
    found = [[(a, m - half), (b, m - half), (b, m + half), (a, m + half)] for m, a, b, _ in layer]
    return np.array(found, float).reshape(-1, 4, 2)


def _draw_numbers(axes: Axes, found: Bars, jobs: int, row_height: float, horizon: int) -> None:
    """The job's number in every bar that is wide enough; where processing is too short, in the blocking that follows."""
    per_tick = (WIDTH - 0.9) * 72 / horizon  # points
    typical = float(np.median([b - a for _, a, b, _ in found.processing])) * per_tick if found.processing else 0.0
    size = float(np.clip(typical / (0.62 * len(str(jobs - 1))) - 1, 5.0, min(9.0, row_height * 72 * 0.5)))
    named: set[tuple[int, int, int]] = set()  # (machine, end, job) of bars with a number
    for layer, pale in ((found.processing, False), (found.blocking, True)):
        for m, a, b, j in layer:
            if (b - a) * per_tick >= size * 0.62 * len(str(j)) + 1 and (m, a, j) not in named:
                named.add((m, b, j))
                name_bar(axes, (a + b) / 2, m, j, size, pale)


def _draw_legend(figure: Figure, down: bool) -> None:
    import matplotlib
    from matplotlib.patches import Patch

    with matplotlib.rc_context({"hatch.linewidth": 0.7}):
        shown = [
            Patch(facecolor="#4a7fa8", label="processing"),
            Patch(facecolor="#b7ccdc", edgecolor="#4a7fa8", label="blocking"),
        ]
        shown[1].set_hatch("////")
        shown += [Patch(facecolor=DOWN, edgecolor=DOWN_HATCH, linewidth=0, hatch="////", label="down")] if down else []
        figure.legend(handles=shown, loc="outside lower right", ncols=3, frameon=False, fontsize=8, labelcolor=FAINT)
