"""A run without --out goes to a folder named after what it trains for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agents.trainings import training_of


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("jobshop", {}, "jobshop"),
        ("blocking", {}, "blocking"),
        ("blocking", {"swap": False}, "blocking-bns"),
        ("soc", {}, "gym-ds3-5"),
        ("static-dag", {}, "static-dag"),
        ("memory-pack", {}, "memory-pack"),
        ("memory-map", {}, "memory-map"),
        ("memory-map", {"actions": "order"}, "memory-map-order"),
    ],
)
def test_a_run_is_named_after_family_preset_and_variant(name: str, options: dict[str, Any], expected: str) -> None:
    training = training_of(name, **options)
    assert (training.run_name or training.name) == expected
