"""SIGINT and SIGTERM ask a command to stop at the next point where nothing is lost; a second one stops it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """The command was asked to stop; `code` is its exit status (130 for SIGINT, 143 for SIGTERM), `said` what to do next."""

    def __init__(self, number: int, said: str = "") -> None:
        super().__init__(said)
        self.code, self.said = 128 + number, said


class Interrupts:
    """`with Interrupts() as asked:` notes the signals; `asked()` says whether one has come.

    A signal that the parent made this process ignore, as a shell does for background jobs, stays ignored.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        """With `at_once` the first signal already raises Stopped, where the work is safe at any moment."""
        self.number = 0
        self.at_once = at_once
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self.number != 0

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raises Stopped in the place of a KeyboardInterrupt to which a library has turned it, as Ray does."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.number and isinstance(error, KeyboardInterrupt) and not isinstance(error, Stopped):
            raise Stopped(self.number) from error

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.number = self.number, number
        if again or self.at_once:
            raise Stopped(number)
