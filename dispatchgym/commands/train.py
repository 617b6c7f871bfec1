"""`dispatchgym train FAMILY ...`: the command `train.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SUMMARY = "train a policy on generated instances"


def grammar() -> Any:
    from dispatchgym import train

    return train.commands()


def main(words: Sequence[str]) -> int:
    from dispatchgym import train

    train.main(list(words))
    return 0
