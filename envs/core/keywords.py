"""Reading the keywords of `gymnasium.make`: each function takes one out of `words`, or raises an InputError that names it."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import printable

MAX_POOL = 2**20  # instances that are kept in memory


def choose(words: dict[str, Any], name: str, values: Sequence[str]) -> str:
    """One of `values`; the first is the default."""
    value = words.pop(name, values[0])
    if not isinstance(value, str) or value not in values:
        raise InputError(f"{name}={shown(value)} is not one of {', '.join(values)}")
    return value


def count_of(words: dict[str, Any], name: str, default: int) -> int:
    """A positive whole number of at most MAX_POOL."""
    value = words.pop(name, default)
    if not is_whole(value) or value < 1:
        raise InputError(f"{name}={shown(value)} is not a positive whole number")
    if value > MAX_POOL:
        raise InputError(f"{name}={shown(value)} is more than {MAX_POOL}")
    return int(value)


def seed_of(words: dict[str, Any], name: str = "pool_seed") -> int:
    """A whole number from 0 to 2**63 - 1; the default is 0."""
    value = words.pop(name, 0)
    if not is_whole(value) or not 0 <= value < 2**63:
        raise InputError(f"{name}={shown(value)} is not a whole number of at least 0 and below 2**63")
    return int(value)


def flag(words: dict[str, Any], name: str, default: bool = False) -> bool:
    """True or False."""
    value = words.pop(name, default)
    if not isinstance(value, bool):
        raise InputError(f"{name}={shown(value)} is neither True nor False")
    return value


def whole(value: Any, what: str) -> int:
    """`value` as an int; `what` is what the error calls it. An array of one dimension or more is no number."""
    if type(value) is int:
        return value
    try:
        if isinstance(value, (bool, np.bool_)) or getattr(value, "ndim", 0) > 0:
            raise TypeError
        return operator.index(value)
    except TypeError:
        shape = getattr(value, "shape", ())
        text = f"an array of shape {tuple(shape)}" if shape else repr(value)[:80]
        raise InputError(f"{what} must be a whole number, not {text}") from None


def is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


@contextmanager
def errors_name(words: dict[str, Any]) -> Iterator[None]:
    """Python's own errors about a value of the wrong kind become one line with all `words`."""
    try:
        yield
    except InputError as error:
        if len(str(error)) <= 300:
            raise
        raise type(error)(printable(str(error), 300)) from None
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        given = ", ".join(f"{name}={shown(value)}" for name, value in words.items())
        reason = printable(str(error).partition("\n")[0], 100)
        raise InputError(f"keywords {given[:140]}: a value is of the wrong kind ({reason})") from error
