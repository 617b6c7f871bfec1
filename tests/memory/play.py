"""Random legal episodes of memory on one target, and all they show: `python -m tests.memory.play DEVICE FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.memory.map.env import MapKeywords
from dispatchgym.envs.memory.map.problem import MapProblem
from dispatchgym.envs.memory.pack.env import PackKeywords
from dispatchgym.envs.memory.pack.problem import PackProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.generate import layered
from dispatchgym.instances.memory.instance import Gap, MemoryPlan, MemoryProgram, Packing, PackingPlan, peak
from tests.core.targets import Recorded, answer, record_play
from tests.memory.plans import small_program

IDS = tuple(f"dispatchgym:dispatchgym/{name}-v0" for name in ("MemoryPack", "MemoryPackFlat", "MemoryMap", "MemoryMapFlat"))
PROBLEMS = (PackProblem("height"), PackProblem("capacity"), MapProblem("map"), MapProblem("order"))
STEPS = 24  # recorded of each copy


class Played(NamedTuple):
    """One episode."""

    instance: Packing | MemoryProgram
    schedule: PackingPlan | MemoryPlan
    objective: int
    total: float  # of the rewards
    first: int  # latency before the first decision; of packings 0


def random_packing(
    rng: np.random.Generator,
    buffers: int = 6,
    *,
    moments: int = 6,
    gaps: bool = True,
    windows: bool = False,
    slack: float | None = None,
) -> Packing:
    """2 to `buffers` buffers of a few bytes, which begin in one of a few moments.

    With `gaps` some are not needed for a part of their lives, or are aligned; with `windows` some need a part of their
    addresses in a gap. The capacity is the peak and a share `slack` of it more (None: there is no capacity).
    """
    count = int(rng.integers(2, buffers + 1))
    lower = rng.integers(0, moments, count)
    upper = lower + rng.integers(1, moments, count)
    size = rng.integers(1, 7, count)
    alignment = np.where(rng.random(count) < 0.3, rng.choice([2, 3, 4], count), 1) if gaps else np.ones(count, np.int64)
    given = [_gaps(rng, int(a), int(e), int(s), windows) if gaps else () for a, e, s in zip(lower, upper, size, strict=True)]
    found = Packing(lower, upper, size, None, alignment, gaps=tuple(given))
    if slack is None:
        return found
    return replace(found, capacity=max(peak(found) + int(slack * peak(found)), int(size.max())))


def _gaps(rng: np.random.Generator, lower: int, upper: int, size: int, windows: bool) -> tuple[Gap, ...]:
    if rng.random() < 0.5 or upper - lower < 2:
        return ()
    begin, end = sorted(rng.choice(np.arange(lower, upper + 1), 2, replace=False).tolist())
    low, high = sorted(rng.integers(0, size + 1, 2).tolist()) if windows else (0, 0)
    return (Gap(begin, end, low, high),)


def random_program(seed: int, instructions: int = 8) -> MemoryProgram:
    """Of a few bytes and with every complication, or layers some of which are pinned; what is pinned has room."""
    rng = np.random.default_rng(seed)
    while True:
        if rng.random() < 0.5:
            found = small_program(rng, slots=instructions)
        else:
            plain = layered(rng, instructions, capacity=2**14, pressure=float(rng.choice([1.0, 2.0, 6.0])))
            pin = rng.choice(3, plain.buffers, p=[0.84, 0.08, 0.08])[plain.storage]
            found = replace(plain, pin=np.where((pin == 1) & (plain.size > plain.capacity // 4), 0, pin), lower_bound=None)
        try:
            MapProblem().sizes([found])
        except InputError:
            continue
        return found


def family_of(instance: Packing | MemoryProgram) -> Any:
    return PackKeywords() if isinstance(instance, Packing) else MapKeywords()


def play_out(problem: Any, pool: Sequence[Any], seed: int, device: Any = "cpu") -> tuple[list[Played], Engine]:
    """A random legal episode on every instance."""
    engine = Engine(problem, pool, len(pool), device=device, graph=False)
    engine.assign_rows(np.arange(len(pool)))
    engine.reset()
    rng = np.random.default_rng(seed)
    record = engine.arrays[1]
    maps = isinstance(problem, MapProblem)
    first = (engine.state.latency if maps else engine.state.bound).cpu().numpy().copy()
    over = record.legal.sum(axis=1) == 0
    total = np.zeros(len(pool))
    objective = np.where(over, first, -1)
    while not over.all():
        legal = record.legal.astype(np.float64)
        assert (legal.sum(axis=1) > 0)[~over].all(), "a state without a choice"
        engine.step((legal * (rng.random(legal.shape) + 1e-9)).argmax(axis=1), autoreset=False)
        assert not (record.truncated[~over] == 1).any(), "an episode longer than its bound"
        ends = (record.terminated == 1) & ~over
        objective = np.where(ends, record.final_objective, objective)
        total += np.where(over, 0.0, record.reward)
        over |= ends
    return [
        Played(x, family_of(x).schedule(x, engine.state, b), int(objective[b]), float(total[b]), int(first[b]))
        for b, x in enumerate(pool)
    ], engine


def record(device: Any) -> Recorded:
    """What `record_play` finds on programs and on packings with gaps and windows."""
    rngs = [np.random.default_rng(s) for s in range(6)]
    packings = [random_packing(rng, 9, gaps=s % 3 > 0, windows=s % 3 == 2, slack=0.2) for s, rng in enumerate(rngs)]
    programs = [random_program(s) for s in range(4)]
    return record_play([(x, packings if isinstance(x, PackProblem) else programs) for x in PROBLEMS], device, STEPS)


if __name__ == "__main__":
    answer(record)
