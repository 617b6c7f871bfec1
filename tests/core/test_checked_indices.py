"""Compiled kernels of every family play degenerate instances with NUMBA_BOUNDSCHECK=1: no index is outside of its array."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.test_every_index import CASES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(1800)  # everything is compiled once more, for nobody else
@pytest.mark.parametrize("name", CASES)
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
