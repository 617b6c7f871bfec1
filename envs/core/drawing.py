"""What all charts share: colours, sizes, marked ticks and the style of a Gantt chart."""

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
INK, FAINT, PAPER = "#2b2b2b", "#8a8a8a", "#f6f6f4"
WIDTH = 12.0  # inches
DPI = 100


def job_colours(jobs: int) -> npt.NDArray[np.float64]:
    """(jobs, 3) RGB colours in [0, 1]: `SAFE` if it has enough, else shades whose lightness differs between neighbours."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if jobs <= len(SAFE):
        return np.array([to_rgb(c) for c in SAFE[:jobs]])
    golden = (np.arange(jobs) * 0.6180339887498949) % 1.0
    return np.asarray(colormaps["viridis"](0.04 + 0.94 * golden))[:, :3]


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
    axes.grid(axis="x", color="white", linewidth=1.0)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=26)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(subtitle, (0.0, 1.0), (0, 12), fontsize=9, color=FAINT, **place)
