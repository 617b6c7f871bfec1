"""evaluate.py for packings and memory mapping: names, capacities, measures, tables, bad input, and the page about them."""

from __future__ import annotations

import copy
import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from benchmarks import memory as benchmark
from benchmarks.markdown_blocks import replaced
from dispatchgym import evaluate, families
from dispatchgym.baselines.memory.map import methods as mapping
from dispatchgym.baselines.memory.pack import methods as packing
from dispatchgym.envs.core.columns import markdown_table
from dispatchgym.envs.core.face import GRAPH_ONLY
from dispatchgym.envs.memory.map import layout as map_layout
from dispatchgym.envs.memory.map.check import measure as measure_program
from dispatchgym.envs.memory.map.env import MapKeywords
from dispatchgym.envs.memory.map.problem import ACTIONS
from dispatchgym.envs.memory.pack import layout as pack_layout
from dispatchgym.envs.memory.pack.check import check as check_packing
from dispatchgym.envs.memory.pack.check import measure as measure_packing
from dispatchgym.envs.memory.pack.env import PackKeywords
from dispatchgym.envs.memory.pack.problem import GOALS
from dispatchgym.evaluation import plots, report
from dispatchgym.evaluation import results as record
from dispatchgym.families.buffers import MemoryOptions
from dispatchgym.family import digest
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.instance import MemoryProgram, Packing, all_slow, peak

PACK, MAP = families.load("memory-pack"), families.load("memory-map")
PAGE_PATH = Path(__file__).resolve().parents[2] / "docs" / "memory.md"
PAGE = PAGE_PATH.read_text()
MAPPERS = ("all-slow", "xla", "xla:x4", "random", "hill:evaluations=50", "cpsat:2s")
PACKERS = ("size", "best-of-8", "random:x4", "hill:evaluations=50", "branch:1s,goal=height")
DRAWN = 2  # charts of each kind
GOOD: dict[str, Any] = {
    "format": "dispatchgym-memory-program",
    "version": 1,
    "name": "two",
    "capacity": 64,
    "alignment": 1,
    "slow_rate": 10**9,
    "fast_read_rate": 10**10,
    "fast_write_rate": 10**10,
    "instructions": [{"compute": 5}, {"compute": 6}],
    "buffers": [
        {"size": 8, "define": -1, "access": [[0, 8, "r"]]},
        {"size": 8, "define": 0, "access": [[0, 8, "w"], [1, 8, "r"]]},
        {"size": 8, "define": 1, "access": [[1, 8, "w"]], "output": True},
    ],
}


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A folder with every kind of method on two programs at two capacities, with pictures of the first."""
    out = tmp_path_factory.mktemp("map") / "out"
    words = "memory-map --instances layered/t8/s0 layered/t8/p4/s1 --capacity 4MiB 16MiB --compare-with xla --plot"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "LIMIT", DRAWN)
        evaluate.main([*words.split(), "--methods", *MAPPERS, "--out", str(out)])
    return out


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The same of packings with a known optimum, one without a capacity, and one in a file."""
    folder = tmp_path_factory.mktemp("pack")
    (folder / "mine.9.csv").write_text("id,lower,upper,size,alignment,gaps\na,0,9,4,2,3-5\nb,3,5,4,1,\nc,0,2,3,1,\nd,6,9,3,4,\n")
    words = f"memory-pack --instances minimalloc-example random/n12/s0 guillotine/n16/s1 {folder}/mine.9.csv --plot"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "LIMIT", DRAWN)
        evaluate.main([*words.split(), "--methods", *PACKERS, "--out", str(folder / "out")])
    return folder / "out"


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def test_every_latency_and_measure_is_the_referees(mapped):
    rows = lines(mapped)
    assert len(rows) == len(MAPPERS) * 4
    with record.Results(mapped, "memory-map", resume=True) as results:
        for row in rows:
            program, plan = MAP.load(row["instance"]), MAP.schedule(results.read_schedule(row))
            found, told = measure_program(program, plan), row["metrics"]
            assert row["referee"] == "ok"
            assert row["objective"] == MAP.check(program, plan) == found.latency
            assert told["relative"] == pytest.approx(found.latency / all_slow(program), abs=1e-6)
            assert told["speedup"] == pytest.approx(all_slow(program) / found.latency, abs=1e-6)
            assert told["over_bound"] == pytest.approx(found.latency / program.lower_bound, abs=1e-6)
            assert {name: told[name] for name in ("stalled", "slow_bytes", "copied_bytes", "height")} == {
                name: getattr(found, name) for name in ("stalled", "slow_bytes", "copied_bytes", "height")
            }
    proved = [row for row in rows if row["method"] == "cpsat:2s"]
    assert all(row["status"] == "optimal" and row["lower_bound"] == row["objective"] for row in proved)
    best = {row["instance"]: row["objective"] for row in proved}
    assert all(row["objective"] >= best[row["instance"]] for row in rows)


