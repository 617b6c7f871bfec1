"""Counter-based random numbers: the n-th draw of copy b is a function of (seed, counter) alone.

Kernel functions, so 63-bit integer arithmetic that is the same in Python, compiled and on CUDA.
"""

from __future__ import annotations


def scramble(x: int) -> int:
    """A 32-bit integer mixed into another (the `lowbias32`-style xorshift-multiply finaliser)."""
    x = (x ^ (x >> 16)) * 0x21F0AAAD & 0xFFFFFFFF
    x = (x ^ (x >> 15)) * 0x735A2D97 & 0xFFFFFFFF
    return x ^ (x >> 15)


def draw(seed: int, counter: int) -> int:
    """32 random bits for draw number `counter` of stream `seed` (both non-negative integers)."""
    h = scramble((int(seed) & 0xFFFFFFFF) ^ 0x9E3779B9)
    h = scramble(h ^ ((int(seed) >> 32) & 0x7FFFFFFF))
    h = scramble(h ^ (int(counter) & 0xFFFFFFFF))
    return scramble((h + 0x85EBCA6B) & 0xFFFFFFFF)
