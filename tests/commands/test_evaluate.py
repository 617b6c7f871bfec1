"""The command evaluate.py, from its arguments to its files."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import quality
from dispatchgym import evaluate, families
from dispatchgym.baselines.method import parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation import plots, report, runner, tables
from dispatchgym.evaluation import results as record
from dispatchgym.family import Family, digest
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop, Schedule

JOBSHOP = families.load("jobshop")
ROOT = Path(__file__).resolve().parents[2]
ONE_AFTER_THE_OTHER = Schedule(np.array([[0, 3], [3, 7]]))


def two_jobs(**known: int) -> JobShop:
    """Job 0: machine 0 for 3, machine 1 for 4; job 1: machine 0 for 2, machine 1 for 1. The best makespan is 8."""
    return JobShop(np.array([[0, 1], [0, 1]]), np.array([[3, 4], [2, 1]]), name="two", **known)


def answer(objective: int | None = 8, schedule: Schedule | None = ONE_AFTER_THE_OTHER, **changes) -> Result:
    return dataclasses.replace(Result(objective, schedule, "feasible", 0.5), **changes)


def judged(instance: JobShop, result: Result, method: str = "spt") -> record.Row:
    pair = record.Pair(instance, digest(instance), ("files", "2x2"), parse_method(method))
    return record.judge(JOBSHOP, pair, result, cpu_seconds=0.1, seed=0, cores=1, version="1")


def command(out: Path, *more: str, instances: str = "ft06 la01", methods: str = "spt fdd-mwkr spt:x8") -> list[str]:
    return ["jobshop", "--instances", *instances.split(), "--methods", *methods.split(), "--out", str(out), *more]


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which evaluate has run with two workers, and what it printed; tests do not change it."""
    out = tmp_path_factory.mktemp("evaluate") / "deep" / "first"
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", printed)
        evaluate.main(command(out, "--workers", "2"))
    return out, printed.getvalue()


def test_every_pair_gets_one_line_that_its_stored_schedule_confirms(finished):
    out, _ = finished
    rows = lines(out)
    assert {(row["instance"], row["method"]) for row in rows} == {
        (instance, method) for instance in ("ft06", "la01") for method in ("spt", "fdd-mwkr", "spt:x8")
    }
    for row in rows:
        stored = json.loads((out / "schedules" / f"{row['instance']}--{row['method'].replace(':', '_')}.json").read_text())
        instance = catalogue.load(row["instance"])
        assert JOBSHOP.check(instance, JOBSHOP.schedule(stored)) == row["objective"]
        assert row["gap"] == pytest.approx(100 * (row["objective"] / instance.best_known - 1), abs=1e-4)
        assert (row["status"], row["referee"], row["builder"], row["seed"]) == ("feasible", "ok", "non-delay", 0)
        assert row["seconds"] > 0
        assert row["cpu_seconds"] > 0
    best = {row["method"]: row["objective"] for row in rows if row["instance"] == "ft06"}
    assert best["spt:x8"] <= best["spt"]


def test_the_table_holds_the_mean_gaps_of_the_lines(finished):
    out, printed = finished
    for text in (printed, (out / "table.md").read_text()):
        row = next(line for line in text.splitlines() if "spt:x8" in line and ("│" in line or line.startswith("|")))
        cells = [cell.strip(" *") for cell in row.replace("│", "|").strip("|").split("|")]
        gaps = {line["instance"]: line["gap"] for line in lines(out) if line["method"] == "spt:x8"}
        means = [gaps["ft06"], gaps["la01"], (gaps["ft06"] + gaps["la01"]) / 2]
        assert cells[:4] == ["spt:x8", *(f"{mean:.2f}" for mean in means)]
        assert "seed 0" in text
        assert "non-delay builder, best of 8 samples" in text


def test_run_json_says_how_to_repeat_the_run(finished):
    run = json.loads((finished[0] / "run.json").read_text())
    assert run["command"].startswith("python evaluate.py jobshop --instances ft06 la01 --methods spt")
    assert run["seed"] == 0
    assert run["machine"]["cores"] >= 1
    assert run["machine"]["cpu"]
    assert run["date"]
    assert run["versions"]["numpy"]


