"""What training curves are read against: the best rule on the same instances, and where each curve ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

REFERENCE = "#555555"
LINE = 11.0  # points between two names


def name_ends(axes: Axes, x: float, ends: Mapping[str, tuple[float, str]]) -> None:
    """Names and values at the right ends of curves, name -> (value, colour), one above the other; scales must be set before."""
    style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": 9, "annotation_clip": False}
    below = float("-inf")
    for name, (y, colour) in sorted(ends.items(), key=lambda item: item[1][0]):
        place = float(axes.transData.transform((x, y))[1]) * 72 / axes.figure.dpi  # points
        below = max(place, below + LINE)
        axes.annotate(f"{name} {y:.1f}", (x, y), (5, below - place), color=colour, **style)


def draw_rule(axes: Axes, rules: Mapping[str, float], right: float) -> None:
    """A line across at the best of `rules`, name -> validation, with its name above its right end."""
    best = min(rules, key=lambda name: rules[name])
    axes.axhline(rules[best], color=REFERENCE, linewidth=1.0, linestyle=(0, (6, 3)))
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "fontsize": 9, "color": REFERENCE}
    axes.annotate(f"best rule: {best} {rules[best]:.1f}", (right, rules[best]), (0, 4), **style)
