"""What the versions of WfFormat say about tasks, files and machines, in one form.

From 1.5 on a workflow has a `specification` (what depends on what) and an `execution` (how long it took), and tasks refer to
each other by `id`. Up to 1.4 a task has all of that itself: `runtime` or `runtimeInSeconds`, its `files` with a `link` each, and
references by name; before 1.3 tasks are called `jobs`. As WfCommons' own migration does, `size` is taken as bytes, and tasks
without parents depend on those that write their files.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from dispatchgym.instances.json_fields import Field, shown
from dispatchgym.instances.notes import note

MAX_SIZE = 2**60  # bytes of a file
UNKNOWN_SECONDS = 1.0  # of a task in a file without run times


@dataclass(frozen=True)
class Task:
    """One task; files by name."""

    key: str
    field: Field
    seconds: float
    machine: str | None
    parents: list[Field]
    children: list[Field]
    reads: set[str]
    writes: set[str]


@dataclass
class Records:
    """A workflow. `names` has every way to refer to a task."""

    tasks: list[Task]
    size: dict[str, int]  # bytes of each file
    mhz: dict[str, float]  # of the machines that state it
    names: dict[str, int] = field(default_factory=dict)
    infers: bool = False  # whether files say what depends on what, where parents do not

    def position(self, reference: Field) -> int:
        """The task that is referred to. Raises InputError if there is none."""
        if reference.text() not in self.names:
            raise reference.error(f"{shown(reference.value)} is not a task")
        return self.names[reference.value]


def read_records(data: Field) -> Records:
    """The workflow of any version. Raises InputError, naming file, field and value, for what is none."""
    workflow = data["workflow"]
    older = next((key for key in ("tasks", "jobs") if key in workflow), None)
    return _modern(workflow) if older is None or "specification" in workflow else _older(workflow, workflow[older])


def _modern(workflow: Field) -> Records:
    specification = workflow["specification"]
    rows = specification["tasks"].rows(least=1)
    names = numbered(rows, "id")
    files = specification["files"].rows() if "files" in specification else []
    size = {file["id"].text(): _bytes(file["sizeInBytes"]) for file in files}
    execution = workflow.get("execution")
    if execution is None:
        note(f"{workflow.source}: has no run times (workflow.execution is missing): every task takes {UNKNOWN_SECONDS:g} s")
    took = _run_times(execution)
    tasks = []
    for row in rows:
        seconds, machine = took(row["id"].text())
        reads, writes = _files(row, "inputFiles"), _files(row, "outputFiles")
        tasks.append(Task(row["id"].text(), row, seconds, machine, _list(row, "parents"), _list(row, "children"), reads, writes))
    _say_unknown(workflow.source, tasks, size)
    return Records(tasks, size, _clock_rates(execution), names)


def _run_times(execution: Field | None) -> Callable[[str], tuple[float, str | None]]:
    """A function: id of a task -> its seconds and the machine that ran it."""
    if execution is None:
        return lambda _: (UNKNOWN_SECONDS, None)
    rows = execution["tasks"].rows()
    runs = numbered(rows, "id")

    def took(key: str) -> tuple[float, str | None]:
        if key not in runs:
            raise execution["tasks"].error(f"task {shown(key)} is missing")
        run = rows[runs[key]]
        machines = _list(run, "machines")
        return _seconds(run["runtimeInSeconds"]), machines[0].text() if machines else None

    return took


def _older(workflow: Field, listed: Field) -> Records:
    rows = listed.rows(least=1)
    unique = len({row["name"].text() for row in rows}) == len(rows)
    key = "name" if unique or any("id" not in row for row in rows) else "id"
    names = numbered(rows, key)
    if key == "name":
        names = {row["id"].text(): i for i, row in reversed(list(enumerate(rows))) if "id" in row} | names
    size: dict[str, int] = {}
    tasks = []
    for row in rows:
        linked: dict[str, set[str]] = {"input": set(), "output": set()}
        for file in _list(row, "files"):
            name, link = file["name"].text(), file["link"].text().lower()
            if link not in linked:
                raise file["link"].error(f"{shown(link)} is neither input nor output")
            linked[link].add(name)
            size.setdefault(name, _bytes(file["sizeInBytes" if "sizeInBytes" in file else "size"]))
        seconds = _seconds(row["runtimeInSeconds" if "runtimeInSeconds" in row else "runtime"])
        machine = row["machine"].text() if "machine" in row else None
        parents, children = _list(row, "parents"), _list(row, "children")
        tasks.append(Task(row[key].text(), row, seconds, machine, parents, children, linked["input"], linked["output"]))
    return Records(tasks, size, _clock_rates(workflow), names, infers=True)


def numbered(rows: list[Field], key: str) -> dict[str, int]:
    """What stands under `key` -> position."""
    position: dict[str, int] = {}
    for i, row in enumerate(rows):
        value = row[key].text()
        if value in position:
            raise row[key].error(f"{shown(value)} is given twice")
        position[value] = i
    return position


def _list(row: Field, key: str) -> list[Field]:
    return row[key].rows() if key in row else []


def _seconds(value: Field) -> float:
    seconds = value.number()
    if seconds < 0:
        raise value.error(f"{seconds:g} is negative")
    return seconds


def _bytes(value: Field) -> int:
    """A size, rounded up: some programs write means, or whole numbers with a point, as 1000000.0."""
    size = value.number()
    if size < 0:
        raise value.error(f"{shown(value.value)} is negative")
    if size >= MAX_SIZE:
        raise value.error(f"{shown(value.value)} is not below 2**60")
    return math.ceil(size)


def _files(row: Field, key: str) -> set[str]:
    return {file.text() for file in _list(row, key)}


def _say_unknown(source: str, tasks: list[Task], size: dict[str, int]) -> None:
    """Note the files that tasks name and the list of files lacks; they are empty."""
    unknown = sorted({name for task in tasks for name in task.reads | task.writes} - set(size))
    size.update(dict.fromkeys(unknown, 0))
    if unknown:
        are = "1 file is" if len(unknown) == 1 else f"{len(unknown)} files are"
        note(f"{source}: {are} not among `files`, as {shown(unknown[0])}: taken as empty")


def _clock_rates(holder: Field | None) -> dict[str, float]:
    """Node name -> MHz, of the machines that state it."""
    found = {}
    for machine in _list(holder, "machines") if holder is not None else []:
        cpu = machine.get("cpu")
        key = next((key for key in ("speedInMHz", "speed") if cpu is not None and key in cpu), None)
        if cpu is not None and key is not None:
            mhz = cpu[key].number()
            if mhz <= 0:
                raise cpu[key].error(f"{mhz:g} is not positive")
            found[machine["nodeName"].text()] = mhz
    return found
