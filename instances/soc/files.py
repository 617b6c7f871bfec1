"""SoC files: applications, platforms, workloads and static graphs in JSON, told apart by their `format`.

`soc-job/1`, `soc-platform/1`, `soc-workload/1` and `static-het-dag/1` are described in `data/soc/README.md`. Static graphs are
also read from WfCommons workflows (see `workflow.py`) and from DOT and STG files (see `text_graphs.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.json_fields import Field, shown
from dispatchgym.instances.json_fields import parse as parse_json
from dispatchgym.instances.soc import text_graphs
from dispatchgym.instances.soc import workflow as soc_workflow
from dispatchgym.instances.soc.instance import (
    MAX_HORIZON,
    MAX_PES,
    MAX_TASKS,
    MAX_TIME,
    Application,
    Cluster,
    Level,
    Platform,
    StaticDag,
    Workload,
)

Readable = Application | Platform | StaticDag | Workload
Made = TypeVar("Made")

MILLIWATTS_PER_MHZ_V2 = 0.2  # power of a busy PE at a frequency and voltage where a file states none: our assumption
DEFAULT_BANDWIDTH = 1.0  # volume per microsecond between PEs where a file states none


def read(path: str | Path) -> Readable:
    """What a file holds, by its content. Raises InputError, naming file, line or field, and value."""
    file = Path(path)
    return parse(read_text(file), file.name, file.parent)


def parse(text: str, source: str, folder: Path | None = None) -> Readable:
    """What `text` holds; `source` is the file name that errors show, and file names in it are relative to `folder`."""
    if (graph := text_graphs.read(text, source)) is not None:
        return graph
    data = parse_json(text, source)
    if "format" not in data and "workflow" in data:
        return soc_workflow.workflow(data)
    form = data["format"].text()
    if form not in _READERS:
        raise data["format"].error(f"{shown(form)} is not one of {', '.join(_READERS)}")
    return _READERS[form](data, folder)


def read_application(path: str | Path) -> Application:
    """The application in a file."""
    return _only(Application, path, "an application (soc-job/1)")


def read_platform(path: str | Path) -> Platform:
    """The platform in a file."""
    return _only(Platform, path, "a platform (soc-platform/1)")


def read_static(path: str | Path) -> StaticDag:
    """The static graph in a file: `static-het-dag/1`, or a workflow, DOT or STG file with the PEs of `workflow.py`."""
    return _only(StaticDag, path, "a static graph (static-het-dag/1, WfFormat, DOT or STG)")


def read_workload(path: str | Path) -> Workload:
    """The workload in a file."""
    return _only(Workload, path, "a workload (soc-workload/1)")


def _only(kind: type[Made], path: str | Path, title: str) -> Made:
    found = read(path)
    if not isinstance(found, kind):
        raise InputError(f"{Path(path).name}: holds {_TITLES[type(found)]}, not {title}")
    return found


_TITLES = {Application: "an application", Platform: "a platform", StaticDag: "a static graph", Workload: "a workload"}


def _made(data: Field, make: Callable[..., Made], *args: Any, **named: Any) -> Made:
    """`make(...)`, whose complaints get the file and the place in it before them."""
    try:
        return make(*args, **named)
    except InputError as error:
        raise data.error(str(error)) from None


def _name(data: Field) -> str:
    """Results are stored in files of this name."""
    if "name" not in data:
        return data.path or Path(data.source).stem
    name = data["name"].text()
    if set(name) & set("/\\") or not name.strip(". "):
        raise data["name"].error(f"{shown(name)} has a slash or is only dots")
    return name


def _application(data: Field, _: Path | None) -> Application:
    tasks = data["tasks"].rows(least=1)
    for i, task in enumerate(tasks):
        if task["id"].whole(0, MAX_TASKS) != i:
            raise task["id"].error(f"{task['id'].value} is not {i}: tasks are numbered in order")
    edges = _edges(data, len(tasks))
    before = _predecessors(edges, len(tasks))
    for task, implied in zip(tasks, before, strict=True):
        if "predecessors" in task:
            stated = sorted(x.whole(0, len(tasks)) for x in task["predecessors"].rows())
            if stated != implied:
                raise task["predecessors"].error(f"{shown(str(stated))}, but the edges say {shown(str(implied))}")
    names = tuple(task["name"].text() for task in tasks)
    return _made(data, Application, names, _rows(edges), _name(data))


def _edges(data: Field, tasks: int) -> list[tuple[int, int, int]]:
    """(predecessor, successor, volume) of each edge."""
    return [
        (edge["src"].whole(0, tasks), edge["dst"].whole(0, tasks), edge["volume"].whole(0, MAX_TIME))
        for edge in data["edges"].rows()
    ]


def _predecessors(edges: Sequence[Sequence[int]], tasks: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(tasks)]
    for a, b, _ in edges:
        found[b].append(a)
    return [sorted(x) for x in found]


def _rows(edges: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.int32]:
    return np.array(edges, np.int32).reshape(-1, 3)


def _platform(data: Field, _: Path | None) -> Platform:
    running, ids = [], []
    clusters = data["clusters"].rows(least=1)
    width = len(data["bandwidth"]["between_clusters"].rows())
    for cluster in clusters:
        number = cluster["id"].whole(0, width)
        if number in ids:
            raise cluster["id"].error(f"{number} is given twice")
        ids.append(number)
        if "memory" not in cluster or not cluster["memory"].truth():
            running.append(len(ids) - 1)
    if not running:
        raise data["clusters"].error("no cluster runs tasks")
    bandwidth = data["bandwidth"]
    default = _bandwidth(bandwidth.get("undeclared_default"), DEFAULT_BANDWIDTH)
    table = bandwidth["between_clusters"].rows()
    if any(len(row.rows()) != width for row in table):
        raise bandwidth["between_clusters"].error(f"is not a table of {width} by {width}")
    between = np.array([[_bandwidth(x, default) for x in row.rows()] for row in table])
    kept = [ids[i] for i in running]
    return _made(
        data,
        Platform,
        tuple(_cluster(clusters[i]) for i in running),
        between[np.ix_(kept, kept)],
        _bandwidth(bandwidth.get("same_pe"), np.inf),
        _name(data),
    )


def _bandwidth(field: Field | None, default: float) -> float:
    if field is None or field.value is None:
        return default
    if field.value == "inf":
        return np.inf
    value = field.number()
    if value <= 0:
        raise field.error(f"bandwidth {value:g} is not positive")
    return value


def _cluster(data: Field) -> Cluster:
    duration = {task: ticks.whole(0, MAX_TIME) for task, ticks in data["exec_time_us"].items()}
    idle = data.get("idle_mw")
    name = data["name"].text() if "name" in data else f"cluster{data['id'].value}"
    pes = data["num_pes"].whole(1, MAX_PES + 1)
    return _made(data, Cluster, name, pes, duration, _levels(data), idle.whole(0, MAX_TIME) if idle is not None else 0)


def _levels(data: Field) -> tuple[Level, ...]:
    """The frequencies of a cluster; the power is the first entry of its profile, or assumed from the voltage."""
    points = data["opp_mhz_mv"].rows() if "opp_mhz_mv" in data else []
    profile = dict(data["power_profile_w"].items()) if "power_profile_w" in data else {}
    levels = []
    for point in points:
        pair = point.rows()
        if len(pair) != 2:
            raise point.error(f"{len(pair)} numbers, expected MHz and mV")
        mhz = pair[0].whole(1, MAX_TIME)
        if not profile:
            volt = pair[1].number() / 1000
            if not abs(volt) < MAX_TIME:
                raise pair[1].error(f"{pair[1].value:g} mV is out of range")
            watts = MILLIWATTS_PER_MHZ_V2 * mhz * volt**2 / 1000
        elif str(mhz) in profile:
            watts = profile[str(mhz)].rows(least=1)[0].number()
        else:
            raise data["power_profile_w"].error(f"{mhz} MHz is missing")
        if not 0 <= watts < MAX_TIME / 1000:
            raise point.error(f"power of {watts:g} W is out of range")
        levels.append(Level(mhz, round(watts * 1000)))
    return tuple(levels) or (Level(1000),)


def _static(data: Field, _: Path | None) -> StaticDag:
    compute = data["compute"].rows(least=1)
    width = len(compute[0].rows(least=1))
    table = []
    for row in compute:
        cells = row.rows()
        if len(cells) != width:
            raise row.error(f"{len(cells)} times for {width} PEs")
        table.append([-1 if x.value is None else x.whole(0, MAX_TIME) for x in cells])
    bounds = [data.get(key) for key in ("lower_bound", "best_known")]
    lower, best = (x.whole(0, MAX_TIME) if x is not None else None for x in bounds)
    names = tuple(x.text() for x in data["tasks"].rows()) if "tasks" in data else ()
    return _made(
        data,
        StaticDag,
        np.array(table, np.int32),
        _rows(_edges(data, len(table))),
        _pe_bandwidth(data, width),
        names,
        _name(data),
        lower,
        best,
    )


def _pe_bandwidth(data: Field, pes: int) -> npt.NDArray[np.float64]:
    if "bandwidth" not in data:
        return np.zeros((0, 0))
    rows = data["bandwidth"].rows()
    if len(rows) != pes or any(len(row.rows()) != pes for row in rows):
        raise data["bandwidth"].error(f"is not a table of {pes} by {pes}")
    same = [[np.inf if p == q else DEFAULT_BANDWIDTH for q in range(pes)] for p in range(pes)]
    return np.array([[_bandwidth(x, same[p][q]) for q, x in enumerate(row.rows())] for p, row in enumerate(rows)])


_WORKLOAD_KEYS = ("format", *(f.name for f in fields(Workload)))


def _workload(data: Field, folder: Path | None) -> Workload:
    data.only(_WORKLOAD_KEYS)
    platform = _part(data["platform"], folder, Platform)
    applications = tuple(_part(x, folder, Application) for x in data["applications"].rows(least=1))
    named: dict[str, Any] = {}
    for key, read_field in _WORKLOAD_FIELDS.items():
        if key in data:
            named[key] = read_field(data[key])
    return _made(data, Workload, platform, applications, name=_name(data), **named)


_WORKLOAD_FIELDS: dict[str, Callable[[Field], Any]] = {
    "scale": Field.number,
    "cap": lambda field: field.whole(1, MAX_TIME),
    "when_full": Field.text,
    "probabilities": lambda field: tuple(x.number() for x in field.rows()),
    "arrival": Field.text,
    "prefill": Field.truth,
    "horizon": lambda field: field.whole(1, MAX_HORIZON + 1),
    "max_jobs": lambda field: field.whole(1, MAX_TIME),
    "warmup": lambda field: field.whole(0, MAX_HORIZON),
    "noise": Field.number,
}


def _part(field: Field, folder: Path | None, kind: type[Made]) -> Made:
    """A platform or an application: an object, or the name of its file."""
    if isinstance(field.value, str):
        if folder is None:
            raise field.error(f"{shown(field.value)}: file names need a file to be relative to")
        return _made(field, _only, kind, folder / field.text(), _TITLES[kind])
    form = field["format"].text()
    if _READERS.get(form) is not (_platform if kind is Platform else _application):
        raise field["format"].error(f"{shown(form)} is not {_TITLES[kind]}")
    found = _READERS[form](field, folder)
    assert isinstance(found, kind)
    return found


_READERS: dict[str, Callable[[Field, Path | None], Readable]] = {
    "soc-job/1": _application,
    "soc-platform/1": _platform,
    "soc-workload/1": _workload,
    "static-het-dag/1": _static,
}


def write(what: Readable, path: str | Path) -> None:
    """Write a static graph, platform, application or workload (with its parts in it) as JSON, atomically.

    Raises InputError if the file cannot be written.
    """
    data = _WRITERS[type(what)](what)
    lines = ",\n".join(f" {json.dumps(key)}: {_laid_out(value)}" for key, value in data.items())
    write_text(Path(path), f"{{\n{lines}\n}}\n")


def _laid_out(value: Any) -> str:
    """A list of lists or objects takes a line for each."""
    if isinstance(value, list) and value and isinstance(value[0], list | dict):
        return "[\n  " + ",\n  ".join(json.dumps(x) for x in value) + "\n ]"
    return json.dumps(value)


def _edge_objects(edges: npt.NDArray[np.int32]) -> list[dict[str, int]]:
    return [{"src": a, "dst": b, "volume": volume} for a, b, volume in edges.tolist()]


def _finite(value: float) -> float | str:
    return "inf" if np.isinf(value) else value


def _from_static(dag: StaticDag) -> dict[str, Any]:
    data: dict[str, Any] = {"format": "static-het-dag/1", "name": dag.name}
    data |= {"tasks": list(dag.tasks)} if dag.tasks else {}
    data["compute"] = [[None if x < 0 else x for x in row] for row in dag.duration.tolist()]
    data["edges"] = _edge_objects(dag.edges)
    if not np.array_equal(dag.bandwidth, np.where(np.eye(dag.pes, dtype=bool), np.inf, DEFAULT_BANDWIDTH)):
        data["bandwidth"] = [[_finite(x) for x in row] for row in dag.bandwidth.tolist()]
    bounds = {"lower_bound": dag.lower_bound, "best_known": dag.best_known}
    return data | {key: value for key, value in bounds.items() if value is not None}


def _from_application(application: Application) -> dict[str, Any]:
    before = _predecessors(application.edges.tolist(), len(application.tasks))
    tasks = [{"id": i, "name": name, "predecessors": before[i]} for i, name in enumerate(application.tasks)]
    edges = _edge_objects(application.edges)
    return {"format": "soc-job/1", "name": application.name, "tasks": tasks, "edges": edges}


def _from_platform(platform: Platform) -> dict[str, Any]:
    clusters = [
        {
            "id": i,
            "name": cluster.name,
            "num_pes": cluster.pes,
            "opp_mhz_mv": [[level.mhz, None] for level in cluster.levels],
            "power_profile_w": {str(level.mhz): [level.milliwatts / 1000] for level in cluster.levels},
            "idle_mw": cluster.idle_milliwatts,
            "exec_time_us": dict(cluster.duration),
        }
        for i, cluster in enumerate(platform.clusters)
    ]
    between = [[_finite(x) for x in row] for row in platform.between.tolist()]
    bandwidth = {"same_pe": _finite(platform.same_pe), "between_clusters": between}
    return {"format": "soc-platform/1", "name": platform.name, "clusters": clusters, "bandwidth": bandwidth}


def _from_workload(workload: Workload) -> dict[str, Any]:
    plain = {key: getattr(workload, key) for key in ("name", *_WORKLOAD_FIELDS)}
    plain["probabilities"] = list(workload.probabilities)
    parts = {
        "platform": _from_platform(workload.platform),
        "applications": [_from_application(x) for x in workload.applications],
    }
    return {"format": "soc-workload/1"} | plain | parts


_WRITERS: dict[type, Callable[[Any], dict[str, Any]]] = {
    StaticDag: _from_static,
    Application: _from_application,
    Platform: _from_platform,
    Workload: _from_workload,
}
