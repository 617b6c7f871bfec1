"""Instances of different sizes in one array."""

from __future__ import annotations

import numpy as np

from dispatchgym.envs.core.contract import Array


def padded(rows: Array, length: int) -> Array:
    """`rows` and zeros after them, `length` in all, as float64 or int64."""
    table = np.zeros((length, *rows.shape[1:]), np.float64 if rows.dtype.kind == "f" else np.int64)
    table[: len(rows)] = rows
    return table
