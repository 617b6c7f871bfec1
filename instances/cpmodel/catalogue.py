"""Scheduling problems by name: FJSPLib, PSPLIB, generated ones and files.

Bundled: `mk01`, `la01-edata`, `mt10c1`, `dafjs01`, `j301_1` (see `data/cpmodel/README.md`). Generated: `sd1/j10/m5/s3`,
`sd2/j10/m5/s3`, `hurink-e/j10/m5/s3` (also -r, -v), `project/n30/nc1.8/rf0.5/rs0.2/r4/s3` (see `generate.py`).
"""

from __future__ import annotations

import csv
import dataclasses
import lzma
import os
import re
from collections.abc import Iterable
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from dispatchgym.instances.cpmodel import files as cp_files
from dispatchgym.instances.cpmodel import generate
from dispatchgym.instances.cpmodel.instance import CPInstance
from dispatchgym.instances.errors import InputError
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
    """Published bounds on the makespan (ticks)."""

    lower: int
    upper: int


def _numbered(prefix: str, last: int, digits: int = 1, suffix: str = "") -> tuple[str, ...]:
    return tuple(f"{prefix}{i:0{digits}d}{suffix}" for i in range(1, last + 1))


def _hurink(kind: str) -> tuple[str, ...]:
    shops = ("abz5", "abz6", "abz7", "abz8", "abz9", *_numbered("car", 8), "ft06", "ft10", "ft20")
    return tuple(f"{name}-{kind}" for name in (*shops, *_numbered("la", 40, 2), *_numbered("orb", 10)))


