"""`python -m benchmarks.gpu` runs from end to end in numba's simulator, and a part that fails does not end the others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import equality, games, parts, runner, table, worker
from dispatchgym.instances.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
OF_DEVICE = {"launches stream", "launches graph", "profile jobshop"}


def start(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--out", str(out), *words]
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_every_part_runs_in_the_cuda_simulator(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = start(out)
    assert done.returncode == 0, done.stdout + done.stderr
    data = table.load(out)
    assert data["simulated"]
    assert data["tiny"]
    found = {f"{e['part']} {e['case']}": e for e in data["entries"]}
    assert {e["part"] for e in data["entries"]} == set(parts.PARTS)
    assert {name for name, e in found.items() if e["status"] == "needs a device"} == OF_DEVICE
    assert all(e["status"] == "ok" for name, e in found.items() if name not in OF_DEVICE)
    assert found["environment all"]["rows"][-1]["a kernel runs"] is True
    assert {e["case"] for e in data["entries"] if e["part"] == "equality"} == set(games.every_id())
    for name in games.every_id():
        (row,) = found[f"equality {name}"]["rows"]
        assert row["equal"] is True
        assert row["steps"] == equality.TINY_STEPS
    assert found["launches host"]["rows"][0]["Engine.step us"] > 0
    assert not [row for e in data["entries"] for row in e["rows"] if "reason" in row]
    assert {e["case"] for e in data["entries"] if e["part"] == "throughput"} == set(games.GAMES)
    modes = {row["mode"]: row for row in found["throughput jobshop"]["rows"]}
    assert modes["bare"]["operations/s"] > 0
    assert all(modes[name][face] > 0 for name in ("candidates", "graph") for face in ("engine/s", "torch face/s"))
    compared, timed = found["policy jobshop"]["rows"]
    assert compared["same episodes"] == 1.0
    assert timed["schedules/s"] > 0
    assert found["training cuda"]["rows"][0]["iterations"] == 1
    assert all(len(line) <= table.WIDTH for line in table.show(data).splitlines())


def test_what_runs_over_its_time_is_an_entry_in_the_cuda_simulator(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = start(out, "--only", "policy", "--budget", "1")
    assert done.returncode == 1
    (entry,) = table.load(out)["entries"]
    assert (entry["part"], entry["status"]) == ("policy", "late")


def test_a_case_that_fails_is_told_and_the_next_one_runs(monkeypatch: Any, capsys: Any) -> None:
    def measure(case: str, plan: Any) -> Any:
        yield {"row": 1}
        if case == "bad":
            raise ValueError("two\nlines")

    monkeypatch.setattr(worker, "load", lambda part: SimpleNamespace(measure=measure))
    worker.work("equality", True, ["bad", "good"])
    job = runner.Job("equality", ["bad", "good", "never"])
    job.log.write(capsys.readouterr().out)
    job.process = SimpleNamespace(returncode=-9)  # type: ignore[assignment]
    bad, good, never = job.entries(late=False)
    assert (bad["status"], bad["reason"], bad["rows"]) == ("failed", "ValueError: two lines", [{"row": 1}])
    assert good["status"] == "ok"
    assert never["reason"] == "its process ended with status -9"
    assert table.summary([bad, good, never])[0] == "1 of 3 cases done."


def test_a_difference_of_one_bit_is_found() -> None:
    a = np.array([1.0, 0.0])
    assert equality.unequal(a, a.copy()) == ""
    assert equality.unequal(a, np.array([np.nextafter(1.0, 2.0), 0.0])).startswith("1 of 2 values, by 2.22e-16")
    assert equality.unequal(a, np.array([1.0, -0.0])) == "signs of zero, or types"


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": 2}', '{"format": 1}', '{"format":1,"entries":[{}],"header":{},"tiny":true,"simulated":true}'],
)
def test_a_file_that_is_no_result_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError, match=r"x\.json: "):
        table.load(file)


@pytest.mark.parametrize("words", [["--only", "speed"], ["--budget", "0"], ["--budget", "nan"], ["--show", "none.json"]])
def test_bad_words_are_one_line(words: list[str], capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_result_is_shown_in_80_columns() -> None:
    entry = {"part": "throughput", "case": "jobshop", "status": "late", "reason": "ran over its time", "seconds": 3.0}
    row = {f"a field {n}": 123456789 for n in range(9)}
    text = table.show({"simulated": False, "entries": [entry | {"rows": [row, {"equal": False}]}]})
    assert "equal NO" in text
    assert text.splitlines()[-2:] == ["late: throughput jobshop", "not equal: throughput jobshop"]
    assert max(map(len, text.splitlines())) <= table.WIDTH
