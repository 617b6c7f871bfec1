"""Bounds that a user has of own instances: a CSV file with the header `name,lower,upper`."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.names import did_you_mean, printable

HEADER = ["name", "lower", "upper"]


def read_bounds(path: Path, instances: Collection[str]) -> dict[str, tuple[int | None, int | None]]:
    """name -> lower and upper bound on the objective, in the family's whole numbers; an empty cell is None.

    Raises InputError, naming line and value, for another header, a name that is not among `instances` or stands twice, what
    is no whole number, and a lower bound above the upper one.
    """
    shown = printable(path, 200)
    try:
        rows = list(csv.reader(read_text(path).splitlines(), strict=True))
    except csv.Error as error:
        raise InputError(f"{shown}: is not CSV: {error}") from None
    if not rows or [cell.strip() for cell in rows[0]] != HEADER:
        raise InputError(f"{shown} line 1: expected the header {','.join(HEADER)}")
    found: dict[str, tuple[int | None, int | None]] = {}
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        where = f"{shown} line {number}"
        if len(row) != len(HEADER):
            raise InputError(f"{where}: {len(row)} values, expected {len(HEADER)}")
        name = row[0].strip()
        if name not in instances:
            near = did_you_mean(name, instances)
            raise InputError(f"{where}: {printable(name)!r} is not among --instances" + (f"; {near}" if near else ""))
        if name in found:
            raise InputError(f"{where}: {printable(name)!r} stands twice")
        lower, upper = (_whole(cell.strip(), where) for cell in row[1:])
        if lower is not None and upper is not None and lower > upper:
            raise InputError(f"{where}: the lower bound {lower} is above the upper bound {upper}")
        found[name] = lower, upper
    return found


def _whole(text: str, where: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise InputError(f"{where}: {printable(text)!r} is not a whole number")
    return int(text)
