"""What the agent needs to know of each family: its problem, training instances, and how a copy's state is a schedule."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.agents.rollout import Goal
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.contract import Problem, Sizes
from dispatchgym.envs.jobshop.problem import JobShopProblem
from dispatchgym.envs.soc.env import StaticFamily, StreamFamily
from dispatchgym.envs.soc.problem import NEVER, SocProblem, SocSizes
from dispatchgym.instances import soc_catalogue
from dispatchgym.instances.blocking import BlockingSchedule, BlockingShop, Interruptions, interrupt
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import JobShop, Schedule
from dispatchgym.instances.jobshop_generate import generate_arrays
from dispatchgym.instances.soc import (
    StaticDag,
    StaticSchedule,
    Stream,
    StreamLog,
    Workload,
    lower_bound,
    on_platform,
    stream,
    topological,
)
from dispatchgym.instances.soc_generate import topcuoglu


@dataclass(frozen=True)
class Family:
    """One problem as the trainer and the policy methods see it."""

    name: str
    problem: Problem
    gymnasium_id: str
    draw: Callable[[np.random.Generator, int, Sequence[str], float], list[Any]]  # (rng, count, sizes, hard share)
    schedule: Callable[[Any, Any, int], Any]  # (instance, state tensors, copy) -> the family's schedule
    goal: Callable[[Any, Any, Sizes], Goal]  # (instance, schedule, sizes) -> when and where each deed is done
    default_sizes: tuple[str, ...]
    pretrained: str  # folder of the shipped policy in agents/pretrained
    words: dict[str, Any] = field(default_factory=dict)  # keywords of the environment that make it this problem


def parse_size(text: str) -> tuple[int, int]:
    """`15x10` as (15, 10); InputError otherwise."""
    jobs, cross, machines = text.partition("x")
    if not (cross and jobs.isdigit() and machines.isdigit() and int(jobs) > 0 and int(machines) > 0):
        raise InputError(f"size {text!r} is not of the form JOBSxMACHINES, such as 15x10")
    return int(jobs), int(machines)


def draw_job_shops(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[JobShop]:
    """`count` instances of one size out of `sizes`; with probability `hard` they have two-set routing and U[1, 200]."""
    jobs, machines = parse_size(sizes[int(rng.integers(len(sizes)))])
    two_set = machines > 1 and rng.random() < hard
    duration = (1, 200) if two_set else (1, 99)
    machine, ticks = generate_arrays(rng, count, jobs, machines, duration, "two-set" if two_set else "uniform")
    return [JobShop(m, d, machines) for m, d in zip(machine, ticks, strict=True)]


def job_shop_schedule(instance: JobShop, state: Any, copy: int) -> Schedule:
    return Schedule(state.start[copy, : instance.jobs, : instance.machine.shape[1]].cpu().numpy().astype(np.int64))


def anywhere(start: npt.NDArray[np.int64]) -> Goal:
    """A goal whose deeds are done at these ticks; which resource does them is no choice."""
    return Goal(start, np.full_like(start, -1))


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
    problem = BlockingProblem(swap)

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
        words={"swap": swap},
    )


def blocking_schedule(instance: BlockingShop, state: Any, copy: int) -> BlockingSchedule:
    shape = instance.shop.machine.shape
    return BlockingSchedule(state.start[copy, : shape[0], : shape[1]].cpu().numpy().astype(np.int64))


def blocking_goal(instance: BlockingShop, schedule: BlockingSchedule, sizes: Sizes) -> Goal:
    jobs = sizes.actions - 1
    goal = np.zeros((jobs, (sizes.tasks - 1) // jobs), np.int64)
    goal[: instance.shop.jobs, : schedule.start.shape[1]] = schedule.start
    return anywhere(np.append(goal.ravel(), -1))


def soc_goal(instance: Stream | StaticDag, schedule: StreamLog | StaticSchedule, sizes: Sizes) -> Goal:
    assert isinstance(sizes, SocSizes)
    start = np.full((sizes.jobs, sizes.width), NEVER, np.int64)
    place = np.full((sizes.jobs, sizes.width), -1, np.int64)
    if isinstance(instance, StaticDag):
        assert isinstance(schedule, StaticSchedule)
        schedule = left_shifted(instance, schedule)
    begun, on = np.atleast_2d(schedule.start), np.atleast_2d(schedule.pe)
    rows, columns = begun.shape
    start[:rows, :columns] = np.where(begun >= 0, begun, NEVER)
    place[:rows, :columns] = on
    return Goal(np.append(start.ravel(), -1), np.append(place.ravel(), -1))


def left_shifted(dag: StaticDag, schedule: StaticSchedule) -> StaticSchedule:
    """The same orders on the same PEs, every task as early as they allow: choices are made only when something happens."""
    start, pe = schedule.start.copy(), schedule.pe
    run = dag.duration[np.arange(len(pe)), pe]
    into: list[list[tuple[int, int]]] = [[] for _ in pe]
    for e, (a, b, _) in enumerate(dag.edges.tolist()):
        into[b].append((e, a))
    rank = np.argsort(topological(len(pe), dag.edges))
    free = np.zeros(dag.pes, np.int64)
    for t in np.lexsort((rank, schedule.start + run, schedule.start)).tolist():
        data = [start[a] + run[a] + dag.transfer[e, pe[a], pe[t]] for e, a in into[t]]
        start[t] = max([free[pe[t]], *data])
        free[pe[t]] = start[t] + run[t]
    return StaticSchedule(pe, start)


def chain_of(load: Workload) -> float:
    """Mean of the applications' longest chains of fastest executions."""
    return float(np.mean([lower_bound(on_platform(a, load.platform)) for a in load.applications]))


