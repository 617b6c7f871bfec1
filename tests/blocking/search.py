"""Every schedule that an environment can reach, by breadth-first search over its states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dispatchgym.envs.core.engine import Engine

SCRATCH = ("search_jobs", "level", "branch", "key", "memo")  # of the search for deadlocks: no part of the state
OFFERED = ("legal", "choices", "count")  # what the engine remembers of the choices


def best_reachable(problem: Any, instance: Any, device: Any = "cpu", scratch: Sequence[str] = SCRATCH) -> int:
    """The smallest objective over all sequences of legal choices; `scratch` are arrays that tell nothing about what follows."""
    sizes = problem.sizes([instance])
    width = 64
    engine = Engine(problem, [instance], width, device=device, graph=False, sizes=sizes)
    engine.reset()
    state = {name: np.array(value.numpy())[:1] for name, value in engine.state._asdict().items()}
    offered = {name: np.array(getattr(engine.arrays[1], name))[:1] for name in OFFERED}
    best = 2**30
    while len(offered["legal"]):
        parents, actions = np.nonzero(offered["legal"])
        following: list[dict[str, Any]] = []
        offers: list[dict[str, Any]] = []
        for low in range(0, len(parents), width):
            rows, chosen = parents[low : low + width], actions[low : low + width]
            n = len(rows)
            for name, value in engine.state._asdict().items():
                value.numpy()[:n] = state[name][rows]
            record = engine.arrays[1]
            for name, value in offered.items():
                getattr(record, name)[:n] = value[rows]
            record.length[:] = 0
            played = np.zeros(width, np.int64)
            played[:n] = chosen
            engine.step(played, autoreset=False)
            over = record.terminated[:n] == 1
            if over.any():
                best = min(best, int(record.final_objective[:n][over].min()))
            following.append({name: np.array(v.numpy())[:n][~over] for name, v in engine.state._asdict().items()})
            offers.append({name: np.array(getattr(record, name))[:n][~over] for name in OFFERED})
            assert (offers[-1]["legal"].sum(axis=1) > 0).all(), "a state without a choice"
        state = {name: np.concatenate([part[name] for part in following]) for name in state}
        offered = {name: np.concatenate([part[name] for part in offers]) for name in OFFERED}
        count = len(offered["legal"])
        if count:
            keys = [state[name].reshape(count, -1).astype(np.int64) for name in state if name not in scratch]
            _, kept = np.unique(np.concatenate(keys, axis=1), axis=0, return_index=True)
            state = {name: value[kept] for name, value in state.items()}
            offered = {name: value[kept] for name, value in offered.items()}
    return best
