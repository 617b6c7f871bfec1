"""Names for the columns of an array: the last axis of a layout, or the features of an observation."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt


class Columns(IntEnum):
    """Columns in their order, each with what it holds: `class Job(Columns): NEXT = "index of the next operation"`.

    A member is its own index, so kernels write `job[Job.NEXT]`; the compilers see a constant. `len(Job)` is the width.
    Features state their formula first: `DURATION = "p / u", "duration"`.
    """

    about: str
    formula: str

    def __new__(cls, *texts: str) -> Columns:
        index = len(cls.__members__)
        column = int.__new__(cls, index)
        column._value_ = index
        column.formula = texts[0] if len(texts) > 1 else ""
        column.about = texts[-1]
        return column


def stacked(columns: type[Columns], values: Mapping[Any, npt.ArrayLike]) -> npt.NDArray[Any]:
    """Arrays of equal shape, one for each column, as the last axis of one array; KeyError if a column is missing."""
    return np.stack([np.asarray(values[column]) for column in columns], axis=-1)


def markdown_table(columns: type[Columns]) -> str:
    """The columns as a Markdown table: index, name, formula, meaning."""
    head = ["| # | name | formula | meaning |", "| --: | --- | --- | --- |"]
    return "\n".join([*head, *(_row(column) for column in columns)])


def _row(column: Columns) -> str:
    formula = f"`{column.formula}`" if column.formula else ""
    return f"| {int(column)} | {column.name.lower()} | {formula} | {column.about} |"
