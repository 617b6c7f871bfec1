"""Job-shop instances: construction, files, catalogue and generators."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.files import parse, read, read_all, write
from dispatchgym.instances.jobshop.generate import TAILLARD_SEEDS, generate, generate_arrays, taillard
from dispatchgym.instances.jobshop.instance import MAX_HORIZON, JobShop, simple_lower_bound

TAILLARD_FILE = """Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
          2           3        11        12          20          14
Times
 5  6  7
 1  2  3
Machines
 3  1  2
 2  3  1
"""


@st.composite
def job_shops(draw: st.DrawFn, releases: bool) -> JobShop:
    """Small shops with routes of any length that may skip, repeat and leave machines unused."""
    machines = draw(st.integers(1, 5))
    operation = st.tuples(st.integers(0, machines - 1), st.integers(0, 2000))
    jobs = draw(st.lists(st.lists(operation, min_size=1, max_size=7), min_size=1, max_size=5))
    longest = max(map(len, jobs))
    padded = np.array([job + [(-1, 0)] * (longest - len(job)) for job in jobs])
    release = draw(st.lists(st.integers(0, 50), min_size=len(jobs), max_size=len(jobs))) if releases else []
    return JobShop(padded[..., 0], padded[..., 1], machines, np.array(release, np.int64), name="drawn")


@given(shop=job_shops(releases=False))
@settings(max_examples=60, deadline=None)
def test_a_shop_written_as_text_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, shop: JobShop) -> None:
    path = tmp_path_factory.getbasetemp() / "shop.txt"
    write(shop, path)
    assert read(path) == shop


@given(shop=job_shops(releases=True))
@settings(max_examples=60, deadline=None)
def test_a_shop_written_as_json_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, shop: JobShop) -> None:
    path = tmp_path_factory.getbasetemp() / "shop.json"
    write(shop, path)
    again = read(path)
    assert again == shop
    assert (again.name, again.lower_bound, again.best_known) == (shop.name, shop.lower_bound, shop.best_known)


def test_json_keeps_bounds_and_text_refuses_releases(tmp_path: Path) -> None:
    write(catalogue.load("ft06"), tmp_path / "x.json")
    again = read(tmp_path / "x.json")
    assert (again.name, again.lower_bound, again.best_known) == ("ft06", 55, 55)
    with pytest.raises(InputError, match=r"x\.txt: text has no place for release times"):
        write(generate(2, 2, release=(3, 3)), tmp_path / "x.txt")
    assert os.listdir(tmp_path) == ["x.json"]


def test_text_takes_comments_blank_lines_and_any_line_end() -> None:
    text = "\ufeff# a comment\r\n\r\n2 3  # sizes\r\n2 1 0 3\r\n1 8 1 5 0 0\r\n"
    (shop,) = parse(text.removeprefix("\ufeff"), "dir/mine.txt")
    assert shop.name == "mine"
    assert shop.machine.tolist() == [[2, 0, -1], [1, 1, 0]]
    assert shop.duration.tolist() == [[1, 3, 0], [8, 5, 0]]
    assert shop.operations.tolist() == [2, 3]


def test_taillard_files_hold_several_instances_with_machines_from_one(tmp_path: Path) -> None:
    path = tmp_path / "tai.txt"
    path.write_text(TAILLARD_FILE + TAILLARD_FILE.replace("5  6  7", "9  6  7"))
    first, second = read_all(path)
    assert first.machine.tolist() == [[2, 0, 1], [1, 2, 0]]
    assert first.duration.tolist() == [[5, 6, 7], [1, 2, 3]]
    assert (first.name, first.best_known, first.lower_bound) == ("tai#1", 20, 14)
    assert second.duration[0, 0] == 9
    assert read(f"{path}#2") == second
    assert catalogue.expand([f"{path}#2"]) == [f"{path}#2"]
    with pytest.raises(InputError, match=r"tai\.txt: holds 2 instances; choose one with .*tai\.txt#1 to .*tai\.txt#2"):
        read(path)
    with pytest.raises(InputError, match="has no instance 3, only 1 to 2"):
        read(f"{path}#3")


BAD_TEXT = [
    ("", "is empty"),
    ("# only a comment\n", "is empty"),
    ("2 2\n", "line 1: the file ends, expected job 0 of 2"),
    ("2 2\n0 1 1 1\n", "line 2: the file ends, expected job 1 of 2"),
    ("1 2\n0 1 1 1\n0 1 1 1\n", "line 3: one more line than the 1 jobs"),
    ("1 2\n0 1 1\n", "line 2: 3 numbers for job 0, expected pairs"),
    ("2\n0 1\n", "line 1: 1 numbers, expected two"),
    ("2 2 2\n0 1\n", "line 1: 3 numbers, expected two"),
    ("0 2\n", "line 1: 0 jobs and 2 machines; both must be positive"),
    ("-1 2\n", "line 1: jobs -1 is negative"),
    ("2 2\n0 1 1 1\n0 1 2 1\n", "line 3: machine 2 of job 1 is not below 2"),
    ("1 2\n-1 1 1 1\n", "line 2: machine -1 of job 0 is negative"),
    ("1 2\n0 1 1 -3\n", "line 2: duration -3 of job 0 is negative"),
    ("1 2\n0 1 1 2.5\n", "line 2: duration 2.5 of job 0 is not a whole number"),
    ("1 2\n0 1 1 1e3\n", "line 2: duration 1e3 of job 0 is not a whole number"),
    ("1 2\n0 1 1 x\n", "line 2: duration x of job 0 is not a number"),
    ("1 2\n0 1 1 1_0\n", "line 2: duration 1_0 of job 0 is not a number"),
    ("1 2\n0 1 1 ٣\n", "line 2: duration ٣ of job 0 is not a number"),
    ("1 2\n0 1 1 1073741824\n", "line 2: duration 1073741824 of job 0 is too large"),
    (f"1 2\n0 1 1 {'9' * 6000}\n", "of job 0 is too large"),
    ("1000000 1000000\n", "line 1: 1000000 jobs by 1000000 machines is more than 4000000 operations"),
    ("2 1\n0 1073741823\n0 1\n", "durations and releases add up to 2**30 ticks or more"),
    ("3000 1\n" + "0 1\n" * 2999 + "0 1 " * 1500 + "\n", "3000 jobs of up to 1500 operations is more than"),
    (TAILLARD_FILE.replace("Machines\n", "Machine\n"), "line 6: found 'Machine', expected 'Machines'"),
    (TAILLARD_FILE.replace(" 5  6  7", " 5  6"), "line 4: 2 numbers for job 0, expected 3"),
    (TAILLARD_FILE.replace(" 2  3  1", " 2  3  0"), "line 8: machine 0 of job 1 is not between 1 and 3"),
    (TAILLARD_FILE.replace(" 2  3  1", " 2  3  4"), "line 8: machine 4 of job 1 is not between 1 and 3"),
    (TAILLARD_FILE.replace(" 2  3  1\n", ""), "line 7: the file ends, expected Machines of job 1"),
    (TAILLARD_FILE.replace("14", "21"), "line 2: lower bound 21 is above upper bound 20"),
    (TAILLARD_FILE.replace("14", ""), "line 2: 5 numbers, expected jobs, machines, two seeds"),
    (TAILLARD_FILE.replace(" 5 ", "-5 "), "line 4: duration -5 of job 0 is negative"),
]


@pytest.mark.parametrize(("text", "message"), BAD_TEXT, ids=range(len(BAD_TEXT)))
def test_bad_text_is_refused_in_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith("bad")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


JOBS = [[[0, 1], [1, 2]], [[1, 3]]]
BAD_JSON: list[tuple[Any, str]] = [
    ([], "a list is not a JSON object"),
    ({"problem": "soc", "jobs": JOBS}, "is not a job shop"),
    ({}, "'jobs' is missing"),
    ({"jobs": 5}, "jobs: 5 is not a list"),
    ({"jobs": []}, "jobs: 0 entries, expected at least 1"),
    ({"jobs": [[]]}, "jobs[0]: 0 entries, expected at least 1"),
    ({"jobs": [[[0, 1, 2]]]}, "jobs[0][0]: 3 entries, expected a machine and a duration"),
    ({"jobs": JOBS, "machines": 1}, "jobs[0][1][0]: 1 is not between 0 and 0"),
    ({"jobs": JOBS, "machines": 0}, "machines: 0 is not between 1"),
    ({"jobs": JOBS, "machines": "two"}, "machines: 'two' is not a whole number"),
    ({"jobs": [[[0, -1]]]}, "jobs[0][0][1]: -1 is negative"),
    ({"jobs": [[[0, 1.5]]]}, "jobs[0][0][1]: 1.5 is not a whole number"),
    ({"jobs": [[[0, True]]]}, "jobs[0][0][1]: True is not a whole number"),
    ({"jobs": [[[10**9, 1]]]}, "jobs[0][0][0]: 1000000000 is not between 0"),
    ({"jobs": JOBS, "release": [0]}, "release has 1 values for 2 jobs"),
    ({"jobs": JOBS, "release": [0, -1]}, "release[1]: -1 is negative"),
    ({"jobs": JOBS, "release": 3}, "release: 3 is not a list"),
    ({"jobs": JOBS, "releases": [0, 0]}, "unknown key 'releases'"),
    ({"jobs": JOBS, "name": "../up"}, "name: '../up' has a slash"),
    ({"jobs": JOBS, "name": 7}, "name: 7 is not a text"),
    ({"jobs": JOBS, "name": ".."}, "name: '..' has a slash or is only dots"),
    ({"jobs": JOBS, "name": "n" * 121}, "is longer than 120 characters"),
    ({"jobs": JOBS, "lower_bound": 9, "best_known": 8}, "lower bound 9 is above the best known makespan 8"),
    ({"jobs": JOBS, "best_known": "8"}, "best_known: '8' is not a whole number"),
]


@pytest.mark.parametrize(("data", "message"), BAD_JSON, ids=range(len(BAD_JSON)))
def test_bad_json_is_refused_in_one_line_with_its_value(tmp_path: Path, data: Any, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        read(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"jobs": [', '{"jobs": ' + "[" * 100_000, '{"machines": ' + "9" * 5000 + "}"])
def test_broken_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json"):
        read(path)


def test_what_is_not_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "nul.txt").write_bytes(b"1 1\n0 \0\n")
    for name, message in (("binary.txt", "not a text file"), ("nul.txt", "NUL"), ("none.txt", "no such file"), (".", "folder")):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)
    with pytest.raises(InputError, match="not a regular file"):
        read("/dev/null")
    for name in ("nul\0name.txt", "long" * 2000 + ".txt"):
        for use in (read, catalogue.load, lambda spec: catalogue.expand([spec])):
            with pytest.raises(InputError, match=r"no such file"):
                use(name)
    with pytest.raises(InputError, match=r"cannot be read: Input/output error"):
        read("/proc/self/mem")
    (tmp_path / "big.txt").write_text("1 1\n0 5\n" + "#" * 100)
    with pytest.raises(InputError, match="larger than 50 bytes"):
        read_text(tmp_path / "big.txt", limit=50)


def test_taillard_files_may_lack_the_header_words_and_the_bounds() -> None:
    (shop,) = parse("2 3 11 12\n" + TAILLARD_FILE.split("\n", 2)[2], "tai.txt")
    assert shop == parse(TAILLARD_FILE, "tai.txt")[0]
    assert (shop.name, shop.lower_bound, shop.best_known) == ("tai", None, None)


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    shop = generate(2, 2)
    with pytest.raises(InputError, match="cannot be written"):
        write(shop, tmp_path / "no" / "such.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write(shop, tmp_path / "folder.txt")
    with pytest.raises(InputError, match="cannot be written: surrogates not allowed"):
        write(generate(2, 2, name="\ud800"), tmp_path / "x.txt")
    with pytest.raises(InputError, match=r"the suffix must be \.txt or \.json"):
        write(shop, tmp_path / "x.csv")
    assert os.listdir(tmp_path) == ["folder.txt"]


def test_a_shop_refuses_arrays_that_make_no_sense() -> None:
    one = np.array([[0]])
    for machine, duration, fields, message in (
        (one, np.array([[1, 2]]), {}, "must be two (J, K) arrays"),
        (np.zeros((0, 0), int), np.zeros((0, 0), int), {}, "no jobs or no operations"),
        (np.array([[-1, 0]]), np.array([[0, 1]]), {}, "empty or has a gap"),
        (np.array([[0, -2]]), np.array([[1, 0]]), {}, "machine -2 of job 0 is negative"),
        (np.array([[0, -1]]), np.array([[1, 4]]), {}, "stands after its last operation"),
        (one, one, {"machines": -1}, "is not below -1"),
        (one, np.array([[np.nan]]), {}, "must be whole numbers, found nan"),
        (one, np.array([[np.inf]]), {}, "must be whole numbers, found inf"),
        (one, np.array([[2**63]], np.uint64), {}, "duration 9223372036854775808 is out of range"),
        (one, one, {"release": np.array([0, 1])}, "release has 2 values for 1 jobs"),
        (one, one, {"release": np.array([-4])}, "release -4 of job 0 is negative"),
        (one, one, {"lower_bound": 3, "best_known": 2}, "lower bound 3 is above"),
    ):
        with pytest.raises(InputError) as caught:
            JobShop(machine, duration, **fields)
        assert message in str(caught.value)


def test_a_shop_cannot_be_changed_and_takes_whole_floats() -> None:
    shop = JobShop(np.array([[0.0, 1.0]]), np.array([[3.0, 4.0]]))
    assert shop.machines == 2
    assert repr(shop) == "JobShop('unnamed', jobs=1, machines=2, operations=2)"
    with pytest.raises(ValueError, match="read-only"):
        shop.duration[0, 0] = 9


def test_the_simple_bound_counts_heads_tails_and_releases() -> None:
    # machine 1 does 4 + 5, nothing can reach it before tick 2 + 3 and a tail of 6 follows at the earliest
    shop = JobShop(np.array([[0, 1, 2], [2, 1, 0]]), np.array([[3, 4, 6], [8, 5, 7]]), release=np.array([2, 0]))
    assert simple_lower_bound(shop) == max(2 + 13, 20, 5 + 9 + 6)
    assert simple_lower_bound(JobShop(np.array([[0]]), np.array([[5]]), 3)) == 5


@pytest.mark.parametrize("family", ["ft", "la", "abz", "orb", "swv", "yn", "ta", "dmu", "tai"])
def test_every_bundled_instance_agrees_with_its_bounds(family: str) -> None:
    for name in catalogue.SETS[family]:
        shop, known = catalogue.load(name), catalogue.bounds()[name]
        assert (shop.name, shop.jobs, shop.machines) == (name, known.jobs, known.machines)
        assert (shop.lower_bound, shop.best_known) == (known.lower, known.upper)
        assert (np.sort(shop.machine, axis=1) == np.arange(shop.machines)).all()
        if shop.jobs * shop.machines <= 2000:
            assert simple_lower_bound(shop) <= known.lower <= known.upper


def test_the_catalogue_is_complete_and_without_twins() -> None:
    assert len(catalogue.names()) == 302
    assert len(catalogue.SETS["classic"]) == 242
    assert set(catalogue.names()) == set(catalogue.bounds())
    contents = {(s.machine.tobytes(), s.duration.tobytes()) for s in map(catalogue.load, catalogue.names())}
    assert len(contents) == 302


def test_specs_expand_in_order_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalogue.expand(["ta09..ta11", "ft", "ta10"]) == ["ta09", "ta10", "ta11", "ft06", "ft10", "ft20"]
    assert catalogue.expand(["tai_10_10_9..tai_10_100_2"]) == ["tai_10_10_9", "tai_10_10_10", "tai_10_100_1", "tai_10_100_2"]
    assert len(catalogue.expand(["classic", "tai", "ta01..ta80"])) == 302
    monkeypatch.chdir(tmp_path)
    for name in ("mine.txt", "a..b", "plain"):
        Path(name).write_text("1 1\n0 5\n")
    assert catalogue.expand(["mine.txt", "a..b", "plain", "./mine.txt"]) == ["mine.txt", "a..b", "plain", "./mine.txt"]
    assert catalogue.load("plain").duration.tolist() == [[5]]
    assert catalogue.load(Path("mine.txt")).name == "mine"
    assert catalogue.expand([]) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("ta1", "unknown instance 'ta1'; did you mean 'ta"),
        ("TA01", "did you mean 'ta01'"),
        ("qqqqqq", "sets are ft, la, abz"),
        ("", "unknown instance ''"),
        ("ta10..ta01", "ta01 comes before ta10"),
        ("ta01..", "unknown instance ''"),
        ("ta01..ta81", "unknown instance 'ta81'"),
        ("ft06..la01", "are in different sets"),
        ("nowhere.txt", "nowhere.txt: no such file"),
        ("../", "is not a file"),
        (".", "is not a file"),
    ],
)
def test_bad_specs_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        catalogue.expand([spec])
    assert message in str(caught.value)


def test_loading_an_unknown_name_or_file_is_refused() -> None:
    with pytest.raises(InputError, match="unknown instance 'ft6'; did you mean 'ft"):
        catalogue.load("ft6")
    with pytest.raises(InputError, match="no such file"):
        catalogue.load(Path("ft06"))


def test_taillards_generator_gives_all_eighty_published_instances() -> None:
    assert list(TAILLARD_SEEDS) == list(catalogue.SETS["ta"])
    for name, seeds in TAILLARD_SEEDS.items():
        published = catalogue.load(name)
        assert taillard(published.jobs, published.machines, *seeds) == published, name


@given(
    jobs=st.integers(1, 8),
    machines=st.integers(1, 8),
    part=st.floats(0, 1),
    routing=st.sampled_from(["uniform", "two-set", "flow"]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_generated_routes_keep_their_routing(jobs: int, machines: int, part: float, routing: Any, seed: int) -> None:
    length = max(1, round(part * machines))
    shop = generate(jobs, machines, duration=(3, 7), routing=routing, seed=seed, operations=length, release=(2, 5))
    assert shop == generate(jobs, machines, duration=(3, 7), routing=routing, seed=seed, operations=length, release=(2, 5))
    assert shop.machine.shape == (jobs, length)
    assert shop.duration.min() >= 3
    assert shop.duration.max() <= 7
    assert ((shop.release >= 2) & (shop.release <= 5)).all()
    for route in shop.machine.tolist():
        assert len(set(route)) == length
        if routing == "flow":
            assert route == sorted(route)
        if routing == "two-set":
            halves = [m >= machines // 2 for m in route]
            assert halves == sorted(halves)


@given(jobs=st.integers(1, 6), machines=st.integers(2, 6), length=st.integers(1, 15), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_recirculating_jobs_never_stay_on_a_machine(jobs: int, machines: int, length: int, seed: int) -> None:
    for routing in ("uniform", "flow"):
        route = generate(jobs, machines, routing=routing, seed=seed, operations=length, recirculation=True).machine
        assert route.shape == (jobs, length)
        assert (route[:, 1:] != route[:, :-1]).all()
    assert (generate(2, 1, operations=3, recirculation=True).machine == 0).all()


@pytest.mark.parametrize("routing", ["uniform", "two-set", "flow"])
def test_arrays_and_single_instances_come_from_one_generator(routing: Any) -> None:
    machine, duration = generate_arrays(np.random.default_rng(7), 1, 5, 6, (1, 9), routing)
    shop = generate(5, 6, duration=(1, 9), routing=routing, seed=7)
    assert machine.dtype == duration.dtype == np.int32
    assert np.array_equal(shop.machine, machine[0])
    assert np.array_equal(shop.duration, duration[0])


def test_a_thousand_15x15_instances_cost_little_and_are_uniform() -> None:
    begin = time.process_time()
    machine, duration = generate_arrays(np.random.default_rng(0), 1000, 15, 15, (1, 99), "uniform")
    assert time.process_time() - begin < 0.1
    counts = np.bincount(machine[..., 0].ravel(), minlength=15)  # 1000 expected, deviation 31
    assert np.abs(counts - 1000).max() < 160
    assert set(np.unique(duration)) == set(range(1, 100))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jobs": 0}, "jobs must be positive, found 0"),
        ({"machines": -2}, "machines must be positive, found -2"),
        ({"operations": 0}, "operations must be positive, found 0"),
        ({"duration": (9, 1)}, "duration range (9, 1) is reversed"),
        ({"duration": (-1, 1)}, "duration -1 is negative"),
        ({"duration": (1, 2**31)}, "duration 2147483648 is not below 2**30"),
        ({"duration": (1, 2**29)}, "may add up to 2**30 or more"),
        ({"release": (5, 2)}, "release range (5, 2) is reversed"),
        ({"release": (-5, 2)}, "release -5 is negative"),
        ({"release": (0, MAX_HORIZON)}, "release 1073741824 is not below 2**30"),
        ({"routing": "random"}, "unknown routing 'random'; known are uniform, two-set, flow"),
        ({"jobs": 10**6, "machines": 10**6}, "is more than 4000000"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"operations": 9}, "9 operations on 4 machines need recirculation"),
        ({"routing": "two-set", "recirculation": True}, "two-set routing has no recirculation"),
    ],
)
def test_bad_generator_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        generate(**({"jobs": 3, "machines": 4} | arguments))
    assert message in str(caught.value)


def test_bad_pools_and_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="0 instances of 3x3"):
        generate_arrays(np.random.default_rng(0), 0, 3, 3)
    with pytest.raises(InputError, match="at most 268435456 operations"):
        generate_arrays(np.random.default_rng(0), 10**9, 3, 3)
    for seeds in ((0, 5), (5, 2**31 - 1)):
        with pytest.raises(InputError, match=r"seed .* is not between 1 and"):
            taillard(3, 3, *seeds)