def test_a_folder_with_results_is_kept_unless_resumed(finished, capsys):
    out, _ = finished
    before = (out / "results.jsonl").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(command(out))
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "--resume" in error
    assert error.count("\n") == 1
    assert (out / "results.jsonl").read_bytes() == before


def slow_solver(folder: Path) -> None:
    """Write a module with a `solve` that workers can import: rules with a pause, so that a kill finds one at work."""
    (folder / "slow_solver.py").write_text(
        "import time\n"
        "from dispatchgym.baselines.jobshop.methods import METHODS, check_method\n"
        "from dispatchgym.baselines.jobshop.methods import solve as rules\n"
        "def solve(instance, method, *, seed, workers):\n"
        "    time.sleep(0.0 if instance.name == 'warm-up' else 0.4)\n"
        "    return rules(instance, method, seed=seed, workers=workers)\n"
    )
    (folder / "run_slowly.py").write_text(
        "import dataclasses, sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(folder)!r}]\n"
        "from dispatchgym import evaluate\n"
        "from dispatchgym.families import jobshop\n"
        "jobshop.FAMILY = dataclasses.replace(jobshop.FAMILY, methods='slow_solver')\n"
        "evaluate.main(sys.argv[1:])\n"
    )


def start_and_stop(folder: Path, out: Path, stop: signal.Signals) -> tuple[int, str]:
    """Run the command slowly and send it `stop` after two finished pairs; its exit code and stderr."""
    slow_solver(folder)
    process = subprocess.Popen(
        [sys.executable, str(folder / "run_slowly.py"), *command(out, instances="la01..la05", methods="spt mwkr")],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = out / "results.jsonl"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and log.read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.05)
    process.send_signal(stop)
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def test_resume_after_a_kill_and_a_torn_line_redoes_only_what_is_missing(tmp_path, capsys):
    out = tmp_path / "out"
    code, errors = start_and_stop(tmp_path, out, signal.SIGKILL)
    assert errors == ""  # its end means that the workers have ended, too
    whole = (out / "results.jsonl").read_text()
    assert code == -signal.SIGKILL
    assert 2 <= whole.count("\n") < 10
    with (out / "results.jsonl").open("a") as stream:
        stream.write(whole.splitlines()[0][:100])
    evaluate.main(command(out, "--resume", instances="la01..la05", methods="spt mwkr"))
    after = (out / "results.jsonl").read_text()
    assert after.startswith(whole)
    rows = lines(out)
    assert len(rows) == 10
    assert len({(row["instance"], row["method"]) for row in rows}) == 10
    assert f"{whole.count(chr(10))} of 10 pairs were finished before" in capsys.readouterr().out


def test_an_interrupt_saves_and_tabulates_what_is_finished_and_exits_with_130(tmp_path):
    out = tmp_path / "out"
    code, errors = start_and_stop(tmp_path, out, signal.SIGINT)
    assert code == 130
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert 2 <= len(lines(out)) < 10
    assert "| spt |" in (out / "table.md").read_text()


