"""Job shops in JSON: this suite's own form, that of ScheduleOpt/benchmarks, and that of the library job_shop_lib.

* `{"problem": "jobshop", "name", "machines", "jobs": [[[machine, duration], ...], ...], "release": [...], "lower_bound",
  "best_known"}`; only `jobs` is required.
* `{"instance": "ft06", "machines": 6, "jobs": 6, "data": [{"job", "operation", "machine", "duration"}, ...]}`
* `{"name": "ft06", "duration_matrix": [[...]], "machines_matrix": [[...]], "metadata": {...}}`, or an object of these.

Bounds that a file of the last two forms states are not taken over: nothing says who proved them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import MAX_HORIZON, MAX_OPERATIONS, JobShop
from dispatchgym.instances.json_fields import Field, parse

Route = tuple[Sequence[int], Sequence[int]]  # machines and durations of one job, in processing order

_KEYS = ("problem", "name", "machines", "jobs", "release", "lower_bound", "best_known")


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
    data, source = field.value, field.source
    if data.get("problem", "jobshop") != "jobshop":
        raise InputError(f"{source}: is not a job shop (expected an object with 'problem': 'jobshop')")
    field.only(_KEYS)
    jobs = data.get("jobs")
    if not isinstance(jobs, list) or not jobs:
        raise InputError(f"{source}: 'jobs' must be a list with at least one job")
    machines = _whole(data.get("machines"), 1, f"{source}: 'machines'", MAX_OPERATIONS + 1)
    routes = [_json_route(job, j, machines, source) for j, job in enumerate(jobs)]
    release = [] if data.get("release") is None else data["release"]
    if not isinstance(release, list):
        raise InputError(f"{source}: 'release' must be a list")
    bound, best = (_whole(data.get(key), 0, f"{source}: {key!r}") for key in ("lower_bound", "best_known"))
    if bound is not None and best is not None and bound > best:
        raise InputError(f"{source}: lower bound {bound} is above the best known makespan {best}")
    return build(
        routes,
        source,
        machines=machines or 0,
        name=_json_name(data.get("name"), source),
        release=[_number(r, 0, f"{source}: release of job {j}:") for j, r in enumerate(release)],
        lower_bound=bound,
        best_known=best,
    )


def _json_name(name: Any, source: str) -> str:
    if name is None:
        return Path(source).stem
    # results are stored in files of this name
    plain = isinstance(name, str) and re.fullmatch(r"[^/\\]{1,120}", name) and name.isprintable()
    if not plain or name.strip(". ") == "":
        raise InputError(f"{source}: 'name' must be 1 to 120 printable characters without slashes")
    return name


def _json_route(job: Any, j: int, machines: int | None, source: str) -> Route:
    if not isinstance(job, list) or not job:
        raise InputError(f"{source}: job {j} must be a list with at least one [machine, duration]")
    route, durations = [], []
    for k, pair in enumerate(job):
        if not isinstance(pair, list) or len(pair) != 2:
            raise InputError(f"{source}: operation {k} of job {j} must be [machine, duration]")
        machine = _number(pair[0], 0, f"{source}: machine of job {j}:", MAX_OPERATIONS)
        if machines is not None and machine >= machines:
            raise InputError(f"{source}: machine {machine} of job {j} is not below {machines} (operation {k})")
        route.append(machine)
        durations.append(_number(pair[1], 0, f"{source}: duration of job {j}:"))
    return route, durations


def _whole(value: Any, low: int, what: str, high: int = MAX_HORIZON) -> int | None:
    return None if value is None else _number(value, low, what, high)


def _number(value: Any, low: int, what: str, high: int = MAX_HORIZON) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{what} {str(value)[:40]!r} is not a whole number")
    if not low <= value < high:
        raise InputError(f"{what} {str(value)[:40]} is not between {low} and {high - 1}")
    return value


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
    return build(routes, source, machines=machines, name=_json_name(field.value.get("instance"), source))


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
    name = field.value.get("name", field.path.strip("[]'") or None)
    return build(routes, field.source, machines=machines, name=_json_name(name, field.source))


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
