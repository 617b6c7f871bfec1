"""Child process: plays degenerate instances of an environment by kernels that are compiled with every index checked.

NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=EMPTY_FOLDER python -m tests.core.checked_indices JobShop-v0

Prints how many episodes ended and the CPU seconds; an index outside of its array is an IndexError.
"""

from __future__ import annotations

import sys
import time
from typing import Any, NamedTuple

import gymnasium
import numpy as np

import dispatchgym  # noqa: F401
from dispatchgym.envs.core.placing import place
from dispatchgym.envs.core.targets import compile_entries
from tests.core.test_every_index import CASES


class Numbers(NamedTuple):
    """Some numbers, and which of them a copy reads."""

    values: Any  # (N,)
    index: Any  # (B,)


def look(b: int, numbers: Numbers) -> None:
    numbers.values[0] = numbers.values[numbers.index[b]]


def check_that_checks_are_on() -> None:
    """An index outside is found at either end."""
    launch = compile_entries((look,), "cpu")["look"]
    for index in (0, 2, 3, -1):
        found = ""
        arrays, _ = place(Numbers(np.zeros(3), np.full(1, index)), "cpu")
        try:
            launch(1, arrays)
        except IndexError as error:
            found = str(error)
        assert ("out of bounds" in found) == (index not in (0, 2)), f"index {index} of 3: {found!r}"


def play(name: str, words: dict[str, Any]) -> int:
    """Random play, with illegal actions among it; the episodes that ended."""
    rng = np.random.default_rng(0)
    env = gymnasium.make_vec(f"dispatchgym/{name}", num_envs=6, **words)
    _, info = env.reset(seed=3)
    ended = 0
    for _ in range(300):
        mask = np.asarray(info["action_mask"])
        actions = np.array([rng.choice(np.flatnonzero(row)) if row.any() else 0 for row in mask])
        if rng.random() < 0.02:
            actions[0] = 0  # legal or not
        _, _, terminated, truncated, info = env.step(actions)
        ended += int((terminated | truncated).sum())
    env.close()
    assert ended > 0, f"{name} {words}: no episode ended"
    return ended


def main(name: str) -> None:
    check_that_checks_are_on()
    ended = sum(play(name, words) for words in CASES[name])
    print(f"{ended} episodes, {time.process_time():.0f} CPU-seconds")


if __name__ == "__main__":
    main(sys.argv[1])
