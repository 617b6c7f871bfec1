"""Memory instances by name: packings and programs.

Packings: `A` to `K`, `minimalloc-example`, `somas-resnet50`, `somas-pangu`, generated ones (`guillotine/n200/s5`,
`random/n100/s0`) and CSV files. Programs: the bundled ones (`data/memory/programs`), generated ones (`layered/t60/s3`) and
JSON files. A generated name may set further parameters: `guillotine/n200/stretch2/variety0.4/removed0.1/s5`,
`layered/t60/p4/m0.7/train1/s3` (see `memory_generate`). After any name may follow another capacity, in bytes or in KiB, MiB,
GiB: `resnet50-b8,capacity=4MiB`.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import os
import re
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory import files as memory_files
from dispatchgym.instances.memory import generate as memory_generate
from dispatchgym.instances.memory.instance import MemoryProgram, Packing

_MIB = 2**20
_MINIMALLOC = tuple("ABCDEFGHIJK")
_BELOW = {"C": 1_039_360, "D": 1_013_760, "J": 1_018_880}  # lowest known heights that are below the capacity
_PACKINGS: dict[str, tuple[str, int | None]] = {  # file, lowest known height
    **{name: (f"minimalloc/{name}.{_MIB}.csv", _BELOW.get(name, _MIB)) for name in _MINIMALLOC},
    "minimalloc-example": ("minimalloc/example.12.csv", 12),
    "somas-resnet50": ("idealloc/resnet50.csv", 1_515_472_556),
    "somas-pangu": ("idealloc/pangu_2.6B.csv", None),
}
SPLIT: dict[str, tuple[str, ...]] = {  # how the names of programs begin, by model family
    "train": ("resnet", "bert", "mlp", "mixer", "vit"),
    "test": ("alexnet", "unet", "gpt2", "densenet"),
}
_UNITS = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10}


class _Parameter(NamedTuple):
    argument: str
    kind: type
    required: bool = False


class _Generator(NamedTuple):
    make: Callable[..., Packing | MemoryProgram]
    parameters: dict[str, _Parameter]  # without the seed, which every generator has as `s`
    example: str


_GENERATED: dict[str, _Generator] = {
    "guillotine": _Generator(
        memory_generate.guillotine,
        {
            "n": _Parameter("buffers", int, True),
            "t": _Parameter("times", int),
            "stretch": _Parameter("stretch", float),
            "variety": _Parameter("variety", float),
            "removed": _Parameter("removed", float),
        },
        "n200/s0",
    ),
    "random": _Generator(
        memory_generate.random_packing,
        {"n": _Parameter("buffers", int, True), "t": _Parameter("times", int)},
        "n100/s0",
    ),
    "layered": _Generator(
        memory_generate.layered,
        {
            "t": _Parameter("instructions", int, True),
            "p": _Parameter("pressure", float),
            "m": _Parameter("memory_bound", float),
            "train": _Parameter("training", bool),
        },
        "t60/s0",
    ),
}
_GENERATED_PROGRAMS = ("layered",)


class Bounds(NamedTuple):
    """What is known about the least latency of a program at one capacity (ticks)."""

    lower: int
    upper: int


@lru_cache(maxsize=1)
def bounds() -> dict[tuple[str, int], Bounds]:
    """(name, capacity) -> bounds on the latency, from `data/memory/bounds.csv`."""
    rows = csv.DictReader(_data("bounds.csv").splitlines())
    return {(row["name"], int(row["capacity"])): Bounds(int(row["lower"]), int(row["upper"])) for row in rows}


def packings() -> tuple[str, ...]:
    """The names of the bundled packings."""
    return tuple(_PACKINGS)


@lru_cache(maxsize=1)
def programs() -> tuple[str, ...]:
    """The names of the bundled programs."""
    folder = files("dispatchgym.instances") / "data" / "memory" / "programs"
    return tuple(sorted(x.name.removesuffix(".json") for x in folder.iterdir() if x.name.endswith(".json")))


def sets() -> dict[str, tuple[str, ...]]:
    """The sets of bundled instances: `programs-train` and `programs-test` share no model family."""
    parts = {f"programs-{x}": tuple(name for name in programs() if name.startswith(SPLIT[x])) for x in SPLIT}
    return {"minimalloc": _MINIMALLOC, "somas": ("somas-resnet50", "somas-pangu"), "programs": programs(), **parts}


def _data(file: str) -> str:
    return (files("dispatchgym.instances") / "data" / "memory" / file).read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def _bundled(name: str) -> Packing | MemoryProgram:
    if name not in _PACKINGS:
        file = f"{name}.json"
        return dataclasses.replace(memory_files.parse_program(_data(f"programs/{file}"), file), name=name)
    file, best = _PACKINGS[name]
    found = memory_files.parse_packing(_data(file), Path(file).name)
    return dataclasses.replace(found, name=name, best_known=best)


def load_packing(what: str | Path) -> Packing:
    """The packing called `what`, with the lowest known height, or else the one in the file `what`.

    A `Path` is always a file. Raises InputError for an unknown name, with near ones, for a program, and for a bad file.
    """
    found = _load(what)
    if not isinstance(found, Packing):
        raise InputError(f"{str(what)[:200]}: is a program, not a packing")
    return found


def load_program(what: str | Path) -> MemoryProgram:
    """The program called `what`, with the bounds known at its capacity, or else the one in the file `what`.

    A `Path` is always a file. Raises InputError for an unknown name, with near ones, for a packing, and for a bad file.
    """
    found = _load(what)
    if not isinstance(found, MemoryProgram):
        raise InputError(f"{str(what)[:200]}: is a packing, not a program")
    return found


def _load(what: str | Path) -> Packing | MemoryProgram:
    base, capacity = _split(what)
    if not isinstance(what, Path) and (base in _PACKINGS or base in programs()):
        found = _bundled(base)
    elif not isinstance(what, Path) and _family(base):
        found = _generate(base)
    else:
        return _resized(memory_files.read(base), capacity)
    found = _resized(found, capacity)
    known = bounds().get((found.name.split(",")[0], found.capacity or 0))
    if isinstance(found, MemoryProgram) and known is not None:
        return dataclasses.replace(found, lower_bound=max(known.lower, found.lower_bound or 0), best_known=known.upper)
    return found


def _split(what: str | Path) -> tuple[str, int | None]:
    """Name or file, and the capacity that the option gives. Raises InputError for what nothing is called."""
    text = str(what)
    if isinstance(what, Path) or os.path.isfile(text):
        return text, None
    base, *options = text.split(",")
    if len(options) > 1:
        raise InputError(f"{text[:80]}: option {options[1][:40]!r} is one too many")
    capacity = None
    if options:
        word, _, value = options[0].partition("=")
        found = re.fullmatch(r"(\d{1,16})(KiB|MiB|GiB)?", value, re.ASCII)
        if word != "capacity" or found is None:
            raise InputError(f"{text[:80]}: option {options[0][:40]!r} is not of the form capacity=BYTES or capacity=4MiB")
        capacity = int(found[1]) * _UNITS.get(found[2], 1)
    if not (base in _PACKINGS or base in programs() or _family(base) or os.path.isfile(base)):
        raise _unknown(base)
    return base, capacity


def _resized(found: Packing | MemoryProgram, capacity: int | None) -> Packing | MemoryProgram:
    if capacity is None or capacity == found.capacity:
        return found
    name = f"{found.name},capacity={_shown(capacity)}"
    if isinstance(found, Packing):
        return dataclasses.replace(found, capacity=capacity, name=name)
    return dataclasses.replace(found, capacity=capacity, name=name, lower_bound=None, best_known=None)


def _shown(capacity: int) -> str:
    unit = next((x for x, size in _UNITS.items() if capacity % size == 0 and capacity), None)
    return f"{capacity // _UNITS[unit]}{unit}" if unit else str(capacity)


def _unknown(text: str) -> InputError:
    if os.path.isdir(text):
        return InputError(f"{text[:200]}: is a folder, not a file")
    if Path(text).suffix in (".csv", ".json"):
        return InputError(f"{text[:200]}: no such file")
    if text in _GENERATED:
        return InputError(f"{text}: parameters are missing, as in {text}/{_GENERATED[text].example}")
    known = (*_PACKINGS, *programs(), *sets(), *_GENERATED)
    near = _near(text, known) or _near(text.split("/")[0], known)
    listed = f"sets are {', '.join(sets())}; generated are {', '.join(_GENERATED)}"
    hint = f"did you mean {' or '.join(repr(x) for x in near)}?" if near else listed
    return InputError(f"unknown instance {text[:80]!r}; {hint}")


def _near(text: str, known: Iterable[str]) -> list[str]:
    plain = {x.lower(): x for x in known}
    return [plain[x] for x in difflib.get_close_matches(text.lower(), plain, n=3)]


def _family(text: str) -> str | None:
    family = text.split("/", 1)[0]
    return family if family in _GENERATED and "/" in text else None


def _generate(what: str) -> Packing | MemoryProgram:
    arguments, name = _arguments(what)
    family = what.split("/", 1)[0]
    rng = np.random.default_rng((zlib.crc32(family.encode()), arguments.pop("seed")))
    try:
        return _GENERATED[family].make(rng, **arguments, name=name)
    except InputError as error:
        raise InputError(f"{what[:80]}: {error}") from None


def _arguments(what: str) -> tuple[dict[str, Any], str]:
    """The generator's arguments that a name stands for, and the name in full."""
    family, *parts = what.split("/")
    known = {**_GENERATED[family].parameters, "s": _Parameter("seed", int)}
    given: dict[str, Any] = {}
    for part in parts:
        found = re.fullmatch(r"([a-z]+)(.+)", part)
        if found is None or found[1] not in known or found[1] in given:
            raise InputError(f"{what[:80]}: {part[:40]!r} is not one of {', '.join(f'{x}N' for x in known)}, each once")
        given[found[1]] = _number(what, part, found[2], known[found[1]].kind)
    missing = next((key for key, parameter in known.items() if parameter.required and key not in given), None)
    if missing is not None:
        raise InputError(f"{what[:80]}: {missing!r} is missing, as in {family}/{_GENERATED[family].example}")
    given.setdefault("s", 0)
    full = [f"{key}{given[key]:.12g}" if known[key].kind is float else f"{key}{int(given[key])}" for key in known if key in given]
    return {known[key].argument: value for key, value in given.items()}, "/".join([family, *full])


