"""The sortable tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from dispatchgym.evaluation import shares
from dispatchgym.evaluation.results import Row
from dispatchgym.evaluation.times import CLOCKS, clock_of, seconds_of
from dispatchgym.family import Column, Family
from dispatchgym.report.charts import methods_of
from dispatchgym.statistics import half_width
from dispatchgym.units import duration


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and by what it is sorted."""

    text: str
    value: float | str | None  # None comes last


@dataclass(frozen=True)
class Table:
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()
    filtered: bool = False  # whether there is a field to filter the rows


def methods_table(problem: Family, rows: Sequence[Row]) -> Table:
    """A row for each method: the mean with its interval, the median, how often it is good, and its time."""
    published = any(row["gap"] is not None for row in rows)
    objective = Column(f"{problem.objective} ({problem.unit})", lambda row: row["objective"] / problem.per_unit)
    measure = Column("gap %", lambda row: row["gap"]) if published else problem.table_cell() or objective
    clock = clock_of(rows)
    ratio = shares.ratios(rows)
    heads = ["method", "answers", f"mean {measure.head}", "95 % interval", "median", "best of run", "within 5 %", "beats another"]
    found = []
    for method in methods_of(rows):
        mine = [row for row in rows if row["method"] == method]
        answered = [row for row in mine if row["objective"] is not None]
        values, mine_ratio = measure.values(mine), ratio[method]
        half = half_width(values)
        mean = fmean(values) if values else None
        ends = () if mean is None or half is None else (mean - half, mean + half)
        others = [shares.improvement(mine_ratio, other) for name, other in ratio.items() if name != method]
        seconds = fmean(seconds_of(row, clock) for row in mine)
        found.append(
            [
                Cell(method, method),
                Cell(f"{len(answered)}/{len(mine)}", len(answered)),
                _number(mean, measure.digits),
                Cell(" .. ".join(f"{end:.{measure.digits}f}" for end in ends) or "-", ends[1] - ends[0] if ends else None),
                _number(median(values) if values else None, measure.digits),
                _share(shares.within(mine_ratio, 1.0)),
                _share(shares.within(mine_ratio, 1.05)),
                _share(fmean(others)) if others else Cell("-", None),
                Cell(duration(seconds), seconds),
            ]
        )
    notes = (
        "95 % interval: of the mean, by Student's t over the instances. best of run, within 5 %: on how many instances the "
        "method's objective is the best of the run, or at most 5 % above it. beats another: the probability of improvement over "
        "another method on the same instance, ties one half, as the mean over the other methods.",
        f"time: mean {CLOCKS[clock]}. " + (measure.note or "gap: percent above the best known objective."),
    )
    return Table("Methods", [*heads, "time"], found, notes)


def answers_table(problem: Family, rows: Sequence[Row]) -> Table:
    """A row for each answer, with the hashes of what was solved and loaded."""
    clock = clock_of(rows)
    unit = f"{problem.objective} ({problem.unit})"
    heads = ["instance", "method", unit, "gap %", "bound", "status", "time", "seed", "instance hash", "weights hash", "reason"]
    found = []
    for row in rows:
        seconds = seconds_of(row, clock)
        found.append(
            [
                Cell(row["instance"], row["instance"]),
                Cell(row["method"], row["method"]),
                _objective(problem, row["objective"]),
                _number(row["gap"]),
                _objective(problem, row["lower_bound"]),
                Cell(row["status"], row["status"]),
                Cell(duration(seconds), seconds),
                Cell(str(row["seed"]), row["seed"]),
                Cell(row["digest"], row["digest"]),
                Cell(row.get("weights") or "-", row.get("weights")),
                Cell(row["reason"] or "", row["reason"]),
            ]
        )
    return Table("All answers", heads, found, filtered=True)


def _objective(problem: Family, value: Any) -> Cell:
    return Cell("-", None) if value is None else Cell(problem.format_objective(value), value)


def _number(value: float | None, digits: int = 2) -> Cell:
    return Cell("-", None) if value is None else Cell(f"{value:.{digits}f}", value)


def _share(value: float) -> Cell:
    return Cell(f"{100 * value:.0f} %", value)
