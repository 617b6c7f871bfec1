"""Forbidden pairs of modes as links, without modes that no schedule can have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dispatchgym.instances.cpmodel.instance import ModeLink
from dispatchgym.instances.errors import InputError

Pair = tuple[int, int, int, int]  # task, mode, other task, mode
MAX_PAIRS = 500_000  # of modes that exclude each other
MAX_ALLOWED = 2_000_000  # modes of other tasks that are left to a mode, summed over all modes


def links_of(
    counts: Sequence[int], forbidden: Iterable[Pair], excluded: Iterable[tuple[int, int]]
) -> tuple[list[list[int]], list[ModeLink]]:
    """The modes of each task that are left, and the links between them, which number modes by their place among these.

    `counts` (N,) are the modes of each task; a mode without a partner among those of another task is left out too. Raises
    InputError if a task is left without modes, and if there are too many combinations.
    """
    out: list[set[int]] = [set() for _ in counts]
    for i, mode in excluded:
        out[i].add(mode)
    allowed: dict[tuple[int, int, int], set[int]] = {}  # task, mode, other task -> modes of the other
    size = 0
    for i, a, j, b in forbidden:
        for one, mode, other, not_this in ((i, a, j, b), (j, b, i, a)):
            if (one, mode, other) not in allowed:
                size += counts[other]
                if size > MAX_ALLOWED:
                    raise InputError(f"more than {MAX_ALLOWED} combinations of modes of two tasks that restrict each other")
                allowed[one, mode, other] = set(range(counts[other]))
            allowed[one, mode, other].discard(not_this)
    moved = True
    while moved:
        moved = False
        for (i, mode, j), modes in allowed.items():
            if mode not in out[i] and modes <= out[j]:
                out[i].add(mode)
                moved = True
    kept = [[m for m in range(count) if m not in out[i]] for i, count in enumerate(counts)]
    for i, left in enumerate(kept):
        if not left:
            raise InputError(f"no mode of task {i} can be chosen: there is no schedule")
    links = []
    for (i, mode, j), modes in allowed.items():
        partners = tuple(place for place, m in enumerate(kept[j]) if m in modes)
        if i < j and mode in kept[i] and len(partners) < len(kept[j]):
            links.append(ModeLink(i, kept[i].index(mode), j, partners))
    return kept, links
