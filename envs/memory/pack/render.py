"""The memory map of a packing: addresses over time, coloured by what stands in the way of a lower one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import DPI, FAINT, WIDTH
from dispatchgym.envs.memory.render import MAP_HEIGHT, add_title, boxes, draw_levels, fill, name_boxes, style_axes
from dispatchgym.instances.memory.instance import Packing, PackingPlan, peak

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIB = 1024
KINDS = {  # of buffers, with two shades each, which take turns so that neighbours differ
    "reaches above the peak": ("#CC5A5A", "#E08B83"),
    "alive when the most bytes are needed": ("#2F6DA3", "#5E94C2"),
    "other": ("#C6CDD3", "#DDE1E5"),
}


def draw(packing: Packing, plan: PackingPlan, title: str = "") -> Figure:
    """A matplotlib Figure of `plan`, in which buffers that have no offset yet (-1) are left out.

    `title` defaults to the packing's name and the height. A buffer is drawn where it needs memory, so not in its gaps. Lines
    are the capacity and the peak, the most bytes that are needed at one time. Colours are explained by `kinds`.
    """
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, MAP_HEIGHT + 1.6), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    n, begin, end, low, high = packing.parts[plan.offset[packing.parts[:, 0]] >= 0].T
    low, high = plan.offset[n] + low, plan.offset[n] + high
    height, most = int(high.max(initial=0)), peak(packing)
    top = max(height, most, packing.capacity or 0)
    unit, scale = ("KiB", KIB) if top >= 2 * KIB else ("bytes", 1)  # of the objective, wherever else it is shown
    axes.set_xlim(int(packing.lower.min()), int(packing.upper.max()))
    axes.set_ylim(0, 1.02 * top / scale)
    corners = boxes(begin, end, low / scale, high / scale)
    of_kind = kinds(packing, plan)
    colours = _shades(of_kind)
    fill(axes, corners, colours[n], 0.6 if len(n) < 1000 else 0.0)
    name_boxes(axes, corners, [packing.ids[k] for k in n], colours[n])
    lines = {"peak": most} | ({"capacity": packing.capacity} if packing.capacity is not None else {})
    draw_levels(axes, lines, scale)
    style_axes(axes, f"address ({unit})", "time")
    placed = plan.offset >= 0
    state = f"{height / max(most, 1):.3f} of the peak" if placed.all() else f"{placed.sum()} placed"
    told = f"{packing.name}: height {height / scale:.10g} {unit}" if placed.all() else packing.name
    add_title(axes, title or told, f"{packing.buffers} buffers  ·  {state}")
    _legend(figure, [name for k, name in enumerate(KINDS) if (of_kind[placed] == k).any()])
    return figure


def kinds(packing: Packing, plan: PackingPlan) -> npt.NDArray[np.int64]:
    """(N,) the kind of each buffer, a position in KINDS.

    Buffers above the peak are what makes the packing higher than the bound. Those that are alive at the first time at which the
    most bytes are needed give the bound itself. A buffer of both kinds counts among the former.
    """
    n, begin, end, low, high = packing.parts.T
    times, change = np.concatenate([begin, end]), np.concatenate([high - low, low - high])
    order = np.lexsort((change, times))
    found = np.full(packing.buffers, 2)
    if len(n):
        moment = times[order][int(np.cumsum(change[order]).argmax())]
        found[n[(begin <= moment) & (moment < end)]] = 1
    found[n[(plan.offset[n] >= 0) & (plan.offset[n] + high > peak(packing))]] = 0
    return found


def _shades(of_kind: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(N, 3) RGB."""
    from matplotlib.colors import to_rgb

    shades = np.array([[to_rgb(shade) for shade in pair] for pair in KINDS.values()])
    return np.asarray(shades[of_kind, np.arange(len(of_kind)) % 2])


def _legend(figure: Figure, shown: list[str]) -> None:
    from matplotlib.patches import Patch

    style: dict[str, Any] = {"frameon": False, "fontsize": 8, "labelcolor": FAINT, "handlelength": 1.4}
    handles = [Patch(facecolor=KINDS[name][0], label=name) for name in shown]
    if handles:
        figure.legend(handles=handles, loc="outside lower right", ncols=len(handles), **style)
