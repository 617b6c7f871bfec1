"""How options of the command line are shown, told without the library that parses it.

The dataclasses of options are used from Python, too, where that library need not be installed.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, get_type_hints


@dataclasses.dataclass(frozen=True)
class Metavar:
    """What stands for the value of an option in the help, as in `down_share: Annotated[tuple[float, ...], Metavar("P ...")]`."""

    text: str
    name: str | None = None  # of the option, if it is not the field's: a word of Python's own, as `from`


class Positional:
    """Marks what is given by its place in the command line, without the name of an option."""


class Hidden:
    """Marks a field that is no option, as in `Annotated[Any, Hidden()]`."""


def for_parser(options: Any) -> Any:
    """The dataclass `options` itself, with its marks as tyro wants them. Raises MissingExtra where tyro is not installed."""
    from dispatchgym.instances.extras import named

    with named():
        import tyro

    suppress: Any = tyro.conf.Suppress
    positional: Any = tyro.conf.Positional
    for name, hint in get_type_hints(options, include_extras=True).items():
        marks = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Metavar | Positional | Hidden)]
        if not marks:
            continue
        turned = hint.__origin__
        for mark in marks:
            if isinstance(mark, Metavar):
                turned = Annotated[turned, tyro.conf.arg(name=mark.name, metavar=mark.text)]
            else:
                turned = (positional if isinstance(mark, Positional) else suppress)[turned]
        options.__annotations__[name] = turned
    return options
