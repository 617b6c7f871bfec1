"""Options of numba for the baselines: `@numba.njit(**COMPILED)` for functions called from Python, else `**INLINED`."""

from __future__ import annotations

from typing import Any

# No reference counts: the caller owns every array.
COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
# Only for functions that Python never calls: they get no wrapper, whose compilation would take most of the time.
INLINED: dict[str, Any] = {**COMPILED, "cache": False, "forceinline": True, "no_cpython_wrapper": True}
