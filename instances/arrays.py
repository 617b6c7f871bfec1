"""Arrays of frozen instances."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.generic)


def read_only(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The array in C order, made read-only; a copy only if it was not contiguous."""
    own = np.ascontiguousarray(array)
    own.flags.writeable = False
    return own
