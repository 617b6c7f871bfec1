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
from dataclasses import fields
from pathlib import Path
from typing import Any

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
from dispatchgym.instances.json_shapes import Cells, Key, Object, OneOf, Rows, Text, Whole, optional

_TIME = Whole(0, MAX_TIME)
_LAG = Whole(1 - MAX_TIME, MAX_TIME)
_AMOUNT = Whole(0, MAX_AMOUNT)
_TASK, _MODE, _VALUE = Whole(0, MAX_TASKS), Whole(0, MAX_MODES), Whole(1 - MAX_OBJECTIVE, MAX_OBJECTIVE)


def own_shape() -> Object:
    """This suite's own form."""
    demand = Cells({"a resource": Whole(0, MAX_RESOURCES), "an amount": Whole(1, MAX_AMOUNT)})
    mode = Object({"duration": Key(_TIME, "ticks"), **optional(demands=Rows(demand), cost=_AMOUNT)})
    task = Object(
        {
            "name": Key(Text()),
            "modes": Key(Rows(mode, 1), "one of which is chosen"),
            **optional(release=_TIME, deadline=_TIME, due=_LAG, group=Whole(-1, MAX_TASKS)),
        }
    )
    rest = Cells({"a start": _TIME, "an end": _TIME, "an amount in use": Whole(1, MAX_AMOUNT)})
    resource = Object({"name": Key(Text()), "capacity": Key(Whole(1, MAX_AMOUNT)), **optional(breaks=Rows(rest))})
    ends = {"first": Key(_TASK, "a task"), "second": Key(_TASK, "another task")}
    lag = Object({**ends, **optional(kind=OneOf(KINDS), least=_LAG, first_mode=_MODE, second_mode=_MODE)})
    link = Object({**ends, "first_mode": Key(_MODE), "second_modes": Key(Rows(_MODE, 1))})
    weights = Rows(_AMOUNT)
    objective = Object(
        optional(makespan=_AMOUNT, completion=weights, tardiness=weights, lateness=_AMOUNT, cost=_AMOUNT, offset=_VALUE)
    )
    return Object(
        {
            **optional(problem=OneOf(("cpmodel",)), name=Text(), horizon=Whole(1, MAX_TIME)),
            "tasks": Key(Rows(task, 1)),
            **optional(resources=Rows(resource), lags=Rows(lag), links=Rows(link), objective=objective),
            **optional(lower_bound=_VALUE, best_known=_VALUE),
        }
    )


def parse_json(text: str, source: str) -> CPInstance:
    """The instance in a JSON file. Raises InputError, naming file, place and value."""
    field = parse(text, source)
    if "operations" in field.value:
        return _fjsplib(field)
    if is_pyjobshop(field):
        return parse_pyjobshop(field)
    if field.value.get("problem", "cpmodel") != "cpmodel":
        raise field.error(f"'problem' is {shown(field.value['problem'])}, expected 'cpmodel'")
    found = own_shape().read(field)
    found.pop("problem", None)
    found["name"] = found.get("name", Path(source).stem[:MAX_NAME])
    found["tasks"] = tuple(_task(task) for task in found["tasks"])
    found["resources"] = tuple(
        Resource(**{**resource, "breaks": tuple(resource.get("breaks", ()))}) for resource in found.get("resources", ())
    )
    found["lags"] = tuple(Lag(**lag) for lag in found.get("lags", ()))
    found["links"] = tuple(ModeLink(**{**link, "second_modes": tuple(link["second_modes"])}) for link in found.get("links", ()))
    objective: dict[str, Any] = found.get("objective", {})
    found["objective"] = Objective(**{key: tuple(x) if isinstance(x, list) else x for key, x in objective.items()})  # type: ignore[arg-type]
    return CPInstance(**found)


def _task(found: dict[str, Any]) -> Task:
    modes = tuple(Mode(**{**mode, "demands": tuple(mode.get("demands", ()))}) for mode in found["modes"])
    return Task(**{**found, "modes": modes})


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
