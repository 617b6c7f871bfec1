"""What both memory maps share: boxes of addresses over time, lines across, and their look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import FAINT, INK, PAPER, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_HEIGHT = 4.0  # inches, without what stands around it
Corners = npt.NDArray[np.float64]


def boxes(left: Any, right: Any, bottom: Any, top: Any) -> Corners:
    """(N, 4, 2) corners."""
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]], float).transpose(2, 0, 1)


def fill(axes: Axes, corners: Corners, colours: npt.NDArray[np.float64], width: float) -> None:
    """Draw boxes with white edges of `width`, or of 0 with edges in their own colours."""
    from matplotlib.collections import PolyCollection

    edges = "white" if width else "face"
    axes.add_collection(PolyCollection(list(corners), facecolors=colours, edgecolors=edges, linewidths=width))


def name_boxes(axes: Axes, corners: Corners, names: list[str], colours: npt.NDArray[np.float64]) -> None:
    """Names in the boxes that have room for them."""
    width, height = 72 * (WIDTH - 1.2), 72 * MAP_HEIGHT  # points
    x0, x1 = axes.get_xlim()
    y1 = axes.get_ylim()[1]
    for (left, bottom), _, (right, top), _, name, colour in ((*c, t, k) for c, t, k in zip(corners, names, colours, strict=True)):
        if (right - left) / (x1 - x0) * width < 4.6 * len(name) + 2 or (top - bottom) / y1 * height < 8:
            continue
        dark = colour @ (0.299, 0.587, 0.114) < 0.55
        style: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": 7, "clip_on": True}
        axes.text((left + right) / 2, (bottom + top) / 2, name, color="white" if dark else INK, **style)


def draw_levels(axes: Axes, levels: dict[str, int], scale: int) -> None:
    """Lines across, with their names at the right, one above the other."""
    place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
    top = axes.get_ylim()[1]
    below = -np.inf
    for name, level in sorted(levels.items(), key=lambda x: x[1]):
        solid = name == "capacity"
        dashes: Any = "-" if solid else (0, (4, 3))
        axes.axhline(level / scale, color=INK, linewidth=1.3 if solid else 1.0, linestyle=dashes, zorder=3)
        height = max(level / scale, below + 0.04 * top)
        axes.annotate(name, (1.0, height), (4, 0), ha="left", va="center", fontsize=8, color=INK, **place)
        below = height


def byte_unit(top: int) -> tuple[str, int]:
    """The unit in which to write addresses up to `top`, and its bytes."""
    return next(((name, 2**k) for name, k in (("GiB", 30), ("MiB", 20), ("KiB", 10)) if top >= 2 * 2**k), ("bytes", 1))


def style_axes(axes: Axes, upward: str, across: str) -> None:
    """The look of a memory map, with the names of its two axes."""
    axes.set_facecolor(PAPER)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    axes.set_ylabel(upward, fontsize=9, color=INK)
    axes.set_xlabel(across, fontsize=9, color=INK)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.grid(color="white", linewidth=1.0)
    axes.set_axisbelow(True)


def add_title(axes: Axes, title: str, subtitle: str) -> None:
    """Title and subtitle above the axes, at the left."""
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=22)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(subtitle, (0.0, 1.0), (0, 8), fontsize=9, color=FAINT, **place)
