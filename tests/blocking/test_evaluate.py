"""evaluate.py for blocking shops: names, interruptions, paired differences, and the page about them."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import markdown_blocks as blocks
from dispatchgym import evaluate, families
from dispatchgym.baselines.blocking.methods import METHODS
from dispatchgym.baselines.method import parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.envs.blocking import layout as blocking_layout
from dispatchgym.envs.blocking.env import BlockingKeywords
from dispatchgym.envs.blocking.nowait import layout as nowait_layout
from dispatchgym.envs.core.columns import markdown_table
from dispatchgym.envs.core.face import GRAPH_ONLY
from dispatchgym.evaluation import charts, plots, report
from dispatchgym.evaluation import results as record
from dispatchgym.families.shops import BlockingOptions
from dispatchgym.family import digest
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions, interrupt
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop

BLOCKING = families.load("blocking")
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "blocking.md").read_text()
STATIC = BlockingShop(
    JobShop(np.array([[0, 1], [1, 0]]), np.array([[4, 3], [6, 2]])), name="two/bws", lower_bound=9, best_known=9
)
TRACE = dataclasses.replace(STATIC, down=np.array([[[2, 6]], [[-1, -1]]]), name="two/bws/p0.1/t0")
EXCHANGE = BlockingSchedule(np.array([[0, 6], [0, 6]]))  # 9 ticks
WAITING = BlockingSchedule(np.array([[0, 8], [0, 8]]))  # 11 ticks, with the trace too

# A solver that needs no compilation: one job after another, the shortest or the longest first.
ONE_BY_ONE = """
import numpy as np
from dispatchgym.baselines.result import Result
from dispatchgym.envs.blocking.check import check, processing_end
from dispatchgym.instances.blocking.instance import BlockingSchedule

METHODS = {"spt": "rule: shortest job first", "lpt": "rule: longest job first"}

def check_method(text):
    pass

def solve(instance, method, *, seed, workers):
    shop = instance.shop
    start = np.full(shop.machine.shape, -1, np.int64)
    order = np.argsort(shop.duration.sum(axis=1), kind="stable")
    now = 0
    for j in order if method == "spt" else order[::-1]:
        for k in range(shop.operations[j]):
            for begin, end in instance.down[shop.machine[j, k]].tolist():
                now = end if begin <= now < end else now
            start[j, k] = now
            now = processing_end(instance, int(j), k, now)
    schedule = BlockingSchedule(start)
    return Result(check(instance, schedule), schedule, "feasible", 0.001)
