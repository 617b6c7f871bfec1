"""Episodes of every kind of blocking shop on one target, as arrays: `python -m tests.blocking.record DEVICE FILE`."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispatchgym.envs.blocking.nowait.problem import NoWaitProblem
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.engine import Engine
from tests.blocking.shops import random_shop
from tests.core.targets import answer

KINDS: tuple[tuple[str, bool], ...] = (("bws", False), ("bws", True), ("bns", False), ("bns", True), ("nwt", False))
COPIES, EPISODES = 4, 12  # of each kind


def record(device: Any) -> dict[str, np.ndarray]:
    """Everything seen and gained in random play, single environments included (copy 0 again alone)."""
    found: dict[str, np.ndarray] = {}
    for variant, windows in KINDS:
        rng = np.random.default_rng(11)
        pool = [random_shop(rng, variant, jobs=4, machines=3, windows=windows) for _ in range(6)]  # type: ignore[arg-type]
        problem = NoWaitProblem() if variant == "nwt" else BlockingProblem(variant == "bws")
        for copies in (COPIES, 1):
            rows: list[np.ndarray] = []
            engine = Engine(problem, pool, copies, device=device, seed=5)
            engine.reset()
            ended = steps = 0
            while ended < EPISODES:
                seen, episodes = engine.arrays
                rows += [np.array(field[0]).ravel().astype(np.float64) for field in seen]
                rows += [np.array([episodes.reward[0], episodes.final_objective[0], episodes.final_return[0]])]
                # The choice depends on the copy's own step alone, so that copy 0 plays the same alone.
                luck = np.random.default_rng([steps, 3]).random(seen.mask.shape[1])
                engine.step((seen.mask * luck).argmax(axis=1))
                ended += int(engine.arrays[1].terminated[0])
                steps += 1
            found[f"{variant}{'-down' * windows}-{copies}"] = np.concatenate(rows)
    return found


if __name__ == "__main__":
    answer(record)
