"""One line on standard error while machine code is compiled, so that a first start does not look like a hang.

On a terminal the line shows the seconds that have passed and is erased at the end. Elsewhere it is printed once for each
title. It is silent in worker processes, after `silence()`, and where DISPATCHGYM_QUIET is set.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time

SPINNER = "|/-\\"
TICK = 0.2  # seconds between two updates on a terminal
LONG = 3.0  # seconds after which the line says why it takes so long

_lock = threading.Lock()
_silent = False
_depth = 0  # compilations that have begun and not ended
_told: set[str] = set()
_stop: threading.Event | None = None
_thread: threading.Thread | None = None


def silence() -> None:
    """Say nothing in this process from now on."""
    global _silent
    _silent = True


def begin(title: str) -> None:
    """A compilation of `title` begins."""
    global _depth, _stop, _thread
    if _silent or os.environ.get("DISPATCHGYM_QUIET") or multiprocessing.parent_process() is not None:
        return
    with _lock:
        _depth += 1
        if _depth > 1 or sys.stderr is None:
            return
        if sys.stderr.isatty():
            _stop = threading.Event()
            _thread = threading.Thread(target=_show, args=(title, _stop), daemon=True)
            _thread.start()
        elif title not in _told:
            print(f"dispatchgym: compiling the {title}; later starts load it from the cache", file=sys.stderr, flush=True)
        _told.add(title)


def end() -> None:
    """The compilation that began last has ended, well or not."""
    global _depth, _stop, _thread
    with _lock:
        _depth = max(_depth - 1, 0)
        if _depth or _stop is None or _thread is None:
            return
        _stop.set()
        _thread.join()
        _stop = _thread = None


def _show(title: str, stop: threading.Event) -> None:
    began = time.monotonic()
    turn = 0
    while not stop.wait(TICK):
        seconds = time.monotonic() - began
        why = "; later starts load it from the cache" if seconds > LONG else ""
        line = f"{SPINNER[turn % len(SPINNER)]} compiling the {title}, {seconds:.0f} s{why}"
        print(f"\r\x1b[K{line[: _columns() - 1]}", end="", file=sys.stderr, flush=True)
        turn += 1
    if turn:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
