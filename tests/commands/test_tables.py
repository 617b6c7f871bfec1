"""Printed reports: every name and number is whole at any width, and own instances have gaps."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dispatchgym import evaluate, families, program, train
from dispatchgym.evaluation import report, tables
from dispatchgym.evaluation.bounds import read_bounds
from dispatchgym.instances.errors import InputError

JOBSHOP = families.load("jobshop")
METHODS = ("spt", "fdd-mwkr", "policy", "policy:x128", "policy:x128,direction=both", "tabu:1s", "cpsat:1s,workers=2,hint=tabu")


def row(instance: str, method: str, objective: int | None, size: str, best: int | None = 1000, **other: Any) -> dict[str, Any]:
    gap = None if best is None or objective is None else round(100 * (objective / best - 1), 4)
    plain = {
        "problem": "jobshop", "instance": instance, "method": method, "objective": objective, "lower_bound": None,
        "best_known": best, "gap": gap, "seconds": 0.5, "status": "feasible", "seed": 0, "workers": 1, "cores": 1,
        "cpu_seconds": 0.5, "referee": "ok", "reason": None, "record": False, "lower_bound_known": None, "builder": None,
        "metrics": {}, "notes": {}, "group": ["ta", size], "digest": "0", "weights": None, "version": "0",
    }  # fmt: skip
    return plain | other


SIZES = ("15x15", "20x15", "20x20", "30x15", "30x20", "50x15", "50x20", "100x20")
ROWS = [row(f"ta{i}", method, 1100 + 13 * i + j, size) for i, size in enumerate(SIZES) for j, method in enumerate(METHODS)]


def printed(built: report.Report, width: int) -> str:
    text = io.StringIO()
    tables.show(built, Console(file=text, width=width))
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_name_and_no_number_is_cut_at_any_width(width: int) -> None:
    built = report.build(JOBSHOP, ROWS, ["job shop: mean gap", "8 instances"])
    text = printed(built, width)
    assert all(len(line) <= width for line in text.splitlines())
    cells = {cell.strip() for cell in re.split("[│┃\n]", text)}
    for cell in [cell for grid in built.grids for row_ in grid.rows for cell in row_[1:]]:
        assert cell in cells
    for method in METHODS:
        if len(method) <= width // 2:
            assert method in text
    assert "…" not in text
    words = {word for line in (*built.notes, *built.legend) for word in line.split()}
    assert words - set(text.split()) == set()  # prose breaks between words only


def test_control_and_bidirectional_characters_never_reach_the_terminal() -> None:
    bad = "a\x1b[31m\u202eb\x9b"
    rows = [row(bad, "mwkr", 1100, bad), row(bad, "spt", None, bad, status="error", reason=bad)]
    text = printed(report.build(JOBSHOP, rows, [bad]), 80)
    assert not set("\x1b\u202e\x9b") & set(text)


def test_own_instances_have_gaps_to_the_best_of_the_run_and_proved_optima_count() -> None:
    rows = [
        row("a", "spt", 110, "2x2", None),
        row("a", "tabu:1s", 100, "2x2", None),
        row("a", "cpsat:1s", 100, "2x2", None, status="optimal", lower_bound=100),
        row("b", "spt", 60, "2x2", None),
        row("b", "tabu:1s", 50, "2x2", None),
        row("b", "cpsat:1s", 55, "2x2", None, lower_bound=40),
    ]
    built = report.build(JOBSHOP, rows, [])
    (grid,) = built.grids
    assert grid.columns[1].endswith("% to best of run")
    assert [cells[1] for cells in grid.rows] == ["15.00", "0.00", "5.00"]
    assert [cells[grid.columns.index("optimal")] for cells in grid.rows] == ["0/2", "1/2", "1/2"]
    assert any("best makespan that any method of this run found" in note for note in built.notes)


BAD = (
    ("", "expected the header name,lower,upper"),
    ("name,low,up\n", "line 1: expected the header"),
    ("name,lower,upper\nmine,1\n", "line 2: 2 values, expected 3"),
    ("name,lower,upper\nmime,1,2\n", "line 2: 'mime' is not among --instances; did you mean 'mine'?"),
    ("name,lower,upper\nmine,1,2\nmine,1,2\n", "line 3: 'mine' stands twice"),
    ("name,lower,upper\nmine,3,2\n", "line 2: the lower bound 3 is above the upper bound 2"),
    ("name,lower,upper\nmine,-1,2\n", "line 2: '-1' is not a whole number"),
    ("name,lower,upper\nmine,1," + "9" * 5_000 + "\n", "is not a whole number"),
)


def test_bounds_of_own_instances_are_read_and_bad_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "bounds.csv"
    for text, said in BAD:
        path.write_text(text)
        with pytest.raises(InputError) as caught:
            read_bounds(path, {"mine": 0})
        assert said in str(caught.value)
    path.write_text("name,lower,upper\nmine,7,10\n")
    (tmp_path / "mine.txt").write_text("2 2\n0 3 1 2\n1 2 0 4\n")
    rows = evaluate.evaluate(JOBSHOP, evaluate.Options((f"{tmp_path}/mine.txt",), ("spt",), tmp_path / "out", bounds=path))
    assert (rows[0]["lower_bound_known"], rows[0]["best_known"]) == (7, 10)


def test_programs_say_their_own_name_and_version(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for main in (evaluate.main, train.main):
        main(["--version"])
    assert re.fullmatch(r"(dispatchgym \d+\.\d+\.\d+\n){2}", capsys.readouterr().out)
    assert program.call("train.py") == ["python", "train.py"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/dispatchgym-train"])
    assert program.call("train.py") == ["dispatchgym-train"]
    with pytest.raises(SystemExit):
        train.main(["--help"])
    assert "dispatchgym-train" in capsys.readouterr().out


def test_one_clock_counts_for_all_rows_and_a_starved_method_is_never_bold() -> None:
    def rows(clock: str | None) -> list[dict[str, Any]]:
        told = {} if clock is None else {"clock": clock}
        hungry = row("a", "cpsat:2s", 1000, "2x2", seconds=2.0, cpu_seconds=0.5, **told)
        return [hungry, row("a", "spt", 1100, "2x2", seconds=0.25, cpu_seconds=0.25, **told)]

    for clock, bold, times in (("cpu", {(0, 1)}, ["500 ms", "250 ms"]), ("wall", {(1, 1)}, ["2 s", "250 ms"])):
        built = report.build(JOBSHOP, rows(clock), [])
        (grid,) = built.grids
        assert grid.best == bold
        assert [cells[-1] for cells in grid.rows] == times
        assert bool(built.alarms) == (clock == "wall")
        about = {"solver_workers": 1, "workers": 1, "seed": 0, "date": "2026", "versions": {"dispatchgym": "1"}}
        run = {"machine": {"cpu": "x", "cores": 1}, **about}
        said = f"limits in {'CPU' if clock == 'cpu' else 'wall'} time"
        assert any(said in line for line in report.header(JOBSHOP, run, rows(clock)))
    assert report.build(JOBSHOP, rows(None), []).grids[0].best == {(1, 1)}  # lines of before are by wall time


def test_results_of_another_clock_are_not_continued(tmp_path: Path) -> None:
    options = evaluate.Options(("ft06",), ("spt",), tmp_path / "out")
    (first,) = evaluate.evaluate(JOBSHOP, options)
    assert first["clock"] == "cpu"
    with pytest.raises(InputError, match="holds results with --clock cpu, not wall"):
        evaluate.evaluate(JOBSHOP, dataclasses.replace(options, clock="wall", resume=True))
    assert json.loads((tmp_path / "out" / "run.json").read_text())["clock"] == "cpu"
