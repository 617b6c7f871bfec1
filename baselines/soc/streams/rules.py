"""Dispatching rules for streams of jobs: each ready task is given a PE at once, where it waits for its turn.

Any task waiting at a PE starts as soon as the PE is free and its data is there, as in DS3 (Arda et al., IEEE Transactions on
Computers 69 (2020)), except that `heft-rt` forces its order on the PEs.
"""

from __future__ import annotations

import time

import numpy as np

from dispatchgym.baselines.result import Result
from dispatchgym.baselines.soc.streams.methods import RULES
from dispatchgym.baselines.soc.streams.stream_player import Player, compiled
from dispatchgym.instances.soc.instance import Stream


def dispatch(instance: Stream, rule: str, *, seed: int = 0) -> Result:
    """What `rule`, one of RULES, does with a stream.

    Of equally fast PEs MET and STF take the one with the earliest finish. Compiling is not counted in the seconds.
    """
    compiled()
    began = time.perf_counter()
    player = Player(instance, "assign", list(RULES).index(rule))
    player.record.seed[:] = np.random.default_rng(seed).integers(2**62)
    player.play(1)
    return Result(int(player.record.objective[0]), player.log(0), "feasible", time.perf_counter() - began)
