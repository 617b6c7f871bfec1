"""Packings and memory plans as reports draw them, and the names of their choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispatchgym.envs.core.contract import Sizes
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram, Packing, PackingPlan, peak
from dispatchgym.report.scene import NameChoice, Scene
from dispatchgym.report.slack import slack

KIB = 1024
MOST_SLACK = 2_000  # parts of buffers; of more the slack is not computed, as it takes all pairs of them
PARTS = {"computation": "#8fa3b5", "traffic beyond it": "#e0b36a", "stalled for copies": "#d1352b"}


def packing(instance: Packing, plan: PackingPlan) -> list[Scene]:
    """The memory map. Slack: by how many bytes a buffer could lie higher without the packing becoming higher."""
    from dispatchgym.envs.memory.pack.render import KINDS, kinds

    n, begin, end, low, high = instance.parts.T
    low, high = plan.offset[n] + low, plan.offset[n] + high
    height = int(high.max(initial=0))
    unit, scale = ("KiB", KIB) if height >= 2 * KIB else ("bytes", 1)
    shades = [shade for pair in KINDS.values() for shade in pair]
    of_kind = kinds(instance, plan)
    levels = {"peak": peak(instance) / scale, "height": height / scale}
    levels |= {"capacity": instance.capacity / scale} if instance.capacity is not None else {}
    room = _room(instance, plan, height)
    offset, size = plan.offset[n] / scale, np.asarray(instance.size)[n] / scale
    scene = Scene(
        title="Memory map: addresses over time",
        across="time",
        upward=f"address ({unit})",
        left=begin.tolist(),
        right=end.tolist(),
        low=(low / scale).tolist(),
        high=(high / scale).tolist(),
        name=[instance.ids[i] for i in n],
        colour=[int(2 * of_kind[i] + i % 2) for i in n],
        palette=shades,
        columns={
            "buffer": [instance.ids[i] for i in n],
            f"size ({unit})": size.tolist(),
            f"offset ({unit})": offset.tolist(),
            "start": begin.tolist(),
            "end": end.tolist(),
        },
        slack=None if room is None else [None if room[i] is None else (room[i] or 0) / scale for i in n],
        slack_unit=unit,
        key=[str(i) for i in n],
        levels=levels,
        legend={name: pair[0] for name, pair in KINDS.items()},
    )
    return [scene]


def _room(instance: Packing, plan: PackingPlan, height: int) -> list[int | None] | None:
    """(N,) bytes by which each buffer could move up; None if they are too many."""
    parts = instance.parts
    if len(parts) > MOST_SLACK:
        return None
    n, begin, end, low, high = parts.T
    meets = (begin[:, None] < end[None, :]) & (begin[None, :] < end[:, None])
    below = (plan.offset[n] + high)[:, None] <= (plan.offset[n] + low)[None, :]
    pairs = np.argwhere(meets & below & (n[:, None] != n[None, :]))
    arcs = [(int(n[a]), int(n[b]), int(high[a] - low[b])) for a, b in pairs]
    tallest = np.zeros(instance.buffers, np.int64)
    np.maximum.at(tallest, n, high)
    return slack(plan.offset.tolist(), [height - int(top) for top in tallest], arcs)


def program(instance: MemoryProgram, plan: MemoryPlan) -> list[Scene]:
    """The map of fast memory over the instructions, and what the time of each instruction goes to."""
    from dispatchgym.envs.memory.map.check import execute
    from dispatchgym.envs.memory.map.render import KINDS, kinds
    from dispatchgym.envs.memory.render import byte_unit

    found = execute(instance, plan)
    unit, scale = byte_unit(instance.capacity)
    size = np.asarray(instance.size).tolist()
    palette = list(KINDS.values())
    names = kinds(instance, found)
    stays = found.stays
    low = [stay.offset / scale for stay in stays]
    own = np.flatnonzero(instance.scoped).tolist()
    space = Scene(
        title="Memory map: addresses of fast memory over the instructions",
        across="instruction",
        upward=f"address ({unit})",
        left=[float(stay.begin) for stay in stays] + [float(i) for i in own],
        right=[float(stay.end) for stay in stays] + [i + 1.0 for i in own],
        low=low + [0.0] * len(own),
        high=[at + size[stay.buffer] / scale for at, stay in zip(low, stays, strict=True)]
        + [int(instance.scoped[i]) / scale for i in own],
        name=[str(stay.buffer) for stay in stays] + [""] * len(own),
        colour=[list(KINDS).index(name) for name in names] + [len(palette)] * len(own),
        palette=[*palette, "#c9c9c4"],
        columns={
            "buffer": [stay.buffer for stay in stays] + ["scoped"] * len(own),
            "kind": names + ["bytes of the instruction"] * len(own),
            "size (bytes)": [size[stay.buffer] for stay in stays] + [int(instance.scoped[i]) for i in own],
            "start": [stay.begin for stay in stays] + own,
            "serves from": [stay.serves for stay in stays] + own,
            "end": [stay.end for stay in stays] + [i + 1 for i in own],
            "written back by": [stay.written if stay.written >= 0 else "-" for stay in stays] + ["-"] * len(own),
        },
        key=[str(stay.buffer) for stay in stays] + [""] * len(own),
        levels={"capacity": instance.capacity / scale},
        legend={name: colour for name, colour in KINDS.items() if name in names},
    )
    return [space, _slots(instance, found.elapsed, found.stall)]


def _slots(instance: MemoryProgram, elapsed: list[int], stall: list[int]) -> Scene:
    """What the time of each instruction goes to; critical are instructions that wait for copies."""
    compute = np.asarray(instance.compute).tolist()
    boxes: list[tuple[int, float, float, int, str]] = []
    for i, (work, whole, wait) in enumerate(zip(compute, elapsed, stall, strict=True)):
        at = 0.0
        for kind, ticks in enumerate((work, whole - work, wait)):
            if ticks > 0:
                boxes.append((i, at, at + ticks / 1e6, kind, instance.labels[i] if instance.labels else str(i)))
                at += ticks / 1e6
    slot, low, high, part, label = (list(column) for column in (zip(*boxes, strict=True) if boxes else [()] * 5))
    parts = list(PARTS)
    return Scene(
        title="What the time of each instruction goes to",
        across="instruction",
        upward="time (us)",
        left=slot,
        right=[i + 1 for i in slot],
        low=low,
        high=high,
        name=[""] * len(slot),
        colour=part,
        palette=list(PARTS.values()),
        columns={
            "instruction": slot,
            "operation": label,
            "part": [parts[k] for k in part],
            "time (us)": [round(b - a, 6) for a, b in zip(low, high, strict=True)],
        },
        legend=dict(PARTS),
    )


def name_buffers(problem: Any, instance: Packing, sizes: Sizes) -> NameChoice:
    return lambda k, buffer, section, offset: (str(buffer), f"buffer {instance.ids[buffer]} at {offset}")


def name_accesses(problem: Any, instance: MemoryProgram, sizes: Sizes) -> NameChoice:
    """Of both kinds of decisions: how an access is served, or which storage is served next."""
    from dispatchgym.envs.memory.map.layout import DROP, STAY

    if problem.actions == "order":
        return lambda k, buffer, level, start: (str(buffer), f"buffer {buffer} next, defined at {start}")

    def name(k: int, buffer: int, level: int, start: int) -> tuple[str, str]:
        ways = {DROP: "from slow memory", STAY: "stays in fast memory"}
        return str(buffer), f"buffer {buffer}: {ways.get(k, f'brought to fast memory from instruction {start} on ({k - 1})')}"

    return name
