"""The same random play as plain Python, compiled, and on the CUDA simulator, which needs a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.envs.core.engine import Engine

ROOT = Path(__file__).parents[2]
Recorded = dict[str, np.ndarray]


def record_play(games: Sequence[tuple[Any, list[Any]]], device: Any, steps: int) -> Recorded:
    """Everything seen and gained in random play of each (problem, pool) by copies 0 and 2 of three, and by copy 0 alone."""
    found: Recorded = {}
    for n, (problem, pool) in enumerate(games):
        for copies in (3, 1):
            rows: dict[int, list[np.ndarray]] = {b: [] for b in {0, copies - 1}}
            engine = Engine(problem, pool, copies, device=device, seed=5)
            engine.reset()
            for step in range(steps):
                seen, episodes = engine.arrays
                for b, row in rows.items():
                    listed = episodes.choices[b, : episodes.count[b]]
                    for mask in (episodes.legal[b], seen.mask[b]):
                        assert listed.tolist() == np.flatnonzero(mask).tolist()
                    row += [np.array(field[b]).ravel().astype(np.float64) for field in seen]
                    row += [np.array([episodes.reward[b], episodes.final_objective[b], episodes.final_return[b]])]
                # The choice depends on the copy's own step alone, so that copy 0 plays the same alone.
                luck = np.random.default_rng([step, n]).random(seen.mask.shape[1]) + 1e-9
                engine.step((seen.mask * luck).argmax(axis=1))
            found |= {f"{n}: copy {b} of {copies}": np.concatenate(row) for b, row in rows.items()}
            assert engine.arrays[1].episode.min() > 1, "no copy came to the end of an episode"
    return found


def answer(record: Callable[[Any], Recorded]) -> None:
    """`python -m MODULE DEVICE FILE`: write what `record` finds on DEVICE to FILE."""
    with Path(sys.argv[2]).open("wb") as file:
        np.savez(file, **record(sys.argv[1]))  # type: ignore[arg-type]


def on_every_target(module: str, record: Callable[[Any], Recorded], folder: Path) -> Recorded:
    """What `record` finds, which is the same to the last bit on every target. `module` ends by `answer`."""
    compiled, interpreted = record("cpu"), record("python")
    file = folder / "simulated.npz"
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", module, "cuda", str(file)], env=environment, cwd=ROOT, check=True)
    with np.load(file) as simulated:
        assert compiled.keys() == interpreted.keys() == set(simulated)
        for name, value in compiled.items():
            assert value.tobytes() == interpreted[name].tobytes(), name
            assert value.tobytes() == simulated[name].tobytes(), name
    return compiled


def assert_targets_agree(module: str, record: Callable[[Any], Recorded], games: int, folder: Path) -> None:
    """`record` finds the same on every target, and for copy 0 of three and alone."""
    compiled = on_every_target(module, record, folder)
    batches = [name for name in compiled if name.endswith("copy 0 of 3")]
    assert len(batches) == games
    for name in batches:
        assert compiled[name].tobytes() == compiled[name.replace("of 3", "of 1")].tobytes(), name
