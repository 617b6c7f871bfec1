"""A Ray cluster of this machine: results and labels are those of local workers, what a killed worker had is done again, tuning.

Ray (extra `cluster`) is not among what tests need, so `make bridges` runs this file in an environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ray_evaluations
from dispatchgym import __main__, evaluate, train
from dispatchgym.agents.checkpoint import load_tensors
from dispatchgym.families.jobshop import FAMILY
from dispatchgym.instances.errors import InputError
from tests.agents.trainings import TINY_WORDS

pytest.importorskip("ray")
ROOT = Path(__file__).resolve().parents[2]
SAME = ("instance", "method", "objective", "status", "seed", "workers", "digest", "reason")

KILLED = """
import os, signal, time
from pathlib import Path

from dispatchgym.baselines.jobshop.methods import solve

def dies_once(instance, seed, seconds, workers):
    mark = Path(__file__).with_name(instance.name + ".mark")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return solve(instance, "spt").schedule

def dies(instance, seed, seconds, workers):
    if instance.jobs > 1:  # the trivial instance of the warm-up is spared
        os.kill(os.getpid(), signal.SIGKILL)

def hangs(instance, seed, seconds, workers):
    time.sleep(600 if instance.jobs > 1 else 0)
"""


def rows(out: Path, *methods: str, **words: Any) -> list[dict[str, Any]]:
    options = evaluate.Options(("ft06", "la01", "la02"), methods, out, workers=2, **words)
    found = evaluate.evaluate(FAMILY, options)
    assert len({(row["instance"], row["method"]) for row in found}) == len(found) == 3 * len(methods)
    return found


def test_results_are_those_of_local_workers(tmp_path: Path) -> None:
    methods = ("spt", "fdd-mwkr", "random:x8")
    there, here = (sorted(rows(tmp_path / (ray or "processes"), *methods, ray=ray), key=str) for ray in ("local", None))
    for one, other in zip(there, here, strict=True):
        assert {key: one[key] for key in SAME} == {key: other[key] for key in SAME}
        assert one["notes"].pop("node")
        assert one["notes"] == other["notes"]


def test_a_pair_whose_worker_dies_is_done_again_and_none_is_lost(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(KILLED)
    found = rows(tmp_path / "out", f"{tmp_path}/mine.py:dies_once", f"{tmp_path}/mine.py:dies", "spt", ray="local")
    told = {(row["instance"], row["method"].rpartition(":")[2]): row for row in found}
    for name in ("ft06", "la01", "la02"):
        assert told[name, "dies_once"]["objective"] == told[name, "spt"]["objective"]
        assert told[name, "dies"]["status"] == "error"
        assert told[name, "dies"]["reason"].startswith("3 workers died at it")


def test_a_method_that_hangs_is_ended(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(KILLED)
    found = rows(tmp_path / "out", f"{tmp_path}/mine.py:hangs", "spt", ray="local", patience=15.0)
    assert [row["status"] for row in found if row["method"].endswith("hangs")] == ["error"] * 3
    assert all("no answer after" in row["reason"] for row in found if row["status"] == "error")
    assert all(row["objective"] for row in found if row["method"] == "spt")


def test_a_signal_ends_the_command_as_without_a_cluster(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(KILLED)
    words = ["--instances", "ft06", "la01", "--methods", "spt", f"{tmp_path}/mine.py:hangs", "--ray", "local"]
    command = [sys.executable, "evaluate.py", "jobshop", *words, "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(2):  # spt has answered both
            assert "spt" in process.stdout.readline()
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "--ray local" in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith("--resume")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999999"])
def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match=f"^--ray {address}: cannot be reached: ") as caught:
        rows(tmp_path / "out", "spt", ray=address)
    assert "\n" not in str(caught.value)


TRAINED = ("jobshop", *TINY_WORDS, "--steps", "3", "--imitate-steps", "2")
LABELS = """
import os, signal
from pathlib import Path

from dispatchgym.baselines.jobshop.methods import solve

def dies_once(instance, seed, seconds, workers):
    mark = Path(__file__).with_suffix(".mark")
    if instance.jobs > 1 and not mark.exists():  # the trivial instance of the warm-up is spared
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return solve(instance, "fdd-mwkr").schedule

def dies(instance, seed, seconds, workers):
    if instance.jobs > 1:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def weights(out: Path, *words: str) -> bytes:
    train.main([*TRAINED, *words, "--out", str(out)])
    return b"".join(x.numpy().tobytes() for _, x in sorted(load_tensors(out / "policy.safetensors")[0].items()))


def test_labels_of_a_cluster_are_those_of_this_process_and_a_killed_workers_are_made_again(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LABELS)
    here = weights(tmp_path / "here", "--imitate", "fdd-mwkr")
    assert weights(tmp_path / "there", "--imitate", "fdd-mwkr", "--ray", "local", "--workers", "2") == here
    killed = ("--imitate", f"{tmp_path}/mine.py:dies_once", "--ray", "local", "--workers", "2")
    assert weights(tmp_path / "killed", *killed) == here
    assert (tmp_path / "mine.mark").exists()


def test_labels_that_nobody_can_make_end_the_training_with_one_line(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "mine.py").write_text(LABELS)
    with pytest.raises(SystemExit):
        weights(tmp_path / "out", "--imitate", f"{tmp_path}/mine.py:dies", "--ray", "local")
    said = capsys.readouterr().err
    assert said.startswith(f"error: --imitate {tmp_path}/mine.py:dies found no schedule for ")
    assert "3 workers died at it" in said
    assert said.count("\n") == 1


def test_the_benchmark_loses_no_answer_and_finds_them_equal() -> None:
    assert ray_evaluations.measure(6, ("spt", "mwkr"), 2)[-1] == "0"


def test_a_tuning_on_a_toy_budget_finds_settings_and_goes_on(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "space.toml").write_text("rate = { low = 1e-4, high = 1e-2, log = true }\nentropy = [0.0, 0.01, 0.1]\n")
    words = [
        "tune",
        "jobshop",
        *TINY_WORDS,
        "--steps",
        "9",
        "--space",
        str(tmp_path / "space.toml"),
        "--out",
        str(tmp_path / "out"),
    ]
    more = ["--trials", "5", "--seeds", "2", "--test-seeds", "2", "--workers", "2"]
    assert __main__.main([*words, *more]) == 0
    found = json.loads((tmp_path / "out" / "tune.json").read_text())
    trials = found["tuning"]["trials"]
    assert len(trials) == 5
    assert {x["state"] for x in trials} == {"finished", "stopped"}
    assert not set(found["tuning"]["seeds"]) & set(found["test"]["seeds"])
    assert all(len(x["gaps"]) == 2 for x in found["test"]["settings"])
    assert "saved " in capsys.readouterr().out
    assert __main__.main([*words, *more]) == 2
    assert "add --resume" in capsys.readouterr().err
    (tmp_path / "out" / "tune.json").unlink()
    assert __main__.main([*words, *more, "--resume"]) == 0
    again = json.loads((tmp_path / "out" / "tune.json").read_text())
    gaps = {x["number"]: x["gaps"] for x in again["test"]["settings"]}
    assert all(gaps.get(x["number"], x["gaps"]) == x["gaps"] for x in found["test"]["settings"])
    train.main(["--config", str(tmp_path / "out" / "best.toml"), "--out", str(tmp_path / "run")])
    assert (tmp_path / "run" / "policy.json").exists()
