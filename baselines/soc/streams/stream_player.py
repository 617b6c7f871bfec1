"""Playing streams with the environment's own kernel: a rule or a plan can do only what a policy could do."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from dispatchgym.baselines.soc.streams import player_kernel
from dispatchgym.baselines.soc.streams.player_kernel import Record
from dispatchgym.envs.core.targets import Launch, compile_entries
from dispatchgym.envs.soc.problem import SocProblem, log_of
from dispatchgym.instances.soc.instance import Application, Cluster, Platform, Stream, StreamLog, Workload, stream


class Player:
    """Copies of one stream."""

    def __init__(self, instance: Stream, mode: Literal["assign", "start"], rule: int, copies: int = 1) -> None:
        problem = SocProblem(mode)
        sizes = problem.sizes([instance])
        self.instance = instance
        self.packed, self.state = problem.pack([instance], sizes), problem.state(sizes, copies)
        self.record = Record(
            rule=np.array([rule]),
            seed=np.zeros(copies, np.int64),
            jobs=np.full(copies, -1, np.int32),
            free=np.zeros((copies, sizes.pes), np.int32),
            head=np.zeros((copies, sizes.pes), np.int32),
            queue=np.full((copies, sizes.pes, sizes.slots * sizes.width + 1), -1, np.int32),
            objective=np.zeros(copies, np.int32),
        )

    def play(self, copies: int) -> None:
        """Go on with the first `copies` copies, up to their ends or to where a plan ends."""
        compiled()(copies, self.packed, self.state, self.record)

    def log(self, copy: int) -> StreamLog:
        return log_of(self.state, self.instance, copy)


@lru_cache(maxsize=1)
def compiled() -> Launch:
    """`player_kernel.play`, compiled or loaded from the cache."""
    launch = compile_entries((player_kernel.play,), "cpu", kernel=SocProblem().kernel)["play"]
    chip = Platform((Cluster("one", 1, {"a": 1}),), np.ones((1, 1)))
    tiny = Player(stream(Workload(chip, (Application(("a",), np.zeros((0, 3), np.int32)),), horizon=2), 0), "assign", 0)
    launch(1, tiny.packed, tiny.state, tiny.record)
    return launch
