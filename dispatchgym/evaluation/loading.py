"""The instances of an evaluation, each under a name of its own."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dispatchgym.family import Family, digest
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import split_selector


@dataclasses.dataclass
class Loaded:
    """An instance and what was asked for."""

    what: str
    instance: Any
    digest: str
    renamed: bool = False  # as another instance has the name that its file gives it


def load_instances(problem: Family, asked: Iterable[Any]) -> dict[str, Loaded]:
    """name -> instance; objects are taken as they are, and an instance that is asked for twice is there once.

    Different instances with one name are called by the names of their files, or if these are equal too by what was typed.
    Raises InputError if that does not tell them apart.
    """
    given = []
    for what in asked:
        instance = problem.load(what) if isinstance(what, str) else what
        given.append(Loaded(what if isinstance(what, str) else instance.name, instance, digest(instance)))
    for called in (_name_of_file, lambda one: one.what):
        _rename(given, called)
    found: dict[str, Loaded] = {}
    for one in given:
        first = found.setdefault(one.instance.name, one)
        if first.digest != one.digest:
            raise InputError(
                f"{first.what} and {one.what} are different instances, both called '{one.instance.name}'; rename one"
            )
    return found


def _rename(given: list[Loaded], called: Any) -> None:
    """Call every instance whose name a different one has too, as `called` says."""
    contents = {(one.instance.name, one.digest) for one in given}
    shared = {name for name, count in Counter(name for name, _ in contents).items() if count > 1}
    for one in given:
        name = called(one)
        if one.instance.name in shared and name != one.instance.name:
            one.instance, one.renamed = dataclasses.replace(one.instance, name=name), True


def _name_of_file(one: Loaded) -> str:
    """The name of the file that was asked for, without its ending; of anything else the name as it is."""
    path, number = split_selector(one.what)
    if not os.path.isfile(path):
        return str(one.instance.name)
    return Path(path).stem + ("" if number is None else f"#{number}")


def remark(names: Sequence[str]) -> str:
    """A line on instances with these `names`, which are not those that their files give; "" if there is none."""
    if not names:
        return ""
    are = "1 instance is" if len(names) == 1 else f"{len(names)} instances are"
    why = "called by file or path, as others have the same name"
    return f"{are} {why}; the first is now '{names[0]}'; results.jsonl has each `source`"
