"""Small job shops of every shape, and episodes recorded on any target: what the environment tests share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from dispatchgym.envs.core.engine import Device, Engine
from dispatchgym.envs.jobshop.problem import ACTION_SETS, JobShopProblem
from dispatchgym.instances.jobshop.instance import JobShop

ID = "dispatchgym:dispatchgym/JobShop-v0"
IDS = (ID, "dispatchgym:dispatchgym/JobShopFlat-v0")
SMALL: dict[str, Any] = {"jobs": 4, "machines": 3, "pool": 5, "duration": (0, 9), "release": (0, 5)}


def odd_shop(rng: np.random.Generator, jobs: int = 4, machines: int = 3, width: int = 4) -> JobShop:
    """Ragged routes that skip and revisit machines, zero durations, releases; up to the given size."""
    jobs = int(rng.integers(1, jobs + 1))
    machines = int(rng.integers(1, machines + 1))
    length = rng.integers(1, width + 1, jobs)
    used = np.arange(int(length.max())) < length[:, None]
    machine = np.where(used, rng.integers(0, machines, used.shape), -1)
    duration = np.where(used, rng.integers(0, 7, used.shape), 0)
    return JobShop(machine, duration, machines, rng.integers(0, 6, jobs), name=f"odd{int(rng.integers(1000))}")


@st.composite
def shops(draw: st.DrawFn) -> JobShop:
    return odd_shop(np.random.default_rng(draw(st.integers(0, 2**32 - 1))))


def pick(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random legal action for each row of a (B, K) mask."""
    return np.asarray((rng.random(mask.shape) * mask).argmax(axis=-1))


def record(device: Device, copies: int = 10, steps: int = 40) -> dict[str, np.ndarray]:
    """All that `copies` copies show and earn in `steps` steps, for each action set; every tenth action is random."""
    found: dict[str, np.ndarray] = {}
    for actions in ACTION_SETS:
        rng = np.random.default_rng(5)
        pool = [odd_shop(rng) for _ in range(8)]
        engine = Engine(JobShopProblem(actions), pool, copies, device=device, seed=3)  # type: ignore[arg-type]
        engine.reset()
        rows: dict[str, list[np.ndarray]] = {}
        ended = 0
        for step in range(steps):
            seen, episodes = engine.arrays
            for name, value in (*seen._asdict().items(), *episodes._asdict().items()):
                rows.setdefault(name, []).append(np.array(value))
            action = pick(seen.mask, rng)
            wild = rng.integers(-1, seen.mask.shape[1] + 1, copies)
            engine.step(np.where(rng.random(copies) < 0.1, wild, action), autoreset=step % 2 == 0)
            if step % 2:
                ended += int((engine.arrays[1].terminated == 1).sum())
                engine.restart()
        assert ended > 3
        found |= {f"{actions}.{name}": np.stack(value) for name, value in rows.items()}
        found[f"{actions}.episodes"] = np.array(engine.arrays[1].episode).sum()
    return found


if __name__ == "__main__":
    np.savez(Path(sys.argv[2]), **record(sys.argv[1]))  # type: ignore[arg-type]
