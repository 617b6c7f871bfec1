"""Workflows of every version of WfFormat, and what a file leaves open."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from dispatchgym import evaluate, families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc import workflow as soc_workflow
from tests.soc.test_files import WORKFLOW

OLD: dict[str, Any] = {  # the same as WORKFLOW, as 1.3 says it; 1.1 calls tasks jobs, 1.4 has runtimeInSeconds and sizeInBytes
    "name": "blast/x",
    "schemaVersion": "1.3",
    "workflow": {
        "makespan": 9,
        "tasks": [
            {
                "name": "split",
                "id": "ID1",
                "runtime": 1.5,
                "machine": "fast",
                "files": [
                    {"link": "input", "name": "in", "size": 10**9},
                    {"link": "output", "name": "part", "size": 2_000_001},
                    {"link": "output", "name": "log", "size": 5},
                ],
            },
            {
                "name": "work",
                "id": "ID2",
                "runtime": 3,
                "parents": ["split"],
                "machine": "slow",
                "files": [
                    {"link": "input", "name": "in", "size": 10**9},
                    {"link": "input", "name": "part", "size": 2_000_001},
                    {"link": "output", "name": "out", "size": 0},
                ],
            },
            {
                "name": "join",
                "id": "ID3",
                "runtime": 0.0001,
                "parents": ["ID2", "split"],
                "files": [{"link": "INPUT", "name": "out", "size": 0}],
            },
        ],
        "machines": [{"nodeName": "fast", "cpu": {"speed": 3000}}, {"nodeName": "slow", "cpu": {"speed": 1000}}],
    },
}


def read(data: dict[str, Any], path: Path, **words: Any) -> Any:
    file = path / "x.json"
    file.write_text(json.dumps(data))
    return soc_workflow.read(file, **words)


def same(one: Any, other: Any) -> bool:
    return (
        one.tasks == other.tasks
        and one.duration.tolist() == other.duration.tolist()
        and sorted(one.edges.tolist()) == sorted(other.edges.tolist())
    )


@pytest.mark.parametrize("version", ["1.1", "1.3", "1.4"])
def test_older_versions_say_the_same(version: str, tmp_path: Path) -> None:
    data = copy.deepcopy(OLD) | {"schemaVersion": version}
    if version == "1.1":
        data["workflow"]["jobs"] = data["workflow"].pop("tasks")
    if version == "1.4":
        for task in data["workflow"]["tasks"]:
            task["runtimeInSeconds"] = task.pop("runtime")
            for file in task["files"]:
                file["sizeInBytes"] = file.pop("size")
    assert same(read(data, tmp_path), read(WORKFLOW, tmp_path))


def test_in_older_versions_files_say_what_depends_on_what_where_parents_do_not(tmp_path: Path) -> None:
    data = copy.deepcopy(OLD)
    for task in data["workflow"]["tasks"]:
        task.pop("parents", None)
    assert sorted(read(data, tmp_path).edges.tolist()) == [[0, 1, 2001], [1, 2, 0]]


def test_a_workflow_without_run_times_has_tasks_of_a_second_and_says_so(tmp_path: Path, caplog: Any) -> None:
    data = copy.deepcopy(WORKFLOW)
    del data["workflow"]["execution"]
    dag = read(data, tmp_path, speeds=(1.0, 2.0))
    assert dag.duration.tolist() == [[1000, 500]] * 3
    assert [record.message for record in caplog.records] == [
        "note: x.json: has no run times (workflow.execution is missing): every task takes 1 s"
    ]


def test_files_that_are_not_listed_are_empty_and_sizes_may_have_a_point(tmp_path: Path, caplog: Any) -> None:
    data = copy.deepcopy(WORKFLOW)
    data["workflow"]["specification"]["files"] = [{"id": "part", "sizeInBytes": 1_000_000.0}]
    assert sorted(read(data, tmp_path).edges.tolist()) == [[0, 1, 1000], [0, 2, 0], [1, 2, 0]]
    assert [record.message for record in caplog.records] == [
        "note: x.json: 3 files are not among `files`, as 'in': taken as empty"
    ]


def test_long_workflows_have_longer_ticks_by_themselves_and_say_so(tmp_path: Path, caplog: Any) -> None:
    tasks = [{"id": f"t{i}", "parents": [] if i < 10 else [f"t{i - 10}"]} for i in range(5000)]
    runs = [{"id": f"t{i}", "runtimeInSeconds": 120} for i in range(5000)]
    data = {"name": "long", "workflow": {"specification": {"tasks": tasks}, "execution": {"tasks": runs}}}
    (tmp_path / "long.json").write_text(json.dumps(data))
    card = families.load("static-dag")
    dag = card.load(str(tmp_path / "long.json"))
    assert dag.duration[0].tolist() == [24_000, 24_000, 12_000, 12_000]  # 120 s at half speed in ticks of 10 ms
    assert [record.message for record in caplog.records] == [
        "note: long.json: a tick is 10 ms, as the times add up to 2**30 ms or more"
    ]
    coarse = soc_workflow.read(tmp_path / "long.json", tick_ms=10)
    assert card.solve(dag, "heft").objective == card.solve(coarse, "heft").objective
    with pytest.raises(InputError, match=r"add up to 2\*\*30 or more"):
        soc_workflow.read(tmp_path / "long.json", tick_ms=1)


def test_a_workflow_that_is_refused_has_no_notes(tmp_path: Path, caplog: Any) -> None:
    data = copy.deepcopy(WORKFLOW)
    data["workflow"]["specification"]["files"] = []  # a note of its own
    data["workflow"]["execution"]["tasks"][0]["runtimeInSeconds"] = 1e17
    with pytest.raises(InputError, match=r"takes 2\*\*30 ticks or more"):
        read(data, tmp_path)
    assert caplog.records == []


def test_workflows_of_one_name_have_the_values_of_their_copies_in_our_own_format(tmp_path: Path) -> None:
    """As in WfInstances, whose runs of one application have one file name and one inner name, each in a folder of its own."""
    files, copies = [], []
    for run, seconds in enumerate((1.5, 40, 700)):
        data = copy.deepcopy(OLD)
        data["workflow"]["tasks"][0]["runtime"] = seconds
        folder = tmp_path / f"run{run}"
        folder.mkdir()
        (folder / "blast.json").write_text(json.dumps(data))
        files.append(str(folder / "blast.json"))
        copies.append(str(folder / "own.json"))
        soc_files.write(soc_workflow.read(folder / "blast.json"), copies[-1])
    card = families.load("static-dag")

    def objectives(given: list[str], out: str) -> dict[tuple[str, str], int]:
        rows = evaluate.evaluate(card, evaluate.Options(tuple(given), ("heft", "min-min"), tmp_path / out))
        assert len({row["instance"] for row in rows}) == 3
        return {(given.index(row["source"]), row["method"]): row["objective"] for row in rows}  # type: ignore[misc]

    found = objectives(files, "found")
    assert len(set(found.values())) > 2
    assert found == objectives(copies, "copied")


BAD = [
    ({"name": "x", "workflow": {"tasks": []}}, "workflow.tasks: 0 entries"),
    ({"name": "x", "workflow": {"jobs": [{"name": "a"}]}}, "workflow.jobs[0]: 'runtime' is missing"),
    ({"name": "x", "workflow": {"tasks": [{"name": "a", "runtime": -1}]}}, "tasks[0].runtime: -1 is negative"),
    ({"name": "x", "workflow": {"tasks": [{"name": "a", "runtime": 1, "parents": ["b"]}]}}, "parents[0]: 'b' is not a task"),
    (
        {"name": "x", "workflow": {"tasks": [{"name": "a", "runtime": 1, "files": [{"name": "f", "link": "up", "size": 1}]}]}},
        "files[0].link: 'up' is neither input nor output",
    ),
    ({"name": "x", "workflow": {"tasks": [{"name": "a", "runtime": 1}] * 2}}, "tasks[1].name: 'a' is given twice"),
]


@pytest.mark.parametrize(("data", "message"), BAD)
def test_wrong_older_workflows_are_refused_in_one_line(data: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(data, tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
