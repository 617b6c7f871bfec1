"""`dispatchgym show INSTANCE`: its numbers, and a picture of it as a rule plays it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from dispatchgym import program
from dispatchgym.commands.finding import bounds_text, find_instance, shelf_of
from dispatchgym.commands.text import facts
from dispatchgym.family import Family, digest
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.names import printable
from dispatchgym.options import Metavar, Positional

SUMMARY = "the numbers of an instance, and a picture"


@dataclasses.dataclass(frozen=True)
class Request:
    """Show the numbers of an instance, and draw a schedule of it."""

    instance: Annotated[str, Positional(), Metavar("INSTANCE")]
    """A name, a generated instance (uniform/j10/m5/s0) or a file."""
    family: Annotated[str | None, Metavar("FAMILY")] = None
    """Default: the first that knows the name."""
    method: Annotated[str | None, Metavar("METHOD")] = None
    """Whose schedule is drawn; default: the family's first rule."""
    picture: Annotated[Path | None, Metavar("FILE.png")] = None
    """Where the picture goes (also .svg and .pdf); default: NAME.png."""
    no_picture: bool = False
    """Numbers alone."""


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("show", Request, words)
    card, what, instance = find_instance(request.instance, request.family)
    print(numbers(card, what, instance))
    if not request.no_picture:
        path = request.picture or Path(f"{instance.name.replace('/', '-')}.png")
        print(f"\npicture: {printable(draw(card, instance, request.method, path), 400)}")
    return 0


def numbers(card: Family, what: str, instance: Any) -> str:
    group = " ".join(filter(None, (" ".join(part.split()) for part in card.group(what, instance))))
    told: dict[str, object] = {"instance": instance.name, "family": f"{card.name} ({card.title})", "set and size": group}
    told |= shelf_of(card).facts(instance)
    told[f"{card.objective}, {card.unit}"] = bounds_text(card, instance)
    if card.bounds:
        told["bounds"] = card.bounds
    return facts(told | {"digest": digest(instance)})


def draw(card: Family, instance: Any, text: str | None, path: Path) -> str:
    """Write a picture of a schedule by the method `text`; what to say about it."""
    need("matplotlib", what="a picture (without one: --no-picture)")
    method = text or card.rules[0]
    card.validate(method)
    result = card.solve(instance, method)
    if result.schedule is None:
        raise InputError(f"{method} found no schedule of {instance.name}")
    objective = card.objective_text(card.check(instance, result.schedule))
    figure = card.draw(instance, result.schedule, title=f"{instance.name}, {method}: {card.objective} {objective}")
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise InputError(f"--picture {path}: cannot be written ({' '.join(str(error).split())[:120]})") from None
    return f"{path}: {method}, {card.objective} {objective}"
