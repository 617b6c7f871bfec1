"""Memory mapping's side of the contract: sizes, array layout and packing of programs; two ways to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.memory.map import features, graph, order_features, order_rules, rules
from dispatchgym.envs.memory.map.layout import (
    CHOICES,
    FAST,
    FREE,
    SCOPED,
    Access,
    Candidate,
    Context,
    Copy,
    Flow,
    Instances,
    Item,
    Option,
    OrderCandidate,
    OrderContext,
    Range,
    ResourceNode,
    RunsOn,
    State,
    Stay,
    TaskNode,
)
from dispatchgym.envs.memory.padding import padded
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.memory.instance import (
    BUFFER,
    INPUT,
    INSTRUCTION,
    WRITE,
    LongArray,
    MemoryPlan,
    MemoryProgram,
    all_slow,
    latency_bound,
)

Actions = Literal["map", "order"]
ACTIONS: tuple[str, ...] = get_args(Actions)
PLAN = (Stay.OF, Stay.BEGIN, Stay.END, Stay.OFFSET, Stay.SERVES, Stay.WRITTEN)  # columns of MemoryPlan.stay


@dataclass(frozen=True)
class MapSizes(Sizes):
    """What else the arrays are padded to."""

    slots: int  # T instructions
    accesses: int  # A
    fixed: int  # F stays that no decision changes
    stays: int  # S in all


@dataclass(frozen=True)
class MapProblem:
    """Mapping a program's tensors onto two levels of memory.

    `actions`: "map" decides every access, "order" which buffer the allocator in the manner of XLA serves next.
    """

    actions: Actions = "map"

    def __post_init__(self) -> None:
        if self.actions not in ACTIONS:
            raise InputError(f"actions={shown(self.actions)} is not one of {', '.join(ACTIONS)}")

    @property
    def kernel(self) -> Kernel:
        modules = (rules, features, graph) if self.actions == "map" else (order_rules, order_features, graph)
        return Kernel(modules, graph_keeps="everything")

    @property
    def features(self) -> Features:
        choice, state = (Candidate, Context) if self.actions == "map" else (OrderCandidate, OrderContext)
        return Features.of(choice, state, TaskNode, ResourceNode, RunsOn)

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
            cursor=zeros(),
            latency=zeros(),
            stays=zeros(),
            backups=zeros(),
            repacks=zeros(),
            wanted_bytes=zeros(),
            undecided=zeros(),
            sigma=zeros(t),
            phi=zeros(t),
            spare=zeros(t),
            head=zeros(t + 1),
            due=zeros(t + 1),
            fast=zeros(a, dtype=np.int8),
            item=zeros(z, len(Item)),
            place=zeros(z),
            open=zeros(z, dtype=np.int8),
            option=zeros(CHOICES, len(Option)),
            stay=zeros(s, len(Stay)),
            next_worth=zeros(s),
            copy=zeros(2 * s, len(Copy)),
            range=zeros(s, len(Range)),
            order=zeros(s),
            moved=zeros(s),
        )


def plan_of(state: Any, copy: int) -> MemoryPlan:
    """The plan in row `copy` of state tensors or arrays."""
    rows = state.stay[copy, : int(state.stays[copy])]
    rows = on_host(rows)
    return MemoryPlan(as_plan(rows[rows[:, Stay.OF] >= 0]))


def as_plan(rows: LongArray) -> LongArray:
    """(S, 6) rows of MemoryPlan.stay from rows of State.stay."""
    return np.ascontiguousarray(rows[:, PLAN], np.int64)


def fixed_stays(program: MemoryProgram) -> LongArray:
    """(F, Stay) rows of State.stay that no decision changes: scoped bytes, and by first fit what is pinned to fast memory.

    Raises InputError if they do not fit.
    """
    rows: list[dict[Stay, int]] = []
    for t, need in enumerate(program.scoped.tolist()):
        if rows and need and rows[-1][Stay.END] == t and rows[-1][Stay.TOP] == need:
            rows[-1] |= {Stay.END: t + 1, Stay.WANTED_UNTIL: t + 1}
        elif need:
            rows.append(_stay(SCOPED, t, t + 1, 0, need))
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
            rows.append(_stay(j, begin, end, offset, size) | ({Stay.WRITTEN: end} if leaves else {}))
    return np.array([[row[column] for column in Stay] for row in rows], np.int64).reshape(-1, len(Stay))


def _stay(buffer: int, begin: int, end: int, offset: int, size: int) -> dict[Stay, int]:
    """A stay from birth in the slots [begin, end)."""
    return {
        Stay.OF: buffer,
        Stay.BEGIN: begin,
        Stay.END: end,
        Stay.OFFSET: offset,
        Stay.SERVES: begin,
        Stay.WRITTEN: -1,
        Stay.TOP: offset + size,
        Stay.WANTED_UNTIL: end,
    }


def _first_fit(rows: list[dict[Stay, int]], begin: int, end: int, size: int, alignment: int) -> int:
    met = [row for row in rows if row[Stay.BEGIN] < end and begin < row[Stay.END]]
    cursor = 0
    for low, high in sorted((row[Stay.OFFSET], row[Stay.TOP]) for row in met):
        if low - cursor >= size:
            break
        cursor = max(cursor, -(-high // alignment) * alignment)
    return cursor


def _flows(x: MemoryProgram) -> LongArray:
    """(E, Flow) what each instruction reads -> what it writes."""
    reads: dict[int, list[int]] = {}
    writes: dict[int, list[int]] = {}
    for n, i, _, write in x.access.tolist():
        (writes if write else reads).setdefault(i, []).append(n)
    pairs = [{Flow.READ: a, Flow.MADE: b} for i, made in writes.items() for b in made for a in reads.get(i, ())]
    return np.array([[pair[column] for column in Flow] for pair in pairs], np.int64).reshape(-1, len(Flow))


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
    about_accesses = {
        Access.BUFFER: buffer,
        Access.SLOT: slot,
        Access.SLOW: x.slow_ticks,
        Access.FAST: x.fast_ticks,
        Access.WRITES: access[:, WRITE],
        Access.FOLLOWS: follows,
    }
    of_accesses = {"worth": worth, "later": later, "access": stacked(Access, about_accesses)}
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
