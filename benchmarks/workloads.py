"""What is measured: random legal play through every way into an environment, and policies that play whole episodes.

Choosing the random actions is not timed. Copies are first scattered over all stages of an episode, so that a short
measurement sees the same mix of states as a long one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.vector import VectorEnv

from benchmarks import random_kernel
from benchmarks.timing import best_rate, best_window
from dispatchgym.agents.network import Policy
from dispatchgym.agents.rollout import Rollout
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.targets import Launch, compile_entries
from dispatchgym.envs.jobshop.problem import JobShopProblem
from dispatchgym.instances.cpmodel import catalogue as models
from dispatchgym.instances.cpmodel.generate import project, sd1
from dispatchgym.instances.cpmodel.instance import CPInstance
from dispatchgym.instances.jobshop.generate import generate_arrays
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.memory.generate import guillotine, layered
from dispatchgym.instances.memory.instance import MemoryProgram, Packing
from dispatchgym.instances.soc.catalogue import workload
from dispatchgym.instances.soc.generate import topcuoglu
from dispatchgym.instances.soc.instance import StaticDag, Stream, stream

PROBLEM = JobShopProblem()
LONGEST = 10_000  # microseconds of a stream
SCATTERED = 32  # copies played into different stages of an episode; larger batches repeat them


class Shop(NamedTuple):
    """An environment: its id, keywords beside the instances and the observation, and whether its last action is to wait.

    Such a wait is no operation, and drawn once in 32 times where there is a choice (`venture` of random_kernel.py).
    """

    id: str
    words: Mapping[str, Any] = {}
    waits: bool = False


JOBSHOP = Shop("dispatchgym:dispatchgym/JobShop-v0")
BLOCKING_ID = "dispatchgym:dispatchgym/BlockingJobShop-v0"
BLOCKING = {
    "bws": Shop(BLOCKING_ID),
    "bns": Shop(BLOCKING_ID, {"swap": False}),
    "bws, 10% down": Shop(BLOCKING_ID, {"interruptions": 0.1, "traces": 1}),
    "bws, outlook": Shop(BLOCKING_ID, {"outlook": True}),
}
STREAMS = {mode: Shop("dispatchgym:dispatchgym/SoC-v0", {"mode": mode}, mode == "start") for mode in ("start", "assign")}
GRAPHS = {mode: Shop("dispatchgym:dispatchgym/StaticDag-v0", {"mode": mode}, mode == "start") for mode in ("start", "assign")}

PACKINGS = {"height": Shop("dispatchgym:dispatchgym/MemoryPack-v0")}
PROGRAMS = {kind: Shop("dispatchgym:dispatchgym/MemoryMap-v0", {"actions": kind}) for kind in ("map", "order")}
FLEXIBLE = {"serial": Shop("dispatchgym:dispatchgym/FlexibleJobShop-v0")}
PROJECTS = {
    kind: Shop("dispatchgym:dispatchgym/CPModel-v0", {"actions": kind}, kind == "parallel") for kind in ("serial", "parallel")
}


def draw_pool(jobs: int, machines: int, seed: int) -> list[JobShop]:
    """Random instances of one size, fewer if they are large."""
    count = max(4, min(64, 6400 // (jobs * machines)))
    routes, ticks = generate_arrays(np.random.default_rng(seed), count, jobs, machines)
    return [JobShop(m, d, machines) for m, d in zip(routes, ticks, strict=True)]


def draw_streams(preset: str, seed: int) -> list[Stream]:
    """The first LONGEST microseconds of a workload, four times."""
    load = workload(preset)
    load = replace(load, horizon=min(load.horizon, LONGEST), warmup=0)
    return [stream(load, (seed, n)) for n in range(4)]


def draw_graphs(tasks: int, pes: int, seed: int) -> list[StaticDag]:
    """Random static graphs of one size (Topcuoglu et al. 2002)."""
    return [topcuoglu(np.random.default_rng((seed, n)), tasks, pes=pes) for n in range(16)]


def draw_packings(buffers: int, seed: int) -> list[Packing]:
    """Random packings of one size whose optimum is their peak."""
    return [guillotine(np.random.default_rng((seed, n)), buffers) for n in range(16)]


def draw_programs(instructions: int, seed: int) -> list[MemoryProgram]:
    """Random layered programs of one size."""
    return [layered(np.random.default_rng((seed, n)), instructions) for n in range(16)]


def draw_flexible(jobs: int, machines: int, seed: int) -> list[CPInstance]:
    """Random flexible job shops of one size (SD1)."""
    return [sd1(jobs, machines, seed=16 * seed + n) for n in range(16)]


def draw_projects(activities: int, seed: int) -> list[CPInstance]:
    """Projects of one size: PSPLIB's own, 16 of its cells, if there are some, else random ones with its parameters."""
    name = f"j{activities}"
    if name in models.SETS:
        return [models.load(f"{name}{3 * n + 1}_1") for n in range(16)]
    return [project(activities, seed=16 * seed + n) for n in range(16)]


