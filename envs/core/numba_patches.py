"""What kernels need and numba has no public option for: nothing else in the project replaces parts of numba."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
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
def for_kernels(inner: Collection[str], outer: str, readable: Mapping[str, int]) -> Iterator[None]:
    """Compile a kernel: everything below at once."""
    with no_wraparound(), remembered_lookups(), optimised_once(inner, outer, readable):
        yield


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


@contextmanager
def optimised_once(inner: Collection[str], outer: str, readable: Mapping[str, int]) -> Iterator[None]:
    """Compile functions called `inner` without machine code of their own: they are optimised as parts of the one called `outer`.

    `readable` are pointers among its arguments, and how many bytes may be read there at any time.

    numba optimises each function with all that it calls, and makes machine code of it, before it does the same with the
    caller. Kernels are several calls deep and everything is inlined, so each would be optimised once a level.
    """
    from numba.core.registry import cpu_target

    codegen = cpu_target.target_context.codegen()
    known = hasattr(codegen, "_library_class") and hasattr(codegen._library_class, "_get_module_for_linking")
    if not known:
        yield
        return
    names, make = frozenset(inner), codegen.create_library

    def create(name: str, **words: Any) -> Any:
        if name in names:
            return _part_class()(codegen, name, **words)
        library = make(name, **words)
        if name == outer:
            add = library.add_ir_module
            library.add_ir_module = lambda module: add(_mark(module, readable))
        return library

    codegen.create_library = create
    try:
        yield
    finally:
        del codegen.create_library


def _mark(module: Any, readable: Mapping[str, int]) -> Any:
    """Tell the optimiser that reading there is always safe, so that it can be done before a loop."""
    for function in module.functions:
        for argument in function.args if function.blocks else ():
            size = readable.get(argument.name.removeprefix("arg."))
            if size:
                argument.attributes.dereferenceable = size
                argument.attributes.align = 8
                argument.attributes.add("noalias")
    return module


@lru_cache(maxsize=1)
def _part_class() -> Any:
    """The library of a function that is only ever a part of another."""
    from llvmlite.binding import Linkage
    from numba.core.codegen import JITCodeLibrary

    class Part(JITCodeLibrary):
        @property
        def codegen(self) -> Any:
            return _NoEnvironment(self._codegen)

        def finalize(self) -> None:
            self._raise_if_finalized()
            self._finalized = True

        def get_pointer_to_function(self, name: str) -> int:
            return 0  # there is no machine code

        def _get_module_for_linking(self) -> Any:
            """The function and all that it calls, as it stands."""
            if self._shared_module is None:
                module = self._final_module.clone()
                own = {function.name for function in module.functions if not function.is_declaration}
                for library in dict.fromkeys(self._all_linked()):
                    part = library._final_module if isinstance(library, Part) else library._get_module_for_linking()
                    module.link_in(part, preserve=True)
                for function in module.functions:
                    if not function.is_declaration and function.linkage == Linkage.external:
                        function.linkage = "linkonce_odr" if function.name in own else "internal"
                self._shared_module = module
            return self._shared_module

        def _all_linked(self) -> Iterator[Any]:
            for library in self._linking_libraries:
                yield library
                if isinstance(library, Part):
                    yield from library._all_linked()

    return Part


class _NoEnvironment:
    """numba's code generator for a function without machine code: there is no place for its Python globals, and no use."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, env: Any) -> None:
        pass


@contextmanager
def remembered_lookups() -> Iterator[None]:
    """Find the same operation on the same types once, not at every place where it stands.

    numba tries the implementations of `+` and `x[i]` one after another at each place, and compares all options of the compiler
    for each that it tries: half of the time of type inference.
    """
    from numba.core.targetconfig import ConfigStack
    from numba.core.types import functions

    lookup: Any = functions.BaseFunction
    original = lookup.get_call_type
    found: dict[Any, Any] = {}

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        options = ConfigStack.top_or_none()
        key = (id(self), id(context), id(options), args)
        if kws or key not in found:
            signature = original(self, context, args, kws)
            if kws or signature is None:
                return signature
            found[key] = signature, self, options  # both are kept, so that no other can have their identity
        return found[key][0]

    lookup.get_call_type = get_call_type
    try:
        yield
    finally:
        lookup.get_call_type = original
