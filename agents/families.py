"""The families that can be trained, by name; the job shop and the blocking job shop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dispatchgym.agents.memory import MEMORY_PACK, memory_map
from dispatchgym.agents.rollout import Goal
from dispatchgym.agents.soc import STATIC_DAG, streams
from dispatchgym.agents.training import Family, anywhere, parse_pair
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.jobshop.problem import JobShopProblem
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions, interrupt
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate_arrays
from dispatchgym.instances.jobshop.instance import JobShop, Schedule


def draw_job_shops(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[JobShop]:
    """`count` instances of one size out of `sizes`; with probability `hard` they have two-set routing and U[1, 200]."""
    jobs, machines = parse_pair(sizes[int(rng.integers(len(sizes)))])
    two_set = machines > 1 and rng.random() < hard
    duration = (1, 200) if two_set else (1, 99)
    machine, ticks = generate_arrays(rng, count, jobs, machines, duration, "two-set" if two_set else "uniform")
    return [JobShop(m, d, machines) for m, d in zip(machine, ticks, strict=True)]


def job_shop_schedule(instance: JobShop, state: Any, copy: int) -> Schedule:
    return Schedule(state.start[copy, : instance.jobs, : instance.machine.shape[1]].cpu().numpy().astype(np.int64))


def job_shop_goal(instance: JobShop, schedule: Schedule, sizes: Sizes) -> Goal:
    width = sizes.tasks // sizes.actions
    goal = np.zeros((sizes.actions, width), np.int64)
    goal[: instance.jobs, : schedule.start.shape[1]] = schedule.start
    return anywhere(goal.ravel())


JOB_SHOP = Family(
    name="jobshop",
    problem=JobShopProblem(),
    gymnasium_id="dispatchgym:dispatchgym/JobShop-v0",
    draw=draw_job_shops,
    schedule=job_shop_schedule,
    goal=job_shop_goal,
    default_sizes=("6x6", "8x8", "10x10", "10x10", "15x10", "15x10", "15x15", "20x10", "20x15"),
    pretrained="jobshop",
)


def blocking(swap: bool, down_shares: Sequence[float]) -> Family:
    """Blocking shops of one variant; every training batch has one of the `down_shares`."""
    laws = [Interruptions(share) for share in down_shares or (0.0,)]
    problem = BlockingProblem(swap, outlook=True)

    def draw(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[BlockingShop]:
        law = laws[int(rng.integers(len(laws)))]
        shops = [BlockingShop(x, problem.variant) for x in draw_job_shops(rng, count, sizes, hard)]
        return [interrupt(x, law, int(rng.integers(2**62))) for x in shops]

    return Family(
        name="blocking",
        problem=problem,
        gymnasium_id="dispatchgym:dispatchgym/BlockingJobShop-v0",
        draw=draw,
        schedule=blocking_schedule,
        goal=blocking_goal,
        default_sizes=("6x6", "10x5", "15x5", "10x10", "10x10", "15x10", "20x5", "20x10", "15x15"),
        pretrained=f"blocking-{problem.variant}" + ("-interrupted" if swap and max(law.down_share for law in laws) > 0 else ""),
        words={"swap": swap, "outlook": True},
    )


def blocking_schedule(instance: BlockingShop, state: Any, copy: int) -> BlockingSchedule:
    shape = instance.shop.machine.shape
    return BlockingSchedule(state.start[copy, : shape[0], : shape[1]].cpu().numpy().astype(np.int64))


def blocking_goal(instance: BlockingShop, schedule: BlockingSchedule, sizes: Sizes) -> Goal:
    jobs = sizes.actions - 1
    goal = np.zeros((jobs, (sizes.tasks - 1) // jobs), np.int64)
    goal[: instance.shop.jobs, : schedule.start.shape[1]] = schedule.start
    return anywhere(np.append(goal.ravel(), -1))


NAMES = ("jobshop", "blocking", "soc", "static-dag", "memory-pack", "memory-map")


STREAMS = "gym-ds3-5"  # the preset that streams are drawn from if none is named


def family(
    name: str, *, swap: bool = True, down_shares: Sequence[float] = (), preset: str = STREAMS, actions: str = "map"
) -> Family:
    """The family of that name; `swap` and `down_shares` are the blocking shop's, `preset` is that of streams on a chip, and
    `actions` are those of memory mapping.

    Raises InputError for what does not exist, and for an option of another family.
    """
    if name not in NAMES:
        raise InputError(f"unknown problem {name!r}; choose from {', '.join(NAMES)}")
    for owner, what, given in (
        ("blocking", "swaps and interruptions belong", not swap or bool(down_shares)),
        ("soc", f"a preset ({preset}) belongs", preset != STREAMS),
        ("memory-map", f"other actions ({actions}) belong", actions != "map"),
    ):
        if given and name != owner:
            raise InputError(f"{what} to {owner}, not to {name}")
    made: dict[str, Callable[[], Family]] = {
        "jobshop": lambda: JOB_SHOP,
        "blocking": lambda: blocking(swap, down_shares),
        "soc": lambda: streams(preset),
        "static-dag": lambda: STATIC_DAG,
        "memory-pack": lambda: MEMORY_PACK,
        "memory-map": lambda: memory_map(actions),  # type: ignore[arg-type]  # checked by the problem
    }
    return made[name]()
