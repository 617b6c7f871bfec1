"""Plain tables for a terminal of 80 columns, without a library."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from dispatchgym.instances.names import printable

WIDTH = 80
GAP = "  "


def table(head: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = (), width: int = WIDTH) -> str:
    """Columns of text; the last one is wrapped, at least 20 characters wide. `right` are the columns of numbers."""
    cells = [[printable(str(cell), 10_000) for cell in row] for row in (head, *rows)]
    last = len(head) - 1
    widths = [max(len(row[j]) for row in cells) for j in range(last)]
    room = max(20, width - sum(widths) - len(GAP) * last)
    lines = []
    for row in cells:
        start = GAP.join(row[j].rjust(widths[j]) if j in right else row[j].ljust(widths[j]) for j in range(last))
        parts = textwrap.wrap(row[last], room, break_on_hyphens=False) or [""]
        if last in right:
            parts = [part.rjust(min(room, max(len(x[last]) for x in cells))) for part in parts]
        indent = " " * (len(start) + (len(GAP) if last else 0))
        lines += [(f"{start}{GAP}" if last else "") + parts[0], *(indent + part for part in parts[1:])]
    return "\n".join(line.rstrip() for line in lines)


def facts(pairs: dict[str, object], width: int = WIDTH) -> str:
    """A line for each fact, its title in front."""
    first, *rest = [(title, str(told)) for title, told in pairs.items()]
    return table(first, rest, width=width)


def several(words: Sequence[str], most: int = 6) -> str:
    """Words after one another, cut short."""
    return ", ".join(words) if len(words) <= most else f"{', '.join(words[: most - 1])}, ... {words[-1]}"
