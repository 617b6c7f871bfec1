"""`dispatchgym export SCHEDULE ...`: schedules as CSV or JSON rows, for other programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from dispatchgym import program
from dispatchgym.commands import schedules
from dispatchgym.instances.errors import InputError, InvalidSchedule
from dispatchgym.instances.files import write_text
from dispatchgym.instances.names import printable
from dispatchgym.options import Metavar, Positional

SUMMARY = "schedules as CSV or JSON with job, operation, machine, start and end"


@dataclasses.dataclass(frozen=True)
class Request:
    """Write schedules as rows: which job and operation occupies which machine from start to end (in other families: task and PE,
    buffer and offset). `end` is the first moment at which the resource is free again.

    Every schedule is judged first. Rows of several files are told apart by the columns `instance` and `method`.

    For example:
      dispatchgym export results/first/schedules/ta01--tabu_1s.json --out ta01.csv
      dispatchgym export results/first --to json --out all.json
    """

    files: Annotated[tuple[Path, ...], Positional(), Metavar("SCHEDULE|FOLDER ...")]
    """Schedule files, or folders of results."""
    to: Literal["csv", "json"] | None = None
    """The format; default: what --out ends with, else csv."""
    out: Annotated[Path | None, Metavar("FILE")] = None
    """Default: standard output."""
    instance: Annotated[str | None, Metavar("INSTANCE")] = None
    """The instance, where a file does not name it."""
    family: Annotated[str | None, Metavar("FAMILY")] = None
    """The family, where a file does not name it."""


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("export", Request, words)
    ending = request.out.suffix if request.out else ""
    if request.to is None and ending not in ("", ".csv", ".json"):
        raise InputError(f"--out {request.out}: ends neither with .csv nor with .json; give --to")
    rows = [row for path in schedules.files_in(request.files) for row in rows_of(path, request)]
    as_json = request.to == "json" or (request.to is None and ending == ".json")
    text = _json(rows) if as_json else _csv(rows)
    if request.out is None:
        sys.stdout.write(text)
    else:
        write_text(request.out, text)
        print(f"{request.out}: {len(rows)} rows")
    return 0


def rows_of(path: Path, request: Request) -> list[dict[str, Any]]:
    """The rows of one schedule. InputError if the referee refuses it."""
    stored = schedules.read(path, request.instance, request.family)
    try:
        stored.judge()
    except InvalidSchedule as error:
        raise InputError(f"{printable(path, 200)}: refused by the referee: {error}") from None
    table = stored.table()
    whose = {"instance": stored.instance.name, "method": stored.body.get("method", path.stem)}
    return [whose | dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def _json(rows: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
