"""A program as a packing, and a packing as a program."""

from __future__ import annotations

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import MAX_RATE, PINS, MemoryProgram, Packing


def whole_lives(program: MemoryProgram) -> Packing:
    """The packing of all buffers that are not pinned to slow memory, each storage in fast memory for all its life.

    Scoped bytes are buffers of one slot. Its height says how much fast memory would make slow memory needless.
    """
    used = np.flatnonzero((program.pin != PINS.index("slow")) & (program.storage == np.arange(program.buffers)))
    begin, end = np.maximum(program.define, 0), program.last.copy()
    np.maximum.at(end, program.storage, program.last)
    own = np.flatnonzero(program.scoped > 0)
    return Packing(
        np.concatenate([begin[used], own]),
        np.concatenate([end[used], own + 1]),
        np.concatenate([program.size[used], program.scoped[own]]),
        alignment=np.full(len(used) + len(own), program.alignment),
        ids=tuple(f"buffer {n}" for n in used) + tuple(f"scoped {i}" for i in own),
        name=program.name,
    )


def as_program(packing: Packing) -> MemoryProgram:
    """A packing as a program without traffic, all of whose buffers are pinned to fast memory: a plan is a packing.

    Raises InputError for a packing without capacity, with gaps or with several alignments, which programs do not have.
    """
    if packing.capacity is None or any(packing.gaps) or len(set(packing.alignment.tolist())) > 1:
        raise InputError(f"{packing.name}: a program has a capacity, one alignment and no gaps")
    times = np.unique(np.concatenate([packing.lower, packing.upper]))
    first, end = np.searchsorted(times, packing.lower), np.searchsorted(times, packing.upper)
    number = np.arange(packing.buffers)
    rows = [np.stack([number, first, 0 * first, 0 * first + 1], axis=1)]
    rows += [np.stack([number, end - 1, 0 * first, 0 * first], axis=1)[end - 1 > first]]
    return MemoryProgram(
        compute=np.ones(len(times) - 1, np.int64),
        size=packing.size,
        define=first,
        access=np.concatenate(rows),
        capacity=packing.capacity,
        slow_rate=MAX_RATE,
        fast_read_rate=MAX_RATE,
        fast_write_rate=MAX_RATE,
        pin=np.ones(packing.buffers, np.int8),
        alignment=int(packing.alignment[0]),
        name=packing.name,
    )
