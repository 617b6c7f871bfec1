"""Whole allocations by priority, as a kernel function: the environment's own allocator serves the storages in a given order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dispatchgym.envs.core.rules import reset
from dispatchgym.envs.memory.map.allocator import serve_storage
from dispatchgym.envs.memory.map.layout import Instances, State

if TYPE_CHECKING:
    from dispatchgym.baselines.memory.map.order_player import Record


def play_order(b: int, inst: Instances, s: State, r: Record) -> None:
    """Serve the storages of program s.row[b] in the order r.order[b], up to the first -1."""
    reset(inst, s, b)
    for n in range(r.order.shape[1]):
        j = r.order[b, n]
        if j < 0:
            break
        serve_storage(inst, s, b, j)
    r.objective[b] = s.latency[b]
