"""evaluate.py for streams of jobs and static graphs: names, measures, tables, policies, and the page about them."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from benchmarks import soc as benchmark
from benchmarks.markdown_blocks import replaced
from dispatchgym import evaluate, families
from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.baselines.method import parse_method
from dispatchgym.baselines.soc.static import methods as static
from dispatchgym.baselines.soc.streams import methods as streaming
from dispatchgym.envs.core.columns import markdown_table
from dispatchgym.envs.core.face import GRAPH_ONLY
from dispatchgym.envs.soc.check import measure
from dispatchgym.envs.soc.env import StaticKeywords, StreamKeywords
from dispatchgym.envs.soc.layout import Candidate, Context, ResourceNode, RunsOn, TaskNode
from dispatchgym.envs.soc.problem import GOALS, MODES, SocProblem
from dispatchgym.evaluation import plots, report
from dispatchgym.evaluation import results as record
from dispatchgym.families import arrivals_chart as sweep
from dispatchgym.families.chips import StreamOptions
from dispatchgym.family import Column, digest
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.instance import StaticDag, Stream
from dispatchgym.policies import prepare
from tests.agents.trainings import SEARCHED

SOC, STATIC = families.load("soc"), families.load("static-dag")
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "soc.md").read_text()
SHORT = StreamOptions(scale=(25.0, 50.0), horizon=600, streams=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with two rules on three streams at two mean gaps, with pictures of the first two schedules."""
    out = tmp_path_factory.mktemp("run") / "out"
    asked = evaluate.Options(("gym-ds3-5",), ("etf", "met"), out, extra=SHORT, compare_with="etf", plot=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "LIMIT", 2)
        evaluate.evaluate(SOC, asked)
    return out


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Folders of policies with random weights, by problem."""
    folder = tmp_path_factory.mktemp("policies")
    for name in ("soc", "static-dag"):
        policy = Policy(PolicyConfig(SocProblem.features, 8, 1, 8))
        checkpoint.save_policy(folder / name, policy, policy.state_dict(), {"problem": name})
    return folder


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def made_up(name: str, method: str, latency: float | None, jobs: int = 90, seconds: float = 0.1) -> record.Row:
    metrics = {"completed": jobs, "p95_latency": 150.0, "utilisation": 0.5, "energy": 7.0, "tasks": 1000, "rate": 40.0}
    row = dict.fromkeys(("lower_bound", "best_known", "lower_bound_known", "gap", "builder", "reason"))
    row |= {
        "instance": name,
        "method": method,
        "group": ["gym-ds3-5", ""],
        "seconds": seconds,
        "cpu_seconds": 0.002,
        "clock": "cpu",
    }
    objective = None if latency is None else round(1000 * latency)
    return {**row, "objective": objective, "status": "feasible", "metrics": {**metrics, "throughput": 18.0}, "notes": {}}


def test_a_request_becomes_streams_of_every_combination():
    request = StreamOptions(scale=(25.0, 50.0), queue=(3, 4), noise=(0.3,), horizon=600, streams=2)
    names = SOC.expand(["gym-ds3-5"], request)
    options = ["noise=0.3,horizon=600", "queue=4,noise=0.3,horizon=600"]
    options += ["scale=50,noise=0.3,horizon=600", "queue=4,scale=50,noise=0.3,horizon=600"]
    assert names == [f"gym-ds3-5,{words}/s{n}" for words in options for n in range(2)]
    assert [SOC.load(name).name for name in names] == names


def test_a_name_that_says_its_numbers_keeps_them_and_takes_options():
    request = StreamOptions(scale=(50.0,), streams=2)
    assert SOC.expand(["gym-ds3-5/s7", "gym-ds3-10,uncapped/s3..s4", "gym-ds3-1"], request) == [
        "gym-ds3-5,scale=50/s7",
        *("gym-ds3-10,scale=50,uncapped/s3", "gym-ds3-10,scale=50,uncapped/s4"),
        *("gym-ds3-1,scale=50/s0", "gym-ds3-1,scale=50/s1"),
    ]
    assert len(SOC.expand(["gym-ds3-5"])) == 20
    assert SOC.group("", SOC.load("gym-ds3-5,queue=4,uncapped/s1")) == ("gym-ds3-5", "queue=4, uncapped")


def test_graphs_are_grouped_by_set_share_of_data_and_size():
    groups = {what: STATIC.group(what, STATIC.load(what)) for what in ("top-01", "topcuoglu-10", "wifi-rx@wireless-16")}
    assert groups == {"top-01": ("top", "10x3"), "topcuoglu-10": ("worked", "10x3"), "wifi-rx@wireless-16": ("own", "34x16")}
    (name,) = STATIC.expand(["topcuoglu/v20/ccr5/s1"], None)
    assert STATIC.group(name, STATIC.load(name)) == ("topcuoglu ccr5", "20x8")
    assert STATIC.group("mine.json", STATIC.load("top-02")) == ("files", "10x3")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("soc --instances gym-ds3-5 --methods etf --streams 0", "--streams 0 is not between 1 and"),
        ("soc --instances gym-ds3-5,scale=50 --methods etf --scale 30", "options 'scale=50' and 'scale=30' both set scale"),
        ("soc --instances gym-ds3-5 --methods etf --queue 0", "cap of 0 jobs"),
        ("soc --instances gym-ds3-5 --methods etf --noise 3", "noise 3.0 is not between 0 and 2"),
        ("soc --instances top-01 --methods etf", "top-01: is a static graph, not a stream"),
        ("soc --instances gym-ds3-5 --methods heft", "unknown 'heft'"),
        ("soc --instances gym-ds3-5 --methods policy:x32", "would use knowledge of the future"),
        ("soc --instances gym-ds3-5 --methods policy:beam=4", "would use knowledge of the future"),
        ("soc --instances gym-ds3-5 --methods policy:temperature=2", "does not apply to 'policy'; valid: @PATH"),
        ("static-dag --instances gym-ds3-5/s0 --methods heft", "is a stream, not a static graph"),
        ("static-dag --instances top-01 --methods heft --scale 30", "--scale is an option of 'soc', not of 'static-dag'"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(words, said, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([*words.split(), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("problem", [families.load(name) for name in families.NAMES], ids=lambda problem: problem.name)
def test_the_examples_of_the_help_can_be_run(problem, monkeypatch):
    monkeypatch.setattr("dispatchgym.policies.fingerprint", prepare)
    for _, command in problem.examples:
        words = shlex.split(command)
        methods = list(itertools.takewhile(lambda word: not word.startswith("--"), words[words.index("--methods") + 1 :]))
        assert methods
        for method in methods:
            problem.validate(method)


def test_every_number_is_the_referees(finished):
    rows = lines(finished)
    assert len(rows) == 2 * 2 * 3
    with record.Results(finished, "soc", resume=True) as results:
        for row in rows:
            instance, log = SOC.load(row["instance"]), SOC.schedule(results.read_schedule(row))
            found = measure(instance, log)
            assert row["objective"] == SOC.check(instance, log) == int(1000 * found.mean_latency + 1e-6)
            told = row["metrics"]
            assert told["p95_latency"] == found.p95_latency
            assert told["completed"] == found.completed
            assert told["energy"] == pytest.approx(found.energy / 1000)
            assert told["utilisation"] == pytest.approx(np.mean(found.utilisation), abs=1e-6)
            assert told["tasks"] == (log.start >= 0).sum()
            assert told["rate"] == 1000 / instance.workload.scale


def test_tables_have_latency_with_its_interval_and_jobs_in_one_cell(finished):
    rows, text = lines(finished), (finished / "table.md").read_text()
    mine = [row for row in rows if row["method"] == "met" and "scale=50" in row["instance"]]
    latency = [row["objective"] / 1000 for row in mine]
    half = 4.3027 * np.std(latency, ddof=1) / 3**0.5
    cell = f"{np.mean(latency):.1f} ±{half:.1f} / {np.mean([row['metrics']['completed'] for row in mine]):.1f}"
    overview = text.split("**by workload**")[1].split("\n\n")[1].splitlines()
    assert overview[0] == "| method | gym-ds3-5 horizon=600 | gym-ds3-5 scale=50,horizon=600 | us/task | time |"
    assert cell in overview[3]
    assert "mean latency, us / jobs" in text.splitlines()[0]
    assert "bounds:" not in text
    assert "optimal" not in text
    assert "**gym-ds3-5,scale=50,horizon=600**" in text
    assert "| p95 | busy % | uJ | us/task | time |" in text
    assert any(line.startswith("| met | gym-ds3-5,horizon=600 |") and line.endswith("| 3 | 3 |") for line in text.splitlines())


def test_pictures_are_schedules_and_latency_against_rate(finished):
    drawn = sorted(path.name for path in (finished / "plots").iterdir())
    assert drawn == [
        "latency-against-rate.png",
        *(f"schedule-{record.file_name('gym-ds3-5,horizon=600/s0', method)}.png" for method in ("etf", "met")),
    ]


def test_intervals_are_students_over_the_streams_and_missing_answers_are_starred():
    rows = [made_up(f"gym-ds3-5/s{n}", "etf", x, jobs=90 + n) for n, x in enumerate((100.0, 110.0, 120.0))]
    rows += [made_up("gym-ds3-5/s0", "met", 100.0), made_up("gym-ds3-5/s1", "met", None)]
    (grid,) = report.build(SOC, rows, []).grids
    assert grid.rows[0][1] == "110.0 ±24.8 / 91.0"  # 4.3027 * 10 / sqrt(3)
    assert grid.rows[1][1] == "100.0 / 90.0*"
    assert grid.rows[0][-2:] == ["2.00", "2 ms"]  # 0.002 s for 1000 tasks
    assert grid.best == {(0, 1)}


def test_a_measure_without_values_is_a_dash():
    assert Column("x", lambda row: None).text([made_up("gym-ds3-5/s0", "etf", 100.0)]) == "-"
    assert SOC.format_objective(115678) == "115.68"
    assert STATIC.format_objective(73) == "73"


def test_a_log_without_a_counted_job_has_no_latencies():
    instance = SOC.load("gym-ds3-5,horizon=20/s0")
    result = streaming.solve(instance, "etf")
    pair = record.Pair(instance, digest(instance), ("gym-ds3-5", ""), parse_method("etf"))
    row = record.judge(SOC, pair, result, cpu_seconds=0.1, seed=0, cores=1, version="1")
    assert (row["objective"], row["metrics"]["completed"], row["metrics"]["mean_latency"]) == (20_000, 0, None)
    assert "NaN" not in json.dumps(row)


def test_curves_are_by_workload_and_rate():
    rows = [made_up(f"gym-ds3-5,queue=4{scale}/s{n}", "etf", 100.0 + n) for scale in ("", ",scale=50") for n in range(2)]
    for row in rows[2:]:
        row["metrics"] = {**row["metrics"], "rate": 20.0}
    (curve,) = sweep.curves(rows)
    assert (curve.workload, curve.method) == ("gym-ds3-5,queue=4", "etf")
    assert [(point.rate, point.streams, point.latency) for point in curve.points] == [(20.0, 2, 100.5), (40.0, 2, 100.5)]
    assert curve.points[0].per_task == pytest.approx(2.0)
    figure = sweep.chart([curve], plots.styles(["etf"]))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["gym-ds3-5,queue=4", ""]
    assert SOC.charts is not None
    assert SOC.charts(rows, plots.styles(["etf"])).keys() == {"latency-against-rate"}
    assert SOC.charts(rows[:2], plots.styles(["etf"])) == {}


def test_static_graphs_have_gaps_where_an_optimum_is_known_and_slr_elsewhere(tmp_path):
    names = ("topcuoglu-10", "topcuoglu/v20/ccr1/s0..s1")
    rows = evaluate.evaluate(STATIC, evaluate.Options(names, ("heft", "peft"), tmp_path / "out"))
    dag = STATIC.load("topcuoglu/v20/ccr1/s0")
    first = next(row for row in rows if row["instance"] == dag.name and row["method"] == "heft")
    assert first["metrics"]["slr"] == pytest.approx(static_slr(dag, first["objective"]), abs=1e-6)
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| method | worked 10x3 | topcuoglu ccr1 20x8 SLR | makespan | SLR | speedup | optimal | time |" in text
    assert f"| heft | {100 * (80 / 73 - 1):.2f} |" in text.replace("*", "")


def static_slr(dag: StaticDag, makespan: int) -> float:
    longest = np.zeros(len(dag.duration))
    for task in reversed(range(len(longest))):  # the generator numbers predecessors first
        after = [longest[b] for a, b, _ in dag.edges.tolist() if a == task]
        longest[task] = dag.duration[task].min() + max(after, default=0)
    return makespan / longest.max()


def test_policies_play_streams_once_and_graphs_as_often_as_asked(untrained):
    instance = SOC.load("gym-ds3-5,horizon=300/s0")
    result = SOC.solve(instance, f"policy@{untrained / 'soc'}")
    assert SOC.check(instance, result.schedule) == result.objective
    assert result.notes["builder"] == "start"
    dag = STATIC.load("topcuoglu-10")
    for options in ("", ":x4", ":beam=2", *SEARCHED):
        found = STATIC.solve(dag, f"policy@{untrained / 'static-dag'}{options}")
        assert STATIC.check(dag, found.schedule) == found.objective
    with pytest.raises(InputError, match="a policy for 'static-dag', not for 'soc'"):
        SOC.solve(instance, f"policy@{untrained / 'static-dag'}")


def test_a_policy_of_other_features_is_refused(tmp_path):
    features = dataclasses.replace(SocProblem.features, candidate=SocProblem.features.candidate - 1)
    policy = Policy(PolicyConfig(features, 8, 1, 8))
    checkpoint.save_policy(tmp_path, policy, policy.state_dict(), {"problem": "soc"})
    with pytest.raises(InputError, match="was trained on other features of soc than this version has"):
        SOC.validate(f"policy@{tmp_path}")


def test_a_stream_is_judged_by_latency_and_played_by_its_presets_policy(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "PRETRAINED", tmp_path)
    (tmp_path / "soc-wireless-16-six").mkdir()
    kind = SOC.trained_by().of_instance(SOC.load("wireless-16-six,scale=100/s0"))
    assert (kind.pretrained, kind.problem.goal, kind.problem.mode) == ("soc-wireless-16-six", "latency", "start")
    assert SOC.trained_by().of_instance(SOC.load("gym-ds3-10/s1")).pretrained == "soc-chips"
    assert STATIC.trained_by().of_instance(STATIC.load("top-01")).pretrained == "static-dag"


def test_no_shipped_policy_is_said_with_the_way_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "PRETRAINED", tmp_path)
    for problem in (SOC, STATIC):
        with pytest.raises(InputError, match=f"no policy for {problem.name} is shipped; train one by 'python train.py"):
            problem.validate("policy")


def test_the_digest_sees_edges_times_bandwidths_and_draws():
    instance = SOC.load("gym-ds3-5,noise=0.3/s0")
    load = instance.workload
    others: list[Stream] = [
        SOC.load("gym-ds3-5,noise=0.3/s1"),
        dataclasses.replace(instance, deviation=instance.deviation + 0.001),
        dataclasses.replace(instance, workload=dataclasses.replace(load, applications=load.applications[::-1])),
        dataclasses.replace(instance, workload=dataclasses.replace(load, platform=soc_catalogue.platform("gym-ds3"))),
    ]
    slower = dataclasses.replace(load.platform, between=load.platform.between * 0.99)
    others.append(dataclasses.replace(instance, workload=dataclasses.replace(load, platform=slower)))
    assert digest(others[3]) == digest(instance) == digest(dataclasses.replace(instance, name="other"))
    assert len({digest(x) for x in (instance, *others)}) == len(others)


def test_the_benchmarks_write_tables_pictures_and_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("".join(f"<!-- soc-{part}:begin -->\n<!-- soc-{part}:end -->\n" for part in benchmark.PARTS))
    common = ["--count", "1", "--methods", "--out", f"{tmp_path}/runs", "--tables", f"{tmp_path}/t", "--page", f"{page}"]
    common += ["--images", f"{tmp_path}/i"]
    common[3:3] = ["heft"]
    benchmark.main(["static", "--instances", "topcuoglu/v20/ccr1/p8", *common])
    common[3] = "etf"
    short = "gym-ds3-5,horizon=300"
    benchmark.main(["streaming", "--instances", short, f"{short},uncapped", *common])
    benchmark.main(["sweep", "--instances", short, f"{short},uncapped", "--scale", "50", "100", *common])
    text = page.read_text()
    assert "python benchmarks/soc.py sweep --instances gym-ds3-5,horizon=300" in text
    assert "images/soc-sweep.png" in text
    assert "**by workload**" in text
    assert {path.name for path in (tmp_path / "t").iterdir()} == {"soc-static.md", "soc-streaming.md", "soc-sweep.csv"}
    assert (tmp_path / "i" / "soc-sweep.png").stat().st_size > 10_000
    rows = list(csv.DictReader((tmp_path / "t" / "soc-sweep.csv").read_text().splitlines()))
    assert {(row["workload"], float(row["rate"])) for row in rows} == {
        (f"gym-ds3-5,{rest}", rate) for rest in ("horizon=300", "horizon=300,uncapped") for rate in (10.0, 20.0)
    }


@pytest.mark.parametrize(
    ("block", "columns"),
    [
        ("soc-candidates", Candidate),
        ("soc-context", Context),
        ("soc-tasks", TaskNode),
        ("soc-resources", ResourceNode),
        ("soc-runs-on", RunsOn),
    ],
)
def test_the_page_has_the_generated_table_of_features(block, columns):
    path = ROOT / "docs" / "soc.md"
    assert replaced(PAGE, block, markdown_table(columns), path) == PAGE


def test_the_page_states_the_shapes_of_the_observation():
    features = SocProblem.features
    assert f"| `candidates` | (K, {features.candidate}) |" in PAGE
    assert f"| `context` | ({features.context},) |" in PAGE
    assert f"| `tasks` | (Z + S T + 1, {features.task}) |" in PAGE
    assert f"| `resources` | (P + 1, {features.resource}) |" in PAGE
    assert f"| `runs_on_features` | (F, {features.runs_on}) |" in PAGE


def test_the_page_names_every_keyword_method_preset_and_option():
    words = (
        *StreamKeywords.words,
        *StaticKeywords.words,
        *MODES,
        *GOALS,
        *StreamKeywords.metrics,
        *StaticKeywords.metrics,
        *GRAPH_ONLY,
    )
    options = [f"--{field.name}" for field in dataclasses.fields(StreamOptions)]
    for name in (*words, *streaming.METHODS, *static.METHODS, *soc_catalogue.PRESETS):
        assert f"`{name}`" in PAGE or f'`"{name}"`' in PAGE, name
    for option in options:
        assert f"`{option}" in PAGE, option
