"""Compiled kernels of every family play degenerate instances with NUMBA_BOUNDSCHECK=1: no index is outside of its array."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.test_every_index import CASES

ROOT = Path(__file__).resolve().parents[2]


# The others take minutes each to compile. `python -m tests.core.checked_indices NAME` plays them; `test_every_index.py` checks
# the same indices of every family in Python.
QUICK = ("JobShop-v0",)


def test_the_quick_ones_are_environments() -> None:
    assert set(QUICK) < set(CASES)


@pytest.mark.timeout(600)  # everything is compiled once more, for nobody else
@pytest.mark.parametrize("name", QUICK)
def test_compiled_kernels_stay_inside_their_arrays(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.core.checked_indices", name],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert " episodes, " in done.stdout
