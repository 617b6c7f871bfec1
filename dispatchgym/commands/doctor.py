"""`dispatchgym doctor`: what is installed, and what the machine gives."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dispatchgym
from dispatchgym.commands.text import facts
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import EXTRAS, installed

SUMMARY = "versions, threads, GPU and cache"
BASE = ("gymnasium", "numpy", "numba")
NAMES = {"torch_geometric": "torch-geometric", "stable_baselines3": "stable-baselines3", "sb3_contrib": "sb3-contrib"}
HELP = """usage: dispatchgym doctor

Says what is installed, how many threads kernels use, and where compiled code is
kept."""


def grammar() -> Any:
    def doctor() -> None:
        """Say what is installed, how many threads kernels use, and where compiled code is kept."""

    return doctor


def main(words: Sequence[str]) -> int:
    if {"-h", "--help"} & set(words):
        print(HELP)
        return 0
    if words:
        raise InputError(f"doctor takes no words, not {words[0]!r}")
    for title, told in (("Versions", versions()), ("Machine", machine()), ("Compiled code", cache())):
        print(f"{title}\n{facts(told)}\n")
    return 0


def versions() -> dict[str, object]:
    """Version of every package; of a missing one the extra that brings it."""
    found: dict[str, object] = {"dispatchgym": dispatchgym.__version__, "python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in BASE}
    for package, extra in EXTRAS.items():
        name = NAMES.get(package, package)
        missing = f"not installed: pip install 'dispatchgym[{extra}]'"
        found[name] = _version(name) if installed(package) else missing
    return found


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "version unknown"


def machine() -> dict[str, object]:
    from dispatchgym.envs.core.targets import thread_count

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("DISPATCHGYM_THREADS")
    return {
        "system": platform.platform(),
        "cores": f"{cores} for this process",
        "threads": f"{thread_count()} for large batches" + (f" (DISPATCHGYM_THREADS={asked})" if asked else ""),
        "GPU": gpu(),
    }


def gpu() -> str:
    """Whether device="cuda" works, and why not."""
    try:
        from numba import cuda

        if cuda.is_available():
            name = cuda.get_current_device().name
            return name.decode() if isinstance(name, bytes) else str(name)
        return "none that numba can use"
    except Exception as error:  # drivers fail in many ways
        return f"none that numba can use ({type(error).__name__})"


def cache() -> dict[str, object]:
    """Where machine code is kept and how much there is."""
    moved = os.environ.get("NUMBA_CACHE_DIR")
    roots = [Path(moved)] if moved else [Path(__file__).resolve().parents[1]]
    if not moved:
        roots += [path for path in (roots[0] / x for x in ("envs", "agents", "baselines")) if path.is_symlink()]
    kept = {path.resolve() for root in roots for path in root.rglob("*.nb[ci]") if path.is_file()}
    size = sum(path.stat().st_size for path in kept)
    place = roots[0] if roots[0].exists() else roots[0].parent
    return {
        "where": f"{roots[0]}" + ("" if moved else ", in __pycache__ of each folder"),
        "writable": "yes" if os.access(place, os.W_OK) else "no: every start compiles; set NUMBA_CACHE_DIR",
        "kept": f"{len(kept)} files, {size / 1e6:.0f} MB",
        "compile ahead": "dispatchgym compile",
    }
