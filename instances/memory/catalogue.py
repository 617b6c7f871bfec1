"""Memory instances by name: packings and programs.

Packings: `A` to `K`, `minimalloc-example`, `somas-resnet50`, `somas-pangu`, generated ones (`guillotine/n200/s5`,
`random/n100/s0`) and CSV files. Programs: the bundled ones (`data/memory/programs`), generated ones (`layered/t60/s3`) and
JSON files. A generated name may set further parameters: `guillotine/n200/stretch2/variety0.4/removed0.1/s5`,
`layered/t60/p4/m0.7/train1/s3` (see `generate.py`). After any name may follow another capacity, in bytes or in KiB, MiB,
GiB: `resnet50-b8,capacity=4MiB`.
"""

from __future__ import annotations

import csv
import dataclasses
import os
import zlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory import files as memory_files
from dispatchgym.instances.memory import generate as memory_generate
from dispatchgym.instances.memory.instance import MemoryProgram, Packing
from dispatchgym.instances.names import (
    Generator,
    Parameter,
    each_once,
    format_size,
    generator_of,
    name_range,
    number_range,
    parse_size,
    printable,
    read_parameters,
    split_options,
    unknown,
)

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


_SEED = Parameter("seed", int, 0)
GENERATED: dict[str, Generator] = {
    "guillotine": Generator(
        memory_generate.guillotine,
        {
            "n": Parameter("buffers", int, required=True),
            "t": Parameter("times", int),
            "stretch": Parameter("stretch", float),
            "variety": Parameter("variety", float),
            "removed": Parameter("removed", float),
            "s": _SEED,
        },
        "n200/s0",
    ),
    "random": Generator(
        memory_generate.random_packing,
        {"n": Parameter("buffers", int, required=True), "t": Parameter("times", int), "s": _SEED},
        "n100/s0",
    ),
    "layered": Generator(
        memory_generate.layered,
        {
            "t": Parameter("instructions", int, required=True),
            "p": Parameter("pressure", float),
            "m": Parameter("memory_bound", float),
            "train": Parameter("training", bool),
            "s": _SEED,
        },
        "t60/s0",
    ),
}
GENERATED_PROGRAMS = ("layered",)


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
    packing = memory_files.parse_packing(_data(file), Path(file).name)
    return dataclasses.replace(packing, name=name, best_known=best)


def load_packing(what: str | Path) -> Packing:
    """The packing called `what`, with the lowest known height, or else the one in the file `what`.

    A `Path` is always a file. Raises InputError for an unknown name, with near ones, for a program, and for a bad file.
    """
    instance = _load(what)
    if not isinstance(instance, Packing):
        raise InputError(f"{printable(what, 200)}: is a program, not a packing")
    return instance


def load_program(what: str | Path) -> MemoryProgram:
    """The program called `what`, with the bounds known at its capacity, or else the one in the file `what`.

    A `Path` is always a file. Raises InputError for an unknown name, with near ones, for a packing, and for a bad file.
    """
    instance = _load(what)
    if not isinstance(instance, MemoryProgram):
        raise InputError(f"{printable(what, 200)}: is a packing, not a program")
    return instance


def base_and_options(name: str) -> tuple[str, str]:
    """The name without its options, and these as they are written: `A,capacity=2MiB` as ("A", "capacity=2MiB").

    The name of a file that exists has no options, even if it has a comma.
    """
    base, _, options = (name, "", "") if os.path.isfile(name) else name.partition(",")
    return base, options


def set_of(name: str) -> str | None:
    """The first of the sets but `programs` that a name belongs to at any capacity; None for another name."""
    base, _ = base_and_options(name)
    return next((each for each, members in sets().items() if base in members and each != "programs"), None)


def _load(what: str | Path) -> Packing | MemoryProgram:
    base, capacity = _split(what)
    if not isinstance(what, Path) and (base in _PACKINGS or base in programs()):
        instance = _bundled(base)
    elif not isinstance(what, Path) and generator_of(base, GENERATED):
        instance = _generate(base)
    else:
        return _resized(memory_files.read(base), capacity)
    instance = _resized(instance, capacity)
    known = bounds().get((split_options(instance.name)[0], instance.capacity or 0))
    if isinstance(instance, MemoryProgram) and known is not None:
        return dataclasses.replace(instance, lower_bound=max(known.lower, instance.lower_bound or 0), best_known=known.upper)
    return instance


def _split(what: str | Path) -> tuple[str, int | None]:
    """Name or file, and the capacity that the option gives. Raises InputError for what nothing is called."""
    text = str(what)
    if isinstance(what, Path) or os.path.isfile(text):
        return text, None
    base, options = split_options(text)
    capacity = _capacity(text, options)
    if not (base in _PACKINGS or base in programs() or generator_of(base, GENERATED) or os.path.isfile(base)):
        listed = f"sets are {', '.join(sets())}; generated are {', '.join(GENERATED)}"
        raise unknown(base, (*_PACKINGS, *programs(), *sets()), listed, GENERATED, suffixes=(".csv", ".json"))
    return base, capacity


def _capacity(name: str, options: tuple[str, ...]) -> int | None:
    """The capacity that the options of a name give."""
    if not options:
        return None
    if len(options) > 1:
        raise InputError(f"{printable(name)}: option {options[1][:40]!r} is one too many")
    word, _, value = options[0].partition("=")
    capacity = parse_size(value)
    if word != "capacity" or capacity is None:
        raise InputError(f"{printable(name)}: option {options[0][:40]!r} is not of the form capacity=BYTES or capacity=4MiB")
    return capacity


def _resized(instance: Packing | MemoryProgram, capacity: int | None) -> Packing | MemoryProgram:
    if capacity is None or capacity == instance.capacity:
        return instance
    name = f"{instance.name},capacity={format_size(capacity)}"
    if isinstance(instance, Packing):
        return dataclasses.replace(instance, capacity=capacity, name=name)
    return dataclasses.replace(instance, capacity=capacity, name=name, lower_bound=None, best_known=None)


def _generate(what: str) -> Packing | MemoryProgram:
    family, arguments, name = read_parameters(what, GENERATED)
    rng = np.random.default_rng((zlib.crc32(family.encode()), arguments.pop("seed")))
    try:
        instance: Packing | MemoryProgram = GENERATED[family].make(rng, **arguments, name=name)
    except InputError as error:
        raise InputError(f"{printable(what)}: {error}") from None
    return instance


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
    def members(spec: str) -> list[str]:
        names = _members(spec)
        for name in names:
            if _kind(name) not in (kind, "file"):
                raise InputError(f"{printable(name, 200)}: is a {_kind(name)}, not a {kind}")
        return names

    return each_once(specs, members)


def _kind(name: str) -> str:
    base, _ = base_and_options(name)
    if os.path.isfile(base):
        return "file"
    return "program" if base in programs() or generator_of(base, GENERATED) in GENERATED_PROGRAMS else "packing"


def _members(spec: str) -> list[str]:
    if os.path.isfile(spec):
        return [spec]
    base, comma, options = spec.partition(",")
    ranged = number_range(base) or name_range(base, (*packings(), *programs()), sets().values())
    return [_full(f"{name}{comma}{options}") for name in sets().get(base) or ranged or (base,)]


def _full(spec: str) -> str:
    """The name in full, so that two ways to write an instance are one."""
    base, capacity = _split(spec)
    name = read_parameters(base, GENERATED)[2] if generator_of(base, GENERATED) else base
    if capacity is None:
        return name
    return f"{name},capacity={format_size(capacity)}" if _kind(spec) == "file" else _load(spec).name