def _cells(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{cell}_{i}" for cell in range(1, count + 1) for i in range(1, 11))


_BARNES = tuple(f"{shop}{x}" for shop, one in (("mt10", "c1"), ("setb4", "c9"), ("seti5", "c12")) for x in (
    one, "cc", "x", "xx", "xxx", "xy", "xyz"
))  # fmt: skip
_STORED: dict[str, tuple[str, ...]] = {  # set, which is a file of the same name, and its instances
    "mk": _numbered("mk", 15, 2),
    **{kind: _hurink(kind) for kind in ("sdata", "edata", "rdata", "vdata")},
    "dpp": _numbered("dpp", 18, 2, "a"),
    "barnes": _BARNES,
    "kacem": _numbered("kacem", 4),
    "fattahi": _numbered("fattahi", 20),
    "behnke": _numbered("behnke", 60),
    "assembly": _numbered("dafjs", 30, 2) + _numbered("yfjs", 20, 2),
    "j30": _cells("j30", 48),
    "j60": _cells("j60", 48),
    "j120": _cells("j120", 60),
}
_PROJECTS = ("j30", "j60", "j120")
_PARTS = {f"la-{kind}": tuple(x for x in _STORED[kind] if x.startswith("la")) for kind in ("sdata", "edata", "rdata", "vdata")}

SETS: dict[str, tuple[str, ...]] = {
    **_STORED,
    **_PARTS,
    "flexible": tuple(x for name, each in _STORED.items() if name not in ("assembly", *_PROJECTS) for x in each),
    "projects": tuple(x for name in _PROJECTS for x in _STORED[name]),
}
_SET_OF = {name: group for group, members in _STORED.items() for name in members}

_SEED = Parameter("seed", int, 0)
_SHOP = {"j": Parameter("jobs", int, required=True), "m": Parameter("machines", int, required=True), "s": _SEED}
_PROJECT = {
    "n": Parameter("activities", int, required=True),
    "nc": Parameter("complexity", float, 1.8),
    "rf": Parameter("factor", float, 0.5),
    "rs": Parameter("strength", float, 0.2),
    "r": Parameter("resources", int, 4),
    "m": Parameter("modes", int, 1, named=False),
    "s": _SEED,
}
GENERATORS: dict[str, Generator] = {
    "sd1": Generator(generate.sd1, _SHOP, "j10/m5/s0"),
    "sd2": Generator(generate.sd2, _SHOP, "j10/m5/s0"),
    **{f"hurink-{kind}": Generator(partial(generate.hurink_uniform, kind), _SHOP, "j10/m5/s0") for kind in generate.KINDS},
    "project": Generator(generate.project, _PROJECT, "n30/s0"),
}


def names() -> tuple[str, ...]:
    """The names of all bundled instances."""
    return tuple(_SET_OF)


@lru_cache(maxsize=1)
def bounds() -> dict[str, Bounds]:
    """The published bounds of the bundled instances that have some (see `data/cpmodel/README.md` for their origin)."""
    rows = csv.DictReader(_data("bounds.csv").decode().splitlines())
    return {row["name"]: Bounds(int(row["lower"]), int(row["upper"])) for row in rows}


def _data(file: str) -> bytes:
    return (files("dispatchgym.instances") / "data" / "cpmodel" / file).read_bytes()


def load(what: str | Path) -> CPInstance:
    """The instance called `what`, with its bounds, or else the one in the file `what`. A `Path` is always a file.

    Raises InputError for an unknown name, with the nearest known one, and for a bad file.
    """
    if isinstance(what, str) and not os.path.isfile(what):
        if what in _SET_OF:
            return _bundled(what)
        if generator_of(what, GENERATORS):
            return _generated(what)
    _check_path(what)
    return cp_files.read(what)


@lru_cache(maxsize=512)
def _bundled(name: str) -> CPInstance:
    group = _SET_OF[name]
    suffix = ".rcp" if group in _PROJECTS else ".fjs"
    plain = cp_files.parse(_texts(group)[name], f"{name}{suffix}")
    known = bounds().get(name)
    return dataclasses.replace(plain, lower_bound=known.lower, best_known=known.upper) if known else plain


@lru_cache(maxsize=4)
def _texts(group: str) -> dict[str, str]:
    """The text of each instance of a set."""
    parts = re.split(r"^instance (\S+)\n", lzma.decompress(_data(f"{group}.txt.xz")).decode(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _generated(name: str) -> CPInstance:
    family, arguments, full = read_parameters(name, GENERATORS)
    try:
        made = GENERATORS[family].make(**arguments, name=full)
    except InputError as error:
        raise InputError(f"{printable(name)}: {error}") from None
    assert isinstance(made, CPInstance)
    return made


def _check_path(what: str | Path) -> None:
    """Raise InputError unless `what` is, or at least looks like, a path."""
    text = str(what)
    looks_like_a_path = isinstance(what, Path) or "/" in text or Path(text).suffix in cp_files.SUFFIXES
    if not text or not (looks_like_a_path or os.path.exists(text)) or os.path.isdir(text):
        known = (*_SET_OF, *SETS)
        raise unknown(text, known, f"sets are {', '.join(SETS)}", GENERATORS, cp_files.SUFFIXES)


def expand(specs: Iterable[str]) -> list[str]:
    """The instances that `specs` stand for, in order, each once: what `load` takes.

    A spec is a name (`mk01`), a range within one set (`mk01..mk10`), a set (`edata`, `flexible`), a generated instance, a range
    of these (`sd1/j10/m5/s0..s9`) or a file. Raises InputError for unknown names, files that are not there, and bad ranges.
    """
    return each_once(specs, _members)


def _members(spec: str) -> Iterable[str]:
    if os.path.isfile(spec):
        return (spec,)
    if spec in SETS:
        return SETS[spec]
    if spec in _SET_OF:
        return (spec,)
    if generator_of(spec, GENERATORS):
        return [read_parameters(name, GENERATORS)[2] for name in number_range(spec) or [spec]]
    members = name_range(spec, _SET_OF, _STORED.values(), apart="are in different sets")
    if members is not None:
        return members
    _check_path(spec)
    raise InputError(f"{printable(spec, 200)}: {'is not a file' if os.path.exists(spec) else 'no such file'}")


def group(name: str) -> str | None:
    """The set of a bundled instance or the generator of a generated one, None for another one."""
    return _SET_OF.get(name) or generator_of(name, GENERATORS)
