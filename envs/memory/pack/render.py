"""The memory map of a packing: addresses over time, a colour for each buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.drawing import DPI, SAFE, WIDTH
from dispatchgym.envs.memory.render import MAP_HEIGHT, add_title, boxes, byte_unit, draw_levels, fill, name_boxes, style_axes
from dispatchgym.instances.memory.instance import Packing, PackingPlan, peak

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(packing: Packing, plan: PackingPlan, title: str = "") -> Figure:
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
    unit, scale = byte_unit(top)
    axes.set_xlim(int(packing.lower.min()), int(packing.upper.max()))
    axes.set_ylim(0, 1.02 * top / scale)
    corners = boxes(begin, end, low / scale, high / scale)
    colours = _shades(packing)
    fill(axes, corners, colours[n], 0.6 if len(n) < 1000 else 0.0)
    name_boxes(axes, corners, [packing.ids[k] for k in n], colours[n])
    lines = {"peak": most} | ({"capacity": packing.capacity} if packing.capacity is not None else {})
    draw_levels(axes, lines, scale)
    style_axes(axes, f"address ({unit})", "time")
    placed = int((plan.offset >= 0).sum())
    state = f"height {height}, {height / max(most, 1):.3f} of the peak" if placed == packing.buffers else f"{placed} placed"
    add_title(axes, title or packing.name, f"{packing.buffers} buffers  ·  {state}")
    return figure


def _shades(packing: Packing) -> npt.NDArray[np.float64]:
    """(N, 3) RGB: neighbours in number differ."""
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(colour) for colour in SAFE])[np.arange(packing.buffers) % len(SAFE)]
