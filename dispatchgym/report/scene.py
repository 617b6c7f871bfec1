"""What a report draws, before anybody draws it: schedules as boxes, and line charts. A family's card gives both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Scene:
    """Boxes over a horizontal axis, on named rows or on a vertical axis of numbers. All lists of boxes have one length N."""

    title: str
    across: str  # the horizontal axis with its unit
    left: list[float]  # (N,)
    right: list[float]  # (N,) half-open
    low: list[float]  # (N,) lower edge; on rows the number of the row
    high: list[float]  # (N,) upper edge; on rows the number of the row
    name: list[str]  # (N,) in the box, where there is room
    colour: list[int]  # (N,) position in `palette`
    palette: list[str]  # "#rrggbb"
    rows: list[str] = field(default_factory=list)  # empty = the vertical axis has numbers
    upward: str = ""  # the vertical axis with its unit
    columns: dict[str, list[Any]] = field(default_factory=dict)  # (N,) further values, shown by their names on hover
    slack: list[float | None] | None = None  # (N,) 0 = critical, None = unknown
    slack_unit: str = ""
    solid: list[float] | None = None  # (N,) where the solid part of a box ends and its pale part begins; None = no pale parts
    pale: str = ""  # what the pale parts are
    key: list[str] | None = None  # (N,) the decision that places the box, as `choices` of the card names it
    shade: list[tuple[float, float, float]] = field(default_factory=list)  # (row, left, right) where nothing can be
    shade_name: str = ""
    marks: dict[str, float] = field(default_factory=dict)  # vertical lines
    levels: dict[str, float] = field(default_factory=dict)  # horizontal lines
    legend: dict[str, str] = field(default_factory=dict)  # what a colour is -> "#rrggbb"


@dataclass
class Line:
    """One line of a chart."""

    name: str
    x: Sequence[Any]  # numbers, or names of groups
    y: Sequence[float | None]
    half: Sequence[float] | None = None  # of the interval around each y
    text: Sequence[str] | None = None  # of each point, on hover
    style: str = "line"  # line, steps, dashes (steps, dashed), points, bars
    colour: int | None = None  # of the method with this number; None = grey


@dataclass
class Chart:
    """Lines over common axes."""

    title: str
    across: str
    upward: str
    lines: list[Line]
    log_across: bool = False
    log_upward: bool = False
    note: str = ""  # what it shows, in a sentence


# (choice, its task node, its resource node, when it takes effect) -> (the `key` of the boxes that it places or "", in words)
NameChoice = Callable[[int, int, int, int], tuple[str, str]]
