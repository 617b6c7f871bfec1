"""Reading and writing whole files: bounded, decoded, atomic, with one-line errors."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

MAX_BYTES = 64 * 2**20


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
    """Write `text` to `path` so that a reader sees the old file or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: cannot be written: {error.reason}") from error
    finally:
        with suppress(OSError):
            draft.unlink()
