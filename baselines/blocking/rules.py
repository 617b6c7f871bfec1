"""Dispatching rules for blocking shops: which job moves first when several could; no job waits by choice.

They play the environment, whose mask forbids deadlocks and machines that are down.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import numpy as np

from dispatchgym.baselines.blocking import rules_kernel
from dispatchgym.baselines.blocking.methods import RULES
from dispatchgym.baselines.blocking.rules_kernel import Rule
from dispatchgym.baselines.result import Result
from dispatchgym.envs.blocking import rules as blocking_rules
from dispatchgym.envs.blocking.nowait import rules as nowait_rules
from dispatchgym.envs.blocking.nowait.problem import NoWaitProblem
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.targets import Launch, compile_entries
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop

NOISE = 0.25  # half-width of the factor on a score in randomised runs, as in the job shop
BATCH = 256  # copies at a time


def dispatch(instance: BlockingShop, rule: str, *, samples: int = 1, seed: int = 0) -> Result:
    """The best of `samples` schedules of `rule`, one of RULES.

    The first is the rule itself; in each further one every operation's score is multiplied by a random factor, uniform in
    [1 - NOISE, 1 + NOISE]. The rule "random" draws at every step. All samples of a shop with interruptions play the same
    trace, so "best of K" uses hindsight: compare it with single runs with care. Compiling is not counted in the seconds.
    """
    problem = problem_of(instance)
    launch = launcher(problem)
    warm(instance.variant)
    began = time.perf_counter()
    sizes = problem.sizes([instance])
    width = min(samples, BATCH)
    packed, state = problem.pack([instance], sizes), problem.state(sizes, width)
    base = RULES[rule].score(instance.shop).ravel()
    rng = np.random.default_rng(seed)
    best: tuple[int, Array] | None = None
    curve: list[tuple[float, int | None, int | None]] = []
    for low in range(0, samples, BATCH):
        factor = rng.uniform(1 - NOISE, 1 + NOISE, (width, sizes.tasks))
        factor[0] = 1.0 if low == 0 else factor[0]
        record = Rule(
            score=np.append(base, 0.0),
            factor=factor,
            arrival=RULES[rule].arrival,
            random=int(rule == "random"),
            seed=rng.integers(2**62, size=width),
            objective=np.zeros(width, np.int32),
            choices=np.zeros((width, sizes.actions), np.int64),
        )
        count = min(width, samples - low)
        launch(count, packed, state, record)
        copy = int(record.objective[:count].argmin())
        if best is None or record.objective[copy] < best[0]:
            best = int(record.objective[copy]), state.start[copy].astype(np.int64)
            curve.append((time.perf_counter() - began, best[0], None))
    assert best is not None
    notes: dict[str, Any] = {"builder": "non-delay", "samples": samples}
    return Result(best[0], BlockingSchedule(best[1]), "feasible", time.perf_counter() - began, curve=tuple(curve), notes=notes)


def problem_of(instance: BlockingShop) -> BlockingProblem | NoWaitProblem:
    """The environment's problem for a variant."""
    return NoWaitProblem() if instance.variant == "nwt" else BlockingProblem(instance.variant == "bws", outlook=False)


def launcher(problem: BlockingProblem | NoWaitProblem) -> Launch:
    """`rules_kernel.dispatch` on a problem."""
    own = nowait_rules if isinstance(problem, NoWaitProblem) else blocking_rules
    replace = ((rules_kernel.ready_at, own.ready_at),)
    return compile_entries((rules_kernel.dispatch,), "cpu", kernel=problem.kernel, replace=replace)["dispatch"]


@lru_cache(maxsize=3)
def warm(variant: str) -> None:
    """Compile, or load from the cache, what `dispatch` launches."""
    from dispatchgym.instances.jobshop.instance import JobShop

    shop = BlockingShop(JobShop(np.zeros((1, 1), np.int32), np.ones((1, 1), np.int32)), variant)  # type: ignore[arg-type]
    problem = problem_of(shop)
    sizes = problem.sizes([shop])
    scratch = np.zeros((1, sizes.actions), np.int64)
    record = Rule(np.zeros(2), np.ones((1, 2)), 0.0, 0, np.zeros(1, np.int64), np.zeros(1, np.int32), scratch)
    launch = launcher(problem)
    launch(1, problem.pack([shop], sizes), problem.state(sizes, 1), record)