def test_resume_answers_again_what_failed_or_changed_since(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("1 1\n0 5\n")
    out = tmp_path / "out"
    evaluate.main(command(out, instances=f"{mine} ft06", methods="spt"))
    first = lines(out)
    failed = {**first[1], "status": "error", "objective": None}
    (out / "results.jsonl").write_text(json.dumps(first[0]) + "\n" + json.dumps(failed) + "\n")
    mine.write_text("1 1\n0 7\n")
    evaluate.main(command(out, "--resume", instances=f"{mine} ft06", methods="spt"))
    assert {row["instance"]: row["objective"] for row in lines(out)} == {"mine": 7, "ft06": first[1]["objective"]}
    assert len(json.loads((out / "run.json").read_text())["earlier"]) == 1


def test_resume_answers_again_what_other_weights_answered_before(tmp_path, monkeypatch):
    for weights, more in (("early", {}), ("late", {"resume": True})):

        def validate(self, method, weights=weights):
            return weights if method.text == "spt" else None

        monkeypatch.setattr(Family, "validate", validate)
        options = evaluate.Options(("ft06",), ("spt", "mwkr"), tmp_path / "out", **more)
        rows = evaluate.evaluate(JOBSHOP, options)
        assert {row["method"]: row["weights"] for row in rows} == {"spt": weights, "mwkr": None}
    assert [row["method"] for row in lines(tmp_path / "out")] == ["mwkr", "spt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"instances": "ta99"}, "unknown instance 'ta99'"),
        ({"instances": "ta05..ta01"}, "ta01 comes before ta05"),
        ({"instances": "missing.txt"}, "missing.txt: no such file"),
        ({"methods": "sptt"}, "did you mean 'spt'"),
        ({"methods": "spt:x0"}, "'x0' must be positive"),
        ({"methods": "spt:10s"}, "does not apply to 'spt'"),
        ({"methods": "spt:builder=lazy"}, "builder=lazy is not one of"),
        pytest.param(
            {"methods": "policy@nowhere/run"},
            "nowhere/run",
            marks=pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
        ),
        ({"more": ["--workers", "0"]}, "--workers 0 is not between"),
        ({"more": ["--seed", "-1"]}, "--seed -1 is not between"),
    ],
)
def test_a_request_that_cannot_be_met_leaves_nothing_behind(arguments, said, tmp_path, capsys):
    out = tmp_path / "out"
    more = arguments.pop("more", [])
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(command(out, *more, **arguments))
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(command(tmp_path / "file" / "out"))
    assert capsys.readouterr().err == f"error: --out {tmp_path / 'file' / 'out'}: cannot be written: Not a directory\n"


def shop(path, duration, name=None):
    path.parent.mkdir(exist_ok=True, parents=True)
    data = {"name": name, "jobs": [[[0, duration]]]}
    named = {key: value for key, value in data.items() if value is not None}
    path.write_text(json.dumps(named) if path.suffix == ".json" else f"1 1\n0 {duration}\n")
    return str(path)


def test_instances_that_share_a_name_are_called_by_their_files_or_else_by_their_paths(tmp_path, capsys):
    files = [shop(tmp_path / folder / "same.txt", k + 5) for k, folder in enumerate(("a", "b"))]
    copy = shop(tmp_path / "c" / "copy.txt", 5)
    alone = shop(tmp_path / "d" / "other.txt", 9)
    rows = evaluate.evaluate(JOBSHOP, evaluate.Options((*files, copy, alone), ("spt",), tmp_path / "out"))
    assert [row["instance"] for row in rows] == [*files, "copy", "other"]
    assert [row["source"] for row in rows] == [*files, copy, alone]
    assert [row["objective"] for row in rows] == [5, 6, 5, 9]
    said = capsys.readouterr().err
    assert said.startswith("note: 2 instances are called by file or path, as others have the same name; the first is now '")
    assert files[0] in said
    again = evaluate.evaluate(JOBSHOP, evaluate.Options((*files, copy, alone), ("spt",), tmp_path / "out", resume=True))
    assert again == rows


def test_results_follow_an_instance_that_is_called_otherwise_when_another_one_joins_it(tmp_path):
    files = [shop(tmp_path / folder / "same.txt", k + 5) for k, folder in enumerate(("a", "b"))]
    out = tmp_path / "out"
    (alone,) = evaluate.evaluate(JOBSHOP, evaluate.Options(tuple(files[:1]), ("spt",), out))
    assert alone["instance"] == "same"
    rows = evaluate.evaluate(JOBSHOP, evaluate.Options(tuple(files), ("spt",), out, resume=True))
    assert [(row["instance"], row["objective"]) for row in rows] == [(files[0], 5), (files[1], 6)]
    assert rows[0]["seconds"] == alone["seconds"]  # it was not solved again
    assert sorted(path.name for path in (out / "schedules").iterdir()) == sorted(Path(row["schedule"]).name for row in rows)
    with record.Results(out, "jobshop", resume=True) as results:
        assert all(results.read_schedule(row) is not None for row in results.rows)


