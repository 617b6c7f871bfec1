"""Gymnasium's own wrappers around single environments and batches: whole episodes, observations of their spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.spaces import Box, flatten_space
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector

from tests.jobshop.shops import ID, SMALL

# Gymnasium compares bounds of float32 with the least float64.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")

FLAT = "dispatchgym:dispatchgym/JobShopFlat-v0"
OPERATIONS = 12  # of a shop of SMALL
COPIES = 3
Wrap = Callable[[Any], Any]


def row(env: Any) -> Box:
    return Box(-10.0, 10.0, env.observation_space.shape, np.float32)


SINGLE: dict[str, tuple[str, Wrap]] = {
    "AddRenderObservation": (ID, lambda env: wrappers.AddRenderObservation(env, render_only=False)),
    "AddWhiteNoise": (ID, lambda env: wrappers.AddWhiteNoise(env, 0.5)),
    "Autoreset": (ID, wrappers.Autoreset),
    "ClipReward": (ID, lambda env: wrappers.ClipReward(env, -1.0, 1.0)),
    "DelayObservation": (FLAT, lambda env: wrappers.DelayObservation(env, 2)),
    "DtypeObservation": (FLAT, lambda env: wrappers.DtypeObservation(env, np.float64)),
    "FilterObservation": (ID, lambda env: wrappers.FilterObservation(env, ["candidates", "action_mask"])),
    "FlattenObservation": (ID, wrappers.FlattenObservation),
    "FrameStackObservation": (FLAT, lambda env: wrappers.FrameStackObservation(env, 3)),
    "MaxAndSkipObservation": (FLAT, lambda env: wrappers.MaxAndSkipObservation(env, 2)),
    "NormalizeObservation": (FLAT, wrappers.NormalizeObservation),
    "NormalizeReward": (ID, lambda env: wrappers.NormalizeReward(env, gamma=1.0)),
    "OrderEnforcing": (ID, wrappers.OrderEnforcing),
    "PassiveEnvChecker": (ID, wrappers.PassiveEnvChecker),
    "RecordEpisodeStatistics": (ID, wrappers.RecordEpisodeStatistics),
    "RenderCollection": (ID, wrappers.RenderCollection),
    "RepeatAction": (ID, lambda env: wrappers.RepeatAction(env, 1)),
    "ReshapeObservation": (FLAT, lambda env: wrappers.ReshapeObservation(env, (1, *env.observation_space.shape))),
    "StickyAction": (ID, lambda env: wrappers.StickyAction(env, 0.2)),
    "TimeAwareObservation": (ID, wrappers.TimeAwareObservation),
    "TimeLimit": (ID, lambda env: wrappers.TimeLimit(env, 1000)),
    "TransformObservation": (FLAT, lambda env: wrappers.TransformObservation(env, lambda seen: np.clip(seen, -10, 10), row(env))),
    "TransformReward": (ID, lambda env: wrappers.TransformReward(env, lambda reward: 2.0 * reward)),
}
# Wrappers of observations refuse SAME_STEP by themselves, since final observations would pass them by.
BATCH: dict[str, tuple[str, Wrap]] = {
    "ClipReward": (ID, lambda envs: vector.ClipReward(envs, -1.0, 1.0)),
    "DictInfoToList": (ID, vector.DictInfoToList),
    "DtypeObservation": (FLAT, lambda envs: vector.DtypeObservation(envs, np.float64)),
    "FilterObservation": (ID, lambda envs: vector.FilterObservation(envs, ["candidates", "action_mask"])),
    "FlattenObservation": (ID, vector.FlattenObservation),
    "NormalizeObservation": (FLAT, vector.NormalizeObservation),
    "NormalizeReward": (ID, lambda envs: vector.NormalizeReward(envs, gamma=1.0)),
    "RecordEpisodeStatistics": (ID, vector.RecordEpisodeStatistics),
    "ReshapeObservation": (FLAT, lambda envs: vector.ReshapeObservation(envs, (1, *envs.single_observation_space.shape))),
    "TransformReward": (ID, lambda envs: vector.TransformReward(envs, lambda reward: 2.0 * reward)),
}


def legal(env: Any) -> Any:
    """Some legal action, from the environment itself, as wrappers may change its observations and infos."""
    return env.unwrapped.action_masks().argmax(axis=-1)


@pytest.mark.parametrize("name", SINGLE)
def test_a_wrapped_environment_plays_whole_episodes(name: str) -> None:
    id, wrap = SINGLE[name]
    env = wrap(gymnasium.make(id, **SMALL, illegal="substitute", render_mode="rgb_array"))
    for episode in range(2):
        seen, _ = env.reset(seed=episode)
        over, steps = False, 0
        while not over:
            assert seen in env.observation_space
            seen, reward, over, cut, _ = env.step(legal(env))
            steps += 1
            assert np.isfinite(float(reward))
            assert not cut
        assert steps == (OPERATIONS // 2 if name == "MaxAndSkipObservation" else OPERATIONS)
        assert env.unwrapped.schedule().start.shape == (4, 3)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("name", BATCH)
def test_a_wrapped_batch_plays_whole_episodes(name: str, mode: AutoresetMode) -> None:
    id, wrap = BATCH[name]
    plain = gymnasium.make_vec(id, num_envs=COPIES, autoreset_mode=mode, **SMALL)
    if mode is AutoresetMode.SAME_STEP and name.endswith("Observation"):
        with pytest.raises(ValueError, match="Expected autoreset_mode to be NEXT_STEP or DISABLED"):
            wrap(plain)
        return
    envs = wrap(plain)
    assert played(envs, mode) == 3 * COPIES
    if name == "FlattenObservation":
        assert envs.single_observation_space == flatten_space(plain.single_observation_space)


def played(envs: Any, mode: AutoresetMode) -> int:
    """How many episodes end while each copy plays three."""
    seen, _ = envs.reset(seed=4)
    ended = 0
    pause = mode is AutoresetMode.NEXT_STEP  # a step that only resets, between two episodes
    for _ in range(3 * OPERATIONS + 2 * pause):
        action = legal(envs)
        seen, reward, over, cut, _ = envs.step(action)
        assert seen in envs.observation_space
        assert np.isfinite(np.asarray(reward)).all()
        ended += int(over.sum()) + int(cut.sum())
    return ended
