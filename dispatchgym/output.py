"""Standard output that may be closed or full: work of hours goes on without it, since its results are in files."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Output:
    """A text stream that drops what cannot be written and says so once on standard error."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.given_up = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return len(text) if self.given_up else self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        try:
            if not self.given_up:
                self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.given_up = True
        print(
            f"standard output cannot be written ({error.strerror or error}); the files are written all the same",
            file=sys.stderr,
        )
        _send_to_nowhere(self._stream)


@contextlib.contextmanager
def may_be_lost() -> Iterator[None]:
    """While a command works: standard output is an `Output`."""
    with contextlib.redirect_stdout(Output(sys.stdout)):
        yield
        sys.stdout.flush()


def say(text: str) -> None:
    """Print what a command was asked for and nothing else. Raises SystemExit where standard output cannot be written."""
    try:
        print(text, flush=True)
    except OSError as error:
        raise SystemExit(lost(error)) from None


def lost(error: OSError) -> int:
    """The exit status of a command whose output could not be printed: 0 if its reader had enough, as `head`, or else 1."""
    _send_to_nowhere(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return 0
    print(f"error: standard output cannot be written: {error.strerror or error}", file=sys.stderr)
    return 1


def _send_to_nowhere(stream: TextIO) -> None:
    """What is in the stream's buffer would fail once more when Python ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
