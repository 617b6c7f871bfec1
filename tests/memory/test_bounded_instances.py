"""Programs and packings whose sums would overflow, or in which nothing is accessed, are refused at load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.catalogue import load_program
from dispatchgym.instances.memory.instance import LIMIT, MAX_BYTES, MAX_COMPUTE, MemoryProgram, Packing


def program(**changes: Any) -> MemoryProgram:
    plain: dict[str, Any] = {
        "compute": [1], "size": [5], "define": [0], "access": [[0, 0, 5, 1]], "capacity": 100,
        "slow_rate": 10**12, "fast_read_rate": 10**12, "fast_write_rate": 10**12,
    }  # fmt: skip
    return MemoryProgram(**{**plain, **changes})


def test_a_program_without_accesses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no instruction accesses a buffer"):
        program(define=[-1], access=np.zeros((0, 4), np.int64))
    assert program().instructions == 1


def test_sums_of_ticks_stay_below_the_limit() -> None:
    count = 1000
    computing = {"compute": [MAX_COMPUTE] * count, "size": [1], "define": [0], "access": [[0, 0, 1, 1]]}
    with pytest.raises(InputError, match=f"add up to {LIMIT} ticks or more"):
        program(**computing)
    assert program(**{**computing, "compute": [MAX_COMPUTE] * 400}).lower_bound == 400 * MAX_COMPUTE


def test_offsets_stay_below_the_limit() -> None:
    count = 9000
    lives = {"lower": [0] * count, "upper": [1] * count, "size": [1] * count}
    with pytest.raises(InputError, match=f"sizes and alignments add up to {LIMIT} bytes or more"):
        Packing(**lives, alignment=[MAX_BYTES] * count)  # type: ignore[arg-type]
    assert Packing(**lives, alignment=[2**40] * count).buffers == count  # type: ignore[arg-type]


def test_the_bundled_programs_are_far_below_the_limit() -> None:
    assert load_program("resnet50-b8").lower_bound is not None
