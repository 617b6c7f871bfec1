"""Packing's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from dispatchgym.envs.core.columns import stacked
from dispatchgym.envs.core.contract import Array, Features, Kernel, Sizes
from dispatchgym.envs.memory.pack import features, rules
from dispatchgym.envs.memory.pack.layout import (
    BLOCK,
    LENGTHS,
    UNLIMITED,
    Candidate,
    Context,
    Instances,
    Move,
    Part,
    ResourceNode,
    RunsOn,
    State,
    TaskNode,
    Trait,
)
from dispatchgym.envs.memory.padding import padded
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.memory.instance import Packing

Goal = Literal["height", "capacity"]
GOALS: tuple[str, ...] = get_args(Goal)  # in the order of the numbers in layout.py
COARSE = 30  # bits of a height in areas


@dataclass(frozen=True)
class PackSizes(Sizes):
    """What else the arrays are padded to."""

    parts: int  # P


@dataclass(frozen=True)
class PackProblem:
    """Packing for the least height, or (goal `capacity`) any packing within the capacity of the instance."""

    goal: Goal = "height"

    kernel: ClassVar[Kernel] = Kernel((rules, features), graph_keeps="rows")
    features: ClassVar[Features] = Features.of(Candidate, Context, TaskNode, ResourceNode, RunsOn)

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise InputError(f"goal={shown(self.goal)} is not one of {', '.join(GOALS)}")

    def sizes(self, instances: Sequence[Packing]) -> PackSizes:
        buffers = max(x.buffers for x in instances)
        return PackSizes(
            actions=buffers,
            tasks=buffers,
            resources=max(len(_times(x)) - 1 for x in instances),
            precedes=buffers,
            runs_on=3 * buffers,
            steps=buffers,
            parts=max(len(x.parts) for x in instances),
        )

    def pack(self, instances: Sequence[Packing], sizes: Sizes) -> Instances:
        assert isinstance(sizes, PackSizes)
        own = self.sizes(instances)
        for what, have, room in (
            ("buffers", own.tasks, sizes.tasks),
            ("sections of time", own.resources, sizes.resources),
            ("parts of lives", own.parts, sizes.parts),
        ):
            if have > room:
                raise InputError(f"{have} {what} do not fit an environment for {room}")
        rows = [self._row(x, sizes) for x in instances]
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        return Instances(pool=len(instances), goal=GOALS.index(self.goal), **columns)

    def _row(self, x: Packing, sizes: PackSizes) -> dict[str, Array]:
        """The arrays of one instance."""
        capacity = UNLIMITED
        if self.goal == "capacity":
            if x.capacity is None:
                raise InputError(f"{x.name}: has no capacity, so goal='capacity' means nothing")
            capacity = x.capacity
        z, p, c = sizes.tasks, sizes.parts, sizes.resources
        times = _times(x)
        sections = len(times) - 1
        parts = x.parts
        begins, ends = np.searchsorted(times, parts[:, 1]), np.searchsorted(times, parts[:, 2])
        need = parts[:, 4] - parts[:, 3]
        change = np.zeros(sections + 1, np.int64)
        np.add.at(change, begins, need)
        np.add.at(change, ends, -need)
        load = np.cumsum(change)[:-1]
        peak = int(load.max(initial=0))
        if peak > capacity:
            raise InputError(f"{x.name}: {peak} bytes are needed at once, the capacity is {capacity}")
        bound = max(peak, 1)
        shift = max(int(x.size.sum()).bit_length() - COARSE, 0)
        length = np.maximum(np.diff(times) * (LENGTHS / float(times[-1] - times[0])), 1).astype(np.int64)
        first, last = np.searchsorted(times, x.lower), np.searchsorted(times, x.upper)
        count = np.bincount(parts[:, 0], minlength=x.buffers)
        high = np.zeros(x.buffers, np.int64)
        np.maximum.at(high, parts[:, 0], parts[:, 4])
        reached = np.concatenate([[0], np.cumsum(length)])
        area = np.bincount(parts[:, 0], weights=(need >> shift) * (reached[ends] - reached[begins]), minlength=x.buffers)
        mean = max(float(area.mean()), 1.0)
        busiest = np.array([a + int(load[a:e].argmax()) for a, e in zip(first, last, strict=True)])
        numbers = {
            "buffers": x.buffers,
            "sections": sections,
            "parts": len(parts),
            "plain": int(not any(x.gaps) and (x.alignment == 1).all()),
            "capacity": capacity,
            "bound": peak,
            "shift": shift,
        }
        ratios = {
            "share": 1.0 / bound,
            "unit": 1.0 / x.size.mean(),
            "area_unit": 1.0 / mean,
            "total": max(area.sum() / mean, 1e-9),
            "density": area.sum() / (max(bound >> shift, 1) * float(reached[-1])),
        }
        size = np.maximum(high, 1)  # of a buffer that needs nothing too the top is above the floor
        traits = {
            Trait.SIZE: size * ratios["share"],
            Trait.SIZE_IN_MEANS: np.minimum(size * ratios["unit"], 8.0) * 0.25,
            Trait.LIFE: (x.upper - x.lower) / float(times[-1] - times[0]),
            Trait.AREA: np.minimum(area / mean, 8.0) * 0.25,
            Trait.CROWDED: load[busiest] / bound,
        }
        of_buffers = {
            "size": size,
            "alignment": x.alignment,
            "left": first,
            "right": last,
            "first": np.cumsum(count) - count,
            "count": count,
            "area": area / mean,
            "area_rate": 1.0 / np.maximum(area, 1.0),
            "traits": stacked(Trait, traits).astype(np.float32),
            "busiest": busiest,
            "successor": _successors(x),
        }
        part = {Part.BEGINS: begins, Part.ENDS: ends, Part.LOW: parts[:, 3], Part.HIGH: parts[:, 4]}
        of_parts = {"part": stacked(Part, part), "owner": parts[:, 0]}
        rows: dict[str, Array] = {name: np.int64(value) for name, value in numbers.items()}
        rows |= {name: np.float64(value) for name, value in ratios.items()}
        for extent, columns in ((z, of_buffers), (p, of_parts), (c, {"load": load}), (c + 1, {"reached": reached})):
            rows |= {name: padded(column, extent) for name, column in columns.items()}
        return rows

    def state(self, sizes: Sizes, copies: int) -> State:
        z, c = sizes.tasks, sizes.resources

        def zeros(*shape: int, dtype: Any = np.int64) -> Array:
            return np.zeros((copies, *shape), dtype)

        return State(
            row=zeros(dtype=np.int32),
            left=zeros(),
            choices=zeros(),
            bound=zeros(),
            height=zeros(),
            lowest=zeros(),
            base=zeros(),
            stuck=zeros(),
            filled=zeros(dtype=np.float64),
            top=zeros(c + BLOCK),
            load=zeros(c + BLOCK),
            sky=zeros(c + BLOCK),
            offset=zeros(z),
            floor=zeros(z),
            move=zeros(z, len(Move)),
            changed=zeros(z, dtype=np.int8),
            near=zeros(z),
            stale=zeros(z),
        )


def _times(x: Packing) -> Array:
    """The moments between sections, in order."""
    return np.unique(np.concatenate([x.lower, x.upper, x.parts[:, 1], x.parts[:, 2]]))


def _successors(x: Packing) -> Array:
    largest: dict[int, int] = {}
    for n in np.argsort(x.size, kind="stable").tolist():
        largest[int(x.lower[n])] = n
    return np.array([largest.get(int(t), -1) for t in x.upper])