"""


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory):
    """The blocking shop with that solver for `spt` and `lpt`."""
    folder = tmp_path_factory.mktemp("solver")
    (folder / "one_by_one.py").write_text(ONE_BY_ONE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import one_by_one

        yield dataclasses.replace(BLOCKING, methods=one_by_one.__name__)


@pytest.fixture(scope="module")
def finished(one_by_one, tmp_path_factory):
    """A folder with two shops, without interruptions and on three traces; and the options that made it."""
    request = BlockingOptions(down_share=(0.0, 0.1), traces=3)
    options = evaluate.Options(("la01", "la06"), ("spt", "lpt"), tmp_path_factory.mktemp("run") / "out", extra=request)
    evaluate.evaluate(one_by_one, options)
    return options


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def judged(instance: BlockingShop, result: Result) -> record.Row:
    pair = record.Pair(instance, digest(instance), ("files", "2x2"), parse_method("spt"))
    return record.judge(BLOCKING, pair, result, cpu_seconds=0.1, seed=0, cores=1, version="1")


def made_up(instance: str, method: str, objective: int | None) -> record.Row:
    row = judged(STATIC, Result(9, EXCHANGE, "feasible", 0.1))
    gap = record.gap(objective, 100)
    return {**row, "instance": instance, "method": method, "objective": objective, "best_known": 100, "gap": gap}


def test_a_request_becomes_names_of_every_variant_share_and_trace():
    request = BlockingOptions(variant=("bws", "bns"), down_share=(0.0, 0.1), traces=2, repair=4.0)
    names = BLOCKING.expand(["la01..la02"], request)
    assert names == [
        *("la01/bws", "la02/bws"),
        *("la01/bws/p0.1,repair=4/t0", "la01/bws/p0.1,repair=4/t1", "la02/bws/p0.1,repair=4/t0", "la02/bws/p0.1,repair=4/t1"),
        *("la01/bns", "la02/bns"),
        *("la01/bns/p0.1,repair=4/t0", "la01/bns/p0.1,repair=4/t1", "la02/bns/p0.1,repair=4/t0", "la02/bns/p0.1,repair=4/t1"),
    ]
    assert [BLOCKING.load(name).name for name in names] == names


def test_a_name_that_says_its_variant_or_trace_is_taken_as_it_is():
    specs = ["la01/bns/p0.1/t7", "la02..la03/nwt", "la04"]
    assert BLOCKING.expand(specs, None) == ["la01/bns/p0.1/t7", "la04/bws", "la02/nwt", "la03/nwt"]
    shares = BlockingOptions(down_share=(0.2,), traces=1)
    assert BLOCKING.expand(["la01/bns/p0.1/t7", "la04/bns"], shares) == ["la01/bns/p0.1/t7", "la04/bns/p0.2/t0"]
    (interrupted,) = BLOCKING.expand(["la02/nwt"], shares)
    with pytest.raises(InputError, match="la02/nwt: a no-wait shop cannot be interrupted"):
        BLOCKING.load(interrupted)


def test_files_are_instances_too(tmp_path):
    (tmp_path / "mine.txt").write_text("1 1\n0 5\n")
    (name,) = BLOCKING.expand([f"{tmp_path}/mine.txt"], BlockingOptions(variant=("bns",)))
    shop = BLOCKING.load(name)
    assert (shop.name, shop.variant) == ("mine/bns", "bns")
    assert BLOCKING.group(name, shop) == ("files", "1x1")


def test_groups_are_sets_and_sizes_of_the_job_shop():
    assert BLOCKING.group("la01/bws/p0.1/t3", BLOCKING.load("la01/bws/p0.1/t3")) == ("la", "10x5")
    assert BLOCKING.group("dmu41/bws", BLOCKING.load("dmu41/bws")) == ("dmu41-80", "20x15")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("blocking --variant bxs", "--variant bxs is not one of bws, bns, nwt"),
        ("blocking --variant nwt --down-share 0 0.1", "--down-share 0.1: a no-wait shop (--variant nwt) cannot be interrupted"),
        ("blocking --down-share 1", "down share 1.0 is not in [0, 1)"),
        ("blocking --down-share -0.1", "down share -0.1 is not in [0, 1)"),
        ("blocking --repair -2", "mean repair time -2.0 is not positive"),
        ("blocking --interruption-mode weibull", "interruption mode 'weibull' is not one of exponential, bernoulli"),
        ("blocking --traces 0", "--traces 0 is not between 1 and"),
        ("blocking --variant", "--variant: nothing is given"),
        ("blocking --compare-with tabu", "--compare-with tabu is not one of --methods spt"),
        ("jobshop --variant bns", "--variant is an option of 'blocking', not of 'jobshop'"),
        ("jobshop --down-share=0.1", "--down-share=0.1 is an option of 'blocking', not of 'jobshop'"),
        ("jobshop --restart", "--restart is an option of 'blocking', not of 'jobshop'"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(words, said, one_by_one, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("dispatchgym.families.blocking.FAMILY", one_by_one)
    problem, *more = words.split()
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([problem, "--instances", "ft06", "--methods", "spt", "--out", str(tmp_path / "out"), *more])
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_every_line_is_named_by_its_trace_and_confirmed_by_its_schedule(finished):
    rows = lines(finished.out)
    shops = [f"{shop}/bws{trace}" for trace in ("", "/p0.1/t0", "/p0.1/t1", "/p0.1/t2") for shop in ("la01", "la06")]
    assert sorted(row["instance"] for row in rows) == sorted(shops * 2)
    with record.Results(finished.out, "blocking", resume=True) as results:
        for row in rows:
            instance = BLOCKING.load(row["instance"])
            stored = results.read_schedule(row)
            assert BLOCKING.check(instance, BLOCKING.schedule(stored)) == row["objective"]
            assert row["gap"] == pytest.approx(100 * (row["objective"] / instance.best_known - 1), abs=1e-4)
    files = [path.name for path in (finished.out / "schedules").iterdir()]
    assert len(files) == len(rows)


def test_resume_adds_traces_and_keeps_what_is_there(one_by_one, finished, tmp_path, capsys):
    first = evaluate.Options(("la01",), ("spt",), tmp_path / "out", extra=BlockingOptions(down_share=(0.1,), traces=2))
    evaluate.evaluate(one_by_one, first)
    before = (tmp_path / "out" / "results.jsonl").read_text()
    more = dataclasses.replace(first, resume=True, extra=BlockingOptions(down_share=(0.1, 0.0), traces=3))
    rows = evaluate.evaluate(one_by_one, more)
    assert [row["instance"] for row in rows] == ["la01/bws/p0.1/t0", "la01/bws/p0.1/t1", "la01/bws/p0.1/t2", "la01/bws"]
    assert (tmp_path / "out" / "results.jsonl").read_text().startswith(before)
    assert "2 of 4 pairs were finished before" in capsys.readouterr().out


def test_the_table_has_a_column_for_each_share_and_compares_in_pairs(finished):
    rows = lines(finished.out)
    text = (finished.out / "table.md").read_text()
    assert "2 instances with 6 traces of interruptions" in text
    assert "**by down share**\n\n| method | bws | bws p0.1 | optimal | time |" in text
    assert "**bws p0.1**\n\n| method | la 10x5 | la 15x5 | all | optimal | time |" in text
    gaps = [row["gap"] for row in rows if row["method"] == "lpt" and "/p0.1/" in row["instance"]]
    assert f"{np.mean(gaps):.2f}" in next(line for line in text.splitlines() if line.startswith("| lpt |")).replace("*", "")
    assert (
        "**paired differences from spt**\n\n| method | level | difference % | 95 % interval | p (Holm) | instances | pairs |"
        in text
    )
    assert any(line.startswith("| lpt | bws p0.1 |") and line.endswith("| 2 | 6 |") for line in text.splitlines())
    assert "best known makespan without interruptions" in text


def test_rules_run_from_the_command_line_with_pictures(tmp_path, capsys):
    words = "blocking --instances ft06 --variant bws bns --down-share 0 0.2 --traces 2 --methods spt mwkr --compare-with mwkr"
    evaluate.main([*words.split(), "--plot", "--out", str(tmp_path / "out")])
    rows = lines(tmp_path / "out")
    assert len(rows) == 2 * 2 * 3
    assert {row["status"] for row in rows} == {"feasible"}
    printed = capsys.readouterr().out
    assert "paired differences from mwkr" in printed
    assert "12 schedule charts" in printed
    assert "paired differences from mwkr" in (tmp_path / "out" / "table.md").read_text()


def test_one_level_needs_no_table_of_levels():
    rows = [made_up(f"{name}/bns", method, 110) for name in ("a", "b") for method in ("spt", "lpt")]
    built = report.build(BLOCKING, rows, [])
    assert [grid.title for grid in built.grids] == ["bns"]
    assert not any("down" in note or "Paired" in note for note in built.notes)
    assert [grid.title for grid in report.build(BLOCKING, rows, [], "lpt").grids] == ["bns", "paired differences from lpt"]


def test_any_family_compares_in_pairs_when_asked_to(tmp_path):
    options = evaluate.Options(("ft06", "la01"), ("spt", "mwkr"), tmp_path / "out", compare_with="mwkr")
    rows = evaluate.evaluate(families.load("jobshop"), options)
    made = {(row["instance"], row["method"]): row["objective"] for row in rows}
    mean = np.mean([100 * (made[name, "spt"] / made[name, "mwkr"] - 1) for name in ("ft06", "la01")])
    table = (tmp_path / "out" / "table.md").read_text().split("**paired differences from mwkr**")[1]
    assert f"| spt | {mean:+.2f} |" in table


def test_a_bound_of_a_trace_may_lie_above_the_best_schedule_without_interruptions():
    proved = Result(11, WAITING, "optimal", 0.1)
    assert judged(TRACE, proved)["status"] == "optimal"
    assert "above the published schedule of 9" in judged(STATIC, proved)["reason"]


def test_what_undercuts_the_static_bound_is_an_error_on_a_trace_too():
    row = judged(dataclasses.replace(TRACE, lower_bound=12, best_known=12), Result(11, WAITING, "feasible", 0.1))
    assert row["reason"].startswith("11 undercuts the published bound 12")


def test_a_trace_that_allows_less_than_the_best_known_makespan_is_a_record():
    assert judged(dataclasses.replace(TRACE, best_known=12), Result(11, WAITING, "feasible", 0.1))["record"]


def test_the_anytime_chart_calls_the_published_value_undisturbed_on_a_trace():
    for instance, label in ((STATIC, "optimum 9"), (TRACE, "optimum undisturbed 9")):
        figure = charts.anytime(BLOCKING, instance, {"spt": [(0.1, 11, None)]}, plots.styles(["spt"]))
        assert label in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_digest_sees_the_job_shop_the_trace_and_the_law_but_not_the_names():
    shop = dataclasses.replace(STATIC.shop, name="other", best_known=9)
    assert digest(STATIC) == digest(dataclasses.replace(STATIC, shop=shop, name="other", best_known=None))
    longer = JobShop(STATIC.shop.machine, STATIC.shop.duration + 1)
    law = Interruptions(0.3, restart=True)
    others = [
        TRACE,
        dataclasses.replace(STATIC, shop=longer),
        dataclasses.replace(STATIC, variant="bns"),
        interrupt(STATIC, law, 1),
    ]
    others += [dataclasses.replace(TRACE, interruptions=law), interrupt(STATIC, law, 2)]
    assert len({digest(x) for x in (STATIC, *others)}) == len(others) + 1


def test_names_with_strokes_become_file_names_without_them():
    names = [record.file_name(f"la01/bws{x}", "spt") for x in ("", "/p0.1/t0", "/p0.1_t0", "_p0.1/t0")]
    assert len(set(names)) == 4
    assert all("/" not in name for name in names)


def test_a_request_is_checked_where_it_is_used():
    with pytest.raises(InputError, match="is not in"):
        BLOCKING.expand(["la01"], BlockingOptions(down_share=(2.0,)))
    assert [law.down_share for law in BlockingOptions(down_share=(0.0, 0.2)).laws()] == [0.0, 0.2]
    assert not blocking_catalogue.load("la01/bws").interrupted


@pytest.mark.parametrize(("prefix", "layout"), [("blocking", blocking_layout), ("nowait", nowait_layout)])
def test_the_page_shows_the_features_of_the_layout(prefix, layout):
    for name, columns in (
        ("candidates", layout.Candidate),
        ("context", layout.Context),
        ("tasks", layout.TaskNode),
        ("resources", layout.ResourceNode),
        ("runs-on", layout.RunsOn),
    ):
        assert blocks.replaced(PAGE, f"{prefix}-{name}", markdown_table(columns), Path("docs/blocking.md")) == PAGE, name


def test_every_key_method_keyword_and_option_is_described():
    options = [f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(BlockingOptions)]
    for name in (*GRAPH_ONLY, "action_mask", "candidates", "context", *METHODS, *BlockingKeywords.words):
        assert f"`{name}`" in PAGE, name
    for option in (*options, "--compare-with"):
        assert f"`{option}" in PAGE, option


def test_the_blocks_that_scripts_fill_are_there():
    for name in ("blocking-static", "blocking-interrupted"):
        blocks.replaced(PAGE, name, "", Path("docs/blocking.md"))


def test_what_the_page_says_is_proved_is_what_the_bounds_say():
    with (ROOT / "instances" / "data" / "blocking" / "bounds.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for variant in ("bws", "bns", "nwt"):
        mine = [row for row in rows if row["variant"].lower() == variant]
        proved = sum(row["lower"] == row["upper"] for row in mine)
        assert re.search(rf"\| `{variant}` \| {len(mine)}\b.* \| {proved}: ", PAGE), variant
