"""Where the commands start: SIGINT and SIGTERM have handlers before anything heavy is imported.

This module stands outside of the package because importing a module of the package imports Gymnasium first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType


def train() -> None:
    """`train.py`, or `dispatchgym-train` where the package is installed."""
    _handle_signals()
    from dispatchgym.train import main

    main()


def evaluate() -> None:
    """`evaluate.py`, or `dispatchgym-evaluate` where the package is installed."""
    _handle_signals()
    from dispatchgym.evaluate import main

    main()


def command() -> int:
    """`dispatchgym`."""
    _handle_signals()
    from dispatchgym.__main__ import main

    return main()


def _handle_signals() -> None:
    """Until the command has handlers of its own, a signal ends it; one that the parent made it ignore stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    """Leave with exit code 130 or 143. An exception would come out of whatever is being imported, or be lost in it."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(128 + number)
