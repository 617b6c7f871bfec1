"""The subcommands of `dispatchgym`, a module each.

A module has SUMMARY (a line), `main(words) -> int` (the exit status) and `grammar()`: what tyro parses, a function, a dataclass
or a dictionary of them, which completion asks for. A new subcommand is a module here and its name in NAMES.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

NAMES: tuple[str, ...] = (
    *("list", "show", "train", "tune", "evaluate", "generate"),
    *("check", "export", "compare", "compile", "doctor"),
)


def load(name: str) -> Any:
    """The module of a subcommand."""
    return import_module(f"dispatchgym.commands.{name}")
