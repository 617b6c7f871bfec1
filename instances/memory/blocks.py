"""What the referees of packing and of mapping share: blocks of addresses over time, none of which may overlap.

Times and addresses are half-open intervals of Python integers.
"""

from __future__ import annotations

import bisect
import heapq
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.instances.errors import InvalidSchedule


class Block(NamedTuple):
    """Addresses that are taken for some time."""

    begin: int
    end: int
    low: int
    high: int
    owner: int  # blocks of one owner may overlap
    what: str

    def __str__(self) -> str:
        return f"{self.what}, [{self.begin}, {self.end}) x [{self.low}, {self.high})"


def disjoint(blocks: list[Block]) -> None:
    """No two blocks of different owners share a time and an address; those of one owner are at the same addresses.

    At each time the blocks that last are kept by address. While they are disjoint, a new one can only overlap its neighbours.
    """
    lows: list[int] = []
    at: dict[int, list[Block]] = {}  # the blocks that last, by their lowest address
    ends: list[tuple[int, int]] = []
    for k, new in enumerate(blocks := sorted(blocks)):
        while ends and ends[0][0] <= new.begin:
            gone = blocks[heapq.heappop(ends)[1]]
            at[gone.low].remove(gone)
            if not at[gone.low]:
                del at[gone.low], lows[bisect.bisect_left(lows, gone.low)]
        heapq.heappush(ends, (new.end, k))
        place = bisect.bisect_left(lows, new.low)
        for other in (at[low][0] for low in lows[max(place - 1, 0) : place + 1]):
            if other.low < new.high and new.low < other.high and other.owner != new.owner:
                raise InvalidSchedule(f"{other} overlaps {new}")
        if new.low not in at:
            lows.insert(place, new.low)
        at.setdefault(new.low, []).append(new)


def integers(name: str, value: Any, shape: tuple[int, ...]) -> list[Any]:
    """`value` as Python integers; raises InvalidSchedule, naming it, for another shape or no whole numbers."""
    given = np.asarray(value)
    if given.shape != shape:
        raise InvalidSchedule(f"{name} has shape {given.shape}, not {shape}")
    if not np.issubdtype(given.dtype, np.integer):
        raise InvalidSchedule(f"{name} has dtype {given.dtype}, not whole numbers")
    numbers: list[Any] = given.tolist()
    return numbers
