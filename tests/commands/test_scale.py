"""The arithmetic of the estimates in docs/performance.md: what they cannot be, and that they name what they assume."""

from __future__ import annotations

import pytest

from benchmarks import scale_model
from benchmarks.scale_model import Costs

COSTS = Costs(
    draw=1.0, pack=2.0, play=60.0, recall=4.0, learn=133.0, launches=2000.0, flop=3.5e9, gradient=5e5, episodes=512.0,
    instances=16.0, decisions=50.0, choices=120.0, steps=100.0, state=1276.0, features=842.0, graph=8802.0, candidate=28.0,
    context=20.0, answer=2.5,
)  # fmt: skip


def test_one_process_does_what_was_measured() -> None:
    for grows in (False, True):
        assert scale_model.on_cpus(COSTS, 1, grows=grows) == pytest.approx(512 / 0.2)
    assert scale_model.exchange(1, COSTS.gradient) == 0.0


def test_more_devices_do_more_but_no_more_than_as_many_times_as_much() -> None:
    for few, many in ((1, 8), (8, 64)):
        for copies in (512.0, 65536.0):
            one, other = (scale_model.on_gpus(COSTS, n, copies) for n in (few, many))
            assert one < other <= one * many / few
        one, other = (scale_model.on_cpus(COSTS, n, grows=True) for n in (few, many))
        assert one < other <= one * many / few


def test_small_batches_wait_for_the_chain_and_large_ones_for_memory() -> None:
    assert scale_model.steps_a_second(COSTS, 4096.0, 0.0, 1.0)[1] == "chain of accesses"
    rate, limit = scale_model.steps_a_second(COSTS, 2.0**22, COSTS.features, 8.0)
    assert limit == "memory"
    assert rate == pytest.approx(scale_model.MEMORY / (8 * (2 * 1276 + 842)))


def test_the_page_tells_estimates_from_measurements_and_names_the_assumptions() -> None:
    text = scale_model.tables(COSTS)
    assert text.index("**Measured here.**") < text.index("**Estimates.**") < text.index("Training on GPUs")
    assert scale_model.ASSUMED in text
    assert "| one batch, split | 2.56 k |" in text
    assert text.count("-" + " |") >= 1  # sixteen instances cannot be split over 64 processes
