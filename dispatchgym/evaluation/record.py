"""What run.json of an evaluation says: the command, the versions, the machine."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from dispatchgym import program
from dispatchgym.instances import json_fields
from dispatchgym.instances.files import read_text
from dispatchgym.instances.json_shapes import Object, OneOf, Rows, Table, Text, Whole, optional

LONG = 100_000  # characters of a command
RUN = Object(
    optional(
        command=Text(LONG),
        date=Text(),
        seed=Whole(0, 2**63),
        workers=Whole(1, 2**31),
        solver_workers=Whole(1, 2**31),
        clock=OneOf(("cpu", "wall")),
        versions=Table(Text()),
        machine=Object(optional(cpu=Text(), cores=Whole(1, 2**31), system=Text()), closed=False),
        earlier=Rows(Object(optional(command=Text(LONG)), closed=False)),  # the same of the runs before
    ),
    closed=False,
)


class Options(Protocol):
    """The options of evaluate.py that are part of the record."""

    @property
    def out(self) -> Path: ...
    @property
    def seed(self) -> int: ...
    @property
    def workers(self) -> int: ...
    @property
    def solver_workers(self) -> int: ...
    @property
    def clock(self) -> str: ...


def describe_run(options: Options, arguments: Sequence[str]) -> dict[str, Any]:
    """What OUT/run.json says: the command, the versions, the machine. Runs that `--resume` continued are listed in it."""
    path = options.out / "run.json"
    earlier: list[Any] = []
    if path.exists():
        field = json_fields.parse(read_text(path, follow=False), f"{path} (the record of the run; remove it to go on)")
        before = RUN.read(field).get("earlier", [])
        earlier = [*before, {name: value for name, value in field.value.items() if name != "earlier"}]
    packages = ("dispatchgym", "numpy", "numba", "torch", "ortools")
    return {
        "command": shlex.join([*program.call("evaluate.py"), *arguments]),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": options.seed,
        "workers": options.workers,
        "solver_workers": options.solver_workers,
        "clock": options.clock,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": {"cpu": _processor(), "cores": _cores(), "system": platform.platform()},
        "earlier": earlier,
    }


def version(package: str) -> str:
    """The installed version of `package`; for a clone of this one that is not installed, its own."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if package == "dispatchgym":
            import dispatchgym

            return str(getattr(dispatchgym, "__version__", "unknown"))
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
