"""One source, three targets: linked kernel functions as plain Python, compiled for CPU threads, or for CUDA.

Only *entries* are called from outside. An entry takes the copy `b` first, then arrays; its launcher runs it for all copies.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Literal, Protocol

from dispatchgym import machine_code
from dispatchgym.envs.core import numba_patches
from dispatchgym.envs.core.contract import Kernel
from dispatchgym.envs.core.cuda_launch import CudaLaunch
from dispatchgym.envs.core.link import Linked, link, numbered, problem_functions, small

Target = Literal["python", "cpu", "cuda"]
Prepared = Callable[[], None]
Settings = tuple[tuple[str, Any], ...]
Replace = tuple[tuple[Callable[..., Any], Callable[..., Any]], ...]


class Launch(Protocol):
    """An entry, ready to be run for every copy."""

    def __call__(self, copies: int, *arrays: Any) -> None: ...

    def prepare(self, copies: int, *arrays: Any) -> Prepared:
        """A call with these arguments whose types have been looked up once; it keeps the arrays."""
        ...


THREADS_FROM = 512  # copies below which waking a second thread costs more than it saves
HOW = ("targets", "numba_patches", "tables", "table_items")  # modules that machine code depends on, beside the kernels'

LOOP = "def {title}({copies}, {args}):\n{body}"
BODY = {
    "cpu": "    for b in range(low, high):\n        {name}(b, {args})\n",
    "cuda": "    b = cuda.grid(1)\n    if b < copies:\n        {name}(b, {args})\n",
}


@lru_cache(maxsize=64)
def compile_entries(
    entries: tuple[Callable[..., None], ...],
    target: Target,
    *,
    kernel: Kernel | None = None,
    settings: Settings = (),
    replace: Replace = (),
    relaxed: frozenset[str] = frozenset(),
) -> dict[str, Launch]:
    """The `entries`, linked with the functions of a problem's `kernel`, as launchers for `target`, by name.

    `settings` are further values of constants, beside the kernel's own. `replace` are pairs of a stub, beside those of the
    contract, and the function that stands for it. Functions of the modules named in `relaxed` may sum
    in any order (fast-math). Compilation itself happens at the first call with given array types; for the CPU the machine
    code is kept on disk.
    """
    if target == "cpu" and uncompiled():
        target = "python"
    functions: dict[Any, Any] = {**(problem_functions(kernel) if kernel else {}), **dict(replace)}
    values = dict((*(kernel.settings if kernel else ()), *settings))
    if target == "python":
        plain = link(entries, functions, lambda function: function, values)
        return {name: PythonLaunch(function) for name, function in plain.entries.items()}
    functions |= numba_patches.intrinsics(target)
    compiler = _cpu_compiler(relaxed, small(entries, functions, INLINED)) if target == "cpu" else _cuda_compiler()
    linked = link(entries, functions, compiler, values, *([numbered] if target == "cuda" else []))
    once = kernel is not None and kernel.compiled_once
    module = _module(linked, target, relaxed, once)
    if target == "cuda":
        from numba import cuda

        module.__dict__["cuda"] = cuda
        return {entry.__name__: CudaLaunch(_loop(entry, module, "cuda", "copies"), relaxed) for entry in entries}
    return {entry.__name__: CpuLaunch(entry, module, title_of(entry, kernel), linked.names, once) for entry in entries}


def title_of(entry: Callable[..., None], kernel: Kernel | None) -> str:
    """What an entry belongs to, for people: the "NAME policy"; of the problem's folder and the entry's."""
    part = machine_code.title_of(entry.__module__).split()[-1]
    folders = kernel.modules[0].__name__.split(".") if kernel else [""]
    problem = folders[-2] if len(folders) > 1 else folders[0]
    return f"{problem} {part}".strip()


def uncompiled() -> bool:
    """Whether numba compiles nothing in this process (NUMBA_DISABLE_JIT=1)."""
    import numba

    config: Any = numba.config
    return bool(config.DISABLE_JIT)


def _module(linked: Linked, target: Target, relaxed: frozenset[str], once: bool) -> ModuleType:
    """A real module with the compiled entries: the compiler's disk cache finds functions by module name."""
    how = "".join(Path(__file__).with_name(f"{name}.py").read_text() for name in HOW)
    version = hashlib.sha256("\0".join([linked.version, how, str(once), *sorted(relaxed)]).encode()).hexdigest()[:12]
    name = f"dispatchgym_kernel_{version}_{target}"
    module = sys.modules[name] = ModuleType(name)
    module.__dict__.update(linked.entries)
    return module


