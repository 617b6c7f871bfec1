"""Part 6: registers, local memory and occupancy of each kernel, as the driver says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu import games
from benchmarks.gpu.device import NeedsDevice, Plan
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.envs.core.cuda_launch import CUDA_BLOCK, simulated

THREADS = 2048  # that a multiprocessor of these cards can hold
HIDDEN = 8


def cases(tiny: bool) -> list[str]:
    return ["jobshop"] if tiny else list(games.GAMES)


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """A row for each kernel that a step and the episodes of a policy launch."""
    if simulated():
        raise NeedsDevice("registers are the driver's to give")
    env = games.make(case, True, 2, "cuda", output="torch")
    env.reset(seed=1)
    yield from rows(env.engine._launch)
    problem, pool = env.engine.problem, env.engine.pool
    rollout = Rollout(problem, problem.sizes(pool), 2, HIDDEN, "cuda")
    rollout.load(pool)
    rollout.play(Policy(PolicyConfig(problem.features, HIDDEN, 1, HIDDEN)).to("cuda"), np.zeros(2, int), np.arange(2))
    yield from rows({name: launch for name, launch in rollout._launch.items() if name in ("play", "recall")})


def rows(launches: Any) -> Iterator[dict[str, Any]]:
    for name, launch in launches.items():
        for compiled in launch.kernel.overloads.values():
            function = compiled._codelibrary.get_cufunc()
            row = {
                "kernel": name,
                "registers": compiled.regs_per_thread,
                "local bytes": compiled.local_mem_per_thread,
                "constant bytes": compiled.const_mem_size,
                "largest block": compiled.max_threads_per_block,
            }
            occupancy = getattr(function.kernel, "occupancy", None)
            if occupancy is not None:
                blocks = occupancy.max_active_blocks_per_multiprocessor(CUDA_BLOCK, 0)
                row |= {"blocks": blocks, "occupancy %": round(100.0 * blocks * CUDA_BLOCK / THREADS)}
            yield row
