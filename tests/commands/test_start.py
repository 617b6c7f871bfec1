"""A signal that comes while Python still loads a command ends it with the exit code of that signal and one line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVALUATE = "evaluate.py jobshop --instances ft06 --methods spt"
TRAIN = "train.py jobshop --sizes 3x3 --steps 400"


@pytest.mark.parametrize(
    ("words", "module", "number", "code"),
    [
        (EVALUATE, "gymnasium", signal.SIGINT, 130),
        (EVALUATE, "tyro", signal.SIGTERM, 143),
        (TRAIN, "numpy", signal.SIGTERM, 143),
        (TRAIN, "torch", signal.SIGINT, 130),
    ],
)
def test_a_signal_during_the_imports_ends_a_command_in_one_line(
    words: str, module: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", *words.split(), "--out", str(tmp_path / "out")],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if f" {module}." in line:  # a part of it is there, the rest is being imported
                break
        process.send_signal(number)
        lines = [line for line in process.stderr.read().splitlines() if not line.startswith("import time:")]
    assert (process.returncode, lines) == (code, ["interrupted"])
    assert not (tmp_path / "out").exists()
