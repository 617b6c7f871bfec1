"""Compiled functions whose machine code is kept on disk, in the first folder that can be written.

numba keeps machine code in NUMBA_CACHE_DIR, beside the source, or in the user's cache folder. Where none of these can be
written, a folder of the user in the temporary directory takes it; where even that fails, nothing is kept. A damaged file of
the cache is compiled again and replaced.
"""

from __future__ import annotations

import os
import pickle
import stat
import tempfile
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from dispatchgym import notice

# What reading a damaged file of the cache raises: it is pickled code with references to modules.
DAMAGED = (EOFError, pickle.PickleError, ValueError, KeyError, IndexError, TypeError, AttributeError, ImportError, OSError)


def compiled(title: str = "", **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` with `options`, and the machine code kept. `title` is what the notice says is compiled.

    Where NUMBA_DISABLE_JIT is set the function stays as it is.
    """
    import numba

    def wrap(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        if hasattr(dispatcher, "targetctx"):
            dispatcher._cache = KeptCode(dispatcher.py_func, title or title_of(function.__module__))
        return dispatcher

    return wrap


def title_of(module: str) -> str:
    """What the functions of a module belong to: a module of `dispatchgym.baselines.NAME` is of the "NAME methods"."""
    parts = module.removeprefix("dispatchgym.").split(".")
    kind = {"envs": "environment", "agents": "policy", "baselines": "methods"}.get(parts[0])
    if kind is None:
        return f"kernel {module}"
    return " ".join([*parts[1:-1], kind])


class KeptCode:
    """The cache of one compiled function, as numba's dispatcher uses it."""

    def __init__(self, function: Any, title: str) -> None:
        self._cache, self._title = _open(function), title

    @property
    def cache_path(self) -> Any:
        return self._cache.cache_path

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The kept code for a signature, None if there is none that can be used."""
        try:
            code = self._cache.load_overload(signature, context)
        except DAMAGED:
            code = None
            self.flush()
        if code is None:
            notice.begin(self._title)
        return code

    def save_overload(self, signature: Any, code: Any) -> None:
        """Keep code. A cache that cannot be written any more is given up with a warning: the code works without."""
        notice.end()
        try:
            self._cache.save_overload(signature, code)
        except OSError as error:
            _warn(f"machine code cannot be kept ({error.strerror or error})")

    def enable(self) -> None:
        self._cache.enable()

    def disable(self) -> None:
        self._cache.disable()

    def flush(self) -> None:
        try:
            self._cache.flush()
        except OSError as error:
            _warn(f"machine code cannot be kept ({error.strerror or error})")


def _open(function: Any) -> Any:
    """numba's cache for a function, in the first folder that can be written."""
    import numba
    from numba.core.caching import FunctionCache, NullCache

    try:
        return FunctionCache(function)
    except (RuntimeError, OSError):
        pass
    folder = _temporary()
    if folder is not None:
        config: Any = numba.config
        before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
        try:
            return FunctionCache(function)
        except (RuntimeError, OSError):
            config.CACHE_DIR = before
    _warn("machine code cannot be kept, and every start compiles again")
    return NullCache()


@lru_cache(maxsize=1)
def _temporary() -> Path | None:
    """A private folder of this user in the temporary directory; None if there is none."""
    path = Path(tempfile.gettempdir()) / f"dispatchgym-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    # Code of another user must never be loaded from there.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        return None
    _warn(f"neither the package's folder nor the user's cache can be written; machine code is kept in {path}")
    return path


@lru_cache(maxsize=8)
def _warn(what: str) -> None:
    """Warn once in a process."""
    warnings.warn(f"{what}; set NUMBA_CACHE_DIR to a folder that can be written", RuntimeWarning, stacklevel=3)
