"""The long form of the blocking shop's tests, for a change of its rules: `python -m tests.blocking.study [SHOPS] [EPISODES]`.

On SHOPS tiny random shops of each variant: the best schedule that the environment reaches = brute force over machine orders =
CP-SAT, and CP-SAT's schedule, replayed move by move, is never forbidden and ends at the same tick. Then
EPISODES random legal episodes of each variant, 6x6 to 15x15, that have to end. Exit status 1 if
anything differs.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

from dispatchgym.baselines.blocking.methods import solve
from dispatchgym.envs.blocking.layout import Clock, Job
from dispatchgym.envs.blocking.nowait.problem import NoWaitProblem
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.engine import Engine
from dispatchgym.instances.blocking.instance import BlockingShop
from dispatchgym.instances.jobshop.generate import generate
from tests.blocking.search import best_reachable
from tests.blocking.shops import brute_force, random_shop

SIZES = (((6, 6), 0.4), ((10, 5), 0.3), ((10, 10), 0.25), ((15, 10), 0.04), ((15, 15), 0.01))  # and their shares of the episodes


def problem_of(variant: str) -> Any:
    return NoWaitProblem() if variant == "nwt" else BlockingProblem(variant == "bws")


def replay(instance: BlockingShop, start: np.ndarray, makespan: int) -> bool:
    """Whether the moves of a schedule, made at their ticks, are legal in some order within each tick, and end at `makespan`."""
    problem = problem_of(instance.variant)
    engine = Engine(problem, [instance], 1, graph=False)
    return any(_replay(engine, instance, start, np.random.default_rng(attempt)) == makespan for attempt in range(400))


def _replay(engine: Engine, instance: BlockingShop, start: np.ndarray, rng: np.random.Generator) -> int:
    """The makespan of one attempt, with moves of a tick in random order; -1 if a move was forbidden."""
    engine.reset()
    record, jobs = engine.arrays[1], engine.sizes.actions - 1
    record.terminated[0] = 0
    while not record.terminated[0]:
        now, at = int(engine.state.clock[0, Clock.NOW]), engine.state.job[0, :, Job.AT].numpy()
        due = [j for j, n in enumerate(instance.shop.operations) if at[j] + 1 < n and start[j, at[j] + 1] <= now]
        possible = [j for j in due if record.legal[0, j]]
        action = int(rng.choice(possible)) if possible else jobs
        if not record.legal[0, action]:
            return -1
        engine.step(np.array([action]), autoreset=False)
    return int(record.final_objective[0])


def compare(variant: Any, shops: int, seed: int) -> int:
    """How many of `shops` random shops show any difference."""
    rng, wrong, began = np.random.default_rng(seed), 0, time.process_time()
    for n in range(shops):
        instance = random_shop(rng, variant, jobs=3, machines=3)
        truth = brute_force(instance)
        result = solve(instance, "cpsat:20s", seed=n)
        reached = best_reachable(problem_of(variant), instance)
        replayed = variant == "nwt" or replay(instance, result.schedule.start, truth)
        if not (truth == reached == result.objective and result.status == "optimal" and replayed):
            wrong += 1
            print(variant, n, truth, reached, result.objective, result.status, replayed, flush=True)
            print([x.tolist() for x in (instance.shop.machine, instance.shop.duration, instance.shop.release)], flush=True)
    print(f"{variant}: {shops} shops, {wrong} differ, {time.process_time() - began:.0f} CPU-s", flush=True)
    return wrong


def play(variant: Any, episodes: int, seed: int) -> int:
    """Random legal play; how many episodes did not end as they must."""
    wrong, rng = 0, np.random.default_rng(seed)
    for (jobs, machines), share in SIZES:
        count, began = max(8, int(episodes * share)), time.process_time()
        pool = [BlockingShop(generate(jobs, machines, seed=seed + i), variant) for i in range(64)]
        longest = max(int(x.shop.duration.sum()) for x in pool)
        engine = Engine(problem_of(variant), pool, min(count, 256), graph=False)
        engine.reset()
        record, done = engine.arrays[1], 0
        while done < count:
            legal = record.legal
            wrong += int((legal.sum(axis=1) == 0).sum())
            engine.step((legal * rng.random(legal.shape)).argmax(axis=1))
            over = record.terminated == 1
            done += int(over.sum())
            wrong += int((record.final_objective[over] > longest).sum()) + int(record.truncated.sum())
        print(f"{variant} {jobs}x{machines}: {done} episodes, {wrong} wrong, {time.process_time() - began:.0f} CPU-s", flush=True)
    return wrong


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]] + [2000, 100_000][len(sys.argv) - 1 :]
    found = sum(compare(variant, asked[0], 1) for variant in ("bws", "bns", "nwt"))
    found += sum(play(variant, asked[1], 1) for variant in ("bws", "bns"))
    sys.exit(found > 0)
