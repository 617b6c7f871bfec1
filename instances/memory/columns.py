"""Columns of memory instances as arrays of whole numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.arrays import read_only
from dispatchgym.instances.errors import InputError

LongArray = npt.NDArray[np.int64]


def column_of(name: str, column: str, given: npt.ArrayLike, length: int, missing: int) -> LongArray:
    """`given` as (length,) whole numbers, all `missing` if it is empty."""
    values = whole_numbers(name, column, given)
    if values.size == 0:
        values = np.full(length, missing, np.int64)
    if values.shape != (length,):
        raise InputError(f"{name}: {column} has shape {values.shape}, expected {length} values")
    return read_only(values)


def whole_numbers(name: str, column: str, values: npt.ArrayLike) -> LongArray:
    try:
        found = np.asarray(values)
    except (OverflowError, ValueError) as error:
        raise InputError(f"{name}: {column}: {error}") from None
    if found.size and found.dtype.kind not in "ib":
        raise InputError(f"{name}: {column} must hold whole numbers below 2^63, not {found.dtype}")
    return found.astype(np.int64)
