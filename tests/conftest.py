"""Settings for every test: no display, no time limits for hypothesis on a busy machine, the same examples in CI."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from tests.slow import is_slow, without_tests

os.environ.setdefault("MPLBACKEND", "Agg")
# Tests are many small calls; threads that wait for each other would make them many times slower on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a command prints must not depend on whether its machine code is in the cache.
os.environ.setdefault("DISPATCHGYM_QUIET", "1")

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# A shell starts background jobs with SIGINT ignored, and children inherit that: tests of interrupts need it back.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupt_as_python_has_it() -> None:
    """Install Python's own handler of SIGINT again.

    CP-SAT, unless it is told otherwise, leaves the default action behind, which ends the process at the next interrupt.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is not None:
        signal.signal(signal.SIGINT, handler)


def pytest_runtest_teardown() -> None:
    interrupt_as_python_has_it()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that tests/slow.py lists; if every file is collected, each of its patterns must be of some test."""
    for item in items:
        if is_slow(item.nodeid):
            item.add_marker(pytest.mark.slow)
    if {item.path for item in items} >= set(Path(__file__).parent.rglob("test_*.py")):
        idle = without_tests([item.nodeid for item in items])
        if idle:
            raise pytest.UsageError(f"tests/slow.py: no test is called {idle[0]}")
