"""Results of a benchmark: figures, the machine they were measured on, tables for people and JSON for the next run."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text

FORMAT = 1
PACKAGES = ("gymnasium", "numba", "numpy", "torch")
# CPU time does not cancel contention: on two busy cores one loop was seen at 0.95 M and at 1.7 M within a run.
BUSY = "The machine was busy: a figure may be low by a factor of two; ratios between figures within that factor decide nothing."
WORSE = 0.7  # a figure below this share of the old one is a regression


@dataclass(frozen=True)
class Figure:
    """One measured number, or the reason why there is none."""

    face: str  # which way into the environment, or which policy
    size: str  # JOBSxMACHINES
    observation: str  # "candidates", "graph", or "-"
    copies: int
    value: float | None  # None = not measured
    unit: str  # "operations/CPU-s", "schedules/CPU-s" or "bytes"
    note: str = ""

    @property
    def key(self) -> str:
        return f"{self.face} {self.size} {self.observation} x{self.copies}, {self.unit}"


@dataclass(frozen=True)
class Grid:
    """A table as text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1  # columns of text, before those of numbers

    def markdown(self) -> str:
        lines = [self.columns, tuple("---" if i < self.words else "---:" for i in range(len(self.columns))), *self.rows]
        return f"### {self.title}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)

    def show(self, console: Console) -> None:
        table = Table(title=self.title, title_justify="left")
        for i, column in enumerate(self.columns):
            table.add_column(column, justify="left" if i < self.words else "right")
        for row in self.rows:
            table.add_row(*row)
        console.print(table)


def console() -> Console:
    """Standard output, wide enough for the tables where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=130)


def header(seed: int, packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """The machine, the versions and the moment of a measurement."""
    return {
        "machine": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: installed(name) for name in packages},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": seed,
    }


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def describe_header(about: dict[str, Any]) -> str:
    """The header as two lines of text."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return (
        f"{about['machine']}, {about['cores']} cores (load {about['load']} at the start), {about['system']}, "
        f"{about['date']}, seed {about['seed']}.\n{versions}." + (f"\n{BUSY}" if busy(about) else "")
    )


def busy(about: dict[str, Any]) -> bool:
    """Whether other programs had much of the machine when the measurement began."""
    return bool(about["load"] > 0.5 * about["cores"])


def save(out: Path, about: dict[str, Any], content: dict[str, Any], text: str) -> None:
    """Write OUT.json and OUT.md; InputError if they cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out.parent}: cannot be made ({error.strerror})") from error
    data = {"format": FORMAT, "header": about, **content}
    write_text(out.with_name(out.name + ".json"), json.dumps(data, indent=1) + "\n")
    write_text(out.with_name(out.name + ".md"), text)


def save_figures(out: Path, about: dict[str, Any], figures: Sequence[Figure], text: str) -> None:
    save(out, about, {"figures": [asdict(f) for f in figures]}, text)


def load_figures(path: Path) -> tuple[dict[str, Any], list[Figure]]:
    """Header and figures of a result; InputError if the file is not one."""
    text = read_text(path)
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise InputError(f"{path}: result format {data['format']!r}, this version reads {FORMAT}")
        return dict(data["header"]), [Figure(**row) for row in data["figures"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a result of this benchmark ({error})") from None


def compare(old: Sequence[Figure], new: Sequence[Figure]) -> list[tuple[Figure, float]]:
    """Each figure of `new` that `old` has too, with the ratio new / old; above 1 is better (of bytes: old / new)."""
    before = {f.key: f.value for f in old if f.value}
    pairs = [(f, f.value, before[f.key]) for f in new if f.value and before.get(f.key)]
    return [(f, was / now if f.unit == "bytes" else now / was) for f, now, was in pairs if now and was]


def regressions(ratios: Sequence[tuple[Figure, float]]) -> list[tuple[Figure, float]]:
    return [(f, ratio) for f, ratio in ratios if ratio < WORSE]
