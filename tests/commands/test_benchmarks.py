"""The benchmarks measure what they say, notice a regression, and name what they could not measure."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from benchmarks import first_use, paired, peers, results_file, throughput, timing, trees, workloads
from benchmarks.results_file import Figure
from dispatchgym.instances.errors import InputError

TINY = throughput.Plan(
    sizes=("3x2",),
    batches=(2, 4),
    engine_batches=(2,),
    policy_sizes=("3x2",),
    blocking_sizes=("3x2",),
    blocking_batches=(2,),
    streams=("gym-ds3-1,horizon=100",),
    graph_sizes=("5x2",),
    chip_batches=(2,),
    packing_sizes=(6,),
    program_sizes=(5,),
    memory_batches=(2,),
    seconds=1e-3,
    repeats=1,
    memory=2**30,
)


WAYS = ("memory", "make", "engine", "make_vec", "make_vec copy=False")


def figure(value, copies=1, unit=throughput.OPERATIONS):
    return Figure("engine", "3x2", "graph", copies, value, unit)


@pytest.fixture(scope="module")
def figures():
    return list(throughput.measure(TINY))


def test_every_way_in_is_measured(figures):
    assert {f.face for f in figures} >= {"kernel", "memory", "make", "engine", "make_vec", "untrained policy, greedy"}
    assert all(f.value > 0 for f in figures)
    assert len({f.key for f in figures}) == len(figures)
    assert {f.copies for f in figures if f.face == "make_vec"} == {2, 4}
    assert {f"{face} {name}" for face in ("make_vec", "memory") for name in workloads.BLOCKING} <= {f.face for f in figures}
    chips = {(f.size, f.face) for f in figures if f.size in ("gym-ds3-1,horizon=100", "graphs 5x2")}
    assert len(chips) == 2 * len(workloads.STREAMS) * len(WAYS)
    memories = {(f.size, f.face) for f in figures if f.size in ("packings of 6", "programs of 5")}
    kinds = len(workloads.PACKINGS) + len(workloads.PROGRAMS)
    assert len(memories) == kinds * len(WAYS)


def test_uneven_shops_play_whole_episodes_in_few_copies(monkeypatch):
    monkeypatch.setattr(throughput, "EVEN_MACHINES", 1)
    found = {f.face: f for f in throughput.blocking_figures(TINY, "3x2")}
    assert (found["make_vec bns"].copies, found["make_vec bws"].copies) == (throughput.WHOLE_COPIES, 2)
    assert found["make_vec bns"].value > 0


def test_tables_show_every_measured_figure(figures):
    text = "".join(grid.markdown() for grid in throughput.tables(figures))
    for f in figures:
        assert (f"{int(f.value):,}" if f.unit == "bytes" else workloads.describe(f.value)) in text


def test_what_exceeds_the_memory_is_named_and_not_measured():
    many = (10**9,)
    found = list(throughput.measure(replace(TINY, memory=1, policy_sizes=(), batches=many, engine_batches=many)))
    left_out = [f for f in found if f.value is None]
    modes = (*workloads.STREAMS, *workloads.PACKINGS, *workloads.PROGRAMS, *workloads.PROJECTS)
    copied = {"make_vec"} | {f"make_vec {name}" for name in (*workloads.BLOCKING, *modes)}
    engines = {"engine"} | {f"engine {name}" for name in modes}
    shared = {"make_vec copy=False"} | {f"make_vec {name} copy=False" for name in modes}
    assert {f.face for f in left_out} == engines | copied | shared
    assert all("GiB" in f.note for f in left_out)
    assert "GiB" in throughput.tables(found)[0].markdown()


def test_results_survive_the_file(figures, tmp_path):
    about = results_file.header(3)
    results_file.save_figures(tmp_path / "new" / "run", about, figures, "text")
    assert results_file.load_figures(tmp_path / "new" / "run.json") == (about, figures)
    assert (tmp_path / "new" / "run.md").read_text() == "text"


def test_only_figures_of_both_runs_are_compared_and_fewer_bytes_are_better():
    old = [figure(100.0), figure(50.0, copies=2), figure(1000, unit="bytes"), figure(None, copies=3)]
    new = [figure(60.0), figure(500, unit="bytes"), figure(9.0, copies=3), figure(None, copies=2)]
    assert results_file.compare(old, new) == [(new[0], 0.6), (new[1], 2.0)]


def test_a_regression_is_below_the_stated_share():
    ratios = results_file.compare([figure(100.0)], [figure(70.0)]) + results_file.compare([figure(100.0)], [figure(69.9)])
    assert [ratio for _, ratio in results_file.regressions(ratios)] == [pytest.approx(0.699)]


@pytest.mark.parametrize(("factor", "status"), [(1e-3, 0), (1e6, 1)])
def test_the_exit_status_tells_of_a_regression(factor, status, tmp_path, monkeypatch, capsys):
    now = [figure(100.0), figure(7.0, copies=2)]
    monkeypatch.setattr(throughput, "measure", lambda plan: iter(now))
    was = [replace(f, value=f.value * factor) for f in now]
    results_file.save_figures(tmp_path / "old", results_file.header(0), was, "")
    assert throughput.main(["--compare", str(tmp_path / "old.json"), "--out", str(tmp_path / "new")]) == status
    assert ("fell below 0.7" in capsys.readouterr().out) == bool(status)
    assert json.loads((tmp_path / "new.json").read_text())["figures"][0]["value"] == 100.0


def test_of_several_passes_the_best_counts(tmp_path, monkeypatch):
    passes = iter(
        [[figure(1.0), figure(5.0, copies=2)], [figure(3.0), figure(4.0, copies=2)], [figure(2.0), figure(4.0, copies=2)]]
    )
    monkeypatch.setattr(throughput, "measure", lambda plan: iter(next(passes)))
    assert throughput.main(["--passes", "3", "--out", str(tmp_path / "new")]) == 0
    assert [f["value"] for f in json.loads((tmp_path / "new.json").read_text())["figures"]] == [3.0, 5.0]
    assert "the best of 9 timings" in (tmp_path / "new.md").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sizes", "10by10"],
        ["--batches", "0"],
        ["--seconds", "0"],
        ["--passes", "0"],
        ["--seed", "-1"],
        ["--compare", "missing.json"],
    ],
)
def test_bad_arguments_are_one_line_and_status_2(arguments, capsys):
    assert throughput.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("throughput.py: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "header": {}, "figures": [{}]}'])
def test_a_file_that_is_no_result_is_refused(text, tmp_path):
    (tmp_path / "old.json").write_text(text)
    with pytest.raises(InputError, match=r"old\.json"):
        results_file.load_figures(tmp_path / "old.json")


def test_the_best_window_counts_and_leaves_preparation_out(monkeypatch):
    clock = iter(np.arange(1000) * 0.5)
    monkeypatch.setattr(timing.time, "process_time", lambda: next(clock))
    prepared = []
    assert timing.best_window(lambda: prepared.append(1), lambda: 10, 1.0, 2) == 20.0
    assert len(prepared) == 6  # two in the warm-up and two in each of the two timings


def test_scattered_copies_stand_at_different_stages_and_have_legal_choices():
    engine = workloads.make_engine(workloads.draw_pool(4, 3, 0), 40, False, 0)
    workloads.scatter(engine)
    stages = engine.state.scheduled.numpy()
    assert set(stages.tolist()) == set(range(12))
    pick = workloads.Picker(engine)
    for _ in range(30):
        pick()
        engine.step()
        assert not engine.episodes.illegal.any()


def test_random_episodes_of_the_bare_kernel_are_whole():
    pool = workloads.draw_pool(4, 3, 0)
    engine = workloads.make_engine(pool, 10, False, 0)
    workloads.kernels()["episode"](10, engine._instances, engine._state, engine._episodes)
    assert (engine.episodes.final_length == 12).all()
    bounds = engine.instances.bound[engine.state.row.long()]
    assert (engine.episodes.final_objective >= bounds).all()


@pytest.mark.parametrize(("load", "said"), [(0.1, False), (7.0, True)])
def test_a_busy_machine_is_told(load, said):
    about = results_file.header(0) | {"load": load, "cores": 2}
    assert (results_file.BUSY in results_file.describe_header(about)) == said


def test_peers_are_shown_with_their_ratio_or_the_reason_for_none():
    rows = [
        peers.Row("fast", "1.0", "batched", "batch", "graph", 64, 2000.0, 12345, 8000.0),
        peers.Row("gone", "", "not installable here: no such package"),
    ]
    text = peers.table(rows, "ft10").markdown()
    assert "| fast | 1.0 | batched | 64 | 2 k | 4 | 12,345 |" in text
    assert "| gone |  | not installable here: no such package |  | - |  |  |" in text


def test_a_peer_is_matched_with_our_rate_in_the_same_mode():
    own = peers.Row("dispatchgym", "0.1.0", "make_vec", "batch", "graph", 64, 8000.0, 1)
    peer = peers.Row("fast", "1.0", "batched", "batch", "graph", 64, 2000.0)
    rows = peers.with_ratios([own, peer, replace(peer, copies=1)])
    assert rows == [replace(peer, ours=8000.0), replace(peer, copies=1), own]


def test_of_several_passes_the_fastest_row_counts_for_peers_and_for_ours():
    peer = peers.Row("fast", "1.0", "batched", "batch", "graph", 64)
    own, gone = replace(peer, peer="dispatchgym"), peers.Row("gone", "", "not installable here: no such package")
    passes = [[replace(peer, rate=p, bytes=12), gone, replace(own, rate=o)] for p, o in ((2.0, 7.0), (3.0, 8.0), (1.0, 6.0))]
    assert peers.fastest(passes) == [replace(peer, rate=3.0, bytes=12), gone, replace(own, rate=8.0)]


def test_a_failing_peer_gives_its_last_complaint(tmp_path):
    broken = peers.Peer("broken", "play_jssenv.py", ())
    (tmp_path / "broken" / "bin").mkdir(parents=True)
    (tmp_path / "broken" / "installed").touch()
    python = tmp_path / "broken" / "bin" / "python"
    python.write_text("#!/bin/sh\ncase $1 in -c) echo 9.9;; *) echo first >&2; echo 'no module' >&2; exit 1;; esac\n")
    python.chmod(0o755)
    pool = workloads.draw_pool(2, 2, 0)
    assert peers.rows_of(broken, tmp_path, pool[0], 0.1) == [peers.Row("broken", "9.9", "does not run here: no module")]


def test_two_checkouts_are_timed_in_turns(monkeypatch):
    monkeypatch.setattr(paired, "TIMINGS", 4)
    words = throughput.parse(["--families", "blocking", "--sizes", "3x2", "--batches", "2", "--seconds", "1e-3"])
    pairs = paired.measure(trees.HERE, throughput.shared(words), 1, 0.0, lambda text: None)
    assert {pair.figures[paired.HERE].face for pair in pairs.values()} == {
        f"{face} {name}" for face in ("make_vec", "memory") for name in workloads.BLOCKING
    }
    for pair in pairs.values():
        assert pair.figures.keys() == {paired.HERE, paired.OTHER}
        timed = 0 if pair.figures[paired.HERE].unit == "bytes" else 4
        assert {side: len(rates) for side, rates in pair.rates.items()} == {paired.HERE: timed, paired.OTHER: timed}
        assert len(pair.rounds) == timed / 2
        assert pair.ratio() > 0


def test_low_figures_are_measured_in_further_passes_until_they_are_low_no_more(monkeypatch):
    asked = []

    def one_pass(other, arguments, number, wanted):
        asked.append(wanted)
        for copies in (1, 2) if wanted is None else (2,):
            both = {side: figure(100.0, copies) for side in (paired.HERE, paired.OTHER)}
            yield both, {paired.HERE: [9.0 if copies == 2 and number < 2 else 10.0] * 8, paired.OTHER: [10.0] * 8}

    monkeypatch.setattr(paired, "one_pass", one_pass)
    pairs = paired.measure(trees.HERE, [], 1, 0.95, lambda text: None)
    assert asked == [None, {1}, {1}, {1}]
    assert [len(pair.rounds) for pair in pairs.values()] == [4, 16]
    asked.clear()
    paired.measure(trees.HERE, [], 1, 0.0, lambda text: None)
    assert asked == [None]


def test_a_round_is_four_timings_and_the_middle_half_of_the_rounds_counts():
    assert paired.rounds([2.0, 4.0, 9.0], [1.0, 2.0, 9.0]) == [2.0]
    assert paired.rounds([3.0], [2.0]) == [1.5]
    assert paired.middle([1.0, 2.0, 8.0, 100.0]) == pytest.approx(4.0)


def test_a_ratio_has_the_interval_of_the_bootstrap():
    pytest.importorskip("scipy")
    pair = paired.Pair(
        {side: figure(100.0, 1) for side in (paired.HERE, paired.OTHER)}, rounds=[0.98, 1.0, 1.02, 1.04] * 8 + [9.0]
    )
    low, high = map(float, pair.interval().split(" to "))
    assert low < pair.ratio() < high
    assert high - low < 0.04  # one wild round counts for nothing
    assert paired.table({"x": pair}, 0.97)[0].rows[0][3:5] == (f"{pair.ratio():.3f}", pair.interval())
    assert paired.Pair().interval() == ""


def test_figures_that_are_not_low_are_skipped_and_slow_ones_have_fewer_timings():
    ready, slow = {"figure": {}}, paired.PATIENCE + 1
    at = [SimpleNamespace(event=ready, number=n) for n in range(2)]
    assert [paired.answer(worker, at, {1}) for worker in at] == ["skip", "go"]
    for count, spent, told in (
        (paired.TIMINGS, 0.0, "enough"),
        (paired.AT_LEAST, slow, "enough"),
        (2, slow, "go"),
        (20, 0.0, "go"),
    ):
        worker = SimpleNamespace(event={"rate": 1.0}, rates=[1.0] * (count + 1), spent=0.0)
        assert paired.answer(worker, [worker, SimpleNamespace(spent=spent)], None) == told


@pytest.mark.parametrize(("floor", "status"), [("0.97", 1), ("0.8", 0), ("0", 0)])
def test_the_floor_decides_between_two_checkouts(floor, status, tmp_path, monkeypatch, capsys):
    fast, slow, small = paired.Pair(), paired.Pair(), paired.Pair()
    both = {side: figure(100.0) for side in (paired.HERE, paired.OTHER)}
    fast.add(both, {paired.HERE: [5.0, 5.0], paired.OTHER: [4.0, 4.0]})
    slow.add({side: replace(f, copies=2) for side, f in both.items()}, {paired.HERE: [9.0, 9.0], paired.OTHER: [10.0, 10.0]})
    small.add({side: figure(8.0, unit="bytes") for side in both}, {side: [] for side in both})
    pairs = {"fast": fast, "slow": slow, "small": small}
    monkeypatch.setattr(paired, "measure", lambda *arguments: pairs)
    out = ["--out", str(tmp_path / "run")]
    assert throughput.main(["--compare", str(tmp_path), "--floor", floor, *out]) == status
    said = capsys.readouterr().out
    assert ("1 of 3 figures are below" in said) == bool(status)
    assert "| least: slow |  |  | 0.900 |  |" in (tmp_path / "run.md").read_text()
    assert len(results_file.load_figures(tmp_path / "run.json")[1]) == 3


@pytest.mark.parametrize("benchmark", [throughput, first_use])
def test_a_folder_that_is_no_checkout_is_refused(benchmark, tmp_path, capsys):
    assert benchmark.main(["--compare", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "is no checkout" in said
    assert said.count("\n") == 1


def test_a_checkout_whose_measurement_fails_is_named(tmp_path):
    with pytest.raises(InputError, match="ended with status 3"):
        trees.answer(trees.HERE, "raise SystemExit(3)", [])


def test_the_first_use_is_measured_in_a_process_of_its_own(tmp_path):
    words = {"jobs": 4, "machines": 3, "pool": 2, "device": "python"}  # nothing to compile
    told = json.loads(trees.answer(trees.HERE, first_use.CHILD, [first_use.PREFIX + "JobShop-v0", json.dumps(words)]))
    assert told["imports"] > 0
    assert 0 < told["cpu"] < 30


def test_first_uses_are_cold_and_then_warm_and_of_all_passes_the_least_counts(tmp_path, monkeypatch):
    folders = []

    def answer(tree, text, arguments, NUMBA_CACHE_DIR):
        folders.append(NUMBA_CACHE_DIR)
        slow = 2.0 if tree == trees.HERE else 1.0
        cpu = slow * (10.0 if folders.count(NUMBA_CACHE_DIR) == 1 else 0.5) + len(folders)
        return json.dumps({"imports": 3.0, "cpu": cpu, "wall": 20.0})

    monkeypatch.setattr(trees, "answer", answer)
    monkeypatch.setattr(trees, "interpreter", lambda tree: tree)
    out = tmp_path / "first_use"
    assert first_use.main(["--families", "jobshop", "--passes", "2", "--compare", str(tmp_path), "--out", str(out)]) == 0
    rows = json.loads(out.with_suffix(".json").read_text())["rows"]
    assert {(row["observation"], row["tree"]) for row in rows} == {
        (observation, tree) for observation in ("graph", "candidates") for tree in ("here", "other")
    }
    assert rows[0] == asdict(first_use.Row("jobshop", "", "graph", "here", 3.0, 21.0, 3.0, 20.0))
    assert "| jobshop | graph | 3.0 | 21.0 | 3.00 | 20.0 | 13.0 |" in out.with_suffix(".md").read_text()


def test_every_environment_with_a_graph_has_a_first_use():
    known = {name.removeprefix("dispatchgym/") for name in gymnasium.registry if name.startswith("dispatchgym/")}
    assert {mode.id for mode in first_use.MODES} == {name for name in known if "Flat" not in name}
