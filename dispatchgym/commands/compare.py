"""`dispatchgym compare FOLDER FOLDER ...`: results of several evaluations, side by side."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from dispatchgym import families, program
from dispatchgym.commands.text import table
from dispatchgym.evaluation.results import MAX_RESULTS
from dispatchgym.evaluation.row import Row, read_rows
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_bytes
from dispatchgym.instances.json_fields import parse
from dispatchgym.instances.names import printable
from dispatchgym.options import Metavar, Positional

SUMMARY = "results of two or more folders, side by side"
Key = tuple[str, str]  # instance and the digest of its content


@dataclasses.dataclass(frozen=True)
class Request:
    """Compare the results of evaluations on the instances that they have in common.

    Every method of every folder is a line; its differences are from the same method in the first folder, or from the first
    method there if it has none of that name. Difference: mean of 100 * (objective / the reference's - 1), lower is better.

    For example:
      dispatchgym compare results/before results/after
      dispatchgym compare results/before results/after --methods policy:x64
    """

    folders: Annotated[tuple[Path, ...], Positional(), Metavar("FOLDER FOLDER ...")]
    """Folders that `evaluate --out` wrote."""
    methods: Annotated[tuple[str, ...], Metavar("METHOD ...")] = ()
    """Default: all."""


@dataclasses.dataclass(frozen=True)
class Side:
    """The answers of one method in one folder."""

    folder: str
    method: str
    objective: dict[Key, int]
    gap: dict[Key, float]
    seconds: dict[Key, float]


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("compare", Request, words)
    if len(request.folders) < 2:
        raise InputError("give two folders or more")
    names = shortest(request.folders)
    found = {name: read(folder) for name, folder in zip(names, request.folders, strict=True)}
    kinds = {row["problem"] for rows in found.values() for row in rows}
    if len(kinds) > 1:
        raise InputError(f"the folders hold results of different families: {', '.join(sorted(kinds))}")
    sides = [side for name, rows in found.items() for side in sides_of(name, rows, request.methods)]
    if not sides:
        raise InputError(f"no folder has results of {' '.join(request.methods)}")
    print(told(families.load(kinds.pop()), sides, names))
    return 0


def shortest(folders: Sequence[Path]) -> list[str]:
    """The last parts of the paths that tell them apart."""
    parts = [Path(os.path.realpath(folder)).parts for folder in folders]  # also of links to themselves
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(path[-count:]) for path in parts]
        if len(set(names)) == len(names):
            return [printable(name, 40) for name in names]
    raise InputError(f"{folders[0]}: is given twice")


def read(folder: Path) -> list[Row]:
    """The lines of a folder's results; InputError if it has none."""
    path = folder / "results.jsonl"
    where = printable(path, 200)
    data = read_bytes(path, MAX_RESULTS)
    if not data.strip():
        raise InputError(f"{where}: holds no results")
    problem = parse(data.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace"), f"{where} line 1")["problem"].text()
    families.load(problem)
    return read_rows(data, where, problem)


def sides_of(folder: str, rows: Sequence[Row], methods: Sequence[str]) -> list[Side]:
    sides: dict[str, Side] = {}
    for row in rows:
        method = row["method"]
        if methods and method not in methods:
            continue
        side = sides.setdefault(method, Side(folder, method, {}, {}, {}))
        key = row["instance"], row["digest"]
        side.seconds[key] = row["seconds"]
        if row["objective"] is not None:
            side.objective[key] = row["objective"]
        if row["gap"] is not None:
            side.gap[key] = row["gap"]
    return list(sides.values())


def told(card: Family, sides: Sequence[Side], names: Sequence[str]) -> str:
    """The table, over the instances that every side was asked for."""
    shared = set.intersection(*(set(side.seconds) for side in sides))
    if not shared:
        raise InputError("the folders have no instance in common")
    asked = set.union(*(set(side.seconds) for side in sides))
    first = {side.method: side for side in reversed(sides) if side.folder == names[0]}
    rows = [[side.method, side.folder, *numbers(side, _reference(side, sides, first), shared, card)] for side in sides]
    mean = "gap %" if any(side.gap for side in sides) else card.objective
    head = ("method", "folder", mean, "difference %", "+/-", "better/equal/worse", "s")
    left_out = len(asked) - len(shared)
    note = f"; {left_out} more {'is' if left_out == 1 else 'are'} not in all and left out" if left_out else ""
    plural = "" if len(shared) == 1 else "s"
    return (
        f"{card.title}: {len(shared)} instance{plural} in common{note}\n\n{table(head, rows, right=(2, 3, 4, 5, 6))}\n\n"
        "+/-: half a 95 % confidence interval over the instances. *: answers are missing."
    )


def _reference(side: Side, sides: Sequence[Side], first: dict[str, Side]) -> Side | None:
    """What a side is compared with; None if that is itself."""
    found = first.get(side.method, sides[0])
    return None if found is side else found


def numbers(side: Side, reference: Side | None, shared: set[Key], card: Family) -> list[str]:
    """The cells of a side: mean gap or objective, difference and its interval, how often better, equal and worse, seconds."""
    values = side.gap if side.gap else {key: x / card.per_unit for key, x in side.objective.items()}
    mine = [values[key] for key in shared if key in values]
    mean = f"{fmean(mine):.2f}{'' if len(mine) == len(shared) else '*'}" if mine else "-"
    seconds = f"{fmean(side.seconds[key] for key in shared):.3g}"
    if reference is None:
        return [mean, "", "", "", seconds]
    both = [key for key in shared if key in side.objective and key in reference.objective]
    pairs = [(side.objective[key], reference.objective[key]) for key in sorted(both)]
    signs = [(a > b) - (a < b) for a, b in pairs]
    counts = "/".join(str(signs.count(sign)) for sign in (-1, 0, 1))
    differences = [100 * (a / b - 1) for a, b in pairs if b]
    if not differences:
        return [mean, "-", "-", counts, seconds]
    from dispatchgym.statistics import half_width

    half = half_width(differences)
    interval = "-" if half is None or math.isnan(half) else f"{half:.2f}"
    return [mean, f"{fmean(differences):+.2f}", interval, counts, seconds]
