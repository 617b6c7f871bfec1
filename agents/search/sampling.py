"""Independent samples; the first episode is greedy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.search.loop import Run


def samples(run: Run) -> Iterator[tuple[Rollout, Tensor]]:
    """Rounds of episodes. Sample i is the same for a seed, whatever the rounds."""
    while True:
        count = run.round()
        seeds: np.ndarray = run.rng.integers(2**62, size=count)
        if run.played == 0:
            seeds[0] = -1  # this stream plays greedily
        yield run.play(run.rollout(count), seeds)
