"""All choice sequences of a small model."""

from __future__ import annotations

from typing import Any

import numpy as np

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.cpmodel.layout import Clock
from dispatchgym.envs.cpmodel.problem import CPProblem

COPIES = 256


def best_of_all(problem: CPProblem, model: Any, most: int = 20_000) -> int | None:
    """The least objective of all choice sequences, None if all end in dead ends. States that were met before are left out.

    Raises OverflowError after `most` states.
    """
    engine = Engine(problem, [model], COPIES, graph=False)
    level: list[tuple[int, ...]] = [()]
    known: set[bytes] = set()
    best: int | None = None
    while level:
        following: list[tuple[int, ...]] = []
        for at in range(0, len(level), COPIES):
            part = level[at : at + COPIES]
            for b, state in enumerate(_play(engine, part)):
                clock, task = state
                if clock[Clock.OVER] == 1:
                    value = int(engine.arrays[1].final_objective[b])
                    best = value if best is None else min(best, value)
                key = task[:, :2].tobytes() + clock[[Clock.NOW, Clock.OVER]].tobytes()
                if clock[Clock.OVER] != 0 or key in known:
                    continue
                known.add(key)
                following += [(*part[b], int(k)) for k in np.flatnonzero(engine.arrays[0].mask[b])]
        if len(known) > most:
            raise OverflowError
        level = following
    return best


def _play(engine: Engine, sequences: list[tuple[int, ...]]) -> list[tuple[Any, Any]]:
    engine.reset()
    rows = [sequences[min(b, len(sequences) - 1)] for b in range(engine.copies)]
    for n in range(len(sequences[0])):
        engine.step(np.array([row[n] for row in rows]), autoreset=False)
    clock, task = engine.read("state", "clock", "task")
    return [(clock[b].copy(), task[b].copy()) for b in range(len(sequences))]
