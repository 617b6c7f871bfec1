"""How many plans of a program the compiled simulator of memory mapping evaluates in a CPU-second."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from benchmarks import plan_kernel
from benchmarks.timing import best_rate
from dispatchgym.baselines.memory.map.methods import SPREAD, by_priority
from dispatchgym.baselines.memory.map.order_player import Player
from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.targets import Launch, compile_entries
from dispatchgym.envs.memory.map.check import check as check_program
from dispatchgym.envs.memory.map.problem import MapProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram

COPIES = 64  # different plans, evaluated in turn


class Record(NamedTuple):
    """What `plan_kernel.evaluate_plan` needs, one row a plan."""

    stays: Array  # (B,) int64
    stay: Array  # (B, S, 6) int64 as in MemoryPlan
    objective: Array  # (B,) int64 outcome: latency in ticks


class Speed(NamedTuple):
    """Of one program."""

    name: str
    instructions: int
    accesses: int
    stays: float  # of a plan, mean
    plans: float  # evaluated in a CPU-second: every stay is written, then the plan is simulated
    allocations: float  # whole orders in a CPU-second: each storage allocated, and the plan simulated after it


def measure(program: MemoryProgram, seconds: float, repeats: int, seed: int = 0) -> Speed:
    """Speed on plans that the allocator makes of noisy priorities; InputError if the simulator and the referee differ on one."""
    player, rng = Player(program, COPIES), np.random.default_rng(seed)
    factors = np.exp(rng.normal(0.0, SPREAD, (COPIES, program.buffers)))
    orders = np.stack([by_priority(player, factor) for factor in factors])
    told = player.evaluate(orders)
    plans = [player.plan(copy) for copy in range(COPIES)]
    launch, record, problem = compiled(), recorded(plans), MapProblem("order")
    sizes = problem.sizes([program])
    packed, state = problem.pack([program], sizes), problem.state(sizes, COPIES)

    def evaluate() -> int:
        launch(COPIES, packed, state, record)
        return COPIES

    def allocate() -> int:
        player.evaluate(orders)
        return COPIES

    evaluate()
    for n, plan in enumerate(plans):
        found = {int(record.objective[n]), int(told[n]), check_program(program, plan)}
        if len(found) > 1:
            raise InputError(f"{program.name}: a plan takes {' or '.join(map(str, sorted(found)))} ticks")
    stays = float(record.stays.mean())
    rates = best_rate(evaluate, seconds, repeats), best_rate(allocate, seconds, repeats)
    return Speed(program.name, program.instructions, len(program.access), stays, *rates)


def recorded(plans: Sequence[MemoryPlan]) -> Record:
    most = max(len(plan.stay) for plan in plans)
    stay = np.full((len(plans), max(most, 1), 6), -1, np.int64)
    for row, plan in zip(stay, plans, strict=True):
        row[: len(plan.stay)] = plan.stay
    count = np.array([len(plan.stay) for plan in plans], np.int64)
    return Record(count, stay, np.zeros(len(plans), np.int64))


@lru_cache(maxsize=1)
def compiled() -> Launch:
    """`plan_kernel.evaluate_plan`, compiled or loaded from the cache."""
    return compile_entries((plan_kernel.evaluate_plan,), "cpu")["evaluate_plan"]
