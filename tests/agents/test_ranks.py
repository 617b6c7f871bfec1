"""Processes that train together: the weights of one process with the whole batch, one voice, and one end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from dispatchgym import train
from dispatchgym.agents import checkpoint
from dispatchgym.agents.ranks import ALONE, Ranks, check_split, joined
from dispatchgym.agents.settings import PPOConfig, TrainConfig
from dispatchgym.instances.errors import InputError
from tests.agents.ranks_worker import CASES, RESUMED, trained
from tests.agents.trainings import TINY_WORDS

ROOT = Path(__file__).resolve().parents[2]
NEAR = 1e-5  # float32 sums in another order, after three iterations
NOISE = 1e-6  # a gradient that is only rounding, as where a softmax does not see it; the optimiser makes whole steps of it


def start(*words: str, count: int = 2) -> list[subprocess.Popen[str]]:
    """The same command in processes that find each other as those of torchrun do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    own = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **shared}
    pipe, each = subprocess.PIPE, [{**own, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]
    command = [sys.executable, *words]
    return [subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=env) for env in each]


def ended(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit status, output and errors of each."""
    try:
        said = [process.communicate(timeout=100) for process in processes]
    except subprocess.TimeoutExpired:
        for process in processes:
            process.kill()
        raise AssertionError([process.communicate()[1] for process in processes]) from None
    return [(process.returncode, *texts) for process, texts in zip(processes, said, strict=True)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: Any) -> Path:
    """Every case in two processes and in one, and runs that were stopped in the one and went on in the other."""
    out: Path = tmp_path_factory.mktemp("ranks")
    trained(RESUMED, out / "one-then-two", until=1)
    two = ended(start("-m", "tests.agents.ranks_worker", str(out)))
    assert [status for status, _, _ in two] == [0, 1], two
    (out / "said").write_text(two[0][1])
    for case in CASES:
        trained(case, out / "one")
    trained(RESUMED, out / "two-then-one", resume=True)
    return out


def state(out: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load_tensors(out / "training.safetensors")[0]


def difference(one: Path, other: Path) -> float:
    """The largest of any weight, average or moment of the optimiser; weights whose gradients are only rounding left out."""
    a, b = state(one), state(other)
    assert a.keys() == b.keys()
    names = [name for name, _ in checkpoint.load_policy(one, "jobshop")[0].named_parameters()]
    found = [0.0]
    for i, name in enumerate(names):
        size = a[f"optimiser.{i}.exp_avg_sq"].sqrt() if f"optimiser.{i}.step" in a else torch.zeros(())
        own = [key for key in a if key in (f"policy.{name}", f"average.{name}") or key.startswith(f"optimiser.{i}.")]
        for key in own:
            off = (a[key] - b[key]).abs()
            moment = key.rpartition(".")[2] in ("step", "weight", "exp_avg", "exp_avg_sq")
            found.append(float((off if moment else off * (size > NOISE)).max()))
    return max(found)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_learn_what_one_learns_from_the_whole_batch(runs: Path, case: str) -> None:
    assert difference(runs / "one" / case, runs / "two" / case) < NEAR
    lines = [[json.loads(x) for x in (runs / n / case / "log.jsonl").read_text().splitlines()] for n in ("one", "two")]
    assert [line["iteration"] for line in lines[1]] == [1, 2, 3]
    for one, two in zip(*lines, strict=True):
        assert one.keys() == two.keys()
        assert {k: v for k, v in two.items() if k != "seconds"} == pytest.approx(
            {k: v for k, v in one.items() if k != "seconds"}, rel=1e-3, abs=1e-4
        )


@pytest.mark.parametrize("how", ["two-then-one", "one-then-two"])
def test_a_run_goes_on_with_another_number_of_processes(runs: Path, how: str) -> None:
    assert difference(runs / how / RESUMED, runs / "one" / RESUMED) < NEAR


def test_a_run_goes_on_with_the_same_number_to_the_last_bit(runs: Path) -> None:
    assert difference(runs / "two-then-two" / RESUMED, runs / "two" / RESUMED) == 0.0


def command(out: Path, *more: str) -> tuple[str, ...]:
    return ("train.py", "jobshop", *TINY_WORDS, "--out", str(out), *more)


def test_only_the_first_process_speaks_and_why_none_starts_is_one_line(tmp_path: Path) -> None:
    whole = ended(start(*command(tmp_path / "run", "--steps", "2")))
    assert [status for status, _, _ in whole] == [0, 0], whole
    assert "saved" in whole[0][1]
    assert whole[1][1:] == ("", "")
    found = ended(start(*command(tmp_path / "run", "--steps", "2")))
    assert [status for status, _, _ in found] == [2, 2]
    assert re.fullmatch(r"error: \S+ holds a run already: add --resume .*\n", found[0][2]), found
    assert found[1][1:] == ("", "")


def test_of_a_command_line_that_cannot_be_read_only_the_first_process_speaks(monkeypatch: Any, capsys: Any) -> None:
    for rank, said in (("0", "error: .*--samples.*\n"), ("1", "")):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(SystemExit) as caught:
            train.main(["jobshop", "--samples", "x"])
        assert caught.value.code == 2
        assert re.fullmatch(said, capsys.readouterr().err)


def after_the_first_line(processes: list[subprocess.Popen[str]]) -> None:
    assert processes[0].stdout is not None
    for line in processes[0].stdout:
        if "iteration" in line:
            return
    raise AssertionError(ended(processes))


def test_a_signal_to_one_process_stops_all_after_a_checkpoint(tmp_path: Path) -> None:
    both = start(*command(tmp_path / "run", "--steps", "100000", "--log-every", "2"))
    after_the_first_line(both)
    both[1].send_signal(signal.SIGTERM)
    (first, _, said), (second, _, quiet) = ended(both)
    assert (first, second, quiet) == (143, 143, "")
    assert said.splitlines()[0].startswith("interrupted; saved ")
    assert said.splitlines()[1].startswith("  torchrun --nproc-per-node 2 train.py jobshop")
    assert said.endswith("--resume\n")
    reached = checkpoint.load_tensors(tmp_path / "run" / "training.safetensors")[1]["iterations"].value
    assert f"{reached} iterations" in said


def test_a_process_that_dies_ends_the_others_with_one_line(runs: Path) -> None:
    said = (runs / "said").read_text()
    assert re.fullmatch(r"process 0 of 2: another process of this training has ended; .* --resume .*\n", said)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learner": "without-replacement"}, "--learner without-replacement cannot be split over 2 processes"),
        ({"instances": 1}, "--instances 1: 2 processes need at least one each"),
        ({"encode_every": 3, "ppo": PPOConfig(minibatches=2)}, "--minibatches 2 with --encode-every 3 cannot be split"),
    ],
)
def test_what_cannot_be_split_is_refused(settings: dict[str, Any], said: str) -> None:
    check_split(TrainConfig(steps=1, **settings), 1)
    with pytest.raises(InputError, match=f"^{said}"):
        check_split(TrainConfig(steps=1, **settings), 2)


def test_the_parts_of_a_batch_are_the_batch() -> None:
    for count in (1, 2, 3, 5):
        parts = [Ranks(rank, count).part(list(range(14)), 2) for rank in range(count)]
        assert [x for part in parts for x in part] == list(range(14))
        assert all(len(part) in (14 // 2 // count * 2, (14 // 2 // count + 1) * 2) for part in parts)


@pytest.mark.parametrize(("name", "text"), [("WORLD_SIZE", "many"), ("WORLD_SIZE", "0"), ("RANK", "-1"), ("RANK", "2")])
def test_variables_that_torchrun_would_not_set_are_one_line(name: str, text: str) -> None:
    with joined("cpu", {}) as ranks:
        assert ranks is ALONE
    with (
        pytest.raises(InputError, match=f"^{name}='?{text}'?: not (a whole number|below)"),
        joined("cpu", {"WORLD_SIZE": "2", name: text}),
    ):
        pass
