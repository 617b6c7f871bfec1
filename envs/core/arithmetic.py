"""Arithmetic that several kernels share."""

from __future__ import annotations


def clip(x: float, limit: float) -> float:
    """x limited to [-limit, limit]."""
    return min(max(x, -limit), limit)


def limit(x: float, low: float, high: float) -> float:
    """x limited to [low, high]."""
    return min(max(x, low), high)
