"""Checkpoints of strangers: every malformed file is refused in one line, before a network is built or memory is taken."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.instances.errors import InputError
from tests.agents.trainings import trainer, training_of

SHAPE = PolicyConfig(training_of("jobshop").problem.features, 8, 1, 8)
SMALL: dict[str, Any] = {"steps": 2, "sizes": ("3x3",), "instances": 2, "samples": 2, "width": 8, "layers": 1, "hidden": 8}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "run"
    trainer(folder, **SMALL, log_every=1.0).run(lambda line: None)
    return folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def edited(path: Path, change: Callable[[dict[str, Any]], Any], tensors: Callable[[dict[str, Any]], Any] = lambda t: t) -> None:
    """Write a checkpoint again with other metadata (a text is taken as it is) and tensors."""
    weights, about = checkpoint.load_tensors(path)
    tensors(weights)
    new = change(about.value)
    plain = {name: t.contiguous() for name, t in weights.items()}
    path.write_bytes(checkpoint.to_bytes(plain, metadata={"about": new if isinstance(new, str) else json.dumps(new)}))


def with_network(**sizes: Any) -> Callable[[dict[str, Any]], Any]:
    def change(about: dict[str, Any]) -> dict[str, Any]:
        features = about["network"]["features"]
        own = {k: v for k, v in sizes.items() if k in features}
        network = about["network"] | {k: v for k, v in sizes.items() if k not in features} | {"features": features | own}
        return about | {"network": network}

    return change


def refused(action: Callable[[], object], *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) <= 500
    assert message.isprintable()
    for part in parts:
        assert part in message


METADATA: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda about: "[]", "is not a JSON object"),
    (lambda about: "null", "is not a JSON object"),
    (lambda about: "3", "is not a JSON object"),
    (lambda about: "[" * 100_000 + "]" * 100_000, "nested too deeply"),
    (lambda about: '{"a": ' + "9" * 5_000 + "}", "a number too long"),
    (lambda about: about | {"format": "x" * 10**6}, "checkpoint format 'xxx"),
    (lambda about: about | {"problem": "\x1b[31m\u202e"}, "a policy for"),
    (lambda about: about | {"network": "large"}, "network: 'large' is not an object"),
    (lambda about: about | {"config": []}, "config: a list is not an object"),
    (lambda about: about | {"config": None}, "config: None is not an object"),
    (with_network(hidden=0), "network.hidden: 0 is not between 1 and 4096"),
    (with_network(candidate=0), "network.features.candidate: 0 is not between"),
    (with_network(width=9_000), "network.width: 9000 is not between"),
    (with_network(width=4_000), "do not fit the network"),
    (with_network(layers=10**9), "network.layers: 1000000000 is not between"),
    (with_network(width=True), "True is not a whole number"),
    (with_network(depth=3), "unknown key 'depth'"),
]


@pytest.mark.parametrize("case", range(len(METADATA)))
def test_metadata_that_cannot_be_are_refused(case: int, copy: Path) -> None:
    change, message = METADATA[case]
    edited(copy / "policy.safetensors", change)
    refused(lambda: checkpoint.load_policy(copy, "jobshop"), str(copy), message)


def test_weights_that_are_not_finite_are_refused(copy: Path) -> None:
    for name, value in (("policy.safetensors", torch.nan), ("training.safetensors", torch.inf)):

        def spoil(weights: dict[str, Any], value: float = value) -> None:
            next(t for k, t in weights.items() if k.endswith("decoder.weight_out"))[0] = value

        edited(copy / name, lambda about: about, spoil)
        refused(lambda name=name: checkpoint.load_tensors(copy / name), "weight_out has values that are not finite")  # type: ignore[misc]


def test_pipes_folders_links_to_nowhere_and_giants_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    os.mkfifo(path)
    refused(lambda: checkpoint.load_policy(tmp_path, "jobshop"), "is not a regular file")
    path.unlink()
    path.mkdir()
    refused(lambda: checkpoint.load_policy(tmp_path, "jobshop"), "is a folder")
    path.rmdir()
    path.symlink_to(path)
    refused(lambda: checkpoint.load_policy(tmp_path, "jobshop"), "is a link")
    path.unlink()
    with path.open("wb") as stream:
        stream.truncate(2**40)
    refused(lambda: checkpoint.load_policy(tmp_path, "jobshop"), "is larger than")


def test_headers_that_lie_about_their_size_are_refused(tmp_path: Path) -> None:
    for data in (b"", b"1234567", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 2) + b"{}", struct.pack("<Q", 100) + b"{}"):
        (tmp_path / "policy.safetensors").write_bytes(data)
        refused(lambda: checkpoint.load_policy(tmp_path, "jobshop"), "not a readable checkpoint")


def drop(prefix: str) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if name.startswith(prefix)]:
            del tensors[name]

    return change


def reshape(tensors: dict[str, Any]) -> None:
    tensors["optimiser.0.exp_avg"] = torch.zeros(3)


def add(tensors: dict[str, Any]) -> None:
    tensors["optimiser.999.step"] = torch.zeros(())


STATE: list[tuple[Callable[[dict[str, Any]], Any], Callable[[dict[str, Any]], Any], str]] = [
    (lambda about: about | {"config": None}, lambda t: t, "config: None is not an object"),
    (lambda about: about | {"config": []}, lambda t: t, "config: a list is not an object"),
    (lambda about: about | {"iterations": "2"}, lambda t: t, "iterations: '2' is not a whole number"),
    (lambda about: about | {"iterations": -5}, lambda t: t, "iterations: -5 is negative"),
    (lambda about: about | {"iterations": 10**30}, lambda t: t, "iterations: "),
    (lambda about: about | {"iterations": None}, lambda t: t, "iterations: None is not a whole number"),
    (lambda about: about | {"episodes": -1}, lambda t: t, "episodes: -1 is negative"),
    (lambda about: about | {"seconds": "long"}, lambda t: t, "seconds: 'long' is not a number"),
    (lambda about: about, drop("optimiser."), "the optimiser has no moments"),
    (lambda about: about, drop("optimiser.0.exp_avg_sq"), "only a part of the moments"),
    (lambda about: about, reshape, "optimiser.0.exp_avg is of no parameter"),
    (lambda about: about, add, "optimiser.999.step is of no parameter"),
    (lambda about: about, drop("average."), "average: "),
]


@pytest.mark.parametrize("case", range(len(STATE)))
def test_a_state_that_cannot_be_is_not_resumed(case: int, copy: Path) -> None:
    about, tensors, message = STATE[case]
    edited(copy / "training.safetensors", about, tensors)
    refused(lambda: trainer(copy, **SMALL | {"steps": 4}, resume=True, log_every=1.0), "training.safetensors", message)


@pytest.mark.parametrize("line", [b"[]", b'{"iteration": "1"}', b"{}", b"\xff", b"null"])
def test_a_log_line_that_cannot_be_is_refused(line: bytes, copy: Path) -> None:
    log = copy / "log.jsonl"
    log.write_bytes(line + b"\n" + log.read_bytes())
    refused(lambda: trainer(copy, **SMALL | {"steps": 4}, resume=True, log_every=1.0), "log.jsonl")


def test_a_torn_log_line_is_dropped_and_the_log_is_that_of_an_unbroken_run(copy: Path, tmp_path: Path) -> None:
    with (copy / "log.jsonl").open("a") as stream:
        stream.write('{"iteration": 2, "epi')
    trainer(copy, **SMALL | {"steps": 4}, resume=True, log_every=3.0).run(lambda line: None)
    trainer(tmp_path / "whole", **SMALL | {"steps": 4}, log_every=3.0).run(lambda line: None)
    logged = [
        [json.loads(x)["iteration"] for x in (f / "log.jsonl").read_text().splitlines()] for f in (copy, tmp_path / "whole")
    ]
    assert logged == [[1, 2, 4], [1, 4]]  # the first run was told to end, and log, at 2


def test_the_best_validation_so_far_is_known_after_a_resume(copy: Path) -> None:
    log = copy / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    first = lines[0] | {"validation": 0.5}
    log.write_text("".join(json.dumps(line) + "\n" for line in [first, *lines[1:]]))
    resumed = trainer(copy, **SMALL | {"steps": 4}, resume=True, log_every=1.0)
    assert resumed.best == 0.5


def test_resuming_before_the_first_checkpoint_starts_the_run(tmp_path: Path) -> None:
    trainer(tmp_path / "new", **SMALL, resume=True).run(lambda line: None)
    assert (tmp_path / "new" / "policy.safetensors").exists()


def test_two_trainings_do_not_share_a_folder_and_drafts_of_a_killed_one_are_removed(tmp_path: Path) -> None:
    draft = tmp_path / ".policy.safetensors.0123456789abcdef.tmp"
    draft.write_bytes(b"half")
    first = trainer(tmp_path, **SMALL)
    assert not draft.exists()
    refused(lambda: trainer(tmp_path, **SMALL), "another training is writing to it")
    first.close()
    trainer(tmp_path, **SMALL).close()


def test_a_policy_file_is_whole_after_the_weights_are_compared(run: Path) -> None:
    policy, about = checkpoint.load_policy(run, "jobshop")
    assert isinstance(policy, Policy)
    assert policy.config == SHAPE
    assert about["iterations"] == 2
