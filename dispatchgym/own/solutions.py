"""Schedules from anywhere: `file:solutions/*.json`, a JSON object for each instance, judged as any other answer."""

from __future__ import annotations

import glob
import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatchgym.baselines.method import Method
from dispatchgym.family import digest
from dispatchgym.instances import json_fields
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text
from dispatchgym.instances.names import printable

if TYPE_CHECKING:
    from dispatchgym.family import Family

MAX_FILES = 100_000


def find(family: Family, instance: Any, method: Method) -> Any:
    """The schedule that a file of `method` has for `instance`. Raises InputError if there is none or it is for another one."""
    from dispatchgym.own.solve import as_schedule

    _, data = _read(family.name, method)
    if instance.name not in data:
        raise InputError(f"no file has a schedule for '{instance.name}'")
    path, body = data[instance.name]
    if body.get("digest", digest(instance)) != digest(instance):
        raise InputError(f"{path}: is for another instance called '{instance.name}'")
    try:
        return as_schedule(family, body)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {error}") from None


def fingerprint(family: Family, method: Method) -> str:
    """A hash of all the files; InputError unless each is a JSON object for an instance of its own."""
    _read.cache_clear()  # a process that compares twice may have changed them in between
    return _read(family.name, method)[0]


@lru_cache(maxsize=8)
def _read(family: str, method: Method) -> tuple[str, dict[str, tuple[str, dict[str, Any]]]]:
    """A hash of the files, and instance -> (file, what it holds)."""
    assert method.target is not None
    pattern = f"{method.target}/*.json" if os.path.isdir(method.target) else method.target
    paths = sorted(glob.glob(pattern, recursive=True))
    if not paths:
        raise method.error("there is no such file")
    if len(paths) > MAX_FILES:
        raise method.error(f"{len(paths)} files are more than {MAX_FILES}")
    state = hashlib.sha256()
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in paths:
        text = read_text(Path(path))
        state.update(f"{path}\n{text}\n".encode())
        body = json_fields.parse(text, printable(path, 200)).value
        if body.get("problem", family) != family:
            raise InputError(f"{printable(path, 200)}: is a schedule of {printable(str(body['problem']))}, not of {family}")
        name = str(body.get("instance", Path(path).stem.partition("--")[0]))
        if name in found:
            raise method.error(f"{printable(found[name][0], 100)} and {printable(path, 100)} are both for '{printable(name)}'")
        found[name] = path, body
    return state.hexdigest()[:16], found
