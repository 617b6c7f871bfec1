"""The folder of an evaluation: malformed lines, things in the place of files, short writes, results set aside, interrupts."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dispatchgym import evaluate
from dispatchgym.commands import compare
from dispatchgym.evaluation import results as record
from dispatchgym.evaluation.row import FIELDS, read_row
from dispatchgym.instances import files
from dispatchgym.instances.errors import InputError
from dispatchgym.interrupts import Interrupts, Stopped
from dispatchgym.output import Output

SHOP = "2 2\n0 3 1 2\n1 2 0 4\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    (folder / "mine.txt").write_text(SHOP)
    run(folder, "spt", "mwkr")
    return folder


def run(folder: Path, *methods: str) -> None:
    arguments = ["jobshop", "--instances", str(folder / "mine.txt"), "--methods", *methods, "--out", str(folder / "out")]
    evaluate.main([*arguments, *(["--resume"] if (folder / "out").exists() else [])])


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    import shutil

    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_line_has_the_fields_of_the_table_and_names_its_schedule(finished: Path) -> None:
    for row in lines(finished):
        assert set(row) == set(FIELDS)
        stored = json.loads((finished / "out" / row["schedule"]).read_text())
        assert stored["objective"] == row["objective"]
        assert read_row(json.dumps(row).encode(), "here", "jobshop") == row


def test_empty_lines_are_no_results(copy: Path) -> None:
    log = copy / "out" / "results.jsonl"
    before = lines(copy)
    log.write_bytes(b"\n" + log.read_bytes().replace(b"\n", b"\n\n"))
    assert compare.read(copy / "out") == before


def test_a_pair_that_is_answered_twice_is_refused(copy: Path) -> None:
    """Means over a folder would count it twice."""
    log = copy / "out" / "results.jsonl"
    data = log.read_bytes()
    log.write_bytes(data + data.split(b"\n")[0] + b"\n")
    count = len(lines(copy))
    for read in (lambda: compare.read(copy / "out"), lambda: record.Results(copy / "out", "jobshop", resume=True)):
        with pytest.raises(InputError, match=f"line {count}: is a second result of .* on .*, after line 1$"):
            read()


WRONG = {
    "instance": [3, []],
    "method": [{}, None],
    "group": [3, ["one"], "ta", ["a", 3]],
    "seconds": [None, "fast", True, -1],
    "cpu_seconds": [None, -0.5],
    "gap": ["4 %"],
    "notes": [[]],
    "objective": ["60", 1.5, True, 2**63],
    "status": [None, "done", []],
    "seed": ["0", 0.0],
    "metrics": [{"x": "1"}, []],
}


def test_known_fields_of_wrong_types_are_refused_with_line_field_and_value(finished: Path) -> None:
    row = lines(finished)[0]
    for name, values in WRONG.items():
        for value in values:
            with pytest.raises(InputError, match=f"^here: is not a result: {name} ") as caught:
                read_row(json.dumps({**row, name: value}).encode(), "here", "jobshop")
            assert "\n" not in str(caught.value)
        missing = {k: v for k, v in row.items() if k != name}
        with pytest.raises(InputError, match=f"'{name}' is missing"):
            read_row(json.dumps(missing).encode(), "here", "jobshop")


@pytest.mark.parametrize(
    "line",
    [b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"instance": "a", "instance": "b"}', b'{"seconds": NaN}', b"9" * 5_000],
)
def test_lines_that_are_no_results_stop_the_command_before_any_work(line: bytes, copy: Path, capsys: Any) -> None:
    log = copy / "out" / "results.jsonl"
    log.write_bytes(line + b"\n" + log.read_bytes())
    before = sorted((path, path.stat().st_mtime_ns) for path in (copy / "out").rglob("*"))
    with pytest.raises(SystemExit, match="2"):
        run(copy, "lpt")
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "results.jsonl line 1" in error
    assert sorted((path, path.stat().st_mtime_ns) for path in (copy / "out").rglob("*")) == before


def test_results_of_another_family_are_refused(copy: Path, capsys: Any) -> None:
    log = copy / "out" / "results.jsonl"
    log.write_text(log.read_text().replace('"problem": "jobshop"', '"problem": "soc"'))
    with pytest.raises(SystemExit, match="2"):
        run(copy, "lpt")
    assert "is a result of soc, not of jobshop" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[]", '{"earlier": 5}', "[" * 100_000, "nothing"])
def test_a_record_of_the_run_that_cannot_be_is_refused(text: str, copy: Path, capsys: Any) -> None:
    (copy / "out" / "run.json").write_text(text)
    with pytest.raises(SystemExit, match="2"):
        run(copy, "lpt")
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "run.json" in error


@pytest.mark.parametrize("name", ["results.jsonl", "table.md", "run.json", "schedules", "plots"])
def test_links_and_other_kinds_are_found_before_the_work(name: str, copy: Path, capsys: Any) -> None:
    import shutil

    path, outside = copy / "out" / name, copy / "outside"
    outside.mkdir()
    for place in ("link", "self", "other kind"):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        if place == "link":
            path.symlink_to(outside)
        elif place == "self":
            path.symlink_to(path)
        elif name in record.FOLDERS:
            path.write_text("")
        else:
            path.mkdir()
        with pytest.raises(SystemExit, match="2"):
            run(copy, "lpt")
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert name in error
    assert not [*outside.iterdir()]


def test_a_pipe_or_a_giant_in_the_place_of_results_is_refused_at_once(copy: Path, capsys: Any) -> None:
    log = copy / "out" / "results.jsonl"
    log.unlink()
    os.mkfifo(log)
    with pytest.raises(SystemExit, match="2"):
        run(copy, "lpt")
    assert "is not a regular file" in capsys.readouterr().err
    log.unlink()
    with log.open("wb") as stream:
        stream.truncate(2**33)
    with pytest.raises(SystemExit, match="2"):
        run(copy, "lpt")
    assert "is larger than" in capsys.readouterr().err


def test_a_write_that_stops_in_the_middle_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.jsonl"
    files.append(path, b"first\n")
    real = os.write

    def short(handle: int, data: Any) -> int:
        if len(data) < 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, bytes(data[:5]))

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(InputError, match="No space left on device"):
        files.append(path, b"second\n")
    monkeypatch.undo()
    assert path.read_bytes() == b"first\n"
    files.append(path, b"third\n")
    assert path.read_bytes() == b"first\nthird\n"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(InputError, match="is a link"):
        files.append(tmp_path / "link", b"x")


def test_a_changed_instance_sets_its_results_aside_and_says_so(copy: Path, capsys: Any) -> None:
    (copy / "mine.txt").write_text(SHOP.replace("3", "9"))
    run(copy, "spt")
    said = " ".join(capsys.readouterr().out.split())
    assert "mine: the instance has changed; 2 results are set aside in" in said
    assert [row["method"] for row in lines(copy)] == ["spt"]
    aside = copy / "out" / record.ASIDE
    assert len((aside / "results.jsonl").read_text().splitlines()) == 2
    assert len([*(aside / "schedules").iterdir()]) == 2
    assert len([*(copy / "out" / "schedules").iterdir()]) == 1


def test_what_a_line_calls_its_weights_is_no_path_and_drafts_of_schedules_are_removed(copy: Path) -> None:
    rows = [{**row, "weights": "schedules/mine--spt.json"} for row in lines(copy)]
    (copy / "out" / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    draft = copy / "out" / "schedules" / f".mine--lpt.json.{'0' * 16}.tmp"
    draft.write_text("half")
    run(copy, "spt")
    assert not draft.exists()
    assert len([*(copy / "out" / record.ASIDE / "schedules").iterdir()]) == 1


class Full:
    """A standard output whose device is full."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w")

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    def fileno(self) -> int:
        return self.file.fileno()