def test_files_that_give_one_name_to_different_instances_are_called_by_their_own_names(tmp_path):
    from dispatchgym.evaluation.loading import load_instances

    files = {name: [k] for k, name in enumerate(("x", "y", "z"))}
    one = np.array([[0]])
    card = dataclasses.replace(JOBSHOP, load=lambda what: JobShop(one, one + files[what[-6]][0] + 1, name="blast"))
    paths = [shop(tmp_path / f"{name}.json", 1) for name in files]
    assert list(load_instances(card, paths)) == ["x", "y", "z"]
    with pytest.raises(InputError, match="both called 'one'"):
        load_instances(card, [JobShop(one, one + k, name="one") for k in (1, 2)])


def test_results_of_another_seed_are_not_mixed_in(finished, capsys):
    with pytest.raises(SystemExit, match="2"):
        evaluate.main(command(finished[0], "--resume", "--seed", "1"))
    assert "--seed 0, not 1" in capsys.readouterr().err


def test_a_folder_in_use_is_refused(tmp_path):
    with record.Results(tmp_path, "jobshop", resume=False), pytest.raises(InputError, match="another evaluation"):
        record.Results(tmp_path, "jobshop", resume=True)
    with record.Results(tmp_path, "jobshop", resume=True) as again:
        assert again.rows == []


def test_a_line_that_is_no_result_is_named(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"instance": 1}\n')
    with pytest.raises(InputError, match=r"results\.jsonl line 1"):
        record.Results(tmp_path, "jobshop", resume=True)


def test_a_refused_schedule_is_an_error_and_never_a_number():
    overlapping = Schedule(np.array([[0, 3], [2, 7]]))
    row = judged(two_jobs(best_known=8), answer(schedule=overlapping))
    assert (row["status"], row["objective"], row["gap"], row["lower_bound"]) == ("error", None, None, None)
    assert row["reason"].startswith("refused: machine 0: job 0 op 0 [0, 3) overlaps job 1 op 0 [2, 4)")


@pytest.mark.parametrize(
    ("known", "result", "reason"),
    [
        ({}, answer(7), "the method says 7, the referee 8"),
        ({"lower_bound": 9, "best_known": 9}, answer(), "8 undercuts the published bound 9"),
        ({}, answer(lower_bound=9), "claims the lower bound 9 above its own schedule of 8"),
        ({"lower_bound": 5, "best_known": 7}, answer(status="optimal"), "above the published schedule of 7"),
        ({}, answer(schedule=None), "without a schedule"),
        ({}, answer(schedule=[[0, 3], [3, 7]]), "refused: 'list' object"),
    ],
)
def test_contradictions_are_errors(known, result, reason):
    row = judged(two_jobs(**known), result)
    assert row["status"] == "error"
    assert row["objective"] is None
    assert reason in row["reason"]


def test_a_new_record_is_announced():
    row = judged(two_jobs(lower_bound=7, best_known=10), answer())
    assert row["record"]
    assert row["gap"] == -20.0
    assert "NEW RECORD two by spt: makespan 8, best known was 10" in report.build(JOBSHOP, [row], []).alarms


