"""The study of proofs: it goes on where it was, says what is wrong, and its table counts what was checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cpmodel_proofs
from benchmarks.cpmodel_checks import BOUNDED, CHECKS

EMPTY = "<!-- cpmodel-proofs:begin -->\n<!-- cpmodel-proofs:end -->\n"


def run(tmp_path: Path, *words: str) -> int:
    page = tmp_path / "page.md"
    if not page.exists():
        page.write_text(EMPTY)
    folders = ["--out", str(tmp_path / "out"), "--tables", str(tmp_path), "--page", str(page)]
    with pytest.raises(SystemExit) as caught:
        cpmodel_proofs.main([*words, *folders])
    return int(caught.value.code or 0)


def test_a_study_goes_on_and_writes_its_table(tmp_path: Path) -> None:
    assert run(tmp_path, "models", "refusals", "j30", "bounds", "--count", "2") == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "models.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == ["random-0-4", "random-1-5"]
    text = (tmp_path / "page.md").read_text()
    assert "| tiny models: the best of all choice sequences is CP-SAT's optimum | 2 | 0 |" in text
    assert "is the published one | 2 | 0 |" in text
    before = (tmp_path / "out" / "models.jsonl").read_text()
    (tmp_path / "out" / "models.jsonl").write_text(before + '{"name": "torn')
    assert run(tmp_path, "models", "--count", "3") == 0
    assert (tmp_path / "out" / "models.jsonl").read_text().startswith(before)
    assert "optimum | 3 | 0 |" in (tmp_path / "page.md").read_text()


def test_what_is_wrong_is_said_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(CHECKS, "refusals", (lambda number: {"name": f"n{number}", "wrong": ["accepted"]}, 200))
    assert run(tmp_path, "refusals", "--count", "1") == 1
    assert "refusals n0: accepted" in capsys.readouterr().out
    assert "not understood are refused | 1 | 1 |" in (tmp_path / "page.md").read_text()
    assert run(tmp_path, "proofs") == 2
    assert "error: part 'proofs' is not one of models, refusals" in capsys.readouterr().err


def test_every_set_with_bounds_is_in_the_study() -> None:
    assert {name: count for name, (_, count) in CHECKS.items()} == {
        "models": 2000, "refusals": 200, "shops": 40, "j30": 480, "bounds": 60
    }  # fmt: skip
    assert len(BOUNDED) == 60
