"""Paired comparison of methods: on the same instances, and on the same traces of interruptions, by how much do they differ?"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

Row = dict[str, Any]  # one line of results.jsonl

_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646)  # from 8 degrees of freedom on the series is good to 0.001
_Z = 1.959964


@dataclass(frozen=True)
class Difference:
    """By how much one method's objectives are above another's, in percent of the other's."""

    mean: float
    half: float | None  # of the 95 % confidence interval mean +- half; None if there is one unit only
    instances: int
    pairs: int


def difference(rows: Sequence[Row], method: str, reference: str, original: Callable[[str], str]) -> Difference | None:
    """`method` against `reference` wherever both have an answer; None if that is nowhere.

    Copies of one instance (`original` gives its name) are averaged first: the interval is Student's over the means of the
    instances, as traces of one instance are no independent evidence about others. With one instance it is over its copies.
    """
    answers = {row["instance"]: row["objective"] for row in rows if row["method"] == reference and row["objective"]}
    clusters: dict[str, list[float]] = {}
    for row in rows:
        base = answers.get(row["instance"])
        if row["method"] == method and row["objective"] is not None and base is not None:
            clusters.setdefault(original(row["instance"]), []).append(100 * (row["objective"] / base - 1))
    if not clusters:
        return None
    means = [fmean(values) for values in clusters.values()]
    units = means if len(means) > 1 else next(iter(clusters.values()))
    return Difference(fmean(means), half_width(units), len(means), sum(map(len, clusters.values())))


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of a mean; None for a single value."""
    return quantile(len(values) - 1) * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def bootstrap(values: Sequence[float], resamples: int = 2000, seed: int = 0) -> tuple[float, float] | None:
    """95 % interval of the mean by the percentiles of resampled means (Efron 1979); None for a single value.

    The same values give the same interval.
    """
    if len(values) < 2:
        return None
    draw = random.Random(seed)
    means = sorted(fmean(draw.choices(values, k=len(values))) for _ in range(resamples))
    return means[int(0.025 * resamples)], means[int(0.975 * resamples) - 1]


def quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz & Stegun 26.7.5)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z, n = _Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
