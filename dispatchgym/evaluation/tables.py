"""How a report is printed, and how it is written as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from dispatchgym.evaluation.report import Grid, Report
from dispatchgym.instances.names import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

MOST_SHOWN = 600  # characters of one line of prose


def show(report: Report, console: Console) -> None:
    """Print `report`. A table that is wider than the terminal is printed in parts, so that no name and no number is cut."""
    console.print()
    for line in report.head:
        console.print(_plain(line, "bold" if line is report.head[0] else ""), highlight=False)
    for grid in report.grids:
        for columns in split(grid, console.width):
            console.print(_table(grid, columns, console.width))
    for line in (*report.legend, "", *report.notes):
        console.print(_plain(line, "dim"), highlight=False)
    for line in report.alarms:
        console.print(_plain(line, "bold red"), highlight=False)


def _plain(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(printable(text, MOST_SHOWN), style)


def split(grid: Grid, width: int) -> list[list[int]]:
    """The columns of each part of a table that is printed on lines of `width` characters; the first is in every part."""
    columns = zip(grid.columns, *grid.rows, strict=True)
    widths = [max(len(line) for line in "\n".join(column).split("\n")) for column in columns]
    left = width - min(widths[0], width // 2) - 4  # what borders and the first column leave
    parts: list[list[int]] = []
    used = left + 1
    for j, own in enumerate(widths[1:], 1):
        if used + own + 3 > left:
            parts.append([0])
            used = 0
        parts[-1].append(j)
        used += own + 3
    return parts


def _table(grid: Grid, columns: Sequence[int], width: int) -> Table:
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(title=escape(printable(grid.title, 200)) or None, title_justify="left", title_style="bold", header_style="bold")
    for j in columns:
        side: Literal["left", "right"] = "right" if j else "left"
        head = "\n".join(printable(part) for part in grid.columns[j].split("\n"))
        table.add_column(escape(head), justify=side, no_wrap=j > 0, overflow="fold", vertical="bottom")
    for i, row in enumerate(grid.rows):
        first = _folded(printable(row[0], 200), width // 2)
        cells = [first if j == 0 else printable(row[j]) for j in columns]
        table.add_row(*(Text(cell, "bold green" if (i, j) in grid.best else "") for cell, j in zip(cells, columns, strict=True)))
    return table


def _folded(name: str, width: int) -> str:
    """A long name on lines of at most `width` characters, cut behind its commas and colons where that is possible."""
    lines, rest = [], name
    while len(rest) > width:
        cut = max((rest.rfind(mark, 0, width) for mark in ",:/"), default=-1) + 1 or width
        lines.append(rest[:cut])
        rest = rest[cut:]
    return "\n".join([*lines, rest])


def markdown(report: Report) -> str:
    """`report` as Markdown."""
    blocks = ["  \n".join(report.head)]
    for grid in report.grids:
        cells = [
            [f"**{cell}**" if (i, j) in grid.best else cell.replace("*", "\\*").replace("|", "\\|") for j, cell in enumerate(row)]
            for i, row in enumerate(grid.rows)
        ]
        columns = [column.replace("\n", " ") for column in grid.columns]
        lines = [columns, ["---", *["--:"] * (len(columns) - 1)], *cells]
        heading = [f"**{grid.title}**", ""] if grid.title else []
        blocks.append("\n".join([*heading, *("| " + " | ".join(line) + " |" for line in lines)]))
    blocks.append("\n".join(f"- {line}" for line in report.legend))
    blocks.append("\n".join(f"- {line}".replace("*", "\\*") for line in report.notes))
    if report.alarms:
        blocks.append("\n".join(f"- **{line}**" for line in report.alarms))
    return "\n\n".join(blocks) + "\n"
