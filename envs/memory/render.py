"""Memory maps: addresses over time, of packings by buffer and of programs by what brought a tensor into fast memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import DPI, FAINT, INK, PAPER, SAFE, WIDTH
from dispatchgym.envs.memory.check import Replay, execute
from dispatchgym.instances.memory.instance import INPUT, PINS, MemoryPlan, MemoryProgram, Packing, PackingPlan, all_slow, peak

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOT = "#d1352b"
SCOPED = "#c9c9c4"
KINDS = {  # of stays, with their colours
    "born in fast memory": "#6699CC",
    "output": "#117733",
    "fetched input": "#DDCC77",
    "fetched again": "#CC6677",
    "pinned": "#882255",
}
PARTS = {"computation": "#8fa3b5", "traffic beyond it": "#e0b36a", "stalled for copies": HOT}  # of a slot
MAP_HEIGHT = 4.0  # inches, without what stands around it
LEGEND_COLUMNS = 8
Corners = npt.NDArray[np.float64]


def draw_packing(packing: Packing, plan: PackingPlan, title: str = "") -> Figure:
    """A matplotlib Figure of `plan`, in which buffers that have no offset yet (-1) are left out.

    `title` defaults to the packing's name. A buffer is drawn where it needs memory, so not in its gaps. Lines are the capacity
    and the peak, the most bytes that are needed at one time.
    """
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, MAP_HEIGHT + 1.4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    n, begin, end, low, high = packing.parts[plan.offset[packing.parts[:, 0]] >= 0].T
    low, high = plan.offset[n] + low, plan.offset[n] + high
    height, most = int(high.max(initial=0)), peak(packing)
    top = max(height, most, packing.capacity or 0)
    unit, scale = _unit(top)
    axes.set_xlim(int(packing.lower.min()), int(packing.upper.max()))
    axes.set_ylim(0, 1.02 * top / scale)
    corners = _boxes(begin, end, low / scale, high / scale)
    colours = _shades(packing)
    _fill(axes, corners, colours[n], 0.6 if len(n) < 1000 else 0.0)
    _name(axes, corners, [packing.ids[k] for k in n], colours[n])
    lines = {"peak": most} | ({"capacity": packing.capacity} if packing.capacity is not None else {})
    _levels(axes, lines, scale)
    _style(axes, f"address ({unit})", "time")
    placed = int((plan.offset >= 0).sum())
    state = f"height {height}, {height / max(most, 1):.3f} of the peak" if placed == packing.buffers else f"{placed} placed"
    _head(axes, title or packing.name, f"{packing.buffers} buffers  ·  {state}")
    return figure


def draw(program: MemoryProgram, plan: MemoryPlan, title: str = "", *, across: Literal["slots", "time"] = "slots") -> Figure:
    """A matplotlib Figure of `plan`: the map of fast memory, and below it what the time of each slot goes to.

    `title` defaults to the program's name. Instructions are as wide as each other, or as their time. The plan need not keep the
    rules. A fetch is hatched until the slot that it serves. A red line lasts as long as a write-back may take.
    """
    from matplotlib.figure import Figure

    found = execute(program, plan)
    spent = np.array(found.elapsed) + np.array(found.stall)
    edge = np.arange(program.instructions + 1.0)
    clock, tick = ("us", 1e6) if found.latency >= 1e6 else ("ns", 1e3)
    if across == "time":
        edge = np.concatenate([[0.0], np.cumsum(spent) / tick])
    figure = Figure((WIDTH, MAP_HEIGHT + 3.2), dpi=DPI, layout="constrained")
    space, slots = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1.25])
    unit, scale = _unit(program.capacity)
    space.set_ylim(0, 1.02 * program.capacity / scale)
    slots.set_xlim(edge[0], max(edge[-1], edge[0] + 1e-9))
    _draw_stays(space, program, found, edge, scale)
    _levels(space, {"capacity": program.capacity}, scale)
    _style(space, f"address ({unit})", "")
    _draw_slots(slots, program, found, edge, tick)
    _style(slots, f"time of a slot ({clock})", "instruction" if across == "slots" else f"time ({clock})")
    slow = all_slow(program)
    ratio = f"  ·  latency {found.latency / tick:.3f} {clock}, {found.latency / max(slow, 1):.3f} of slow memory alone"
    _head(space, title or program.name, f"{program.instructions} instructions, {program.buffers} buffers{ratio}")
    _legend(figure, program, found)
    return figure


def _draw_stays(axes: Axes, program: MemoryProgram, found: Replay, edge: npt.NDArray[np.float64], scale: int) -> None:
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.colors import to_rgb

    own = np.flatnonzero(program.scoped)
    if len(own):
        boxes = _boxes(edge[own], edge[own + 1], np.zeros(len(own)), program.scoped[own] / scale)
        axes.add_collection(PolyCollection(list(boxes), facecolors=SCOPED, edgecolors="none", label="scoped"))
    if not found.stays:
        return
    n, begin, end, low, serves, written = (
        np.array([[s.buffer, s.begin, s.end, s.offset, s.serves, s.written] for s in found.stays]).reshape(-1, 6).T
    )
    bottom, top = low / scale, (low + program.size[n]) / scale
    corners = _boxes(edge[begin], edge[end], bottom, top)
    colours = np.array([to_rgb(KINDS[kind]) for kind in kinds(program, found)])
    _fill(axes, corners, colours, 0.8 if len(n) < 400 else 0.3)
    lead = serves > begin
    hatched = _boxes(edge[begin[lead]], edge[serves[lead]], bottom[lead], top[lead])
    style: dict[str, Any] = {"facecolors": (1, 1, 1, 0.55), "edgecolors": FAINT, "linewidths": 0.0, "hatch": "////"}
    axes.add_collection(PolyCollection(list(hatched), label="lead", **style))
    back = np.flatnonzero(written >= 0)
    first, until = edge[program.define[n[back]] + 1], edge[written[back]]
    level = top[back] - 0.5 * np.minimum(top - bottom, 0.012 * program.capacity / scale)[back]
    lines = [[(a, y), (b, y)] for a, b, y in zip(first, until, level, strict=True)]
    axes.add_collection(LineCollection(lines, colors=HOT, linewidths=2.0, capstyle="butt", label="write-back"))
    _name(axes, _boxes(edge[serves], edge[end], bottom, top), [str(k) for k in n], colours)


def kinds(program: MemoryProgram, found: Replay) -> list[str]:
    """The kind of each stay, one of `KINDS`."""
    names: list[str] = []
    for stay in found.stays:
        if PINS[program.pin[stay.buffer]] == "fast":
            names.append("pinned")
        elif stay.born:
            names.append("output" if program.output[stay.buffer] else "born in fast memory")
        else:
            names.append("fetched input" if program.define[stay.buffer] == INPUT else "fetched again")
    return names


def _draw_slots(axes: Axes, program: MemoryProgram, found: Replay, edge: npt.NDArray[np.float64], tick: float) -> None:
    """Bars of what a slot's time goes to, and the time of each slot if slow memory served everything."""
    slow = np.zeros(program.instructions, np.int64)
    np.add.at(slow, program.access[:, 1], program.slow_ticks)
    alone = np.maximum(slow, program.compute) / tick
    below = np.zeros(program.instructions)
    parts = (program.compute, np.array(found.elapsed) - program.compute, np.array(found.stall))
    for (name, colour), ticks in zip(PARTS.items(), parts, strict=True):
        axes.bar(edge[:-1], ticks / tick, np.diff(edge), bottom=below, align="edge", color=colour, label=name, linewidth=0)
        below = below + ticks / tick
    axes.stairs(alone, edge, color=INK, linewidth=0.8, label="slow memory alone")
    axes.set_ylim(0, 1.06 * max(float(alone.max()), float(below.max()), 1e-9))


