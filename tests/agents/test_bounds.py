"""Every numeric setting of a training has bounds, and values outside of them are refused by name."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from dispatchgym.agents.bounds import BOUNDS, bounded, option, validate
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.instances.errors import InputError

GOOD = TrainConfig(minutes=1.0)


def changed(name: str, value: Any) -> TrainConfig:
    for whose in (field.name for field in dataclasses.fields(GOOD)):
        part = getattr(GOOD, whose)
        if dataclasses.is_dataclass(part) and hasattr(part, name):
            return dataclasses.replace(GOOD, **{whose: dataclasses.replace(part, **{name: value})})  # type: ignore[type-var]
    other = {"minutes": None} if name == "steps" else {}
    return dataclasses.replace(GOOD, **{name: value}, **other)


def test_every_number_has_bounds() -> None:
    assert bounded() == set(BOUNDS)
    validate(GOOD)


@pytest.mark.parametrize("name", sorted(BOUNDS))
def test_values_outside_are_refused(name: str) -> None:
    bound = BOUNDS[name]
    bad = [bound.low if bound.open else bound.low - 1, bound.high + max(1, bound.high), math.nan, math.inf, -math.inf]
    for value in bad:
        with pytest.raises(InputError, match=f"^{option(name)} must be {bound}, not ".replace("+", r"\+")) as caught:
            validate(changed(name, value))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("learner", "--learner must be ppo or self-label or preference or reinforce or without-replacement or sb3, not 'luck'"),
        ("optimizer", "--optimizer must be adamw or schedulefree, not 'luck'"),
        ("schedule", "--schedule must be wsd or linear or rex or cosine or constant, not 'luck'"),
        ("advantage", "--advantage must be group or gae, not 'luck'"),
    ],
)
def test_names_that_are_not_listed_are_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}$"):
        validate(changed(name, "luck"))


def test_an_iteration_has_a_bounded_number_of_episodes() -> None:
    with pytest.raises(InputError, match="--instances 4096 times --samples 65536 is more than 1048576 episodes"):
        validate(dataclasses.replace(GOOD, instances=4096, samples=65536))


def test_an_error_calls_an_option_as_the_command_does() -> None:
    with pytest.raises(InputError, match=r"^--advantage must be group or gae, not 'critic'"):
        validate(changed("advantage", "critic"))