def kernels() -> dict[str, Launch]:
    """The entries of random_kernel.py."""
    return compile_entries((random_kernel.episode, random_kernel.pick, random_kernel.venture), "cpu", kernel=PROBLEM.kernel)


def make_engine(pool: Sequence[JobShop], copies: int, graph: bool, seed: int) -> Engine:
    return Engine(PROBLEM, pool, copies, seed=seed, graph=graph)


def make_vec(shop: Shop, pool: Sequence[Any], copies: int, observation: str) -> tuple[VectorEnv[Any, Any, Any], Engine]:
    """`gymnasium.make_vec` and the engine behind it."""
    env = gymnasium.make_vec(shop.id, num_envs=copies, instance=list(pool), observation=observation, **shop.words)
    return env, env.unwrapped.engine  # type: ignore[attr-defined]


def bytes_per_copy(pool: Sequence[Any], graph: bool, shop: Shop = JOBSHOP) -> int:
    env, engine = make_vec(shop, pool, 1, "graph" if graph else "candidates")
    env.close()
    return engine.bytes_per_copy()


def scatter(engine: Engine, waits: bool = False) -> None:
    """Put the copies of `engine` into states at every stage of an episode; the next step brings their observations."""
    few = Engine(engine.problem, engine.pool, min(SCATTERED, engine.copies), graph=False, sizes=engine.sizes)
    picker = Picker(few, waits)
    steps = episode_length(few, picker)
    few.reset()
    first = np.arange(few.copies) * steps // few.copies
    for t in range(steps):
        if (first == t).any():
            few.restart(first == t)
        picker()
        few.step()
    engine.reset()
    rows = torch.arange(engine.copies) % few.copies
    pairs = [*zip(engine.state, few.state, strict=True)]
    pairs += [
        (getattr(engine.episodes, field), getattr(few.episodes, field))
        for field in ("legal", "choices", "count", "length", "total")
    ]
    for into, out in pairs:
        into.copy_(out[rows])
    engine.episodes.dirty.fill_(1)  # the observation shows other choices than those


def episode_length(engine: Engine, picker: Picker) -> int:
    """Steps until the first copy's random episode ends."""
    engine.reset()
    for step in range(1, engine.max_steps + 1):
        picker()
        engine.step()
        if engine.episodes.terminated[0]:
            return step
    return engine.max_steps


class Picker:
    """Random legal actions of an engine's copies, written into its action array; they need masks alone, not the problem."""

    def __init__(self, engine: Engine, waits: bool = False) -> None:
        self.engine, self.time, self.pick = engine, 0, kernels()["venture" if waits else "pick"]
        self.last = engine.sizes.actions - 1 if waits else -1

    def __call__(self) -> int:
        """Draw; returns how many of the actions are operations."""
        self.time += 1
        self.pick(self.engine.copies, self.engine._episodes, self.time)
        return int((self.engine._episodes.action != self.last).sum())