def test_every_height_and_measure_is_the_referees(packed):
    rows = lines(packed)
    assert len(rows) == len(PACKERS) * 4
    mine = next(packed.parent.glob("*.csv"))
    with record.Results(packed, "memory-pack", resume=True) as results:
        for row in rows:
            instance = PACK.load(str(mine) if row["instance"] == "mine" else row["instance"])
            plan = PACK.schedule(results.read_schedule(row))
            found = measure_packing(dataclasses.replace(instance, capacity=None), plan)
            assert row["objective"] == PACK.check(instance, plan) == found.height
            assert row["metrics"]["ratio"] == pytest.approx(found.height / peak(instance), abs=1e-6)
            fits = None if instance.capacity is None else float(found.height <= instance.capacity)
            assert (row["metrics"]["fits"], row["metrics"]["peak"]) == (fits, peak(instance))
    branch = [row for row in rows if row["method"] == "branch:1s,goal=height"]
    assert all(row["status"] == "optimal" for row in branch)
    best = {row["instance"]: row["objective"] for row in branch}
    assert (best["minimalloc-example"], best["mine"]) == (12, 7)
    assert all(row["objective"] >= best[row["instance"]] for row in rows)


def test_tables_of_programs_have_a_column_for_each_kind_and_capacity(mapped):
    text = (mapped / "table.md").read_text()
    assert text.startswith("memory mapping of programs: mean latency/all-slow")
    heads = [f"layered {kind},capacity=4MiB" for kind in ("t8", "t8 p4")]
    first = next(line for line in text.splitlines() if line.startswith("| method | layered"))
    for head in heads:
        assert f"| {head.replace(',', ' ')} latency/all-slow |" in first
    assert "| latency/all-slow | speedup | over bound | optimal | time |" in first
    assert "| all-slow | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 1.000 |" in text.replace("*", "")
    assert "paired differences from xla" in text
    row = next(line for line in text.splitlines() if line.startswith("| cpsat:2s |"))
    assert "| 4/4 |" in row


def test_tables_of_packings_have_gaps_where_a_height_is_published_and_ratios_elsewhere(packed):
    text = (packed / "table.md").read_text()
    first = next(line for line in text.splitlines() if line.startswith("| method |"))
    assert "| files minimalloc-example | random n12 height/peak | guillotine n16 | files mine height/peak | all |" in first
    assert first.endswith("| height/peak | fits | optimal | time |")
    assert "| 4/4 |" in next(line for line in text.splitlines() if line.startswith("| branch:1s,goal=height |"))


def test_maps_and_curves_are_drawn(mapped, packed):
    for out in (mapped, packed):
        drawn = [path.name for path in (out / "plots").iterdir()]
        assert sum(name.startswith("schedule-") for name in drawn) == DRAWN
        assert sum(name.startswith("anytime-") for name in drawn) == DRAWN
        assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in (out / "plots").iterdir())


def test_finished_pairs_are_not_solved_again(mapped, capsys):
    words = "memory-map --instances layered/t8/s0 --capacity 4MiB --methods all-slow xla --resume"
    before = (mapped / "results.jsonl").read_text()
    evaluate.main([*words.split(), "--out", str(mapped)])
    assert "2 of 2 pairs were finished before" in capsys.readouterr().out
    assert (mapped / "results.jsonl").read_text() == before


