"""SoC files: applications, platforms, workloads and static graphs in JSON, told apart by their `format`.

`soc-job/1`, `soc-platform/1`, `soc-workload/1` and `static-het-dag/1` are described in `data/soc/README.md`. Static graphs are
also read from WfCommons workflows (see `workflow.py`) and from DOT and STG files (see `text_graphs.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.json_fields import Field, shown
from dispatchgym.instances.json_fields import parse as parse_json
from dispatchgym.instances.json_shapes import Object
from dispatchgym.instances.soc import text_graphs
from dispatchgym.instances.soc import workflow as soc_workflow
from dispatchgym.instances.soc.forms import (
    BANDWIDTHS,
    NAME,
    OPTIONS,
    WORKLOAD,
    application_shape,
    cluster_shape,
    memory_shape,
    static_shape,
)
from dispatchgym.instances.soc.instance import (
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
    """The name in a file, or that of the file."""
    return NAME.read(data["name"]) if "name" in data else data.path or Path(data.source).stem


def _application(data: Field, _: Path | None) -> Application:
    found = application_shape(len(data["tasks"].rows(least=1))).read(data)
    tasks = found["tasks"]
    edges = [tuple(edge.values()) for edge in found["edges"]]
    before = _predecessors(edges, len(tasks))
    for i, (task, implied) in enumerate(zip(tasks, before, strict=True)):
        if task["id"] != i:
            raise data["tasks"].rows()[i]["id"].error(f"{task['id']} is not {i}: tasks are numbered in order")
        stated = sorted(task.get("predecessors", implied))
        if stated != implied:
            where = data["tasks"].rows()[i]["predecessors"]
            raise where.error(f"{shown(str(stated))}, but the edges say {shown(str(implied))}")
    return _made(data, Application, tuple(task["name"] for task in tasks), _rows(edges), _name(data))


def _predecessors(edges: Sequence[Sequence[int]], tasks: int) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(tasks)]
    for a, b, _ in edges:
        found[b].append(a)
    return [sorted(x) for x in found]


def _rows(edges: Sequence[Sequence[int]]) -> npt.NDArray[np.int32]:
    return np.array(edges, np.int32).reshape(-1, 3)


def _platform(data: Field, _: Path | None) -> Platform:
    clusters = data["clusters"].rows(least=1)
    width = len(data["bandwidth"]["between_clusters"].rows())
    running, ids = [], []
    for cluster in clusters:
        head = memory_shape(width).read(cluster)
        if head["id"] in ids:
            raise cluster["id"].error(f"{head['id']} is given twice")
        ids.append(head["id"])
        if not head.get("memory", False):
            running.append(len(ids) - 1)
    if not running:
        raise data["clusters"].error("no cluster runs tasks")
    bandwidth = BANDWIDTHS.read(data["bandwidth"])
    table = bandwidth["between_clusters"]
    if any(len(row) != width for row in table):
        raise data["bandwidth"]["between_clusters"].error(f"is not a table of {width} by {width}")
    default = bandwidth.get("undeclared_default", DEFAULT_BANDWIDTH)
    between = np.array([[default if x is None else x for x in row] for row in table])
    kept = [ids[i] for i in running]
    same_pe = bandwidth.get("same_pe", np.inf)
    made = tuple(_cluster(clusters[i], width) for i in running)
    return _made(data, Platform, made, between[np.ix_(kept, kept)], same_pe, _name(data))


def _cluster(data: Field, width: int) -> Cluster:
    found = cluster_shape(width).read(data)
    name = found.get("name", f"cluster{found['id']}")
    return _made(data, Cluster, name, found["num_pes"], found["exec_time_us"], _levels(data, found), found.get("idle_mw", 0))


def _levels(data: Field, found: dict[str, Any]) -> tuple[Level, ...]:
    """The frequencies of a cluster; the power is the first entry of its profile, or assumed from the voltage."""
    profile = found.get("power_profile_w") or {}
    levels = []
    for i, (mhz, millivolt) in enumerate(found.get("opp_mhz_mv", ())):
        point = data["opp_mhz_mv"].rows()[i]
        if profile:
            if str(mhz) not in profile:
                raise data["power_profile_w"].error(f"{mhz} MHz is missing")
            watts = profile[str(mhz)][0]
        else:
            volt = point.rows()[1].number() / 1000 if millivolt is None else millivolt / 1000
            if not abs(volt) < MAX_TIME:
                raise point.rows()[1].error(f"{millivolt:g} mV is out of range")
            watts = MILLIWATTS_PER_MHZ_V2 * mhz * volt**2 / 1000
        if not 0 <= watts < MAX_TIME / 1000:
            raise point.error(f"power of {watts:g} W is out of range")
        levels.append(Level(mhz, round(watts * 1000)))
    return tuple(levels) or (Level(1000),)


def _static(data: Field, _: Path | None) -> StaticDag:
    found = static_shape(len(data["compute"].rows(least=1))).read(data)
    compute = found["compute"]
    width = len(compute[0])
    for i, row in enumerate(compute):
        if len(row) != width or not row:
            raise data["compute"].rows()[i].error(f"{len(row)} times for {width} PEs")
    return _made(
        data,
        StaticDag,
        np.array(compute, np.int32),
        _rows([tuple(edge.values()) for edge in found["edges"]]),
        _pe_bandwidth(data, found.get("bandwidth"), width),
        tuple(found.get("tasks", ())),
        _name(data),
        found.get("lower_bound"),
        found.get("best_known"),
    )


def _pe_bandwidth(data: Field, rows: list[list[float | None]] | None, pes: int) -> npt.NDArray[np.float64]:
    if rows is None:
        return np.zeros((0, 0))
    if len(rows) != pes or any(len(row) != pes for row in rows):
        raise data["bandwidth"].error(f"is not a table of {pes} by {pes}")
    same = [[np.inf if p == q else DEFAULT_BANDWIDTH for q in range(pes)] for p in range(pes)]
    return np.array([[same[p][q] if x is None else x for q, x in enumerate(row)] for p, row in enumerate(rows)])


def _workload(data: Field, folder: Path | None) -> Workload:
    data.only(tuple(WORKLOAD.keys))
    platform = _part(data["platform"], folder, Platform)
    applications = tuple(_part(x, folder, Application) for x in data["applications"].rows(least=1))
    named = Object(OPTIONS, closed=False).read(data)
    return _made(data, Workload, platform, applications, name=_name(data), **named)


def _part(field: Field, folder: Path | None, kind: type[Made]) -> Made:
    """A platform or an application: an object, or the name of its file."""
    if isinstance(field.value, str):
        if folder is None:
            raise field.error(f"{shown(field.value)}: file names need a file to be relative to")
        return _made(field, _part_in_file, kind, folder / field.text())
    return _of_kind(field, kind)


def _part_in_file(kind: type[Made], file: Path) -> Made:
    return _of_kind(parse_json(read_text(file), file.name), kind)


def _of_kind(data: Field, kind: type[Made]) -> Made:
    """A platform or an application. The format is looked at first, as a workload could name itself as its part."""
    form = data["format"].text()
    if _READERS.get(form) is not (_platform if kind is Platform else _application):
        raise data["format"].error(f"{shown(form)} is not {_TITLES[kind]}")
    found = _READERS[form](data, None)
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
    plain = {key: getattr(workload, key) for key in ("name", *OPTIONS)}
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
