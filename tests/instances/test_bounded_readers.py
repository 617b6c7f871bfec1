"""Small files that would take memory or time without bounds, and formats of others, are refused or read in time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.baselines.method import MAX_SAMPLES, parse_method
from dispatchgym.baselines.soc.static.methods import solve as heft
from dispatchgym.families.chips import graph_metrics
from dispatchgym.instances.blocking import catalogue as blocking
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue as jobshop
from dispatchgym.instances.jobshop import files as jobshop_files
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.soc import catalogue as soc
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc.instance import Cluster, Platform, StaticDag, stream


def refused(action: Any, *parts: str) -> None:
    with pytest.raises(InputError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) <= 400
    for part in parts:
        assert part in message


def test_tables_of_transfers_are_bounded_before_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "wide.json"
    path.write_text(json.dumps({"format": "static-het-dag/1", "compute": [[1] * 60_000], "edges": []}))
    refused(lambda: soc_files.read(path), "1 tasks on 60000 PEs are too many")
    edges = [(a, b, 1) for a in range(300) for b in range(a + 1, 300)]
    refused(lambda: StaticDag(np.ones((300, 120), np.int32), np.array(edges, np.int32)), "44850 edges between 120 PEs")
    clusters = tuple(Cluster(f"c{i}", 9_999, {"a": 1}) for i in range(8))
    refused(lambda: Platform(clusters, np.ones((8, 8)), name="giant"), "giant: 79992 PEs are more than 2048")


def test_a_stream_of_a_million_gaps_is_drawn_in_linear_time() -> None:
    import dataclasses

    load = dataclasses.replace(soc.workload("gym-ds3-1"), scale=1.0, horizon=2_000_000, when_full="retry")
    began = time.process_time()
    assert int(stream(load, (0, 1, 2, 3)).gap.astype(np.int64).sum()) > load.horizon
    assert time.process_time() - began < 20.0


def test_voltages_out_of_range_are_refused(tmp_path: Path) -> None:
    cluster = {"id": 0, "num_pes": 1, "exec_time_us": {"a": 1}, "opp_mhz_mv": [[900, 1e300]]}
    path = tmp_path / "chip.json"
    chip = {"format": "soc-platform/1", "name": "chip", "clusters": [cluster], "bandwidth": {"between_clusters": [[1]]}}
    path.write_text(json.dumps(chip))
    refused(lambda: soc_files.read(path), "mV is out of range")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"jobs": [[[0, 1]]], "jobs": [[[0, 2]]]}', "'jobs' is given twice"),
        ('{"jobs": [[[0, 1]]], "release": false}', "release: False is not a list"),
        ('{"jobs": [[[0, 1]]], "release": 0}', "release: 0 is not a list"),
        ('{"jobs": [[[0, 1]]], "release": [1, 2]}', "mine.json: release has 2 values for 1 jobs"),
        ('{"jobs": [[[0, 1]]], "name": "a\\ud800b"}', "is not a text of 1 to 200 printable"),
        ('{"jobs": [[[0, 1]]], "name": "a\\u202eb"}', "is not a text of 1 to 200 printable"),
        ('{"jobs": [[[0, 1]]], "' + "k" * 10**6 + '": 1}', "unknown key 'kkk"),
        ('{"jobs": [[[0, 1]]], "machines": ' + "9" * 5_000 + "}", "a number too long"),
    ],
)
def test_json_that_is_no_job_shop_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(text)
    refused(lambda: jobshop.load(tmp_path / "mine.json"), "mine.json", said)


DIGITS = "9" * 5_000


@pytest.mark.parametrize(
    "text",
    [
        f"spt:x{DIGITS}",
        f"tabu:moves={DIGITS}",
        f"cpsat:workers={DIGITS}",
        "cpsat:workers=99999999",
        f"tabu:{DIGITS}s",
        f"spt:x{MAX_SAMPLES + 1}",
        "spt:x²",
        "tabu:moves=²",
        "tabu:\x1b[31m",
        "m" * 10_000 + ":",
        "tabu:start=" * 3_000 + "spt",
        "lns:start=" + "tabu:start=" * 9 + "spt",
    ],
)
def test_method_texts_are_bounded(text: str) -> None:
    def use() -> None:
        method = parse_method(text)
        for key in method.options:
            method.integer(key, 1)
        solve(jobshop.load("ft06"), method)

    refused(use, "method '")


def same(a: JobShop, b: JobShop) -> bool:
    return np.array_equal(a.machine, b.machine) and np.array_equal(a.duration, b.duration) and a.machines == b.machines


def collected(*names: str) -> str:
    """Instances in the OR-Library's one file of job shops: a line of plus signs, a title, a remark, numbers."""
    parts = []
    for name in names:
        shop = jobshop.load(name)
        jobs = zip(shop.machine.tolist(), shop.duration.tolist(), strict=True)
        rows = [" ".join(f"{m} {d}" for m, d in zip(*job, strict=True)) for job in jobs]
        parts.append(
            f" instance {name}\n\n +++++++\n the remark of 1984 on {name}\n {shop.jobs} {shop.machines}\n" + "\n".join(rows)
        )
    return "\n +++++++\n\n".join(parts) + "\n +++++++\n"


