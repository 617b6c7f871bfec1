"""Paired comparison of methods: on the same instances, and on the same traces of interruptions, by how much do they differ?

Intervals and tests are SciPy's (extra `stats`). Without it there are none: the functions return None.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from dispatchgym.instances.extras import installed

Row = dict[str, Any]  # one line of results.jsonl

CONFIDENCE = 0.95
WITHOUT = "There are no intervals and no tests: they need the extra 'stats' (pip install 'dispatchgym[stats]')."


@dataclass(frozen=True)
class Difference:
    """By how much one method's objectives are above another's, in percent of the other's."""

    mean: float
    half: float | None  # of the 95 % confidence interval mean +- half; None if there is one unit only
    instances: int
    pairs: int
    p: float | None  # of `wilcoxon`, without a correction for several comparisons; None if there is one unit only


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
    return Difference(fmean(means), half_width(units), len(means), sum(map(len, clusters.values())), wilcoxon(units))


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % confidence interval of a mean by Student's t; None for a single value."""
    if len(values) < 2 or not installed("scipy"):
        return None
    from scipy.special import stdtrit  # the quantile alone: scipy.stats takes a second to import

    return float(stdtrit(len(values) - 1, 0.5 + CONFIDENCE / 2)) * stdev(values) / math.sqrt(len(values))


def bootstrap(values: Sequence[float], resamples: int = 2000, seed: int = 0, cut: float = 0.0) -> tuple[float, float] | None:
    """95 % interval of the mean by the BCa bootstrap (Efron 1987); None for a single value.

    With `cut` it is the interval of the trimmed mean, without that share of the values at either end.
    The same values give the same interval. Where all resamples are alike, the interval is that one value.
    """
    if len(values) < 2 or not installed("scipy"):
        return None
    if min(values) == max(values):
        return values[0], values[0]
    import numpy as np
    from scipy import stats

    def trimmed(sample: Any, axis: int) -> Any:
        return stats.trim_mean(sample, cut, axis=axis)

    def interval(method: str) -> tuple[float, float]:
        statistic, rng = trimmed if cut else np.mean, np.random.default_rng(seed)
        found = stats.bootstrap(
            (values,), statistic, n_resamples=resamples, confidence_level=CONFIDENCE, method=method, rng=rng
        ).confidence_interval
        return float(found.low), float(found.high)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nearly equal values have no acceleration: the percentiles serve then
        low, high = interval("BCa")
    return (low, high) if low <= high else interval("percentile")


def wilcoxon(differences: Sequence[float]) -> float | None:
    """Two-sided p value of the signed-rank test (Wilcoxon 1945) that `differences` are centred at 0; None for a single one.

    Differences of 0 are left out, as Wilcoxon did; if all are, the value is 1. Differences of equal size share their ranks.
    """
    if len(differences) < 2 or not installed("scipy"):
        return None
    told = [value for value in differences if value != 0]
    if not told:
        return 1.0
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a handful of values with ties has no exact distribution
        return float(stats.wilcoxon(told).pvalue)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values of several tests, corrected so that one false alarm among all has the probability of each (Holm 1979).

    None stands for no test, and is not counted.
    """
    told = sorted((value, i) for i, value in enumerate(values) if value is not None)
    found: list[float | None] = [None] * len(values)
    least = 0.0
    for rank, (value, i) in enumerate(told):
        least = max(least, min(1.0, (len(told) - rank) * value))
        found[i] = least
    return found
