"""Random legal episodes of chips on one target, and all they show: `python -m tests.soc.play DEVICE FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.soc.env import StaticKeywords, StreamKeywords
from dispatchgym.envs.soc.problem import SocProblem
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog, stream
from tests.core.targets import Recorded, answer, record_play
from tests.soc.streams import random_application, random_platform, random_stream

PROBLEMS = (
    SocProblem("start"),
    SocProblem("assign", "flow"),
    SocProblem("task", "energy"),
    SocProblem("pe", "edp", dvfs=True),
    SocProblem("start", "edp", dvfs=True, hidden_speeds=True),
    SocProblem("start", "flow", online=True),
)
IDS = tuple(f"dispatchgym:dispatchgym/{name}-v0" for name in ("SoC", "SoCFlat", "StaticDag", "StaticDagFlat"))
STATIC = tuple(SocProblem(mode) for mode in ("start", "assign", "task", "pe"))  # type: ignore[arg-type]
STEPS = 20  # recorded of each copy


class Played(NamedTuple):
    """One episode."""

    instance: Stream | StaticDag
    schedule: StreamLog | StaticSchedule
    objective: int
    total: float  # of the rewards
    steps: int


def random_graph(seed: int) -> StaticDag:
    """One job of 2 to 5 tasks on 1 to 6 PEs."""
    rng = np.random.default_rng(seed)
    names = ["x", "y", "z"]
    platform = random_platform(rng, names, shortest=0)
    application = random_application(rng, names, int(rng.integers(2, 6)))
    return StaticDag(application.durations(platform), application.edges, platform.bandwidth, name=f"graph{seed}")


def family_of(instance: Stream | StaticDag) -> Any:
    return StreamKeywords() if isinstance(instance, Stream) else StaticKeywords()


def play_out(
    problem: SocProblem, pool: Sequence[Stream | StaticDag], seed: int, eager: float = 1.0, device: Any = "cpu"
) -> tuple[list[Played], Engine]:
    """A random legal episode on every instance; the more `eager`, the less is waited."""
    engine = Engine(problem, pool, len(pool), device=device, graph=False)
    engine.assign_rows(np.arange(len(pool)))
    engine.reset()
    rng = np.random.default_rng(seed)
    record = engine.arrays[1]
    over = np.zeros(len(pool), bool)
    total, steps = np.zeros(len(pool)), np.zeros(len(pool), int)
    while not over.all():
        legal = record.legal.astype(np.float64)
        assert (legal.sum(axis=1) > 0)[~over].all(), "a state without a choice"
        luck = rng.random(legal.shape)
        if problem.mode == "start":
            luck[:, -1] **= eager
        engine.step((legal * (luck + 1e-9)).argmax(axis=1), autoreset=False)
        assert not (record.truncated[~over] == 1).any(), "an episode longer than its bound"
        total += np.where(over, 0.0, record.reward)
        steps += ~over
        over |= record.terminated == 1
    return [
        Played(x, family_of(x).schedule(x, engine.state, b), int(record.final_objective[b]), float(total[b]), int(steps[b]))
        for b, x in enumerate(pool)
    ], engine


def record(device: Any) -> Recorded:
    """What `record_play` finds on short streams and on graphs."""
    shorter = [replace(random_stream(s).workload, horizon=14) for s in range(40)]
    streams = [stream(w, s) for s, w in enumerate(shorter)]
    games = [(problem, streams[n::6]) for n, problem in enumerate(PROBLEMS)]
    return record_play([*games, *((problem, [random_graph(s) for s in range(4)]) for problem in STATIC)], device, STEPS)


if __name__ == "__main__":
    answer(record)