def _legend(figure: Figure, program: MemoryProgram, found: Replay) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = set(kinds(program, found))
    handles: list[Any] = [Patch(facecolor=colour, label=kind) for kind, colour in KINDS.items() if kind in shown]
    if any(not stay.born for stay in found.stays):
        handles.append(Patch(facecolor="white", edgecolor=FAINT, hatch="////", linewidth=0, label="copy under way"))
    if any(stay.written >= 0 for stay in found.stays):
        handles.append(Line2D([], [], color=HOT, linewidth=2.0, label="write-back"))
    handles += [Patch(facecolor=SCOPED, label="scoped")] if program.scoped.any() else []
    handles += [Patch(facecolor=colour, label=part) for part, colour in PARTS.items()]
    handles.append(Line2D([], [], color=INK, linewidth=0.8, label="slow memory alone"))
    style: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": FAINT, "handlelength": 1.4, "columnspacing": 1.2}
    figure.legend(handles=handles, loc="outside lower right", ncols=min(len(handles), LEGEND_COLUMNS), **style)


def _boxes(left: Any, right: Any, bottom: Any, top: Any) -> Corners:
    """(N, 4, 2) corners."""
    return np.array([[left, bottom], [right, bottom], [right, top], [left, top]], float).transpose(2, 0, 1)


def _fill(axes: Axes, corners: Corners, colours: npt.NDArray[np.float64], width: float) -> None:
    from matplotlib.collections import PolyCollection

    edges = "white" if width else "face"
    axes.add_collection(PolyCollection(list(corners), facecolors=colours, edgecolors=edges, linewidths=width))


def _name(axes: Axes, corners: Corners, names: list[str], colours: npt.NDArray[np.float64]) -> None:
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


def _shades(packing: Packing) -> npt.NDArray[np.float64]:
    """(N, 3) RGB: neighbours in number differ."""
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(colour) for colour in SAFE])[np.arange(packing.buffers) % len(SAFE)]


def _levels(axes: Axes, levels: dict[str, int], scale: int) -> None:
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


def _unit(top: int) -> tuple[str, int]:
    return next(((name, 2**k) for name, k in (("GiB", 30), ("MiB", 20), ("KiB", 10)) if top >= 2 * 2**k), ("bytes", 1))


def _style(axes: Axes, upward: str, across: str) -> None:
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


def _head(axes: Axes, title: str, subtitle: str) -> None:
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=22)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(subtitle, (0.0, 1.0), (0, 8), fontsize=9, color=FAINT, **place)
