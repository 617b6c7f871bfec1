"""A family from outside: a folder with an instance type, rules, a referee and a card, and its name in the list of cards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dispatchgym import families
from tests.families import toy_family_source

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy family's files, and a script that names it in the list and then runs a command."""
    where = tmp_path_factory.mktemp("toy")
    for name, text in toy_family_source.FILES.items():
        (where / name).write_text(text)
    return where


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "with_toy.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=_environment(folder))


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}


def test_the_toy_family_is_registered_trained_and_evaluated(folder: Path) -> None:
    played = run(folder, "play")
    assert played.returncode == 0, played.stderr
    assert played.stdout.split() == ["done", "6"]
    budget = ["--steps", "2", "--instances", "2", "--samples", "4", "--log-every", "1", "--sizes", "3", "4"]
    settings = [*budget, "--width", "8", "--hidden", "8", "--layers", "1"]
    trained = run(folder, "train", "toy", "--out", str(folder / "run"), *settings)
    assert trained.returncode == 0, trained.stderr
    assert json.loads((folder / "run" / "policy.json").read_text())["problem"] == "toy"
    methods = ("shortest", f"policy@{folder / 'run'}", f"policy@{folder / 'run'}:x8")
    evaluated = run(folder, "evaluate", "toy", "--instances", "3,1,2", "5,4", "--methods", *methods, "--out", str(folder / "out"))
    assert evaluated.returncode == 0, evaluated.stderr
    rows = [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    best = {row["instance"]: row["objective"] for row in rows if row["method"] == "shortest"}
    assert best == {"3,1,2": 1 + 3 + 6, "5,4": 4 + 9}
    assert all(row["objective"] >= best[row["instance"]] for row in rows)


def test_a_family_that_is_not_in_the_list_is_refused_with_a_hint() -> None:
    with pytest.raises(Exception, match="unknown problem 'job-shop'; did you mean 'jobshop'"):
        families.load("job-shop")