def test_forms_of_others_are_the_same_instance(tmp_path: Path) -> None:
    ft06 = jobshop.load("ft06")
    pairs = [list(zip(m, d, strict=True)) for m, d in zip(ft06.machine.tolist(), ft06.duration.tolist(), strict=True)]
    rows = [
        {"job": j, "operation": k, "machine": m, "duration": d} for j, job in enumerate(pairs) for k, (m, d) in enumerate(job)
    ]
    scheduleopt = {"instance": "ft06", "family": "ft", "year": "1963", "machines": 6, "jobs": 6, "data": rows}
    matrices = {"duration_matrix": ft06.duration.tolist(), "machines_matrix": ft06.machine.tolist()}
    library = {"name": "ft06", **matrices, "metadata": {"optimum": 55}}
    for name, data in (("scheduleopt", scheduleopt), ("library", library), ("collected", {"ft06": matrices})):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(data))
        found = jobshop.load(path)
        assert same(found, ft06)
        assert found.name == "ft06"
        assert solve(found, "spt").objective == solve(ft06, "spt").objective
    text = "\n".join(" ".join(f"{m} {d}" for m, d in job) for job in pairs)
    (tmp_path / "jobshop1.txt").write_text(collected("abz5", "ft06", "la03", "yn1"))
    for selected, name in (("ft06", "ft06"), ("2", "ft06"), ("la03", "la03"), ("yn1", "yn1")):
        assert same(jobshop.load(f"{tmp_path}/jobshop1.txt#{selected}"), jobshop.load(name))
    assert jobshop.expand([f"{tmp_path}/jobshop1.txt#ft06"]) == [f"{tmp_path}/jobshop1.txt#ft06"]
    refused(lambda: jobshop.load(f"{tmp_path}/jobshop1.txt#ft6"), "has no instance ft6; did you mean 'ft06'?")
    refused(lambda: jobshop.load(f"{tmp_path}/jobshop1.txt"), "holds 4 instances")
    (tmp_path / "shop.jsp").write_text(f"6 6\n{text}\n55\n0 1 2 3 4 5\n")
    assert same(jobshop.load(f"{tmp_path}/shop.jsp"), ft06)
    blocks = [*ft06.duration.tolist(), *(ft06.machine + 1).tolist()]
    (tmp_path / "untitled.txt").write_text("6 6\n" + "\n".join(" ".join(map(str, row)) for row in blocks))
    refused(lambda: jobshop.load(f"{tmp_path}/untitled.txt"), "12 lines for 6 jobs: Taillard's two blocks need the titles")


def test_a_missing_or_repeated_operation_is_named(tmp_path: Path) -> None:
    row = {"job": 0, "operation": 0, "machine": 0, "duration": 3}
    for rows, said in (
        ([row, row], "operation 0 of job 0 is given twice"),
        ([{**row, "operation": 1}], "operation 0 of job 0 is missing"),
    ):
        path = tmp_path / "x.json"
        path.write_text(json.dumps({"instance": "x", "machines": 1, "jobs": 1, "data": rows}))
        refused(lambda path=path: jobshop_files.read(path), said)  # type: ignore[misc]


def test_every_published_bound_of_a_blocking_shop_is_of_an_instance_and_all_hold_together() -> None:
    found, plain = blocking.bounds(), jobshop.bounds()
    assert {name for name, _ in found} <= set(plain)
    assert blocking.load("dmu41/bws").best_known == 4672
    for (name, variant), (lower, upper) in found.items():
        assert plain[name].lower <= lower <= upper
        if variant != "bws" and (name, "bws") in found:
            easier = found[name, "bws"]
            assert easier[0] <= lower
            assert easier[1] <= upper
    assert found["la21", "bws"][0] == 1046
    assert found["la38", "bws"][0] == 1196
    assert found["la06", "nwt"][0] == 1060


def test_a_number_without_its_zeros_is_the_first_suggestion() -> None:
    refused(lambda: jobshop.expand(["ta1"]), "did you mean 'ta01' or")
    refused(lambda: jobshop.expand(["la007"]), "did you mean 'la07' or")


def test_what_is_no_measurement_is_left_out_of_means() -> None:
    from dispatchgym.families.chips import LATENCY

    row = {"objective": 60_000_000, "metrics": {"completed": 0}, "status": "feasible"}
    done = {"objective": 100_000, "metrics": {"completed": 10}, "status": "feasible"}
    assert LATENCY.text([row]) == "-"
    assert LATENCY.text([row, done]).startswith("100.0")
    idle = StaticDag(np.zeros((2, 2), np.int32), np.array([[0, 1, 0]], np.int32))
    assert graph_metrics(idle, heft(idle, "heft").schedule)["slr"] is None


def test_a_collection_of_thousands_of_instances_is_read_in_linear_time(tmp_path: Path) -> None:
    count = 20_000
    path = tmp_path / "many.txt"
    path.write_text("".join(f"instance i{n}\n1 1\n0 {n % 9}\n" for n in range(count)))
    began = time.process_time()
    assert len(jobshop_files.read_all(path)) == count
    assert time.process_time() - began < 20.0
    path.write_text("1 1\n0 2\x1dinstance a")  # this character ends a line for Python alone
    refused(lambda: jobshop_files.read_all(path), "many.txt line 2")
    path.write_text("instance a\n1 1\n0 1\n\ninstance b\n1 1\n0 -1 2\n")
    refused(lambda: jobshop_files.read_all(path), "many.txt line 7: duration -1 of job 0 is negative")
    rows = [{"job": j, "operation": 0, "machine": 0, "duration": 1} for j in range(count)]
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"instance": "x", "machines": 1, "jobs": count, "data": rows}))
    began = time.process_time()
    assert len(jobshop.load(path).machine) == count
    assert time.process_time() - began < 20.0
