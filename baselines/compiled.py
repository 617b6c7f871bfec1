"""Decorators of the baselines' compiled functions: `@compiled` for those that Python calls, `@inlined` for the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from dispatchgym import machine_code

# No reference counts: the caller owns every array.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}


def compiled(function: Any = None, *, inline: bool = False, allocates: bool = False) -> Any:
    """Compile at the first call; the machine code is kept on disk.

    `inline`: also into the compiled functions that call it. `allocates`: it makes arrays, so they are counted.
    """
    if function is None:
        return lambda function: compiled(function, inline=inline, allocates=allocates)
    options: dict[str, Any] = {} if allocates else {**OPTIONS, "forceinline": inline}
    return machine_code.compiled(**options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """Compile into the functions that call it. It gets no wrapper for Python, whose compilation would take most of the time."""
    options = {**OPTIONS, "forceinline": True, "no_cpython_wrapper": True}
    return numba.njit(**options)(function)
