"""Files of the SoC family: what they mean, what is refused, and what is written reads back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc import workflow as soc_workflow
from dispatchgym.instances.soc.instance import Application, Cluster, Level, Platform, StaticDag, Workload

JOB: dict[str, Any] = {
    "format": "soc-job/1",
    "tasks": [{"id": 0, "name": "a", "predecessors": []}, {"id": 1, "name": "b", "predecessors": [0]}],
    "edges": [{"src": 0, "dst": 1, "volume": 7}],
}
CHIP: dict[str, Any] = {
    "format": "soc-platform/1",
    "name": "chip",
    "clusters": [
        {"id": 0, "name": "core", "num_pes": 2, "exec_time_us": {"a": 3, "b": 4}},
        {"id": 1, "name": "memory", "num_pes": 1, "exec_time_us": {}, "memory": True},
        {"id": 2, "name": "dsp", "num_pes": 1, "exec_time_us": {"b": 1}},
    ],
    "bandwidth": {"between_clusters": [[None, 2, 3], [4, None, 5], [6, 7, 8]], "undeclared_default": 9},
}
DAG: dict[str, Any] = {
    "format": "static-het-dag/1",
    "compute": [[3, 4], [None, 5]],
    "edges": [{"src": 0, "dst": 1, "volume": 7}],
}
WORKLOAD: dict[str, Any] = {"format": "soc-workload/1", "platform": CHIP, "applications": [JOB]}
WORKFLOW: dict[str, Any] = {
    "name": "blast/x",
    "schemaVersion": "1.5",
    "workflow": {
        "specification": {
            "tasks": [
                {"id": "split", "parents": [], "children": ["work"], "inputFiles": ["in"], "outputFiles": ["part", "log"]},
                {"id": "work", "parents": ["split"], "inputFiles": ["in", "part"], "outputFiles": ["out"]},
                {"id": "join", "parents": ["work", "split"], "inputFiles": ["out"], "outputFiles": []},
            ],
            "files": [
                {"id": "in", "sizeInBytes": 10**9},
                {"id": "part", "sizeInBytes": 2_000_001},
                {"id": "log", "sizeInBytes": 5},
                {"id": "out", "sizeInBytes": 0},
            ],
        },
        "execution": {
            "tasks": [
                {"id": "split", "runtimeInSeconds": 1.5, "machines": ["fast"]},
                {"id": "work", "runtimeInSeconds": 3, "machines": ["slow"]},
                {"id": "join", "runtimeInSeconds": 0.0001, "machines": ["nowhere"]},
            ],
            "machines": [
                {"nodeName": "fast", "cpu": {"coreCount": 4, "speedInMHz": 3000}},
                {"nodeName": "slow", "cpu": {"speedInMHz": 1000}},
            ],
        },
    },
}


def changed(data: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at `path` ("tasks.1.id") replaced, or removed if it is `...`."""
    copy = json.loads(json.dumps(data))
    place = copy
    *way, last = [int(x) if x.isdigit() else x for x in path.split(".")]
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


def parsed(data: dict[str, Any]) -> soc_files.Readable:
    return soc_files.parse(json.dumps(data), "x.json")