def kernel_rate(pool: Sequence[JobShop], copies: int, seed: int, seconds: float, repeats: int) -> float:
    """Operations per CPU-second of the rules alone: whole random episodes without observations or rewards kept."""
    engine = make_engine(pool, copies, False, seed)
    episode = kernels()["episode"]

    def play() -> int:
        episode(copies, engine._instances, engine._state, engine._episodes)
        return int(engine.episodes.final_length.sum())

    return best_rate(play, seconds, repeats)


def batch_rate(
    pool: Sequence[Any],
    copies: int,
    observation: str,
    seed: int,
    seconds: float,
    repeats: int,
    shop: Shop = JOBSHOP,
    *,
    face: bool = True,
) -> float:
    """Operations per CPU-second through `gymnasium.make_vec`: fresh numpy observations and infos, autoreset included.

    Without `face` those of the engine underneath.
    """
    env, engine = make_vec(shop, pool, copies, observation)
    env.reset(seed=seed)
    scatter(engine, shop.waits)
    picker = Picker(engine, shop.waits)
    actions = np.zeros(copies, np.int64)
    operations = 0

    def choose() -> None:
        nonlocal operations
        operations = picker()
        actions[:] = engine.episodes.action.numpy()

    def step() -> int:
        if face:
            env.step(actions)
        else:
            engine.step()
        return operations

    rate = best_window(choose, step, seconds, repeats)
    env.close()
    return rate


def episodes_rate(pool: Sequence[JobShop], copies: int, observation: str, seed: int, shop: Shop) -> float:
    """`batch_rate` over whole episodes, timed once: for shops in which few steps cost more than all others together."""
    env, engine = make_vec(shop, pool, copies, observation)
    picker = Picker(engine)
    env.reset(seed=seed)
    ended = np.zeros(copies, np.bool_)
    spent, steps = 0.0, 0
    while not ended.all():
        picker()
        actions = engine.episodes.action.numpy().copy()
        began = time.process_time()
        _, _, terminated, _, _ = env.step(actions)
        spent += time.process_time() - began
        steps += copies
        ended |= terminated
    env.close()
    return steps / spent


def single_rate(pool: Sequence[Any], observation: str, seed: int, seconds: float, repeats: int, shop: Shop = JOBSHOP) -> float:
    """Operations per CPU-second through `gymnasium.make`: whole episodes with their resets, actions known beforehand."""
    env = gymnasium.make(shop.id, instance=list(pool), observation=observation, **shop.words)
    picker = Picker(env.unwrapped.engine, shop.waits)  # type: ignore[attr-defined]
    env.reset(seed=seed)
    actions: list[int] = []
    operations = 0
    over = False
    while not over:
        operations += picker()
        actions.append(int(picker.engine.episodes.action[0]))
        _, _, over, _, _ = env.step(actions[-1])

    def play() -> int:
        env.reset(seed=seed)
        for action in actions:
            result = env.step(action)
        assert result[2]
        return operations

    rate = best_rate(play, seconds, repeats)
    env.close()
    return rate


def policy_rate(
    policy: Policy, pool: Sequence[JobShop], samples: int, seed: int, seconds: float, repeats: int, *, temperature: float
) -> float:
    """Schedules per CPU-second with a policy in the loop: one encoder pass an instance, `samples` episodes of each."""
    rollout = Rollout(PROBLEM, PROBLEM.sizes(pool), len(pool) * samples, policy.config.hidden)
    rollout.load(list(pool))
    rows = np.repeat(np.arange(len(pool)), samples)
    seeds = np.random.default_rng(seed).integers(2**62, size=len(rows))

    def play() -> int:
        rollout.play(policy, rows, seeds, temperature)
        return len(rows)

    return best_rate(play, seconds, repeats)


def describe(rate: Any) -> str:
    """A rate in few digits: 12.3 M, 45.6 k, 789."""
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if rate >= scale:
            return f"{rate / scale:.3g}{letter}"
    return f"{rate:.3g}"
