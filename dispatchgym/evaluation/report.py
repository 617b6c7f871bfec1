"""Tables of an evaluation: methods down, groups of instances across, in the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

from dispatchgym import statistics
from dispatchgym.baselines.method import parse_method
from dispatchgym.evaluation import shares
from dispatchgym.evaluation.results import Row, gap
from dispatchgym.evaluation.times import CLOCKS, clock_of, seconds_of, starved
from dispatchgym.family import Column, Family
from dispatchgym.statistics import difference, holm
from dispatchgym.units import duration

WIDEST = 9  # groups in one table; more are shown set by set

Test = Callable[[Row], bool]


@dataclass
class Grid:
    """One table of cells, before anybody draws it."""

    title: str
    columns: list[str]  # a line break separates set and size
    rows: list[list[str]] = field(default_factory=list)
    best: set[tuple[int, int]] = field(default_factory=set)  # (row, column) of the best means


@dataclass
class Report:
    """All that an evaluation says at its end."""

    head: list[str]
    grids: list[Grid]
    legend: list[str]  # what each method was
    notes: list[str]
    alarms: list[str]  # records and refusals: never to be overlooked


def build(problem: Family, rows: Sequence[Row], head: Sequence[str], compare_with: str | None = None) -> Report:
    """The report on `rows`, lines of results.jsonl; with paired differences from the method `compare_with`.

    Where instances are disturbed these are shown in any case, from the first method unless another one is asked for.
    """
    methods = list(dict.fromkeys(row["method"] for row in rows))
    maker = _GridMaker(problem, rows, methods)
    levels = list(dict.fromkeys(_level(problem, row) for row in rows))
    grids = []
    if problem.disturbance is not None and len(levels) > 1:
        columns = [(level.replace(",", "\n", 1), _at_level(problem, level)) for level in levels]
        for first in range(0, len(columns), maker.widest):
            grids.append(maker.grid(problem.disturbance.value.title, columns[first : first + maker.widest], mixed=True))
    split = {level: {tuple(row["group"]) for row in rows if _level(problem, row) == level} for level in levels}
    if len(levels) == 1 or problem.columns or any(len(groups) > 1 for groups in split.values()):
        for level in levels:
            grids += _by_group(maker, level, _at_level(problem, level))
    notes = maker.notes()
    disturbed = any(row["instance"] != _original(problem, row["instance"]) for row in rows)
    if problem.disturbance is not None and disturbed:
        notes.append(problem.disturbance.value.note)
    reference = compare_with or (methods[0] if disturbed else None)
    if reference is not None and len(methods) > 1:
        grids.append(_paired(problem, rows, methods, reference))
        notes.append(_PAIRED)
    shows_intervals = any(column.interval for column in (maker.cell, *problem.table_columns()))
    if (reference is not None or shows_intervals) and not statistics.installed("scipy"):
        notes.append(statistics.WITHOUT)
    if (often := shares.table(rows)) is not None:
        grids.append(Grid("how often", *often))
        notes.append(shares.NOTE)
    alarms = [*_alarms(problem, rows), *_starved(rows)]
    return Report(list(head), grids, [_describe(m, rows) for m in methods], notes, alarms)


def _level(problem: Family, row: Row) -> str:
    return problem.disturbance.value.of(row["instance"]) if problem.disturbance is not None else ""


def _original(problem: Family, name: str) -> str:
    return problem.disturbance.value.original(name) if problem.disturbance is not None else name


def _by_group(maker: _GridMaker, level: str, at_level: Test) -> list[Grid]:
    """Tables of the rows of one level, whose columns are sets and sizes; several if these are many."""
    groups = list(dict.fromkeys((row["group"][0], row["group"][1]) for row in maker.rows if at_level(row)))
    sets = list(dict.fromkeys(name for name, _ in groups))

    def grid(title: str, columns: list[tuple[str, Test]]) -> Grid:
        heading = ": ".join(part for part in (level, title) if part)
        return maker.grid(heading, [(head, _both(at_level, test)) for head, test in columns])

    if len(groups) <= WIDEST:
        return [grid("", [("\n".join(filter(None, group)), _in_group(*group)) for group in groups])]
    grids = [grid("by set", [(name, _in_set(name)) for name in sets])]
    for name in sets:
        sizes = [size for family, size in groups if family == name]
        if len(sizes) > 1:
            grids.append(grid(name, [(size, _in_group(name, size)) for size in sizes]))
    return grids


_PAIRED = (
    "Paired differences: mean of 100 * (objective / the reference's objective on the same instance - 1) and its 95 % confidence "
    "interval, Student's t over instances, each the mean of its traces (over the traces if there is one instance only). p: "
    "Wilcoxon's signed-rank test over the same, two-sided, by Holm's method corrected for all comparisons of the table."
)


def _paired(problem: Family, rows: Sequence[Row], methods: Sequence[str], reference: str) -> Grid:
    """Every method against `reference`, level by level."""
    levels = list(dict.fromkeys(_level(problem, row) for row in rows))
    head = ["method", "level", "difference %", "95 % interval", "p (Holm)", "instances", "pairs"]
    found = Grid(f"paired differences from {reference}", head if len(levels) > 1 else [head[0], *head[2:]])
    compared = []
    for method in (method for method in methods if method != reference):
        for level in levels:
            mine = [row for row in rows if _level(problem, row) == level]
            compared.append((method, level, difference(mine, method, reference, partial(_original, problem))))
    corrected = holm([d.p if d is not None else None for *_, d in compared])
    for (method, level, d), p in zip(compared, corrected, strict=True):
        cells = ["-", "-", "-", "0", "0"]
        if d is not None:
            interval = "-" if d.half is None else f"{d.mean - d.half:+.2f} .. {d.mean + d.half:+.2f}"
            cells = [f"{d.mean:+.2f}", interval, _probability(p), str(d.instances), str(d.pairs)]
        found.rows.append([method, level, *cells] if len(levels) > 1 else [method, *cells])
    return found


def _probability(p: float | None) -> str:
    return "-" if p is None else f"{p:.4f}" if p >= 1e-4 else "<0.0001"


def _in_group(name: str, size: str) -> Test:
    return lambda row: row["group"][0] == name and row["group"][1] == size


def _in_set(name: str) -> Test:
    return lambda row: bool(row["group"][0] == name)


def _at_level(problem: Family, level: str) -> Test:
    return lambda row: _level(problem, row) == level


def _both(first: Test, second: Test) -> Test:
    return lambda row: first(row) and second(row)


class _GridMaker:
    def __init__(self, problem: Family, rows: Sequence[Row], methods: list[str]) -> None:
        self.problem, self.rows, self.methods = problem, rows, methods
        self.cell = problem.table_cell() or Column(problem.objective, lambda row: row["objective"], digits=1)
        self.widest = WIDEST if self.cell.beside is None else WIDEST // 2
        self.partial = self.unknown = self.known = self.compared = False
        self.run_gap = _gap_to_best(rows) if problem.cell is None and len(methods) > 1 else None
        self.proved = _proved(rows)
        self.clock = clock_of(rows)
        self.starved = starved(rows)

    def grid(self, title: str, columns: list[tuple[str, Test]], mixed: bool = False) -> Grid:
        """Mean gaps in `columns`; where no best known value is published the family's cells. Then, unless columns are `mixed` so
        that this says nothing, means over all of them."""
        selected = [row for row in self.rows if any(test(row) for _, test in columns)]
        values, heads, gaps = [], [], 0
        for head, test in columns:
            inside = [row for row in selected if test(row)]
            published = any(row["best_known"] is not None for row in inside)
            measure = _GAP if published else self.run_gap or self.cell
            self.unknown |= measure is self.cell
            gaps += measure is not self.cell
            self.known |= measure is _GAP
            self.compared |= measure is self.run_gap
            # Where nothing has a gap the head of the report says what cells are.
            heads.append(head if measure is _GAP or not self.problem.bounds else f"{head}\n{measure.title}")
            values.append([self._mean(inside, method, measure) for method in self.methods])
        if gaps > 1 and not mixed:
            heads.append("all")
            published = any(row["best_known"] is not None for row in selected)
            over = _GAP if published or self.run_gap is None else self.run_gap
            values.append([self._mean(selected, method, over) for method in self.methods])
        proved = ["optimal"] if self.problem.bounds else []
        further = [column for column in self.problem.table_columns() if column.across or not mixed]
        grid = Grid(title, ["method", *heads, *(column.title for column in further), *proved, "time"])
        for i, method in enumerate(self.methods):
            mine = [row for row in selected if row["method"] == method]
            cells = [column[i][1] for column in values] + [column.text(mine) for column in further]
            cells += [f"{sum(is_optimal(row, self.proved) for row in mine)}/{len(mine)}"] if proved else []
            grid.rows.append([method, *cells, duration(fmean(seconds_of(row, self.clock) for row in mine)) if mine else "-"])
        for j, column in enumerate(values, 1):
            fed = {i: mean for i, (mean, _) in enumerate(column) if mean is not None and self.methods[i] not in self.starved}
            if len(self.methods) > 1:
                grid.best |= {(i, j) for i, mean in fed.items() if mean == min(fed.values())}
        return grid

    def _mean(self, rows: list[Row], method: str, measure: Column) -> tuple[float | None, str]:
        """The mean of one cell, if it is over the same instances as everybody's, and its text."""
        possible = {row["instance"] for row in rows if measure is not _GAP or row["best_known"] is not None}
        mine = [row for row in rows if row["method"] == method]
        values, text = measure.values(mine), measure.text(mine)
        if not values:
            return None, text
        if len(values) < len(possible):
            self.partial = True
            return None, f"{text}*"
        return fmean(values), text

    def notes(self) -> list[str]:
        objective = self.problem.objective
        notes = []
        if self.known:
            notes.append(
                f"Cells: mean of 100 * ({objective} / best known {objective} - 1), in percent; lower is better. "
                "Every schedule passed the referee."
            )
        if self.problem.bounds:
            plural = f"{objective.removesuffix('y')}ies" if objective.endswith("y") else f"{objective}s"
            notes.append(f"optimal: {plural} that meet a proved bound: a published one, or one that a method of this run proved.")
        if self.compared:
            notes.append(
                f"Columns headed '{_TO_BEST}': percent above the best {objective} that any method of this run found, because "
                "no best known value is published."
            )
        if self.unknown:
            known = f"Columns headed '{objective}': mean {objective}, because no best known value is published."
            notes.append(self.cell.note if self.problem.cell else known)
        notes += [column.note for column in self.problem.table_columns() if column.note and column.note not in notes]
        notes.append(f"time: mean {CLOCKS[self.clock]}{', of all threads' if self.clock == 'cpu' else ''}.")
        if self.partial:
            notes.append("*: no answer to some instances of the column, so this mean compares with no other.")
        return notes


