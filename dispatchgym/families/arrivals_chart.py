"""Latency against the rate of arrivals: the curves of several methods on workloads that differ in their mean gap only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.statistics import Row, half_width

STEEP = 6.0  # largest over smallest latency from which on the axis is logarithmic


@dataclass(frozen=True)
class Point:
    """Means over the streams of one workload."""

    rate: float  # jobs that are meant to arrive, per millisecond
    streams: int
    latency: float  # microseconds
    half: float | None  # of its 95 % confidence interval
    p95: float | None
    completed: float
    throughput: float  # completed jobs per millisecond
    utilisation: float
    energy: float  # microjoules
    per_task: float | None  # CPU microseconds for each task begun


@dataclass(frozen=True)
class Curve:
    """One method on one workload."""

    workload: str  # without its mean gap
    method: str
    points: list[Point]  # by rate


def curves(rows: Sequence[Row]) -> list[Curve]:
    """A curve of every workload and method with answers that tell a rate."""
    told = [row for row in rows if row["objective"] is not None and row["metrics"].get("rate") is not None]
    found: dict[tuple[str, str], dict[float, list[Row]]] = {}
    for row in told:
        key = soc_catalogue.workload_of(row["instance"], without="scale"), row["method"]
        found.setdefault(key, {}).setdefault(row["metrics"]["rate"], []).append(row)
    return [Curve(*key, [_point(rate, rates[rate]) for rate in sorted(rates)]) for key, rates in found.items()]


def _point(rate: float, rows: Sequence[Row]) -> Point:
    latency = [row["objective"] / 1000 for row in rows]
    tails = [row["metrics"]["p95_latency"] for row in rows if row["metrics"]["p95_latency"] is not None]
    tasks = sum(row["metrics"]["tasks"] for row in rows)
    means = {name: fmean(row["metrics"][name] for row in rows) for name in ("completed", "throughput", "utilisation", "energy")}
    return Point(
        rate=rate,
        streams=len(rows),
        latency=fmean(latency),
        half=half_width(latency),
        p95=fmean(tails) if tails else None,
        per_task=1e6 * sum(row["cpu_seconds"] for row in rows) / tasks if tasks else None,
        **means,
    )


def chart(found: Sequence[Curve], style: dict[str, dict[str, Any]]) -> Figure:
    """A panel for each workload: mean latency with its interval above, completed jobs below."""
    workloads = list(dict.fromkeys(curve.workload for curve in found))
    methods = list(dict.fromkeys(curve.method for curve in found))
    figure = Figure((2.6 + 4.6 * len(workloads), 6.2), layout="constrained")
    grid = figure.subplots(2, len(workloads), squeeze=False, sharex="col", height_ratios=(2, 1))
    for j, workload in enumerate(workloads):
        upper, lower = grid[0, j], grid[1, j]
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(color="#e6e6e6", linewidth=0.8)
            axes.set_axisbelow(True)
        shown = [curve for curve in found if curve.workload == workload]
        for curve in shown:
            look = {**style[curve.method], "linewidth": 1.6, "markersize": 5, "label": curve.method}
            rates = [point.rate for point in curve.points]
            halves = [point.half or 0.0 for point in curve.points]
            upper.errorbar(rates, [point.latency for point in curve.points], halves, capsize=2, elinewidth=0.9, **look)
            lower.plot(rates, [point.throughput for point in curve.points], **look)
        latencies = [point.latency for curve in shown for point in curve.points]
        if max(latencies) > STEEP * min(latencies) > 0:
            upper.set_yscale("log")
            upper.yaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
            upper.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            upper.yaxis.set_minor_formatter(NullFormatter())
        upper.set_title(workload, loc="left", fontweight="bold", fontsize=11)
        lower.set_xlabel("jobs arriving per millisecond (1000 / mean gap)")
    grid[0, 0].set_ylabel("mean latency (microseconds)")
    grid[1, 0].set_ylabel("jobs completed per ms")
    handles = {label: handle for axes in grid[0] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend([handles[method] for method in methods], methods, loc="outside right upper", frameon=False)
    return figure
