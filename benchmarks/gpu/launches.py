"""Part 3: what a launch costs the host, steps on a stream of torch's, and 16 steps as one CUDA graph, all playing the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import random_kernel
from benchmarks.gpu import games
from benchmarks.gpu.device import NeedsDevice, Plan, alone, host_seconds_of, seconds_of, wait
from benchmarks.gpu.equality import difference
from dispatchgym.envs.core import episode
from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.targets import compile_entries

COPIES = (256, 65536)
IN_GRAPH = 16  # steps
REPLAYS = 6


def cases(tiny: bool) -> list[str]:
    return ["host", "stream", "graph"]


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    yield from {"host": host_cost, "stream": on_a_stream, "graph": as_a_graph}[case](plan)


def batch(plan: Plan, copies: int) -> tuple[Any, Callable[[], Any]]:
    """A batch of tensors, and one random step of it, nothing of which waits for the device."""
    env = games.make("jobshop", plan.tiny, copies, "cuda", output="torch", observation="candidates")
    env.reset(seed=5)
    choose = chooser(env.engine)

    def step() -> Any:
        choose()
        return env.step(env.engine.episodes.action)

    return env, step


def chooser(engine: Any) -> Callable[[], None]:
    """A launch that draws a random legal action of every copy into the engine's record."""
    entry = compile_entries((random_kernel.choose,), "cuda", kernel=engine.problem.kernel)["choose"]
    return entry.prepare(engine.copies, engine._episodes)


def host_cost(plan: Plan) -> Iterator[dict[str, Any]]:
    """Microseconds of the host for `Engine.step`, for a step of the torch face, and for the launch by numba's own call."""
    env, step = batch(plan, 2 if plan.tiny else COPIES[0])
    calls = 1 if plan.tiny else 200
    engine = env.engine
    step()
    with alone():
        found = {"Engine.step us": host_seconds_of(engine.step, calls), "make_vec step us": host_seconds_of(step, calls)}
        if not simulated():
            kernel = engine._launch["turn"].kernel
            arrays = (engine._instances, engine._state, engine._episodes, engine._observation, engine._options[1], episode.STEP)
            numbas = kernel[(engine.copies + 127) // 128, 128]
            found["numba's own call us"] = host_seconds_of(lambda: numbas(engine.copies, *arrays), calls)
            ready = engine._launch["turn"].prepare(engine.copies, *arrays)
            found["PreparedLaunch us"] = host_seconds_of(ready, calls)
    yield {"copies": engine.copies} | {name: round(1e6 * value, 1) for name, value in found.items()}


def on_a_stream(plan: Plan) -> Iterator[dict[str, Any]]:
    """The same steps on the default stream and on another one."""
    copies, steps = (2, 4) if plan.tiny else (COPIES[0], 150)
    (plain, step), (other, step_other) = batch(plan, copies), batch(plan, copies)
    if simulated():
        raise NeedsDevice("streams are torch's; the simulator has none")
    import torch

    last = [step() for _ in range(steps)][-1]
    wait()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = [step_other() for _ in range(steps)][-1]
    stream.synchronize()
    wait()
    wrong = difference([last[0], found[0]], (list(last[1:4]), list(found[1:4])), [plain.engine, other.engine])
    yield {"copies": copies, "steps": steps, "equal": not wrong, "differs": wrong}


def as_a_graph(plan: Plan) -> Iterator[dict[str, Any]]:
    """Whether a captured graph of IN_GRAPH steps plays what single steps play, and microseconds of a step either way."""
    if simulated():
        _, step = batch(plan, 2)
        for _ in range(2):
            step()
        raise NeedsDevice("a CUDA graph is captured by the driver")
    import torch

    for copies in COPIES:
        (plain, step), (graphed, captured_step) = batch(plan, copies), batch(plan, copies)
        for _ in range(3):  # what is allocated or compiled once comes before the capture
            step()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                captured_step()
        torch.cuda.current_stream().wait_stream(side)
        wait()
        began = time.perf_counter()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(IN_GRAPH):
                found = captured_step()
        wait()
        capture = time.perf_counter() - began
        for _ in range(REPLAYS):
            graph.replay()
            for _ in range(IN_GRAPH):
                last = step()
        wait()
        wrong = difference([last[0], found[0]], (list(last[1:4]), list(found[1:4])), [plain.engine, graphed.engine])
        if not wrong and not torch.equal(last[4]["episode_return"], found[4]["episode_return"]):
            wrong = "info episode_return"
        with alone():
            steps = seconds_of(step, plan.seconds)
            replay = seconds_of(graph.replay, plan.seconds) / IN_GRAPH
        row = {"copies": copies, "equal": not wrong, "differs": wrong, "capture ms": round(1e3 * capture, 1)}
        yield row | {"step us": round(1e6 * steps, 1), "step in graph us": round(1e6 * replay, 1)}
