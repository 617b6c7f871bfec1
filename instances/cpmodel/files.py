"""Files of scheduling problems: flexible shops, projects, JSON, and models that CP-SAT has exported.

The form is told by the suffix and the content.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from dispatchgym.instances.cpmodel.instance import CPInstance
from dispatchgym.instances.cpmodel.json_files import parse_json, to_json
from dispatchgym.instances.cpmodel.model import SUFFIXES as MODEL_SUFFIXES
from dispatchgym.instances.cpmodel.model import read_model
from dispatchgym.instances.cpmodel.project_files import parse_patterson, parse_psplib, patterson_text
from dispatchgym.instances.cpmodel.shop_files import assembly_text, parse_shop, shop_text
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text

SUFFIXES = (".json", ".fjs", ".fajsp", ".rcp", ".sm", ".mm", ".txt", *MODEL_SUFFIXES)
_MODEL = re.compile(r"\s*(name\s*:|variables\s*\{)")  # how a model in text begins
_WRITERS = {".json": to_json, ".fjs": shop_text, ".fajsp": assembly_text, ".rcp": patterson_text}


def read(path: str | Path) -> CPInstance:
    """The instance in a file. Raises InputError, naming file, line and value."""
    file = Path(path)
    if file.suffix in MODEL_SUFFIXES:
        return read_model(file)
    text = read_text(file)
    if file.suffix == ".txt" and _MODEL.match(text):
        return read_model(file)
    return parse(text, file.name)


def parse(text: str, source: str) -> CPInstance:
    """The instance in `text`; `source` is the file name that errors show and whose stem names the instance."""
    try:
        return _parser(text, source)(text, source)
    except InputError as error:
        if str(error).startswith(source):
            raise
        raise InputError(f"{source}: {error}") from None  # what is read is no instance, as for precedences in a circle


def _parser(text: str, source: str) -> Callable[[str, str], CPInstance]:
    suffix = Path(source).suffix.lower()
    if text.lstrip().startswith(("{", "[")):
        return parse_json
    if suffix == ".rcp":
        return parse_patterson
    if suffix in (".sm", ".mm") or "PRECEDENCE RELATIONS" in text:
        return parse_psplib
    return parse_shop


def write(instance: CPInstance, path: str | Path) -> None:
    """Write `instance` as JSON (`.json`), which keeps everything, or in the text form of its suffix, atomically.

    Raises InputError for another suffix, for what the form has no place for, or when the file cannot be written.
    """
    file = Path(path)
    if file.suffix not in _WRITERS:
        raise InputError(f"{file.name}: the suffix must be one of {', '.join(_WRITERS)}")
    write_text(file, _WRITERS[file.suffix](instance))
