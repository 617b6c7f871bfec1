"""Pictures of an evaluation: schedules, anytime curves, and quality against time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from dispatchgym.evaluation.results import Row, file_name
from dispatchgym.family import Family

LIMIT = 40  # charts of a kind; drawing them takes longer than many methods

# Okabe & Ito's colours, told apart by colour-blind readers, darkest first; yellow is left out on white paper
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX*"
BOUND_SHOWN = 0.8  # of the best objective; weaker bounds would only squeeze the curves
_FASTEST = 1e-4  # seconds; left end of the time axes

Style = dict[str, Any]
Curve = Sequence[tuple[float, int | None, int | None]]  # seconds, objective, lower bound


def styles(methods: Iterable[str]) -> dict[str, Style]:
    """One colour and marker for each method, the same in every picture."""
    return {
        method: {"color": _COLOURS[i % len(_COLOURS)], "marker": _MARKERS[(i + i // len(_COLOURS)) % len(_MARKERS)]}
        for i, method in enumerate(methods)
    }


def draw_all(
    problem: Family,
    rows: Sequence[Row],
    instances: dict[str, Any],
    stored: Callable[[Row], dict[str, Any] | None],
    folder: Path,
) -> list[str]:
    """Write all pictures of `rows` to `folder`; returns lines that say what was drawn and what was left out.

    `instances` holds the instances by name; `stored` gives the schedule and curve behind a row.
    """
    folder.mkdir(exist_ok=True)
    style = styles(dict.fromkeys(row["method"] for row in rows))
    solved = [row for row in rows if row["objective"] is not None and row["instance"] in instances]
    order = {name: i for i, name in enumerate(dict.fromkeys(row["instance"] for row in solved))}
    drawn = sorted(solved, key=lambda row: order[row["instance"]])[:LIMIT]  # every method of an instance, then the next one
    for row in drawn:
        data = stored(row)
        if data is not None:
            instance = instances[row["instance"]]
            gap = _gap_text(row, _undisturbed(problem, instance))
            title = f"{row['instance']}, {row['method']}: {problem.objective} {problem.format_objective(row['objective'])}{gap}"
            chart = problem.draw(instance, problem.schedule(data), title=title)
            save(chart, folder / f"schedule-{file_name(row['instance'], row['method'])}.png")
    lines = [_said(len(drawn), len(solved), "schedule chart")]
    names = list(dict.fromkeys(row["instance"] for row in solved)) if problem.anytime else []
    for name in names[:LIMIT]:
        curves = {row["method"]: _curve(row, stored(row)) for row in solved if row["instance"] == name}
        figure = anytime(problem, instances[name], curves, style)
        save(figure, folder / f"anytime-{file_name(name)}.png")
    if problem.anytime:
        lines.append(_said(len(names[:LIMIT]), len(names), "anytime chart"))
    if any(row["gap"] is not None for row in solved):
        save(gap_against_time(problem, solved, style), folder / "gap-against-time.png")
        lines.append("1 chart of gap against time")
    for name, chart in (problem.charts(solved, style) if problem.charts else {}).items():
        save(chart, folder / f"{name}.png")
        lines.append(f"1 chart of {name.replace('-', ' ')}")
    return lines


def _said(drawn: int, possible: int, what: str) -> str:
    line = f"{drawn} {what}{'' if drawn == 1 else 's'}"
    return line if drawn == possible else f"{line} of {possible}: the first {LIMIT} only"


def _gap_text(row: Row, undisturbed: str) -> str:
    above = f"{row['gap']:.1f} % above " if (row["gap"] or 0.0) > 0.0 else ""
    return "" if row["gap"] is None else f" ({above}best known{undisturbed})"


def _undisturbed(problem: Family, instance: Any) -> str:
    """A word for what is published of the original of a disturbed instance."""
    return " undisturbed" if problem.disturbance is not None and problem.disturbance.value.disturbed(instance) else ""


def _curve(row: Row, data: dict[str, Any] | None) -> Curve:
    points = [(float(t), objective, bound) for t, objective, bound in (data or {}).get("curve", [])]
    return [*points, (row["seconds"], row["objective"], row["lower_bound"])]


def save(figure: Figure, path: Path) -> None:
    """Write a picture; the format is that of the suffix."""
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=150, bbox_inches="tight", facecolor="white")


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _time_axis(axes: Axes, label: str) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{t * 1000:g} ms" if t < 0.999 else f"{t:g} s"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def anytime(problem: Family, instance: Any, curves: dict[str, Curve], style: dict[str, Style]) -> Figure:
    """Best objective found (solid) and bound proved (dashed) over the wall time of each method."""
    figure, axes = _axes(8, 4.6)
    final = [curve[-1][1] for curve in curves.values() if curve[-1][1] is not None]
    marks = [value for value in (instance.best_known, instance.lower_bound) if value is not None]
    proved = [bound for curve in curves.values() for bound in _known(curve, 2)[1][-1:] if bound > BOUND_SHOWN * min(final)]
    low, high = min(final + marks + proved), max(final + marks)
    margin = max(1.0, 0.08 * (high - low))
    times = [max(t, _FASTEST) for curve in curves.values() for t, _, _ in curve]
    left, right = min(times) / 1.6, max(times) * 1.6
    for method, curve in curves.items():
        look = {"color": style[method]["color"], "linewidth": 1.8}
        t, y = _known(curve, 1)
        axes.step(t, y, where="post", **look)
        axes.plot([t[-1], right], [y[-1], y[-1]], **{**look, "linewidth": 0.8, "alpha": 0.6})  # the answer, once found, stays
        axes.plot([], [], style[method]["marker"] + "-", **look, markersize=6, label=f"{method}  {y[-1]}")
        axes.plot(t[-1], y[-1], style[method]["marker"], color=look["color"], markersize=7, markeredgecolor="white", zorder=3)
        t, bounds = _known(curve, 2)
        if bounds and bounds[-1] in proved:
            axes.step(t, bounds, where="post", linestyle=(0, (2, 1.5)), **look)
    if instance.best_known is not None:
        closed = instance.best_known == instance.lower_bound
        label = f"{'optimum' if closed else 'best known'}{_undisturbed(problem, instance)} {instance.best_known}"
        axes.axhline(instance.best_known, color="#555555", linewidth=1, linestyle=(0, (6, 3)), zorder=1, label=label)
    if proved:
        axes.plot([], [], color="#555555", linestyle=(0, (2, 1.5)), label="bound proved")
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(left, right)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _time_axis(axes, "wall time")
    axes.set_ylabel(f"{problem.objective} ({problem.unit})")
    axes.set_title(f"{instance.name}: best {problem.objective} over time", loc="left", fontweight="bold")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _known(curve: Curve, column: int) -> tuple[list[float], list[int]]:
    """The times and values of `curve` at which `column` (1 objective, 2 bound) is known."""
    points = [(max(t, _FASTEST), objective if column == 1 else bound) for t, objective, bound in curve]
    known = [(t, value) for t, value in points if value is not None]
    return [t for t, _ in known], [value for _, value in known]


def gap_against_time(problem: Family, rows: Sequence[Row], style: dict[str, Style]) -> Figure:
    """Every method as its mean gap at its mean time, over a faint dot for each instance."""
    figure, axes = _axes(8, 5)
    total = len({row["instance"] for row in rows if row["gap"] is not None})
    for method, look in style.items():
        mine = [row for row in rows if row["method"] == method and row["gap"] is not None]
        points = [(max(row["seconds"], _FASTEST), row["gap"]) for row in mine]
        if not points:
            continue
        seconds, gaps = zip(*points, strict=True)
        if len(points) > 1:
            axes.scatter(seconds, gaps, s=14, color=look["color"], alpha=0.35, linewidths=0)
        partial = "" if len(points) == total else f" ({len(points)} of {total})"
        label = f"{method}  {fmean(gaps):.1f} %{partial}"
        marker = {**look, "markersize": 10, "markeredgecolor": "white", "linestyle": "none"}
        axes.plot(fmean(seconds), fmean(gaps), label=label, **marker)
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()) if len(rows) > 1 else None)
    _time_axis(axes, "wall time an instance")
    axes.set_ylabel(f"gap to the best known {problem.objective} (%)")
    plural = "" if total == 1 else "s"
    axes.set_title(f"Quality against time, {total} {problem.title} instance{plural}", loc="left", fontweight="bold")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1), title="method, mean gap", alignment="left")
    return figure
