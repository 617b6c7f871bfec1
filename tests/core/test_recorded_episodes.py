"""Every environment plays the recorded episodes to the last bit: see recorded_episodes.py."""

from __future__ import annotations

import itertools
from dataclasses import replace

import gymnasium
import pytest
from gymnasium.vector import AutoresetMode

from tests.core import conformance, conformance_vector
from tests.core.recorded_episodes import INTERPRETED, VARIANTS, record, recorded

# Played as Python. Nothing else needs these kernels, and compiling them takes longer than the episodes of all variants;
# `python -m tests.core.recorded_episodes --check` compiles them.
UNCOMPILED = ("blocking, bws, outlook", "blocking, bns, no outlook")
FIRST = tuple(next(name for name, variant in VARIANTS.items() if variant.id == x) for x in {v.id: 0 for v in VARIANTS.values()})


@pytest.mark.parametrize("name", FIRST)
def test_the_first_episodes_of_an_id_are_the_recorded_ones(name: str) -> None:
    compare(name)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in FIRST])
def test_further_episodes_are_the_recorded_ones(name: str) -> None:
    compare(name)


# In this file, so that the process that compiled a variant for its episodes tests its batches too. The conformance suite tests
# the ways to start again with one variant of an id; here they take turns.
@pytest.mark.parametrize(("name", "mode"), list(zip(VARIANTS, itertools.cycle(AutoresetMode), strict=False)))
def test_a_batch_is_single_environments_in_every_variant(name: str, mode: AutoresetMode) -> None:
    variant = VARIANTS[name]
    case = next(case for case in conformance.cases() if case.id == variant.id)
    words = dict(variant.words) | ({"device": "python"} if name in UNCOMPILED else {})
    conformance_vector.equals_gymnasiums_batch(replace(case, words=words), mode, "ignore")


def compare(name: str) -> None:
    found = record(VARIANTS[name], device="python" if name in UNCOMPILED else "cpu")
    assert found == recorded()[name], f"python -m tests.core.recorded_episodes --trace '{name}' shows the steps"


def test_interpreted_episodes_are_the_recorded_ones() -> None:
    assert record(VARIANTS[INTERPRETED], device="python") == recorded()[INTERPRETED]


def test_every_environment_and_nothing_else_is_recorded() -> None:
    known = {name.removeprefix("dispatchgym/") for name in gymnasium.registry if name.startswith("dispatchgym/")}
    assert {variant.id for variant in VARIANTS.values()} == known
    assert recorded().keys() == VARIANTS.keys()


def test_any_other_action_changes_the_hash() -> None:
    variant = VARIANTS[INTERPRETED]._replace(copies=2, episodes=2)
    assert record(variant) != record(variant._replace(illegal=0.5))
