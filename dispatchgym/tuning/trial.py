"""One training of a tuning: settings and a seed, trained to a share of the budget and judged on instances kept for that.

Tuning and test have no seed and no instance in common (Eimer, Lindauer & Raileanu, Hyperparameters in reinforcement learning
and how to tune them, ICML 2023, section 6): what was chosen on the one is measured on the other.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dispatchgym import families
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer, training_sizes
from dispatchgym.agents.training import Training
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.json_fields import parse
from dispatchgym.tuning.budget import RUNGS
from dispatchgym.tuning.space import Settings, applied

Part = Literal["tuning", "test"]
POOL_SEED = {"tuning": 2**32, "test": 2**33}  # far from every stream of a training and of its own validation
POOL = 32  # instances of each size
WORST = 1e9  # the gap of what cannot be judged: weights that are not finite


@dataclass(frozen=True)
class Plan:
    """What all trainings of a tuning have in common."""

    family: str
    options: dict[str, Any]  # of the training, that only this family has
    config: TrainConfig
    out: Path

    def training(self) -> Training:
        training: Training = families.load(self.family).trained_by().training(**self.options)
        return training


def judged(training: Training, sizes: Sequence[str], part: Part) -> Training:
    """The training that validates on the instances of that part."""
    if training.fixed is not None:
        own = training.fixed()[0 if part == "tuning" else 1 :: 2]
    else:
        rng = np.random.default_rng(POOL_SEED[part])
        own = [x for size in dict.fromkeys(sizes) for x in training.draw(rng, POOL, [size], 0.0)]
    return dataclasses.replace(training, fixed=lambda: own)


def trained(plan: Plan, settings: Settings, seed: int, folder: Path, share: float, part: Part) -> float:
    """Train up to a share of the budget, from the checkpoint in `folder` if there is one; percent above the lower bound.

    Raises InputError for settings that cannot be trained with.
    """
    config = dataclasses.replace(applied(plan.config, settings), seed=seed, log_every=1e9)
    training = plan.training()
    training = judged(training, training_sizes(training, config.sizes), part)
    trainer = Trainer(training, config, folder, resume=True)
    trainer.run(lambda line: None, lambda: trainer.progress() >= share - 1e-9)
    gap = trainer.validate()
    return gap if math.isfinite(gap) else WORST


def rungs(plan: Plan, number: int, settings: Settings, seeds: Sequence[int]) -> Iterator[tuple[int, list[float]]]:
    """The gaps of all seeds at each rung, in ninths of the budget; what an earlier run has found is not trained again."""
    folder = plan.out / "trials" / str(number)
    for rung in RUNGS:
        gaps = []
        for seed in seeds:
            note = folder / f"seed-{seed}" / f"gap-{rung}.json"
            gaps.append(noted(note, plan, settings, seed, rung / RUNGS[-1], "tuning"))
        yield rung, gaps


def noted(note: Path, plan: Plan, settings: Settings, seed: int, share: float, part: Part) -> float:
    """`trained` in the folder of `note`, which is the gap if it is there, and holds it afterwards."""
    if note.exists():
        return parse(read_text(note), str(note))["gap"].number()
    gap = trained(plan, settings, seed, note.parent, share, part)
    write_text(note, json.dumps({"gap": gap}) + "\n")
    return gap
