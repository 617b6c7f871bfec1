"""How often a method is good, beside its means: performance profiles and the probability of improvement.

One hard instance can rule a mean; it counts as one here. Both compare objectives on the same instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from dispatchgym.evaluation.row import Row

WITHIN = (1, 5, 10, 25)  # percent above the best of the run: columns of the table
LEAST = 5  # instances; shares of fewer say little
NOTE = (
    "how often: on which share of all instances a method's objective is the best of the run, or at most so many percent above it "
    "(its performance profile); beats another: the probability that it is better than another method on the same instance, ties "
    "one half, as the mean over the other methods."
)


def ratios(rows: Sequence[Row]) -> dict[str, list[float]]:
    """method -> its objective over the best of the run, for each instance; infinite where it has no answer.

    Where the best is 0, any other objective is infinitely worse.
    """
    instances = list(dict.fromkeys(row["instance"] for row in rows))
    objective = {(row["method"], row["instance"]): row["objective"] for row in rows if row["objective"] is not None}
    best: dict[str, int] = {}
    for (_, name), value in objective.items():
        best[name] = min(value, best.get(name, value))

    def ratio(method: str, name: str) -> float:
        value = objective.get((method, name))
        if value is None:
            return float("inf")
        return value / best[name] if best[name] > 0 else (1.0 if value == best[name] else float("inf"))

    methods = dict.fromkeys(row["method"] for row in rows)
    return {method: [ratio(method, name) for name in instances] for method in methods}


def profile(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """The performance profile of a method with these `ratios` (Dolan & More, Mathematical Programming 91, 2002).

    Factors in increasing order, and the share of instances on which the method is within each of the best.
    """
    steps = sorted({1.0, *(value for value in values if value < float("inf"))})
    return steps, [within(values, step) for step in steps]


def within(values: Sequence[float], factor: float) -> float:
    """The share of `values` that are at most `factor`."""
    return fmean(value <= factor * (1 + 1e-12) for value in values)


def improvement(values: Sequence[float], others: Sequence[float]) -> float:
    """The probability that a method with the ratios `values` is better than another one on the same instance.

    Ties count one half, as in the probability of improvement (Agarwal et al., NeurIPS 2021), here over pairs.
    """
    return fmean(1.0 if a < b else 0.5 if a == b else 0.0 for a, b in zip(values, others, strict=True))


def table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]] | None:
    """Head and cells of a table of both, a row for each method; None for one method or fewer than `LEAST` instances."""
    found = ratios(rows)
    if len(found) < 2 or len(next(iter(found.values()))) < LEAST:
        return None
    cells = []
    for method, values in found.items():
        others = [improvement(values, other) for name, other in found.items() if name != method]
        parts = [within(values, 1.0), *(within(values, 1 + percent / 100) for percent in WITHIN), fmean(others)]
        cells.append([method, *(f"{100 * share:.0f}" for share in parts)])
    return ["method", "best %", *(f"within {percent} %" for percent in WITHIN), "beats another %"], cells
