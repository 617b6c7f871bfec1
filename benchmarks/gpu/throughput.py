"""Part 4: operations a second by number of copies: bare rules, steps with candidates or the graph, in a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import random_kernel
from benchmarks.gpu import games
from benchmarks.gpu.device import Plan, alone, describe_error, forget, room, seconds_of
from benchmarks.gpu.launches import IN_GRAPH, chooser
from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.targets import compile_entries

COPIES = (256, 4096, 32768, 262144, 1048576)
OTHERS = (4096, 65536)  # of the families beside the job shop
TINY = (2,)
RESTARTS = 8  # groups of copies that begin at different times, so that the batch stands at several stages of an episode


def cases(tiny: bool) -> list[str]:
    return list(games.GAMES)


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """A row for each way of playing and number of copies."""
    counts = TINY if plan.tiny else COPIES if case == "jobshop" else OTHERS
    for mode, play in (("bare", bare), ("candidates", steps), ("graph", steps)):
        observation = "graph" if mode == "graph" else "candidates"
        each = bytes_a_copy(case, plan, observation)
        for copies in counts:
            row: dict[str, Any] = {"mode": mode, "copies": copies, "bytes a copy": each}
            if copies * each > room():
                yield row | {"reason": f"{copies * each / 1e9:.1f} GB, and {room() / 1e9:.1f} GB may be taken"}
                break
            try:
                env = games.make(case, plan.tiny, copies, "cuda", output="torch", observation=observation)
                yield row | play(env, plan)
            except Exception as error:
                yield row | {"reason": describe_error(error)}
            env = None
            forget()


def bytes_a_copy(case: str, plan: Plan, observation: str) -> int:
    env = games.make(case, plan.tiny, 1, "python", observation=observation)
    found: int = env.engine.bytes_per_copy()
    return found


def bare(env: Any, plan: Plan) -> dict[str, Any]:
    """Whole random episodes in one launch: no observation."""
    engine = env.engine
    env.reset(seed=1)
    entry = compile_entries((random_kernel.episode,), "cuda", kernel=engine.problem.kernel)["episode"]
    play = entry.prepare(engine.copies, engine._instances, engine._state, engine._episodes)
    play()
    with alone():
        spent = seconds_of(play, plan.seconds)
    operations = int(engine.episodes.final_length.sum())
    return {"operations/s": round(operations / spent)}


def steps(env: Any, plan: Plan) -> dict[str, Any]:
    """Steps by the engine, by the torch face, and by the torch face in a CUDA graph.

    Every step draws random actions by a launch of its own, which is in all times: alone it would take `drawing us`.
    """
    engine = env.engine
    env.reset(seed=1)
    choose = chooser(engine)
    spread(engine, choose, 2 if plan.tiny else min(engine.sizes.steps, 400))

    def of_engine() -> None:
        choose()
        engine.step()

    def of_face() -> None:
        choose()
        env.step(engine.episodes.action)

    with alone():
        drawing = seconds_of(choose, plan.seconds / 3)
        found = {"engine/s": seconds_of(of_engine, plan.seconds), "torch face/s": seconds_of(of_face, plan.seconds)}
    if not simulated():
        found["in CUDA graph/s"] = captured(of_face, plan)
    rates = {name: round(env.num_envs / max(spent, 1e-9)) for name, spent in found.items()}
    return rates | {"drawing us": round(1e6 * drawing, 1)}


def spread(engine: Any, choose: Callable[[], None], count: int) -> None:
    """Play `count` steps, in which copies begin again group by group."""
    group = np.arange(engine.copies) % RESTARTS
    every = max(1, count // RESTARTS)
    for t in range(count):
        if t % every == 0:
            engine.restart(group == t // every)
        choose()
        engine.step()


def captured(work: Callable[[], Any], plan: Plan) -> float:
    """Seconds of one call of `work` where IN_GRAPH of them are replayed as a graph."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_GRAPH):
            work()
    with alone():
        return seconds_of(graph.replay, plan.seconds) / IN_GRAPH
