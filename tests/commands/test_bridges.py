"""Every bridge whose libraries are installed runs as a plain script, and what it trains gets better."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# script -> the libraries that it needs, and words for a short run; the others have environments of their own
BRIDGES = {
    "register_in_your_code.py": ((), []),
    "gymnasium_wrappers.py": ((), []),
    "cleanrl_ppo.py": (("torch",), ["--steps", "40000"]),
    "sb3_without_masks.py": (("stable_baselines3",), []),
    "torchrl_ppo.py": (("torchrl",), ["--steps", "12000"]),
    "rllib_ppo.py": (("ray",), ["--iterations", "4"]),
}
INSTALLED = [name for name, (needs, _) in BRIDGES.items() if all(importlib.util.find_spec(need) for need in needs)]


@pytest.mark.parametrize("name", INSTALLED)
def test_a_bridge_runs_and_learns(name, tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *BRIDGES[name][1]],
        cwd=tmp_path, capture_output=True, text=True, timeout=500, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = (re.search(rf"^{word}: mean (\w+) (-?[0-9.]+)", done.stdout, re.M) for word in ("untrained", "trained"))
    if name in ("register_in_your_code.py", "gymnasium_wrappers.py"):
        assert "makespan" in done.stdout
        return
    assert before is not None
    assert after is not None
    better = float(after[2]) - float(before[2])
    assert (better < -30) if after[1] == "makespan" else (better > 0.05)


def test_bridges_are_short_and_in_the_table():
    table = (ROOT / "docs" / "bridges.md").read_text()
    for path in (ROOT / "examples").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 60, path.name
        assert f"../examples/{path.name}" in table, path.name
