"""The commands on strange files and words: one line, in time, and no schedule that is read as another one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dispatchgym.__main__ import main
from tests.agents.trainings import TINY_WORDS

ROOT = Path(__file__).resolve().parents[2]
PLACED = {"problem": "memory-pack", "instance": "guillotine/n8/s0", "offset": [0] * 8}
MAPPED = {"problem": "memory-map", "instance": "layered/t8/s0", "stay": [[7, 3, 5, 0, 3, -1]]}
STARTED = {"problem": "jobshop", "instance": "ft06", "start": [[0] * 6] * 6}


def answer(capsys: Any, *words: str) -> tuple[int, str]:
    """Exit status and the one line that is said."""
    try:
        status = main(list(words))
    except SystemExit as stop:
        status = int(stop.code or 0)
    said = capsys.readouterr()
    line: str = said.err or said.out
    assert line.count("\n") == 1, line
    assert len(line) <= 400
    assert line[:-1].isprintable()
    return status, line


@pytest.mark.parametrize(
    ("body", "field", "value", "said"),
    [
        (STARTED, "start", None, "is not an array of whole numbers"),
        (STARTED, "start", 10**30, "is not an array of whole numbers"),
        (STARTED, "start", [[2**63] * 6] * 6, "is not an array of whole numbers"),
        (STARTED, "start", [[0.5] * 6] * 6, "holds 0.5, which is not a whole number"),
        (STARTED, "start", [[1], [1, 2]], "has rows of different lengths"),
        (STARTED, "start", [["0"] * 6] * 6, "is not an array of whole numbers"),
        (PLACED, "offset", [True, *[0] * 7], "is not an array of whole numbers"),
        (MAPPED, "stay", [1, 2, 3], "has the shape (3,), expected rows of six"),
        (MAPPED, "stay", [[-(2**63)] * 6], "refused: "),
        (MAPPED, "stay", {"a": 1}, "is not an array of whole numbers"),
    ],
)
def test_fields_of_schedules_that_cannot_be_are_named(
    body: dict[str, Any], field: str, value: Any, said: str, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(body | {field: value}))
    status, line = answer(capsys, "check", str(path))
    assert status == (1 if said == "refused: " else 2)
    assert said in line
    status, line = answer(capsys, "export", str(path))
    assert status == 2
    assert said.removesuffix(": ") in line


LONG = "9" * 5_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 50_000, "nested too deeply"),
        (f"workers = {LONG}", "a number too long"),
        ('family = "jobshop"\nworkers = 0x' + "f" * 5_000, "workers: a number of more than 64 bits"),
        ('family = "jobshop"\n' + ".".join("a" * 10_000) + " = 1", "more than 64 dots"),
        ('family = "jobshop"\n' + " . ".join("a" * 10_000) + " = 1", "more than 64 dots"),
        ('family = "jobshop"\nworkers = {a = 1}', "workers = an object is no text"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_time(text: str, said: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "x.toml").write_text(text)
    status, line = answer(capsys, "evaluate", "--config", str(tmp_path / "x.toml"))
    assert status == 2
    assert said in line


def test_long_words_and_links_to_themselves_are_no_files(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    for words in (("check",), ("export",), ("compare", "loop"), ("compile",), ("show",), ("evaluate", "--config")):
        for word in ("x" * 100_000, "loop", "\x1b[31m\u202e", "\udcff", ""):
            status, _ = answer(capsys, *words, word)
            assert status == 2
    for word in (("--workers", "0"), ("--workers", LONG), ("--workers", "²"), ("--only", "\x1b"), ("--nothing",)):
        assert answer(capsys, "compile", *word)[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


def test_control_characters_of_an_out_folder_never_reach_the_terminal(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ("generate", "jobshop", "uniform/j3/m3/s0", "--out", "a\x1b[31m/g"),
        ("show", "ft06", "--picture", "a\x1b[31m/x.png"),
        ("train", "jobshop", *TINY_WORDS, "--steps", "1", "--device", "python", "--out", "a\x1b[31m/t"),
    ):
        assert main(list(words)) == 0
        said = capsys.readouterr()
        assert "a\\x1b[31m" in said.out
        assert "\x1b" not in said.out + said.err
    assert answer(capsys, "generate", "jobshop", "uniform/j3/m3/s0", "--out", LONG)[0] == 2


@pytest.mark.parametrize(
    ("program", "words", "status", "said"),
    [
        ("-m dispatchgym", "list jobshop", 1, "error: standard output cannot be written: No space left on device\n"),
        ("train.py", "--help", 1, "error: standard output cannot be written: No space left on device\n"),
        ("evaluate.py", "--version", 1, "error: standard output cannot be written: No space left on device\n"),
        ("train.py", "jobshop --steps 2 --device python", 0, "; the files are written all the same\n"),
    ],
)
def test_a_full_device_as_standard_output_is_one_line(tmp_path: Path, program: str, words: str, status: int, said: str) -> None:
    """A training goes on: its work is in files."""
    out = tmp_path / "run"
    more = [*TINY_WORDS, "--out", str(out)] if status == 0 else []
    command = [sys.executable, *program.split(), *words.split(), *more]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert done.stderr.endswith(said)
    assert (out / "policy.safetensors").is_file() == (status == 0)
