"""Optimisers and schedules of the learning rate: values by hand."""

from __future__ import annotations

import math
from typing import get_args, get_type_hints

import pytest
import torch

from dispatchgym.agents.optimisers import OPTIMISERS, ScheduleFree
from dispatchgym.agents.schedules import SCHEDULES, rate_at
from dispatchgym.agents.settings import TrainConfig


def test_what_the_command_offers_is_listed() -> None:
    offered = get_type_hints(TrainConfig)
    assert set(get_args(offered["optimizer"])) == set(OPTIMISERS)
    assert set(get_args(offered["schedule"])) == set(SCHEDULES)


def test_three_schedule_free_steps_are_those_of_the_paper() -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimiser = ScheduleFree([weight], lr=0.1, decay=0.01)
    x = y = z = 2.0
    square = total = 0.0
    for step, (gradient, rate) in enumerate([(0.5, 0.05), (-1.0, 0.1), (0.25, 0.1)], 1):
        square = 0.999 * square + 0.001 * gradient**2
        z = z - rate * gradient / (math.sqrt(square / (1 - 0.999**step)) + 1e-8) - rate * 0.01 * y
        total += rate**2
        x += rate**2 / total * (z - x)
        y = 0.1 * z + 0.9 * x
        optimiser.param_groups[0]["lr"] = rate
        weight.grad = torch.tensor([gradient])
        optimiser.step()
        assert float(weight.detach()) == pytest.approx(y, rel=1e-5)
        assert float(optimiser.state[weight]["x"]) == pytest.approx(x, rel=1e-5)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_keeps_what_a_checkpoint_expects(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(2, 3))
    kind = OPTIMISERS[name]
    optimiser = kind.make([weight], 1e-3, 0.0)
    weight.sum().backward()
    optimiser.step()
    state = optimiser.state[weight]
    assert {key for key, value in state.items() if value.shape == weight.shape} == set(kind.moments)
    assert {key for key, value in state.items() if value.shape == ()} == set(kind.scalars)
    assert kind.average in (*kind.moments, "")


def test_adamw_without_decay_is_adam() -> None:
    weights = [torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0])) for _ in range(2)]
    both = [torch.optim.Adam([weights[0]], 0.01), OPTIMISERS["adamw"].make([weights[1]], 0.01, 0.0)]
    for gradient in ([0.3, 0.1, -2.0], [0.1, 0.1, 4.0]):
        for weight, optimiser in zip(weights, both, strict=True):
            weight.grad = torch.tensor(gradient)
            optimiser.step()
    assert torch.equal(weights[0], weights[1])


def test_schedules_at_the_half_and_at_the_end() -> None:
    half = {"wsd": 1.0, "linear": 0.5, "rex": 0.5 / 0.75, "cosine": 0.5, "constant": 1.0}
    assert {name: rate_at(0.5, name) for name in SCHEDULES} == pytest.approx(half)
    assert rate_at(0.75, "rex") == pytest.approx(0.25 / 0.625)
    for name in SCHEDULES:
        assert 0.0 < rate_at(0.0, name) <= 1.0
        assert rate_at(0.999999, name) == (1.0 if name == "constant" else 0.02)
        rates = [rate_at(0.02 + 0.98 * i / 100, name) for i in range(100)]
        assert rates == sorted(rates, reverse=True)
