"""What environments of every family are put through in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np


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
