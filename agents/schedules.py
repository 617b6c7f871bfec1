"""Schedules of the learning rate: the factor of `--rate` at each share of the budget."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP = 0.02  # share of the budget over which the rate rises
LEAST = 0.02  # factor at the end of what decays


def linear(progress: float) -> float:
    """Straight to zero, without a warm-up."""
    return max(1.0 - progress, LEAST)


def wsd(progress: float) -> float:
    """Warm-up, stable, linear decay over the last 40 % (Hu et al. 2024)."""
    return min(warm_up(progress), max((1.0 - progress) / 0.4, LEAST))


def rex(progress: float) -> float:
    """Warm-up, then the reflected exponential: slow at first, fast at the end (Chen et al. 2022, eq. 3)."""
    left = 1.0 - progress
    return min(warm_up(progress), max(left / (0.5 + 0.5 * left), LEAST))


def cosine(progress: float) -> float:
    """Warm-up, then half a cosine (Loshchilov & Hutter 2017)."""
    return min(warm_up(progress), max(0.5 + 0.5 * math.cos(math.pi * progress), LEAST))


def constant(progress: float) -> float:
    """Warm-up, then the same."""
    return warm_up(progress)


def warm_up(progress: float) -> float:
    return min(1.0, (progress + 0.002) / WARM_UP)


SCHEDULES: dict[str, Callable[[float], float]] = {
    "wsd": wsd,
    "linear": linear,
    "rex": rex,
    "cosine": cosine,
    "constant": constant,
}


def rate_at(progress: float, schedule: str) -> float:
    """Factor of the learning rate at `progress` in [0, 1)."""
    return SCHEDULES[schedule](progress)
