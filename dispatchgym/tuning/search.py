"""Trains with many settings in a Ray cluster and stops the worse ones early: Ray Tune with ASHA (Li et al., MLSys 2020).

Ray decides what runs where, and what stops. The settings are drawn here and every gap is noted in the folder of the tuning, so
a tuning goes on by these files alone, none of which Ray writes.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dispatchgym.evaluation.cluster import connect
from dispatchgym.instances.errors import InputError
from dispatchgym.tuning.budget import REDUCTION, RUNGS
from dispatchgym.tuning.space import Settings
from dispatchgym.tuning.trial import Plan, noted, rungs

RESTARTS = 2  # of a training whose worker dies


@dataclass
class Trial:
    """Settings and what came of them."""

    number: int
    settings: Settings
    gaps: dict[int, list[float]] = field(default_factory=dict)  # rung, in ninths of the budget -> gap of each seed

    @property
    def finished(self) -> bool:
        return RUNGS[-1] in self.gaps

    @property
    def gap(self) -> float:
        """The mean at the last rung that was reached."""
        last = self.gaps[max(self.gaps)]
        return sum(last) / len(last)


class Told(Protocol):
    """Who is told how the search goes."""

    def reached(self, trial: Trial) -> None:
        """A trial has reached a rung."""

    def ended(self) -> None:
        """A trial is finished or stopped."""


class Cluster:
    """Trainings in the Ray cluster at `address`, so many at a time, each on one core. Needs Ray Tune."""

    def __init__(self, address: str, workers: int) -> None:
        os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # the command has its own
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # it would show an error of a worker with its whole trace
        connect(address, cores=1, processes=workers)
        self.workers = workers

    def close(self) -> None:
        """End the trainings, and a cluster that was started for them."""
        import ray

        ray.shutdown()

    def search(self, plan: Plan, candidates: Sequence[Settings], seeds: Sequence[int], told: Told) -> list[Trial]:
        """Every candidate, trained with all seeds for as long as it is among the better ones. Raises InputError if one fails."""
        from ray import tune
        from ray.tune.schedulers import ASHAScheduler

        from dispatchgym.tuning.listener import Listener

        found = [Trial(number, settings) for number, settings in enumerate(candidates)]
        asha = ASHAScheduler(time_attr="rung", max_t=RUNGS[-1], grace_period=RUNGS[0], reduction_factor=REDUCTION)
        with tempfile.TemporaryDirectory() as logs:
            tuner = tune.Tuner(
                tune.with_resources(tune.with_parameters(_trial, plan=plan, candidates=candidates, seeds=seeds), {"cpu": 1}),
                param_space={"number": tune.grid_search(list(range(len(candidates))))},
                tune_config=tune.TuneConfig(metric="gap", mode="min", scheduler=asha, max_concurrent_trials=self.workers),
                run_config=tune.RunConfig(
                    storage_path=logs,
                    verbose=0,
                    callbacks=[Listener(found, told)],
                    failure_config=tune.FailureConfig(max_failures=RESTARTS),
                ),
            )
            results = tuner.fit()
        for error in results.errors:
            raise InputError(f"a training of the tuning failed: {_reason(error)}")
        return found

    def test(self, plan: Plan, trials: Sequence[Trial], seeds: Sequence[int], told: Callable[[], None]) -> list[list[float]]:
        """The gap of each trial's settings, with each seed, after the whole budget, on the test instances."""
        import ray

        remote = ray.remote(num_cpus=1, max_retries=RESTARTS)(_tested)
        asked = {
            remote.remote(plan, x.number, x.settings, seed): (i, j) for i, x in enumerate(trials) for j, seed in enumerate(seeds)
        }
        gaps = [[0.0] * len(seeds) for _ in trials]
        waiting = list(asked)
        while waiting:
            (done, *_), waiting = ray.wait(waiting)
            i, j = asked[done]
            try:
                gaps[i][j] = ray.get(done)
            except ray.exceptions.RayError as error:
                raise InputError(f"a training of the test failed: {_reason(error)}") from None
            told()
        return gaps


def _reason(error: Any) -> str:
    """The last line of what Ray tells of an error in a worker, which is the error itself."""
    return str(error).strip().rpartition("\n")[2][:300]


def _trial(config: dict[str, Any], plan: Plan, candidates: Sequence[Settings], seeds: Sequence[int]) -> None:
    """What Ray Tune runs in a worker."""
    from ray import tune

    number = config["number"]
    for rung, gaps in rungs(plan, number, candidates[number], seeds):
        tune.report({"gap": sum(gaps) / len(gaps), "rung": rung, "gaps": gaps, "number": number})


def _tested(plan: Plan, number: int, settings: Settings, seed: int) -> float:
    note = plan.out / "test" / f"{number}-seed-{seed}" / "gap.json"
    return noted(note, plan, settings, seed, 1.0, "test")
