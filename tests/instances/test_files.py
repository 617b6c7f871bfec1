"""Writing a file replaces it in one step: short writes, links at the name of the draft, permissions."""

import os
import secrets
from pathlib import Path

import pytest

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import append, write_bytes, write_text

TOKEN = "0123456789abcdef"


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_text_and_bytes_replace_a_file_and_leave_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    write_text(file, "å\n")
    assert file.read_bytes() == b"\xc3\xa5\n"
    write_bytes(file, b"")
    assert (file.read_bytes(), names(tmp_path)) == (b"", ["x.txt"])


def test_what_is_written_in_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:3]))
    write_bytes(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


@pytest.mark.parametrize(
    ("failure", "reason"), [(OSError(28, "No space left on device"), "No space left"), (None, "only a part")]
)
def test_a_short_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: OSError | None, reason: str
) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"old")
    write = os.write

    def short(handle: int, data: memoryview) -> int:
        if len(data) > 2:
            return write(handle, data[: len(data) // 2])
        if failure is not None:
            raise failure
        return 0

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(InputError, match=f"x: cannot be written: .*{reason}"):
        write_bytes(file, b"0123456789")
    assert (file.read_bytes(), names(tmp_path)) == (b"old", ["x"])


def test_an_interrupt_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "x", b"new")
    assert ((tmp_path / "x").read_bytes(), names(tmp_path)) == (b"old", ["x"])


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_an_interrupt_of_an_addition_takes_back_a_part_but_nothing_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "x").write_bytes(b"old\n")
    write = os.write

    def interrupt(handle: int, data: bytes = b"") -> None:
        write(handle, data[: len(data) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        append(tmp_path / "x", b"new\n")
    assert (tmp_path / "x").read_bytes() == (b"old\n" if call == "write" else b"old\nnew\n")


def test_an_addition_that_cannot_be_forced_to_disk_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="x: cannot be written: No space left on device"):
        append(tmp_path / "x", b"new\n")
    assert (tmp_path / "x").read_bytes() == b"old\n"


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_at_the_name_of_the_draft_is_not_followed_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dangling: bool
) -> None:
    folder, target = tmp_path / "folder", tmp_path / "target"
    folder.mkdir()
    if not dangling:
        target.write_bytes(b"theirs")
    monkeypatch.setattr(secrets, "token_hex", lambda _: TOKEN)
    link = folder / f".x.{TOKEN}.tmp"
    link.symlink_to(target)
    with pytest.raises(InputError, match="x: cannot be written: File exists"):
        write_bytes(folder / "x", b"new")
    assert link.is_symlink()
    assert names(folder) == [link.name]
    assert target.exists() is not dangling
    assert dangling or target.read_bytes() == b"theirs"


def test_a_link_at_the_file_itself_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    (tmp_path / "x").symlink_to(tmp_path / "target")
    write_bytes(tmp_path / "x", b"new")
    assert not (tmp_path / "x").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"theirs"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_of_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "x", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


def test_drafts_have_names_that_nobody_can_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts, replace = [], os.replace

    def watched(source: Path, target: Path) -> None:
        drafts.append(Path(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    for _ in range(2):
        write_bytes(tmp_path / ("x" * 250), b"")
    assert drafts[0] != drafts[1]
    assert {p.parent for p in drafts} == {tmp_path}


def test_a_missing_folder_is_made_if_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "x"
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_bytes(file, b"")
    write_bytes(file, b"", make_folder=True)
    assert file.exists()
