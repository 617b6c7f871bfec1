"""The referee of memory mapping: plain loops written from the problem statement, sharing no code with any player.

Slots and addresses are half-open intervals; sizes are bytes and durations ticks, Python integers throughout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.memory.blocks import Block, disjoint, integers
from dispatchgym.instances.memory.instance import INPUT, PINS, MemoryPlan, MemoryProgram


@dataclass(frozen=True)
class Stay:
    """One stay of a buffer in fast memory."""

    buffer: int
    begin: int
    end: int
    offset: int
    serves: int
    written: int

    @property
    def born(self) -> bool:
        return self.serves == self.begin

    def __str__(self) -> str:
        return f"buffer {self.buffer} [{self.begin}, {self.end}) at {self.offset}"


class Copy(NamedTuple):
    """A transfer between the levels, issued before slot `begin` and done before slot `end`."""

    begin: int
    end: int
    buffer: int


@dataclass(frozen=True)
class Replay:
    """A plan, executed."""

    stays: list[Stay]
    fast: list[bool]  # (A,) accesses served from fast memory
    copies: list[Copy]
    elapsed: list[int]  # (T,) ticks of each slot without stalls
    stall: list[int]  # (T,) ticks that copies which must be done by the end of a slot add to it
    latency: int  # ticks


@dataclass(frozen=True)
class MemoryMetrics:
    """What a plan achieved."""

    latency: int  # ticks
    stalled: int  # of them spent waiting for copies
    slow_bytes: int  # moved by accesses served from slow memory
    copied_bytes: int  # moved by copies, in both directions
    fast_share: float  # of all accesses, nan if there are none
    height: int  # end of the highest address used, scoped bytes too


def check(program: MemoryProgram, plan: MemoryPlan) -> int:
    """Return the latency (ticks) of `plan`.

    Raises InvalidSchedule, naming buffers, slots and addresses, for a plan that breaks a rule: stays out of the program, of
    the capacity, not aligned, over scoped bytes or over each other; births and fetches where there is no definition, no valid
    copy in slow memory or no access; write-backs of other stays than born ones or out of their stay; pins, storages and
    outputs that are not heeded.
    """
    return replay(program, plan).latency


def measure(program: MemoryProgram, plan: MemoryPlan) -> MemoryMetrics:
    """Measures of a plan. Raises InvalidSchedule like `check`."""
    found = replay(program, plan)
    moved: list[int] = program.access[:, 2].tolist()
    size: list[int] = program.size.tolist()
    tops = [stay.offset + size[stay.buffer] for stay in found.stays]
    return MemoryMetrics(
        found.latency,
        sum(found.stall),
        sum(x for x, fast in zip(moved, found.fast, strict=True) if not fast),
        sum(size[copy.buffer] for copy in found.copies),
        sum(found.fast) / len(found.fast) if found.fast else math.nan,
        max([*tops, *program.scoped.tolist()]),
    )


def replay(program: MemoryProgram, plan: MemoryPlan) -> Replay:
    """Everything that `check` checks, and what measures are computed from. Raises InvalidSchedule."""
    rows = integers("stay", plan.stay, (*np.shape(plan.stay)[:1], 6))
    stays = [Stay(*row) for row in rows]
    for stay in stays:
        _place(program, stay)
    by_buffer: list[list[Stay]] = [[] for _ in range(program.buffers)]
    for stay in sorted(stays, key=lambda s: s.begin):
        by_buffer[stay.buffer].append(stay)
    slots: list[set[int]] = [set() for _ in by_buffer]
    for n, i in program.access[:, :2].tolist():
        slots[n].add(i)
    for n, mine in enumerate(by_buffer):
        for stay in mine:
            _origin(program, stay, slots[n])
            _write_back(program, stay)
        for before, after in itertools.pairwise(mine):
            if after.begin < before.end:
                raise InvalidSchedule(f"{before} and {after} share slot {after.begin}")
        _pin(program, n, mine)
    _storages(program, by_buffer)
    storage: list[int] = program.storage.tolist()
    size: list[int] = program.size.tolist()
    disjoint([Block(s.begin, s.end, s.offset, s.offset + size[s.buffer], storage[s.buffer], str(s)) for s in stays])
    found = execute(program, plan)
    _slow_copies(program, by_buffer, found.fast)
    return found


def _place(program: MemoryProgram, stay: Stay) -> None:
    """Numbers, slots and addresses that there are."""
    if not 0 <= stay.buffer < program.buffers:
        raise InvalidSchedule(f"{stay}: there are {program.buffers} buffers")
    if not 0 <= stay.begin < stay.end <= program.instructions:
        raise InvalidSchedule(f"{stay}: the slots are not within [0, {program.instructions})")
    if stay.offset < 0:
        raise InvalidSchedule(f"{stay}: the offset is negative")
    if stay.offset % program.alignment:
        raise InvalidSchedule(f"{stay}: the offset is not a multiple of {program.alignment}")
    top = stay.offset + int(program.size[stay.buffer])
    if top > program.capacity:
        raise InvalidSchedule(f"{stay} reaches {top}, above the capacity {program.capacity}")
    for i in range(stay.begin, stay.end):
        if stay.offset < program.scoped[i]:
            raise InvalidSchedule(f"{stay} overlaps the {program.scoped[i]} scoped bytes of slot {i}")


def _origin(program: MemoryProgram, stay: Stay, accessed: set[int]) -> None:
    """A stay is born with its buffer, or fetched for an access."""
    define = int(program.define[stay.buffer])
    if stay.born:
        if define == INPUT and PINS[program.pin[stay.buffer]] != "fast":
            raise InvalidSchedule(f"{stay} is born, but the buffer is an input that is not pinned to fast memory")
        if stay.begin != max(define, 0):
            raise InvalidSchedule(f"{stay} is born in slot {stay.begin}, but the buffer is defined in slot {max(define, 0)}")
        return
    if not stay.begin < stay.serves < stay.end:
        raise InvalidSchedule(f"{stay} serves from slot {stay.serves}, which is not in the stay")
    if stay.begin <= define:
        raise InvalidSchedule(f"{stay} is fetched from slot {stay.begin}, but the buffer is defined in slot {define}")
    if stay.serves not in accessed:
        raise InvalidSchedule(f"{stay} serves from slot {stay.serves}, which does not access the buffer")


def _write_back(program: MemoryProgram, stay: Stay) -> None:
    if stay.written == -1:
        return
    if not stay.born:
        raise InvalidSchedule(f"{stay} is written back by slot {stay.written}, but it is fetched")
    first = int(program.define[stay.buffer]) + 1
    if not first < stay.written <= stay.end:
        raise InvalidSchedule(f"{stay} is written back by slot {stay.written}, not in ({first}, {stay.end}]")


def _pin(program: MemoryProgram, n: int, stays: list[Stay]) -> None:
    pin = PINS[program.pin[n]]
    if pin == "slow" and stays:
        raise InvalidSchedule(f"{stays[0]}: the buffer is pinned to slow memory")
    life = (max(int(program.define[n]), 0), int(program.last[n]))
    if pin == "fast" and [(s.begin, s.end, s.born) for s in stays] != [(*life, True)]:
        raise InvalidSchedule(f"buffer {n} is pinned to fast memory, but has no single born stay [{life[0]}, {life[1]})")


def _storages(program: MemoryProgram, by_buffer: list[list[Stay]]) -> None:
    """All or none of a storage's buffers stay in fast memory, at one offset."""
    members: dict[int, list[int]] = {}
    for n, root in enumerate(program.storage.tolist()):
        members.setdefault(root, []).append(n)
    for group in (g for g in members.values() if len(g) > 1):
        stays = [stay for n in group for stay in by_buffer[n]]
        for n in group:
            if stays and not by_buffer[n]:
                raise InvalidSchedule(f"{stays[0]}, but buffer {n} of the same storage is never in fast memory")
        for stay in stays:
            if stay.offset != stays[0].offset:
                raise InvalidSchedule(f"{stays[0]} and {stay} are of one storage, but at different offsets")