_GAP = Column("gap", lambda row: row["gap"])
_TO_BEST = "% to best of run"


def _gap_to_best(rows: Sequence[Row]) -> Column:
    """The gap to the best objective of the run on the same instance."""
    best: dict[str, int] = {}
    for row in rows:
        if row["objective"] is not None:
            best[row["instance"]] = min(row["objective"], best.get(row["instance"], row["objective"]))
    return Column(_TO_BEST, lambda row: gap(row["objective"], best[row["instance"]]))


def _proved(rows: Sequence[Row]) -> dict[str, int]:
    """instance -> the largest lower bound that is published or that a method of the run proved."""
    found: dict[str, int] = {}
    for row in rows:
        bounds = (row["lower_bound"], row["lower_bound_known"], row["objective"] if row["status"] == "optimal" else None)
        known = [bound for bound in bounds if bound is not None]
        found[row["instance"]] = max([*known, found.get(row["instance"], 0)])
    return found


def is_optimal(row: Row, proved: Mapping[str, int]) -> bool:
    return row["status"] == "optimal" or (row["objective"] is not None and row["objective"] == proved.get(row["instance"]))


def _describe(method: str, rows: Sequence[Row]) -> str:
    """What a method was: its builder, its limit, what its solver says in words of every answer, and the time that it took.

    Numbers of a solver (moves, nodes) are measures of single answers: results.jsonl has them.
    """
    mine = [row for row in rows if row["method"] == method and row["objective"] is not None]
    parts = []
    builders = sorted({str(row["builder"]) for row in mine if row["builder"]})
    if builders:
        parts.append(f"{'/'.join(builders)} builder")
    limit = parse_method(method).seconds
    if limit is not None:
        parts.append(f"time limit {duration(limit)}")
    for name in dict.fromkeys(name for row in mine for name in row["notes"]):
        found = [row["notes"].get(name) for row in mine]
        if any(value != found[0] for value in found):
            continue
        if name == "samples":
            parts.append("1 sample" if found[0] == 1 else f"best of {found[0]} samples")
        elif isinstance(found[0], str):
            parts.append(f"{name} {found[0]}")
    if mine:
        parts.append(f"mean CPU time {duration(fmean(row['cpu_seconds'] for row in mine))}")
    return f"{method}: {', '.join(parts) or 'no answer'}"


