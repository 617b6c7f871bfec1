"""Dispatching rules for streams of jobs: each ready task is given a PE at once, where it waits for its turn.

Any task waiting at a PE starts as soon as the PE is free and its data is there, as in DS3 (Arda et al., IEEE Transactions on
Computers 69 (2020)), except that `heft-rt` forces its order on the PEs.
"""

from __future__ import annotations

import time

import numpy as np

from dispatchgym.baselines.result import Result
from dispatchgym.baselines.soc.streams import player_kernel
from dispatchgym.baselines.soc.streams.stream_player import Player, compiled
from dispatchgym.instances.soc.instance import Stream

RULES: dict[str, str] = {  # in the order of the numbers in player_kernel.py
    "met": "the task that has been ready for longest, on its fastest PE [tie=earliest|ds3]",
    "eft": "the task that has been ready for longest, on the PE of its earliest finish (DS3)",
    "etf": "the task and PE with the earliest finish (Hwang et al. 1989; DS3)",
    "stf": "the shortest task, on its fastest PE [tie=earliest|ds3]",
    "heft-rt": "HEFT on the ready tasks alone, without transfers (Mack et al. 2022)",
    "round-robin": "the task that has been ready for longest, on the PEs in turn",
    "random": "any ready task on any PE",
}

TIES = ("earliest", "ds3")  # which of equally fast PEs: the one of the earliest finish, or as DS3's program does it
DS3_RULES = {"met": player_kernel.MET_DS3, "stf": player_kernel.STF_DS3}


def dispatch(instance: Stream, rule: str, *, seed: int = 0, tie: str = "earliest") -> Result:
    """Play a stream by `rule`, one of RULES.

    Of equally fast PEs MET and STF take, by `tie`, the one with the earliest finish, or the one that DS3 takes: an idle one, of
    several the one with the fewest tasks of this call, as its released program computes that (player_kernel.ds3_tie). Compiling
    is not counted in the seconds.
    """
    compiled()
    began = time.perf_counter()
    player = Player(instance, "assign", DS3_RULES[rule] if tie == "ds3" else list(RULES).index(rule))
    player.record.seed[:] = np.random.default_rng(seed).integers(2**62)
    player.play(1)
    return Result(int(player.record.objective[0]), player.log(0), "feasible", time.perf_counter() - began)