def complaint(data: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        parsed(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_indices_of_bandwidths_are_cluster_ids_also_behind_a_memory() -> None:
    chip = parsed(CHIP)
    assert isinstance(chip, Platform)
    assert [c.name for c in chip.clusters] == ["core", "dsp"]
    assert chip.between.tolist() == [[9, 3], [6, 8]]
    assert chip.bandwidth.tolist() == [[np.inf, 9, 3], [9, np.inf, 3], [6, 6, np.inf]]


def test_a_bandwidth_that_is_not_stated_is_one() -> None:
    chip = parsed(changed(changed(CHIP, "bandwidth.undeclared_default", ...), "bandwidth.same_pe", 100))
    assert isinstance(chip, Platform)
    assert chip.between[0, 0] == 1
    assert chip.same_pe == 100


def test_powers_come_from_the_profile_or_else_from_the_voltage() -> None:
    little = soc_catalogue.platform("wireless-16").clusters[0]
    assert little.levels[0] == Level(600, 73)
    assert little.levels[-1] == Level(1400, 302)
    assert soc_catalogue.platform("gym-ds3").clusters[0].levels[-1] == Level(2000, round(0.2 * 2000 * 1.362**2))
    plain = parsed(CHIP)
    assert isinstance(plain, Platform)
    assert plain.clusters[0].levels == (Level(1000, 0),)


def test_null_is_a_pe_that_cannot_run_a_task() -> None:
    dag = parsed(DAG)
    assert isinstance(dag, StaticDag)
    assert dag.duration.tolist() == [[3, 4], [-1, 5]]
    assert dag.transfer[0].tolist() == [[0, 7], [7, 0]]
    assert (dag.name, dag.best_known) == ("x", None)


BAD = [
    (JOB, "format", ..., "x.json: 'format' is missing"),
    (JOB, "format", "soc-job/2", "x.json: format: 'soc-job/2' is not one of soc-job/1, soc-platform/1"),
    (JOB, "format", 3, "x.json: format: 3 is not a text"),
    (JOB, "tasks", ..., "x.json: 'tasks' is missing"),
    (JOB, "tasks", [], "x.json: tasks: 0 entries, expected at least 1"),
    (JOB, "tasks", {}, "x.json: tasks: an object is not a list"),
    (JOB, "tasks.1", 5, "x.json: tasks[1]: 5 is not an object"),
    (JOB, "tasks.1.id", 2, "x.json: tasks[1].id: 2 is not 1"),
    (JOB, "tasks.1.name", ..., "x.json: tasks[1]: 'name' is missing"),
    (JOB, "tasks.1.predecessors", [], "x.json: tasks[1].predecessors: '[]', but the edges say '[0]'"),
    (JOB, "edges.0.volume", -1, "x.json: edges[0].volume: -1 is negative"),
    (JOB, "edges.0.volume", 1.5, "x.json: edges[0].volume: 1.5 is not a whole number"),
    (JOB, "edges.0.volume", True, "x.json: edges[0].volume: True is not a whole number"),
    (JOB, "edges.0.volume", 2**30, "x.json: edges[0].volume: 1073741824 is not between 0 and 1073741823"),
    (JOB, "edges.0.dst", 2, "x.json: edges[0].dst: 2 is not between 0 and 1"),
    (JOB, "edges", ..., "x.json: 'edges' is missing"),
    (JOB, "name", "a/b", "x.json: name: 'a/b' has a slash"),
    (CHIP, "clusters.2.exec_time_us.b", -4, "x.json: clusters[2].exec_time_us['b']: -4 is negative"),
    (CHIP, "clusters.2.exec_time_us.b", 0.5, "x.json: clusters[2].exec_time_us['b']: 0.5 is not a whole number"),
    (CHIP, "clusters.2.num_pes", 0, "x.json: clusters[2].num_pes: 0 is not between 1 and"),
    (CHIP, "clusters.2.id", 0, "x.json: clusters[2].id: 0 is given twice"),
    (CHIP, "clusters.2.id", 3, "x.json: clusters[2].id: 3 is not between 0 and 2"),
    (CHIP, "clusters.2.opp_mhz_mv", [[500, 800], [400, 700]], "x.json: clusters[2]: cluster dsp: frequencies do not increase"),
    (CHIP, "clusters.2.opp_mhz_mv", [[500]], "x.json: clusters[2].opp_mhz_mv[0]: 1 entries, expected MHz and mV"),
    (CHIP, "clusters.2.power_profile_w", 5, "x.json: clusters[2].power_profile_w: 5 is not an object"),
    (CHIP, "bandwidth.between_clusters.0.2", 0, "x.json: bandwidth.between_clusters[0][2]: bandwidth 0 is not positive"),
    (CHIP, "bandwidth.between_clusters.0.2", "fast", "x.json: bandwidth.between_clusters[0][2]: 'fast' is not a number"),
    (CHIP, "bandwidth.between_clusters.1", [1], "x.json: bandwidth.between_clusters: is not a table of 3 by 3"),
    (CHIP, "bandwidth.same_pe", -1, "x.json: bandwidth.same_pe: bandwidth -1 is not positive"),
    (CHIP, "bandwidth", ..., "x.json: 'bandwidth' is missing"),
    (DAG, "compute", ..., "x.json: 'compute' is missing"),
    (DAG, "compute.1", [1], "x.json: compute[1]: 1 times for 2 PEs"),
    (DAG, "compute.1.1", -1, "x.json: compute[1][1]: -1 is negative"),
    (DAG, "compute.1.1", 2.5, "x.json: compute[1][1]: 2.5 is not a whole number"),
    (DAG, "compute.1.1", None, "x.json: x: task 1 can run on no PE"),
    (DAG, "bandwidth", [[1, 0], [1, 1]], "x.json: bandwidth[0][1]: bandwidth 0 is not positive"),
    (DAG, "bandwidth", [[1]], "x.json: bandwidth: is not a table of 2 by 2"),
    (DAG, "edges.0.dst", 0, "x.json: x: edge 0 -> 0 is a loop"),
    (DAG, "edges", [{"src": 0, "dst": 1, "volume": 1}] * 2, "x.json: x: edge 0 -> 1 is given twice"),
    (DAG, "edges", [{"src": a, "dst": 1 - a, "volume": 1} for a in (0, 1)], "x.json: x: no head: every task has a predecessor"),
    (DAG, "tasks", ["one"], "x.json: x: 1 names for 2 tasks"),
    (DAG, "lower_bound", -3, "x.json: lower_bound: -3 is negative"),
    (WORKLOAD, "platform", ..., "x.json: 'platform' is missing"),
    (WORKLOAD, "platform", JOB, "x.json: platform.format: 'soc-job/1' is not a platform"),
    (WORKLOAD, "applications", [], "x.json: applications: 0 entries"),
    (WORKLOAD, "applications.0.tasks.1.name", "c", "x.json: applications[0]: task 'c' can run on no PE of platform chip"),
    (WORKLOAD, "horizen", 5, "x.json: unknown key 'horizen'; known are format, platform"),
    (WORKLOAD, "when_full", "drop", "x.json: x: when_full 'drop' is not one of redraw, retry, queue"),
    (WORKLOAD, "probabilities", [0.5], "x.json: x: probabilities [0.5] for 1 applications do not sum to 1"),
    (WORKLOAD, "horizon", 1.5, "x.json: horizon: 1.5 is not a whole number"),
    (WORKLOAD, "noise", -0.5, "x.json: x: noise -0.5 is not between"),
    (WORKLOAD, "prefill", 1, "x.json: prefill: 1 is neither true nor false"),
    (WORKLOAD, "scale", 10**400, "is too large"),
    (WORKFLOW, "workflow.specification", ..., "x.json: workflow: 'specification' is missing"),
    (WORKFLOW, "workflow.execution.tasks.1", {"id": "z", "runtimeInSeconds": 1}, "execution.tasks: task 'work' is missing"),
    (WORKFLOW, "workflow.execution.tasks.1.runtimeInSeconds", -1, "execution.tasks[1].runtimeInSeconds: -1 is negative"),
    (WORKFLOW, "workflow.execution.tasks.1.runtimeInSeconds", 1e18, "task 'work' takes 2**30 ticks or more"),
    (WORKFLOW, "workflow.execution.tasks.1.runtimeInSeconds", "1", "runtimeInSeconds: '1' is not a number"),
    (WORKFLOW, "workflow.execution.machines.0.cpu.speedInMHz", 0, "machines[0].cpu.speedInMHz: 0 is not positive"),
    (WORKFLOW, "workflow.specification.tasks.1.id", "split", "specification.tasks[1].id: 'split' is given twice"),
    (WORKFLOW, "workflow.specification.tasks.1.parents", ["up"], "tasks[1].parents[0]: 'up' is not a task"),
    (WORKFLOW, "workflow.specification.tasks.1.inputFiles", [3], "tasks[1].inputFiles[0]: 3 is not a text"),
    (WORKFLOW, "workflow.specification.files.1.sizeInBytes", 1e30, "files[1].sizeInBytes: 1e+30 is not below 2**60"),
    (WORKFLOW, "workflow.specification.tasks.0.parents", ["join"], "x.json: blast-x: no head"),
    (WORKFLOW, "workflow.specification.files.1.sizeInBytes", -5, "files[1].sizeInBytes: -5 is negative"),
]


@pytest.mark.parametrize(("data", "path", "value", "message"), BAD, ids=[f"{x[1]}-{x[3][:50]}" for x in BAD])
def test_bad_fields_are_named_in_one_line(data: dict[str, Any], path: str, value: Any, message: str) -> None:
    assert message in complaint(changed(data, path, value))


def test_cycles_are_refused() -> None:
    edges = [{"src": a, "dst": b, "volume": 0} for a, b in ((0, 1), (1, 2), (2, 1))]
    assert complaint(DAG | {"compute": [[1, 1]] * 3, "edges": edges}) == "x.json: x: task 1 is on or behind a cycle"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.json: is empty"),
        ('{\n"format": "soc-job/1",\n"tasks": [,]}', "x.json line 3: is not JSON"),
        ("[1]", "x.json: a list is not a JSON object"),
        ('{"format": "soc-job/1", "format": "soc-job/1"}', "x.json: key 'format' is given twice"),
        ('{"scale": NaN}', "x.json: NaN is not a number"),
        ("[" * 100_000, "x.json: is not usable JSON"),
        ('{"a": ' + "9" * 5000 + "}", "x.json: is not usable JSON"),
    ],
)
def test_bad_json_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"\A[^\n]*\Z") as caught:
        soc_files.parse(text, "x.json")
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [JOB, CHIP, DAG, WORKLOAD, WORKFLOW], ids=["job", "chip", "dag", "workload", "workflow"])
def test_a_truncated_file_is_refused_wherever_it_ends(data: dict[str, Any]) -> None:
    text = json.dumps(data, indent=1)
    for end in range(1, len(text), 7):
        with pytest.raises(InputError, match=r"\Ax\.json line \d+: is not JSON"):
            soc_files.parse(text[:end], "x.json")


