"""The settings of a run as a TOML file: each run leaves its own, and `--config FILE.toml` gives one back.

    family = "FAMILY"
    instances = ["ta01..ta10"]
    methods = ["spt", "tabu:1s"]
    out = "results/first"

A key is an option without its dashes. What stands in the command line, too, is taken from there.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from dispatchgym import families
from dispatchgym.evaluation.results import SETTINGS
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import did_you_mean, printable

OPTION = "--config"
FILE = SETTINGS
MAX_DOTS = 64  # of a key: the parser's time is quadratic in them, and no option has one
LEFT_OUT = ("resume",)  # how a run went on is no setting of it


def write(family: str, *parts: Any) -> str:
    """The text of a file with the fields of the dataclasses `parts`, and of those in them; fields that are None are left out."""
    lines = [f"family = {json.dumps(family)}"]
    lines += [f"{name} = {_toml(value)}" for part in parts for name, value in _fields(part) if name not in LEFT_OUT]
    return "\n".join(lines) + "\n"


def _fields(part: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(part) if part is not None else ():
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            yield from _fields(value)
        elif value is not None:
            yield _key(field.name), value


def _key(field: str) -> str:
    """The option of a field; `from_` is that of Python's own word."""
    return field.rstrip("_").replace("_", "-")


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value)


def names_of(*kinds: Any) -> list[str]:
    """The keys that dataclasses have."""
    return [name for kind in kinds if kind is not None for name, _ in _fields_of_type(kind)]


def _fields_of_type(kind: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(kind):
        inner: Any = field.default_factory
        if dataclasses.is_dataclass(inner):
            yield from _fields_of_type(inner)
        else:
            yield _key(field.name), field


def expand(arguments: Sequence[str], known: Any, *, negative: bool) -> list[str]:
    """The command line with what `--config FILE` holds in its place.

    `known(family)` are the keys of a family. With `negative` an option that is false is `--no-OPTION`, else it is left out.
    Raises InputError for a file that is no TOML, a key that is no option, and a value of another kind than options have.
    """
    path, rest = _taken(arguments)
    if path is None:
        return rest
    where = printable(path, 200)
    found = parsed(read_text(Path(path)), where)
    family = found.pop("family", None)
    asked = rest.pop(0) if rest and not rest[0].startswith("-") else family
    if not isinstance(asked, str):
        raise InputError(f"{where}: has no 'family', and the command line names none")
    families.load(asked)
    given = {word.partition("=")[0].replace("_", "-") for word in rest if word.startswith("--")}
    words = [word for key, value in found.items() for word in _words(where, key, value, known(asked), negative, given)]
    return [asked, *words, *rest]


def parsed(text: str, where: str) -> dict[str, Any]:
    """The table in a file; InputError for what is no TOML, and for what takes the parser too long or too deep."""
    words = re.split(r"[\n=,\[\]{}]", text.replace(" ", "").replace("\t", ""))
    if any(word.count(".") > MAX_DOTS for word in words):
        raise InputError(f"{where}: is not usable TOML: more than {MAX_DOTS} dots in a key or value")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: is not TOML: {error}") from None
    except (RecursionError, ValueError):
        raise InputError(f"{where}: is not usable TOML: nested too deeply or a number too long") from None


def _taken(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """The file that is asked for, and the other words."""
    rest = list(arguments)
    for i, word in enumerate(rest):
        name, equals, value = word.partition("=")
        if name == OPTION:
            if not equals and i + 1 == len(rest):
                raise InputError(f"{OPTION}: no file is given")
            del rest[i : i + (1 if equals else 2)]
            return value if equals else arguments[i + 1], rest
    return None, rest


def _words(where: str, key: str, value: Any, known: Collection[str], negative: bool, given: Collection[str]) -> list[str]:
    name = key.replace("_", "-")
    if name not in known:
        hint = did_you_mean(name, known, most=1)
        raise InputError(f"{where}: {printable(key)!r} is not an option" + (f"; {hint}" if hint else ""))
    if {f"--{name}", f"--no-{name}"} & set(given):
        return []
    if isinstance(value, bool):
        return [f"--{name}"] if value else [f"--no-{name}"] * negative
    values = value if isinstance(value, list) else [value]
    if any(isinstance(x, bool) or not isinstance(x, str | int | float) for x in values):
        raise InputError(f"{where}: {name} = {shown(value)} is no text, number, true or false, nor a list of them")
    if any(isinstance(x, int) and abs(x) >= 2**64 for x in values):  # which Python may not even write in decimals
        raise InputError(f"{where}: {name}: a number of more than 64 bits")
    return [f"--{name}", *map(str, values)] if values else []
