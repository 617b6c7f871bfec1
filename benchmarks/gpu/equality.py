"""Part 2: random play of every environment id on the CPU and on the GPU, every value of every step compared bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.gpu import games
from benchmarks.gpu.device import Plan
from dispatchgym.envs.core.engine import Engine

COPIES, STEPS = 131, 300  # more than a block of threads
TINY_COPIES, TINY_STEPS = 3, 6
WILD = 0.02  # share of actions that are any number, also illegal ones
OF_ENDED = ("final_objective", "final_return", "final_length", "length", "episode", "count", "legal")


def cases(tiny: bool) -> list[str]:
    return games.every_id()


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """One row: whether all was equal, or what differed first and by how much."""
    copies, steps = (TINY_COPIES, TINY_STEPS) if plan.tiny else (COPIES, STEPS)
    # To compile for the CPU as well would be most of a tiny run.
    reference = games.make(case, plan.tiny, copies, "python" if plan.tiny else "cpu", copy=False)
    tested = games.make(case, plan.tiny, copies, "cuda", output="torch")
    yield compare(reference, tested, steps)


def compare(reference: Any, tested: Any, steps: int) -> dict[str, Any]:
    """Play both batches by the same actions."""
    copies = reference.num_envs
    rng = np.random.default_rng(3)
    seen, played = [env.reset(seed=7)[0] for env in (reference, tested)], 0
    outcome: tuple[list[Any], list[Any]] = ([], [])
    episodes = 0
    for step in range(steps + 1):
        wrong = difference(seen, outcome, [reference.engine, tested.engine])
        if wrong or step == steps:
            break
        mask = reference.action_masks()
        action = (mask * (rng.random(mask.shape) + 1e-9)).argmax(axis=1)
        action = np.where(rng.random(copies) < WILD, rng.integers(-1, mask.shape[1] + 1, copies), action)
        results = [reference.step(action), tested.step(action)]
        seen, outcome = [r[0] for r in results], (list(results[0][1:4]), list(results[1][1:4]))
        episodes += int((results[0][2] | results[0][3]).sum())
        played = step + 1
        if step == steps // 2:
            again = np.arange(copies) % 3 == 0
            seen = [env.reset(options={"reset_mask": again})[0] for env in (reference, tested)]
    return {"copies": copies, "steps": played, "episodes": episodes, "equal": not wrong, "differs": wrong}


def difference(seen: list[Any], outcome: tuple[list[Any], list[Any]], engines: list[Engine]) -> str:
    """The first array that is not the same, "" if all are."""
    flat = not isinstance(seen[0], dict)
    shown = [{"observation": s} if flat else s for s in seen]
    pairs = [(key, shown[0][key], shown[1][key]) for key in shown[0]]
    pairs += [(name, *pair) for name, *pair in zip(("reward", "terminated", "truncated"), *outcome, strict=False)]
    e = [engine.arrays[1] for engine in engines]
    pairs += [(name, getattr(e[0], name), getattr(e[1], name)) for name in OF_ENDED]
    for name, a, b in pairs:
        said = unequal(host(a), host(b))
        if said:
            return f"{name}: {said}"
    states = [engine.placed("state") for engine in engines]
    for name in states[0]._fields:
        said = unequal(host(getattr(states[0], name)), host(getattr(states[1], name)))
        if said:
            return f"state {name}: {said}"
    return ""


def host(array: Any) -> npt.NDArray[Any]:
    return np.asarray(array.cpu() if hasattr(array, "cpu") else array)


def unequal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> str:
    """How two arrays differ, to the bit."""
    if a.shape != b.shape:
        return f"shapes {a.shape} and {b.shape}"
    if a.tobytes() == b.tobytes():
        return ""
    differs = a != b
    if not differs.any():
        return "signs of zero, or types"
    with np.errstate(all="ignore"):
        gap = np.abs(a[differs].astype(float) - b[differs].astype(float))
        share = gap / np.maximum(np.abs(a[differs].astype(float)), 1e-12)
    return f"{int(differs.sum())} of {a.size} values, by {np.nanmax(gap):.3g}, relatively {np.nanmax(share):.3g}"
