"""Charts as Plotly's figures, in plain dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dispatchgym.report.scene import Chart, Line

GREY, INK = "#555555", "#222222"
SYMBOLS = ("circle", "square", "diamond", "triangle-down", "triangle-up", "pentagon", "x", "star")
HEIGHT = 420  # pixels


def figure(chart: Chart, colours: Sequence[str]) -> dict[str, Any]:
    """The traces and the layout of `chart`; `colours` are those of the methods."""
    x_type, y_type = ("log" if log else None for log in (chart.log_across, chart.log_upward))
    layout = {
        "height": HEIGHT,
        "margin": {"l": 64, "r": 12, "t": 12, "b": 56},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "hovermode": "closest",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0},
        "xaxis": {"title": {"text": chart.across}, "type": x_type, **_AXIS},
        "yaxis": {"title": {"text": chart.upward}, "type": y_type, **_AXIS},
    }
    if any(isinstance(x, str) for line in chart.lines for x in line.x):
        layout["xaxis"] = {**layout["xaxis"], "type": "category"}  # type: ignore[dict-item]
    return {"data": [_trace(line, colours) for line in chart.lines], "layout": layout}


_AXIS = {"gridcolor": "#e6e6e6", "zeroline": False, "linecolor": "#999999", "showline": True, "automargin": True}


def _trace(line: Line, colours: Sequence[str]) -> dict[str, Any]:
    colour = GREY if line.colour is None else colours[line.colour % len(colours)]
    symbol = SYMBOLS[(line.colour or 0) % len(SYMBOLS)]
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": line.name,
        "x": list(line.x),
        "y": list(line.y),
        "mode": {"points": "markers", "line": "lines+markers"}.get(line.style, "lines"),
        "line": {"color": colour, "width": 2, "shape": "hv" if line.style in ("steps", "dashes") else "linear"},
        "marker": {"color": colour, "size": 9, "symbol": symbol},
        "legendgroup": line.name,
    }
    if line.style == "dashes":
        trace["line"] |= {"dash": "dot", "width": 1.5}
    if line.half is not None:
        trace["error_y"] = {"type": "data", "array": list(line.half), "color": colour, "thickness": 1.2, "width": 4}
    if line.text is not None:
        trace |= {"text": list(line.text), "hovertemplate": "%{text}<br>%{x}: %{y}<extra>" + _escaped(line.name) + "</extra>"}
    return trace


def _escaped(text: str) -> str:
    """Plotly reads tags in names, and `%{...}` in templates."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("%{", "% {")
