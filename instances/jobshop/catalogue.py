"""The classic job-shop instances and their published bounds, found by name and read when asked for."""

from __future__ import annotations

import csv
import difflib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import files as jobshop_files
from dispatchgym.instances.jobshop.instance import JobShop


class Bounds(NamedTuple):
    """What is published about an instance: its size and the bounds on its makespan (ticks)."""

    jobs: int
    machines: int
    lower: int
    upper: int


def _numbered(prefix: str, count: int, digits: int = 2) -> tuple[str, ...]:
    return tuple(f"{prefix}{i:0{digits}d}" for i in range(1, count + 1))


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
_NAMES = SETS["classic"] + SETS["tai"]
_POSITION = {name: position for position, name in enumerate(_NAMES)}
_FAMILY = {name: family for family in (*_CLASSIC, "tai") for name in SETS[family]}


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
    """The bundled instance called `what`, with its bounds, or else the instance in the file `what`.

    A `Path` is always a file. Raises InputError for an unknown name, with the nearest known one, and for a bad file.
    """
    if isinstance(what, str) and what in _POSITION:
        return _load_bundled(what)
    _check_path(what)
    return jobshop_files.read(what)


@lru_cache(maxsize=512)
def _load_bundled(name: str) -> JobShop:
    plain = jobshop_files.parse(_data(f"{name}.txt"), f"{name}.txt")[0]
    known = bounds()[name]
    return JobShop(plain.machine, plain.duration, plain.machines, name=name, lower_bound=known.lower, best_known=known.upper)


def _check_path(what: str | Path) -> None:
    """Raise InputError unless `what` is, or at least looks like, a path."""
    path, _ = jobshop_files.split_selector(what)
    looks_like_a_path = isinstance(what, Path) or "/" in what or path.suffix != "" or "#" in what
    if str(what) and (looks_like_a_path or os.path.exists(path)):
        return
    near = difflib.get_close_matches(str(what).lower(), (*_NAMES, *SETS), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; sets are {', '.join(SETS)}"
    raise InputError(f"unknown instance {str(what)[:80]!r}{hint}")


def expand(specs: Iterable[str]) -> list[str]:
    """The instances that `specs` stand for, in order, each once: what `load` takes.

    A spec is a name (`ta01`), a range within one set (`ta01..ta10`), a set (`la`, `classic`, `tai`) or a file.
    Raises InputError for unknown names, files that are not there, and ranges that are reversed or span two sets.
    """
    found: dict[str, None] = {}
    for spec in specs:
        found.update(dict.fromkeys(_expand_one(spec)))
    return list(found)


def _expand_one(spec: str) -> tuple[str, ...]:
    if spec in SETS:
        return SETS[spec]
    if spec in _POSITION:
        return (spec,)
    match = re.fullmatch(r"([^./\\]*)\.\.([^./\\]*)", spec)
    if match is not None and not os.path.isfile(spec):
        return _expand_range(spec, match[1], match[2])
    _check_path(spec)
    path, _ = jobshop_files.split_selector(spec)
    if not os.path.isfile(path):
        raise InputError(f"{str(path)[:200]}: {'is not a file' if os.path.exists(path) else 'no such file'}")
    return (spec,)


def _expand_range(spec: str, first: str, last: str) -> tuple[str, ...]:
    for end in (first, last):
        if end not in _POSITION:
            near = difflib.get_close_matches(end.lower(), _NAMES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"range {spec[:80]!r}: unknown instance {end[:80]!r}{hint}")
    if _FAMILY[first] != _FAMILY[last]:
        raise InputError(f"range {spec!r}: {first} and {last} are in different sets")
    if _POSITION[first] > _POSITION[last]:
        raise InputError(f"range {spec!r}: {last} comes before {first}")
    return _NAMES[_POSITION[first] : _POSITION[last] + 1]
