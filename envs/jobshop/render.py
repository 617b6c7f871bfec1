"""The Gantt chart of a job-shop schedule: machines as rows, jobs as colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.jobshop.instance import JobShop, Schedule, simple_lower_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# CARTO's "Safe" scheme (after Paul Tol), for colour-blind readers; the number in the bar says which job it is.
SAFE = (
    *("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#AA4499", "#44AA99"),
    *("#882255", "#999933", "#332288", "#6699CC", "#661100", "#888888"),
)
INK, FAINT, PAPER = "#2b2b2b", "#8a8a8a", "#f6f6f4"
WIDTH = 12.0  # inches
DPI = 100


def draw(instance: JobShop, schedule: Schedule, *, title: str | None = None) -> Figure:
    """A matplotlib Figure of `schedule`, in which operations that have not started (-1) are left out.

    `title` defaults to the instance's name. Marked are the lower bound, the best published makespan if there is one, and
    the makespan, or the latest end so far.
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
    _draw_bars(axes, instance, schedule, begun, row_height, horizon)
    done, total = int(begun.sum()), int(instance.operations.sum())
    _draw_marks(axes, marks, end if done else None, "makespan" if done == total else "latest end")
    status = f"makespan {end}" if done == total else f"{done} of {total} operations started"
    _style(axes, instance.machines, title or instance.name, f"{instance.jobs} jobs, {instance.machines} machines  ·  {status}")
    return figure


def _draw_bars(
    axes: Axes, instance: JobShop, schedule: Schedule, begun: npt.NDArray[np.bool_], row_height: float, horizon: int
) -> None:
    from matplotlib.collections import PolyCollection

    job, operation = np.nonzero(begun)
    machine = instance.machine[job, operation]
    left = schedule.start[job, operation].astype(float)
    right = left + instance.duration[job, operation]
    half = 0.4
    corners = np.stack([[left, machine - half], [right, machine - half], [right, machine + half], [left, machine + half]])
    colours = job_colours(instance.jobs)
    fill = colours[job]
    per_tick = (WIDTH - 0.9) * 72 / horizon  # points
    typical = float(np.median(right - left)) * per_tick if len(job) else 0.0
    thin = 0.5 if typical > 8 else 0.25
    axes.add_collection(PolyCollection(list(corners.transpose(2, 0, 1)), facecolors=fill, edgecolors="white", linewidths=thin))
    size = float(np.clip(typical / (0.62 * len(str(instance.jobs - 1))) - 1, 5.0, min(9.0, row_height * 72 * 0.5)))
    for j, m, a, b in zip(job.tolist(), machine.tolist(), left.tolist(), right.tolist(), strict=True):
        if (b - a) * per_tick >= size * 0.62 * len(str(j)) + 1:
            dark = colours[j] @ (0.299, 0.587, 0.114) < 0.55
            style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size, "clip_on": True}
            axes.text((a + b) / 2, m, str(j), color="white" if dark else INK, **style)


def job_colours(jobs: int) -> npt.NDArray[np.float64]:
    """(jobs, 3) RGB colours in [0, 1]: twelve named ones, or so many that neighbours in number stay far apart in lightness."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if jobs <= len(SAFE):
        return np.array([to_rgb(c) for c in SAFE[:jobs]])
    golden = (np.arange(jobs) * 0.6180339887498949) % 1.0
    return np.asarray(colormaps["viridis"](0.04 + 0.94 * golden))[:, :3]


def _draw_marks(axes: Axes, marks: dict[str, int], end: int | None, what: str) -> None:
    """Vertical lines, with their names above the chart; lines at the same tick share a label."""
    lines: dict[int, list[str]] = {}
    for name, tick in (marks | ({what: end} if end is not None else {})).items():
        lines.setdefault(int(tick), []).append(name)
    width = axes.get_xlim()[1]
    placed: list[float] = []
    for tick in sorted(lines, reverse=True):
        solid = what in lines[tick]
        axes.axvline(
            tick, color=INK if solid else FAINT, linewidth=1.3 if solid else 1.0, linestyle="-" if solid else (0, (4, 3))
        )
        level = sum(1 for x in placed if abs(x - tick) < 0.17 * width)
        placed.append(tick)
        axes.annotate(
            f"{' = '.join(lines[tick])} {tick}",
            (tick, 1.0),
            (3 if tick < 0.15 * width else 0, 3 + 11 * level),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="left" if tick < 0.15 * width else "right",
            fontsize=8,
            color=INK if solid else FAINT,
            annotation_clip=False,
        )


def _style(axes: Axes, machines: int, title: str, subtitle: str) -> None:
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    named = range(0, machines, 1 + machines // 100)
    axes.set_yticks(named, [f"M{m}" for m in named])
    axes.set_xlabel("time (ticks)", fontsize=9, color=INK)
    axes.grid(axis="x", color="white", linewidth=1.0)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=26)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(subtitle, (0.0, 1.0), (0, 12), fontsize=9, color=FAINT, **place)
