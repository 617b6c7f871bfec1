"""Reading and writing whole files: bounded, decoded, atomic, with one-line errors."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

MAX_BYTES = 64 * 2**20
_NO_FOLLOW, _BINARY = getattr(os, "O_NOFOLLOW", 0), getattr(os, "O_BINARY", 0)  # each on some systems only


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """The text of a regular UTF-8 file of at most `limit` bytes.

    Raises InputError for a missing file, a folder, a device, a file that is too large or is not text.
    """
    shown = printable(path, 200)
    if os.path.isdir(path):
        raise InputError(f"{shown}: is a folder, not a file")
    if not os.path.exists(path):
        raise InputError(f"{shown}: no such file")
    if not os.path.isfile(path):
        raise InputError(f"{shown}: is not a regular file")
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise InputError(f"{shown}: is larger than {limit} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: is not a text file (byte {error.start} is not UTF-8)") from error
    if "\0" in text:
        raise InputError(f"{shown}: is not a text file (character {text.index(chr(0))} is NUL)")
    return text


def write_text(path: Path, text: str) -> None:
    """Replace the file `path` in one step by `text` in UTF-8: see `write_bytes`."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: cannot be written: {error.reason}") from error
    write_bytes(path, data)


def write_bytes(path: Path, data: bytes, *, make_folder: bool = False) -> None:
    """Replace the file `path` in one step: a reader sees the old file or the new one, never a part.

    A failed write leaves the old file as it was. The new file has the permissions of the umask. Raises InputError if the file
    cannot be written.
    """
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name[:40]}.{secrets.token_hex(8)}.tmp")
        # An exclusive open follows no link and takes no file that another process has put there.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY, 0o666)
        try:
            try:
                _write_all(handle, data)
            finally:
                os.close(handle)
            os.replace(draft, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(draft)
            raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.write(handle, rest)
        if written <= 0:
            raise OSError("the system wrote only a part")
        rest = rest[written:]
