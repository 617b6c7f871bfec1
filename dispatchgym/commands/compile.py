"""`dispatchgym compile [FAMILY ...]`: machine code ahead of its use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

SUMMARY = "compile what families need ahead of its use"


def grammar() -> Any:
    def compile(families: tuple[str, ...] = (), only: Literal["environments", "methods"] | None = None, workers: int = 1) -> None:
        """Compile what families need."""

    return compile


def main(words: Sequence[str]) -> int:
    from dispatchgym import compile

    return compile.main(words)
