"""`dispatchgym evaluate FAMILY ...`: the command `evaluate.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SUMMARY = "methods against instances in one table"


def grammar() -> Any:
    from dispatchgym import evaluate

    return evaluate.commands()


def main(words: Sequence[str]) -> int:
    from dispatchgym import evaluate

    evaluate.main(list(words))
    return 0