def _slow_copies(program: MemoryProgram, by_buffer: list[list[Stay]], fast: list[bool]) -> None:
    """What slow memory must supply, it has: inputs, and what is written to it; of what is born in fast memory, a write-back.

    A write-back is done within its stay, and before the stay's end the buffer is neither accessed in slow memory nor fetched.
    """
    made = [stay for stays in by_buffer for stay in stays if stay.born and program.define[stay.buffer] != INPUT]
    unwritten = {stay.buffer: stay for stay in made if stay.written == -1}
    for (n, i, _, _), served in zip(program.access.tolist(), fast, strict=True):
        if not served and n in unwritten:
            raise InvalidSchedule(f"instruction {i} accesses buffer {n} in slow memory, but {unwritten[n]} is not written back")
    for n, born in unwritten.items():
        for stay in by_buffer[n]:
            if not stay.born:
                raise InvalidSchedule(f"{stay} is fetched, but {born} is not written back")
        if program.output[n]:
            raise InvalidSchedule(f"buffer {n} is an output, but {born} is not written back")


def execute(program: MemoryProgram, plan: MemoryPlan) -> Replay:
    """What becomes of a plan, without asking whether it keeps the rules.

    Slow memory serves the instruction of a slot first, then copies by the earliest slot before which they must be done.
    """
    stays = [Stay(*row) for row in plan.stay.tolist()]
    serving: dict[int, list[Stay]] = {}
    for stay in stays:
        serving.setdefault(stay.buffer, []).append(stay)
    fast = [any(s.serves <= i < s.end for s in serving.get(n, ())) for n, i in program.access[:, :2].tolist()]
    slots = program.instructions
    slow, quick = [0] * slots, [0] * slots
    ticks = zip(program.access[:, 1].tolist(), fast, program.slow_ticks.tolist(), program.fast_ticks.tolist(), strict=True)
    for i, served, slow_ticks, fast_ticks in ticks:
        if served:
            quick[i] += fast_ticks
        else:
            slow[i] += slow_ticks
    copies = sorted(_copies(program, stays))
    left: dict[int, int] = {k: int(program.copy_ticks[copy.buffer]) for k, copy in enumerate(copies)}
    compute: list[int] = program.compute.tolist()
    elapsed = [max(c, s + q) for c, s, q in zip(compute, slow, quick, strict=True)]
    stall = [0] * slots
    for i in range(slots):
        idle = elapsed[i] - slow[i]
        issued = [k for k in left if copies[k].begin <= i]
        for k in sorted(issued, key=lambda k: copies[k].end):
            given = min(idle, left[k])
            idle -= given
            left[k] -= given
        for k in issued:
            if left[k] == 0 or copies[k].end == i + 1:
                stall[i] += left.pop(k)
    return Replay(stays, fast, copies, elapsed, stall, sum(elapsed) + sum(stall))


def _copies(program: MemoryProgram, stays: list[Stay]) -> Iterable[Copy]:
    for stay in stays:
        if not stay.born:
            yield Copy(stay.begin, stay.serves, stay.buffer)
        elif stay.written != -1:
            yield Copy(int(program.define[stay.buffer]) + 1, stay.written, stay.buffer)
