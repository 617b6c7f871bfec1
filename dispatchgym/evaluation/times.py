"""By which clock a table and a chart count: the one that limited all their methods."""

from __future__ import annotations

from collections.abc import Sequence

from dispatchgym.evaluation.row import Row

CLOCKS = {"cpu": "CPU time", "wall": "wall time"}
STARVED = 0.8  # share of its wall time that a method should have a processor for, at least
_SHORTEST = 0.1  # seconds; shares of less say nothing


def clock_of(rows: Sequence[Row]) -> str:
    """The clock of all rows; wall time if some are of before and do not say it."""
    return "cpu" if rows and all(row.get("clock") == "cpu" for row in rows) else "wall"


def seconds_of(row: Row, clock: str) -> float:
    """What the method took: of CPU time that of all its threads."""
    return float(row["cpu_seconds"] if clock == "cpu" else row["seconds"])


def starved(rows: Sequence[Row]) -> dict[str, float]:
    """Methods that waited for the processor -> the share of wall time in which they had it.

    A limit on wall time bought them less than it says; one on CPU time bought the same.
    """
    found = {}
    for method in dict.fromkeys(row["method"] for row in rows if row.get("clock") != "cpu"):
        mine = [row for row in rows if row["method"] == method and row["objective"] is not None and row["seconds"] >= _SHORTEST]
        share = sum(row["cpu_seconds"] for row in mine) / sum(row["seconds"] for row in mine) if mine else 1.0
        if share < STARVED:
            found[method] = share
    return found
