"""Kills evaluate and train at random moments, resumes them, and compares what they leave with a run that nobody killed.

    python -m tests.commands.kills --times 20 --seed 0 [--only train]

Half of the moments are drawn from the length of the whole run, half follow a change in the folder by some milliseconds, so that
they fall into writes. Signals are SIGKILL, SIGINT and SIGTERM, the first twice as often. After each kill the same command is
given with --resume; then rows, schedules, weights and log lines must be those of the unkilled run, and no draft of a file may be
left. Prints a line for each scenario; exits with 1 at a difference.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.agents import checkpoint

ROOT = Path(__file__).resolve().parents[2]
SIGNALS = (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
CODES = {0, -signal.SIGKILL, 130, 143}  # of a command that was killed, or had ended before
EARLY = {-signal.SIGINT, -signal.SIGTERM, 1}  # while Python itself starts, before it comes to our code
CLOCK = ("seconds", "cpu_seconds", "load_seconds")  # what no two runs share


def timeless(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in fields.items() if k not in CLOCK}


def rows_and_schedules(out: Path) -> Any:
    """What an evaluation found, without times."""
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    schedules = [json.loads((out / row["schedule"]).read_text()) for row in rows]
    plain = [timeless({**row, "notes": timeless(row["notes"])}) for row in rows]
    found = [(row, {k: v for k, v in s.items() if k != "curve"}) for row, s in zip(plain, schedules, strict=True)]
    return sorted(found, key=lambda pair: (pair[0]["instance"], pair[0]["method"]))


def weights_and_log(out: Path) -> Any:
    """What a training left, without times."""
    weights = {k: v.tolist() for k, v in checkpoint.load_tensors(out / "policy.safetensors")[0].items()}
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return weights, [timeless(line) for line in lines]


def names(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*"))


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A command without its --out, and what it leaves there."""

    name: str
    words: tuple[str, ...]
    outcome: Callable[[Path], Any]

    def start(self, out: Path, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, *self.words, "--out", str(out), *more]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DISPATCHGYM_QUIET": "1"}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )  # fmt: skip

    def finish(self, out: Path, *more: str) -> None:
        process = self.start(out, *more)
        _, error = process.communicate(timeout=600)
        assert process.returncode == 0, f"{self.name}: exit code {process.returncode}: {error[-2000:]}"


def evaluation(name: str, words: str) -> Scenario:
    return Scenario(name, ("evaluate.py", *words.split()), rows_and_schedules)


SMALL = "--sizes 3x3 --instances 2 --samples 2 --width 8 --layers 1 --hidden 8 --steps 80 --log-every 10 --save-every 0"
SCENARIOS = (
    evaluation("evaluate jobshop", "jobshop --instances la01..la10 --methods spt mwkr spt:x8 tabu:moves=300 --workers 2"),
    evaluation("evaluate soc", "soc --instances gym-ds3-5 --streams 12 --methods etf met"),
    evaluation("evaluate memory-pack", "memory-pack --instances A B C D E --methods size area best-of-8"),
    Scenario("train", ("train.py", "jobshop", *SMALL.split()), weights_and_log),
)


def kill(process: subprocess.Popen[str], out: Path, number: int, seconds: float, rng: np.random.Generator) -> tuple[int, str]:
    """Send the signal at a random moment; the exit code and standard error."""
    end, changes = time.monotonic() + rng.uniform(0.0, seconds), 10**9
    if rng.random() < 0.5:  # after so many changes of the folder, whenever that is
        end, changes = time.monotonic() + 2 * seconds, int(rng.integers(1, 30))
    seen: set[tuple[str, int]] = set()
    while process.poll() is None and len(seen) < changes and time.monotonic() < end:
        time.sleep(0.001)
        for path in list(out.rglob("*")) if changes < 10**9 else ():
            with contextlib.suppress(OSError):  # it is gone already
                seen.add((str(path), path.lstat().st_size))
    time.sleep(rng.uniform(0.0, 0.005))
    process.send_signal(number)
    _, error = process.communicate(timeout=600)
    return process.returncode, error


def check(scenario: Scenario, folder: Path, times: int, seed: int) -> int:
    """Kill and resume `times` times; returns how many were killed before they had ended. AssertionError at a difference."""
    rng = np.random.default_rng(seed)
    whole = folder / "whole"
    began = time.monotonic()
    scenario.finish(whole)
    seconds = time.monotonic() - began
    expected, files = scenario.outcome(whole), names(whole)
    killed = 0
    for n in range(times):
        out, number = folder / str(n), SIGNALS[n % len(SIGNALS)]
        code, error = kill(scenario.start(out), out, number, seconds, rng)
        early = not out.exists() and code in EARLY and str(ROOT) not in error
        assert early or code in CODES, (
            f"{scenario.name} {n}: exit code {code} after {signal.Signals(number).name}: {error[-2000:]}"
        )
        assert early or "Traceback" not in error, f"{scenario.name} {n}: {error[-2000:]}"
        killed += code != 0
        scenario.finish(out, "--resume")
        assert scenario.outcome(out) == expected, f"{scenario.name} {n}: other results after {signal.Signals(number).name}"
        assert names(out) == files, f"{scenario.name} {n}: other files: {sorted(set(names(out)) ^ set(files))}"
    return killed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    failed = 0
    for scenario in SCENARIOS:
        if asked.only not in scenario.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                killed = check(scenario, Path(folder), asked.times, asked.seed)
                print(
                    f"{scenario.name}: {asked.times} kills, {killed} before the end; each resumed to the same results", flush=True
                )
            except AssertionError as error:
                failed += 1
                print(error, flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
