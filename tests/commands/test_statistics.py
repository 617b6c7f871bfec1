"""Intervals and tests against tables, enumeration and simulation."""

from __future__ import annotations

import itertools
import random
from statistics import fmean, stdev
from typing import Any

import pytest

from dispatchgym import families, statistics
from dispatchgym.evaluation import report
from dispatchgym.statistics import bootstrap, difference, half_width, holm, wilcoxon
from tests.commands.test_tables import row

JOBSHOP, BLOCKING = families.load("jobshop"), families.load("blocking")


@pytest.mark.parametrize(
    ("freedom", "value"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (7, 2.3646), (10, 2.2281), (39, 2.0227), (9999, 1.9602)]
)
def test_intervals_of_means_have_the_quantiles_of_the_tables(freedom: int, value: float) -> None:
    values = [float(k % 3) for k in range(freedom + 1)]
    assert half_width(values) == pytest.approx(value * stdev(values) / len(values) ** 0.5, rel=1e-4)
    assert half_width([3.0]) is None


def test_a_paired_difference_averages_traces_before_instances() -> None:
    made = {"a/bws/p0.1/t0": (110, 100), "a/bws/p0.1/t1": (130, 100), "b/bws/p0.1/t0": (90, 100), "c/bws/p0.1/t0": (None, 100)}
    rows = [row(name, method, value, "") for name, pair in made.items() for method, value in zip(("x", "y"), pair, strict=True)]
    found = difference(rows, "x", "y", BLOCKING.disturbance.value.original)
    assert found is not None
    assert (found.instances, found.pairs) == (2, 3)
    assert found.mean == pytest.approx((20 - 10) / 2)
    assert found.half == pytest.approx(12.7062 * 15, rel=1e-4)  # means 20 and -10, standard error 15, one degree of freedom
    assert found.p == 1.0
    assert difference(rows, "x", "z", BLOCKING.disturbance.value.original) is None


def test_a_single_instance_is_compared_over_its_traces() -> None:
    rows = [row(f"a/bws/p0.1/t{t}", name, 100 + t * (name == "x"), "") for t in (1, 2, 3) for name in ("x", "y")]
    found = difference(rows, "x", "y", BLOCKING.disturbance.value.original)
    assert found is not None
    assert (found.instances, found.pairs, found.mean) == (1, 3, pytest.approx(2.0))
    assert found.half == pytest.approx(4.3027 / 3**0.5, abs=1e-3)
    assert found.p == pytest.approx(2 / 8)  # all three are on one side: two of the eight signs
    lone = difference(rows[:2], "x", "y", BLOCKING.disturbance.value.original)
    assert lone is not None
    assert (lone.half, lone.p) == (None, None)


def signs(values: list[float]) -> float:
    """The p value of the signed-rank test by trying all signs; `values` have different sizes."""
    ranks = [sorted(map(abs, values)).index(abs(value)) + 1 for value in values]
    middle = sum(ranks) / 2
    seen = abs(sum(rank for rank, value in zip(ranks, values, strict=True) if value > 0) - middle)
    every = itertools.product((0, 1), repeat=len(ranks))
    return fmean(abs(sum(r * s for r, s in zip(ranks, some, strict=True)) - middle) >= seen for some in every)


def test_wilcoxon_is_the_enumeration_of_all_signs() -> None:
    rng = random.Random(2)
    for count in (2, 5, 9):
        values = [rng.choice((-1, 1)) * (k + 1 + rng.random() / 2) for k in range(count)]
        assert wilcoxon(values) == pytest.approx(signs(values))
        assert wilcoxon([*values, 0.0]) == pytest.approx(signs(values))
    assert wilcoxon([0.0, 0.0]) == 1.0
    assert wilcoxon([1.0]) is None


def test_holm_corrects_the_smallest_most_and_never_turns_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, None]) == pytest.approx([0.03, 0.06, 0.06, None])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None]) == [None]


def test_the_bootstrap_covers_the_mean_as_often_as_it_says_and_leans_with_the_values() -> None:
    draw = random.Random(1)
    hits = 0
    for _ in range(200):
        low, high = bootstrap([draw.gauss(3.0, 2.0) for _ in range(30)], resamples=400) or (0.0, 0.0)
        hits += low <= 3.0 <= high
    assert 0.88 < hits / 200 <= 0.99
    values = [1.0] * 20 + [2.0, 3.0, 30.0]
    low, high = bootstrap(values) or (0.0, 0.0)
    assert high - fmean(values) > 1.5 * (fmean(values) - low)  # the percentiles of the resamples alone would lean less
    assert (low, high) == bootstrap(values)
    assert bootstrap([1.0]) is None
    assert bootstrap([2.0, 2.0]) == (2.0, 2.0)
    trimmed = bootstrap(values, cut=0.25)
    assert trimmed is not None
    assert trimmed[1] < 2.0  # without the largest quarter
    assert bootstrap([1.0] * 30 + [2.0], cut=0.25) == (1.0, 1.0)


def test_a_table_of_eight_methods_has_corrected_p_values() -> None:
    rng = random.Random(3)
    rows: list[dict[str, Any]] = []
    for k in range(12):
        base = 1000 + rng.randrange(500)
        rows += [row(f"i{k}", f"m{j}", base + 10 * j + rng.randrange(5), "2x2") for j in range(8)]
    grid = next(grid for grid in report.build(JOBSHOP, rows, [], "m0").grids if grid.title.startswith("paired"))
    column = grid.columns.index("p (Holm)")
    single = wilcoxon([100 * (b["objective"] / a["objective"] - 1) for a, b in zip(rows[::8], rows[1::8], strict=True)])
    assert single == pytest.approx(2 / 2**12)
    assert [line[column] for line in grid.rows] == [f"{7 * (single or 0.0):.4f}"] * 7


def test_without_scipy_there_are_no_intervals_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "installed", lambda package: False)
    assert half_width([1.0, 2.0]) is wilcoxon([1.0, 2.0]) is bootstrap([1.0, 2.0]) is None
    rows = [row(name, method, 110, "2x2") for name in ("a", "b") for method in ("spt", "lpt")]
    assert statistics.WITHOUT in report.build(JOBSHOP, rows, [], "spt").notes
