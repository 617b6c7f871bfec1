"""Names of modules' contents as text, for what is heavy to import."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def resolve(path: str) -> Any:
    """What `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
