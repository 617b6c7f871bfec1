"""How a command is called: `python train.py` in a checkout, `dispatchgym-train` where the package is installed."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tyro

import dispatchgym
from dispatchgym.instances.errors import InputError


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


def parse(
    script: str, commands: Mapping[str, Callable[..., Any]], arguments: Sequence[str], description: str, config: tuple[Any, ...]
) -> Any:
    """What the subcommand of `commands` that `arguments` ask for returns; the others are its options.

    Raises InputError for what the parser refuses, in one line instead of its box; SystemExit after a help that was asked for.
    """
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            return tyro.extras.subcommand_cli_from_dict(
                dict(commands), prog=name(script), description=description, args=list(arguments), config=config
            )
    except SystemExit as error:
        if not error.code:
            raise
    except RecursionError:
        raise InputError("the command line is too long") from None
    asked = [word for word in arguments[:1] if word in commands]
    raise InputError(f"{_complaint(box.getvalue())}; see {' '.join([name(script), *asked])} --help")


def _complaint(box: str) -> str:
    """What a box of the parser says above its first line, and the option that it thinks was meant."""
    lines = [line.strip("│| ") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    said = [line for line in lines if line and not re.match("[╭╰+]", line)]
    end = next((i for i, line in enumerate(said) if not line.strip("─-")), len(said))
    if said[0].startswith("Missing from"):
        said = [said[0], *(line.split()[0] for line in said[1:end] if line.startswith("--"))]
    words = " ".join(said[:end]).rstrip(".")[:180]
    near = [said[i + 1].split()[0] for i, line in enumerate(said[:-1]) if line.startswith("Perhaps you meant")]
    return words + (f"; did you mean {near[0]}?" if near else "")
