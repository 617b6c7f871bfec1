"""Instances of different sizes in one array."""

from __future__ import annotations

import numpy as np

from dispatchgym.envs.core.contract import Array


def padded(rows: Array, length: int) -> Array:
    """`rows` and zeros after them, `length` in all, in floats as they are or int64."""
    table = np.zeros((length, *rows.shape[1:]), rows.dtype if rows.dtype.kind == "f" else np.int64)
    table[: len(rows)] = rows
    return table
