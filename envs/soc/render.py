"""Gantt charts of chips: processing elements (PEs) as rows; streams with jobs as colours, static graphs task by task."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import (
    DPI,
    FAINT,
    INK,
    MOST_BARS,
    SAFE,
    WIDTH,
    draw_marks,
    draw_utilisation,
    job_colours,
    style_gantt,
)
from dispatchgym.envs.soc.check import Run, executions
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog, lower_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 8  # applications in a legend, each with a colour of its own; of more, every job has a colour and none a name
TINTS = (0.0, 0.28, 0.5)  # shares of white in the colours of successive jobs of one application
EXECUTIONS, JOBS = 60, 5  # of median length, one after another: the longer of the two is the window to which streams are cut
MOST_EDGES = 60  # drawn between tasks; more would hide them
HOT = "#d1352b"
HALF = 0.4  # of a bar's height


def draw(stream: Stream, log: StreamLog, *, title: str | None = None, window: tuple[int, int] | None = None) -> Figure:
    """A matplotlib Figure of `log`, which may be that of a run in progress. `title` defaults to the stream's name.

    The time shown is `window`, by default everything if that can be made out, else as much as can from the warm-up on.
    Triangles are arrivals; the share of time so far that a PE is busy stands at its right.
    """
    from matplotlib.figure import Figure

    load = stream.workload
    runs = [run for rows in executions(stream, log) for run in rows.values()]
    now = min(max([1, *(run.end for run in runs)]), load.horizon)
    left, right = window or _window(runs, now, load.warmup)
    pes = load.platform.pes
    row_height = min(float(np.clip(5.5 / pes, 0.26, 0.5)), 26.0 / pes)
    figure = Figure((WIDTH, pes * row_height + 1.7), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlim(left, left + (right - left) * 1.005)
    axes.set_ylim(pes - 0.45, -1.0)
    colours = stream_colours(stream, len(log.arrival))
    shown = [run for run in runs if run.end > left and run.start < right]
    bars = [(run.pe, run.start, run.end, str(run.job), colours[run.job]) for run in shown]
    _draw_bars(axes, bars, row_height, left, right)
    _draw_arrivals(axes, log.arrival, colours, left, right)
    part = f"  ·  shown: {left} to {right}" if (left, right) != (0, now) else ""
    begun = f"{len(log.arrival)} jobs let in, {len(runs)} tasks begun by {now} microseconds{part}"
    style_gantt(axes, pes, title or stream.name, begun)
    _name_rows(axes, [f"{c.name} {k}" if c.pes > 1 else c.name for c in load.platform.clusters for k in range(c.pes)])
    _draw_shares(axes, [sum(min(run.end, now) - run.start for run in runs if run.pe == p) / now for p in range(pes)])
    _draw_legend(figure, stream)
    return figure


def _window(runs: list[Run], now: int, warmup: int) -> tuple[int, int]:
    """All time so far, or from the warm-up on as much as has room."""
    if not runs:
        return 0, now
    spans: dict[int, tuple[int, int]] = {}  # of jobs
    for run in runs:
        first, last = spans.get(run.job, (run.start, run.end))
        spans[run.job] = min(first, run.start), max(last, run.end)
    typical = float(np.median([run.end - run.start for run in runs]))
    room = int(max(EXECUTIONS * typical, JOBS * np.median([b - a for a, b in spans.values()]), 1))
    if now <= 1.3 * room:
        return 0, now
    left = min(warmup, now - room)
    return left, left + room


def stream_colours(stream: Stream, jobs: int) -> npt.NDArray[np.float64]:
    """(jobs, 3) RGB: applications by hue and their successive jobs by tint, or jobs by hue where applications are many."""
    kinds = len(stream.workload.applications)
    if kinds > MOST_NAMED:
        return job_colours(len(SAFE))[np.arange(jobs) % len(SAFE)]
    hue = job_colours(kinds)[stream.application[:jobs]]
    tint = np.zeros(jobs)
    for kind in range(kinds):
        mine = np.flatnonzero(stream.application[:jobs] == kind)
        tint[mine] = np.array(TINTS)[np.arange(len(mine)) % len(TINTS)]
    return np.asarray(hue + tint[:, None] * (1.0 - hue))


def _draw_bars(
    axes: Axes, bars: list[tuple[int, int, int, str, npt.NDArray[np.float64]]], row_height: float, left: int, right: int
) -> None:
    """Bars (PE, begin, end, text, colour) with their texts where there is room; utilisation if they are too many."""
    from matplotlib.collections import PolyCollection

    if len(bars) > MOST_BARS:
        rows = round(axes.get_ylim()[0] + 0.45)
        draw_utilisation(axes, np.array([bar[:3] for bar in bars], np.int64), rows, left, right)
        return

    corners = [[(a, p - HALF), (b, p - HALF), (b, p + HALF), (a, p + HALF)] for p, a, b, _, _ in bars]
    fill = [colour for *_, colour in bars]
    axes.add_collection(PolyCollection(corners, facecolors=fill, edgecolors="white", linewidths=0.6))
    per_tick = (WIDTH - 1.7) * 72 / max(right - left, 1)  # points
    size = min(8.5, row_height * 72 * 0.5)
    for p, a, b, text, colour in bars:
        a, b = max(a, left), min(b, right)
        if (b - a) * per_tick >= size * 0.62 * len(text) + 2:
            dark = colour @ (0.299, 0.587, 0.114) < 0.55
            style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size, "clip_on": True}
            axes.text((a + b) / 2, p, text, color="white" if dark else INK, **style)


def _draw_arrivals(axes: Axes, arrival: npt.NDArray[np.int64], colours: npt.NDArray[np.float64], left: int, right: int) -> None:
    inside = np.flatnonzero((arrival >= left) & (arrival <= right))
    style: dict[str, Any] = {"marker": "v", "s": 34, "linewidths": 0.5, "edgecolors": INK, "zorder": 3, "clip_on": False}
    axes.scatter(arrival[inside], np.full(len(inside), -0.78), c=colours[inside], **style)


def _draw_shares(axes: Axes, shares: list[float]) -> None:
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
    for p, share in enumerate(shares):
        axes.annotate(f"{100 * share:.0f} %", (1.0, p), (30, 0), ha="right", va="center", fontsize=8, color=INK, **place)
    axes.annotate("busy", (1.0, -0.78), (30, 0), ha="right", va="center", fontsize=8, color=FAINT, **place)


def _name_rows(axes: Axes, names: list[str]) -> None:
    named = range(0, len(names), 1 + len(names) // 100)
    axes.set_yticks(named, [names[p] for p in named])
    axes.set_xlabel("time (microseconds)", fontsize=9, color=INK)


def _draw_legend(figure: Figure, stream: Stream) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = stream.workload.applications
    arrives: Any = Line2D([], [], marker="v", linestyle="none", color="#b0b0ae", markeredgecolor=INK, markersize=5.5)
    handles, labels = [arrives], ["arrival"]
    if len(kinds) <= MOST_NAMED:
        handles += [Patch(facecolor=colour) for colour in job_colours(len(kinds))]
        labels += [kind.name for kind in kinds]
    style: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": FAINT, "handlelength": 1.4}
    figure.legend(handles, labels, loc="outside lower right", ncols=len(labels), **style)


def draw_static(dag: StaticDag, schedule: StaticSchedule, *, title: str | None = None) -> Figure:
    """A matplotlib Figure of `schedule`, in which tasks that have not started (-1) are left out.

    `title` defaults to the graph's name. Colours go from the graph's first tasks to its last. Red is a chain of tasks, each of
    which waits for the one before it, that ends with the last one. Lines are data that changes the PE, if there are many only
    the chain's. Marked are the best known makespan, or else a lower bound, and the makespan, or the latest end so far.
    """
    from matplotlib.figure import Figure

    begun = np.flatnonzero(schedule.start >= 0)
    end = np.zeros(len(schedule.start), np.int64)
    end[begun] = schedule.start[begun] + dag.duration[begun, schedule.pe[begun]]
    last = int(end.max(initial=0))
    marks = {"lower bound": max(lower_bound(dag), dag.lower_bound or 0)}
    if dag.best_known is not None:
        marks = {"optimum" if dag.best_known == dag.lower_bound else "best known": dag.best_known}
    horizon = max(last, *marks.values(), 1)
    row_height = min(float(np.clip(5.5 / dag.pes, 0.26, 0.5)), 26.0 / dag.pes)
    figure = Figure((WIDTH, dag.pes * row_height + 1.5), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlim(0, horizon * 1.015)
    axes.set_ylim(dag.pes - 0.45, -0.55)
    colours = depth_colours(dag)
    bars = [(int(schedule.pe[i]), int(schedule.start[i]), int(end[i]), str(i), colours[i]) for i in begun]
    longest = chain(dag, schedule, end)
    _draw_data(axes, dag, schedule, end, longest)
    _draw_bars(axes, bars, row_height, 0, horizon)
    if len(bars) <= MOST_BARS:
        _outline(axes, schedule, end, longest)
    whole = len(begun) == len(end)
    draw_marks(axes, marks, last if len(begun) else None, "makespan" if whole else "latest end")
    status = f"makespan {last}" if whole else f"{len(begun)} of {len(end)} tasks started"
    style_gantt(axes, dag.pes, title or dag.name, f"{len(end)} tasks, {dag.pes} PEs, {len(dag.edges)} edges  ·  {status}")
    _name_rows(axes, [f"PE {p}" for p in range(dag.pes)])
    axes.set_xlabel("time (ticks)", fontsize=9, color=INK)
    busy = [int((end - schedule.start)[begun][schedule.pe[begun] == p].sum()) / max(last, 1) for p in range(dag.pes)]
    _draw_shares(axes, busy)
    return figure


def depth_colours(dag: StaticDag) -> npt.NDArray[np.float64]:
    """(N, 3) RGB by the number of tasks on the longest chain before each."""
    from matplotlib import colormaps

    depth = np.zeros(len(dag.duration))
    before: list[list[int]] = [[] for _ in depth]
    for a, b, _ in dag.edges.tolist():
        before[b].append(a)
    for i in topological(len(depth), dag.edges):
        depth[i] = max((depth[k] + 1 for k in before[i]), default=0)
    return np.asarray(colormaps["viridis"](0.08 + 0.84 * depth / max(depth.max(), 1)))[:, :3]


def chain(dag: StaticDag, schedule: StaticSchedule, end: npt.NDArray[np.int64]) -> list[int]:
    """Tasks up to one that ends last, each starting as soon as the one before it lets it: by its data or by leaving the PE."""
    into: list[list[tuple[int, int]]] = [[] for _ in end]
    for e, (a, b, _) in enumerate(dag.edges.tolist()):
        into[b].append((e, a))
    found: list[int] = []
    at = int(end.argmax()) if (schedule.start >= 0).any() else -1
    while at >= 0:
        found.append(at)
        p, start = int(schedule.pe[at]), int(schedule.start[at])
        causes = [a for e, a in into[at] if end[a] + dag.transfer[e, schedule.pe[a], p] == start]
        causes += np.flatnonzero((schedule.pe == p) & (end == start) & (schedule.start >= 0)).tolist()
        at = next((a for a in causes if a not in found), -1)
    return found[::-1]


def _draw_data(axes: Axes, dag: StaticDag, schedule: StaticSchedule, end: npt.NDArray[np.int64], longest: list[int]) -> None:
    from matplotlib.collections import LineCollection

    moves = [(a, b) for a, b, _ in dag.edges.tolist() if min(schedule.start[[a, b]]) >= 0 and schedule.pe[a] != schedule.pe[b]]
    links = set(itertools.pairwise(longest))
    for shown, colour in (([m for m in moves if m not in links], "#9a9a96"), ([m for m in moves if m in links], HOT)):
        if colour == HOT or len(moves) <= MOST_EDGES:
            lines = [[(end[a], schedule.pe[a]), (schedule.start[b], schedule.pe[b])] for a, b in shown]
            axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.8, zorder=0.8))


def _outline(axes: Axes, schedule: StaticSchedule, end: npt.NDArray[np.int64], tasks: list[int]) -> None:
    from matplotlib.collections import PolyCollection

    places = [(int(schedule.pe[i]), int(schedule.start[i]), int(end[i])) for i in tasks]
    corners = [[(a, p - HALF), (b, p - HALF), (b, p + HALF), (a, p + HALF)] for p, a, b in places]
    axes.add_collection(PolyCollection(corners, facecolors="none", edgecolors=HOT, linewidths=1.5))