JUNK = (None, -1, 0, 1, 2.5, 1e300, 2**31, 10**30, "", "x", "\n", [], [0], {}, {"a": 1}, True)


@given(data=st.sampled_from([JOB, CHIP, DAG, WORKLOAD, WORKFLOW]), draw=st.data())
@settings(max_examples=150, deadline=None)
def test_junk_anywhere_is_read_or_refused_in_one_line(data: dict[str, Any], draw: st.DataObject) -> None:
    place, way = data, []
    while isinstance(place, dict | list) and place and (not way or draw.draw(st.booleans())):
        step = draw.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        way.append(str(step))
        place = place[step]  # type: ignore[index]
    bad = changed(data, ".".join(way), draw.draw(st.sampled_from(JUNK)))
    try:
        parsed(bad)
        message = "x.json"
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert message.startswith("x.json")


@st.composite
def acyclic(draw: st.DrawFn, tasks: int) -> np.ndarray:
    """(E, 3) edges from smaller to larger numbers."""
    pairs = [(a, b) for b in range(tasks) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=8)) if pairs else []
    return np.array([(a, b, draw(st.integers(0, 1000))) for a, b in chosen], np.int32).reshape(-1, 3)


bandwidths = st.sampled_from([0.25, 1.0, 3.7, 16000.0, np.inf])
words = st.text(st.characters(categories=("L", "N", "Zs"), include_characters="_-,@"), min_size=1, max_size=12).filter(
    lambda x: x.isprintable() and x.strip(". ") != ""
)


