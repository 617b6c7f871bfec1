"""The bridges to other libraries: what each script needs, how it runs, and whether what it trained got better.

    python -m tests.commands.bridges             `make bridges`: those that .venv lacks, each in an environment of its own
    python -m tests.commands.bridges skrl tianshou

Environments are kept in .bridges/NAME. Status 1 if a bridge fails.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEAST = {"makespan": -30.0, "return": 0.05}  # by which the mean must change


@dataclass(frozen=True)
class Bridge:
    """A script of examples/ that trains, unless it only shows what it does."""

    script: str
    imports: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # for a short run
    trains: bool = True
    install: tuple[str, ...] = ()  # what pip installs beside the package into an environment of its own; () = .venv has it
    constraints: str = "constraints.txt"
    without: tuple[str, ...] = ()  # packages of `constraints` of which the library needs another version
    shares: str = ""  # the bridge whose environment it runs in


TORCHRL = (".[agent,cli,minari]", "torchrl")
BRIDGES = {
    "plain": Bridge("register_in_your_code.py", trains=False),
    "gymnasium": Bridge("gymnasium_wrappers.py", trains=False),
    "cleanrl": Bridge("cleanrl_ppo.py", ("torch",), ("--steps", "40000")),
    "sb3": Bridge("sb3_without_masks.py", ("stable_baselines3",)),
    "torchrl": Bridge("torchrl_ppo.py", ("torchrl",), ("--steps", "12000"), install=TORCHRL),
    "offline": Bridge("torchrl_offline.py", ("torchrl", "minari"), install=TORCHRL, shares="torchrl"),
    "tianshou": Bridge(
        "tianshou_dqn.py",
        ("tianshou",),
        ("--steps", "6000"),
        install=(".[agent]", "tianshou>=2"),
        without=("pandas", "filelock"),
    ),
    "skrl": Bridge("skrl_ppo.py", ("skrl",), ("--steps", "32000"), install=(".[agent]", "skrl")),
    "rllib": Bridge("rllib_ppo.py", ("ray",), ("--iterations", "6"), install=(".[ray]",), constraints="constraints-ray.txt"),
}


def installed(bridge: Bridge) -> bool:
    return all(importlib.util.find_spec(name) for name in bridge.imports)


def run(bridge: Bridge, python: Path, folder: Path) -> str:
    """What the script prints. Raises RuntimeError, with the end of its errors, if it fails or what it trains does not improve."""
    command = [str(python), str(ROOT / "examples" / bridge.script), *bridge.words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{bridge.script}: {done.stderr[-2000:]}")
    if not bridge.trains:
        if "makespan" not in done.stdout:
            raise RuntimeError(f"{bridge.script}: printed no makespan: {done.stdout[-500:]}")
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


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in BRIDGES]
    if unknown:
        print(f"error: {unknown[0]} is not one of {', '.join(BRIDGES)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or [name for name, bridge in BRIDGES.items() if bridge.install]:
        bridge = BRIDGES[name]
        try:
            python = environment_of(name, bridge) if bridge.install else Path(sys.executable)
            lines = run(bridge, python, ROOT / ".bridges").strip().splitlines()
        except (RuntimeError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"{name}: FAILED: {error}")
        else:
            print(f"{name}: {'; '.join(line for line in lines if 'mean' in line) or 'runs'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