def streams(preset: str) -> Family:
    """Streams of a preset's workload: its gaps, caps and noise vary, so that one policy serves them all."""
    base = soc_catalogue.workload(preset)
    # Short episodes tell sooner which decisions were good.
    horizon = min(base.horizon, int(12 * chain_of(base) + 6 * base.scale))

    def draw(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[Stream]:
        load = dataclasses.replace(
            base,
            scale=base.scale * float(rng.choice((1.0, 1.0, 2.0, 4.0))),
            cap=base.cap + int(rng.choice((0, 0, 1, 2))),
            noise=float(rng.choice((0.0, 0.0, 0.3))),
            horizon=horizon,
            warmup=0,
        )
        return [stream(load, tuple(rng.integers(2**31, size=4).tolist())) for _ in range(count)]

    return Family(
        name="soc",
        problem=SocProblem("start", "flow"),
        gymnasium_id="dispatchgym:dispatchgym/SoC-v0",
        draw=draw,
        schedule=StreamFamily().schedule,
        goal=soc_goal,
        default_sizes=("1x1",),
        pretrained=f"soc-{preset}",
        words={"instance": preset},
    )


def draw_graphs(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[StaticDag]:
    """Topcuoglu's random graphs of one size TASKSxPES with all their other parameters drawn; `hard`: share with costly data."""
    tasks, pes = parse_size(sizes[int(rng.integers(len(sizes)))])
    found = []
    for _ in range(count):
        ccr = float(rng.choice((5.0, 10.0) if rng.random() < hard else (0.1, 0.5, 1.0, 2.0)))
        alpha, beta = float(rng.choice((0.5, 1.0, 2.0))), float(rng.choice((0.1, 0.25, 0.5, 0.75, 1.0)))
        degree = int(rng.integers(1, 6))
        found.append(topcuoglu(rng, tasks, ccr=ccr, alpha=alpha, out_degree=degree, beta=beta, pes=pes))
    return found


STATIC_DAG = Family(
    name="static-dag",
    problem=SocProblem("start"),
    gymnasium_id="dispatchgym:dispatchgym/StaticDag-v0",
    draw=draw_graphs,
    schedule=StaticFamily().schedule,
    goal=soc_goal,
    default_sizes=("20x8", "40x8", "60x8", "40x4", "30x3"),
    pretrained="static-dag",
)


NAMES = ("jobshop", "blocking", "soc", "static-dag")


def family(name: str, *, swap: bool = True, down_shares: Sequence[float] = (), preset: str = "gym-ds3-5") -> Family:
    """The family of that name; `swap` and `down_shares` are the blocking shop's, `preset` is that of streams on a chip.

    Raises InputError for what does not exist.
    """
    if name == "blocking":
        return blocking(swap, down_shares)
    if name not in NAMES:
        raise InputError(f"unknown problem {name!r}; choose from {', '.join(NAMES)}")
    if not swap or down_shares:
        raise InputError(f"swaps and interruptions belong to the blocking shop, not to {name}")
    return {"jobshop": lambda: JOB_SHOP, "soc": lambda: streams(preset), "static-dag": lambda: STATIC_DAG}[name]()
