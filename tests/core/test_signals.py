"""Tests of interrupts also pass where the shell that starts the suite ignores SIGINT, as it does for a background job.

And after a test that let CP-SAT handle interrupts.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
import tests.conftest
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout.strip())
"""
SOLVER = """
import signal, time
from ortools.sat.python import cp_model
from tests.conftest import interrupt_as_python_has_it
cp_model.CpSolver().solve(cp_model.CpModel())
interrupt_as_python_has_it()
try:
    signal.raise_signal(signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("raised")
"""


def test_an_interrupt_is_raised_after_cpsat_has_run() -> None:
    done = subprocess.run([sys.executable, "-c", SOLVER], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "raised\n"), done.stderr


def test_children_of_the_suite_get_sigint_although_its_parent_ignores_it() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