def _number(what: str, part: str, value: str, kind: type) -> Any:
    pattern = {int: r"\d{1,9}", bool: "[01]", float: r"\d{1,9}(\.\d{1,9})?"}[kind]
    if re.fullmatch(pattern, value, re.ASCII) is None:
        wanted = {int: "a whole number", bool: "0 or 1", float: "a number"}[kind]
        raise InputError(f"{what[:80]}: {part[:40]!r} needs {wanted}{' that is not negative' if kind is not bool else ''}")
    return kind(int(value)) if kind is bool else kind(value)


def expand_packings(specs: Iterable[str]) -> list[str]:
    """The packings that `specs` stand for, in order, each once: what `load_packing` takes.

    A spec is a name, a set (`minimalloc`, `somas`), a range within one set (`A..K`), a range of numbers
    (`guillotine/n200/s0..s9`) or a file; any with a capacity after it (`A..K,capacity=2MiB`). Raises InputError for unknown
    names, and for those of programs.
    """
    return _expand(specs, "packing")


def expand_programs(specs: Iterable[str]) -> list[str]:
    """The programs that `specs` stand for, as `expand_packings`; sets are `programs`, `programs-train`, `programs-test`."""
    return _expand(specs, "program")


def _expand(specs: Iterable[str], kind: str) -> list[str]:
    found: dict[str, None] = {}
    for spec in specs:
        members = [spec] if os.path.isfile(spec) else _members(spec)
        for name in members:
            if _kind(name) not in (kind, "file"):
                raise InputError(f"{name[:200]}: is a {_kind(name)}, not a {kind}")
        found.update(dict.fromkeys(members))
    return list(found)