def test_a_solver_that_raises_or_dies_costs_its_own_pair_only(tmp_path, monkeypatch):
    (tmp_path / "bad_solver.py").write_text(
        "import os, signal\n"
        "from dispatchgym.baselines.jobshop.methods import METHODS, check_method\n"
        "from dispatchgym.baselines.jobshop.methods import solve as rules\n"
        "def solve(instance, method, *, seed, workers):\n"
        "    if instance.name == 'la01': raise RuntimeError('no luck\\ntoday')\n"
        "    if instance.name == 'la02': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    result = rules(instance, method, seed=seed, workers=workers)\n"
        "    if instance.name == 'la03': result.schedule.start[0, 0] += 1000\n"
        "    return result\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    problem = dataclasses.replace(JOBSHOP, methods="bad_solver")
    rows = evaluate.evaluate(problem, evaluate.Options(("la01..la04",), ("spt",), tmp_path / "out"))
    reasons = {row["instance"]: row["reason"] for row in rows}
    assert reasons["la01"] == "RuntimeError: no luck today"
    assert reasons["la02"] == "the process was killed by SIGKILL (out of memory?)"
    assert reasons["la03"].startswith("refused: ")
    assert reasons["la04"] is None
    assert [row["objective"] is None for row in rows] == [True, True, True, False]
    assert sorted(path.name for path in (tmp_path / "out" / "schedules").iterdir()) == ["la04--spt.json"]


@pytest.mark.parametrize("heard", [0, 1, 2])
def test_a_worker_whose_parent_has_died_ends_without_a_traceback(heard, tmp_path):
    # The parent goes after so many messages, whatever the worker is about to send or to wait for.
    (tmp_path / "worker.py").write_text(
        "import sys, threading\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from dispatchgym.baselines.method import parse_method\n"
        "from dispatchgym.evaluation import runner\n"
        "from dispatchgym.families.jobshop import FAMILY\n"
        "ours, theirs = runner._SPAWN.Pipe()\n"
        "runner._end_with_parent = lambda: None\n"
        "def parent():\n"
        f"    for _ in range({heard}):\n"
        "        ours.recv()\n"
        "        ours.send((FAMILY.load('ft06'), parse_method('spt')))\n"
        "    ours.close()\n"
        "thread = threading.Thread(target=parent)\n"
        "thread.start()\n"
        f"thread.join({0.0 if heard else 9.0})\n"
        "runner._serve(theirs, FAMILY.solve, FAMILY.warm_up, 0, 1, 'cpu', runner.registry.pack())\n"
        "print('ended')\n"
    )
    done = subprocess.run([sys.executable, str(tmp_path / "worker.py")], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_workers_use_the_cores_they_are_given_and_leave_the_environment_alone(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("DISPATCHGYM_THREADS", raising=False)
    with runner._environment(3):
        assert os.environ["DISPATCHGYM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "DISPATCHGYM_THREADS" not in os.environ


def test_answers_do_not_depend_on_the_number_of_workers(finished):
    out, _ = finished
    for row in lines(out):
        result, _ = runner.attempt(JOBSHOP.solve, catalogue.load(row["instance"]), row["method"], seed=0, cores=1)
        assert result.objective == row["objective"]


def made_up(instance: str, method: str, objective: int | None, group: tuple[str, str], best: int | None = 100) -> record.Row:
    plain = judged(two_jobs(best_known=8), answer(), method)
    gap = record.gap(objective, best)
    return {**plain, "instance": instance, "objective": objective, "best_known": best, "gap": gap, "group": list(group)}


def test_means_over_fewer_instances_are_marked_and_never_called_best():
    rows = [made_up("a", "spt", 110, ("ta", "x")), made_up("b", "spt", 130, ("ta", "x")), made_up("a", "mwkr", 105, ("ta", "x"))]
    built = report.build(JOBSHOP, [*rows, made_up("b", "mwkr", None, ("ta", "x"))], [])
    assert [row[1] for row in built.grids[0].rows] == ["20.00", "5.00*"]
    assert built.grids[0].best == {(0, 1)}
    assert any(note.startswith("*:") for note in built.notes)


def test_instances_without_a_published_value_show_mean_objectives():
    rows = [made_up("a", "spt", 110, ("files", "2x2"), None), made_up("b", "spt", 121, ("files", "2x2"), None)]
    grid = report.build(JOBSHOP, rows, []).grids[0]
    assert grid.columns[1] == "files\n2x2\nmakespan"
    assert grid.rows[0][1] == "115.5"


def test_many_groups_become_one_table_a_set():
    rows = [made_up(f"{name}{size}", "spt", 110, (name, f"{size}x5")) for name in ("la", "ta") for size in range(6)]
    built = report.build(JOBSHOP, rows, ["head"])
    assert [grid.title for grid in built.grids] == ["by set", "la", "ta"]
    text = io.StringIO()
    tables.show(built, Console(file=text, width=120))
    assert "by set" in text.getvalue()
    assert tables.markdown(built).count("| spt |") == 3


def test_a_method_that_waited_for_the_processor_is_reported():
    row = {**made_up("a", "cpsat:2s", 110, ("ta", "x")), "seconds": 2.0, "cpu_seconds": 0.5, "clock": "wall"}
    assert "25 % of its wall time" in report.build(JOBSHOP, [row], []).alarms[0]


def test_schedule_files_have_safe_and_different_names():
    assert record.file_name("ta01", "cpsat:10s,workers=2") == "ta01--cpsat_10s,workers=2"
    odd = [record.file_name("ta01", f"policy@runs/{name}:x64") for name in ("a/b", "a_b", "../b", "x" * 300)]
    assert len(set(odd)) == 4
    assert all("/" not in name and len(name) < 200 for name in odd)


def test_the_same_numbers_under_another_name_have_the_same_digest():
    assert digest(two_jobs()) == digest(dataclasses.replace(two_jobs(best_known=9), name="other"))
    longer = JobShop(np.array([[0, 1], [0, 1]]), np.array([[3, 4], [2, 2]]), name="two")
    assert digest(two_jobs()) != digest(longer)


def test_plots_are_drawn_for_every_answer(finished, tmp_path):
    out, _ = finished
    rows = lines(out)
    instances = {name: catalogue.load(name) for name in ("ft06", "la01")}
    with record.Results(out, "jobshop", resume=True) as results:
        said = plots.draw_all(JOBSHOP, rows, instances, results.read_schedule, tmp_path / "plots")
    assert said == ["6 schedule charts", "2 anytime charts", "1 chart of gap against time"]
    drawn = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"schedule-ft06--spt.png", "anytime-la01.png", "gap-against-time.png"} < drawn
    assert len(drawn) == 9


def test_the_number_of_charts_is_limited_and_said(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "LIMIT", 1)
    rows = lines(finished[0])
    instances = {name: catalogue.load(name) for name in ("ft06", "la01")}
    said = plots.draw_all(JOBSHOP, rows, instances, lambda row: None, tmp_path / "plots")
    assert said[1] == "1 anytime chart of 2: the first 1 only"


def test_schedule_charts_take_turns_by_instance_so_that_every_method_is_drawn(finished, tmp_path, monkeypatch):
    out, _ = finished
    monkeypatch.setattr(plots, "LIMIT", 4)
    rows = sorted(lines(out), key=lambda row: row["method"])  # as a run with one worker leaves them, method by method
    methods = list(dict.fromkeys(row["method"] for row in rows))
    with record.Results(out, "jobshop", resume=True) as results:
        instances = {name: catalogue.load(name) for name in ("ft06", "la01")}
        said = plots.draw_all(JOBSHOP, rows, instances, results.read_schedule, tmp_path)
    assert said[0] == "4 schedule charts of 6: the first 4 only"
    drawn = {path.name for path in tmp_path.glob("schedule-*")}
    first = rows[0]["instance"]
    assert {f"schedule-{record.file_name(first, method)}.png" for method in methods} < drawn


def test_help_names_every_method_and_shows_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        evaluate.main(["jobshop", "--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in JOBSHOP.method_help())
    assert "python evaluate.py jobshop --instances" in text


def test_the_quality_benchmark_replaces_the_table_of_the_readme_and_nothing_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results:begin -->\nold\n<!-- results:end -->\nafter\n")
    folders = ["--out", str(tmp_path / "out"), "--tables", str(tmp_path / "tables"), "--readme", str(readme)]
    quality.main(["--instances", "ft06", "--methods", "spt", *folders])
    text = readme.read_text()
    assert text.startswith("before\n<!-- results:begin -->\n\njob shop")
    assert text.endswith("<!-- results:end -->\nafter\n")
    assert "| spt | 60.00 |" in text
    assert "old" not in text
    assert json.loads((tmp_path / "tables" / "quality.jsonl").read_text())["objective"] == 88


def test_the_quality_benchmark_asks_for_its_place_in_the_readme_before_it_works(tmp_path, capsys):
    (tmp_path / "README.md").write_text("no place\n")
    with pytest.raises(SystemExit, match="2"):
        quality.main(["--out", str(tmp_path / "out"), "--readme", str(tmp_path / "README.md")])
    assert "results:begin" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
