"""Which family an instance or a file of results belongs to."""

from __future__ import annotations

from typing import Any

from dispatchgym import families
from dispatchgym.family import Family, Shelf
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import did_you_mean, printable


def find_instance(what: str, family: str | None = None) -> tuple[Family, str, Any]:
    """The first family that knows `what` (or the one asked for), the full name, and the instance.

    A name that stands for several instances gives the first. Raises InputError if no family knows it.
    """
    if family is not None:
        card = families.load(family)
        return card, *_loaded(card, what)
    errors: list[str] = []
    for card in map(families.load, families.NAMES):
        try:
            return card, *_loaded(card, what)
        except InputError as error:
            errors.append(f"{card.name}: {error}")
    near = did_you_mean(what, [*(name for card in map(families.load, families.NAMES) for name in _names(card))])
    if near:
        raise InputError(f"unknown instance {printable(what)!r}; {near}")
    told = next((error for error in errors if "unknown instance" not in error), "`list` shows what there is")
    raise InputError(f"no family knows {printable(what)!r}; {told}")


def _loaded(card: Family, what: str) -> tuple[str, Any]:
    names = card.expand([what], None)
    return names[0], card.load(names[0])


def _names(card: Family) -> list[str]:
    found = card.shelf.value.sets() if card.shelf else {}
    return [*found, *(name for members in found.values() for name in members)]


def shelf_of(card: Family) -> Shelf:
    """The shelf of a family; InputError if its card has none."""
    if card.shelf is None:
        raise InputError(f"{card.name} has no list of instances")
    found: Shelf = card.shelf.value
    return found


def bounds_text(card: Family, instance: Any) -> str:
    """What is published of the objective, as people read it."""
    lower, best = instance.lower_bound, instance.best_known
    if best is None:
        return "-" if lower is None else f">= {card.format_objective(lower)}"
    if lower == best:
        return f"{card.format_objective(best)} optimal"
    return f"{card.format_objective(best)}" + ("" if lower is None else f", >= {card.format_objective(lower)}")
