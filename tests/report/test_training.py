"""What a training tells: its report, and the loggers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from dispatchgym import loggers, train
from dispatchgym.instances.errors import InputError
from dispatchgym.report import training

RULES = {"rule.spt": 50.0, "rule.mwkr": 30.5}
LINES = [
    {"iteration": k, "episodes": 8 * k, "seconds": 60.0 * k, "validation": 40.0 - k, **RULES, "loss": 1 / k} for k in (1, 2, 3)
]


def test_the_curve_has_the_rules_the_best_one_named_and_every_other_number_a_chart() -> None:
    first, second = training.charts(LINES)
    assert [(line.name, list(line.y)) for line in first.lines] == [
        ("policy, greedy", [39.0, 38.0, 37.0]),
        ("best rule: mwkr 30.50 %", [30.5, 30.5]),
        ("spt 50.00 %", [50.0, 50.0]),
    ]
    assert list(first.lines[0].x) == [1.0, 2.0, 3.0]
    assert (second.title, list(second.lines[0].y)) == ("loss", [1.0, 0.5, 1 / 3])
    assert training.charts([]) == []


def test_a_report_reads_the_log_and_names_the_line_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(training, "write", lambda page, path: written.append((page, path)))
    (tmp_path / "policy.json").write_text(json.dumps({"problem": "x", "config": {"log_every": 3}, "iterations": 3}))
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    assert training.write_report("shops", tmp_path, "train.py x") == tmp_path / "report.html"
    page = written[0][0]
    expected = "best validation 37.00 % above the lower bound, after 3.0 minutes, 24 episodes; the best rule, mwkr: 30.50 %"
    assert page.head == [expected]
    assert page.facts == [("problem", "x"), ("iterations", "3"), ("setting log_every", "3")]
    assert [cell.text for cell in page.tables[0].rows[0]] == ["3", "24", "180", "37", "0.333333"]
    (tmp_path / "log.jsonl").write_text("{}\n{\n")
    with pytest.raises(InputError, match=r"log.jsonl line 2"):
        training.write_report("shops", tmp_path, "")


class Spy:
    """A module that remembers every call of its functions and of what they return."""

    def __init__(self, calls: list[Any], name: str = "") -> None:
        self._calls, self._name = calls, name

    def __getattr__(self, name: str) -> Any:
        return Spy(self._calls, f"{self._name}.{name}".lstrip("."))

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        self._calls.append((self._name, arguments, keywords))
        return self


@pytest.mark.parametrize(("name", "ended"), [("wandb", "init.finish"), ("mlflow", "end_run")])
def test_a_service_gets_settings_references_numbers_and_its_end(
    name: str, ended: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setitem(sys.modules, name, Spy(calls))  # type: ignore[arg-type]
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    logger = loggers.LOGGERS[name](tmp_path / "mine")
    logger.start({"rate": 0.1, "long": "x" * 900}, {"spt": 50.0})
    logger.log(7, {"loss": 0.5})
    logger.close()
    said = repr(calls)
    for part in ("'mine'", "'rate'", "rule.spt", "'loss': 0.5", "'step': 7"):
        assert part in said
    assert calls[-1][0] == ended
    if name == "mlflow":
        assert ("set_tracking_uri", ((tmp_path / "mine" / "mlruns").resolve().as_uri(),), {}) in calls
        assert "x" * 501 not in said


def test_tensorboard_has_the_numbers_the_settings_and_the_rules_beside_the_policy(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = loggers.LOGGERS["tensorboard"](tmp_path)
    logger.start({"rate": 0.1}, {"spt": 50.0})
    logger.log(1, {"validation": 40.0})
    logger.log(2, {"validation": 39.0})
    logger.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("validation")] == [(1, 40.0), (2, 39.0)]
    assert "settings/text_summary" in events.Tags()["tensors"]
    raw = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert b"rule.spt" in raw


def test_a_missing_logger_is_one_line_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        train.main(["jobshop", "--steps", "1", "--log", "wandb", "--out", str(tmp_path / "run")])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: --log wandb needs the extra 'wandb': pip install 'dispatchgym[wandb]'\n"
    assert not (tmp_path / "run").exists()
