"""Dispatching rules for blocking shops: who moves first when several jobs could; nobody waits by choice.

They play the environment, because what they may do is the environment's mask (no deadlock, no machine that is down).
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.baselines.blocking.methods import RULES
from dispatchgym.baselines.result import Result
from dispatchgym.envs.blocking.nowait.problem import NoWaitProblem
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.targets import compile_kernels, kernel_files
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop

KERNEL = Path(__file__).with_name("rules_kernel.py")
NOISE = 0.25  # half-width of the factor on a score in randomised runs, as in the job shop
BATCH = 256  # copies at a time


class Rule(NamedTuple):
    """What `rules_kernel.dispatch` needs; one row a copy where there is a B."""

    score: Array  # (J * K + 1,) float64
    factor: Array  # (B, J * K + 1) float64
    arrival: float
    random: int
    seed: Array  # (B,) int64
    objective: Array  # (B,) int32
    choices: Array  # (B, J + 1) int64 scratch


def dispatch(instance: BlockingShop, rule: str, *, samples: int = 1, seed: int = 0) -> Result:
    """The best of `samples` schedules of `rule`, one of RULES.

    The first is the rule itself; in each further one every operation's score is multiplied by a random factor, uniform in
    [1 - NOISE, 1 + NOISE]. The rule "random" draws at every step. With a trace of interruptions every sample meets the same one:
    "best of K" then needs K days that begin alike, so compare it with single runs with care.
    Compiling is not counted in the seconds.
    """
    problem = problem_of(instance)
    launch = compile_kernels(kernel_files(problem.kernel, [KERNEL]), ("dispatch",), "cpu")["dispatch"]
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


@lru_cache(maxsize=3)
def warm(variant: str) -> None:
    """Compile, or load from the cache, what `dispatch` launches."""
    from dispatchgym.instances.jobshop.instance import JobShop

    shop = BlockingShop(JobShop(np.zeros((1, 1), np.int32), np.ones((1, 1), np.int32)), variant)  # type: ignore[arg-type]
    problem = problem_of(shop)
    sizes = problem.sizes([shop])
    scratch = np.zeros((1, sizes.actions), np.int64)
    record = Rule(np.zeros(2), np.ones((1, 2)), 0.0, 0, np.zeros(1, np.int64), np.zeros(1, np.int32), scratch)
    launch = compile_kernels(kernel_files(problem.kernel, [KERNEL]), ("dispatch",), "cpu")["dispatch"]
    launch(1, problem.pack([shop], sizes), problem.state(sizes, 1), record)