def _alarms(problem: Family, rows: Sequence[Row]) -> list[str]:
    alarms = []
    for row in rows:
        who = f"{row['instance']} by {row['method']}"
        if row["status"] == "error":
            alarms.append(f"ERROR {who}: {row['reason']}")
        elif row.get("record"):
            found, before = problem.objective_text(row["objective"]), problem.objective_text(row["best_known"])
            alarms.append(f"NEW RECORD {who}: {problem.objective} {found}, best known was {before}")
    return alarms


def _starved(rows: Sequence[Row]) -> list[str]:
    return [
        f"WARNING {method} had a processor for only {100 * share:.0f} % of its wall time, so it is not compared: the machine is "
        "busy, or --workers is more than its cores"
        for method, share in starved(rows).items()
    ]


def header(problem: Family, run: dict[str, Any], rows: Sequence[Row]) -> list[str]:
    """The lines above the tables: what was run, on what."""
    machine = run["machine"]
    names = {row["instance"] for row in rows}
    instances = _count(len({_original(problem, name) for name in names}), "instance")
    traces = sum(name != _original(problem, name) for name in names)
    instances += f" with {_count(traces, 'trace')} of interruptions" if traces else ""
    methods = _count(len({row["method"] for row in rows}), "method")
    cores = _count(run["solver_workers"], "core")
    cell = None if any(row["best_known"] is not None for row in rows) else problem.table_cell()
    shown = f"mean {cell.title}" if cell else f"mean gap to the best known {problem.objective}, %"
    bounds = f"; bounds: {problem.bounds}" if problem.bounds else ""
    return [
        f"{problem.title}: {shown}",
        f"{instances}, {methods}, seed {run['seed']}, {cores} a method, {run['workers']} at a time, limits in "
        f"{CLOCKS[clock_of(rows)]}{bounds}",
        f"{machine['cpu']}, {_count(machine['cores'], 'core')}; dispatchgym {run['versions']['dispatchgym']}, {run['date'][:10]}",
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
