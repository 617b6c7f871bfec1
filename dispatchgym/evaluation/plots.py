"""Pictures of an evaluation: schedules, anytime curves, and quality against time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dispatchgym.evaluation.charts import Curve, Style, anytime, gap_against_time, undisturbed
from dispatchgym.evaluation.results import Row, file_name
from dispatchgym.evaluation.times import clock_of, seconds_of
from dispatchgym.family import Family

LIMIT = 40  # charts of a kind; drawing them takes longer than many methods

# Okabe & Ito's colours, told apart by colour-blind readers, darkest first; yellow is left out on white paper
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = "osD^vPX*"


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
            gap = _gap_text(row, undisturbed(problem, instance))
            title = f"{row['instance']}, {row['method']}: {problem.objective} {problem.objective_text(row['objective'])}{gap}"
            chart = problem.draw(instance, problem.schedule(data), title=title)
            save(chart, folder / f"schedule-{file_name(row['instance'], row['method'])}.png")
    clock = clock_of(rows)
    lines = [_said(len(drawn), len(solved), "schedule chart")]
    names = list(dict.fromkeys(row["instance"] for row in solved)) if problem.anytime else []
    for name in names[:LIMIT]:
        curves = {row["method"]: curve_of(row, stored(row), clock) for row in solved if row["instance"] == name}
        figure = anytime(problem, instances[name], curves, style, clock)
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


def curve_of(row: Row, data: dict[str, Any] | None, clock: str) -> Curve:
    """The anytime curve of an answer from what is stored beside it, with its end: the time that the method took."""
    points = [(float(t), objective, bound) for t, objective, bound in (data or {}).get("curve", [])]
    # The seconds of a solver with several threads are those of one of them, as its curve knows.
    end = seconds_of(row, clock) if clock == "wall" or row["workers"] == 1 or not points else points[-1][0]
    return [*points, (max(end, points[-1][0] if points else 0.0), row["objective"], row["lower_bound"])]


def save(figure: Figure, path: Path) -> None:
    """Write a picture; the format is that of the suffix."""
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=150, bbox_inches="tight", facecolor="white")
