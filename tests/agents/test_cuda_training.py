"""The CUDA path end to end without a GPU: numba's simulator trains and plays, and agrees with the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np, torch
from dispatchgym.agents.jobshop import TRAINING as kind
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.instances.jobshop.generate import generate

out, device = Path(sys.argv[1]), sys.argv[2]
torch.manual_seed(0)
policy = Policy(PolicyConfig(kind.problem.features, width=8, layers=1, hidden=8, attention=2))
torch.nn.init.normal_(policy.decoder.weight_seen)
pool = [generate(3, 3, seed=s) for s in range(2)]
rollout = Rollout(kind.problem, kind.problem.sizes(pool), 4, 8, device)
rollout.load(pool)
record = rollout.play(policy, np.arange(4) % 2, np.array([1, 2, 3, -1]))
config = TrainConfig(steps=2, sizes=("3x2",), instances=2, samples=4, width=8, layers=1, hidden=8, log_every=1.0, device=device)
lines = []
Trainer(kind, config, out / device).run(lines.append)
print(json.dumps({"actions": record.actions.tolist(), "objective": record.objective.tolist(),
                  "validation": [l["validation"] for l in lines]}))
"""


def run(device: str, out: Path) -> dict[str, object]:
    environment = dict(os.environ, NUMBA_ENABLE_CUDASIM="1" if device == "cuda" else "0")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(out), device],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_rollout_and_training_on_the_simulated_gpu_equal_those_on_the_cpu(tmp_path: Path) -> None:
    assert run("cuda", tmp_path) == run("cpu", tmp_path)
