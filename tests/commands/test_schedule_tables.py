"""The files in OUT/schedules tell who occupies what from when to when; files from before that are read as they were."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatchgym import evaluate, families
from dispatchgym.evaluation.results import Results

CASES = {  # family -> (instance, method, what makes a resource, what is occupied: "time" or "addresses")
    "jobshop": ("ft06", "spt", "machine"),
    "blocking": ("la01/bws", "spt", "machine"),
    "static-dag": ("top-03", "heft", "pe"),
    "soc": ("gym-ds3-1,horizon=1500/s0", "etf", "pe"),
    "memory-pack": ("A", "size", ""),
    "memory-map": ("layered/t8/s0", "xla", ""),
    "cpmodel": ("mk01", "spt", "resource"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any], dict[str, Any]]]:
    """Family -> (OUT, the row, the file of its schedule)."""
    found = {}
    for name, (instance, method, _) in CASES.items():
        out = tmp_path_factory.mktemp(name) / "out"
        (row,) = evaluate.evaluate(families.load(name), evaluate.Options((instance,), (method,), out))
        found[name] = out, row, json.loads((out / row["schedule"]).read_text())
    return found


def test_every_family_has_a_case() -> None:
    assert set(CASES) == set(families.NAMES)


@pytest.mark.parametrize("name", CASES)
def test_a_schedule_file_says_resource_start_duration_and_end(name: str, files: Any) -> None:
    _, row, data = files[name]
    table = data["table"]
    assert {"start", "duration", "end"} <= set(table)
    columns = {column: np.array(values) for column, values in table.items()}
    assert len({len(values) for values in columns.values()}) == 1
    assert len(columns["start"]) > 0
    if name != "blocking":  # there a job also holds its machine while it blocks
        assert (columns["start"] + columns["duration"] == columns["end"]).all()
    if CASES[name][2]:
        resource, start, end = columns[CASES[name][2]], columns["start"], columns["end"]
        order = np.lexsort((end, start, resource))
        after = (resource[order][1:] == resource[order][:-1]) & (start[order][1:] < end[order][:-1])
        assert not after.any()
    if name in ("jobshop", "blocking", "static-dag"):
        assert columns["end"].max() == row["objective"]
    if name == "soc":
        assert len(columns["task"]) == row["metrics"]["tasks"]
    if name == "memory-pack":
        assert (columns["offset"] + columns["size"]).max() == row["objective"]


@pytest.mark.parametrize("name", CASES)
def test_the_file_gives_the_schedule_back_also_without_the_table(name: str, files: Any) -> None:
    out, row, data = files[name]
    card = families.load(name)
    instance = card.load(CASES[name][0])
    path = out / row["schedule"]
    old = {key: value for key, value in data.items() if key != "table"}
    for content in (data, old):
        path.write_text(json.dumps(content))
        with Results(out, name, resume=True) as results:
            stored = results.read_schedule(row)
        assert stored is not None
        assert card.check(instance, card.schedule(stored)) == row["objective"]


def test_the_table_of_a_small_job_shop_and_of_a_blocking_one() -> None:
    from dispatchgym.families import schedule_tables
    from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop
    from dispatchgym.instances.jobshop.instance import JobShop, Schedule

    shop = JobShop(np.array([[0, 1], [1, -1]]), np.array([[3, 4], [2, 0]]))
    start = np.array([[0, 3], [0, -1]])
    assert schedule_tables.job_shop(shop, Schedule(start)) == {
        "job": [0, 0, 1], "operation": [0, 1, 0], "machine": [0, 1, 1],
        "start": [0, 3, 0], "duration": [3, 4, 2], "end": [3, 7, 2],
    }  # fmt: skip
    late = BlockingSchedule(np.array([[0, 5], [0, -1]]))  # job 0 blocks machine 0 until it enters machine 1 at 5
    table = schedule_tables.blocking_shop(BlockingShop(dataclasses.replace(shop), "bws", name="x"), late)
    assert (table["processed"], table["end"]) == ([3, 9, 2], [5, 9, 2])
