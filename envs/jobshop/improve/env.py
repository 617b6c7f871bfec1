"""The Gymnasium environments of improvement."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispatchgym.envs.core.keywords import choose, is_whole
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.jobshop.env import GENERATOR, JobShopKeywords
from dispatchgym.envs.jobshop.improve.problem import MOST_MOVES, MOST_SLOTS, NEIGHBOURHOODS, STARTS, ImproveProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from dispatchgym.instances.json_fields import shown


class ImproveKeywords(JobShopKeywords):
    """Keywords `instance`, or the job shop generator's own with `pool` and `pool_seed`; and

    neighbourhood   `n6`, `n5` or `n7` (see neighbourhood.py)
    start           the dispatching rule of the first schedule: `fdd-mwkr`, `mwkr`, `mopnr`, `spt`, `lpt`
    moves           choices of an episode (200)
    slots           moves that are offered at most; those with the smallest estimates, if there are more
    """

    words = ("instance", *GENERATOR, "pool", "pool_seed", "neighbourhood", "start", "moves", "slots")

    def problem(self, words: dict[str, Any]) -> ImproveProblem:  # type: ignore[override]
        return ImproveProblem(
            neighbourhood=choose(words, "neighbourhood", NEIGHBOURHOODS),  # type: ignore[arg-type]
            start=choose(words, "start", STARTS),
            moves=_number(words, "moves", MOST_MOVES) or ImproveProblem.moves,
            slots=_number(words, "slots", MOST_SLOTS),
        )

    def schedule(self, instance: JobShop, state: Any, copy: int) -> Schedule:
        """The best schedule so far."""
        width = state.moved.shape[1] // state.next.shape[1]
        count = int((instance.duration > 0).sum())
        return semi_active(instance, [divmod(n, width) for n in on_host(state.best_order[copy, :count]).tolist()])


def semi_active(instance: JobShop, order: list[tuple[int, int]]) -> Schedule:
    """The schedule in which operations (job, index) of positive duration take their machines in this order, as early as possible.

    Operations of duration 0 start when their job is ready.
    """
    machine, duration = instance.machine.tolist(), instance.duration.tolist()
    length = instance.operations.tolist()
    start = np.full(instance.machine.shape, -1, np.int64)
    job_free, machine_free, done = instance.release.tolist(), [0] * instance.machines, [0] * instance.jobs

    def begin(j: int, k: int) -> None:
        for skipped in range(done[j], k):
            start[j, skipped] = job_free[j]
        done[j] = k + 1

    for j, k in order:
        begin(j, k)
        m = machine[j][k]
        start[j, k] = max(job_free[j], machine_free[m])
        job_free[j] = machine_free[m] = int(start[j, k]) + duration[j][k]
    for j in range(instance.jobs):
        begin(j, length[j])
    return Schedule(start)


def _number(words: dict[str, Any], name: str, most: int) -> int | None:
    """A whole number from 1 to `most`, None if it is not given."""
    if name not in words:
        return None
    value = words.pop(name)
    if not is_whole(value) or not 1 <= value <= most:
        raise InputError(f"{name}={shown(value)} is not a whole number between 1 and {most}")
    return int(value)
