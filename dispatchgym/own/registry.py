"""Where own methods come from: a function in a file or a module, a registered one, an entry point of a package."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from dispatchgym.baselines.method import FILE, FUNCTION, SB3, Method
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_bytes
from dispatchgym.instances.names import printable

Solve = Callable[..., Any]  # (instance, seed, seconds, workers) -> schedule; a method may take any part of these

GROUP = "dispatchgym.methods"  # of entry points: name = "package.module:function"
RESERVED = ("policy", FUNCTION, FILE)
_registered: dict[str, Solve] = {}


def register_method(name: str, solve: Solve) -> None:
    """Give an own method a name that `compare` and `evaluate` of this process take; a second call replaces the first.

    `solve(instance, seed, seconds, workers)` returns a schedule of the instance's family, a mapping of its fields, a `Result`
    with bounds of its own, or None. The call is by keyword, and a parameter that `solve` does not have is not given to it.
    Raises InputError for a name that is not lower-case letters, digits and hyphens, and for what cannot be called.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name in RESERVED:
        raise InputError(f"{printable(str(name))!r} is not a name for a method: lower-case letters, digits and hyphens")
    if not callable(solve):
        raise InputError(f"method '{name}': {printable(repr(solve), 60)} cannot be called")
    _registered[name] = solve


def names() -> list[str]:
    """The names of registered methods and of entry points."""
    return sorted({*_registered, *_entry_points()})


def is_own(method: Method) -> bool:
    """Whether a method is neither of the suite nor a policy of its agent."""
    if method.name == "policy":
        return method.target is not None and (method.target.startswith(SB3) or ".py:" in method.target)
    return method.name in (FUNCTION, FILE) or method.name in _registered or method.name in _entry_points()


def function_of(method: Method) -> Solve:
    """The function that `method` names; InputError if it cannot be loaded."""
    if method.name in _registered:
        return _registered[method.name]
    if method.name in _entry_points():
        return _from_entry_point(method)
    assert method.target is not None
    where, _, name = method.target.rpartition(":")
    module = _of_file(method, where) if where.endswith(".py") else _of_package(method, where)
    found = getattr(module, name, None)
    if not callable(found):
        raise method.error(f"there is no function '{name}' in {printable(where, 200)}")
    return found


def source_hash(function: Any) -> str:
    """A hash of the file that defines `function`, or of its code where there is no file: a changed method is run again."""
    try:
        code = inspect.unwrap(function)
        file = inspect.getsourcefile(code if inspect.isroutine(code) or inspect.isclass(code) else type(code))
        return hashlib.sha256(read_bytes(Path(file or ""))).hexdigest()[:16]
    except (TypeError, ValueError):
        body = getattr(function, "__code__", None)
        text = body.co_code + repr(body.co_consts).encode() if body else repr(type(function)).encode()
        return hashlib.sha256(text).hexdigest()[:16]


def pack() -> bytes:
    """The registered methods for a worker process; functions of a script or a notebook travel with their code.

    Raises InputError for a function that cannot be sent.
    """
    import cloudpickle  # of Gymnasium

    for name, solve in _registered.items():
        try:
            cloudpickle.dumps(solve)
        except Exception as error:  # whatever hangs on it
            reason = printable(f"{type(error).__name__}: {error}", 120)
            raise InputError(f"method '{name}': cannot be sent to a worker process ({reason})") from None
    return bytes(cloudpickle.dumps(_registered)) if _registered else b""


def unpack(packed: bytes) -> None:
    """Register, in a worker process, what `pack` gave."""
    if packed:
        import cloudpickle

        _registered.update(cloudpickle.loads(packed))


@lru_cache(maxsize=1)
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}


def _from_entry_point(method: Method) -> Solve:
    point = _entry_points()[method.name]
    try:
        found = point.load()
    except Exception as error:
        _refuse(method, f"the entry point {point.value}", error)
    if not callable(found):
        raise method.error(f"the entry point {point.value} is not a function")
    return found


def _of_package(method: Method, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # the user's code runs here
        _refuse(method, f"module {name}", error)


def _of_file(method: Method, where: str) -> ModuleType:
    path = Path(where)
    read_bytes(path)  # InputError unless it is a file
    try:
        return _loaded(path.resolve(), path.stat().st_mtime_ns)
    except (Exception, SystemExit) as error:
        _refuse(method, where, error)


@lru_cache(maxsize=64)
def _loaded(path: Path, _changed: int) -> ModuleType:
    """The module in a file, under a name of its own; it can import the modules beside it, as a script can."""
    name = f"_own_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # as dataclasses and pickles look it up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _refuse(method: Method, what: str, error: BaseException) -> NoReturn:
    reason = printable(" ".join(str(error).split()), 150)
    raise method.error(f"{printable(what, 150)} cannot be imported ({type(error).__name__}: {reason})") from None
