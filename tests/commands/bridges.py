"""The bridges to other libraries: what each script needs, how it runs, and whether what it trained got better.

    python -m tests.commands.bridges             `make bridges`: those that .venv lacks, each in an environment of its own
    python -m tests.commands.bridges skrl tianshou
    python -m tests.commands.bridges --speed     steps per CPU-second of each training loop, start and tests taken off

Environments are kept in .bridges/NAME. What the library must be able to do beside its script is in bridge_checks.py. Status 1 if
a bridge or a check fails.
"""

from __future__ import annotations

import importlib.util
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.commands.bridge_checks import CHECKS

ROOT = Path(__file__).resolve().parents[2]
LEAST = {"makespan": -30.0, "return": 0.05}  # by which the mean must change


@dataclass(frozen=True)
class Bridge:
    """A script of examples/ that trains, unless it only shows what it does, or a file of tests."""

    script: str
    imports: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # for a short run
    trains: bool = True
    install: tuple[str, ...] = ()  # what pip installs beside the package into an environment of its own; () = .venv has it
    constraints: str = "constraints.txt"
    without: tuple[str, ...] = ()  # packages of `constraints` of which the library needs another version
    shares: str = ""  # the bridge whose environment it runs in
    tests: str = ""  # a file of tests that runs in the place of a script
    loop: tuple[str, int, int, int] | None = None  # an option, two values of it, and how many steps one unit of it is


TORCHRL = (".[agent,cli,minari]", "torchrl")
BRIDGES = {
    "plain": Bridge("register_in_your_code.py", trains=False),
    "gymnasium": Bridge("gymnasium_wrappers.py", trains=False),
    "cleanrl": Bridge("cleanrl_ppo.py", ("torch",), ("--steps", "40000"), loop=("--steps", 40_000, 200_000, 1)),
    "sb3": Bridge("sb3_without_masks.py", ("stable_baselines3",), loop=("--steps", 20_000, 80_000, 1)),
    "torchrl": Bridge("torchrl_ppo.py", ("torchrl",), ("--steps", "12000"), install=TORCHRL, loop=("--steps", 13_824, 96_768, 1)),
    "offline": Bridge("torchrl_offline.py", ("torchrl", "minari"), install=TORCHRL, shares="torchrl"),
    "tianshou": Bridge(
        "tianshou_dqn.py",
        ("tianshou",),
        ("--steps", "6000"),
        install=(".[agent]", "tianshou>=2"),
        without=("pandas", "filelock"),
        loop=("--steps", 4_000, 12_000, 1),
    ),
    "skrl": Bridge(
        "skrl_ppo.py", ("skrl",), ("--steps", "32000"), install=(".[agent]", "skrl"), loop=("--steps", 32_000, 160_000, 1)
    ),
    "rllib": Bridge(
        "rllib_ppo.py",
        ("ray",),
        ("--iterations", "6"),
        install=(".[ray]",),
        constraints="constraints-ray.txt",
        loop=("--iterations", 2, 12, 2304),
    ),
    "cluster": Bridge("", ("ray",), install=(".[agent,cli,cluster,dev]",), trains=False, tests="tests/commands/test_cluster.py"),
}


def installed(bridge: Bridge) -> bool:
    return all(importlib.util.find_spec(name) for name in bridge.imports)


def run(bridge: Bridge, python: Path, folder: Path) -> str:
    """What the script prints. Raises RuntimeError, with the end of its errors, if it fails or what it trains does not improve."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if bridge.tests:
        command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", bridge.tests]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, env=environment)
        if done.returncode != 0:
            raise RuntimeError(f"{bridge.tests}: {done.stdout[-2000:]}")
        return done.stdout
    command = [str(python), str(ROOT / "examples" / bridge.script), *bridge.words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{bridge.script}: {done.stderr[-2000:]}")
    if not bridge.trains:
        if not re.search("makespan|return", done.stdout):
            raise RuntimeError(f"{bridge.script}: printed no makespan or return: {done.stdout[-500:]}")
        return done.stdout
    means = {}
    for word in ("untrained", "trained"):
        found = re.search(rf"^{word}: mean (\w+) (-?[0-9.]+)", done.stdout, re.M)
        if found is None:
            raise RuntimeError(f"{bridge.script}: does not print the mean of what is {word}: {done.stdout[-500:]}")
        means[word] = float(found[2])
        least = LEAST[found[1]]
    change = means["trained"] - means["untrained"]
    if change * (1 if least > 0 else -1) < abs(least):
        raise RuntimeError(f"{bridge.script}: changed by {change:.3f} only")
    return done.stdout


def speed(bridge: Bridge, python: Path, folder: Path) -> float:
    """Steps per CPU-second of the training loop: those of a long run beyond a short one. RuntimeError as of `run`."""
    assert bridge.loop is not None
    option, short, long, unit = bridge.loop
    used = []
    for count in (short, long):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(replace(bridge, words=(option, str(count)), trains=False), python, folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return (long - short) * unit / (used[1] - used[0])


def check(name: str, python: Path, folder: Path) -> list[str]:
    """The lines of the checks of that library. RuntimeError if one fails."""
    command = [str(python), str(ROOT / "tests" / "commands" / "bridge_checks.py"), name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("check: ")]
    if done.returncode != 0:
        raise RuntimeError("; ".join(line for line in lines if "FAILED" in line) or done.stderr[-2000:])
    return lines


def environment_of(name: str, bridge: Bridge) -> Path:
    """The interpreter of the bridge's own environment, which is made if it is not there, or has been made from other words."""
    place = ROOT / ".bridges" / (bridge.shares or name)
    python, marker = place / "bin" / "python", place / "installed"
    lines = (ROOT / bridge.constraints).read_text().splitlines(keepends=True)
    constraints = "".join(line for line in lines if line.partition("==")[0] not in bridge.without)
    packages = [word for what in bridge.install for word in (["-e", what] if what.startswith(".") else [what])]
    wanted = f"{' '.join(packages)}\n{constraints}"
    if not marker.exists() or marker.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        (place / "constraints.txt").write_text(constraints)
        command = [str(python), "-m", "pip", "install", "--quiet", "-c", str(place / "constraints.txt"), *packages]
        subprocess.run(command, check=True, cwd=ROOT)
        marker.write_text(wanted)
    return python


def main(words: Sequence[str]) -> int:
    fast = "--speed" in words
    names = [word for word in words if word != "--speed"]
    unknown = [name for name in names if name not in BRIDGES]
    if unknown:
        print(f"error: {unknown[0]} is not one of {', '.join(BRIDGES)}", file=sys.stderr)
        return 2
    failed = 0
    folder = ROOT / ".bridges"
    for name in names or [name for name, bridge in BRIDGES.items() if (bridge.loop if fast else bridge.install)]:
        bridge = BRIDGES[name]
        try:
            python = environment_of(name, bridge) if bridge.install else Path(sys.executable)
            if fast:
                lines = [f"{speed(bridge, python, folder):.0f} steps per CPU-second"]
            else:
                said = run(bridge, python, folder).strip().splitlines()
                lines = [said[-1] if bridge.tests else "; ".join(line for line in said if "mean" in line) or "runs"]
                lines += check(name, python, folder) if name in CHECKS else []
        except (RuntimeError, subprocess.SubprocessError) as error:
            failed += 1
            lines = [f"FAILED: {error}"]
        for line in lines:
            print(f"{name}: {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
