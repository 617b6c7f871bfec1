"""The trainings of test_ranks.py, as one process of several that train together: `python -m tests.agents.ranks_worker FOLDER`."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dispatchgym.agents.ranks import ALONE, Ranks, joined
from dispatchgym.agents.settings import PPOConfig, TrainConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from tests.agents.trainings import training_of

SMALL: dict[str, Any] = {"steps": 3, "instances": 5, "samples": 4, "width": 8, "layers": 1, "hidden": 8, "log_every": 1.0}
CASES: dict[str, dict[str, Any]] = {
    "ppo": {"ppo": PPOConfig(keep=4, minibatches=2)},
    "gae": {"ppo": PPOConfig(advantage="gae", minibatches=3, value_clip=0.2, keep=0)},
    "stops-early": {"ppo": PPOConfig(kl_stop=1e-9, epochs=4)},
    "self-label": {"learner": "self-label", "reuse": 2, "optimizer": "schedulefree"},
    "preference": {"learner": "preference"},
    "reinforce": {"learner": "reinforce"},
    "imitation": {"imitate_steps": 2, "imitate_repeats": 2},
    "encodes-again": {"encode_every": 2, "learner": "self-label", "attention": 2},
    "nothing-to-decide": {"ppo": PPOConfig(advantage="gae", minibatches=2), "instances": 2},
}
RESUMED = "ppo"


def trained(case: str, out: Path, ranks: Ranks = ALONE, *, until: int = 3, resume: bool = False) -> None:
    """Run a case to the end, or stop after `until` iterations."""
    training = training_of("jobshop")
    config = TrainConfig(**{**SMALL, "sizes": ("3x3", "4x3"), **CASES[case]})
    expert = (lambda pool: [solve(x, "fdd-mwkr").schedule for x in pool]) if case == "imitation" else None
    if case == "nothing-to-decide":  # for the first of two processes
        training = replace(training, draw=lambda rng, count, sizes, hard: [generate(n, n, seed=n) for n in (1, 3)][:count])
    trainer = Trainer(training, config, out / case, resume=resume, expert=expert, ranks=ranks)
    trainer.run(lambda line: None, lambda: trainer.iteration >= until)
    ranks.most(0)  # the first process has saved it


def main(out: Path) -> None:
    with joined("cpu") as ranks:
        for case in CASES:
            trained(case, out / "two", ranks)
        trained(RESUMED, out / "two-then-one", ranks, until=1)
        trained(RESUMED, out / "one-then-two", ranks, resume=True)
        trained(RESUMED, out / "two-then-two", ranks, until=1)
        trained(RESUMED, out / "two-then-two", ranks, resume=True)
        if not ranks.leads:
            os._exit(1)  # as a process that is killed
        try:
            ranks.total(1.0)
        except InputError as error:
            print(error)


if __name__ == "__main__":
    np.seterr(all="raise")
    main(Path(sys.argv[1]))