@st.composite
def static_dags(draw: st.DrawFn) -> StaticDag:
    n, p = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    duration = np.array([[draw(st.integers(-1, 500)) for _ in range(p)] for _ in range(n)])
    duration[:, 0] = np.abs(duration[:, 0])
    bandwidth = np.array([[draw(bandwidths) for _ in range(p)] for _ in range(p)])
    low = draw(st.none() | st.integers(0, 9))
    names = tuple(draw(words) for _ in range(n)) if draw(st.booleans()) else ()
    return StaticDag(
        duration, draw(acyclic(n)), bandwidth if draw(st.booleans()) else np.zeros((0, 0)), names, draw(words), low, low
    )


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    clusters = tuple(
        Cluster(
            f"c{i}",
            draw(st.integers(1, 3)),
            {task: draw(st.integers(0, 99)) for task in "ab"},
            tuple(Level(mhz, draw(st.integers(0, 5000))) for mhz in sorted(draw(st.sets(st.integers(1, 3000), min_size=1)))),
            draw(st.integers(0, 50)),
        )
        for i in range(draw(st.integers(1, 3)))
    )
    count = len(clusters)
    between = np.array([[draw(bandwidths) for _ in range(count)] for _ in range(count)])
    jobs = []
    for i in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 5))
        jobs.append(Application(tuple(draw(st.sampled_from("ab")) for _ in range(size)), draw(acyclic(size)), f"job{i}"))
    return Workload(
        Platform(clusters, between, draw(bandwidths), "chip"),
        tuple(jobs),
        scale=draw(st.floats(1, 100)),
        cap=draw(st.integers(1, 9)),
        when_full=draw(st.sampled_from(["redraw", "retry", "queue"])),
        arrival=draw(st.sampled_from(["exponential", "fixed"])),
        prefill=draw(st.booleans()),
        horizon=draw(st.integers(100, 9999)),
        max_jobs=draw(st.none() | st.integers(1, 9)),
        warmup=draw(st.integers(0, 99)),
        noise=draw(st.floats(0, 1)),
        name=draw(words),
    )


