"""The command `dispatchgym` and its subcommands."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dispatchgym import __version__, commands, families
from dispatchgym.__main__ import main
from dispatchgym.commands.text import WIDTH
from dispatchgym.instances.jobshop import catalogue
from tests.agents.trainings import TINY_WORDS

ROOT = Path(__file__).resolve().parents[2]
# An instance, its methods and its bars: the cheapest of each family that needs no compiling beyond what other tests do.
SMALL = {"jobshop": ("ft06", "spt"), "static-dag": ("topcuoglu-10", "heft"), "memory-pack": ("guillotine/n8/s0", "size")}


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of `dispatchgym words`."""
    try:
        status = main([str(word) for word in words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def results(here: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The results of two rules on two job shops."""
    words = ("evaluate", "jobshop", "--instances", "ft06", "la01", "--methods", "spt", "mwkr", "--out", here / "first")
    assert run(capsys, *words)[0] == 0
    return here / "first"


def test_the_help_names_every_command_and_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert all(f"  {name} " in out for name in commands.NAMES)
    assert run(capsys)[1] == out
    assert run(capsys, "--version")[1] == f"dispatchgym {__version__}\n"
    assert {path.stem for path in (ROOT / "dispatchgym" / "commands").glob("*.py")} >= set(commands.NAMES)


@pytest.mark.parametrize("name", commands.NAMES)
def test_every_command_has_a_help_that_fits(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, name, "--help")
    assert status == 0
    assert name == "compile" or f"dispatchgym {name}" in out
    if name not in ("train", "evaluate", "compile"):
        assert max(len(line) for line in out.splitlines() if not line.startswith("  dispatchgym")) <= WIDTH + 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["shwo", "ft06"], "error: unknown command 'shwo'; did you mean 'show'?"),
        (["show", "ft6"], "error: unknown instance 'ft6'; did you mean 'ft06' or 'ft'?"),
        (["show", "nothing.txt"], "error: no family knows 'nothing.txt'; jobshop: nothing.txt: no such file"),
        (["list", "jopshop"], "error: unknown problem 'jopshop'; did you mean 'jobshop'?"),
        (["list", "jobshop", "ft99"], "error: unknown instance 'ft99'"),
        (["list", "--famly"], "error: Unrecognized options: --famly"),
        (["check", "none.json"], "error: none.json: no such file"),
        (["export", "a.json", "--out", "a.txt"], "error: --out a.txt: ends neither with .csv nor with .json; give --to"),
        (["compare", "a"], "error: give two folders or more"),
        (["generate", "jobshop", "uniform/j3", "--out", "x"], "error: uniform/j3: 'm' is missing, as in uniform/j10/m5/s0"),
        (["generate", "jobshop", "uniform/j3/m0/s0", "--out", "x"], "error: uniform/j3/m0/s0: "),
        (["doctor", "--now"], "error: doctor takes no words, not '--now'"),
        (["evaluate", "--config", "none.toml"], "error: none.toml: "),
    ],
)
def test_an_error_is_one_line_and_status_2(words: list[str], line: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(line)


def test_list_shows_families_sets_policies_and_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    overview = run(capsys, "list")[1]
    about = [json.loads(path.read_text()) for path in (ROOT / "agents" / "pretrained").rglob("policy.json")]
    shipped = {one["problem"] for one in about}
    for name in families.NAMES:
        assert f"\n{name} " in overview
        of_family = run(capsys, "list", name)[1]
        card = families.load(name)
        assert card.shelf is not None
        words = [*card.shelf.value.sets(), *card.shelf.value.generators, *card.method_help()]
        assert all(f"\n{word}" in of_family for word in words)
        assert ("Shipped policies" in of_family) == (name in shipped)
        assert max(map(len, of_family.splitlines())) <= WIDTH
    assert "ta01      ta   15x15  1231 optimal" in run(capsys, "list", "jobshop", "ta01")[1]
    assert "random chips" in run(capsys, "list", "soc")[1]


@pytest.mark.parametrize("name", families.NAMES)
def test_every_set_and_generator_on_a_shelf_gives_instances(name: str) -> None:
    card = families.load(name)
    assert card.shelf is not None
    shelf = card.shelf.value
    for members in shelf.sets().values():
        for known in (members[0], members[-1]):
            what = card.expand([known], None)[0]
            assert shelf.facts(card.load(what))
    for generator, how in shelf.generators.items():
        what = card.expand([f"{generator}/{how.example}"], None)[0]
        assert card.group(what, card.load(what))[0] not in ("", "files")


def test_show_tells_numbers_and_draws(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "show", "ft06", "--method", "mwkr")
    assert status == 0
    assert "operations       36" in out
    assert "55 optimal" in out
    assert "picture: ft06.png: mwkr, makespan 61" in out
    assert (here / "ft06.png").read_bytes().startswith(b"\x89PNG")
    out = run(capsys, "show", "la01", "--family", "blocking", "--no-picture")[1]
    assert "variant          bws" in out
    assert "picture" not in out
    assert "top-01 (10 tasks)" in run(capsys, "show", "gym-ds3-1", "--no-picture")[1]


def test_generated_files_are_the_instances_and_are_not_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = {
        "jobshop": ["uniform/j4/m3/s0..s1", "flow/j4/m3/hi9/s2", "two-set/j4/m4/s1"],
        "blocking": ["uniform/j4/m3/s7"],
        "soc": ["chips/n0"],
        "static-dag": ["topcuoglu/v9/s0", "cholesky/n3/p1+1", "top-01@gym-ds3"],
        "memory-pack": ["guillotine/n8/s0", "random/n8/s0"],
        "memory-map": ["layered/t9/s0"],
        "cpmodel": ["sd1/j3/m2/s0", "project/n5/s1"],
    }
    assert set(words) >= set(commands_with_shelves())
    for name, names in words.items():
        out = here / name
        card = families.load(name)
        status, said, err = run(capsys, "generate", name, *names, "--out", out)
        assert (status, err) == (0, "")
        files = [Path(line) for line in said.splitlines() if not line.startswith("note:")]
        assert sorted(files) == sorted(out.iterdir())
        first = card.load(card.expand([names[0]], None)[0])
        again = card.load(card.expand([str(files[0])], None)[0])
        assert without_names(card, first) == without_names(card, again)
        assert run(capsys, "generate", name, *names, "--out", out)[0] == 2
        assert run(capsys, "generate", name, *names, "--out", out, "--overwrite")[0] == 0


def commands_with_shelves() -> list[str]:
    return [name for name in families.NAMES if families.load(name).shelf]


def without_names(card: Any, instance: Any) -> Any:
    """What an instance is beside its name, and that of the workload in it."""
    facts = card.shelf.value.facts(instance)
    return {title: told for title, told in facts.items() if title not in ("chip",)}


def test_a_generated_name_is_an_instance_of_evaluate_and_taillards_seeds_give_his(capsys: pytest.CaptureFixture[str]) -> None:
    ta01 = catalogue.load("taillard/j15/m15/ts840612802/ms398197754")
    assert (ta01.machine == catalogue.load("ta01").machine).all()
    assert (ta01.duration == catalogue.load("ta01").duration).all()
    assert catalogue.expand(["uniform/m3/j4/s0..s1"]) == ["uniform/j4/m3/s0", "uniform/j4/m3/s1"]
    shop = catalogue.load("uniform/j4/m3/lo5/hi6/o2/rel9/s3")
    assert (shop.jobs, shop.machine.shape[1], int(shop.duration.min()), int(shop.duration.max())) == (4, 2, 5, 6)


def test_check_accepts_what_was_written_and_refuses_one_bar_moved(
    results: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, "check", results)
    assert status == 0
    assert "ft06--spt.json: jobshop ft06: makespan 88\n" in out
    assert out.count("\n") == 4
    body = json.loads((results / "schedules" / "ft06--spt.json").read_text())
    moved = json.loads(json.dumps(body))
    moved["start"][2][3] += 1
    drawn = json.loads(json.dumps(body))
    drawn["table"]["start"][7] += 1
    claimed = body | {"objective": 87}
    for name, wrong, why in (
        ("moved", moved, "refused: "),
        ("drawn", drawn, "refused: its table is not the schedule's: start of row 7 is"),
        ("claimed", claimed, "refused: the file says makespan 87, the referee 88"),
    ):
        path = here / f"{name}.json"
        path.write_text(json.dumps(wrong))
        status, out, err = run(capsys, "check", path)
        assert (status, err, out.count("\n")) == (1, "", 1), name
        assert why in out, name
        assert run(capsys, "export", path)[0] == 2


@pytest.mark.parametrize("name", list(SMALL))
def test_a_schedule_of_any_family_is_checked_and_exported(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instance, method = SMALL[name]
    words = ("evaluate", name, "--instances", instance, "--methods", method, "--out", here / "out")
    assert run(capsys, *words)[0] == 0
    assert run(capsys, "check", here / "out")[0] == 0
    status, out, _ = run(capsys, "export", here / "out", "--out", "rows.json")
    assert (status, out.split(":")[0]) == (0, "rows.json")
    rows = json.loads((here / "rows.json").read_text())
    assert {"instance", "method", "start", "end"} <= set(rows[0])
    (path,) = (here / "out" / "schedules").iterdir()
    body = json.loads(path.read_text())
    field = "offset" if "offset" in body else "start"
    flat = body[field] if not isinstance(body[field][0], list) else body[field][0]
    flat[0] = -5
    path.write_text(json.dumps(body))
    assert run(capsys, "check", path)[0] == 1


def test_a_schedule_of_a_file_finds_its_instance_or_says_that_it_cannot(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "generate", "jobshop", "uniform/j4/m3/s0", "--out", "shops")
    (shop,) = (here / "shops").iterdir()
    run(capsys, "evaluate", "jobshop", "--instances", shop, "--methods", "spt", "--out", "out")
    (row,) = [json.loads(line) for line in (here / "out" / "results.jsonl").read_text().splitlines()]
    path = here / "out" / row["schedule"]
    assert path.is_file()
    assert run(capsys, "check", path)[0] == 0
    moved = shop.rename(here / "elsewhere.json")
    status, _, err = run(capsys, "check", path)
    assert status == 2
    assert "give --instance FILE" in err
    assert run(capsys, "check", path, "--instance", moved)[0] == 0
    assert run(capsys, "check", path, "--instance", "ft06")[0] == 2
    plain = {"instance": "ft06", "start": json.loads(path.read_text())["start"]}
    path.write_text(json.dumps(plain))
    assert "does not say its 'problem'" in run(capsys, "check", path)[2]


def test_export_writes_rows_for_other_programs(results: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "export", results / "schedules" / "ft06--mwkr.json")
    assert status == 0
    rows = list(csv.DictReader(out.splitlines()))
    assert len(rows) == 36
    assert list(rows[0]) == ["instance", "method", "job", "operation", "machine", "start", "duration", "end"]
    assert max(int(row["end"]) for row in rows) == 61
    run(capsys, "export", results, "--to", "json", "--out", "all.rows")
    assert len(json.loads((here / "all.rows").read_text())) == 2 * (36 + 50)


def test_compare_tells_differences_on_what_folders_share(results: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("evaluate", "jobshop", "--instances", "ft06", "la01", "la02", "--methods", "spt", "lpt", "--out", here / "second")
    run(capsys, *words)
    status, out, _ = run(capsys, "compare", results, here / "second")
    assert status == 0
    assert "2 instances in common; 1 more is not in all and left out" in out
    lines = {tuple(line.split()[:2]): line.split()[2:] for line in out.splitlines() if line.startswith(("spt", "lpt", "mwkr"))}
    assert lines["spt", "second"][1:4] == ["+0.00", "0.00", "0/2/0"]
    assert lines["lpt", "second"][0] == "31.71"
    assert max(map(len, out.splitlines())) <= WIDTH
    assert run(capsys, "compare", results, results)[0] == 2
    assert "lpt" not in run(capsys, "compare", results, here / "second", "--methods", "spt")[1]


def test_the_settings_of_an_evaluation_can_be_given_back(results: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = results / "settings.toml"
    told = tomllib.loads(settings.read_text())
    assert (told["family"], told["methods"], told["workers"]) == ("jobshop", ["spt", "mwkr"], 1)
    assert run(capsys, "evaluate", "--config", settings)[0] == 2  # the folder is there
    assert run(capsys, "evaluate", "--config", settings, "--out", "again", "--methods", "lpt")[0] == 0
    again = tomllib.loads((here / "again" / "settings.toml").read_text())
    assert again == told | {"out": "again", "methods": ["lpt"]}
    for text, line in (
        ("family = ", "is not TOML"),
        ("workers = 2", "has no 'family'"),
        ('family = "jobshop"\nworker = 2', "'worker' is not an option; did you mean 'workers'?"),
        ('family = "jobshop"\nworkers = {a = 1}', "workers = an object is no text, number, true or false, nor a list of them"),
        ('family = "job"', "unknown problem 'job'"),
    ):
        (here / "wrong.toml").write_text(text)
        status, _, err = run(capsys, "evaluate", "--config", "wrong.toml")
        assert (status, err.count("\n")) == (2, 1)
        assert line in err


def test_the_settings_of_a_training_can_be_given_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "train", "jobshop", *TINY_WORDS, "--steps", "1", "--device", "python", "--out", "one")
    assert status == 0, err
    told = tomllib.loads((here / "one" / "settings.toml").read_text())
    assert (told["family"], told["sizes"], told["keep"], told["pairs"]) == ("jobshop", ["3x3"], 2, 8)
    assert "minutes" not in told
    assert run(capsys, "train", "--config", "one/settings.toml", "--out=two")[0] == 0
    assert tomllib.loads((here / "two" / "settings.toml").read_text()) == told | {"out": "two"}
    weights = [(here / name / "policy.safetensors").read_bytes() for name in ("one", "two")]
    assert len(weights[0]) == len(weights[1])


def test_doctor_says_what_is_there_and_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ortools", None)
    status, out, _ = run(capsys, "doctor")
    assert status == 0
    assert f"dispatchgym        {__version__}" in out
    assert "not installed: pip install 'dispatchgym[solvers]'" in out
    assert all(word in out for word in ("threads", "GPU", "kept", "writable"))


def test_compile_is_the_module_of_that_name(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "compile", "jopshop")
    assert status == 2
    assert "unknown problem 'jopshop'; did you mean 'jobshop'?" in err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_commands_families_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--tyro-print-completion", shell)
    assert status == 0
    assert all(word in out for word in (*commands.NAMES, *families.NAMES, "overwrite", "methods", "minutes"))


def test_the_module_runs_as_a_program_and_names_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dispatchgym", "train", "jobshop", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
    assert "usage: dispatchgym train jobshop" in done.stdout
    assert "python -m dispatchgym train jobshop --minutes 10" in done.stdout
