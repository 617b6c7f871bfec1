"""What kernels need and numba has no public option for. Nothing else in the project touches numba's internals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dispatchgym.envs.core.bits import lowest_bit


def intrinsics(target: str) -> dict[Any, Any]:
    """Kernel helpers that have an instruction of their own on `target`: the plain function and what replaces it."""
    if target == "cpu":
        from numba.cpython.unsafe.numbers import trailing_zeros

        return {lowest_bit: trailing_zeros}
    if target == "cuda":
        from numba import cuda

        from dispatchgym.envs.core import cuda_bits

        return {lowest_bit: cuda.jit(device=True)(cuda_bits.lowest_bit)}
    return {}


@contextmanager
def no_wraparound() -> Iterator[None]:
    """Compile array indexing without Python's negative-index wraparound: the test at every access is a good part of a step.

    numba had an option for it once and removed it (numba issue 1533); unsigned indices skip the test (numba pull request
    929), but counters of kernels are signed. So the function that emits the test is replaced, under the lock that keeps other
    threads from compiling meanwhile. In a future numba without this function kernels are still correct, only slower; the
    test `test_kernels_index_without_wraparound` fails then.
    """
    from numba.core import types
    from numba.core.compiler_lock import global_compiler_lock
    from numba.np import arrayobj

    def as_it_stands(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    with global_compiler_lock:
        if not hasattr(arrayobj, "fix_integer_index"):
            yield
            return
        original = arrayobj.fix_integer_index
        arrayobj.fix_integer_index = as_it_stands
        try:
            yield
        finally:
            arrayobj.fix_integer_index = original
