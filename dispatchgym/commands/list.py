"""`dispatchgym list`: families, instances, sets, generators, methods and shipped policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

from dispatchgym import families, program
from dispatchgym.commands.finding import bounds_text, shelf_of
from dispatchgym.commands.text import facts, several, table
from dispatchgym.evaluate import shared_options
from dispatchgym.family import Family
from dispatchgym.instances.extras import installed
from dispatchgym.options import Metavar, Positional

SUMMARY = "families, instances, sets, methods and shipped policies"


@dataclasses.dataclass(frozen=True)
class Request:
    """List what there is.

    Without words: the families. With a family: its sets, generators, methods and shipped policies. With names of instances,
    too: their sizes and published bounds.
    """

    family: Annotated[str | None, Positional(), Metavar("FAMILY")] = None
    """One of the families that `dispatchgym list` shows."""
    instances: Annotated[tuple[str, ...], Positional(), Metavar("INSTANCE ...")] = ()
    """Names, ranges and sets, as the other commands take them."""


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("list", Request, words)
    if request.family is None:
        print(overview())
    elif not request.instances:
        print(of_family(families.load(request.family)))
    else:
        print(of_instances(families.load(request.family), request.instances))
    return 0


def overview() -> str:
    rows = []
    for card in map(families.load, families.NAMES):
        sets = shelf_of(card).sets() if card.shelf else {}
        count = len({name for members in sets.values() for name in members})
        rows.append([card.name, count, len(card.method_help()), len(shipped(card)), f"{card.title}: {card.objective}"])
    head = ("family", "names", "methods", "policies", "what is minimised")
    return f"{table(head, rows, right=(1, 2, 3))}\n\n`dispatchgym list FAMILY` says more."


def of_family(card: Family) -> str:
    shelf = shelf_of(card)
    sets = [[name, len(members), several(members)] for name, members in shelf.sets().items()]
    generators = [[name, f"{name}/{x.example}", " ".join(x.parameters)] for name, x in shelf.generators.items()]
    methods = [row for options, known in shared_options(card).items() for row in (*known.items(), *_noted(options, known))]
    policies = [[name, words] for name, words in shipped(card).items()]
    blocks = [
        facts({card.title: ", ".join(f"dispatchgym/{x}" for x in card.ids)}),
        f"Sets ({shelf.what})\n{table(('set', 'names', 'which'), sets, right=(1,))}",
        f"Generated\n{table(('generator', 'as in', 'parameters'), generators)}" if generators else "",
        f"Methods\n{table(('method', 'what it is'), methods)}",
        f"Shipped policies\n{table(('policy', 'trained on'), policies)}" if policies else "",
    ]
    return "\n\n".join(filter(None, blocks))


def _noted(options: str, known: dict[str, str]) -> list[tuple[str, str]]:
    """A row that names the options of the methods above it."""
    return [("", f"options{' of these' if len(known) > 1 else ''}: {options}")] if options else []


def of_instances(card: Family, specs: Sequence[str]) -> str:
    rows = []
    for what in card.expand(specs, None):
        instance = card.load(what)
        group, size = card.group(what, instance)
        size = "" if size == instance.name else " ".join(size.split())
        rows.append([instance.name, " ".join(group.split()), size, bounds_text(card, instance)])
    return table(("instance", "set", "size", f"best known {card.objective}, {card.unit}"), rows)


def shipped(card: Family) -> dict[str, str]:
    """Folder of each policy that is shipped for a family -> what it was trained on."""
    if card.agent is None or not (installed("torch") and installed("safetensors")):
        return {}
    from dispatchgym.agents import checkpoint
    from dispatchgym.instances import json_fields
    from dispatchgym.instances.files import read_text
    from dispatchgym.policies import trained_on

    found = {}
    for path in sorted(checkpoint.PRETRAINED.rglob("policy.json")):
        about = json_fields.parse(read_text(path), str(path)).value
        if about["problem"] == card.name:
            found[path.parent.relative_to(checkpoint.PRETRAINED).as_posix()] = trained_on(about)
    return found
