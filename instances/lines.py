"""Text files of numbers read line by line, with errors that name the file, the line and the value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dispatchgym.instances.errors import InputError


class Lines:
    """The lines of a file that carry something, with their numbers, handed out one by one."""

    def __init__(self, text: str, source: str, first: int = 1) -> None:
        """`first` is the number of the first line of `text` in the file."""
        rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        stripped = ((number, row.split("#", 1)[0].strip()) for number, row in enumerate(rows, first))
        self.rows = [(number, row) for number, row in stripped if row]
        self.source = source
        self.stem = Path(source).stem
        self.position = 0
        if not self.rows:
            raise InputError(f"{source}: is empty")

    @property
    def left(self) -> int:
        return len(self.rows) - self.position

    def peek(self) -> str:
        return self.rows[self.position][1] if self.left else ""

    def take(self, expected: str) -> str:
        if not self.left:
            raise InputError(f"{self.source} line {self.rows[-1][0]}: the file ends, expected {expected}")
        self.position += 1
        return self.rows[self.position - 1][1]

    def error(self, message: str) -> InputError:
        """An InputError about the line taken last."""
        return InputError(f"{self.source} line {self.rows[self.position - 1][0]}: {message}")

    def numbers(self, row: str, kinds: Sequence[str], owner: str = "") -> list[int]:
        """The whole numbers of `row`; errors call them by `kinds` in turn and say whose they are, as in ` of job 2`."""
        tokens = row.split()
        for place, token in enumerate(tokens):
            if not (token.isascii() and token.isdigit() and len(token) <= 10):
                shown = token if len(token) <= 40 else token[:37] + "..."
                raise self.error(f"{kinds[place % len(kinds)]} {shown}{owner} {_complaint(token)}")
        return [int(token) for token in tokens]


def _complaint(token: str) -> str:
    if re.fullmatch(r"[0-9]+", token):
        return "is too large"
    if re.fullmatch(r"-[0-9]+", token):
        return "is negative"
    if re.fullmatch(r"[-+]?([0-9]+\.?|[0-9]*\.[0-9]+)([eE][-+]?[0-9]+)?", token):
        return "is not a whole number"
    return "is not a number"
