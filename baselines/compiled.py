"""How the loops of the baselines are compiled by numba: `@numba.njit(**COMPILED)` if called from Python, else `**INLINED`."""

from __future__ import annotations

from typing import Any

# No reference counts: every array is owned by the caller.
COMPILED: dict[str, Any] = {"cache": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
# Only for functions that no Python code calls: they get no wrapper, which would take most of the time to compile them.
INLINED: dict[str, Any] = {**COMPILED, "cache": False, "forceinline": True, "no_cpython_wrapper": True}
