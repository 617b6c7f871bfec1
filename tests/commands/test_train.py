"""The training command: signals save and say how to go on, and a resumed run ends like an unbroken one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dispatchgym import families, train
from dispatchgym.agents import checkpoint
from dispatchgym.agents.learners import LEARNERS

ROOT = Path(__file__).resolve().parents[2]
TINY = ["jobshop", "--sizes", "3x3", "--instances", "2", "--samples", "2", "--width", "8", "--layers", "1", "--hidden", "8"]


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "train.py", *TINY, "--log-every", "5", "--out", str(out), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def outcome(out: Path) -> tuple[Any, list[Any]]:
    """Weights and log lines, without what depends on the clock."""
    weights = {k: v.tolist() for k, v in checkpoint.load_tensors(out / "policy.safetensors")[0].items()}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return weights, [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_command_that_is_printed_goes_on(number: int, code: int, tmp_path: Path) -> None:
    process = start(tmp_path / "broken", "--steps", "80")
    assert process.stdout is not None
    for line in process.stdout:
        if "iteration" in line:
            break
    process.send_signal(number)
    _, error = process.communicate(timeout=300)
    assert process.returncode == code, error
    assert "interrupted; saved" in error
    command = error.splitlines()[-1].split()
    assert command[:3] == ["python", "train.py", "jobshop"]
    assert command[-1] == "--resume"
    reached = checkpoint.load_tensors(tmp_path / "broken" / "training.safetensors")[1]["iterations"].value
    assert 0 < reached < 80
    train.main(command[2:])
    train.main([*TINY, "--log-every", "5", "--out", str(tmp_path / "whole"), "--steps", "80"])
    assert outcome(tmp_path / "broken") == outcome(tmp_path / "whole")


def test_the_end_names_the_command_that_compares_and_the_best_rule_is_shown(tmp_path: Path, capsys: Any) -> None:
    train.main([*TINY, "--out", str(tmp_path / "run"), "--steps", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("validation instances: ")
    assert "% above the lower bound" in lines[0]
    *_, logged = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    rules = {name: gap for name, gap in logged.items() if name.startswith("rule.")}
    assert {"rule.spt", "rule.mwkr"} <= set(rules)
    assert f"{min(rules.values()):.2f} %" in lines[0]
    assert lines[-1].startswith("  python evaluate.py jobshop --instances")
    assert f"policy@{tmp_path / 'run'}" in lines[-1]


def test_the_bar_moves_at_every_iteration_and_shows_the_best_so_far_beside_the_rule(tmp_path: Path, capsys: Any) -> None:
    shares = iter((0.25, 0.5, 0.75))
    trainer = SimpleNamespace(out=tmp_path, progress=lambda: next(shares), best=None)
    with train.Progress(trainer, families.load("jobshop"), ()) as progress:
        progress.rule = "mwkr 20.00"
        (task,) = progress.bar.tasks
        told = []
        for line in (
            {"validation": 30.0, "iteration": 1, "seconds": 1.0},
            {},
            {"validation": 40.0, "iteration": 3, "seconds": 2.0},
        ):
            progress({"episodes": 8, **line})
            told.append((task.completed, task.description))
    assert [completed for completed, _ in told] == [0.25, 0.5, 0.75]
    assert told[1][1] == told[0][1] == "30.00 % above bound (best 30.00, mwkr 20.00), 8 episodes"
    assert told[2][1] == "40.00 % above bound (best 30.00, mwkr 20.00), 8 episodes"
    assert capsys.readouterr().out.count("\n") == 2  # where there is no terminal, a line for each that is logged


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed", "18446744073709551616"],
        ["--rate", "nan"],
        ["--sizes", "²x²"],
        ["--sizes", "9" * 5_000 + "x3"],
        ["--layers", "1000000000"],
        ["--width", "100000000"],
        ["--imitate", "spt:x" + "9" * 5_000],
        ["--epochs", "0"],
        ["--minutes", "nan"],
    ],
)
def test_values_that_cannot_be_are_one_line_and_exit_status_2(arguments: list[str], tmp_path: Path, capsys: Any) -> None:
    budget = [] if "--minutes" in arguments else ["--steps", "1"]
    with pytest.raises(SystemExit) as caught:
        train.main(["jobshop", *budget, "--out", str(tmp_path / "run"), *arguments])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert error.count("\n") == 1
    assert len(error) <= 301
    assert error[:-1].isprintable()
    assert not (tmp_path / "run" / "policy.safetensors").exists()


def test_help_says_what_each_learner_and_its_options_do(capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        train.main(["jobshop", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert caught.value.code == 0
    for name in LEARNERS:
        assert f"{name}: " in shown
    for option in ("--pairs", "--rounds", "--shift", "--reuse", "--optimizer", "--schedule", "--weight-decay"):
        assert f"{option} " in shown


def test_the_learner_of_sb3_saves_at_a_signal_and_holds_its_folder(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    process = start(out, "--learner", "sb3", "--steps", "1000000")
    assert process.stdout is not None
    for line in process.stdout:
        if "total_timesteps" in line:
            break
    with pytest.raises(SystemExit, match="2"):
        train.main([*TINY, "--learner", "sb3", "--steps", "9", "--out", str(out)])
    assert "another training is writing to it" in capsys.readouterr().err
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 143, error
    assert "interrupted; saved" in error
    assert checkpoint.load_policy(out, "jobshop")[1]["environment_steps"] >= 256
    with pytest.raises(SystemExit, match="2"):
        train.main([*TINY, "--learner", "sb3", "--steps", "9", "--out", str(out)])
    assert "holds a run already" in capsys.readouterr().err
    assert "steps = 1000000" in (out / "settings.toml").read_text()  # still those of the run that is there
