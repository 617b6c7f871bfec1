"""The memory map of a program: addresses over its instructions, coloured by what brought a tensor into fast memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import DPI, FAINT, INK, WIDTH
from dispatchgym.envs.memory.map.check import Replay, execute
from dispatchgym.envs.memory.render import MAP_HEIGHT, add_title, boxes, byte_unit, draw_levels, fill, name_boxes, style_axes
from dispatchgym.instances.memory.instance import INPUT, PINS, MemoryPlan, MemoryProgram, all_slow

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
LEGEND_COLUMNS = 8


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
    unit, scale = byte_unit(program.capacity)
    space.set_ylim(0, 1.02 * program.capacity / scale)
    slots.set_xlim(edge[0], max(edge[-1], edge[0] + 1e-9))
    _draw_stays(space, program, found, edge, scale)
    draw_levels(space, {"capacity": program.capacity}, scale)
    style_axes(space, f"address ({unit})", "")
    _draw_slots(slots, program, found, edge, tick)
    style_axes(slots, f"time of a slot ({clock})", "instruction" if across == "slots" else f"time ({clock})")
    slow = all_slow(program)
    ratio = f"  ·  {found.latency / max(slow, 1):.3f} of the latency with slow memory alone"
    told = f"{program.name}: latency {found.latency / tick:.2f} {clock}"
    add_title(space, title or told, f"{program.instructions} instructions, {program.buffers} buffers{ratio}")
    _legend(figure, program, found)
    return figure


def _draw_stays(axes: Axes, program: MemoryProgram, found: Replay, edge: npt.NDArray[np.float64], scale: int) -> None:
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.colors import to_rgb

    own = np.flatnonzero(program.scoped)
    if len(own):
        corners = boxes(edge[own], edge[own + 1], np.zeros(len(own)), program.scoped[own] / scale)
        axes.add_collection(PolyCollection(list(corners), facecolors=SCOPED, edgecolors="none", label="scoped"))
    if not found.stays:
        return
    n, begin, end, low, serves, written = (
        np.array([[s.buffer, s.begin, s.end, s.offset, s.serves, s.written] for s in found.stays]).reshape(-1, 6).T
    )
    bottom, top = low / scale, (low + program.size[n]) / scale
    corners = boxes(edge[begin], edge[end], bottom, top)
    colours = np.array([to_rgb(KINDS[kind]) for kind in kinds(program, found)])
    fill(axes, corners, colours, 0.8 if len(n) < 400 else 0.3)
    lead = serves > begin
    hatched = boxes(edge[begin[lead]], edge[serves[lead]], bottom[lead], top[lead])
    style: dict[str, Any] = {"facecolors": (1, 1, 1, 0.55), "edgecolors": FAINT, "linewidths": 0.0, "hatch": "////"}
    axes.add_collection(PolyCollection(list(hatched), label="lead", **style))
    back = np.flatnonzero(written >= 0)
    first, until = edge[program.define[n[back]] + 1], edge[written[back]]
    level = top[back] - 0.5 * np.minimum(top - bottom, 0.012 * program.capacity / scale)[back]
    lines = [[(a, y), (b, y)] for a, b, y in zip(first, until, level, strict=True)]
    axes.add_collection(LineCollection(lines, colors=HOT, linewidths=2.0, capstyle="butt", label="write-back"))
    name_boxes(axes, boxes(edge[serves], edge[end], bottom, top), [str(k) for k in n], colours)


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
