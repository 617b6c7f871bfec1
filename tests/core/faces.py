"""What environments of every family are put through in the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode


def same(left: Any, right: Any) -> bool:
    """Whether observations, infos or parts of them are equal."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(np.array_equal(left, right))


def assert_same(left: Any, right: Any, where: str = "") -> None:
    """Observations, infos or parts of them are equal: keys, types, shapes and every bit."""
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert list(left) == list(right) or sorted(left) == sorted(right), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, tuple) or (isinstance(left, np.ndarray) and left.dtype == object):
        assert len(left) == len(right), where
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype, where
        assert left.shape == right.shape, where
        assert left.tobytes() == right.tobytes(), where
    else:
        assert left == right, where


def live_alike(env: gymnasium.Env[Any, Any], clone: Callable[[Any], Any], steps: int) -> gymnasium.Env[Any, Any]:
    """Play `steps`, clone, and play the same to the end of the episode in both; they see the same. Returns the clone."""
    _, info = env.reset(seed=2)
    for _ in range(steps):
        _, _, _, _, info = env.step(int(info["action_mask"].argmax()))
    twin: gymnasium.Env[Any, Any] = clone(env)
    over = False
    while not over:
        action = int(info["action_mask"].argmax())
        one, two = env.step(action), twin.step(action)
        assert same(one[0], two[0])
        assert one[1:4] == two[1:4]
        assert same(one[4], two[4])
        over, info = one[2], one[4]
    return twin


def assert_worker_processes_host(name: str, words: Mapping[str, Any]) -> None:
    """Gymnasium's AsyncVectorEnv of single environments does what the vector environment does."""
    envs = gymnasium.make_vec(name, num_envs=2, observation="candidates", **words)
    makers = [lambda: gymnasium.make(name, observation="candidates", **words)] * 2
    workers = AsyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        assert same(workers.reset(seed=5)[0], envs.reset(seed=5)[0])
        for _ in range(12):
            action = envs.unwrapped.action_masks().argmax(axis=1)  # type: ignore[attr-defined]
            for a, b in zip(workers.step(action)[:4], envs.step(action)[:4], strict=True):
                assert same(a, b)
    finally:
        workers.close()