def test_each_capacity_is_an_instance_of_its_own():
    asked = MemoryOptions(capacity=("4MiB", "1048576"))
    names = MAP.expand(["unet-b1", "layered/t9/s1..s2", "unet-b1,capacity=512KiB"], asked)
    assert names == [
        *("unet-b1,capacity=4MiB", "layered/t9/s1,capacity=4MiB", "layered/t9/s2,capacity=4MiB", "unet-b1,capacity=512KiB"),
        *("unet-b1,capacity=1MiB", "layered/t9/s1,capacity=1MiB", "layered/t9/s2,capacity=1MiB"),
    ]
    assert [MAP.load(name).capacity for name in names] == [*[4 * 2**20] * 3, 2**19, *[2**20] * 3]
    assert MAP.expand(["unet-b1"], MemoryOptions(capacity=("16MiB",))) == MAP.expand(["unet-b1"]) == ["unet-b1"]
    assert PACK.load(PACK.expand(["A"], asked)[0]).capacity == 4 * 2**20


def test_a_capacity_applies_to_files_too(tmp_path):
    (tmp_path / "two.json").write_text(json.dumps(GOOD))
    (name,) = MAP.expand([str(tmp_path / "two.json")], MemoryOptions(capacity=("1KiB",)))
    assert (MAP.load(name).capacity, MAP.load(name).name) == (1024, "two,capacity=1KiB")
    assert MAP.group(name, MAP.load(name)) == ("files", "two,capacity=1KiB")


def test_instances_are_grouped_by_set_or_by_generator():
    names = MAP.expand(["unet-b1", "vit-b1,capacity=4MiB", "layered/t9/p2/s1"])
    assert [MAP.group(name, MAP.load(name)) for name in names] == [
        ("programs-test", "unet-b1"),
        ("programs-train", "vit-b1\ncapacity=4MiB"),
        ("layered t9 p2", ""),
    ]
    assert PACK.group("K", PACK.load("K")) == ("minimalloc", "K")
    (name,) = PACK.expand(["guillotine/n20/s3,capacity=2MiB"])
    assert PACK.group(name, PACK.load(name)) == ("guillotine n20", "capacity=2MiB")


def changed(change: dict[str, Any]) -> str:
    """GOOD with `change`: {"buffers.1.alias": 2} sets the alias of buffer 1."""
    data = copy.deepcopy(GOOD)
    for path, value in change.items():
        *into, last = path.split(".")
        part: Any = data
        for name in into:
            part = part[int(name)] if isinstance(part, list) else part[name]
        part[last] = value
    return json.dumps(data)


PROGRAMS = {
    "cycle": ({"buffers.1.alias": 2, "buffers.2.alias": 1}, "cycle.json: two: buffer 1: alias 2 leads back to itself"),
    "early": ({"buffers.2.access": [[0, 8, "r"], [1, 8, "w"]]}, "access in instruction 0 is before its definition in 1"),
    "large": ({"buffers.0.size": 65, "buffers.0.pin": "fast"}, "large.json: two: buffer 0: size 65 is above the capacity 64"),
    "rate": ({"slow_rate": 0}, "rate.json: slow_rate: 0 is not between"),
    "version": ({"version": 2}, "version.json: format and version 'dispatchgym-memory-program 2' are not"),
    "letter": ({"buffers.0.access": [[0, 8, "x"]]}, "letter.json: buffers[0].access[0][2]: 'x' is not one of r, w"),
}
PACKINGS = {
    "tall.5.csv": ("id,lower,upper,size\na,0,3,4\nb,1,2,6\n", "tall.5.csv line 3: buffer b: size 6 is above the capacity 5"),
    "back.csv": ("id,lower,upper,size\na,3,2,4\n", "back.csv line 2: buffer a: upper 2 is not above lower 3"),
    "word.csv": ("id,lower,upper,size\na,3,x,4\n", "word.csv line 2: upper 'x' is not a whole number"),
    "column.csv": ("id,lower,upper,weight\na,3,4,4\n", "column.csv line 1: unknown column 'weight'"),
    "empty.csv": ("", "empty.csv: is empty"),
}
REQUESTS = [
    ("memory-map --instances alexnet-b7 --methods xla", "unknown instance 'alexnet-b7'; did you mean 'alexnet-b8'"),
    ("memory-map --instances A --methods xla", "A: is a packing, not a program"),
    ("memory-pack --instances unet-b1 --methods size", "unet-b1: is a program, not a packing"),
    ("memory-map --instances unet-b1 --methods xlb", "unknown 'xlb'; did you mean 'xla'?"),
    ("memory-map --instances unet-b1 --methods hill:x3", "option x3 does not apply to 'hill'"),
    ("memory-map --instances unet-b1 --methods hill:2s,evaluations=3", "give seconds or evaluations, not both"),
    ("memory-map --instances unet-b1 --methods cpsat:hint=luck", "option hint=luck is not one of xla, all-slow, hill"),
    ("memory-pack --instances A --methods sise", "unknown 'sise'; did you mean 'size'?"),
    ("memory-pack --instances A --methods best-of-8:x2", "option x2 does not apply to 'best-of-8'"),
    ("memory-map --instances unet-b1 --methods xla --capacity 4GB", "option 'capacity=4GB' is not of the form capacity=BYTES"),
    ("memory-map --instances unet-b1 --methods xla --capacity 0", "capacity 0 is not between 1 and"),
    ("memory-pack --instances A --methods size --capacity 1KiB", "buffer 0: size 656384 is above the capacity 1024"),
    ("memory-map --instances unet-b1 --methods xla --streams 2", "--streams is an option of 'soc', not of 'memory-map'"),
    ("jobshop --instances ft06 --methods spt --capacity 1", "not of 'jobshop'"),
]


