"""The verdict of the search for deadlocks on given states, as a kernel function."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.blocking.deadlock import search
from dispatchgym.envs.blocking.layout import Instances, State
from dispatchgym.envs.core.contract import Array


class Position(NamedTuple):
    count: Array  # (B,) jobs in the shop
    jobs: Array  # (B, M) which
    at: Array  # (B, M) on which operation
    budget: int
    verdict: Array  # (B,) int32


def verdict(b: int, inst: Instances, s: State, r: Position) -> None:
    """r.verdict[b]: SAFE, UNSAFE or UNDECIDED for job r.jobs[b, x] on its operation r.at[b, x], x < r.count[b]."""
    for x in range(r.count[b]):
        s.search_jobs[b, x] = r.jobs[b, x]
        s.level[b, 0, x] = r.at[b, x]
    r.verdict[b] = search(inst, s, b, s.row[b], r.count[b], r.budget)
