"""Standard output that may be closed or full: an evaluation of hours goes on without it, since its results are in files."""

from __future__ import annotations

import os
import sys
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
        print(f"standard output cannot be written ({error.strerror or error}); the results go on into files", file=sys.stderr)
        # What is in the stream's buffer would fail once more when Python ends.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