def plain(value: Any) -> Any:
    """Every field, in comparable form."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return {key: plain(getattr(value, key)) for key in value.__dataclass_fields__}
    return [plain(x) for x in value] if isinstance(value, tuple) else value


@given(dag=static_dags())
@settings(max_examples=60, deadline=None)
def test_a_static_graph_that_is_written_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, dag: StaticDag) -> None:
    path = tmp_path_factory.getbasetemp() / "dag.json"
    soc_files.write(dag, path)
    assert plain(soc_files.read_static(path)) == plain(dag)


@given(workload=workloads())
@settings(max_examples=40, deadline=None)
def test_a_workload_and_its_parts_that_are_written_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, workload: Workload
) -> None:
    path = tmp_path_factory.getbasetemp() / "workload.json"
    soc_files.write(workload, path)
    assert plain(soc_files.read_workload(path)) == plain(workload)
    soc_files.write(workload.platform, path)
    assert plain(soc_files.read_platform(path)) == plain(workload.platform)
    soc_files.write(workload.applications[0], path)
    assert plain(soc_files.read_application(path)) == plain(workload.applications[0])


def test_a_workload_names_its_files_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "chip.json").write_text(json.dumps(CHIP))
    (tmp_path / "parts" / "job.json").write_text(json.dumps(JOB))
    path = tmp_path / "load.json"
    data = WORKLOAD | {"platform": "parts/chip.json", "applications": ["parts/job.json", JOB], "probabilities": [0.25, 0.75]}
    path.write_text(json.dumps(data))
    found = soc_files.read_workload(path)
    assert (found.name, found.platform.name, [a.name for a in found.applications]) == ("load", "chip", ["job", "applications[1]"])
    path.write_text(json.dumps(data | {"platform": "parts/job.json"}))
    with pytest.raises(InputError, match=r"\Aload\.json: platform: job\.json: format: 'soc-job/1' is not a platform\Z"):
        soc_files.read(path)
    for name in ("load.json", "parts/../" * 15 + "load.json"):
        for changes in ({"platform": name}, {"applications": [name]}):
            path.write_text(json.dumps(data | changes))
            with pytest.raises(
                InputError, match=r"load\.json: format: 'soc-workload/1' is not an? (platform|application)\Z"
            ) as caught:
                soc_files.read(path)
            assert len(str(caught.value)) < 300
    path.write_text(json.dumps(data | {"platform": "none.json"}))
    with pytest.raises(InputError, match=r"\Aload\.json: platform: .*none\.json: no such file\Z"):
        soc_files.read(path)
    with pytest.raises(InputError, match="file names need a file to be relative to"):
        parsed(data)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(CHIP))
    with pytest.raises(InputError, match=r"x\.json: holds a platform, not a static graph"):
        soc_files.read_static(path)
    with pytest.raises(InputError, match="an application runs on a platform"):
        soc_catalogue.load(path)


def test_a_workflow_has_scaled_times_and_the_files_that_tasks_pass_on(tmp_path: Path) -> None:
    path = tmp_path / "blast.json"
    path.write_text(json.dumps(WORKFLOW))
    dag = soc_workflow.read(path, speeds=(1.0, 2.0), megabytes_per_second=10.0)
    assert dag.tasks == ("split", "work", "join")
    assert dag.duration.tolist() == [[1500, 750], [1000, 500], [1, 1]]  # work took 3 s at a third of the clock rate
    assert sorted(dag.edges.tolist()) == [[0, 1, 2001], [0, 2, 0], [1, 2, 0]]
    assert dag.transfer[dag.edges[:, 2] > 0][0].tolist() == [[0, 200], [200, 0]]
    coarse = soc_workflow.read(path, speeds=(1.0,), tick_ms=100)
    assert coarse.duration[:, 0].tolist() == [15, 10, 1]
    assert soc_catalogue.load_static(path).pes == len(soc_workflow.SPEEDS)
    with pytest.raises(InputError, match="speeds"):
        soc_workflow.read(path, speeds=(0.0,))
    with pytest.raises(InputError, match="must be positive"):
        soc_workflow.read(path, tick_ms=0)


def test_writing_leaves_one_whole_file_or_the_old_one(tmp_path: Path) -> None:
    soc_files.write(soc_catalogue.load_static("top-01"), tmp_path / "x.json")
    assert os.listdir(tmp_path) == ["x.json"]
    with pytest.raises(InputError, match="cannot be written"):
        soc_files.write(soc_catalogue.load_static("top-01"), tmp_path / "no" / "x.json")
