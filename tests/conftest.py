"""Settings for every test: no display, no time limits for hypothesis on a busy machine, the same examples in CI."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
# Tests are many small calls; threads that wait for each other would make them many times slower on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


FAMILIES = ("blocking", "memory", "soc")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files of each family evenly: two processes side by side would compile the same kernels, one after the
    other loads them."""
    families: dict[str, dict[Path, list[pytest.Item]]] = {}
    for item in items:
        word = item.path.stem.split("_")[1]
        families.setdefault(word if word in FAMILIES else "jobshop", {}).setdefault(item.path, []).append(item)
    placed = [(n / len(files), own) for files in families.values() for n, own in enumerate(files.values())]
    items[:] = [item for _, own in sorted(placed, key=lambda pair: pair[0]) for item in own]
