"""What stands in a JSON file, as a table: readers read by it, and the JSON Schemas in docs/schemas are made from it.

A shape is one value; `read` gives the Python value or raises InputError with file, field and value, `schema` the JSON Schema.
A schema says less than the reader: what one field must be in the light of another, and Python's idea of printable, stay out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dispatchgym.instances.json_fields import Field, shown

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Shape(ABC):
    """One value of a JSON file."""

    @abstractmethod
    def read(self, field: Field) -> Any:
        """The value. Raises InputError."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""

    def plain(self, value: Any) -> bool:
        """Whether `value` is known to be read as it is; lists of millions skip `read` for such ones."""
        return False


@dataclass(frozen=True)
class Whole(Shape):
    """A whole number in [low, high)."""

    low: int
    high: int

    def read(self, field: Field) -> int:
        return field.whole(self.low, self.high)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high - 1}

    def plain(self, value: Any) -> bool:
        return type(value) is int and self.low <= value < self.high


@dataclass(frozen=True)
class Number(Shape):
    """A finite number."""

    def read(self, field: Field) -> float:
        return field.number()

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


@dataclass(frozen=True)
class Truth(Shape):
    """true or false."""

    def read(self, field: Field) -> bool:
        return field.truth()

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text(Shape):
    """A text of 1 to `longest` printable characters."""

    longest: int = 200

    def read(self, field: Field) -> str:
        return field.text(self.longest)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.longest}


@dataclass(frozen=True)
class Plain(Shape):
    """A number, a text, true, false or null."""

    def read(self, field: Field) -> Any:
        if isinstance(field.value, dict | list):
            raise field.error(f"{shown(field.value)} is not a plain value")
        return field.value

    def schema(self) -> dict[str, Any]:
        return {"type": ["number", "string", "boolean", "null"]}


@dataclass(frozen=True)
class Name(Shape):
    """A text that names an instance: results are stored in files of this name."""

    longest: int = 200

    def read(self, field: Field) -> str:
        name = field.text()
        if set(name) & set("/\\") or not name.strip(". "):
            raise field.error(f"{shown(name)} has a slash or is only dots")
        if len(name) > self.longest:
            raise field.error(f"{shown(name)} is longer than {self.longest} characters")
        return name

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.longest, "pattern": r"^[^/\\]*[^/\\. ][^/\\]*$"}


@dataclass(frozen=True)
class OneOf(Shape):
    """One of some texts or numbers."""

    values: tuple[str | int, ...]

    def read(self, field: Field) -> Any:
        if type(field.value) not in (str, int) or field.value not in self.values:  # True is no 1 here
            known = ", ".join(map(str, self.values))
            raise field.error(f"{shown(field.value)} is not {'one of ' * (len(self.values) > 1)}{known}")
        return field.value

    def schema(self) -> dict[str, Any]:
        return {"const": self.values[0]} if len(self.values) == 1 else {"enum": list(self.values)}


@dataclass(frozen=True)
class Null(Shape):
    """null, which is read as `value`, or something else."""

    shape: Shape
    value: Any = None

    def read(self, field: Field) -> Any:
        return self.value if field.value is None else self.shape.read(field)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}


@dataclass(frozen=True)
class Rows(Shape):
    """A list of at least so many of one shape."""

    shape: Shape
    least: int = 0

    def read(self, field: Field) -> list[Any]:
        plain, read = self.shape.plain, self.shape.read
        return [x if plain(x) else read(field.entry(i)) for i, x in enumerate(field.values(self.least))]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.shape.schema()} | ({"minItems": self.least} if self.least else {})


@dataclass(frozen=True)
class Cells(Shape):
    """A list of so many values, each with a shape and a word of its own."""

    cells: Mapping[str, Shape]

    def read(self, field: Field) -> tuple[Any, ...]:
        values = field.values()
        if len(values) != len(self.cells):
            *others, last = self.cells
            raise field.error(f"{len(values)} entries, expected {', '.join(others)} and {last}")
        pairs = zip(self.cells.values(), values, strict=True)
        return tuple([x if shape.plain(x) else shape.read(field.entry(i)) for i, (shape, x) in enumerate(pairs)])

    def schema(self) -> dict[str, Any]:
        cells = [{"description": word, **shape.schema()} for word, shape in self.cells.items()]
        return {"type": "array", "prefixItems": cells, "minItems": len(cells), "maxItems": len(cells)}


@dataclass(frozen=True)
class Table(Shape):
    """An object whose keys are free and whose values have one shape."""

    shape: Shape

    def read(self, field: Field) -> dict[str, Any]:
        return {key: self.shape.read(value) for key, value in field.items()}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.shape.schema()}


@dataclass(frozen=True)
class Either(Shape):
    """One of two shapes that a reader tells apart by itself; `read` takes the first."""

    first: Shape
    second: Shape

    def read(self, field: Field) -> Any:
        return self.first.read(field)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.first.schema(), self.second.schema()]}


@dataclass(frozen=True)
class Key:
    """A key of an object: what its value is, and says. A key that may be missing may also be null."""

    shape: Shape
    about: str = ""
    required: bool = True

    def schema(self) -> dict[str, Any]:
        own = (self.shape if self.required else Null(self.shape)).schema()
        return {"description": self.about, **own} if self.about else own


@dataclass(frozen=True)
class Object(Shape):
    """An object. One that is not closed may have further keys, which nobody reads."""

    keys: Mapping[str, Key]
    closed: bool = True

    def read(self, field: Field) -> dict[str, Any]:
        """The values of the keys that are there."""
        if self.closed:
            field.only(tuple(self.keys))
        return {name: key.shape.read(field[name]) for name, key in self.keys.items() if key.required or name in field}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: key.schema() for name, key in self.keys.items()},
            "required": [name for name, key in self.keys.items() if key.required],
            **({"additionalProperties": False} if self.closed else {}),
        }


def document(title: str, shape: Shape) -> dict[str, Any]:
    """The JSON Schema of a whole file."""
    return {"$schema": DRAFT, "title": title, **shape.schema()}


def optional(**shapes: Shape) -> dict[str, Key]:
    """Keys that may be missing."""
    return {name: Key(shape, required=False) for name, shape in shapes.items()}
