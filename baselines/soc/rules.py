"""Dispatching rules for streams of jobs: each ready task is given a PE at once, where it waits for its turn.

Any task waiting at a PE starts as soon as the PE is free and its data is there, as in DS3 (Arda et al., IEEE Transactions on
Computers 69 (2020)), except that `heft-rt` forces its order on the PEs.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from dispatchgym.baselines.result import Result
from dispatchgym.baselines.soc.player import Player, compiled
from dispatchgym.baselines.soc.streaming import RULES
from dispatchgym.instances.soc import Stream, StreamLog

BATCH = 64  # copies at a time


def dispatch(instance: Stream, rule: str, *, samples: int = 1, seed: int = 0) -> Result:
    """What `rule`, one of RULES, does with a stream; of "random" the best of `samples` runs.

    Of equally fast PEs MET and STF take the one with the earliest finish. All samples meet the same stream: "best
    of K" needs K such days, so compare it with single runs with care. Compiling is not counted in the seconds.
    """
    compiled()
    began = time.perf_counter()
    player = Player(instance, "assign", list(RULES).index(rule), min(samples, BATCH))
    record = player.record
    rng = np.random.default_rng(seed)
    best: tuple[int, StreamLog] | None = None
    curve: list[tuple[float, int | None, int | None]] = []
    for low in range(0, samples, BATCH):
        record.seed[:] = rng.integers(2**62, size=len(record.seed))
        record.head[:] = 0
        count = min(len(record.seed), samples - low)
        player.play(count)
        copy = int(record.objective[:count].argmin())
        if best is None or record.objective[copy] < best[0]:
            best = int(record.objective[copy]), player.log(copy)
            curve.append((time.perf_counter() - began, best[0], None))
    assert best is not None
    notes: dict[str, Any] = {"samples": samples} if rule == "random" else {}
    return Result(*best, "feasible", time.perf_counter() - began, curve=tuple(curve), notes=notes)
