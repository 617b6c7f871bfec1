"""Scientific workflows in WfFormat 1.5 as static graphs (WfCommons: Coleman et al., FGCS 128, 2022).

A recorded workflow states each task's run time on the machine that ran it and the files that tasks pass on. The PEs here are
machines of chosen speed. Recorded times are scaled to the fastest machine that the file names with its clock rate, so
speed 1 is that machine; where clock rates are not stated, times are taken as they are. Two tasks exchange the files that
one writes and the other reads; files that no task writes are at every PE from the beginning. A task takes one PE, however many
cores it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.json_fields import Field, parse, shown
from dispatchgym.instances.soc.instance import MAX_TIME, StaticDag

SPEEDS = (0.5, 0.5, 1.0, 1.0)
MEGABYTES_PER_SECOND = 125.0  # between different PEs: a gigabit a second


def read(
    path: str | Path,
    *,
    speeds: Sequence[float] = SPEEDS,
    megabytes_per_second: float = MEGABYTES_PER_SECOND,
    tick_ms: int = 1,
) -> StaticDag:
    """The workflow in a file, on one PE for each of `speeds`. Times are in ticks of `tick_ms` milliseconds, volumes in kilobytes.

    Raises InputError, naming file, field and value, for what is not such a workflow.
    """
    file = Path(path)
    data = parse(read_text(file), file.name)
    return workflow(data, speeds=speeds, megabytes_per_second=megabytes_per_second, tick_ms=tick_ms)


def workflow(
    data: Field,
    *,
    speeds: Sequence[float] = SPEEDS,
    megabytes_per_second: float = MEGABYTES_PER_SECOND,
    tick_ms: int = 1,
) -> StaticDag:
    """The workflow in parsed JSON; see `read`."""
    if not speeds or not all(0 < x < np.inf for x in speeds):
        raise InputError(f"speeds {list(speeds)} must be positive, one for each PE")
    if not 0 < megabytes_per_second < np.inf or tick_ms < 1:
        raise InputError(f"{megabytes_per_second} megabytes per second and ticks of {tick_ms} ms must be positive")
    tasks = data["workflow"]["specification"]["tasks"].rows(least=1)
    position = _numbered(tasks)
    times = _milliseconds(data["workflow"]["execution"], tasks)
    ticks = np.maximum(np.rint(times[:, None] / np.asarray(speeds, np.float64) / tick_ms), times[:, None] > 0)
    if not (ticks < MAX_TIME).all():
        longest = tasks[int(ticks.max(axis=1).argmax())]["id"]
        raise longest.error(f"task {shown(longest.value)} takes 2**30 ticks or more")
    same = np.eye(len(speeds), dtype=bool)
    name = data["name"].text().replace("/", "-").replace("\\", "-") if "name" in data else Path(data.source).stem
    try:
        return StaticDag(
            ticks.astype(np.int32),
            _edges(data, tasks, position),
            np.where(same, np.inf, megabytes_per_second * tick_ms),  # MB per second = kB per millisecond
            tuple(position),
            name,
        )
    except InputError as error:
        raise data.error(str(error)) from None


def _numbered(rows: list[Field]) -> dict[str, int]:
    """id -> position."""
    position: dict[str, int] = {}
    for i, row in enumerate(rows):
        key = row["id"].text()
        if key in position:
            raise row["id"].error(f"{shown(key)} is given twice")
        position[key] = i
    return position


def _milliseconds(execution: Field, tasks: list[Field]) -> np.ndarray:
    """(N,) run time of each task on the fastest machine of the file."""
    rows = execution["tasks"].rows()
    runs = _numbered(rows)
    speed = _clock_rates(execution)
    fastest = max(speed.values(), default=1.0)
    found = np.zeros(len(tasks))
    for i, task in enumerate(tasks):
        key = task["id"].text()
        if key not in runs:
            raise execution["tasks"].error(f"task {shown(key)} is missing")
        run = rows[runs[key]]
        seconds = run["runtimeInSeconds"].number()
        if seconds < 0:
            raise run["runtimeInSeconds"].error(f"{seconds:g} is negative")
        machines = [x.text() for x in run["machines"].rows()] if "machines" in run else []
        found[i] = 1000 * seconds * (speed.get(machines[0], fastest) if machines else fastest) / fastest
    return found


def _clock_rates(execution: Field) -> dict[str, float]:
    """Node name -> MHz, of the machines that state it."""
    found = {}
    for machine in execution["machines"].rows() if "machines" in execution else []:
        if "cpu" in machine and "speedInMHz" in machine["cpu"]:
            mhz = machine["cpu"]["speedInMHz"].number()
            if mhz <= 0:
                raise machine["cpu"]["speedInMHz"].error(f"{mhz:g} is not positive")
            found[machine["nodeName"].text()] = mhz
    return found


def _edges(data: Field, tasks: list[Field], position: dict[str, int]) -> np.ndarray:
    """(E, 3) from `parents` and `children`, which state the same; the volume is that of the files between the two, in kB."""
    specification = data["workflow"]["specification"]
    size = {}
    for file in specification["files"].rows() if "files" in specification else []:
        size[file["id"].text()] = file["sizeInBytes"].whole(0, 2**60)
    reads, writes = ([_files(task, key, size) for task in tasks] for key in ("inputFiles", "outputFiles"))
    pairs: dict[tuple[int, int], None] = {}
    for i, task in enumerate(tasks):
        for key in ("parents", "children"):
            for other in task[key].rows() if key in task else []:
                if other.text() not in position:
                    raise other.error(f"{shown(other.value)} is not a task")
                j = position[other.text()]
                pairs[(j, i) if key == "parents" else (i, j)] = None
    volumes = [-(-sum(size[x] for x in writes[a] & reads[b]) // 1000) for a, b in pairs]
    if max(volumes, default=0) >= MAX_TIME:
        raise specification["files"].error("a transfer of 2**30 kilobytes or more")
    rows = [(a, b, volume) for (a, b), volume in zip(pairs, volumes, strict=True)]
    return np.array(rows, np.int64).reshape(-1, 3)


def _files(task: Field, key: str, size: dict[str, int]) -> set[str]:
    found = set()
    for file in task[key].rows() if key in task else []:
        if file.text() not in size:
            raise file.error(f"{shown(file.value)} is not among the files")
        found.add(file.text())
    return found
