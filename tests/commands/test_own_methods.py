"""Own methods: what `--methods` and `compare` take, and that every way to fail is one row that says so."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatchgym import compare, evaluate, families, register_method
from dispatchgym.baselines.method import parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from dispatchgym.own import registry
from dispatchgym.own.solve import as_result, as_schedule, solve

ROOT = Path(__file__).resolve().parents[2]
JOBSHOP = families.load("jobshop")
TWO = JobShop(np.array([[0, 1], [0, 1]]), np.array([[3, 4], [2, 1]]), name="two")  # the best makespan is 8

# A script without a guard around its main part; its functions exist nowhere else.
SCRIPT = """
import json, os, subprocess, sys, time
import numpy as np
from dispatchgym import compare
from dispatchgym.instances.jobshop.instance import JobShop, Schedule

two = JobShop(np.array([[0, 1], [0, 1]]), np.array([[3, 4], [2, 1]]), name="two")
best = [[2, 5], [0, 2]]

def good(instance, seed, seconds, workers):
    assert (seed, seconds, workers) == (7, None, 1)
    return Schedule(np.array(best)) if instance.name == "two" else None

def overlaps(instance): return {"start": [[0, 3], [0, 3]]}
def fractional(instance): return {"start": [[2.5, 5.5], [0, 2]]}
def fieldless(instance): return {"begin": best}
def strange(instance): return "a schedule"
def raises(instance): raise ZeroDivisionError("on purpose")
def dies(instance): os._exit(3)
def leaves(instance): sys.exit(4)
def gives_up(instance): raise TimeoutError("no time left")
def finds_nothing(instance): return None

def sleeps(instance, seconds):
    time.sleep(1.6 if instance.name == "two" else 0.0)
    return {"start": best}

def hangs(instance):
    if instance.name == "two":
        child = subprocess.Popen(["sleep", "600"])
        open(sys.argv[1], "w").write(str(child.pid))
        child.wait()

from dispatchgym import register_method
register_method("late", sleeps)
ends = [good, overlaps, fractional, fieldless, strange, raises, dies, leaves, gives_up, finds_nothing]
rows = [*compare([two], [*ends, "late:0.1s", "late:9s", "spt"], seed=7, workers=2).rows]
rows += compare([two], [hangs, good], seed=7, workers=2, patience=6).rows
print(json.dumps(rows))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The rows of the script by method, and the process that the hanging method had started."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "mine.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "mine.py", "child"], cwd=folder, capture_output=True, text=True, timeout=300, env=_environment()
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    return {row["method"]: row for row in rows}, (folder / "child").read_text()


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("method", "objective", "status", "reason"),
    [
        ("good", 9, "feasible", None),
        ("spt", 9, "feasible", None),
        ("late:9s", 9, "feasible", None),
        ("overlaps", None, "error", "refused: machine 0: job"),
        ("fractional", None, "error", "InputError: field 'start' of the schedule holds 2.5, which is not a whole number"),
        ("fieldless", None, "error", "InputError: the schedule has no field 'start'"),
        ("strange", None, "error", "InputError: the method returned a str"),
        ("raises", None, "error", "ZeroDivisionError: on purpose"),
        ("dies", None, "error", "the process exited with code 3"),
        ("leaves", None, "error", "the process exited with code 4"),
        ("gives-up", None, "timeout", "TimeoutError: no time left"),
        ("finds-nothing", None, "timeout", "the method returned no schedule"),
        ("late:0.1s", None, "timeout", "answered after 1.6"),
        ("hangs", None, "error", "no answer after 6 s: the process was ended"),
    ],
)
def test_every_outcome_is_one_row_that_says_what_happened(outcomes, method, objective, status, reason):
    row = outcomes[0][method]
    assert (row["objective"], row["status"]) == (objective, status)
    assert (row["reason"] or "").startswith(reason or "")
    assert row["seconds"] >= (1.6 if method.startswith("late") else 0.0)


