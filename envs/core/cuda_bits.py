"""`bits.py` for CUDA. Imported only where CUDA kernels are compiled, as it imports numba's CUDA target."""

from __future__ import annotations

from typing import Any

from numba import cuda as _cuda

cuda: Any = _cuda  # a global of this name: numba's simulator replaces it while a kernel runs


def lowest_bit(word: Any) -> Any:
    return cuda.ffs(word) - 1
