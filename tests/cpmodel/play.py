"""Random play of small models on a target, in a process of its own if asked for."""

from __future__ import annotations

from typing import Any

from dispatchgym.envs.cpmodel.problem import CPProblem
from tests.core.targets import Recorded, answer, record_play
from tests.cpmodel.models import random_model, random_shop


def games() -> list[tuple[Any, list[Any]]]:
    """Models with everything, and flexible shops, in both schemes."""
    models = [random_model(seed, 4, tight=seed % 2 == 1) for seed in range(6)]
    shops = [random_shop(seed, 3, 2, 2) for seed in range(3)]
    return [(CPProblem(actions), pool) for actions in ("serial", "parallel") for pool in (models, shops)]  # type: ignore[arg-type]


def record(device: Any) -> Recorded:
    return record_play(games(), device, 24)


if __name__ == "__main__":
    answer(record)
