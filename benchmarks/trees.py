"""Two checkouts of the project side by side: this one and another, each with its own `.venv`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dispatchgym.instances.errors import InputError

HERE = Path(__file__).resolve().parent.parent


def interpreter(tree: Path) -> Path:
    """The Python that runs the code of `tree`; InputError if `tree` is no installed checkout."""
    if tree.resolve() == HERE:
        return Path(sys.executable)
    python = tree.resolve() / ".venv" / "bin" / "python"
    if not python.exists():
        raise InputError(f"{tree}: is no checkout with its own .venv/bin/python (run `make install` there)")
    return python


def start(tree: Path, text: str, arguments: Sequence[str], **variables: str) -> subprocess.Popen[str]:
    """Run the program `text` in `tree`, with pipes for its input and output; errors go to this process's own."""
    # A path to this checkout's modules would be searched before those of the other.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
    environment["DISPATCHGYM_QUIET"] = "1"  # what is compiled shows in the figures
    command = [str(interpreter(tree)), "-W", "ignore", "-c", text, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tree.resolve(), env=environment, stdin=pipe, stdout=pipe, text=True)


def answer(tree: Path, text: str, arguments: Sequence[str], **variables: str) -> str:
    """The last line that the program `text` prints in `tree`; InputError if it fails or prints nothing."""
    process = start(tree, text, arguments, **variables)
    told, _ = process.communicate()
    lines = told.strip().splitlines()
    if process.returncode != 0 or not lines:
        raise InputError(f"{tree}: a measurement ended with status {process.returncode}")
    return lines[-1]
