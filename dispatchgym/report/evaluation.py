"""The report of an evaluation: what `evaluate.py --report` writes to OUT/report.html."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from dispatchgym.evaluation.plots import curve_of
from dispatchgym.evaluation.report import Grid, Report
from dispatchgym.evaluation.results import Row
from dispatchgym.evaluation.times import clock_of
from dispatchgym.family import Family
from dispatchgym.report import charts
from dispatchgym.report.episodes import episodes
from dispatchgym.report.page import Drawn, Page, write
from dispatchgym.report.scene import Chart
from dispatchgym.report.summary import Cell, Table, answers_table, methods_table

BOXES = 60_000  # of all schedules together: some 10 MB
SCHEDULES, CURVES = 200, 60  # of them at most

Stored = Callable[[Row], dict[str, Any] | None]


def write_report(
    problem: Family,
    rows: Sequence[Row],
    instances: dict[str, Any],
    stored: Stored,
    summary: Report,
    run: dict[str, Any],
    path: Path,
) -> list[str]:
    """Write the report on `rows` to `path`; returns lines that say what was left out.

    `instances` holds the instances by name; `stored` gives the schedule and curve behind a row; `run` is what run.json says.
    Raises InputError where a package is missing or the file cannot be written.
    """
    solved = [row for row in rows if row["objective"] is not None and row["instance"] in instances]
    drawn, notes = _schedules(problem, solved, instances, stored)
    played, more = episodes(problem, [(instances[row["instance"]], row["method"]) for row in solved])
    for one in played:
        one.shown = f"{problem.objective} {problem.objective_text(one.objective)}"
    left_out = [*notes, *more]
    page = Page(
        title=f"Evaluation: {problem.title}",
        head=summary.head,
        command=run["command"],
        facts=facts(run),
        alarms=summary.alarms,
        tables=[methods_table(problem, rows), *(_table(grid) for grid in summary.grids)],
        charts=_charts(problem, rows, solved),
        curves=_curves(problem, solved, instances, stored),
        schedules=drawn,
        episodes=played,
        answers=answers_table(problem, rows),
        notes=[*summary.legend, *summary.notes, *left_out],
    )
    write(page, path)
    return left_out


def facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    """What run.json says, as names and values; the runs before that were continued are counted."""
    plain = {name: value for name, value in run.items() if name not in ("command", "earlier")}
    found: list[tuple[str, str]] = []
    for name, value in plain.items():
        text = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else str(value)
        found.append((name.replace("_", " "), text))
    earlier = run.get("earlier") or []
    found += [(f"earlier run {i}", str(one.get("command", ""))) for i, one in enumerate(earlier, 1)]
    return found


def _charts(problem: Family, rows: Sequence[Row], solved: list[Row]) -> list[Chart]:
    made: Iterable[Chart | None] = (
        charts.quality(problem, rows),
        charts.profiles(problem, rows),
        charts.by_size(problem, rows),
        *(problem.report_charts(solved) if problem.report_charts else ()),
    )
    return [chart for chart in made if chart is not None]


def _curves(problem: Family, solved: Sequence[Row], instances: dict[str, Any], stored: Stored) -> dict[str, Chart]:
    clock = clock_of(solved)
    numbers = {method: i for i, method in enumerate(charts.methods_of(solved))}
    names = list(dict.fromkeys(row["instance"] for row in solved))[:CURVES] if problem.anytime else []
    found = {}
    for name in names:
        curves = {row["method"]: curve_of(row, stored(row), clock) for row in solved if row["instance"] == name}
        found[name] = charts.anytime(problem, instances[name], curves, numbers, clock)
    return found


def _schedules(
    problem: Family, solved: Sequence[Row], instances: dict[str, Any], stored: Stored
) -> tuple[dict[str, list[Drawn]], list[str]]:
    """The schedules by instance, as many as have room, and a line on those that have none."""
    if problem.scenes is None:
        return {}, []
    found: dict[str, list[Drawn]] = {}
    boxes = count = 0
    order = {name: i for i, name in enumerate(dict.fromkeys(row["instance"] for row in solved))}
    for row in sorted(solved, key=lambda row: order[row["instance"]]):  # every method of an instance, then the next one
        data = stored(row)
        if data is None:
            continue
        scenes = problem.scenes(instances[row["instance"]], problem.schedule(data))
        boxes += sum(len(scene.left) for scene in scenes)
        if count and (boxes > BOXES or count == SCHEDULES):
            return found, [f"Schedules: {count} of {len(solved)}, as the file would become too large; OUT/schedules has all."]
        gap = "" if row["gap"] is None else f", {row['gap']:.1f} % above the best known"
        heading = f"{row['method']}: {problem.objective} {problem.objective_text(row['objective'])}{gap}"
        found.setdefault(row["instance"], []).append(Drawn(heading, scenes))
        count += 1
    return found, []


def _table(grid: Grid) -> Table:
    """A table of the terminal for the page; a cell is sorted by the number that it begins with, if it does."""
    rows = [[Cell(text, _value(text) if j else text) for j, text in enumerate(row)] for row in grid.rows]
    return Table(grid.title or "Means by set and size", list(grid.columns), rows)


def _value(text: str) -> float | str | None:
    if text == "-":
        return None
    number = re.match(r"[-+]?\d+(\.\d+)?", text)
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}.get(text.rpartition(" ")[2], 1.0)
    return float(number[0]) * unit if number else text
