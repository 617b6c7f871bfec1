"""How much later a box of a schedule could begin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Arc = tuple[int, int, int]  # (a, b, lag): b begins at the earliest `lag` after a begins


def slack(start: Sequence[int], latest: Sequence[int | None], arcs: Sequence[Arc]) -> list[int | None]:
    """By how much each box could begin later, the others moving out of its way but never past their own `latest`.

    `start` and `latest` have one entry a box; None is no limit of its own. The orders that `arcs` say are kept. None where
    nothing limits a box. `arcs` may have cycles, as those of a no-wait schedule do, if `start` fulfils all of them.
    """
    found = list(latest)
    backwards = sorted(arcs, key=lambda arc: (start[arc[1]], start[arc[0]]), reverse=True)
    for _ in range(len(found) + 1):
        changed = False
        for a, b, lag in backwards:
            after, before = found[b], found[a]
            if after is not None and (before is None or after - lag < before):
                found[a] = after - lag
                changed = True
        if not changed:
            break
    return [None if end is None else end - begin for begin, end in zip(start, found, strict=True)]


def in_turn(rows: Sequence[int], start: Sequence[int], end: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of boxes that follow each other on a row."""
    by_row: dict[int, list[int]] = {}
    for i in sorted(range(len(rows)), key=lambda i: (start[i], end[i], i)):
        by_row.setdefault(rows[i], []).append(i)
    return [pair for mine in by_row.values() for pair in pairwise(mine)]
