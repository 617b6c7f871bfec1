"""The classic job-shop instances and their published bounds, found by name and read when asked for."""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Iterable
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, get_args

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import files as jobshop_files
from dispatchgym.instances.jobshop.generate import Routing, generate, taillard
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.names import (
    Generator,
    Parameter,
    each_once,
    generator_of,
    name_range,
    number_range,
    printable,
    read_parameters,
    unknown,
)


class Bounds(NamedTuple):
    """What is published about an instance: its size and the bounds on its makespan (ticks)."""

    jobs: int
    machines: int
    lower: int
    upper: int


def _numbered(prefix: str, count: int, digits: int = 2) -> tuple[str, ...]:
    return tuple(f"{prefix}{i:0{digits}d}" for i in range(1, count + 1))


def _draw(routing: Routing, *, shortest: int, longest: int, release: int, **words: Any) -> JobShop:
    """A generated job shop, as `generate` draws it; `release` is the latest release time."""
    return generate(routing=routing, duration=(shortest, longest), release=(0, release), **words)


_CLASSIC = {
    "ft": ("ft06", "ft10", "ft20"),
    "la": _numbered("la", 40),
    "abz": ("abz5", "abz6", "abz7", "abz8", "abz9"),
    "orb": _numbered("orb", 10),
    "swv": _numbered("swv", 20),
    "yn": _numbered("yn", 4, digits=1),
    "ta": _numbered("ta", 80),
    "dmu": _numbered("dmu", 80),
}
_TAI_SIZES = ("10_10", "10_100", "10_1000", "100_10", "100_100", "1000_10")

SETS: dict[str, tuple[str, ...]] = {
    **_CLASSIC,
    "tai": tuple(name for size in _TAI_SIZES for name in _numbered(f"tai_{size}_", 10, digits=1)),
    "classic": tuple(name for members in _CLASSIC.values() for name in members),
}
_DRAWN = {
    "j": Parameter("jobs", int, required=True),
    "m": Parameter("machines", int, required=True),
    "lo": Parameter("shortest", int, 1, named=False),
    "hi": Parameter("longest", int, 99, named=False),
    "o": Parameter("operations", int),
    "rec": Parameter("recirculation", bool, False, named=False),
    "rel": Parameter("release", int, 0, named=False),
    "s": Parameter("seed", int, 0),
}
_PUBLISHED = {
    "j": Parameter("jobs", int, required=True),
    "m": Parameter("machines", int, required=True),
    "ts": Parameter("time_seed", int, required=True),
    "ms": Parameter("machine_seed", int, required=True),
}
GENERATORS: dict[str, Generator] = {
    **{routing: Generator(partial(_draw, routing), _DRAWN, "j10/m5/s0") for routing in get_args(Routing)},
    "taillard": Generator(taillard, _PUBLISHED, "j15/m15/ts840612802/ms398197754"),
}
_NAMES = SETS["classic"] + SETS["tai"]
_BUNDLED = frozenset(_NAMES)
_APART = tuple(SETS[name] for name in (*_CLASSIC, "tai"))  # sets without a common member


def names() -> tuple[str, ...]:
    """The names of all bundled instances: the 242 classic ones, then the 60 of Da Col & Teppan."""
    return _NAMES


@lru_cache(maxsize=1)
def bounds() -> dict[str, Bounds]:
    """The published bounds of every bundled instance (see `data/jobshop/README.md` for their origin)."""
    rows = csv.DictReader(_data("bounds.csv").splitlines())
    return {row["name"]: Bounds(*(int(row[key]) for key in ("jobs", "machines", "lower", "upper"))) for row in rows}


def _data(file: str) -> str:
    return (files("dispatchgym.instances") / "data" / "jobshop" / file).read_text(encoding="utf-8")


def load(what: str | Path) -> JobShop:
    """The bundled instance called `what`, with its bounds, or the generated one, or else the instance in the file `what`.

    A `Path` is always a file. Raises InputError for an unknown name, with the nearest known one, and for a bad file.
    """
    if isinstance(what, str) and what in _BUNDLED:
        return _load_bundled(what)
    if isinstance(what, str) and is_generated(what):
        return _generate(what)
    _check_path(what)
    return jobshop_files.read(what)


@lru_cache(maxsize=512)
def _load_bundled(name: str) -> JobShop:
    plain = jobshop_files.parse(_data(f"{name}.txt"), f"{name}.txt")[0]
    known = bounds()[name]
    return JobShop(plain.machine, plain.duration, plain.machines, name=name, lower_bound=known.lower, best_known=known.upper)


def is_generated(what: str) -> bool:
    """Whether `what` names a generated instance; an existing file may be called so, too."""
    return generator_of(what, GENERATORS) is not None and not os.path.isfile(jobshop_files.split_file(what)[0])


def _generate(what: str) -> JobShop:
    family, arguments, name = read_parameters(what, GENERATORS)
    try:
        made: JobShop = GENERATORS[family].make(**arguments)
    except InputError as error:
        raise InputError(f"{printable(what)}: {error}") from None
    return dataclasses.replace(made, name=name)


def _check_path(what: str | Path) -> None:
    """Raise InputError unless `what` is, or at least looks like, a path."""
    path, _ = jobshop_files.split_file(what)
    looks_like_a_path = isinstance(what, Path) or "/" in what or path.suffix != "" or "#" in what
    if not str(what) or not (looks_like_a_path or os.path.exists(path)):
        known = f"sets are {', '.join(SETS)}; generated are {', '.join(GENERATORS)}"
        raise unknown(str(what), (*_NAMES, *SETS), known, GENERATORS)


def expand(specs: Iterable[str]) -> list[str]:
    """The instances that `specs` stand for, in order, each once: what `load` takes.

    A spec is a name (`ta01`), a range within one set (`ta01..ta10`), a set (`la`, `classic`, `tai`), a generated instance or a
    range of them (`uniform/j10/m5/s0..s9`), or a file.
    Raises InputError for unknown names, files that are not there, and ranges that are reversed or span two sets.
    """
    return each_once(specs, _members)


def _members(spec: str) -> Iterable[str]:
    if spec in SETS:
        return SETS[spec]
    if spec in _BUNDLED:
        return (spec,)
    if is_generated(spec):
        return [read_parameters(name, GENERATORS)[2] for name in number_range(spec) or (spec,)]
    if not os.path.isfile(spec):
        members = name_range(spec, _BUNDLED, _APART, apart="are in different sets")
        if members is not None:
            return members
    _check_path(spec)
    path, _ = jobshop_files.split_file(spec)
    if not os.path.isfile(path):
        raise InputError(f"{printable(path, 200)}: {'is not a file' if os.path.exists(path) else 'no such file'}")
    return (spec,)


def group(name: str) -> str | None:
    """The set of a bundled instance, None for another one. The two halves of dmu are two groups.

    In dmu41-80 every job visits one half of the machines first.
    """
    if name not in _BUNDLED:
        return None
    family = next(family for family in (*_CLASSIC, "tai") if name in SETS[family])
    if family != "dmu":
        return family
    return "dmu01-40" if name <= "dmu40" else "dmu41-80"
