"""Blocking job shops, as the agent sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dispatchgym.agents.jobshop import draw_job_shops
from dispatchgym.agents.records import Demonstration
from dispatchgym.agents.training import Agent, Training, starts_only
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions, interrupt
from dispatchgym.instances.errors import InputError


def training(swap: bool = True, down_share: Sequence[float] = ()) -> Training:
    """Blocking shops of one variant; every training batch has one of the shares `down_share`."""
    laws = [Interruptions(share) for share in down_share or (0.0,)]
    problem = BlockingProblem(swap, outlook=True)

    def draw(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[BlockingShop]:
        law = laws[int(rng.integers(len(laws)))]
        shops = [BlockingShop(x, problem.variant) for x in draw_job_shops(rng, count, sizes, hard)]
        return [interrupt(x, law, int(rng.integers(2**62))) for x in shops]

    return Training(
        name="blocking",
        problem=problem,
        gymnasium_id="dispatchgym:dispatchgym/BlockingJobShop-v0",
        draw=draw,
        schedule=schedule_of,
        demonstration=demonstration,
        default_sizes=("6x6", "10x5", "15x5", "10x10", "10x10", "15x10", "20x5", "20x10", "15x15"),
        pretrained=f"blocking-{problem.variant}" + ("-interrupted" if swap and max(law.down_share for law in laws) > 0 else ""),
        run_name="blocking" if swap else "blocking-bns",
        keywords={"swap": swap, "outlook": True},
        options={"swap": swap, "down_shares": tuple(down_share)},
    )


def schedule_of(instance: BlockingShop, state: Any, copy: int) -> BlockingSchedule:
    shape = instance.shop.machine.shape
    return BlockingSchedule(state.start[copy, : shape[0], : shape[1]].cpu().numpy().astype(np.int64))


def demonstration(instance: BlockingShop, schedule: BlockingSchedule, sizes: Sizes) -> Demonstration:
    jobs = sizes.actions - 1
    start = np.zeros((jobs, (sizes.tasks - 1) // jobs), np.int64)
    start[: instance.shop.jobs, : schedule.start.shape[1]] = schedule.start
    return starts_only(np.append(start.ravel(), -1))


def of_instance(instance: BlockingShop) -> Training:
    if instance.variant == "nwt":
        raise InputError(f"{instance.name}: there is no policy for no-wait shops")
    return training(swap=instance.variant == "bws", down_share=(instance.interruptions.down_share,))


AGENT = Agent(training=training, of_instance=of_instance)
