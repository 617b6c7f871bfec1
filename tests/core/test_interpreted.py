"""Compiled methods do what their Python source says: the same runs, interpreted, give the same schedules."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import coverage
import pytest

from tests.core.interpreted import CASES, found

# Nothing else runs these kernels as Python, so that the lines are counted in the child process too.
COUNTED = ("coverage", "run", "--parallel-mode", "-m")


@pytest.mark.parametrize("family", CASES)
def test_interpreted_and_compiled_methods_find_the_same_schedules(family: str) -> None:
    counted = COUNTED if coverage.Coverage.current() is not None else ()
    command = [sys.executable, "-m", *counted, "tests.core.interpreted", family]
    environment = dict(os.environ, NUMBA_DISABLE_JIT="1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == found(family)
