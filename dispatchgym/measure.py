"""Numbers that tables show of each answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from dispatchgym.statistics import half_width


@dataclass(frozen=True)
class Measure:
    """A number of every answer, whose means are a column of the tables, or their cells."""

    head: str
    of: Callable[[dict[str, Any]], float | None]  # of an answered line of results.jsonl; None = there is none
    digits: int = 2
    across: bool = False  # means over unlike instances say something too
    interval: bool = False  # means with their 95 % confidence interval
    beside: Measure | None = None  # what is to be read together with it: both in one cell
    note: str = ""  # what it is, for the end of a report

    @property
    def title(self) -> str:
        return self.head + (f" / {self.beside.title}" if self.beside else "")

    def values(self, rows: Sequence[dict[str, Any]]) -> list[float]:
        found = [self.of(row) for row in rows if row["objective"] is not None]
        return [value for value in found if value is not None]

    def text(self, rows: Sequence[dict[str, Any]]) -> str:
        """The mean over the answered of `rows`, as a cell has it; "-" if there is none."""
        values = self.values(rows)
        if not values:
            return "-"
        half = half_width(values) if self.interval else None
        text = f"{fmean(values):.{self.digits}f}" + ("" if half is None else f" ±{half:.{self.digits}f}")
        return text if self.beside is None else f"{text} / {self.beside.text(rows)}"
