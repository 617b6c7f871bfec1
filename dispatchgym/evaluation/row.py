"""The fields of a line of results.jsonl, in one table: what is written, what is accepted, and the JSON Schema of the docs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from dispatchgym.baselines.result import Status
from dispatchgym.instances import json_fields
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_shapes import DRAFT
from dispatchgym.instances.names import printable

Row = dict[str, Any]  # one line of results.jsonl

STATUSES: tuple[str, ...] = get_args(Status)
LARGEST = 2**63  # objectives are below it in absolute value


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _duration(value: Any) -> bool:
    return _number(value) and value >= 0


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 10_000 and value.isprintable()


def _measures(value: Any) -> bool:
    return isinstance(value, dict) and all(x is None or _number(x) for x in value.values())


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_text(x) for x in value)


# kind -> (test, JSON Schema)
KINDS: dict[str, tuple[Callable[[Any], bool], dict[str, Any]]] = {
    "text": (_text, {"type": "string"}),
    "whole number": (_whole, {"type": "integer"}),
    "number": (_number, {"type": "number"}),
    "number from 0": (_duration, {"type": "number", "minimum": 0}),
    "truth value": (lambda value: isinstance(value, bool), {"type": "boolean"}),
    "status": (lambda value: value in STATUSES if isinstance(value, str) else False, {"enum": list(STATUSES)}),
    "pair of texts": (_pair, {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2}),
    "object": (lambda value: isinstance(value, dict), {"type": "object"}),
    "object of numbers": (_measures, {"type": "object", "additionalProperties": {"type": ["number", "null"]}}),
}


@dataclass(frozen=True)
class Field:
    """One field: what it may be, and what it says."""

    kind: str  # of KINDS
    about: str
    null: bool = False  # may be null
    optional: bool = False  # may be missing


FIELDS = {
    "problem": Field("text", "the family, as the command names it"),
    "instance": Field("text", "name of the instance"),
    "method": Field("text", "the method, as the command names it"),
    "objective": Field("whole number", "what the referee returned; null = no accepted schedule", null=True),
    "lower_bound": Field("whole number", "proved by the method", null=True),
    "best_known": Field("whole number", "best published objective", null=True),
    "gap": Field("number", "percentage of the objective above the best published one", null=True),
    "seconds": Field("number from 0", "wall time of the method"),
    "status": Field("status", "what the method says of its answer; error = none that the referee accepts"),
    "seed": Field("whole number", "--seed"),
    "workers": Field("whole number", "threads that the method used"),
    "cores": Field("whole number", "--solver-workers"),
    "clock": Field("text", "cpu or wall: what limits counted; of old lines unknown", null=True, optional=True),
    "cpu_seconds": Field("number from 0", "processor time of the process while the method ran"),
    "referee": Field("text", "ok, or why the schedule was refused", null=True),
    "reason": Field("text", "why there is no answer", null=True),
    "record": Field("truth value", "the objective is below the best published one"),
    "lower_bound_known": Field("whole number", "published lower bound", null=True),
    "builder": Field("text", "which schedules the method can build", null=True),
    "metrics": Field("object of numbers", "further measures of the family"),
    "notes": Field("object", "what the method says of itself"),
    "group": Field("pair of texts", "set and size: the columns of the tables"),
    "digest": Field("text", "hash of the instance's content"),
    "weights": Field("text", "hash of what the method loads: weights, an own function, files", null=True),
    "version": Field("text", "of dispatchgym"),
    "source": Field("text", "what was asked for: a name or a file", optional=True),
    "schedule": Field("text", "file of the schedule, relative to the folder; null = none", null=True, optional=True),
}


def read_rows(data: bytes, where: str, problem: str) -> list[Row]:
    """The lines of the results.jsonl at `where`. Raises InputError as `read_row`, and where two lines answer the same pair."""
    rows: list[Row] = []
    first: dict[tuple[Any, ...], int] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            row = read_row(line, f"{where} line {number}", problem)
            answered = tuple(row.get(name) for name in ("instance", "digest", "method", "weights"))
            if first.setdefault(answered, number) != number:
                pair = f"{printable(row['method'])} on {printable(row['instance'])}"
                raise InputError(f"{where} line {number}: is a second result of {pair}, after line {first[answered]}")
            rows.append(row)
    return rows


def read_row(line: bytes, where: str, problem: str) -> Row:
    """The line of results.jsonl that stands at `where`.

    Raises InputError, naming field and value, unless it has every field of the table with its type, and is of this family.
    """
    try:
        row: Row = json_fields.parse(line.decode("utf-8"), where).value
    except UnicodeDecodeError:
        raise InputError(f"{where}: is not a result: it is not UTF-8") from None
    for name, field in FIELDS.items():
        if name not in row:
            if field.optional:
                continue
            raise InputError(f"{where}: is not a result: {name!r} is missing")
        value = row[name]
        if not (value is None and field.null) and not KINDS[field.kind][0](value):
            raise InputError(f"{where}: is not a result: {name} {json_fields.shown(value)} is not a {field.kind}")
    if row["problem"] != problem:
        raise InputError(f"{where}: is a result of {printable(row['problem'])}, not of {problem}")
    return row


def schema() -> dict[str, Any]:
    """The JSON Schema of a line."""
    properties = {}
    for name, field in FIELDS.items():
        kind = KINDS[field.kind][1]
        properties[name] = {"description": field.about, **({"anyOf": [kind, {"type": "null"}]} if field.null else kind)}
    return {
        "$schema": DRAFT,
        "title": "a line of results.jsonl",
        "type": "object",
        "properties": properties,
        "required": [name for name, field in FIELDS.items() if not field.optional],
    }
