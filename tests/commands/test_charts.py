"""Charts and legends as people read them: units of the objective, times in us, ms and s, axes that one outlier does not rule."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from benchmarks import curve_marks
from dispatchgym import families
from dispatchgym.evaluation import charts, plots, report
from dispatchgym.units import duration
from docs import make_images
from tests.commands.test_tables import row

JOBSHOP, PACK, MAP = families.load("jobshop"), families.load("memory-pack"), families.load("memory-map")


@dataclasses.dataclass
class Bounded:
    name: str
    lower_bound: int | None = None
    best_known: int | None = None


def legend(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (7e-5, "70 us"),
        (0.0004567, "457 us"),
        (0.00999, "9.99 ms"),
        (0.9996, "1 s"),
        (56.07, "56.1 s"),
        (612, "612 s"),
    ]
    + [(1234.6, "1235 s"), (1e-6, "1 us"), (0.0009996, "1 ms")],
)
def test_times_have_three_digits_and_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("family", "objective", "shown", "value"),
    [(MAP, 462_635_375, "462.64", 462.635375), (PACK, 1_191_936, "1164.00", 1164.0), (JOBSHOP, 55, "55", 55)],
)
def test_an_anytime_chart_shows_the_unit_that_its_axis_names(family: Any, objective: int, shown: str, value: float) -> None:
    curves: Any = {"spt": [(0.1, 2 * objective, None), (0.2, objective, objective - 1)]}
    instance = Bounded("x", objective - 1, objective)
    figure = charts.anytime(family, instance, curves, plots.styles(curves))
    axes = figure.axes[0]
    assert axes.get_ylabel() == f"{family.objective} ({family.unit})"
    assert f"spt  {shown}" in legend(figure)
    assert f"best known {shown}" in legend(figure)
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(value)
    low, high = axes.get_ylim()
    assert low < value < high < 2.5 * value
    assert family.objective_text(objective) == (shown if family is JOBSHOP else f"{shown} {family.unit}")


def test_charts_name_the_clock_of_the_run() -> None:
    style = plots.styles(["spt"])
    for clock, label in (("cpu", "CPU time"), ("wall", "wall time")):
        anytime = charts.anytime(JOBSHOP, Bounded("x"), {"spt": [(0.1, 9, None)]}, style, clock)
        assert anytime.axes[0].get_xlabel() == label
        rows = [row("a", "spt", 1100, "2x2", seconds=2.0, cpu_seconds=0.5, clock=clock)]
        axes = charts.gap_against_time(JOBSHOP, rows, style).axes[0]
        assert axes.get_xlabel() == f"{label} an instance"
        assert axes.lines[0].get_xdata()[0] == (0.5 if clock == "cpu" else 2.0)


def test_a_method_far_above_all_others_does_not_rule_the_gap_axis() -> None:
    assert charts.upper_end([[1.0], [5.0], [8.0], [10.0]]) == 12.5
    assert charts.upper_end([[0.5], [1.0], [2.0], [200.0]]) == 2.5
    assert charts.upper_end([[1.0], [200.0]]) == 250.0  # two methods are always shown
    means = {"a": 1.0, "b": 5.0, "c": 8.0, "random": 300.0}
    rows = [
        row(f"i{k}", name, 1, "2x2", gap=gap, seconds=3e-5 * (j + 1))
        for k in range(3)
        for j, (name, gap) in enumerate(means.items())
    ]
    figure = charts.gap_against_time(JOBSHOP, rows, plots.styles(means))
    axes = figure.axes[0]
    assert 8 < axes.get_ylim()[1] <= 12
    assert "random  300.0 %, above the axis" in legend(figure)
    where = [float(line.get_xdata()[0]) for line in axes.lines]
    assert where == pytest.approx([3e-5, 6e-5, 9e-5, 12e-5])  # rules are not stacked at one time
    assert max(float(line.get_ydata()[0]) for line in axes.lines) < axes.get_ylim()[1]
    formatter = axes.xaxis.get_major_formatter()
    assert [formatter(t) for t in (1e-5, 1e-3, 0.1, 10)] == ["10 us", "1 ms", "100 ms", "10 s"]


def test_a_legend_says_settings_and_no_measures() -> None:
    notes = {"fits": False, "moves": 1_915_615, "load_seconds": 0.1, "start": "fdd-mwkr", "samples": 8}
    built = report.build(JOBSHOP, [row("a", "tabu:0.5s", 1100, "2x2", notes=notes, cpu_seconds=7e-5)], [])
    assert built.legend == ["tabu:0.5s: time limit 500 ms, start fdd-mwkr, best of 8 samples, mean CPU time 70 us"]
    (grid,) = built.grids
    assert grid.columns[-1] == "time"
    assert grid.rows[0][-1] == "500 ms"


def test_training_curves_show_the_best_rule_and_where_each_curve_ends(tmp_path: Path) -> None:
    lines = [{"seconds": 60 * k, "validation": 40 - k, "rule.spt": 39.5, "rule.mwkr": 33.25} for k in (1, 2, 3)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    axes = make_images.training(tmp_path / "log.jsonl").axes[0]
    assert {"policy 37.0", "best rule: mwkr 33.2"} <= {text.get_text() for text in axes.texts}
    assert [line.get_ydata()[0] for line in axes.lines][1] == 33.25


def test_names_at_the_ends_of_curves_do_not_lie_on_each_other() -> None:
    figure = Figure((8, 4), dpi=100)
    axes = figure.add_subplot()
    axes.set_ylim(0, 100)
    curve_marks.name_ends(axes, 1.0, {"a": (50.0, "k"), "b": (50.5, "k"), "c": (90.0, "k")})
    places = {text.get_text(): axes.transData.transform((0, text.xy[1]))[1] * 0.72 + text.xyann[1] for text in axes.texts}
    assert set(places) == {"a 50.0", "b 50.5", "c 90.0"}
    ordered = sorted(places.values())
    assert min(after - before for before, after in itertools.pairwise(ordered)) >= curve_marks.LINE - 1e-6
