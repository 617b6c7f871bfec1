"""SoC instances by name: the bundled graphs, the presets of streams, options, ranges and errors."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym import families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc import files as soc_files
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import Application, Cluster, Platform, StaticDag, Stream, Workload


def test_every_bundled_graph_has_an_optimum_between_its_critical_path_and_one_pe() -> None:
    found = [soc_catalogue.load_static(name) for name in soc_catalogue.names() if name not in soc_catalogue.PRESETS]
    assert len(found) == 30
    for dag in found:
        fastest = np.where(dag.duration < 0, 2**30, dag.duration).min(axis=1)
        end = np.zeros(len(fastest), int)
        for task in topological(len(end), dag.edges):
            before = dag.edges[dag.edges[:, 1] == task, 0]
            end[task] = fastest[task] + max(end[before], default=0)
        alone = [dag.duration[:, p].sum() for p in range(dag.pes) if (dag.duration[:, p] >= 0).all()]
        assert dag.best_known is not None
        assert dag.lower_bound == dag.best_known
        assert end.max() <= dag.best_known <= min(alone)


def test_bundled_optima_are_the_published_ones() -> None:
    worked = {name: soc_catalogue.load_static(name).best_known for name in soc_catalogue.SETS["worked"]}
    assert worked == {"topcuoglu-10": 73, "peft-10": 113}
    assert [soc_catalogue.load_static(x).best_known for x in soc_catalogue.SETS["top"]] == [
        73,
        81,
        80,
        87,
        85,
        80,
        72,
        65,
        72,
        74,
    ]
    assert soc_catalogue.optima()["wifi-rx@wireless-8"] == 1657
    assert len(soc_catalogue.optima()) == 28


def test_top_01_is_topcuoglus_example() -> None:
    one, other = soc_catalogue.load_static("top-01"), soc_catalogue.load_static("topcuoglu-10")
    assert np.array_equal(one.duration, other.duration)
    assert np.array_equal(one.edges, other.edges)
    assert np.array_equal(one.transfer, other.transfer)


def test_presets_have_the_settings_of_their_simulators() -> None:
    five = soc_catalogue.workload("gym-ds3-5")
    assert [a.name for a in five.applications] == ["top-01", "top-02", "top-03", "top-04", "top-05"]
    assert (five.platform.pes, five.cap, five.when_full, five.scale, five.prefill) == (3, 3, "redraw", 25.0, True)
    assert (five.horizon, five.warmup, five.probabilities) == (5000, 0, (0.2,) * 5)
    rx = soc_catalogue.workload("wireless-16-rx")
    assert [a.name for a in rx.applications] == ["wifi-tx", "wifi-rx"]
    assert (rx.platform.pes, rx.cap, rx.when_full, rx.scale, rx.prefill) == (16, 12, "retry", 200.0, False)
    assert (rx.horizon, rx.warmup, rx.probabilities) == (50_000, 10_000, (0.2, 0.8))
    assert len(soc_catalogue.workload("wireless-8-six").applications) == 6
    assert soc_catalogue.workload("wireless-8-six").platform.pes == 8


def test_the_same_number_is_the_same_stream_at_every_queue_noise_and_admission() -> None:
    plain_stream = soc_catalogue.load_stream("gym-ds3-5/s3")
    for options in ("queue=5", "noise=0.3", "uncapped", "empty", "queue=9,noise=0.1,retry"):
        other = soc_catalogue.load_stream(f"gym-ds3-5,{options}/s3")
        assert np.array_equal(other.gap, plain_stream.gap)
        shared = min(len(other.application), len(plain_stream.application))
        assert np.array_equal(other.application[:shared], plain_stream.application[:shared])
    assert not np.array_equal(soc_catalogue.load_stream("gym-ds3-5/s4").gap[:20], plain_stream.gap[:20])
    twice = soc_catalogue.load_stream("gym-ds3-5,scale=50/s3").gap[:50]
    assert (abs(twice - 2 * plain_stream.gap[:50]) <= 1).all()


@given(
    preset=st.sampled_from(soc_catalogue.PRESETS),
    number=st.integers(0, 999),
    cap=st.integers(1, 20),
    scale=st.floats(1, 500).map(lambda x: round(x, 3)),
    noise=st.sampled_from([0.0, 0.1, 0.25]),
    when_full=st.sampled_from(["redraw", "retry", "queue"]),
    prefill=st.booleans(),
    max_jobs=st.none() | st.integers(1, 50),
)
@settings(max_examples=40, deadline=None)
def test_a_name_loads_the_workload_that_it_was_made_of(preset: str, number: int, **fields: Any) -> None:
    name = soc_catalogue.name_of(preset, number, **fields)
    loaded = soc_catalogue.load(name)
    assert isinstance(loaded, Stream)
    assert loaded.name == name
    assert {key: getattr(loaded.workload, key) for key in fields} == fields
    assert soc_catalogue.expand([name]) == [name]


@pytest.mark.parametrize(
    ("spec", "full"),
    [
        ("topcuoglu/v40", "topcuoglu/v40/ccr1/alpha1/out3/beta0.5/p8/s0"),
        ("topcuoglu/s7/p3/beta0.25/out40/alpha2/ccr0.1/v40/w5", "topcuoglu/v40/ccr0.1/alpha2/out40/beta0.25/p3/w5/s7"),
        ("gauss/n6/s1", "gauss/n6/ccr1/p4/s1"),
        ("fft/n8/ccr1/p4/s1", "fft/n8/ccr1/p4/s1"),
        ("cholesky/n4/p2+2", "cholesky/n4/p2+2"),
        ("qr/c5/p1+0/n2", "qr/n2/p1+0/c5"),
        ("top-03@gym-ds3", "top-03"),
        ("gym-ds3-1", "gym-ds3-1/s0"),
        ("gym-ds3-1,noise=0.50,queue=3/s04", "gym-ds3-1,noise=0.5/s4"),
    ],
)
def test_every_way_to_write_a_name_becomes_the_full_one(spec: str, full: str) -> None:
    assert soc_catalogue.expand([spec, full]) == [full]
    assert soc_catalogue.load(spec).name == soc_catalogue.load(full).name == full


def test_ranges_and_sets_expand_in_order_without_repetition() -> None:
    assert soc_catalogue.expand(["top-09..top-10", "top-10", "gym-ds3-1/s0..s2", "gym-ds3-1"]) == [
        "top-09",
        "top-10",
        "gym-ds3-1/s0",
        "gym-ds3-1/s1",
        "gym-ds3-1/s2",
    ]
    assert soc_catalogue.expand(["top"]) == [f"top-{i:02d}" for i in range(1, 11)]
    assert soc_catalogue.expand(["gauss/n4/s8..9"]) == ["gauss/n4/ccr1/p4/s8", "gauss/n4/ccr1/p4/s9"]


UNKNOWN = [
    ("top-11", "unknown instance 'top-11'; did you mean 'top-10'"),
    ("gym-ds3-2/s1", "did you mean 'gym-ds3-1' or 'gym-ds3-10' or 'gym-ds3-5'"),
    ("something", "sets are worked, top, own, chips, chips-test; streams are gym-ds3-1"),
    ("cholesky", "cholesky: parameters are missing, as in cholesky/n4/p2[+]2"),
    ("topcuoglu/s1", "'v' is missing, as in topcuoglu/v40/s0"),
    ("topcuoglu/v40/q3", "'q3' is not one of vN, ccrN"),
    ("topcuoglu/v40/v50", "'v50' is not one of"),
    ("topcuoglu/v4.5", "'v4.5' needs a whole number"),
    ("cholesky/n4/p4", "'p4' must be CPUs and GPUs, as in p2[+]2"),
    ("wifi@wireless-16", "unknown application 'wifi', and no such file; did you mean 'wifi-tx'"),
    ("wifi-tx@matrix", "unknown platform 'matrix', and no such file; did you mean 'matrix-16'"),
    ("wifi-tx@gym-ds3", "wifi-tx: task 'tx_scramble_encode' can run on no PE of platform gym-ds3"),
    ("gym-ds3-5,que=3", "unknown option 'que=3'; known are queue=N, scale=N"),
    ("gym-ds3-5,queue=-1", "'queue=-1' needs a whole number that is not negative"),
    ("gym-ds3-5,queue=2000/s1", "gym-ds3-5: cap of 2000 jobs is not between 1 and 1024"),
    ("gym-ds3-5,uncapped,retry", "options 'uncapped' and 'retry' both set when_full"),
    ("gym-ds3-5,", "unknown option ''"),
    ("missing.json", "missing.json: no such file"),
    ("tests", "tests: is a folder, not a file"),
]


@pytest.mark.parametrize(("name", "message"), UNKNOWN, ids=[x[0] for x in UNKNOWN])
def test_unknown_names_are_refused_with_a_hint(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(InputError, match=message):
        soc_catalogue.load(name)
    with pytest.raises(InputError, match=message):
        soc_catalogue.expand([name])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("top-09..top-11", "unknown instance 'top-11'; did you mean"),
        ("top-10..top-09", "top-09 comes before top-10"),
        ("peft-10..top-01", "are not in one set"),
        ("gym-ds3-5/s5..s2", "2 comes before 5"),
    ],
)
def test_ranges_that_hold_nothing_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        soc_catalogue.expand([spec])


def test_a_stream_is_no_static_graph_and_the_other_way_round() -> None:
    with pytest.raises(InputError, match="gym-ds3-1: is a stream, not a static graph"):
        soc_catalogue.load_static("gym-ds3-1")
    for name in ("top-01", "fft/n8", "wifi-tx@wireless-16"):
        with pytest.raises(InputError, match="is a static graph, not a stream"):
            soc_catalogue.load_stream(name)


@pytest.mark.parametrize("name", ["ta1", "topc", "gauss-1", "top-1", "peft", "worke"])
def test_who_asks_for_streams_is_not_offered_static_graphs(name: str) -> None:
    offered = {*soc_catalogue.GENERATORS, *soc_catalogue.SETS, *(member for x in soc_catalogue.SETS.values() for member in x)}
    with pytest.raises(InputError, match="unknown instance") as caught:
        families.load("soc").expand([name], None)
    assert not offered & set(re.findall(r"[a-z0-9-]+", str(caught.value).partition(";")[2]))


def test_files_take_part_in_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = Application(("a", "b"), np.array([[0, 1, 7]]), "job")
    chip = Platform((Cluster("core", 2, {"a": 3, "b": 4}), Cluster("dsp", 1, {"b": 1})), np.ones((2, 2)), name="chip")
    dag = StaticDag(np.array([[3, 4]]), np.zeros((0, 3), int), name="dag")
    for made in (job, chip, dag, Workload(chip, (job,), name="load")):
        soc_files.write(made, f"{made.name}.json")
    pair = soc_catalogue.load_static("job.json@chip.json")
    assert (pair.name, pair.duration.tolist(), pair.best_known) == ("job@chip", [[3, 3, -1], [4, 4, 1]], None)
    assert soc_catalogue.expand(["job.json@chip.json", "dag.json", "load.json", "load.json,queue=4/s2"]) == [
        "job.json@chip.json",
        "dag.json",
        "load.json",
        "load.json,queue=4/s2",
    ]
    assert soc_catalogue.load("dag.json").name == "dag"
    assert soc_catalogue.load_stream("load.json,queue=4/s2").name == "load,queue=4/s2"
    assert soc_catalogue.load(Path("load.json")).name == "load/s0"
    with pytest.raises(InputError, match="no such file"):
        soc_catalogue.load(Path("top-01"))


def test_the_notice_of_the_gym_ds3_tables_is_kept_with_them() -> None:
    folder = files("dispatchgym.instances") / "data" / "soc"
    notice = (folder / "mit-gym-ds3" / "LICENSE").read_text()
    assert "MIT License" in notice
    assert "Copyright (c) 2021 EpiSys Science, Inc." in notice
    assert "mit-gym-ds3/LICENSE" in (folder / "README.md").read_text()
