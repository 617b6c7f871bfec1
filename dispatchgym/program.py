"""How a command is called: `python train.py` in a checkout, `dispatchgym-train` where the package is installed."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union

import dispatchgym
from dispatchgym import families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named
from dispatchgym.options import for_parser
from dispatchgym.output import say

Request = TypeVar("Request")
WIDTH = 80  # of a help

_inside: list[bool] = []  # one entry while the command `dispatchgym` runs


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """While the command `dispatchgym` runs: help and hints name its subcommands."""
    _inside.append(True)
    try:
        yield
    finally:
        _inside.pop()


def is_inside() -> bool:
    """Whether the command `dispatchgym` runs."""
    return bool(_inside)


def name(script: str) -> str:
    """The program that runs, as its own help calls it; `script` is the file in a checkout."""
    if _inside:
        return f"dispatchgym {Path(script).stem}"
    called = Path(sys.argv[0]).name
    return called if called.startswith("dispatchgym-") else script


def call(script: str) -> list[str]:
    """The words that start `script`, or its installed command where this program is an installed one."""
    stem = Path(script).stem
    if _inside:
        by_module = Path(sys.argv[0]).name == "__main__.py"
        return [*(["python", "-m", "dispatchgym"] if by_module else ["dispatchgym"]), stem]
    installed = Path(sys.argv[0]).name.startswith("dispatchgym-")
    return [f"dispatchgym-{stem}"] if installed else ["python", script]


def answers_version(arguments: Sequence[str]) -> bool:
    """Print the version if that is asked for."""
    if "--version" in arguments:
        say(f"dispatchgym {dispatchgym.__version__}")
        return True
    return False


def parse(
    script: str, commands: Mapping[str, Callable[..., Any]], arguments: Sequence[str], description: str, config: Sequence[str]
) -> Any:
    """What the subcommand of `commands` that `arguments` ask for returns; `config` are names of tyro's settings.

    Raises InputError for what the parser refuses, in one line instead of its box; SystemExit after a help that was asked for.
    """
    with named():
        import tyro

    asked = [word for word in arguments[:1] if word in commands]
    settings = tuple(getattr(tyro.conf, word) for word in config)
    return _quietly(
        " ".join([name(script), *asked]),
        lambda: tyro.extras.subcommand_cli_from_dict(
            dict(commands), prog=name(script), description=description, args=list(arguments), config=settings
        ),
    )


def parse_one(subcommand: str, request: type[Request], arguments: Sequence[str]) -> Request:
    """An object of the dataclass `request` from the words of a subcommand of `dispatchgym`. Raises as `parse`."""
    with named():
        import tyro

    program = f"dispatchgym {subcommand}"
    cards = (families.load(family) for family in families.NAMES)
    examples = [words for card in cards if card.shelf for words in card.shelf.value.examples.get(subcommand, ())]
    lines = ["\n\nFor example:", *(f"  {program} {words}".rstrip() for words in examples)] if examples else []
    told = str(inspect.getdoc(request)) + "\n".join(lines)
    settings = (tyro.conf.FlagCreatePairsOff,)
    found: Request = _quietly(
        program, lambda: tyro.cli(taking(request), prog=program, description=told, args=list(arguments), config=settings)
    )
    return found


def complete(commands: Mapping[str, Any], arguments: Sequence[str]) -> None:
    """Print or write the completion script of `dispatchgym`, as tyro's options in `arguments` ask for it.

    `commands` are the grammars of the subcommands.
    """
    with named():
        import tyro

    def union(grammar: Mapping[str, Any]) -> Any:
        parts = (Annotated[Any, tyro.conf.subcommand(key, constructor=_grown(union, x))] for key, x in grammar.items())
        return Union[tuple(parts)]  # noqa: UP007

    tyro.cli(union(commands), prog="dispatchgym", args=list(arguments))


def _grown(union: Callable[[Mapping[str, Any]], Any], grammar: Any) -> Any:
    """What tyro parses for a subcommand whose own subcommands are a dictionary."""
    if not isinstance(grammar, Mapping):
        return grammar

    def nested(command: Any) -> Any:
        return command

    nested.__annotations__["command"] = union(grammar)
    return nested


def _quietly(program: str, parser: Callable[[], Any]) -> Any:
    """What the parser returns. Raises InputError, in one line, for what it refuses; SystemExit after a help."""
    box, said = _Box("utf-8", False), _Box(sys.stdout.encoding or "utf-8", sys.stdout.isatty())
    try:
        with contextlib.redirect_stderr(box), contextlib.redirect_stdout(said):
            return parser()
    except SystemExit as error:
        if not error.code:
            say("\n".join(map(_folded, said.getvalue().removesuffix("\n").split("\n"))))
            raise
    except RecursionError:
        raise InputError("the command line is too long") from None
    raise InputError(f"{_complaint(box.getvalue())}; see {program} --help")


def taking(request: type[Request]) -> type[Request]:
    """A dataclass as the parser takes it."""
    found: type[Request] = for_parser(request)
    return found


def takes(command: Callable[..., Any], types: Mapping[str, Any]) -> None:
    """Let the parser fill the parameters of `command` with these dataclasses, whose fields become options without a prefix."""
    with named():
        import tyro

    for name, options in types.items():
        command.__annotations__[name] = Annotated[for_parser(options), tyro.conf.arg(name="")]


class _Box(io.StringIO):
    """Keeps what the parser prints, which looks as on a stream of this encoding, or on a terminal."""

    def __init__(self, encoding: str, terminal: bool) -> None:
        super().__init__()
        self._encoding, self._terminal = encoding, terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


def _folded(line: str) -> str:
    """A line of prose in a help on lines of 80 characters; the parser folds what is in its boxes itself."""
    as_it_is = len(line) <= WIDTH or line[0] in " │╭╰\x1b"
    return line if as_it_is else textwrap.fill(line, WIDTH, break_on_hyphens=False)


def _complaint(box: str) -> str:
    """What a box of the parser says above its first line, and the option that it thinks was meant."""
    lines = [line.strip("│| ") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    said = [line for line in lines if line and not re.match("[╭╰+]", line)]
    if len(said) > 2 and not said[1].strip("-"):  # without lines for boxes, the title stands above a rule
        said = said[2:]
    end = next((i for i, line in enumerate(said) if not line.strip("─-")), len(said))
    if said[0].startswith("Missing from"):
        said = [said[0], *(line.split()[0] for line in said[1:end] if line.startswith("--"))]
    words = " ".join(said[:end]).rstrip(".")[:180]
    near = [said[i + 1].split()[0] for i, line in enumerate(said[:-1]) if line.startswith("Perhaps you meant")]
    return words + (f"; did you mean {near[0]}?" if near else "")