class PythonLaunch:
    """An entry as plain Python."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function

    def __call__(self, copies: int, *arrays: Any) -> None:
        for b in range(copies):
            self.function(b, *arrays)

    def prepare(self, copies: int, *arrays: Any) -> Prepared:
        return partial(self, copies, *arrays)


# No reference counts: every array is owned by the caller, and atomic counters would cost more than the step.
CPU_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
CPU_INNER: dict[str, Any] = {"no_cpython_wrapper": True}  # only an entry is called from Python
# A larger function that is called at several places is compiled once, and the compiler decides whether to copy it.
INLINED = 150  # instructions of Python
# A network may be summed in any order; a problem's rules may not, or targets would differ in the last bit.
RELAXED = {"contract", "reassoc", "nsz"}


def _cpu_compiler(relaxed: frozenset[str], inlined: frozenset[CodeType]) -> Callable[[FunctionType], Any]:
    import numba

    def wrap(function: FunctionType) -> Any:
        fastmath = RELAXED if function.__module__ in relaxed else False
        options = CPU_OPTIONS | CPU_INNER | {"fastmath": fastmath, "forceinline": function.__code__ in inlined}
        return numba.njit(**options)(function)

    return wrap


def _cuda_compiler() -> Callable[[FunctionType], Any]:
    from numba import cuda

    return lambda function: cuda.jit(device=True)(function)


def _loop(entry: Callable[..., None], module: ModuleType, target: str, copies: str) -> Any:
    names = ", ".join(list(inspect.signature(entry).parameters)[1:])
    body = BODY[target].format(name=entry.__name__, args=names)
    # The disk cache knows a function by its name and file alone, so the name carries the version of all sources.
    title = f"{entry.__name__}_{module.__name__}"
    text = LOOP.format(title=title, copies=copies, args=names, body=body)
    scope = module.__dict__
    exec(compile(text, entry.__code__.co_filename, "exec"), scope)
    return scope[title]


class CpuLaunch:
    """An entry compiled for CPU threads, once for each combination of argument types."""

    def __init__(self, entry: Callable[..., None], module: ModuleType, title: str, inner: Collection[str], once: bool) -> None:
        self.loop = machine_code.compiled(title, **CPU_OPTIONS)(_loop(entry, module, "cpu", "low, high"))
        self.parameters = list(inspect.signature(entry).parameters)[1:]
        self.inner, self.once = inner, once
        self.compiled: dict[tuple[Any, ...], Callable[..., None]] = {}

    def __call__(self, copies: int, *arrays: Any) -> None:
        self.prepare(copies, *arrays)()

    def prepare(self, copies: int, *arrays: Any) -> Prepared:
        from dispatchgym.envs.core.tables import table_of

        # Calling the machine code directly: the dispatcher would spend ten times the step on the types of its arguments.
        seen = [table_of(a) if isinstance(a, tuple) else None for a in arrays]
        given = [a if table is None else table.address for a, table in zip(arrays, seen, strict=True)]
        key = tuple([type(a) if table is None else table.number for a, table in zip(arrays, seen, strict=True)])
        call = self.compiled.get(key)
        if call is None:
            call = self.compiled[key] = self._compile(arrays)
        run = partial(call, 0, copies, *given) if copies < THREADS_FROM else partial(_in_threads, call, copies, given)
        run.__dict__["arrays"] = (arrays, seen)  # they must live as long as their addresses are used
        return run

    def _compile(self, arrays: tuple[Any, ...]) -> Callable[..., None]:
        import numba

        from dispatchgym.envs.core.tables import TableType, table_of

        kinds = [table_of(a).kind if isinstance(a, tuple) else numba.typeof(a) for a in arrays]
        readable = {n: k.bytes for n, k in zip(self.parameters, kinds, strict=True) if isinstance(k, TableType)}
        signature = (numba.int64, numba.int64, *kinds)
        with numba_patches.for_kernels(self.inner, self.loop.__name__, readable, self.once):
            self.loop.compile(signature)  # says so on standard error unless the machine code is kept
        call: Callable[..., None] = self.loop.overloads[signature].entry_point
        return call


def _in_threads(call: Callable[..., None], copies: int, given: Sequence[Any]) -> None:
    threads = thread_count()  # it may have changed since the call was prepared
    if threads == 1:
        call(0, copies, *given)
        return
    cuts = [copies * i // threads for i in range(threads + 1)]
    pool = _pool(os.getpid())
    jobs: list[Future[None]] = [pool.submit(call, cuts[i], cuts[i + 1], *given) for i in range(1, threads)]
    call(cuts[0], cuts[1], *given)
    for job in jobs:
        job.result()


def thread_count() -> int:
    """How many CPU threads a launch may use: DISPATCHGYM_THREADS, or the cores this process may run on."""
    asked = os.environ.get("DISPATCHGYM_THREADS", "")
    return max(1, int(asked)) if asked.isdigit() else len(os.sched_getaffinity(0))


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # Keyed by process: threads do not survive a fork, so a child of AsyncVectorEnv makes its own.
    return ThreadPoolExecutor(max(1, thread_count() - 1), thread_name_prefix="dispatchgym")
