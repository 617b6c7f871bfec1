"""The charts of an evaluation's report."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from dispatchgym.evaluation import shares
from dispatchgym.evaluation.results import Row
from dispatchgym.evaluation.times import CLOCKS, clock_of, seconds_of
from dispatchgym.family import Family
from dispatchgym.report.scene import Chart, Line
from dispatchgym.statistics import half_width

FASTEST = 1e-6  # seconds; the clock tells no less
Curve = Sequence[tuple[float, int | None, int | None]]


def quality(problem: Family, rows: Sequence[Row]) -> Chart | None:
    """Mean gap against mean time; None where no best known value is published."""
    clock = clock_of(rows)
    lines = []
    for i, method in enumerate(methods_of(rows)):
        mine = [row for row in rows if row["method"] == method and row["gap"] is not None]
        if mine:
            gaps = [row["gap"] for row in mine]
            seconds = max(fmean(seconds_of(row, clock) for row in mine), FASTEST)
            half = half_width(gaps)
            intervals = None if half is None else [half]
            lines.append(Line(method, [seconds], [fmean(gaps)], intervals, style="points", colour=i))
    if not lines:
        return None
    note = "Mean over the instances with a best known value, with the 95 % confidence interval of the mean."
    upward = f"gap to the best known {problem.objective} (%)"
    return Chart("Quality against time", f"mean {CLOCKS[clock]} (s)", upward, lines, log_across=True, note=note)


def profiles(problem: Family, rows: Sequence[Row]) -> Chart | None:
    """Performance profiles; None for a single method or instance."""
    found = shares.ratios(rows)
    if len(found) < 2 or len(next(iter(found.values()))) < 2:
        return None
    largest = max((value for values in found.values() for value in values if value < float("inf")), default=1.0)
    lines = []
    for i, (method, values) in enumerate(found.items()):
        factors, share = shares.profile(values)
        end = 1.05 * max(100 * (largest - 1), 1.0)
        x = [*(100 * (factor - 1) for factor in factors), end]
        lines.append(Line(method, x, [*(100 * s for s in share), 100 * share[-1]], style="steps", colour=i))
    across = f"% above the best {problem.objective} of the run"
    note = (
        "Performance profile: the share of all instances on which a method comes that near to the best answer of the run. "
        "At the left it is how often the method is best; a line that ends below 100 % has instances without an answer."
    )
    return Chart("Performance profile", across, "share of instances (%)", lines, note=note)


def by_size(problem: Family, rows: Sequence[Row]) -> Chart | None:
    """Mean gap, or where none is published the mean percentage above the best of the run, for each group of instances."""
    groups = list(dict.fromkeys(tuple(row["group"]) for row in rows))
    if len(groups) < 2:
        return None
    published = all(row["gap"] is not None for row in rows if row["objective"] is not None)
    ratio = shares.ratios(rows)
    place = {name: i for i, name in enumerate(dict.fromkeys(row["instance"] for row in rows))}
    lines = []
    for i, method in enumerate(methods_of(rows)):
        x, y, half = [], [], []
        for group in groups:
            mine = [r for r in rows if r["method"] == method and tuple(r["group"]) == group and r["objective"] is not None]
            gaps = [r["gap"] if published else 100 * (ratio[method][place[r["instance"]]] - 1) for r in mine]
            gaps = [gap for gap in gaps if gap < float("inf")]
            if gaps:
                x.append(" ".join(part for part in group if part).replace("\n", " "))
                y.append(fmean(gaps))
                half.append(half_width(gaps) or 0.0)
        lines.append(Line(method, x, y, half, style="line", colour=i))
    upward = f"gap to the best known {problem.objective} (%)" if published else "above the best of the run (%)"
    return Chart("Gap by size", "set and size", upward, lines, note="Means with their 95 % confidence intervals.")


def anytime(problem: Family, instance: Any, curves: dict[str, Curve], numbers: dict[str, int], clock: str) -> Chart:
    """Best objective over the time of each method, and dotted the bound that it proved."""
    lines = []
    unit = problem.per_unit
    for method, curve in curves.items():
        for column, style in ((1, "steps"), (2, "dashes")):
            points = [(max(point[0], FASTEST), point[column]) for point in curve if point[column] is not None]
            if points:
                name = method if column == 1 else f"{method}: bound"
                y = [(value or 0) / unit for _, value in points]
                lines.append(Line(name, [t for t, _ in points], y, style=style, colour=numbers[method]))
    times = [x for line in lines for x in line.x]
    for line in lines:
        if line.style == "steps":  # the answer, once found, stays
            line.x, line.y = [*line.x, 1.6 * max(times)], [*line.y, line.y[-1]]
    for name, value in (("best known", instance.best_known), ("lower bound", instance.lower_bound)):
        if value is not None and times:
            lines.append(Line(name, [min(times), 1.6 * max(times)], [value / unit] * 2, style="dashes"))
    title = f"{instance.name}: best {problem.objective} over time"
    return Chart(title, f"{CLOCKS[clock]} (s)", f"{problem.objective} ({problem.unit})", lines, log_across=True)


def methods_of(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in rows))
