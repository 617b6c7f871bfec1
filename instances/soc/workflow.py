"""Scientific workflows in WfFormat as static graphs (WfCommons: Coleman et al., FGCS 128, 2022).

A recorded workflow states each task's run time on the machine that ran it and the files that tasks pass on. The PEs here are
machines of chosen speed. Recorded times are scaled to the fastest machine that the file names with its clock rate, so
speed 1 is that machine; where clock rates are not stated, times are taken as they are. Two tasks exchange the files that
one writes and the other reads; files that no task writes are at every PE from the beginning. A task takes one PE, however many
cores it had.

Versions 1.5 and 1.6 are read, and those up to 1.4 (see `workflow_records.py`). What a file leaves open is said in a note:
tasks take a second each where `execution` is missing, files without a size are empty, and ticks are longer than a millisecond
where the times would add up to 2**30 of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.json_fields import Field, parse, shown
from dispatchgym.instances.notes import note, when_accepted
from dispatchgym.instances.soc.instance import MAX_TIME, StaticDag
from dispatchgym.instances.soc.workflow_records import Records, Task, read_records

SPEEDS = (0.5, 0.5, 1.0, 1.0)
MEGABYTES_PER_SECOND = 125.0  # between different PEs: a gigabit a second
TICKS_MS = tuple(10**k for k in range(8))  # the shortest one that fits is taken


def read(
    path: str | Path,
    *,
    speeds: Sequence[float] = SPEEDS,
    megabytes_per_second: float = MEGABYTES_PER_SECOND,
    tick_ms: int | None = None,
) -> StaticDag:
    """The workflow in a file, on one PE for each of `speeds`. Times are in ticks of `tick_ms` milliseconds, volumes in kilobytes.

    Without `tick_ms` a tick is a millisecond, or the shortest power of ten of them with which all times add up to less than
    2**30 ticks. Raises InputError, naming file, field and value, for what is not such a workflow.
    """
    file = Path(path)
    data = parse(read_text(file), file.name)
    return workflow(data, speeds=speeds, megabytes_per_second=megabytes_per_second, tick_ms=tick_ms)


@when_accepted()
def workflow(
    data: Field,
    *,
    speeds: Sequence[float] = SPEEDS,
    megabytes_per_second: float = MEGABYTES_PER_SECOND,
    tick_ms: int | None = None,
) -> StaticDag:
    """The workflow in parsed JSON; see `read`."""
    if not speeds or not all(0 < x < np.inf for x in speeds):
        raise InputError(f"speeds {list(speeds)} must be positive, one for each PE")
    if not 0 < megabytes_per_second < np.inf or (tick_ms is not None and tick_ms < 1):
        raise InputError(f"{megabytes_per_second} megabytes per second and ticks of {tick_ms} ms must be positive")
    records = read_records(data)
    edges = _edges(data, records)
    times = _milliseconds(records)
    if tick_ms is None:
        tick_ms = _tick(times, edges, speeds, megabytes_per_second)
        if tick_ms > 1:
            note(f"{data.source}: a tick is {tick_ms} ms, as the times add up to 2**30 ms or more")
    ticks = _ticks(times, speeds, tick_ms)
    if not (ticks < MAX_TIME).all():
        longest = records.tasks[int(ticks.max(axis=1).argmax())]
        raise longest.field.error(f"task {shown(longest.key)} takes 2**30 ticks or more")
    same = np.eye(len(speeds), dtype=bool)
    name = data["name"].text().replace("/", "-").replace("\\", "-") if "name" in data else Path(data.source).stem
    try:
        return StaticDag(
            ticks.astype(np.int32),
            edges.astype(np.int32),
            np.where(same, np.inf, megabytes_per_second * tick_ms),  # MB per second = kB per millisecond
            tuple(task.key for task in records.tasks),
            name,
        )
    except InputError as error:
        raise data.error(str(error)) from None


def _ticks(times: npt.NDArray[np.float64], speeds: Sequence[float], tick_ms: int) -> npt.NDArray[np.float64]:
    """(N, P) ticks of each task on each PE, 1 at least unless the task takes no time."""
    found = np.rint(times[:, None] / np.asarray(speeds, np.float64) / tick_ms)
    return np.asarray(np.maximum(found, times[:, None] > 0))


def _tick(times: npt.NDArray[np.float64], edges: npt.NDArray[np.int64], speeds: Sequence[float], rate: float) -> int:
    """The milliseconds of a tick with which all times fit, the shortest of TICKS_MS; its last one if none does."""
    for tick in TICKS_MS:
        transfers = edges[:, 2].sum() / (rate * tick)
        if float(_ticks(times, speeds, tick).max(axis=1).sum()) + float(transfers) < MAX_TIME:
            return tick
    return TICKS_MS[-1]


def _milliseconds(records: Records) -> npt.NDArray[np.float64]:
    """(N,) run time of each task on the fastest machine of the file."""
    fastest = max(records.mhz.values(), default=1.0)
    rates = [records.mhz.get(task.machine, fastest) if task.machine is not None else fastest for task in records.tasks]
    seconds = np.array([task.seconds for task in records.tasks], np.float64)
    return np.asarray(1000 * seconds * np.array(rates) / fastest)


def _edges(data: Field, records: Records) -> npt.NDArray[np.int64]:
    """(E, 3) from the parents and children of each task; the volume is that of the files between the two, in kB."""
    pairs: dict[tuple[int, int], None] = {}
    for i, task in enumerate(records.tasks):
        for j in map(records.position, task.parents):
            pairs[j, i] = None
        for j in map(records.position, task.children):
            pairs[i, j] = None
    if records.infers:
        pairs |= _by_files(records.tasks)
    kilobytes = [-(-sum(records.size[x] for x in records.tasks[a].writes & records.tasks[b].reads) // 1000) for a, b in pairs]
    if max(kilobytes, default=0) >= MAX_TIME:
        raise data["workflow"].error("a transfer of 2**30 kilobytes or more")
    rows = [(a, b, volume) for (a, b), volume in zip(pairs, kilobytes, strict=True)]
    return np.array(rows, np.int64).reshape(-1, 3)


def _by_files(tasks: Sequence[Task]) -> dict[tuple[int, int], None]:
    """For tasks that state no parents: from the tasks that write what they read."""
    writer = {name: i for i, task in reversed(list(enumerate(tasks))) for name in task.writes}
    return {
        (writer[name], i): None
        for i, task in enumerate(tasks)
        if not task.parents
        for name in sorted(task.reads)
        if writer.get(name, i) != i
    }
