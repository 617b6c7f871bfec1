"""Stable-Baselines3's view of the batch, and MaskablePPO on it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from dispatchgym.envs.core.sb3 import to_sb3
from dispatchgym.instances.errors import InputError
from tests.jobshop.shops import ID, SMALL

COPIES = 3


def make(**words: Any) -> Any:
    return to_sb3(gymnasium.make_vec(ID, num_envs=COPIES, **(SMALL | {"observation": "candidates"} | words)))


def test_the_adapter_equals_sb3s_own_batch_of_single_environments() -> None:
    words = SMALL | {"observation": "candidates"}
    model = DummyVecEnv([lambda: gymnasium.make(ID, max_episode_steps=9, **words)] * COPIES)
    env = to_sb3(gymnasium.make_vec(ID, num_envs=COPIES, max_episode_steps=9, **words))
    model.seed(4)
    env.seed(4)
    left, right = env.reset(), model.reset()
    terminal = 0
    for _ in range(30):
        assert left.keys() == right.keys()
        assert all(np.array_equal(left[k], right[k]) for k in left)
        action = np.stack(env.env_method("action_masks")).argmax(axis=1)
        left, reward, over, infos = env.step(action)
        right, other, ended, details = model.step(action)
        assert reward.tolist() == other.tolist()
        assert over.tolist() == ended.tolist()
        for mine, theirs in zip(infos, details, strict=True):
            assert mine.keys() | {"TimeLimit.truncated"} == theirs.keys() | {"TimeLimit.truncated"}
            assert mine.get("TimeLimit.truncated", False) == theirs["TimeLimit.truncated"]
            assert all(mine[k] == theirs[k] for k in ("illegal", "objective", "instance", "lower_bound"))
            assert np.array_equal(mine["action_mask"], theirs["action_mask"])
            if "terminal_observation" in mine:
                terminal += 1
                last, model_last = mine["terminal_observation"], theirs["terminal_observation"]
                assert all(np.array_equal(last[k], model_last[k]) for k in last)
    assert terminal == 9


def test_masks_and_attributes_are_found() -> None:
    env = make(render_mode="rgb_array")
    env.reset()
    assert is_masking_supported(env)
    masks = get_action_masks(env)
    assert masks.shape == (COPIES, 4)
    assert masks.any(axis=1).all()
    assert env.get_attr("illegal", [0, 2]) == ["ignore", "ignore"]
    assert not env.has_attr("no_such_thing")
    env.set_attr("illegal", "raise")
    assert env.inner.illegal == "raise"
    with pytest.raises(InputError, match="shared by all copies"):
        env.set_attr("illegal", "ignore", 1)
    assert [x.start.shape for x in env.env_method("schedule", indices=[1, 2])] == [(4, 3), (4, 3)]
    assert env.env_is_wrapped(VecMonitor) == [False] * COPIES
    assert env.render().shape[-1] == 3
    assert make().get_images() == [None] * COPIES
    env.close()


def test_options_reach_the_batch() -> None:
    env = to_sb3(gymnasium.make_vec(ID, num_envs=2, instance="la01", observation="candidates"))
    env.set_options({"instance": "la02"})
    env.reset()
    assert [x["instance"] for x in env.reset_infos] == ["la02"] * 2
    env.reset()
    assert [x["instance"] for x in env.reset_infos] == ["la01"] * 2


def test_a_foreign_batch_is_refused() -> None:
    with pytest.raises(InputError, match="SyncVectorEnv is not a vector environment of dispatchgym"):
        to_sb3(gymnasium.make_vec("CartPole-v1", num_envs=1, vectorization_mode="sync"))


def test_maskable_ppo_learns_without_an_illegal_action() -> None:
    env = VecMonitor(make(illegal="raise"))
    model = MaskablePPO("MultiInputPolicy", env, n_steps=128, batch_size=128, n_epochs=1, seed=0, device="cpu")
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(1000)
    assert model.num_timesteps >= 1000
    assert any(not np.array_equal(p.detach(), q) for p, q in zip(model.policy.parameters(), before, strict=True))
    assert len(model.ep_info_buffer) == 96
    assert all(x["l"] == 12 and x["r"] <= 1e-6 for x in model.ep_info_buffer)
