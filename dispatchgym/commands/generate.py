"""`dispatchgym generate FAMILY NAME ...`: generated instances, or any others, as files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from dispatchgym import families, program
from dispatchgym.commands.finding import shelf_of
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable
from dispatchgym.options import Metavar, Positional

SUMMARY = "write generated instances to files"


@dataclasses.dataclass(frozen=True)
class Request:
    """Write instances to files, one each, that all commands read.

    A generated instance is GENERATOR/KEYVALUE/KEYVALUE, with /s0..s9 for ten of them: `dispatchgym list FAMILY` has every
    generator with its keys. Other names, as of bundled instances, are written likewise.
    """

    family: Annotated[str, Positional(), Metavar("FAMILY")]
    """One of the families that `dispatchgym list` shows."""
    names: Annotated[tuple[str, ...], Positional(), Metavar("NAME ...")]
    """What is written."""
    out: Annotated[Path, Metavar("FOLDER")]
    """Where the files go; it is made if it is not there."""
    overwrite: bool = False
    """Write over files that are there."""


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("generate", Request, words)
    card = families.load(request.family)
    shelf = shelf_of(card)
    files: dict[Path, Any] = {}
    for what in card.expand(request.names, None):
        instance = card.load(what)
        stem = shelf.stem(instance).replace("/", "-").replace(",", "_").replace("@", "-on-")
        path = request.out / f"{stem}{shelf.suffix(instance)}"
        if os.path.lexists(path) and not request.overwrite:
            raise InputError(f"{printable(path, 200)}: is there already; add --overwrite, or choose another --out")
        files[path] = dataclasses.replace(instance, name=stem)
    if not files:
        raise InputError("no NAME is given; `dispatchgym list FAMILY` has the generators")
    try:
        request.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {printable(request.out, 200)}: cannot be made: {error.strerror}") from None
    for path, instance in files.items():
        shelf.write(instance, path)
        print(printable(path, 4_096))
    if shelf.notes:
        print(f"note: {shelf.notes}")
    return 0
