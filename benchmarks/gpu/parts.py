"""The parts, in the order in which they run. A part is a module with `cases` and `measure`, and a line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class Part(NamedTuple):
    """`share` of the budget: its cases end by then, or are stopped. `together`: processes side by side; timings take turns."""

    module: str
    share: float
    together: bool = True


PARTS = {
    "environment": Part("environment", 0.08, together=False),
    "equality": Part("equality", 0.3),
    "launches": Part("launches", 0.1, together=False),
    "throughput": Part("throughput", 0.22),
    "policy": Part("policy", 0.12),
    "training": Part("training", 0.3, together=False),
    "profile": Part("profile", 0.12),
}


def load(name: str) -> Any:
    """The module of a part."""
    return import_module(f"benchmarks.gpu.{PARTS[name].module}")
