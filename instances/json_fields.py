"""JSON read field by field, with errors that name the file and the field: `x.json: tasks[3].id: 'a' is not a whole number`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from dispatchgym.instances.errors import InputError


class Field:
    """A value in a JSON file and where it stands."""

    __slots__ = ("_parent", "_place", "source", "value")

    def __init__(self, value: Any, source: str, parent: Field | None = None, place: str | int = "") -> None:
        """`place` is a number in a list, a text after the path of the parent, or the whole path of a field without a parent."""
        self.value = value
        self.source = source
        self._parent = parent
        self._place = place

    @property
    def path(self) -> str:
        """Where the value stands: `tasks[3].id`; made when it is asked for, as a file may have millions of values."""
        place = f"[{self._place}]" if isinstance(self._place, int) else self._place
        before = self._parent.path if self._parent is not None else ""
        return before + (place if before or not place.startswith(".") else place[1:])

    def error(self, message: str) -> InputError:
        return InputError(f"{self.source}: {self.path + ': ' if self.path else ''}{message}")

    def __contains__(self, key: str) -> bool:
        """Whether this object has `key`, and not null."""
        return self._object().get(key) is not None

    def __getitem__(self, key: str) -> Field:
        """The value of a key that must be there."""
        if key not in self._object():
            raise self.error(f"{key!r} is missing")
        return self._child(key)

    def get(self, key: str) -> Field | None:
        return self._child(key) if key in self else None

    def only(self, known: Sequence[str]) -> None:
        """Refuse any other key."""
        unknown = [key for key in self._object() if key not in known]
        if unknown:
            raise self.error(f"unknown key {shown(unknown[0])}; known are {', '.join(known)}")

    def items(self) -> Iterator[tuple[str, Field]]:
        """The keys of an object and their values."""
        for key, value in self._object().items():
            yield key, Field(value, self.source, self, f"[{shown(key)}]")

    def rows(self, least: int = 0) -> list[Field]:
        """The members of a list."""
        return [self.entry(i) for i in range(len(self.values(least)))]

    def values(self, least: int = 0) -> Sequence[Any]:
        """The bare values of a list."""
        if not isinstance(self.value, list):
            raise self.error(f"{shown(self.value)} is not a list")
        if len(self.value) < least:
            raise self.error(f"{len(self.value)} entries, expected at least {least}")
        return self.value

    def entry(self, index: int) -> Field:
        """One member of a list."""
        return Field(self.value[index], self.source, self, index)

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high)."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.error(f"{shown(self.value)} is not a whole number")
        if not low <= self.value < high:
            negative = low == 0 and self.value < 0
            raise self.error(f"{shown(self.value)} is {'negative' if negative else f'not between {low} and {high - 1}'}")
        return self.value

    def number(self) -> float:
        """A finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.error(f"{shown(self.value)} is not a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):  # 1e999
            raise self.error(f"{shown(self.value)} is too large")
        return number

    def text(self, longest: int = 200) -> str:
        """A string of 1 to `longest` printable characters."""
        self.string()
        if not 1 <= len(self.value) <= longest or not self.value.isprintable():
            raise self.error(f"{shown(self.value)} is not a text of 1 to {longest} printable characters")
        return self.value

    def string(self) -> str:
        """Any text."""
        if not isinstance(self.value, str):
            raise self.error(f"{shown(self.value)} is not a text")
        return self.value

    def truth(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.error(f"{shown(self.value)} is neither true nor false")
        return self.value

    def _object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.error(f"{shown(self.value)} is not an object")
        return self.value

    def _child(self, key: str) -> Field:
        return Field(self.value[key], self.source, self, f".{key}")


def parse(text: str, source: str) -> Field:
    """The object in `text`. Raises InputError for what is not JSON, for NaN and for a key that is given twice."""
    if not text.strip():
        raise InputError(f"{source}: is empty")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            raise InputError(f"{source}: key {shown(next(k for k in keys if keys.count(k) > 1))} is given twice in one object")
        return found

    def constant(word: str) -> None:
        raise InputError(f"{source}: {word} is not a number")

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise InputError(f"{source} line {error.lineno}: is not JSON: {error.msg}") from error
    except InputError:
        raise
    except (RecursionError, ValueError) as error:
        raise InputError(f"{source}: is not usable JSON: nested too deeply or a number too long") from error
    if not isinstance(value, dict):
        raise InputError(f"{source}: {shown(value)} is not a JSON object")
    return Field(value, source)


def shown(value: Any) -> str:
    """A value as errors show it, cut short."""
    try:
        text = repr(value) if not isinstance(value, dict | list) else ("an object" if isinstance(value, dict) else "a list")
    except ValueError:  # a whole number of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
