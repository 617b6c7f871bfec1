"""Instances in JSON: this suite's own form, that of FJSPLib, and that of PyJobShop (`pyjobshop_files.py`).

The own form has the names of the fields of `instance.py`. What has its default may be missing; only `tasks` is required:
`{"problem": "cpmodel", "name": "shop", "tasks": [{"name": "cut", "modes": [{"duration": 3, "demands": [[0, 1]]}]}, ...],
"resources": [{"name": "saw", "capacity": 1}, ...], "lags": [{"first": 0, "second": 1, "kind": "FS", "least": 2}, ...],
"objective": {"makespan": 0, "completion": [1, 4]}}`

FJSPLib: `{"instance", "operations": [{"operation", "option", "machine", "duration"}, ...], "precedences": [{"before", "after",
"job"}, ...]}`, all counted from 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from dispatchgym.instances.cpmodel.instance import (
    KINDS,
    MAX_AMOUNT,
    MAX_MODES,
    MAX_NAME,
    MAX_OBJECTIVE,
    MAX_RESOURCES,
    MAX_TASKS,
    MAX_TIME,
    CPInstance,
    Lag,
    Mode,
    ModeLink,
    Objective,
    Resource,
    Task,
)
from dispatchgym.instances.cpmodel.pyjobshop_files import is_pyjobshop, parse_pyjobshop
from dispatchgym.instances.cpmodel.shops import Option, assembly_shop
from dispatchgym.instances.json_fields import Field, parse, shown

_KEYS = ("problem", *(f.name for f in fields(CPInstance) if f.name != "origin"))
_Built = TypeVar("_Built")


def parse_json(text: str, source: str) -> CPInstance:
    """The instance in a JSON file. Raises InputError, naming file, place and value."""
    field = parse(text, source)
    if "operations" in field.value:
        return _fjsplib(field)
    if is_pyjobshop(field):
        return parse_pyjobshop(field)
    if field.value.get("problem", "cpmodel") != "cpmodel":
        raise field.error(f"'problem' is {shown(field.value['problem'])}, expected 'cpmodel'")
    field.only(_KEYS)
    count = len(field["tasks"].rows(least=1))
    if count > MAX_TASKS:
        raise field["tasks"].error(f"{count} tasks, at most {MAX_TASKS} are allowed")
    given: dict[str, Any] = {
        "tasks": tuple(_task(row) for row in field["tasks"].rows()),
        "resources": _each(field, "resources", _resource),
        "lags": _each(field, "lags", lambda row: _lag(row, count)),
        "links": _each(field, "links", lambda row: _link(row, count)),
        "name": field["name"].text() if "name" in field else Path(source).stem[:MAX_NAME],
    }
    if "objective" in field:
        given["objective"] = _objective(field["objective"])
    if "horizon" in field:
        given["horizon"] = field["horizon"].whole(1, MAX_TIME)
    for key in ("lower_bound", "best_known"):
        if key in field:
            given[key] = field[key].whole(-MAX_OBJECTIVE, MAX_OBJECTIVE)
    return CPInstance(**given)


def _each(field: Field, key: str, read: Callable[[Field], _Built]) -> tuple[_Built, ...]:
    return tuple(read(row) for row in field[key].rows()) if key in field else ()


def _whole(field: Field, key: str, default: Any, low: int, high: int) -> Any:
    return field[key].whole(low, high) if key in field else default


def _row(field: Field, count: int, what: str) -> list[int]:
    row = field.rows()
    if len(row) != count:
        raise field.error(f"{len(row)} numbers, expected {what}")
    return [x.whole(0, MAX_TIME) for x in row]


def _task(field: Field) -> Task:
    field.only(tuple(f.name for f in fields(Task)))
    return Task(
        field["name"].text(),
        tuple(_mode(row) for row in field["modes"].rows(least=1)),
        _whole(field, "release", 0, 0, MAX_TIME),
        _whole(field, "deadline", None, 0, MAX_TIME),
        _whole(field, "due", None, 1 - MAX_TIME, MAX_TIME),
        _whole(field, "group", -1, -1, MAX_TASKS),
    )


def _mode(field: Field) -> Mode:
    field.only(tuple(f.name for f in fields(Mode)))
    demands = tuple(tuple(_row(row, 2, "resource and amount")) for row in field["demands"].rows()) if "demands" in field else ()
    return Mode(field["duration"].whole(0, MAX_TIME), demands, _whole(field, "cost", 0, 0, MAX_AMOUNT))  # type: ignore[arg-type]


def _resource(field: Field) -> Resource:
    field.only(tuple(f.name for f in fields(Resource)))
    breaks = tuple(tuple(_row(row, 3, "start, end and amount")) for row in field["breaks"].rows()) if "breaks" in field else ()
    return Resource(field["name"].text(), field["capacity"].whole(1, MAX_AMOUNT), breaks)  # type: ignore[arg-type]


def _lag(field: Field, count: int) -> Lag:
    field.only(tuple(f.name for f in fields(Lag)))
    kind = field["kind"].string() if "kind" in field else "FS"
    if kind not in KINDS:
        raise field["kind"].error(f"{shown(kind)} is not one of {', '.join(KINDS)}")
    return Lag(
        field["first"].whole(0, count),
        field["second"].whole(0, count),
        kind,  # type: ignore[arg-type]
        _whole(field, "least", 0, 1 - MAX_TIME, MAX_TIME),
        _whole(field, "first_mode", None, 0, MAX_MODES),
        _whole(field, "second_mode", None, 0, MAX_MODES),
    )


def _link(field: Field, count: int) -> ModeLink:
    field.only(tuple(f.name for f in fields(ModeLink)))
    return ModeLink(
        field["first"].whole(0, count),
        field["first_mode"].whole(0, MAX_MODES),
        field["second"].whole(0, count),
        tuple(x.whole(0, MAX_MODES) for x in field["second_modes"].rows()),
    )


def _objective(field: Field) -> Objective:
    field.only(tuple(f.name for f in fields(Objective)))
    weights = {
        key: tuple(x.whole(0, MAX_AMOUNT) for x in field[key].rows()) if key in field else ()
        for key in ("completion", "tardiness")
    }
    return Objective(
        makespan=_whole(field, "makespan", 1, 0, MAX_AMOUNT),
        lateness=_whole(field, "lateness", 0, 0, MAX_AMOUNT),
        cost=_whole(field, "cost", 0, 0, MAX_AMOUNT),
        offset=_whole(field, "offset", 0, -MAX_OBJECTIVE, MAX_OBJECTIVE),
        **weights,
    )


def to_json(instance: CPInstance) -> str:
    """The instance in the own form, a task, a resource, a lag and a link a line. Reading it gives an equal instance."""
    given: dict[str, Any] = {"problem": "cpmodel", "name": instance.name, "horizon": instance.horizon}
    if instance.objective != Objective():
        given["objective"] = _changed(instance.objective)
    for key in ("lower_bound", "best_known"):
        if getattr(instance, key) is not None:
            given[key] = getattr(instance, key)
    rows = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in given.items()]
    for key in ("resources", "tasks", "lags", "links"):
        members = ",\n".join(f"    {json.dumps(_changed(x))}" for x in getattr(instance, key))
        if members:
            rows.append(f'  "{key}": [\n{members}\n  ]')
    return "{\n" + ",\n".join(rows) + "\n}\n"


def _changed(part: Any) -> dict[str, Any]:
    """The fields of a part that have not their default."""
    found = {}
    for f in fields(part):
        value = getattr(part, f.name)
        if value != f.default:
            found[f.name] = [_changed(mode) for mode in value] if f.name == "modes" else value
    return found


def _fjsplib(field: Field) -> CPInstance:
    operations: dict[int, dict[int, Option]] = {}
    for row in field["operations"].rows(least=1):
        operation, option = row["operation"].whole(0, MAX_TASKS), row["option"].whole(0, MAX_MODES)
        options = operations.setdefault(operation, {})
        if option in options:
            raise row.error(f"option {option} of operation {operation} is given twice")
        options[option] = row["machine"].whole(0, MAX_RESOURCES), row["duration"].whole(0, MAX_TIME)
    found = []
    for i in range(len(operations)):
        if i not in operations:
            raise field["operations"].error(f"operation {i} is missing")
        if missing := [o for o in range(len(operations[i])) if o not in operations[i]]:
            raise field["operations"].error(f"option {missing[0]} of operation {i} is missing")
        found.append([operations[i][o] for o in range(len(operations[i]))])
    arrows, job = [], {}
    for row in field["precedences"].rows() if "precedences" in field else []:
        before, after = row["before"].whole(0, len(found)), row["after"].whole(0, len(found))
        arrows.append((before, after))
        if "job" in row:
            job[before] = job[after] = row["job"].whole(0, len(found))
    groups = [job[i] for i in range(len(found))] if len(job) == len(found) else []
    machines = 1 + max(machine for options in found for machine, _ in options)
    name = field["instance"].text() if "instance" in field else Path(field.source).stem
    return assembly_shop(found, arrows, machines, groups, name=name[:MAX_NAME])
