"""Job shops in JSON: this suite's own form, that of ScheduleOpt/benchmarks, and that of the library job_shop_lib.

* `{"problem": "jobshop", "name", "machines", "jobs": [[[machine, duration], ...], ...], "release": [...], "lower_bound",
  "best_known"}`; only `jobs` is required.
* `{"instance": "ft06", "machines": 6, "jobs": 6, "data": [{"job", "operation", "machine", "duration"}, ...]}`
* `{"name": "ft06", "duration_matrix": [[...]], "machines_matrix": [[...]], "metadata": {...}}`, or an object of these.

Bounds that a file of the last two forms states are not taken over: nothing says who proved them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import MAX_HORIZON, MAX_OPERATIONS, JobShop
from dispatchgym.instances.json_fields import Field, parse
from dispatchgym.instances.json_shapes import Cells, Key, Name, Object, OneOf, Rows, Whole, optional

Route = tuple[Sequence[int], Sequence[int]]  # machines and durations of one job, in processing order

_NAME = Name(120)
_TIME = Whole(0, MAX_HORIZON)


def own_shape(machines: int = MAX_OPERATIONS) -> Object:
    """This suite's own form, for a shop of so many machines."""
    operation = Cells({"a machine": Whole(0, machines), "a duration": _TIME})
    return Object(
        {
            **optional(problem=OneOf(("jobshop",)), name=_NAME, machines=Whole(1, MAX_OPERATIONS + 1)),
            "jobs": Key(Rows(Rows(operation, 1), 1), "the operations of each job in their order"),
            **optional(release=Rows(_TIME), lower_bound=_TIME, best_known=_TIME),
        }
    )


def parse_json(text: str, source: str) -> list[JobShop]:
    """The instances in a JSON file. Raises InputError, naming file, place and value."""
    field = parse(text, source)
    data = field.value
    if isinstance(data.get("data"), list):
        return [_scheduleopt(field)]
    if "duration_matrix" in data:
        return [_matrices(field)]
    nested = [value for _, value in field.items() if isinstance(value.value, dict) and "duration_matrix" in value.value]
    if nested and len(nested) == len(data):
        return [_matrices(value) for value in nested]
    return [_own(field)]


def _own(field: Field) -> JobShop:
    if field.value.get("problem", "jobshop") != "jobshop":
        raise field.error("is not a job shop (expected an object with 'problem': 'jobshop')")
    shape = own_shape()
    field.only(tuple(shape.keys))
    if sum(len(job) for job in field["jobs"].values() if isinstance(job, list)) > MAX_OPERATIONS:
        raise field["jobs"].error(f"holds more than {MAX_OPERATIONS} operations")
    machines = shape.keys["machines"].shape.read(field["machines"]) if "machines" in field else None
    found = own_shape(machines or MAX_OPERATIONS).read(field)
    bound, best = (found.get(key) for key in ("lower_bound", "best_known"))
    if bound is not None and best is not None and bound > best:
        raise field.error(f"lower bound {bound} is above the best known makespan {best}")
    return build(
        [([m for m, _ in job], [d for _, d in job]) for job in found["jobs"]],
        field.source,
        machines=machines or 0,
        name=_name(field, "name"),
        release=found.get("release", []),
        lower_bound=bound,
        best_known=best,
    )


def _name(field: Field, key: str, default: str | None = None) -> str:
    return _NAME.read(field[key]) if key in field else default or Path(field.source).stem


def _scheduleopt(field: Field) -> JobShop:
    source = field.source
    jobs = field["jobs"].whole(1, MAX_OPERATIONS + 1)
    machines = field["machines"].whole(1, MAX_OPERATIONS + 1)
    operations: list[dict[int, tuple[int, int]]] = [{} for _ in range(jobs)]
    for row in field["data"].rows(least=1):
        job, k = row["job"].whole(0, jobs), row["operation"].whole(0, MAX_OPERATIONS)
        if k in operations[job]:
            raise row.error(f"operation {k} of job {job} is given twice, as in a flexible job shop")
        operations[job][k] = row["machine"].whole(0, machines), row["duration"].whole(0, MAX_HORIZON)
    routes: list[Route] = []
    for job, found in enumerate(operations):
        missing = next((k for k in range(max(len(found), 1)) if k not in found), None)
        if missing is not None:
            raise InputError(f"{source}: operation {missing} of job {job} is missing")
        own = [found[k] for k in range(len(found))]
        routes.append(([m for m, _ in own], [d for _, d in own]))
    return build(routes, source, machines=machines, name=_name(field, "instance"))


def _matrices(field: Field) -> JobShop:
    rows = [field[key].rows(least=1) for key in ("machines_matrix", "duration_matrix")]
    if len(rows[0]) != len(rows[1]):
        raise field.error(f"{len(rows[0])} rows of machines, {len(rows[1])} of durations")
    routes: list[Route] = []
    for job, (machine, duration) in enumerate(zip(*rows, strict=True)):
        route = [x.whole(0, MAX_OPERATIONS) for x in machine.rows(least=1)]
        times = [x.whole(0, MAX_HORIZON) for x in duration.rows(least=1)]
        if len(route) != len(times):
            raise field.error(f"job {job} has {len(route)} machines and {len(times)} durations")
        routes.append((route, times))
    machines = 1 + max(max(route) for route, _ in routes)
    return build(routes, field.source, machines=machines, name=_name(field, "name", field.path.strip("[]'")))


def build(routes: Sequence[Route], source: str, **fields: Any) -> JobShop:
    longest = max(len(route) for route, _ in routes)
    if len(routes) * longest > MAX_OPERATIONS:
        raise InputError(f"{source}: {len(routes)} jobs of up to {longest} operations is more than {MAX_OPERATIONS}")
    release = fields.get("release", ())
    if len(release) not in (0, len(routes)):
        raise InputError(f"{source}: release has {len(release)} values for {len(routes)} jobs")
    machine = np.full((len(routes), longest), -1, np.int32)
    duration = np.zeros((len(routes), longest), np.int32)
    for job, (route, durations) in enumerate(routes):
        machine[job, : len(route)] = route
        duration[job, : len(route)] = durations
    fields["release"] = np.asarray(release, np.int32)
    return JobShop(machine, duration, **fields)
