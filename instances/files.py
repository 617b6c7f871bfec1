"""Reading and writing whole files: bounded, decoded, atomic, with one-line errors."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

MAX_BYTES = 64 * 2**20
# Each on some systems only.
_NO_FOLLOW, _BINARY, _NO_WAIT = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK"))
_DRAFT = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)


def read_bytes(path: Path, limit: int = MAX_BYTES, *, follow: bool = True) -> bytes:
    """A regular file of at most `limit` bytes; with `follow=False` a link is refused.

    Every file that the commands are given is opened here. Raises InputError for a missing file, a folder, a pipe, a device, and
    a file that is too large; nothing of these is read or waited for.
    """
    shown = printable(path, 200)
    try:
        # Without waiting: opening a pipe waits for a writer otherwise.
        handle = os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY | (0 if follow else _NO_FOLLOW))
    except ValueError:  # a name that no file can have
        raise InputError(f"{shown}: no such file") from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise InputError(f"{shown}: no such file") from None
        if os.path.islink(path):
            raise InputError(f"{shown}: is a link, not a file") from None
        raise InputError(f"{shown}: cannot be read: {error.strerror}") from None
    try:
        found = os.fstat(handle)
        if stat.S_ISDIR(found.st_mode):
            raise InputError(f"{shown}: is a folder, not a file")
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{shown}: is not a regular file")
        if found.st_size > limit:
            raise InputError(f"{shown}: is larger than {limit} bytes")
        with os.fdopen(os.dup(handle), "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)
    if len(data) > limit:
        raise InputError(f"{shown}: is larger than {limit} bytes")
    return data


def read_text(path: Path, limit: int = MAX_BYTES, *, follow: bool = True) -> str:
    """The text of a UTF-8 file, opened by `read_bytes`. Raises InputError for what is not text, too."""
    shown = printable(path, 200)
    data = read_bytes(path, limit, follow=follow)
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


def append(path: Path, data: bytes) -> None:
    """Add `data` to the end of a file and wait until it is on disk; a failed write leaves the file as it was.

    An interrupt leaves it as it was or with all of `data`. Links are not followed. Raises InputError if the file cannot be
    written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_FOLLOW | _BINARY | _NO_WAIT, 0o666)
        try:
            before = os.fstat(handle).st_size
            try:
                _write_all(handle, data)
                os.fsync(handle)
            except BaseException as error:
                with suppress(OSError):
                    # An interrupt while the system forces whole data to disk takes nothing back: somebody may have read it.
                    if isinstance(error, OSError) or os.fstat(handle).st_size < before + len(data):
                        os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        what = "is a link" if os.path.islink(path) else f"cannot be written: {error.strerror or error}"
        raise InputError(f"{printable(path, 200)}: {what}") from error


def hold(folder: Path, busy: str) -> int | None:
    """Hold a folder until the returned descriptor is closed, so that two processes never write to it at once.

    None where the system has no locks. Raises InputError, with the text `busy`, if another process holds it. What a killed
    process has left behind in the folder, unfinished drafts of files, is removed.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InputError(busy) from None
    except OSError:  # a file system without locks
        return descriptor
    remove_drafts(folder)
    return descriptor


def remove_drafts(folder: Path) -> None:
    """Remove the unfinished files that a killed process has left in `folder`, which this process must hold."""
    for entry in os.scandir(folder):
        if _DRAFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            with suppress(OSError):
                os.unlink(entry.path)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.write(handle, rest)
        if written <= 0:
            raise OSError("the system wrote only a part")
        rest = rest[written:]
