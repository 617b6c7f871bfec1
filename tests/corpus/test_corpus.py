"""Every malformed input of the corpus is refused in one line, with exit code 2 and in time; nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_malformed_input_is_refused_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.corpus.all_cases", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=580, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["faults"] == []
    assert report["answers"] > 1_500


def test_random_changes_of_files_raise_nothing_but_input_errors(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.corpus.fuzz", "--seed", "3", "--inputs", "300"]
    done = subprocess.run(
        [*command, "--saved", str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "300 inputs" in done.stdout