def _kind(name: str) -> str:
    base = name.split(",")[0]
    if os.path.isfile(name) or os.path.isfile(base):
        return "file"
    return "program" if base in programs() or base.split("/")[0] in _GENERATED_PROGRAMS else "packing"


def _members(spec: str) -> list[str]:
    base, comma, option = spec.partition(",")
    numbered = re.fullmatch(r"(.+/s)(\d{1,9})\.\.s?(\d{1,9})", base, re.ASCII)
    ends = base.split("..")
    bare: Iterable[str] = [base]
    if base in sets():
        bare = sets()[base]
    elif numbered is not None:
        first, last = int(numbered[2]), int(numbered[3])
        if not 0 <= last - first < 100_000:
            raise InputError(f"range {base[:80]!r}: {last} comes before {first}, or is too far from it")
        bare = [f"{numbered[1]}{i}" for i in range(first, last + 1)]
    elif len(ends) == 2 and "/" not in base:
        bare = _range(base, *ends)
    return [_full(f"{x}{comma}{option}") for x in bare]


def _range(spec: str, first: str, last: str) -> tuple[str, ...]:
    names = (*packings(), *programs())
    for end in (first, last):
        if end not in names:
            near = _near(end, names)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"range {spec[:80]!r}: unknown instance {end[:80]!r}{hint}")
    members = next((x for x in sets().values() if first in x and last in x), None)
    if members is None:
        raise InputError(f"range {spec[:80]!r}: {first} and {last} are not in one set")
    if members.index(first) > members.index(last):
        raise InputError(f"range {spec[:80]!r}: {last} comes before {first}")
    return members[members.index(first) : members.index(last) + 1]


def _full(spec: str) -> str:
    """The name in full, so that two ways to write an instance are one."""
    base, capacity = _split(spec)
    name = _arguments(base)[1] if _family(base) else base
    if capacity is None:
        return name
    return f"{name},capacity={_shown(capacity)}" if _kind(spec) == "file" else _load(spec).name