def test_work_goes_on_when_standard_output_cannot_be_written(tmp_path: Path, capsys: Any) -> None:
    full = Full(tmp_path / "out")
    output = Output(full)  # type: ignore[arg-type]
    assert output.write("row") == 3
    assert output.write("row") == 3
    output.flush()
    full.file.close()
    assert capsys.readouterr().err == "standard output cannot be written (Broken pipe); the files are written all the same\n"


def test_a_full_disk_while_pictures_are_drawn_is_one_line_and_the_results_stay(
    copy: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> list[str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dispatchgym.evaluation.plots.draw_all", full)
    before = (copy / "out" / "results.jsonl").read_bytes()
    with pytest.raises(SystemExit, match="2"):
        run(copy, "spt", "mwkr", "--plot")
    error = capsys.readouterr().err
    assert error == f"error: {copy / 'out' / 'plots'}: cannot be written: No space left on device; the results are whole\n"
    assert (copy / "out" / "results.jsonl").read_bytes() == before


def test_the_first_signal_asks_and_the_second_stops() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked()
        with pytest.raises(Stopped) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    with pytest.raises(Stopped) as caught, Interrupts(at_once=True):
        os.kill(os.getpid(), signal.SIGINT)
    assert caught.value.code == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_library_that_replaces_the_exception_does_not_change_the_exit_status(number: int, code: int) -> None:
    def work() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None  # as Ray does

    with pytest.raises(Stopped) as caught, Interrupts(at_once=True):
        work()
    assert caught.value.code == code


def test_a_row_that_is_an_error_makes_the_exit_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text(SHOP)
    monkeypatch.setattr(evaluate, "evaluate", lambda *_: [{"status": "feasible"}, {"status": "error"}])
    with pytest.raises(SystemExit, match="1"):
        run(tmp_path, "spt")


def test_a_request_that_is_refused_after_a_note_is_one_line(tmp_path: Path, capsys: Any, caplog: Any) -> None:
    (tmp_path / "trace.100.csv").write_text("id,lower,upper,size\na,0,1,4\nb,2,2,4\n")
    words = ["memory-pack", "--methods", "size", "--out", str(tmp_path / "out"), "--instances", str(tmp_path / "trace.100.csv")]
    with pytest.raises(SystemExit, match="2"):
        evaluate.main([*words, str(tmp_path / "none.csv")])
    assert capsys.readouterr().err.count("\n") == 1
    assert caplog.records == []
    evaluate.main(words)
    assert [record.message.split(":")[:2] for record in caplog.records] == [["note", " trace.100.csv"]]
