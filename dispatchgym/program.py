"""How a command is called: `python train.py` in a checkout, `dispatchgym-train` where the package is installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import dispatchgym


def name(script: str) -> str:
    """The program that runs, as its own help calls it; `script` is the file in a checkout."""
    called = Path(sys.argv[0]).name
    return called if called.startswith("dispatchgym-") else script


def call(script: str) -> list[str]:
    """The words that start `script`, or its installed command where this program is an installed one."""
    installed = Path(sys.argv[0]).name.startswith("dispatchgym-")
    return [f"dispatchgym-{Path(script).stem}"] if installed else ["python", script]


def answers_version(arguments: Sequence[str]) -> bool:
    """Print the version if that is asked for."""
    if "--version" in arguments:
        print(f"dispatchgym {dispatchgym.__version__}")
        return True
    return False
