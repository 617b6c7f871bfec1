"""What kernels need and numba has no public option for: nothing else in the project replaces parts of numba."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
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
def for_kernels(inner: Collection[str], outer: str, readable: Mapping[str, int], once: bool) -> Iterator[None]:
    """Compile a kernel: everything below at once, `one_version_of_each` if `once`."""
    with (
        no_wraparound(),
        remembered_lookups(),
        one_version_of_each(inner if once else ()),
        optimised_once(inner, outer, readable),
    ):
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

    with global_compiler_lock, _indices_as_they_stand(arrayobj, types):
        yield


@contextmanager
def _indices_as_they_stand(arrayobj: Any, types: Any) -> Iterator[None]:
    def as_it_stands(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    original = getattr(arrayobj, "fix_integer_index", None)
    if original is None:
        yield
        return
    arrayobj.fix_integer_index = as_it_stands
    try:
        yield
    finally:
        arrayobj.fix_integer_index = original


def compile_exactly(kernel: Any, relaxed: Collection[str]) -> None:
    """Let the CUDA dispatcher `kernel` compile under `for_cuda`, whenever it does."""
    from numba.core import config

    settings: Any = config
    settings.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # a batch of some thousand copies is small for a GPU, and no fault
    compile_kernel = kernel.compile

    def compile_so(signature: Any) -> Any:
        with for_cuda(relaxed):
            return compile_kernel(signature)

    kernel.compile = compile_so


@contextmanager
def for_cuda(relaxed: Collection[str]) -> Iterator[None]:
    """Compile kernels for CUDA as for the CPU: indices without wraparound, and no product fused with a sum.

    NVVM fuses by default and numba passes no option of it on. Fusing rounds once where the CPU rounds twice. Functions of the
    modules called `relaxed` may fuse float32, the arithmetic of networks: they come to NVVM as modules of their own, whose
    instructions are marked. The problem's functions that are copied into them count in float64.
    """
    nvvm: Any = import_module("numba.cuda.cudadrv.nvvm")
    own = importlib.util.find_spec("numba_cuda") is not None  # numba-cuda has copies of numba's modules
    names = (
        ("cuda.types", "cuda.np.arrayobj", "cuda.core.compiler_lock")
        if own
        else ("core.types", "np.arrayobj", "core.compiler_lock")
    )
    types, arrayobj, lock = (import_module(f"numba.{name}") for name in names)
    to_ptx = nvvm.compile_ir
    parts = ["".join(f"{len(part)}{part}" for part in name.split(".")) for name in relaxed]

    def marked(text: str) -> str:
        first = re.search(r"^define [^\n]*", text, re.MULTILINE)
        if first is None or not any(part in first[0] for part in parts):
            return text
        return re.sub(r"= (fmul|fadd|fsub) float", r"= \1 contract float", text)

    def compile_ir(texts: Any, **options: Any) -> Any:
        texts = [texts] if isinstance(texts, str) else texts
        return to_ptx([marked(text) for text in texts], **{**options, "fma": 0})

    with lock.global_compiler_lock, _indices_as_they_stand(arrayobj, types):
        nvvm.compile_ir = compile_ir
        try:
            yield
        finally:
            nvvm.compile_ir = to_ptx


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
def one_version_of_each(inner: Collection[str]) -> Iterator[None]:
    """Let functions called `inner` take signed whole numbers as int64.

    numba would compile a function once more for an int32 and once more for each constant that it is called with. Arithmetic
    on smaller signed numbers has int64 results anyway.
    """
    from numba.core import types
    from numba.core.dispatcher import _DispatcherBase

    def plain(literal: Any) -> Any:
        kind: Any = types.unliteral(literal)
        return types.int64 if isinstance(kind, types.Integer) and getattr(kind, "signed", False) else kind

    patched: Any = _DispatcherBase
    names, original = frozenset(inner), patched.get_call_template

    def get_call_template(self: Any, args: Any, kws: Any) -> Any:
        if self.py_func.__name__ in names:
            args, kws = tuple(map(plain, args)), {name: plain(kind) for name, kind in kws.items()}
        return original(self, args, kws)

    patched.get_call_template = get_call_template
    try:
        yield
    finally:
        patched.get_call_template = original


@contextmanager
def remembered_lookups() -> Iterator[None]:
    """Find the same operation on the same types once, not at every place where it stands.

    numba tries the implementations of `+` and `x[i]` one after another at each place, and compares all options of the compiler
    for each that it tries: half of the time of type inference. Items of a table are known without a search.
    """
    from numba.core.targetconfig import ConfigStack
    from numba.core.types import functions

    from dispatchgym.envs.core.table_items import ItemsType, signature_of

    lookup: Any = functions.BaseFunction
    original = lookup.get_call_type
    found: dict[Any, Any] = {}

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if args and isinstance(args[0], ItemsType):
            quick = signature_of(self.typing_key, context, args)
            if quick is not None:
                self._impl_keys[quick.args] = self.typing_key
                return quick
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
