"""Performance profiles, probabilities of improvement and the tables of a report, by hand."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from dispatchgym import families
from dispatchgym.evaluation import report, shares
from dispatchgym.instances.errors import InputError
from dispatchgym.report import charts, page
from dispatchgym.report.evaluation import facts
from dispatchgym.report.figures import figure
from dispatchgym.report.scene import Chart, Line
from dispatchgym.report.summary import methods_table
from tests.commands.test_tables import row

JOBSHOP = families.load("jobshop")
ROWS = [
    row("a", "spt", 110, "2x2", 100),
    row("a", "tabu", 100, "2x2", 100),
    row("b", "spt", 200, "2x2", 200),
    row("b", "tabu", 200, "2x2", 200),
    row("c", "spt", 60, "3x3", 50),
    row("c", "tabu", None, "3x3", 50, status="timeout"),
]


def test_ratios_are_to_the_best_of_the_run_and_infinite_without_an_answer() -> None:
    assert shares.ratios(ROWS) == {"spt": [1.1, 1.0, 1.0], "tabu": [1.0, 1.0, float("inf")]}
    zero = [row("a", "x", 0, "", None), row("a", "y", 3, "", None)]
    assert shares.ratios(zero) == {"x": [1.0], "y": [float("inf")]}


def test_a_profile_says_how_often_a_method_is_within_a_factor_of_the_best() -> None:
    assert shares.profile([1.1, 1.0, 1.0, float("inf")]) == ([1.0, 1.1], [0.5, 0.75])
    assert shares.within([1.05, 1.2], 1.05) == 0.5


def test_the_probability_of_improvement_counts_ties_half() -> None:
    assert shares.improvement([1.1, 1.0, 1.0], [1.0, 1.0, float("inf")]) == pytest.approx(0.5)
    assert shares.improvement([1.0, 1.0], [1.5, 1.0]) == 0.75


def test_the_table_of_methods_has_the_numbers_of_the_rows() -> None:
    table = methods_table(JOBSHOP, ROWS)
    spt, tabu = table.rows
    assert [cell.text for cell in spt[:3]] == ["spt", "3/3", "10.00"]
    assert [cell.text for cell in tabu[:3]] == ["tabu", "2/3", "0.00"]
    assert [cell.text for cell in spt[5:8]] == ["67 %", "67 %", "50 %"]


def test_charts_are_left_out_where_they_would_say_nothing() -> None:
    assert charts.profiles(JOBSHOP, ROWS[:1]) is None
    assert charts.by_size(JOBSHOP, ROWS[:4]) is None
    found = charts.by_size(JOBSHOP, ROWS)
    assert found is not None
    assert found.lines[0].x == ["ta 2x2", "ta 3x3"]
    assert found.lines[0].y == pytest.approx([5.0, 20.0])


def test_figures_have_the_lines_of_their_chart_and_names_cannot_be_tags() -> None:
    line: Any = Line("<b>%{x}", [1, 2], [3.0, 4.0], text=["a", "b"], colour=1)
    made = figure(Chart("t", "x", "y", [line], log_across=True), ("#111111", "#222222"))
    assert made["data"][0]["line"]["color"] == "#222222"
    assert made["data"][0]["hovertemplate"].endswith("<extra>&lt;b>% {x}</extra>")
    assert made["layout"]["xaxis"]["type"] == "log"


def test_data_in_the_page_cannot_end_its_script_and_has_no_infinities() -> None:
    assert page._for_script("a</script>b<!--c") == "a<\\/script>b<\\!--c"
    assert page._finite({"a": [float("nan"), 1.5, (2,)]}) == {"a": [None, 1.5, [2]]}


def test_a_missing_package_is_one_line_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(InputError, match=r"^--report needs the extra 'report': pip install 'dispatchgym\[report\]'$"):
        page.require()


def test_the_facts_of_a_run_count_those_that_it_continued() -> None:
    run = {"command": "c", "seed": 3, "versions": {"python": "3", "numpy": "2"}, "earlier": [{"command": "before"}]}
    assert facts(run) == [("seed", "3"), ("versions", "python 3, numpy 2"), ("earlier run 1", "before")]


def test_tables_have_profiles_and_probabilities_beside_means_from_five_instances_on() -> None:
    rows = [row(f"i{k}", name, value, "2x2") for k in range(5) for name, value in (("a", 100), ("b", 104 if k else 100))]
    *_, grid = report.build(JOBSHOP, rows, []).grids
    assert grid.title == "how often"
    assert grid.columns == ["method", "best %", "within 1 %", "within 5 %", "within 10 %", "within 25 %", "beats another %"]
    assert grid.rows == [["a", "100", "100", "100", "100", "100", "90"], ["b", "20", "20", "100", "100", "100", "10"]]
    assert [grid.title for grid in report.build(JOBSHOP, rows[:8], []).grids] == [""]
