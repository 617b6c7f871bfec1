"""Charts of an evaluation: the best objective over time, and quality against time."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, quantiles
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from dispatchgym.evaluation.results import Row
from dispatchgym.evaluation.times import CLOCKS, clock_of, seconds_of
from dispatchgym.family import Family
from dispatchgym.units import duration

BOUND_SHOWN = 0.8  # of the best objective; weaker bounds would only squeeze the curves
_FASTEST = 1e-6  # seconds; left end of the time axes: the clock tells no less
_OUTLIER = 4.0  # a method's mean gap over the next one's from which on it is drawn at the upper edge
_SMALL = 2.0  # %; no gap below it makes a larger one an outlier
_ROOM = 1.25  # upper end of the gap axis over the largest mean that it shows

Style = dict[str, Any]
Curve = Sequence[tuple[float, int | None, int | None]]  # seconds, objective, lower bound


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
    axes.xaxis.set_major_formatter(FuncFormatter(lambda t, _: duration(t)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def undisturbed(problem: Family, instance: Any) -> str:
    """A word for what is published of the original of a disturbed instance."""
    return " undisturbed" if problem.disturbance is not None and problem.disturbance.value.disturbed(instance) else ""


def anytime(problem: Family, instance: Any, curves: dict[str, Curve], style: dict[str, Style], clock: str = "cpu") -> Figure:
    """Best objective found (solid) and bound proved (dashed) over the time of each method, by the clock of the run."""
    figure, axes = _axes(8, 4.6)
    text = problem.format_objective
    final = [curve[-1][1] for curve in curves.values() if curve[-1][1] is not None]
    marks = [value for value in (instance.best_known, instance.lower_bound) if value is not None]
    proved = [bound for curve in curves.values() for bound in _known(curve, 2)[1][-1:] if bound > BOUND_SHOWN * min(final)]
    unit = problem.per_unit
    low, high = min(final + marks + proved) / unit, max(final + marks) / unit
    margin = max(1.0 / unit, 0.08 * (high - low))
    times = [max(t, _FASTEST) for curve in curves.values() for t, _, _ in curve]
    left, right = min(times) / 1.6, max(times) * 1.6
    for method, curve in curves.items():
        look = {"color": style[method]["color"], "linewidth": 1.8}
        t, found = _known(curve, 1)
        y = [value / unit for value in found]
        axes.step(t, y, where="post", **look)
        axes.plot([t[-1], right], [y[-1], y[-1]], **{**look, "linewidth": 0.8, "alpha": 0.6})  # the answer, once found, stays
        axes.plot([], [], style[method]["marker"] + "-", **look, markersize=6, label=f"{method}  {text(found[-1])}")
        axes.plot(t[-1], y[-1], style[method]["marker"], color=look["color"], markersize=7, markeredgecolor="white", zorder=3)
        t, bounds = _known(curve, 2)
        if bounds and bounds[-1] in proved:
            axes.step(t, [bound / unit for bound in bounds], where="post", linestyle=(0, (2, 1.5)), **look)
    if instance.best_known is not None:
        closed = instance.best_known == instance.lower_bound
        label = f"{'optimum' if closed else 'best known'}{undisturbed(problem, instance)} {text(instance.best_known)}"
        axes.axhline(instance.best_known / unit, color="#555555", linewidth=1, linestyle=(0, (6, 3)), zorder=1, label=label)
    if instance.lower_bound is not None and instance.lower_bound != instance.best_known:
        look = {"color": "#999999", "linewidth": 1, "linestyle": (0, (1, 2)), "zorder": 1}
        axes.axhline(instance.lower_bound / unit, **look, label=f"lower bound {text(instance.lower_bound)}")
    if proved:
        axes.plot([], [], color="#555555", linestyle=(0, (2, 1.5)), label="bound proved")
    axes.set_ylim(low - margin, high + margin)
    axes.set_xlim(left, right)
    axes.yaxis.set_major_locator(MaxNLocator(integer=unit == 1))
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    _time_axis(axes, CLOCKS[clock])
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
    """Every method as its mean gap at its mean time, over a faint dot for each instance.

    What lies above the upper end of the axis, as `upper_end` gives it, is an arrow there: the legend has its mean.
    """
    figure, axes = _axes(8, 5)
    clock = clock_of(rows)
    total = len({row["instance"] for row in rows if row["gap"] is not None})
    answers = {method: [row for row in rows if row["method"] == method and row["gap"] is not None] for method in style}
    top = upper_end([[row["gap"] for row in mine] for mine in answers.values() if mine])
    bottom = min([0.0, *(row["gap"] for mine in answers.values() for row in mine)])
    edge = bottom + 0.985 * (top - bottom)
    for method, mine in ((method, mine) for method, mine in answers.items() if mine):
        look = style[method]
        seconds, gaps = [max(seconds_of(row, clock), _FASTEST) for row in mine], [row["gap"] for row in mine]
        dots = {"color": look["color"], "alpha": 0.35, "linewidths": 0}
        inside = [pair for pair in zip(seconds, gaps, strict=True) if pair[1] <= top]
        above = [t for t, value in zip(seconds, gaps, strict=True) if value > top]
        if len(mine) > 1:
            axes.scatter([t for t, _ in inside], [value for _, value in inside], s=14, **dots)
            axes.scatter(above, [edge] * len(above), s=22, marker="^", **dots)
        partial = "" if len(mine) == total else f" ({len(mine)} of {total})"
        mean = fmean(gaps)
        label = f"{method}  {mean:.1f} %{partial}{'' if mean <= top else ', above the axis'}"
        marker = {**look, **({} if mean <= top else {"marker": "^"})}
        place = fmean(seconds), min(mean, edge)
        axes.plot(*place, label=label, markersize=10, markeredgecolor="white", linestyle="none", clip_on=False, **marker)
    axes.set_ylim(bottom - 0.02 * (top - bottom), top)
    _time_axis(axes, f"{CLOCKS[clock]} an instance")
    axes.set_ylabel(f"gap to the best known {problem.objective} (%)")
    plural = "" if total == 1 else "s"
    axes.set_title(f"Quality against time, {total} {problem.title} instance{plural}", loc="left", fontweight="bold")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1), title="method, mean gap", alignment="left")
    return figure


def upper_end(gaps: Sequence[Sequence[float]]) -> float:
    """Where the gap axis ends: above the mean of every method but outliers, and above 95 % of the dots of these methods.

    The worst method is an outlier while its mean is `_OUTLIER` times the next one's or more; two methods are always shown.
    `gaps` has a row for each method, all percentages.
    """
    shown = sorted(gaps, key=fmean)
    while len(shown) > 2 and fmean(shown[-1]) >= _OUTLIER * max(fmean(shown[-2]), _SMALL):
        shown.pop()
    values = sorted(value for mine in shown for value in mine)
    most = quantiles(values, n=20)[-1] if len(values) > 20 else values[-1]
    worst = max(fmean(shown[-1]), _SMALL)
    return _ROOM * max(fmean(shown[-1]), min(most, _OUTLIER * worst), 0.1)
