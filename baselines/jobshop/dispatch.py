"""Builds schedules by dispatching: one operation at a time, started as early as its job and machine allow."""

from __future__ import annotations

import time
from functools import lru_cache

import numpy as np

from dispatchgym.baselines.compiled import compiled
from dispatchgym.baselines.jobshop.rules import RULES
from dispatchgym.baselines.result import Result
from dispatchgym.instances.jobshop.instance import JobShop, Schedule

# Which next operations compete at each step.
BUILDERS: dict[str, int] = {
    "non-delay": 0,  # those with the earliest start of all: no machine idles while it has work
    "active": 1,  # the conflict set of Giffler & Thompson, Operations Research 8 (1960)
    "semi-active": 2,  # all of them
}
NOISE = 0.25  # half-width of the factor on a score in randomised runs: the flat optimum on generated shops 15x15 to 30x20


@compiled(allocates=True)
def build(machine, duration, release, machines, builder, score, factor, arrival, earliest, luck, epsilon, start):  # type: ignore[no-untyped-def]
    """Fill `start` (J, K) and return the makespan.

    The choice with the smallest factor * (score + arrival * ready tick + earliest * start tick) is made; but at steps
    where `luck` (one number in [0, 1) a step) is below `epsilon`, every choice has the same probability.
    """
    jobs, width = machine.shape
    following = np.zeros(jobs, np.int64)
    job_free = release.astype(np.int64)
    machine_free = np.zeros(machines, np.int64)
    begin = np.zeros(jobs, np.int64)
    contenders = np.empty(jobs, np.int64)
    makespan = 0
    start[:] = -1
    for step in range(np.sum(machine >= 0)):
        first_start = first_end = 2**62
        leader = -1
        for j in range(jobs):
            k = following[j]
            if k == width or machine[j, k] < 0:
                begin[j] = -1
                continue
            begin[j] = max(job_free[j], machine_free[machine[j, k]])
            first_start = min(first_start, begin[j])
            if begin[j] + duration[j, k] < first_end:
                first_end = begin[j] + duration[j, k]
                leader = j
        bottleneck = machine[leader, following[leader]]
        chosen = -1
        choices = 0
        best = np.inf
        for j in range(jobs):
            if begin[j] < 0:
                continue
            k = following[j]
            if builder == 0 and begin[j] != first_start:
                continue
            if builder == 1 and j != leader and (machine[j, k] != bottleneck or begin[j] >= first_end):
                continue
            value = factor[j, k] * (score[j, k] + arrival * job_free[j] + earliest * begin[j])
            contenders[choices] = j
            choices += 1
            if value < best:
                best = value
                chosen = j
        if luck[step] < epsilon:
            chosen = contenders[int(luck[step] / epsilon * choices)]
        k = following[chosen]
        start[chosen, k] = begin[chosen]
        end = begin[chosen] + duration[chosen, k]
        job_free[chosen] = machine_free[machine[chosen, k]] = end
        following[chosen] = k + 1
        makespan = max(makespan, end)
    return makespan


@lru_cache(maxsize=1)
def load() -> None:
    """Compile `build`, or load it from numba's cache."""
    one, number = np.zeros((1, 1), np.int32), np.zeros((1, 1))
    one.flags.writeable = False  # like the arrays of an instance; numba has another type for read-only arrays
    build(one, one, one[0], 1, 0, number, number, 0.0, 0.0, number[0], 0.0, np.zeros((1, 1), np.int64))


def dispatch(instance: JobShop, rule: str, *, samples: int = 1, builder: str = "non-delay", seed: int = 0) -> Result:
    """The best of `samples` schedules of `rule`, one of RULES, with `builder`, one of BUILDERS.

    The first schedule follows the rule itself. In each further one, the score of every operation is multiplied by a random
    factor, uniform in [1 - NOISE, 1 + NOISE]. The rule "random" draws a choice at every step of every schedule. The seconds do
    not include compilation.
    """
    load()
    began = time.perf_counter()
    score, arrival, earliest, _ = RULES[rule]
    base = score(instance)
    factor = np.ones(base.shape)
    epsilon = 1.0 if rule == "random" else 0.0
    luck = np.zeros(int(instance.operations.sum()))
    rng = np.random.default_rng(seed)
    start = np.empty(base.shape, np.int64)
    objective: int | None = None
    best = start
    curve: list[tuple[float, int | None, int | None]] = []
    for sample in range(samples):
        if epsilon:
            luck = rng.random(luck.size)
        elif sample:
            factor = rng.uniform(1 - NOISE, 1 + NOISE, base.shape)
        makespan = int(
            build(
                instance.machine, instance.duration, instance.release, instance.machines,
                BUILDERS[builder], base, factor, arrival, earliest, luck, epsilon, start,
            )
        )  # fmt: skip
        if objective is None or makespan < objective:
            objective, best = makespan, start.copy()
            curve.append((time.perf_counter() - began, objective, None))
    notes = {"builder": builder, "samples": samples}
    return Result(objective, Schedule(best), "feasible", time.perf_counter() - began, curve=tuple(curve), notes=notes)
