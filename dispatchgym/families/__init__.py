"""One card a family: everything that the commands, training and registration must know of it.

A new family is a module here and its name in NAMES.
"""

from __future__ import annotations

import difflib
from importlib import import_module

from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError

NAMES: tuple[str, ...] = ("jobshop", "blocking", "soc", "static-dag", "memory-pack", "memory-map", "cpmodel")


def load(name: str) -> Family:
    """The card of that name; InputError if there is none."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        raise InputError(
            f"unknown problem {name!r}; " + (f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(NAMES)}")
        )
    family: Family = import_module(f"dispatchgym.families.{name.replace('-', '_')}").FAMILY
    return family
