"""The referee of packing: plain loops written from the problem statement, sharing no code with any player.

Times and addresses are half-open intervals; sizes are bytes, Python integers throughout.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.memory.blocks import Block, disjoint, integers
from dispatchgym.instances.memory.instance import Packing, PackingPlan


@dataclass(frozen=True)
class PackingMetrics:
    """What a packing achieved."""

    height: int  # bytes
    peak: int  # the most bytes needed at one time
    ratio: float  # height / peak, 1.0 where nothing is needed


def check(packing: Packing, plan: PackingPlan) -> int:
    """Return the height (bytes) of `plan`, the end of the highest address needed; 0 if none is.

    Raises InvalidSchedule, naming buffers, times and addresses, for offsets that are negative or not aligned, for a buffer
    that reaches above the capacity, and for two that need one address at the same time.
    """
    blocks = _blocks(packing, integers("offset", plan.offset, (packing.buffers,)))
    disjoint(blocks)
    return max((block.high for block in blocks), default=0)


def measure(packing: Packing, plan: PackingPlan) -> PackingMetrics:
    """Measures of a packing. Raises InvalidSchedule like `check`."""
    height = check(packing, plan)
    change: dict[int, int] = {}
    for block in _blocks(packing, plan.offset.tolist()):
        change[block.begin] = change.get(block.begin, 0) + block.high - block.low
        change[block.end] = change.get(block.end, 0) - (block.high - block.low)
    peak = max(itertools.accumulate(change[t] for t in sorted(change)), default=0)
    return PackingMetrics(height, peak, height / peak if peak else 1.0)


def _blocks(packing: Packing, offset: list[int]) -> list[Block]:
    blocks: list[Block] = []
    for n, at in enumerate(offset):
        what = f"buffer {packing.ids[n]}"
        if at < 0:
            raise InvalidSchedule(f"{what} has no offset ({at})")
        if at % int(packing.alignment[n]):
            raise InvalidSchedule(f"{what} at {at} is not aligned to {packing.alignment[n]}")
        reached, size = int(packing.lower[n]), int(packing.size[n])
        for gap in packing.gaps[n]:
            blocks.append(Block(reached, gap.lower, at, at + size, n, what))
            blocks.append(Block(gap.lower, gap.upper, at + gap.low, at + gap.high, n, what))
            reached = gap.upper
        blocks.append(Block(reached, int(packing.upper[n]), at, at + size, n, what))
    needed = [block for block in blocks if block.begin < block.end and block.low < block.high]
    for block in needed:
        if packing.capacity is not None and block.high > packing.capacity:
            raise InvalidSchedule(f"{block} reaches above the capacity {packing.capacity}")
    return needed
