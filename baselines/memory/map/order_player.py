"""The allocator in the manner of XLA, through the environment's own kernel, so an order has the same latency in both."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.memory.map import order_kernel
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.targets import Launch, compile_entries
from dispatchgym.envs.memory.map.problem import MapProblem, plan_of
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram


class Record(NamedTuple):
    """What `order_kernel.play_order` needs, one row a copy."""

    order: Array  # (B, Z) int64 first buffers of storages, then -1
    objective: Array  # (B,) int64 outcome: latency in ticks


class Player:
    """Copies of one program."""

    def __init__(self, program: MemoryProgram, copies: int = 1) -> None:
        problem = MapProblem("order")
        sizes = problem.sizes([program])
        self.program = program
        self.packed, self.state = problem.pack([program], sizes), problem.state(sizes, copies)
        self.record = Record(np.full((copies, sizes.tasks), -1, np.int64), np.zeros(copies, np.int64))

    @property
    def priorities(self) -> npt.NDArray[np.float64]:
        """(Z,) XLA's benefit per square root of the bytes, of storages that can be served, by their first buffers; others 0."""
        ranked = self.packed.ranking[0]
        usable = np.isin(np.arange(len(ranked)), ranked[ranked >= 0])
        return np.where(usable, self.packed.priority[0], 0.0)

    def evaluate(self, orders: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(B,) latencies of the (B, N) orders of storages."""
        copies = len(self.record.objective)
        found = [self._play(orders[at : at + copies]) for at in range(0, len(orders), copies)]
        return np.concatenate(found)

    def _play(self, orders: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        count, length = orders.shape
        self.record.order[:count] = -1
        self.record.order[:count, :length] = orders
        compiled()(count, self.packed, self.state, self.record)
        return self.record.objective[:count].copy()

    def plan(self, copy: int = 0) -> MemoryPlan:
        """What the last evaluated order of a copy led to."""
        return plan_of(self.state, copy)


@lru_cache(maxsize=1)
def compiled() -> Launch:
    """`order_kernel.play_order`, compiled or loaded from the cache."""
    return compile_entries((order_kernel.play_order,), "cpu", kernel=MapProblem("order").kernel)["play_order"]
