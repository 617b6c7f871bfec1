"""What all charts share: colours, sizes, utilisation in the place of many bars, marked ticks and the style of a Gantt chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# CARTO's "Safe" scheme (after Paul Tol), for colour-blind readers; the number in the bar says which job it is.
SAFE = (
    *("#88CCEE", "#CC6677", "#DDCC77", "#117733", "#AA4499", "#44AA99"),
    *("#882255", "#999933", "#332288", "#6699CC", "#661100", "#888888"),
)
# Added to SAFE one by one, each as far as possible in CIELAB from all before it, to normal and to deuteranopic eyes; at least 21
# apart. The order is the one of the shuffles tried in which neighbours differ most.
FURTHER = (
    *("#6900C3", "#1EF0A5", "#005AFF", "#1E3C1E", "#E12DFF", "#B4000F"),
    *("#003C5A", "#0000FF", "#FFC3E1", "#87F000", "#3C69C3", "#FF5A00"),
)
HATCHES = ("", "....", "xxxx", "oo")  # of the rounds through the colours
MOST_BARS = 2000  # more of them are a bar code
INTERVALS = 240  # in which utilisation is averaged
INK, FAINT, PAPER = "#2b2b2b", "#8a8a8a", "#f6f6f4"
WIDTH = 12.0  # inches
DPI = 100


def job_colours(jobs: int) -> npt.NDArray[np.float64]:
    """(jobs, 3) RGB colours in [0, 1]: those of `SAFE` and `FURTHER`, again and again; `job_hatches` tells the rounds apart."""
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(c) for c in SAFE + FURTHER])[np.arange(jobs) % len(SAFE + FURTHER)]


def job_hatches(jobs: int) -> list[str]:
    """The hatch of each job: none while colours are new, another one in each further round."""
    rounds = np.arange(jobs) // len(SAFE + FURTHER)
    return [HATCHES[k] for k in np.minimum(rounds, len(HATCHES) - 1).tolist()]


def add_bars(axes: Axes, corners: npt.NDArray[np.float64], jobs: npt.NDArray[np.int64], width: float) -> None:
    """Bars with corners (N, 4, 2) in the colours and hatches of their jobs (N,), with white edges of `width`."""
    import matplotlib
    from matplotlib.collections import PolyCollection

    most = int(jobs.max(initial=0)) + 1
    colours, hatches = job_colours(most), np.array(job_hatches(most), dtype=object)
    for hatch in dict.fromkeys(hatches.tolist()):
        mine = hatches[jobs] == hatch
        style: dict[str, Any] = {"facecolors": colours[jobs[mine]], "edgecolors": "white", "linewidths": width}
        with matplotlib.rc_context({"hatch.color": "white", "hatch.linewidth": 1.0}):
            axes.add_collection(PolyCollection(list(corners[mine]), hatch=hatch or None, **style))


def name_bar(axes: Axes, x: float, row: int, job: int, size: float, pale: bool = False) -> None:
    """The number of a job in the middle of its bar, readable on its colour and hatch; `pale` bars are light."""
    from matplotlib.patheffects import withStroke

    colour = job_colours(job + 1)[job]
    dark = not pale and colour @ (0.299, 0.587, 0.114) < 0.55
    style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": size, "clip_on": True}
    text = axes.text(x, row, str(job), color="white" if dark else INK, **style)
    if job_hatches(job + 1)[job] and not pale:
        text.set_path_effects([withStroke(linewidth=3, foreground=tuple(colour))])


def busy_shares(bars: npt.NDArray[np.int64], rows: int, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(rows, len(edges) - 1) share of each interval between two `edges` in which a row is busy.

    Bars are (N, 3): row, begin and end, half-open; those of one row do not overlap.
    """
    row, begin, end = bars.T
    found = np.zeros((rows, len(edges) - 1))
    for r in range(rows):
        first, length = begin[row == r], (end - begin)[row == r]
        before = np.clip(edges[None, :] - first[:, None], 0, length[:, None]).sum(axis=0)  # busy time up to each edge
        found[r] = np.diff(before) / np.diff(edges)
    return found


def draw_utilisation(axes: Axes, bars: npt.NDArray[np.int64], rows: int, left: int, right: int) -> None:
    """In the place of more than `MOST_BARS` bars (N, 3) of row, begin and end: how busy each row is over the time shown."""
    edges = np.linspace(left, max(right, left + 1), INTERVALS + 1)
    shares = busy_shares(bars, rows, edges)
    style: dict[str, Any] = {"cmap": "YlGnBu", "vmin": 0, "vmax": 1, "interpolation": "none", "zorder": 1}
    image = axes.imshow(shares, aspect="auto", extent=(edges[0], edges[-1], rows - 0.5, -0.5), **style)
    scale = axes.figure.colorbar(image, ax=axes, pad=0.01, aspect=30, format=lambda x, _: f"{100 * x:.0f} %")
    scale.ax.tick_params(length=0, labelsize=8, colors=INK)
    scale.outline.set_visible(False)
    each = (edges[-1] - edges[0]) / INTERVALS
    scale.set_label(
        f"share of time busy, in intervals of {f'{each:,.0f}' if each >= 10 else f'{each:.3g}'}", fontsize=8, color=INK
    )


def draw_marks(axes: Axes, marks: dict[str, int], end: int | None, what: str) -> None:
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


def style_gantt(axes: Axes, machines: int, title: str, subtitle: str) -> None:
    """The look of a Gantt chart: rows named M0, M1, ..., a grid in time, the title and the subtitle above."""
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    named = range(0, machines, 1 + machines // 100)
    axes.set_yticks(named, [f"M{m}" for m in named])
    axes.set_xlabel("time (ticks)", fontsize=9, color=INK)
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    axes.grid(axis="x", color="white", linewidth=1.0)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=26)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(subtitle, (0.0, 1.0), (0, 12), fontsize=9, color=FAINT, **place)
