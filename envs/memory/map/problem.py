"""Memory mapping's side of the contract: sizes, array layout and packing of programs; two ways to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np

from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.envs.memory.padding import padded
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import (
    BUFFER,
    INPUT,
    INSTRUCTION,
    PINS,
    WRITE,
    LongArray,
    MemoryPlan,
    MemoryProgram,
    all_slow,
    latency_bound,
)

Actions = Literal["map", "order"]
ACTIONS: tuple[str, ...] = get_args(Actions)
CHOICES = 11  # of an access
FREE, FAST, SLOW = range(len(PINS))
SCOPED, REMOVED = -1, -2  # as the buffer of a row of State.stay
BASIS = tuple(Path(__file__).with_name(f"{name}.py") for name in ("graph", "simulator", "space"))


@dataclass(frozen=True)
class MapSizes(Sizes):
    """What else the arrays are padded to."""

    slots: int  # T instructions
    accesses: int  # A
    fixed: int  # F stays that no decision changes
    stays: int  # S in all


class Instances(NamedTuple):
    """A pool of N programs padded to T instructions, Z buffers, A accesses; simulator.py names the columns."""

    pool: int  # N
    slots: Array  # (N,) int64
    buffers: Array  # (N,) int64
    accesses: Array  # (N,) int64
    fixed: Array  # (N,) int64
    flows: Array  # (N,) int64
    capacity: Array  # (N,) int64 bytes
    alignment: Array  # (N,) int64
    bound: Array  # (N,) int64 lower bound on the latency
    whole: Array  # (N,) int64 ticks that copying the whole capacity takes
    gain: Array  # (N,) float64 1 / all-slow latency
    rate: Array  # (N,) float64 1 / mean time of an instruction, all slow
    share: Array  # (N,) float64 1 / capacity
    best: Array  # (N,) float64 1 / highest priority
    pressure: Array  # (N,) float64 peak of live bytes over the capacity, at most 8, an eighth of it
    compute: Array  # (N, T) int64
    sigma: Array  # (N, T) int64 traffic with everything in slow memory
    elapsed: Array  # (N, T) int64 time with everything in slow memory
    live: Array  # (N, T) int64 bytes
    reached: Array  # (N, T + 1) int64 sum of `elapsed` before
    size: Array  # (N, Z) int64
    demand: Array  # (N, Z) int64 ticks of a copy
    define: Array  # (N, Z) int64
    last: Array  # (N, Z) int64 end of the life
    output: Array  # (N, Z) int64
    pin: Array  # (N, Z) int64
    storage: Array  # (N, Z) int64
    members: Array  # (N, Z) int64 buffers of a storage, by its first
    entry: Array  # (N, Z) int64 first access, -1 = none
    priority: Array  # (N, Z) float64 benefit per square root of the bytes (XLA), by the first buffer of a storage
    ranking: Array  # (N, Z) int64 storages that can be served, the highest priority first, then -1
    worth: Array  # (N, A) int64 what the access saves if it alone is fast
    later: Array  # (N, A) int64 what all later accesses of the buffer save, each alone
    access: Array  # (N, A, 6) int64
    flow: Array  # (N, E, 2) int64 buffer -> buffer that an instruction makes of it
    block: Array  # (N, F, 8) int64


class State(NamedTuple):
    """One plan in the making a copy; simulator.py and rules.py name the columns."""

    row: Array  # (B,) int32 program in the pool
    cursor: Array  # (B,) int64 access to decide; orders: decisions made
    latency: Array  # (B,) int64 of the plan, with what is undecided in slow memory
    stays: Array  # (B,) int64 rows of `stay` in use
    backups: Array  # (B,) int64 storages that were sent back to slow memory
    repacks: Array  # (B,) int64
    crowd: Array  # (B,) int64 bytes of stays that hope to go on
    sigma: Array  # (B, T) int64 slow traffic of each instruction, ticks
    phi: Array  # (B, T) int64 fast traffic
    spare: Array  # (B, T) int64 what is left of the channel
    head: Array  # (B, T + 1) int64
    due: Array  # (B, T + 1) int64
    fast: Array  # (B, A) int8 1 = served from fast memory
    item: Array  # (B, Z, 5) int64
    place: Array  # (B, Z) int64 offset of a storage of several buffers
    open: Array  # (B, Z) int8 orders: the storage is not decided
    option: Array  # (B, 11, 6) int64
    stay: Array  # (B, S, 8) int64
    hope: Array  # (B, S) int64 ticks that the next use of a stay would save
    copy: Array  # (B, 2 S, 3) int64
    range: Array  # (B, S, 2) int64
    order: Array  # (B, S) int64
    moved: Array  # (B, S) int64


@dataclass(frozen=True)
class MapProblem:
    """Mapping a program's tensors onto two levels of memory.

    `actions`: "map" decides every access, "order" which buffer the allocator in the manner of XLA serves next.
    """

    actions: Actions = "map"

    name: ClassVar[str] = "memory-map"

    def __post_init__(self) -> None:
        if self.actions not in ACTIONS:
            raise InputError(f"actions={self.actions!r} is not one of {', '.join(ACTIONS)}")

    @property
    def kernel(self) -> tuple[Path, ...]:
        own = ("rules", "features") if self.actions == "map" else ("allocator", "order_rules")
        return BASIS + tuple(Path(__file__).with_name(f"{name}.py") for name in own)

    @property
    def features(self) -> Features:
        candidates, context = (30, 11) if self.actions == "map" else (12, 6)
        return Features(candidate=candidates, context=context, task=12, resource=9, runs_on=4)

    def sizes(self, instances: Sequence[MemoryProgram]) -> MapSizes:
        buffers = max(x.buffers for x in instances)
        accesses = max(len(x.access) for x in instances)
        fixed = max(len(fixed_stays(x)) for x in instances)
        slots = max(x.instructions for x in instances)
        return MapSizes(
            actions=CHOICES if self.actions == "map" else buffers,
            tasks=buffers,
            resources=slots + 2,
            precedes=max(len(_flows(x)) for x in instances),
            runs_on=buffers + accesses,
            steps=accesses if self.actions == "map" else buffers,
            slots=slots,
            accesses=accesses,
            fixed=fixed,
            stays=fixed + accesses,
        )

    def pack(self, instances: Sequence[MemoryProgram], sizes: Sizes) -> Instances:
        assert isinstance(sizes, MapSizes)
        own = self.sizes(instances)
        for what, have, room in (
            ("buffers", own.tasks, sizes.tasks),
            ("instructions", own.slots, sizes.slots),
            ("accesses", own.accesses, sizes.accesses),
            ("fixed stays", own.fixed, sizes.fixed),
            ("links between buffers", own.precedes, sizes.precedes),
        ):
            if have > room:
                raise InputError(f"{have} {what} do not fit an environment for {room}")
        rows = [_row(x, sizes) for x in instances]
        return Instances(pool=len(instances), **{name: np.stack([row[name] for row in rows]) for name in rows[0]})

    def state(self, sizes: Sizes, copies: int) -> State:
        assert isinstance(sizes, MapSizes)
        z, t, a, s = sizes.tasks, sizes.slots, sizes.accesses, sizes.stays

        def zeros(*shape: int, dtype: Any = np.int64) -> Array:
            return np.zeros((copies, *shape), dtype)

        return State(
            row=zeros(dtype=np.int32),
            **{name: zeros() for name in ("cursor", "latency", "stays", "backups", "repacks", "crowd")},
            **{name: zeros(t) for name in ("sigma", "phi", "spare")},
            **{name: zeros(t + 1) for name in ("head", "due")},
            fast=zeros(a, dtype=np.int8),
            item=zeros(z, 5),
            place=zeros(z),
            open=zeros(z, dtype=np.int8),
            option=zeros(CHOICES, 6),
            stay=zeros(s, 8),
            copy=zeros(2 * s, 3),
            range=zeros(s, 2),
            **{name: zeros(s) for name in ("hope", "order", "moved")},
        )


def plan_of(state: Any, copy: int) -> MemoryPlan:
    """The plan in row `copy` of state tensors or arrays."""
    rows = state.stay[copy, : int(state.stays[copy])]
    rows = np.asarray(rows if isinstance(rows, np.ndarray) else rows.cpu())
    return MemoryPlan(np.ascontiguousarray(rows[rows[:, 0] >= 0, :6], np.int64))


def fixed_stays(program: MemoryProgram) -> LongArray:
    """(F, 8) rows of State.stay that no decision changes: scoped bytes, and buffers that are pinned to fast memory, by first fit.

    Raises InputError if they do not fit.
    """
    rows: list[list[int]] = []
    for t, need in enumerate(program.scoped.tolist()):
        if rows and need and rows[-1][2] == t and rows[-1][6] == need:
            rows[-1][2] = rows[-1][7] = t + 1
        elif need:
            rows.append([SCOPED, t, t + 1, 0, t, -1, need, t + 1])
    pinned = np.flatnonzero((program.pin == FAST) & (program.storage == np.arange(program.buffers)))
    for root in pinned[np.argsort(-program.size[pinned], kind="stable")].tolist():
        members = np.flatnonzero(program.storage == root)
        begins, ends = np.maximum(program.define[members], 0), program.last[members]
        size = int(program.size[root])
        offset = _first_fit(rows, int(begins.min()), int(ends.max()), size, program.alignment)
        if offset + size > program.capacity:
            raise InputError(f"{program.name}: buffer {root}: there is no room for what is pinned to fast memory")
        for j, begin, end in zip(members.tolist(), begins.tolist(), ends.tolist(), strict=True):
            leaves = program.output[j] and program.define[j] != INPUT
            if leaves and end < begin + 2:
                raise InputError(f"{program.name}: buffer {j}: no time to write back an output that is pinned to fast memory")
            rows.append([j, begin, end, offset, begin, end if leaves else -1, offset + size, end])
    return np.array(rows, np.int64).reshape(-1, 8)


def _first_fit(rows: list[list[int]], begin: int, end: int, size: int, alignment: int) -> int:
    cursor = 0
    for low, high in sorted((row[3], row[6]) for row in rows if row[1] < end and begin < row[2]):
        if low - cursor >= size:
            break
        cursor = max(cursor, -(-high // alignment) * alignment)
    return cursor


def _flows(x: MemoryProgram) -> LongArray:
    """(E, 2) what each instruction reads -> what it writes."""
    reads: dict[int, list[int]] = {}
    writes: dict[int, list[int]] = {}
    for n, i, _, write in x.access.tolist():
        (writes if write else reads).setdefault(i, []).append(n)
    pairs = [(a, b) for i, made in writes.items() for b in made for a in reads.get(i, ())]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _row(x: MemoryProgram, sizes: MapSizes) -> dict[str, Array]:
    """The arrays of one program."""
    access, slots = x.access, x.instructions
    buffer, slot = access[:, BUFFER], access[:, INSTRUCTION]
    sigma = np.zeros(slots, np.int64)
    np.add.at(sigma, slot, x.slow_ticks)
    elapsed = np.maximum(x.compute, sigma)
    worth = elapsed[slot] - np.maximum(x.compute[slot], sigma[slot] - x.slow_ticks + x.fast_ticks)
    worth = np.maximum(worth, 0)
    follows, later = np.full(len(access), -1), np.zeros(len(access), np.int64)
    entry = np.full(x.buffers, -1)
    for a in range(len(access) - 1, -1, -1):
        follows[a] = entry[buffer[a]]
        later[a] = later[follows[a]] + worth[follows[a]] if follows[a] >= 0 else 0
        entry[buffer[a]] = a
    end = x.last
    change = np.zeros(slots + 1, np.int64)
    np.add.at(change, np.maximum(x.define, 0), x.size)
    np.add.at(change, end, -x.size)
    live = np.cumsum(change)[:-1]
    slow = all_slow(x)
    numbers = {
        "slots": slots,
        "buffers": x.buffers,
        "accesses": len(access),
        "fixed": len(fixed_stays(x)),
        "flows": len(_flows(x)),
        "capacity": x.capacity,
        "alignment": x.alignment,
        "bound": latency_bound(x),
        "whole": x.capacity * 10**12 // x.slow_rate,
    }
    ranks = priorities(x, worth)
    ratios = {
        "best": 1.0 / max(float(ranks.max()), 1e-300),
        "gain": 1.0 / max(slow, 1),
        "rate": slots / max(slow, 1),
        "share": 1.0 / x.capacity,
        "pressure": min(float(live.max()) / x.capacity, 8.0) / 8.0,
    }
    of_slots = {"compute": x.compute, "sigma": sigma, "elapsed": elapsed, "live": live}
    of_buffers = {
        "size": x.size,
        "demand": x.copy_ticks,
        "define": x.define,
        "last": end,
        "output": x.output,
        "pin": x.pin,
        "storage": x.storage,
        "members": np.bincount(x.storage, minlength=x.buffers),
        "entry": entry,
        "priority": ranks,
        "ranking": ranking(x, ranks),
    }
    kinds = [buffer, slot, x.slow_ticks, x.fast_ticks, access[:, WRITE], follows]
    of_accesses = {"worth": worth, "later": later, "access": np.stack(kinds, axis=1)}
    rows: dict[str, Array] = {name: np.int64(value) for name, value in numbers.items()}
    rows |= {name: np.float64(value) for name, value in ratios.items()}
    for extent, columns in (
        (sizes.slots, of_slots),
        (sizes.slots + 1, {"reached": np.concatenate([[0], np.cumsum(elapsed)])}),
        (sizes.tasks, of_buffers),
        (sizes.accesses, of_accesses),
        (sizes.precedes, {"flow": _flows(x)}),
        (sizes.fixed, {"block": fixed_stays(x)}),
    ):
        rows |= {name: padded(column, extent) for name, column in columns.items()}
    return rows


def priorities(x: MemoryProgram, worth: LongArray) -> Array:
    """(Z,) benefit of each storage's buffers per square root of its bytes, at its first buffer; 0 at the others.

    The benefit of an access is what it saves alone; XLA's `cost_analysis.cc`.
    """
    benefit = np.zeros(x.buffers)
    np.add.at(benefit, x.storage[x.access[:, BUFFER]], worth.astype(np.float64))
    return benefit / np.sqrt(x.size)


def ranking(x: MemoryProgram, priority: Array) -> LongArray:
    """(Z,) first buffers of storages that are neither pinned nor too large and could save time, the highest priority first."""
    usable = (priority > 0.0) & (x.pin == FREE) & (x.size <= x.capacity)
    order = np.argsort(-np.where(usable, priority, 0.0), kind="stable")
    return np.where(np.arange(x.buffers) < int(usable.sum()), order, -1)
