"""From ordinary modules to the functions of one kernel: stubs are replaced, every function is handed to a compiler.

Kernel functions are plain Python in ordinary modules and import each other. The linker starts at the entries and follows the
global names that each function uses. A function it meets is copied with globals of its own, in which a stub of the contract
(`rules.py`) is the problem's function and every other function is its linked copy. All other values stay as they are.
"""

from __future__ import annotations

import builtins
import hashlib
from collections import Counter, namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dis import get_instructions
from enum import EnumMeta
from types import CodeType, FunctionType, ModuleType
from typing import Any

from dispatchgym.envs.core.contract import Kernel
from dispatchgym.envs.core.rules import STUBS


def problem_functions(kernel: Kernel) -> dict[Any, FunctionType]:
    """The problem's function for each stub of the contract.

    Raises TypeError if one is defined in none of the kernel's modules, or in two.
    """
    found: dict[Any, FunctionType] = {}
    for stub in STUBS:
        name = stub.__name__
        own = [getattr(module, name) for module in kernel.modules if _defines(module, name)]
        if len(own) != 1:
            modules = ", ".join(module.__name__ for module in kernel.modules)
            raise TypeError(f"'{name}' must be defined once in {modules}, not {len(own)} times")
        found[stub] = own[0]
    return found


def _defines(module: ModuleType, name: str) -> bool:
    function = getattr(module, name, None)
    return isinstance(function, FunctionType) and function.__module__ == module.__name__


@dataclass(frozen=True)
class Linked:
    """The linked entries by name, and a hash of everything that their machine code depends on."""

    entries: dict[str, Any]
    version: str
    names: frozenset[str] = frozenset()  # of all functions


def link(
    entries: Sequence[Callable[..., Any]],
    replace: Mapping[Any, Any],
    wrap: Callable[[FunctionType], Any],
    settings: Mapping[str, Any] | None = None,
    constant: Callable[[Any], Any] = lambda value: value,
) -> Linked:
    """Link `entries` and all that they call.

    `replace` maps functions to what stands for them: a function (linked in its turn) or any other callable, taken as it is.
    `wrap` gives a copied function to a compiler. `settings` are values of global constants, by name; `constant` turns any other
    value that functions use into what the compiler knows.
    Raises TypeError for a setting that neither a reached function uses nor the module of one in `replace` has.
    """
    values = dict(settings or {})
    linked: dict[Any, Any] = {}
    parts: list[str] = []
    used: set[str] = set()

    def visit(function: Any) -> Any:
        function = replace.get(function, function)
        if not isinstance(function, FunctionType):
            parts.append(_value_text(function))
            return function
        if function not in linked:
            scope: dict[str, Any] = {"__name__": function.__module__, "__builtins__": builtins}
            copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
            parts.append(_code_text(function))
            linked[function] = None  # a function that calls itself would loop; kernels do not recurse
            for name in _global_names(function):
                value = values.get(name, function.__globals__[name])
                used.add(name)
                scope[name] = visit(value) if isinstance(value, FunctionType) else constant(value)
                if not isinstance(value, FunctionType):
                    parts.append(f"{name}={_value_text(value)}")
            linked[function] = wrap(copy)
        return linked[function]

    found = {entry.__name__: visit(entry) for entry in entries}
    elsewhere = {name for f in replace.values() if isinstance(f, FunctionType) for name in f.__globals__}  # of other entries
    unknown = sorted(set(values) - used - elsewhere)
    if unknown:
        raise TypeError(f"no kernel function uses the setting {unknown[0]}")
    return Linked(found, hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12], frozenset(f.__name__ for f in linked))


def small(entries: Sequence[Callable[..., Any]], replace: Mapping[Any, Any], largest: int) -> frozenset[CodeType]:
    """The code of the functions that are worth copying to where they are called.

    They have at most `largest` instructions, with all that is copied into them, or are called at one place.
    """
    weight: dict[Any, int] = {}
    sites: Counter[Any] = Counter(replace.get(entry, entry) for entry in entries)

    def visit(function: FunctionType) -> None:
        if function in weight:
            return
        weight[function] = 0  # a function that calls itself would loop
        instructions = list(get_instructions(function))
        named = (function.__globals__.get(x.argval) for x in instructions if x.opname == "LOAD_GLOBAL")
        found = (replace.get(f, f) for f in named if isinstance(f, FunctionType))
        called = [f for f in found if isinstance(f, FunctionType)]
        sites.update(called)
        for f in called:
            visit(f)
        weight[function] = len(instructions) + sum(weight[f] for f in called if weight[f] <= largest)

    for entry in list(sites):
        visit(entry)
    return frozenset(f.__code__ for f, size in weight.items() if size <= largest or sites[f] == 1)


def numbered(value: Any) -> Any:
    """An enumeration as a named tuple of whole numbers: not every compiler takes a member as an index. Others as they are."""
    if not isinstance(value, EnumMeta):
        return value
    members: Mapping[str, Any] = value.__members__
    kind: Any = namedtuple(value.__name__, list(members))  # type: ignore[misc]
    return kind(*(int(member.value) for member in members.values()))


def _global_names(function: FunctionType) -> list[str]:
    return [name for name in function.__code__.co_names if name in function.__globals__]


def _code_text(function: FunctionType) -> str:
    """What decides the meaning of a function, without its place in a file and its comments."""
    code = function.__code__
    return repr((function.__qualname__, code.co_code, code.co_consts, code.co_names, code.co_varnames, function.__defaults__))


def _value_text(value: Any) -> str:
    if isinstance(value, EnumMeta):
        members: Mapping[str, Any] = value.__members__
        return repr([(name, member.value) for name, member in members.items()])
    return value.__name__ if hasattr(value, "__name__") else repr(value)
