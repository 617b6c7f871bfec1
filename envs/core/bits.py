"""Words of bits, as kernel functions. Each compiler has its own instruction for them (`numba_patches.py`)."""

from __future__ import annotations


def lowest_bit(word: int) -> int:
    """The place of the lowest 1 of a positive whole number."""
    return (int(word) & -int(word)).bit_length() - 1
