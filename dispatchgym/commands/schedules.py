"""Schedules on disk: reading one with its instance, and judging it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatchgym import families
from dispatchgym.commands.finding import find_instance
from dispatchgym.evaluation.results import MAX_RESULTS
from dispatchgym.family import Family, digest
from dispatchgym.instances import json_fields
from dispatchgym.instances.errors import InputError, InvalidSchedule
from dispatchgym.instances.files import read_text
from dispatchgym.instances.json_shapes import Cells, Null, Number, Object, Plain, Rows, Table, Text, Whole, optional
from dispatchgym.instances.names import printable

POINT = Cells({"seconds": Number(), "objective": Null(Number()), "lower bound": Null(Number())})
# A file of a schedule; the fields of the schedule itself stand beside these and are the family's.
HEAD = Object(
    optional(
        problem=Text(),
        instance=Text(1_000),
        source=Text(10_000),
        digest=Text(),
        method=Text(10_000),
        seed=Whole(0, 2**63),
        objective=Whole(-(2**63), 2**63),
        table=Table(Rows(Plain())),
        curve=Rows(POINT),
    ),
    closed=False,
)


@dataclass(frozen=True)
class Stored:
    """A schedule file: what it is for, and what it says."""

    path: Path
    card: Family
    instance: Any
    schedule: Any
    body: dict[str, Any]

    def judge(self) -> int:
        """The objective by the referee. Raises InvalidSchedule for a broken rule, and for a file that contradicts itself."""
        try:
            objective = int(self.card.check(self.instance, self.schedule))
        except (ValueError, TypeError, ArithmeticError, LookupError) as error:  # whatever a schedule does to the referee
            raise InvalidSchedule(" ".join(str(error).split())) from None
        said = self.body.get("objective", objective)
        if said != objective:
            raise InvalidSchedule(f"the file says {self.card.objective} {said}, the referee {objective}")
        table = self.body.get("table")
        if table and self.card.table is not None and table != self.table():
            raise InvalidSchedule(f"its table is not the schedule's: {_difference(table, self.table())}")
        return objective

    def table(self) -> dict[str, list[Any]]:
        """What occupies what, from when to when. InputError for a family without such tables."""
        if self.card.table is None:
            raise InputError(f"{self.card.name} has no table of its schedules")
        return self.card.table(self.instance, self.schedule)


def _difference(said: Any, true: dict[str, list[Any]]) -> str:
    """The first cell in which two tables differ."""
    if not isinstance(said, dict) or list(said) != list(true):
        return f"columns must be {', '.join(true)}"
    for name, column in true.items():
        if not isinstance(said[name], list) or len(said[name]) != len(column):
            return f"column {name} must have {len(column)} values"
        for row, (one, other) in enumerate(zip(said[name], column, strict=True)):
            if one != other:
                return f"{name} of row {row} is {printable(str(one), 40)}, must be {other}"
    return "types of values"


def files_in(places: Sequence[Path]) -> Iterator[Path]:
    """The files themselves, and those of folders of results. Raises InputError for what is neither."""
    for place in places:
        if os.path.isdir(place):  # which is False also of a name that no file can have
            folder = place / "schedules" if os.path.isdir(place / "schedules") else place
            found = sorted(folder.glob("*.json"))
            if not found:
                raise InputError(f"{printable(place, 200)}: has no schedules (*.json)")
            yield from found
        else:
            yield place


def read(path: Path, instance: str | None = None, family: str | None = None) -> Stored:
    """The schedule in a file. Its instance is the one given, or that which the file names.

    Raises InputError for a file that is none, and for an instance that cannot be found or is another one than the schedule's.
    """
    from dispatchgym.own.solve import as_schedule

    where = printable(path, 200)
    field = json_fields.parse(read_text(path, MAX_RESULTS), where)
    head = HEAD.read(field)
    body: dict[str, Any] = field.value
    family = family or head.get("problem")
    if family is None:
        raise InputError(f"{where}: does not say its 'problem'; give --family")
    try:
        card = families.load(family)
        found = _instance(card, instance, body)
        schedule = as_schedule(card, body)
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from None
    if body.get("digest", digest(found)) != digest(found):
        called = printable(str(body.get("instance")))
        raise InputError(f"{where}: is for another instance called {called!r}; give --instance FILE")
    return Stored(path, card, found, schedule, body)


def _instance(card: Family, given: str | None, body: dict[str, Any]) -> Any:
    if given is not None:
        return find_instance(given, card.name)[2]
    names = [str(body[key]) for key in ("source", "instance") if body.get(key)]
    if not names:
        raise InputError("does not say its 'instance'; give --instance")
    for name in names:
        try:
            found = find_instance(name, card.name)[2]
        except InputError:
            continue
        if name == names[-1] or body.get("digest", digest(found)) == digest(found):
            return found
    raise InputError(f"its instance {printable(names[-1])!r} is not known here; give --instance FILE")
