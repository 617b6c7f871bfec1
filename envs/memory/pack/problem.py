"""Packing's side of the contract: sizes, array layout and packing of instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np

from dispatchgym.envs.core.contract import Array, Features, Sizes
from dispatchgym.envs.memory.pack.rules import BLOCK, UNLIMITED
from dispatchgym.envs.memory.padding import padded
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import Packing

Goal = Literal["height", "capacity"]
GOALS: tuple[str, ...] = get_args(Goal)
LENGTHS = 4096
COARSE = 30  # bits of a height in areas


@dataclass(frozen=True)
class PackSizes(Sizes):
    """What else the arrays are padded to."""

    parts: int  # P


class Instances(NamedTuple):
    """A pool of N packings padded to Z buffers, P parts, S sections; rules.py names the columns."""

    pool: int  # N
    goal: int  # index into GOALS
    buffers: Array  # (N,) int64
    sections: Array  # (N,) int64
    parts: Array  # (N,) int64
    plain: Array  # (N,) int64 1 = no gaps and no alignments
    capacity: Array  # (N,) int64 bytes that must be kept, UNLIMITED for the goal `height`
    bound: Array  # (N,) int64 peak of live bytes: lower bound on the height
    shift: Array  # (N,) int64 bits that sizes lose in areas, so that these do not overflow
    share: Array  # (N,) float64 1 / bound, at most 1
    unit: Array  # (N,) float64 1 / mean size
    acre: Array  # (N,) float64 1 / mean area
    total: Array  # (N,) float64 sum of `area`
    density: Array  # (N,) float64 area of all buffers as a share of bound x time
    size: Array  # (N, Z) int64 bytes
    alignment: Array  # (N, Z) int64
    left: Array  # (N, Z) int64 first section
    right: Array  # (N, Z) int64 end of the last section
    first: Array  # (N, Z) int64 first row of `part`
    count: Array  # (N, Z) int64 how many
    area: Array  # (N, Z) float64 in mean areas
    acres: Array  # (N, Z) float64 1 / area
    traits: Array  # (N, Z, 5) float32 features that do not change
    busiest: Array  # (N, Z) int64 section of its life where most bytes are live
    successor: Array  # (N, Z) int64 largest buffer that begins when it ends, -1 = none
    part: Array  # (N, P, 4) int64
    owner: Array  # (N, P) int64 buffer
    load: Array  # (N, S) int64 live bytes
    reached: Array  # (N, S + 1) int64 when sections begin: sums of their lengths, in 1/4096 of the whole time, each at least 1


class State(NamedTuple):
    """One partial packing a copy."""

    row: Array  # (B,) int32 instance in the pool
    left: Array  # (B,) int64 buffers that are not placed
    choices: Array  # (B,) int64
    bound: Array  # (B,) int64 lower bound on the height, given what is placed
    height: Array  # (B,) int64 top of what is placed
    lowest: Array  # (B,) int64 lowest top of an open buffer at its floor
    base: Array  # (B,) int64 lowest floor
    stuck: Array  # (B,) int64 least height after any move
    filled: Array  # (B,) float64 area of what is placed
    top: Array  # (B, S + BLOCK) int64 the skyline; the kernel looks at whole blocks of sections
    load: Array  # (B, S + BLOCK) int64 bytes of buffers that must still go above it
    sky: Array  # (B, S + BLOCK) int64 area below the skyline
    offset: Array  # (B, Z) int64 -1 = not placed
    floor: Array  # (B, Z) int64 lowest offset above the skyline
    move: Array  # (B, Z, 3) int64
    changed: Array  # (B, Z) int8 1 = what the move does must be surveyed again
    near: Array  # (B, Z) int64 the choices, ascending
    stale: Array  # (B, Z) int64 scratch: those of them whose move must be surveyed


@dataclass(frozen=True)
class PackProblem:
    """Packing for the least height, or (goal `capacity`) any packing within the capacity of the instance."""

    goal: Goal = "height"

    name: ClassVar[str] = "memory-pack"
    kernel: ClassVar[tuple[Path, ...]] = tuple(Path(__file__).with_name(name) for name in ("rules.py", "features.py"))
    features: ClassVar[Features] = Features(candidate=20, context=8, task=10, resource=5, runs_on=3)

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise InputError(f"goal={self.goal!r} is not one of {', '.join(GOALS)}")

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
            "acre": 1.0 / mean,
            "total": max(area.sum() / mean, 1e-9),
            "density": area.sum() / (max(bound >> shift, 1) * float(reached[-1])),
        }
        size = np.maximum(high, 1)  # of a buffer that needs nothing too the top is above the floor
        traits = (
            size * ratios["share"],
            np.minimum(size * ratios["unit"], 8.0) * 0.25,
            (x.upper - x.lower) / float(times[-1] - times[0]),  # its share of the time
            np.minimum(area / mean, 8.0) * 0.25,
            load[busiest] / bound,  # most bytes live at once during its life
        )
        of_buffers = {
            "size": size,
            "alignment": x.alignment,
            "left": first,
            "right": last,
            "first": np.cumsum(count) - count,
            "count": count,
            "area": area / mean,
            "acres": 1.0 / np.maximum(area, 1.0),
            "traits": np.stack(traits, axis=1).astype(np.float32),
            "busiest": busiest,
            "successor": _successors(x),
        }
        of_parts = {"part": np.stack([begins, ends, parts[:, 3], parts[:, 4]], axis=1), "owner": parts[:, 0]}
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
            **{name: zeros() for name in ("left", "choices", "bound", "height", "lowest", "base", "stuck")},
            filled=zeros(dtype=np.float64),
            **{name: zeros(c + BLOCK) for name in ("top", "load", "sky")},
            **{name: zeros(z) for name in ("offset", "floor", "near", "stale")},
            move=zeros(z, 3),
            changed=zeros(z, dtype=np.int8),
        )


def _times(x: Packing) -> Array:
    """The moments between sections, in order."""
    return np.unique(np.concatenate([x.lower, x.upper, x.parts[:, 1], x.parts[:, 2]]))


def _successors(x: Packing) -> Array:
    largest: dict[int, int] = {}
    for n in np.argsort(x.size, kind="stable").tolist():
        largest[int(x.lower[n])] = n
    return np.array([largest.get(int(t), -1) for t in x.upper])
