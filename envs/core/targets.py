"""One source, three targets: a problem's kernel as plain Python, compiled for CPU threads, or for CUDA.

Kernel files are executed into a private namespace in which every function is then wrapped by the target's compiler, so
that the functions find each other compiled. Only *entries* (one copy `b` first, then arrays) are called from outside.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Literal

Target = Literal["python", "cpu", "cuda"]
Launch = Callable[..., None]  # launch(copies, *arrays): runs an entry for every copy

CORE = tuple(Path(__file__).with_name(name) for name in ("random.py", "bits.py", "episode.py"))
THREADS_FROM = 512  # copies below which waking a second thread costs more than it saves
CUDA_BLOCK = 128

LOOP = "def {title}({copies}, {args}):\n{body}"
BODY = {
    "cpu": "    for b in range(low, high):\n        {name}(b, {args})\n",
    "cuda": "    b = cuda.grid(1)\n    if b < copies:\n        {name}(b, {args})\n",
}


@lru_cache(maxsize=64)
def compile_kernels(files: tuple[Path, ...], entries: tuple[str, ...], target: Target) -> dict[str, Launch]:
    """The `entries` of `files` (later files see earlier ones) as launchers for `target`.

    Compilation itself happens at the first call with given array types, and is kept on disk for the CPU.
    """
    sources = [path.read_text() for path in files]
    how = Path(__file__).read_text()  # machine code on disk depends on it too
    version = hashlib.sha256("\0".join([*sources, how]).encode()).hexdigest()[:12]
    # A real module: the compiler's disk cache finds its functions by module name.
    module = sys.modules[f"dispatchgym_kernel_{version}_{target}"] = ModuleType(f"dispatchgym_kernel_{version}_{target}")
    scope: dict[str, Any] = module.__dict__
    for path, source in zip(files, sources, strict=True):
        exec(compile(source, str(path), "exec"), scope)
    functions = {n: f for n, f in scope.items() if isinstance(f, FunctionType) and f.__module__ == scope["__name__"]}
    assert len(functions) == sum(len(re.findall(r"^def ", s, re.M)) for s in sources), "two kernel files share a function's name"
    relaxed = {str(path) for path in files if path.parent.name == "agents"}
    if target == "python":
        return {name: _python_launch(functions[name]) for name in entries}
    wrap = _cpu_compiler() if target == "cpu" else _cuda_compiler(scope)
    for name, function in functions.items():
        scope[name] = wrap(function, function.__code__.co_filename in relaxed)
    if "lowest_bit" in functions:
        scope["lowest_bit"] = _lowest_bit(target, scope)
    build = _cpu_launch if target == "cpu" else _cuda_launch
    return {name: build(functions[name], scope, str(files[-1])) for name in entries}


def _python_launch(function: FunctionType) -> Launch:
    def launch(copies: int, *arrays: Any) -> None:
        for b in range(copies):
            function(b, *arrays)

    return launch


# No reference counts: every array is owned by the caller, and atomic counters would cost more than the step.
CPU_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
# Only an entry is called from Python: unpacking a kernel's arrays again for each function in it took half of compile time.
CPU_INNER: dict[str, Any] = {"forceinline": True, "no_cpython_wrapper": True}
# A network may be summed in any order; a problem's rules may not, or targets would differ in the last bit.
RELAXED = {"contract", "reassoc", "nsz"}


def _cpu_compiler() -> Callable[[FunctionType, bool], Any]:
    import numba

    def wrap(function: FunctionType, relaxed: bool) -> Any:
        return numba.njit(fastmath=RELAXED if relaxed else False, **CPU_INNER, **CPU_OPTIONS)(function)

    return wrap


def _cuda_compiler(scope: dict[str, Any]) -> Callable[[FunctionType, bool], Any]:
    from numba import cuda

    scope["cuda"] = cuda
    return lambda function, relaxed: cuda.jit(device=True)(function)


def _lowest_bit(target: Target, scope: dict[str, Any]) -> Any:
    """What stands for the function of `bits.py` in compiled code."""
    if target == "cpu":
        from numba.cpython.unsafe.numbers import trailing_zeros

        return trailing_zeros
    exec("def counted(word):\n    return cuda.ffs(word) - 1\n", scope)
    return scope["cuda"].jit(device=True)(scope.pop("counted"))


def _loop(function: FunctionType, scope: dict[str, Any], target: str, copies: str, path: str) -> Any:
    names = ", ".join(list(inspect.signature(function).parameters)[1:])
    body = BODY[target].format(name=function.__name__, args=names)
    # The disk cache knows a function by its name and file alone, so the name carries the version of all sources.
    title = f"{function.__name__}_{scope['__name__']}"
    text = LOOP.format(title=title, copies=copies, args=names, body=body)
    exec(compile(text, path, "exec"), scope)
    return scope[title]


def _cpu_launch(function: FunctionType, scope: dict[str, Any], path: str) -> Launch:
    import numba

    loop = numba.njit(cache=True, **CPU_OPTIONS)(_loop(function, scope, "cpu", "low, high", path))
    compiled: dict[tuple[Any, ...], Callable[..., None]] = {}

    def launch(copies: int, *arrays: Any) -> None:
        # Calling the machine code directly: the dispatcher would spend ten times the step on the types of its arguments.
        key = tuple(type(a) for a in arrays)
        call = compiled.get(key)
        if call is None:
            signature = tuple(numba.typeof(a) for a in (0, 0, *arrays))
            with _no_wraparound():
                loop.compile(signature)
            call = compiled[key] = loop.overloads[signature].entry_point
        threads = thread_count() if copies >= THREADS_FROM else 1
        if threads == 1:
            call(0, copies, *arrays)
            return
        cuts = [copies * i // threads for i in range(threads + 1)]
        pool = _pool(os.getpid())
        jobs: list[Future[None]] = [pool.submit(call, cuts[i], cuts[i + 1], *arrays) for i in range(1, threads)]
        call(cuts[0], cuts[1], *arrays)
        for job in jobs:
            job.result()

    return launch


@contextmanager
def _no_wraparound() -> Iterator[None]:
    """Let numba compile array[x] as it stands, not as "from the end if x is negative": no kernel counts from the end, and to
    ask at every access is a good part of a step.

    There is no option for it, so the function that asks is exchanged, under the lock that keeps other threads from
    compiling meanwhile.
    """
    from numba.core import types
    from numba.core.compiler_lock import global_compiler_lock
    from numba.np import arrayobj

    def as_it_stands(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    with global_compiler_lock:
        if not hasattr(arrayobj, "fix_integer_index"):  # in a numba to come: kernels are only slower
            yield
            return
        asking = arrayobj.fix_integer_index
        arrayobj.fix_integer_index = as_it_stands
        try:
            yield
        finally:
            arrayobj.fix_integer_index = asking


def _cuda_launch(function: FunctionType, scope: dict[str, Any], path: str) -> Launch:
    from numba import cuda

    kernel = cuda.jit(_loop(function, scope, "cuda", "copies", path))

    def launch(copies: int, *arrays: Any) -> None:
        block = min(CUDA_BLOCK, copies)
        kernel[(copies + block - 1) // block, block](copies, *arrays)

    return launch


def thread_count() -> int:
    """How many CPU threads a launch may use: DISPATCHGYM_THREADS, or the cores this process may run on."""
    asked = os.environ.get("DISPATCHGYM_THREADS", "")
    return max(1, int(asked)) if asked.isdigit() else len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # Keyed by process: threads do not survive a fork, so a child of AsyncVectorEnv makes its own.
    return ThreadPoolExecutor(max(1, thread_count() - 1), thread_name_prefix="dispatchgym")


def place(arrays: Any, target: Target) -> tuple[Any, Any]:
    """A NamedTuple of numpy arrays twice, sharing memory: as kernels of `target` take it, and as torch tensors."""
    import numpy as np
    import torch

    def convert(turn: Callable[[Any], Any], source: Any) -> Any:
        return type(arrays)(*(x if isinstance(x, (int, float)) else turn(x) for x in source))

    if target == "cuda" and not simulated():
        from numba import cuda

        tensors = convert(lambda a: torch.from_numpy(np.ascontiguousarray(a)).cuda(), arrays)
        return convert(lambda t: cuda.as_cuda_array(t, sync=False), tensors), tensors
    return arrays, convert(torch.from_numpy, arrays)


def simulated() -> bool:
    """Whether numba's CUDA simulator stands in for the device (NUMBA_ENABLE_CUDASIM=1)."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def kernel_files(problem_kernel: Sequence[Path], extra: Sequence[Path] = ()) -> tuple[Path, ...]:
    return (*CORE[:2], *problem_kernel, CORE[2], *extra)