def refused(words: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says, which must be one line, with status 2 and nothing written."""
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([*words, "--out", str(out)])
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not out.exists()
    return error


@pytest.mark.parametrize(("words", "said"), REQUESTS)
def test_a_request_that_cannot_be_met_is_one_line(words, said, tmp_path, capsys):
    assert said in refused(words.split(), tmp_path / "out", capsys)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wrong_program_file_is_one_line(name, tmp_path, capsys):
    change, said = PROGRAMS[name]
    file = tmp_path / f"{name}.json"
    file.write_text(changed(change))
    assert said in refused(["memory-map", "--instances", str(file), "--methods", "xla"], tmp_path / "out", capsys)


@pytest.mark.parametrize("name", PACKINGS)
def test_a_wrong_packing_file_is_one_line(name, tmp_path, capsys):
    text, said = PACKINGS[name]
    (tmp_path / name).write_text(text)
    assert said in refused(["memory-pack", "--instances", str(tmp_path / name), "--methods", "size"], tmp_path / "out", capsys)


def test_a_file_of_the_other_problem_is_one_line(tmp_path, capsys):
    (tmp_path / "two.json").write_text(json.dumps(GOOD))
    (tmp_path / "mine.csv").write_text("id,lower,upper,size\na,0,3,4\n")
    said = refused(["memory-pack", "--instances", str(tmp_path / "two.json"), "--methods", "size"], tmp_path / "out", capsys)
    assert "two.json: is a program, not a packing" in said
    said = refused(["memory-map", "--instances", str(tmp_path / "mine.csv"), "--methods", "xla"], tmp_path / "out", capsys)
    assert "mine.csv: is a packing, not a program" in said


def test_a_packing_above_its_capacity_has_a_height_and_does_not_fit():
    instance = Packing([0, 0], [2, 2], [3, 3], capacity=4, lower_bound=6)
    (answer,) = {packing.solve(dataclasses.replace(instance, capacity=None), "size").objective}
    plan = packing.solve(instance, "size").schedule
    assert PACK.check(instance, plan) == answer == 6
    assert PACK.metrics is not None
    assert PACK.metrics(instance, plan) == {"ratio": 1.0, "fits": 0.0, "peak": 6}
    with pytest.raises(Exception, match="capacity"):
        check_packing(instance, plan)


def test_a_program_that_takes_no_time_has_measures_without_nan():
    program = MemoryProgram([0], [4], [-1], [[0, 0, 0, 0]], 8, 10**9, 10**9, 10**9)
    plan = mapping.solve(program, "all-slow").schedule
    assert MAP.metrics is not None
    told = MAP.metrics(program, plan)
    assert (told["speedup"], told["relative"], told["over_bound"], told["fast_share"]) == (1.0, 1.0, 1.0, 0.0)
    assert "NaN" not in json.dumps(told)


def test_the_digest_sees_lives_sizes_gaps_rates_and_capacities():
    a = Packing([0, 0], [2, 3], [3, 3])
    others: list[Packing | MemoryProgram] = [
        dataclasses.replace(a, size=[3, 4], lower_bound=None),
        dataclasses.replace(a, gaps=(((0, 1, 0, 0),), ()), lower_bound=None),
        dataclasses.replace(a, capacity=9),
        MAP.load("unet-b1"),
        MAP.load("unet-b1,capacity=4MiB"),
        dataclasses.replace(MAP.load("unet-b1"), slow_rate=10**9, lower_bound=None),
    ]
    assert digest(a) == digest(dataclasses.replace(a, name="other", lower_bound=1, best_known=9))
    assert len({digest(x) for x in (a, *others)}) == 1 + len(others)


def test_the_benchmarks_write_tables_and_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("".join(f"<!-- memory-{part}:begin -->\n<!-- memory-{part}:end -->\n" for part in benchmark.PARTS))
    common = ["--out", f"{tmp_path}/runs", "--tables", f"{tmp_path}/t", "--page", f"{page}"]
    packings = ["--instances", "minimalloc-example", "guillotine/n16/s1", "--methods", "size", "branch:1s"]
    benchmark.main(["packing", *packings, *common])
    programs = ["--instances", "layered/t8/s0", "alexnet-b1", "--methods", "all-slow", "xla"]
    benchmark.main(["mapping", *programs, *common])
    benchmark.main(["simulator", "--instances", "layered/t8/s0", "--seconds", "0.001", *common])
    text = page.read_text()
    names = [f"memory-{part}.{kind}" for part in benchmark.PARTS for kind in ("json", "md")]
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == sorted(names)
    assert "| minimalloc-example | 5 | 1.000 | **1.000** |" in text
    assert "| solved | 2 in " in text
    assert "**Latency / all-slow latency, test programs**" in text
    assert "| program | instr. | buffers | all-slow us | all-slow | xla | bound |" in text
    assert "| layered/t8/s0 | 8 | " in text
    assert f"python benchmarks/memory.py {shlex.join(['packing', *packings])}" in text
    rows = json.loads((tmp_path / "t" / "memory-mapping.json").read_text())["rows"]
    assert [row["relative"]["all-slow"] for row in rows] == [1.0, 1.0]
    assert all(row["bound"] <= row["relative"]["xla"] <= 1.0 for row in rows)
    (speed,) = json.loads((tmp_path / "t" / "memory-simulator.json").read_text())["rows"]
    assert speed["plans"] > speed["allocations"] > 0


def test_means_are_geometric_and_missing_answers_have_none():
    assert benchmark._mean([1.0, 4.0]) == pytest.approx(2.0)
    assert benchmark._mean([1.0, None]) is None
    assert benchmark._best({"a": 1.2, "b": None, "c": 1.2004}, ("a", "b", "c"), 3) == ["**1.200**", "-", "**1.200**"]


TABLES = {
    "pack-candidates": pack_layout.Candidate,
    "pack-context": pack_layout.Context,
    "pack-tasks": pack_layout.TaskNode,
    "pack-resources": pack_layout.ResourceNode,
    "pack-runs-on": pack_layout.RunsOn,
    "map-candidates": map_layout.Candidate,
    "map-context": map_layout.Context,
    "map-tasks": map_layout.TaskNode,
    "map-resources": map_layout.ResourceNode,
    "map-runs-on": map_layout.RunsOn,
    "map-order-candidates": map_layout.OrderCandidate,
    "map-order-context": map_layout.OrderContext,
}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_table_of_features_of_the_layout(name):
    assert replaced(PAGE, f"memory-{name}", markdown_table(TABLES[name]), PAGE_PATH) == PAGE


def test_the_page_names_every_keyword_method_measure_and_option():
    words = (*PackKeywords.words, *MapKeywords.words, *GOALS, *ACTIONS, *PackKeywords.metrics, *MapKeywords.metrics, *GRAPH_ONLY)
    sets = [*memory_catalogue.sets(), *memory_catalogue.GENERATED]
    for name in (*words, *packing.METHODS, *mapping.METHODS, *sets):
        assert f"`{name}`" in PAGE or f'`"{name}"`' in PAGE, name
    for field in dataclasses.fields(MemoryOptions):
        assert f"`--{field.name}" in PAGE, field.name
    for name in MAP.metrics(MAP.load("layered/t8/s0"), mapping.solve(MAP.load("layered/t8/s0"), "all-slow").schedule):  # type: ignore[misc]
        assert f"`{name}`" in PAGE, name
    assert report.build(MAP, [], []).alarms == []
