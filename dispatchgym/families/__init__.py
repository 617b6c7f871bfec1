"""One card a family: everything that the commands, training and registration must know of it.

A new family is a module here and its name in NAMES.
"""

from __future__ import annotations

import difflib
from importlib import import_module

from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

NAMES: tuple[str, ...] = ("jobshop", "blocking", "soc", "static-dag", "memory-pack", "memory-map", "cpmodel")


def load(name: str) -> Family:
    """The card of that name; InputError if there is none."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(NAMES)}"
        raise InputError(f"unknown problem {shown(name)}; {hint}")
    family: Family = import_module(f"dispatchgym.families.{name.replace('-', '_')}").FAMILY
    return family
