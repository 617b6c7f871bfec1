"""The agent on blocking shops: it learns to wait from schedules, trains by PPO, resumes, and plays as a method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatchgym.agents.rollout import Rollout
from dispatchgym.baselines.blocking.methods import solve as baseline
from dispatchgym.envs.blocking.check import check
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import BlockingShop
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from tests.agents.trainings import SEARCHED, beams_are_never_above_greedy, solve, trainer, training_of

TINY: dict[str, Any] = {
    "problem": "blocking",
    "sizes": ("4x3",),
    "instances": 2,
    "samples": 4,
    "width": 8,
    "hidden": 8,
    "layers": 1,
}


@pytest.mark.parametrize("variant", ["bws", "bns"])
def test_following_a_schedule_waits_where_it_waits(variant: str) -> None:
    kind = training_of("blocking", swap=variant == "bws")
    pool = [BlockingShop(generate(6, 5, seed=seed), variant) for seed in range(6)]  # type: ignore[arg-type]
    sizes = kind.problem.sizes(pool)
    found = [baseline(x, "sa:iterations=4000") for x in pool]
    rollout = Rollout(kind.problem, sizes, len(pool), 8)
    rollout.load(pool)
    rollout.replay(np.arange(len(pool)), [kind.demonstration(x, f.schedule, sizes) for x, f in zip(pool, found, strict=True)])
    for b, (instance, result) in enumerate(zip(pool, found, strict=True)):
        played = kind.schedule(instance, rollout.state, b)
        assert check(instance, played) == rollout.record.objective[b] == result.objective
    assert (rollout.record.length > sizes.runs_on).any()  # some waited


def test_training_by_imitation_then_ppo_resumes_as_if_unbroken(tmp_path: Path) -> None:
    def run(folder: str, steps: int, resume: bool = False) -> list[dict[str, float]]:
        words = {**TINY, "down_share": (0.0, 0.2), "steps": steps, "log_every": 1}
        trainer(tmp_path / folder, resume=resume, **words).run(lambda line: None)
        lines = [json.loads(text) for text in (tmp_path / folder / "log.jsonl").read_text().splitlines()]
        return [{k: v for k, v in line.items() if k not in ("seconds", "rate")} for line in lines]

    run("broken", 2)
    assert [x["validation"] for x in run("broken", 4, resume=True)][:2] == [x["validation"] for x in run("whole", 4)][:2]
    assert (tmp_path / "whole" / "policy.safetensors").exists()


def test_a_run_is_a_method_that_the_referee_accepts(tmp_path: Path) -> None:
    trainer(tmp_path / "run", **TINY, steps=1, swap=False).run(lambda line: None)
    for name in ("la01/bws", "la01/bns", "la01/bws/p0.2/t0"):
        instance = blocking_catalogue.load(name)
        for options in ("", ":x4", ":beam=2", *SEARCHED):
            result = solve(instance, f"policy@{tmp_path / 'run'}{options}")
            assert check(instance, result.schedule) == result.objective


def test_no_wait_shops_have_no_policy() -> None:
    with pytest.raises(InputError, match="no policy for no-wait"):
        solve(blocking_catalogue.load("la01/nwt"), "policy")


def test_an_impossible_down_share_is_refused() -> None:
    with pytest.raises(InputError, match=r"down share 1\.5"):
        training_of("blocking", down_share=(1.5,))


def test_a_wider_beam_of_the_shipped_policy_is_never_above_greedy() -> None:
    beams_are_never_above_greedy("blocking", "la01")
