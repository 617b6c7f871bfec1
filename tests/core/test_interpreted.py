"""Compiled heuristics do what their Python source says: the same runs, interpreted, give the same schedules."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from dispatchgym.baselines.jobshop.methods import METHODS

SCRIPT = """
import json
from dispatchgym.baselines.jobshop.methods import METHODS, solve
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.jobshop.generate import generate

shops = [
    generate(5, 4, seed=1, release=(0, 30)),
    generate(4, 3, operations=5, recirculation=True, seed=2),
    generate(6, 5, duration=(0, 9), seed=3),
]
methods = [name for name in METHODS if name not in ("tabu", "sa", "cpsat")]
methods += [f"{rule}:builder={builder}" for rule in ("mwkr", "random") for builder in ("active", "semi-active")]
methods += ["spt:x4", "tabu:moves=400", "sa:moves=400", "tabu:moves=200,start=lpt"]
found = {}
for method in methods:
    results = [solve(shop, method, seed=5) for shop in shops]
    assert all(check(shop, r.schedule) == r.objective for shop, r in zip(shops, results))
    found[method] = [r.schedule.start.tolist() for r in results]
print(json.dumps(found))
"""


def run(interpreted: bool) -> dict[str, list[object]]:
    environment = dict(os.environ, NUMBA_DISABLE_JIT="1" if interpreted else "0")
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_interpreted_and_compiled_heuristics_find_the_same_schedules() -> None:
    found = run(interpreted=True)
    assert len(found) > len(METHODS)
    assert found == run(interpreted=False)