def test_what_a_hanging_method_had_started_is_ended_with_it(outcomes):
    stat = Path(f"/proc/{outcomes[1]}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def pages() -> list[str]:
    return (ROOT / "docs" / "your-own-method.md").read_text().split("```python\n")[2:]


@pytest.mark.parametrize("name", ["most_work.py", "own_cpsat.py", "trained_model.py"])
def test_the_examples_of_the_page_run_as_plain_scripts(name, tmp_path):
    source = (ROOT / "examples" / "own_methods" / name).read_text()
    assert sum(page.startswith(source + "```") for page in pages()) == 1
    (tmp_path / name).write_text(source)
    words = ["--steps", "1200"] if name == "trained_model.py" else []
    done = subprocess.run(
        [sys.executable, name, *words], cwd=tmp_path, capture_output=True, text=True, timeout=500, env=_environment()
    )
    assert done.returncode == 0, done.stderr
    assert "no answer" not in done.stdout
    assert {"most_work.py": "most-work", "own_cpsat.py": "own-cpsat", "trained_model.py": "policy@sb3"}[name] in done.stdout
    if name == "own_cpsat.py":
        assert "2/2" in next(line for line in done.stdout.splitlines() if "own-cpsat" in line)


def command(out: Path, *methods: str, instances: str = "ft06", more: tuple[str, ...] = ()) -> list[str]:
    return ["jobshop", "--instances", *instances.split(), "--methods", *methods, "--out", str(out), *more]


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


RULE = """
from beside import start

def solve(instance, shift="0", **_):
    return {"start": start(instance) + int(shift)}
"""
BESIDE = """
def start(instance):
    ends = instance.duration.cumsum().reshape(instance.duration.shape)
    return ends - instance.duration
"""


def test_functions_in_files_modules_and_entry_points_are_methods(tmp_path, monkeypatch):
    package, info = tmp_path / "shop_rules", tmp_path / "shop_rules-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    for name in ("mine.py", "shop_rules/__init__.py", "shop_rules/serial.py"):
        (tmp_path / name).write_text(RULE if "/__" not in name else "")
    (tmp_path / "beside.py").write_text(BESIDE)
    (info / "entry_points.txt").write_text("[dispatchgym.methods]\none-by-one = shop_rules.serial:solve\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._entry_points.cache_clear()
    names = [f"{tmp_path}/mine.py:solve", "shop_rules.serial:solve:shift=3", "one-by-one:5s,shift=1"]
    evaluate.main(command(tmp_path / "out", *names))
    assert [row["objective"] for row in lines(tmp_path / "out")] == [197, 200, 198]
    assert all(row["weights"] for row in lines(tmp_path / "out"))
    monkeypatch.undo()
    registry._entry_points.cache_clear()


def test_a_changed_function_is_run_again(tmp_path):
    (tmp_path / "beside.py").write_text(BESIDE)
    mine = tmp_path / "mine.py"
    for shift, more in (("0", ()), ("2", ("--resume",)), ("2", ("--resume",))):
        mine.write_text(RULE.replace('"0"', f'"{shift}"'))
        evaluate.main(command(tmp_path / "out", f"{mine}:solve", more=more))
        assert [row["objective"] for row in lines(tmp_path / "out")] == [197 + int(shift)]
    assert len((tmp_path / "out" / "set-aside" / "results.jsonl").read_text().splitlines()) == 1


def test_schedules_in_files_are_judged(tmp_path):
    folder = tmp_path / "solutions"
    evaluate.main(command(tmp_path / "first", "fdd-mwkr", instances="ft06 la01 la02"))
    folder.mkdir()
    for path in (tmp_path / "first" / "schedules").iterdir():
        stored = json.loads(path.read_text())
        name = stored["instance"]
        body = {"start": stored["start"]} if name == "la01" else stored  # la01 by the name of its file alone
        body["start"][0][0] += 1000 * (name == "la02")
        (folder / f"{name}--mine.json").write_text(json.dumps(body))
    with pytest.raises(SystemExit, match="1"):
        evaluate.main(command(tmp_path / "out", f"file:{folder}/*.json", f"file:{folder}", instances="ft06 la01 la02 la03"))
    rows = lines(tmp_path / "out")
    expected = {row["instance"]: row["objective"] for row in lines(tmp_path / "first")} | {"la02": None, "la03": None}
    for half in (rows[:4], rows[4:]):
        assert {row["instance"]: row["objective"] for row in half} == expected
        assert half[2]["reason"].startswith("refused: job 0 op 1")
        assert half[3]["reason"] == "InputError: no file has a schedule for 'la03'"


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("nowhere.py:solve", "nowhere.py: no such file"),
        ("broken.py:solve", "broken.py cannot be imported (ZeroDivisionError: division by zero)"),
        ("leaving.py:solve", "leaving.py cannot be imported (SystemExit: 0)"),
        ("mine.py:other", "there is no function 'other' in mine.py"),
        ("mine.py:NUMBER", "there is no function 'NUMBER' in mine.py"),
        ("mine.py:nothing", "the function takes no instance"),
        ("mine.py:needy", "the function needs 'depth', which is none of seed, seconds, workers"),
        ("mine.py:needy:deep=3", "option deep=... is not one of the function's own parameters (depth)"),
        ("mine.py:needy:depth=3,seed=4", "option seed=... is not one of the function's own parameters (depth)"),
        ("mine.py:needy:x8,depth=3", "option x8 does not apply to 'function'"),
        ("no.such.module:solve", "module no.such.module cannot be imported (ModuleNotFoundError: No module named 'no')"),
        ("file:", "nothing follows 'file:'"),
        ("file:nothing/*.json", "there is no such file"),
        ("file:list.json", "is not a JSON object"),
        ("file:other.json", "other.json: is a schedule of blocking, not of jobshop"),
        ("file:tw*.json", "tw1.json and tw2.json are both for 'ft06'"),
        ("policy@sb3:nowhere.zip", "nowhere.zip: no such file"),
        ("policy@sb3:empty.zip", "empty.zip is no model that can be loaded"),
        ("policy@sb3:empty.zip:algorithm=DDPG", "option algorithm=DDPG is not one of MaskablePPO"),
        ("policy@mine.py:needy2", "function has no predict(observation, action_masks)"),
        ("policy@mine.py:needy:x3", "mine.py:needy() raised TypeError: needy() missing 2"),
        ("policy@mine.py:needy2:algorithm=PPO", "option algorithm= is only for policy@sb3:"),
    ],
)
def test_what_cannot_run_is_found_before_any_work(method, error, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text("1 / 0")
    Path("leaving.py").write_text("raise SystemExit(0)")
    Path("mine.py").write_text("NUMBER = 3\ndef nothing(): pass\ndef needy(instance, depth): pass\ndef needy2(): return needy2\n")
    Path("list.json").write_text("[]")
    Path("other.json").write_text('{"problem": "blocking"}')
    for n in (1, 2):
        Path(f"tw{n}.json").write_text('{"instance": "ft06"}')
    with zipfile.ZipFile("empty.zip", "w"):
        pass
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(command(Path("out"), method))
    said = capsys.readouterr().err
    assert error in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert not Path("out").exists()


def test_the_texts_of_own_methods_are_read():
    for text, name, target, seconds, options in (
        ("my.py:solve", "function", "my.py:solve", None, {}),
        ("a b/my.py:solve:2s,depth=3", "function", "a b/my.py:solve", 2.0, {"depth": "3"}),
        ("a.b.c:solve:0.5s", "function", "a.b.c:solve", 0.5, {}),
        ("file:x/*.json", "file", "x/*.json", None, {}),
        ("file:x:y.json", "file", "x:y.json", None, {}),
        ("policy@sb3:runs/model.zip", "policy", "sb3:runs/model.zip", None, {}),
        ("policy@sb3:model.zip:x8,actions=active", "policy", "sb3:model.zip", None, {"actions": "active"}),
        ("policy@my.py:model:x4", "policy", "my.py:model", None, {}),
        ("policy@my.run:x64", "policy", "my.run", None, {}),  # a run folder, as before
    ):
        found = parse_method(text)
        assert (found.name, found.target, found.seconds, found.options) == (name, target, seconds, options), text
    for text in ("my.py:", "my.py:a b", "policy@sb3:", "x.y:", "my.py:solve:"):
        with pytest.raises(InputError, match="method '"):
            parse_method(text)


def test_names_for_methods_are_checked():
    for name in ("Mine", "a b", "", "policy", "file", "function", "1st"):
        with pytest.raises(InputError, match="is not a name for a method"):
            register_method(name, len)
    with pytest.raises(InputError, match="cannot be called"):
        register_method("mine", 3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="neither a method's text nor a function with a name"):
        compare([TWO], [lambda instance: None])
    register_method("spt", lambda instance: None)
    try:
        with pytest.raises(InputError, match="'spt' is a method of the suite, and one of your own is called so too"):
            compare([TWO], ["spt"])
    finally:
        del registry._registered["spt"]
    with pytest.raises(InputError, match="'two'; rename one"):
        compare([TWO, JobShop(np.array([[0]]), np.array([[1]]), name="two")], ["spt"])


def test_what_cannot_be_sent_to_a_worker_is_named():
    lock = threading.Lock()
    register_method("stuck", lambda instance: lock)
    try:
        with pytest.raises(InputError, match="method 'stuck': cannot be sent to a worker process"):
            compare([TWO], ["stuck"])
    finally:
        del registry._registered["stuck"]


def test_a_result_keeps_its_claims_in_plain_numbers():
    given = Result(
        np.int64(9), Schedule(np.array([[2, 5], [0, 2]])), "feasible", 99.0, np.int32(8), ((0.5, np.int64(9), None),),
        {"nodes": np.int64(4), "reason": "kept by judges"},
    )  # fmt: skip
    found = as_result(JOBSHOP, given, 0.25)
    assert (found.objective, found.lower_bound, found.seconds, found.curve) == (9, 8, 0.25, ((0.5, 9, None),))
    assert found.notes == {"nodes": "4"}
    assert all(type(x) is int for x in (found.objective, found.lower_bound, found.curve[0][1]))
    with pytest.raises(InputError, match="status 'good'"):
        as_result(JOBSHOP, Result(None, None, "good", 0.0), 0.1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"8\.5 where a whole number belongs"):
        as_result(JOBSHOP, Result(None, None, "timeout", 0.0, 8.5), 0.1)  # type: ignore[arg-type]


def test_whole_numbers_may_be_floats_and_other_fields_anything():
    found = as_schedule(JOBSHOP, {"start": np.array([[2.0, 5.0], [0.0, 2.0]]), "note": [0.5], "name": "x"})
    assert found.start.tolist() == [[2, 5], [0, 2]]
    for bad in (np.nan, np.inf, 0.5):
        with pytest.raises(InputError, match="not a whole number"):
            as_schedule(JOBSHOP, {"start": [[bad]]})


def test_the_answers_of_a_comparison_are_typed_and_tabulated():
    results = compare([TWO, "ft06"], ["spt"], workers=1)
    assert [(x.instance, x.method, x.objective) for x in results] == [("two", "spt", 9), ("ft06", "spt", 88)] or len(results) == 2
    answer = results.of("ft06", "spt")
    assert JOBSHOP.check(JOBSHOP.load("ft06"), answer.schedule) == answer.objective
    assert answer.best_known == 55
    frame = results.frame()
    assert frame["objective"].tolist() == [x.objective for x in results]
    assert "| spt |" in results.markdown()
    assert "spt" in str(results)
    with pytest.raises(KeyError):
        results.of("ft06", "mwkr")


class Shortest:
    """A model that plays the legal choice of the smallest index, or a sampled one."""

    def predict(self, observation: Any, action_masks: Any = None, deterministic: bool = True) -> Any:
        legal = np.flatnonzero(action_masks)
        return (legal[0] if deterministic else np.random.choice(legal)), None


class Blind:
    def predict(self, observation: Any) -> int:
        return 0


def played(text: str, model: Any, monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> Result:
    monkeypatch.setattr(registry, "function_of", lambda method: lambda: model)
    return solve(JOBSHOP, JOBSHOP.load("ft06"), parse_method(text), seed=seed)


def test_a_model_plays_the_environment(monkeypatch):
    greedy = played("policy@a.py:one", Shortest(), monkeypatch)
    many = [played("policy@a.py:two:x8", Shortest(), monkeypatch, seed) for seed in (1, 1, 2)]
    values = [JOBSHOP.check(JOBSHOP.load("ft06"), x.schedule) for x in (greedy, *many)]
    assert values[1] == values[2]
    assert min(values[1:]) < values[0]
    assert greedy.notes == {"model": "Shortest", "samples": 1}
    with pytest.raises(InputError, match="episode was cut at the limit"):
        played("policy@a.py:three", Blind(), monkeypatch)
    with pytest.raises(InputError, match="got an unexpected keyword argument 'acts'"):
        played("policy@a.py:four:acts=active", Shortest(), monkeypatch)
