"""Stable-Baselines3's view of the batch, and MaskablePPO on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.callbacks import MaskableEvalCallback
from sb3_contrib.common.maskable.evaluation import evaluate_policy
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

from dispatchgym.envs.core.sb3 import to_sb3
from dispatchgym.instances.errors import InputError
from tests.jobshop.shops import ID, SMALL

COPIES = 3
OPERATIONS = 12  # of a shop of SMALL: the steps of an episode
FLAT = "dispatchgym:dispatchgym/JobShopFlat-v0"
SETTINGS: dict[str, dict[str, Any]] = {  # a few updates each
    "PPO": {"n_steps": 32, "batch_size": 96, "n_epochs": 2},
    "A2C": {"n_steps": 8},
    "DQN": {"learning_starts": 32, "train_freq": 4, "target_update_interval": 100},
}


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


def test_a_maskable_model_is_evaluated_while_it_learns_saved_and_loaded(tmp_path: Path) -> None:
    env = VecMonitor(to_sb3(gymnasium.make_vec(FLAT, num_envs=COPIES, **SMALL)))
    judged = VecMonitor(to_sb3(gymnasium.make_vec(FLAT, num_envs=1, **SMALL)))
    callback = MaskableEvalCallback(judged, n_eval_episodes=2, eval_freq=16, log_path=str(tmp_path), verbose=0)
    model = MaskablePPO("MlpPolicy", env, n_steps=32, batch_size=96, n_epochs=1, seed=0, device="cpu")
    model.learn(96, callback=callback)
    assert np.load(tmp_path / "evaluations.npz")["ep_lengths"].tolist() == [[OPERATIONS] * 2] * 2
    model.save(tmp_path / "model.zip")
    loaded = MaskablePPO.load(tmp_path / "model.zip", device="cpu")
    judged.seed(3)
    found = evaluate_policy(model, judged, n_eval_episodes=3, return_episode_rewards=True)
    judged.seed(3)
    assert evaluate_policy(loaded, judged, n_eval_episodes=3, return_episode_rewards=True) == found
    assert found[1] == [OPERATIONS] * 3


def make_flat() -> Any:
    return gymnasium.make(FLAT, **SMALL)


def test_single_environments_go_into_processes_of_sb3() -> None:
    env = SubprocVecEnv([make_flat, make_flat], start_method="spawn")
    try:
        env.seed(5)
        env.reset()
        masks = np.stack(env.env_method("action_masks"))
        assert masks.shape == (2, 4)
        _, rewards, over, infos = env.step(masks.argmax(axis=1))
        assert rewards.shape == (2,)
        assert not over.any()
        assert [info["illegal"] for info in infos] == [0, 0]
    finally:
        env.close()


@pytest.mark.parametrize("algorithm", [PPO, A2C, DQN])
def test_agents_without_masks_finish_every_greedy_episode(algorithm: Any) -> None:
    words = SMALL | {"illegal": "substitute"}
    env = VecMonitor(to_sb3(gymnasium.make_vec(FLAT, num_envs=COPIES, **words)))
    model = algorithm("MlpPolicy", env, seed=0, device="cpu", gamma=1.0, **SETTINGS[algorithm.__name__])
    model.learn(400)
    judged = to_sb3(gymnasium.make_vec(FLAT, num_envs=COPIES, **words))
    judged.seed(1)
    seen, ended = judged.reset(), 0
    for step in range(1, 3 * OPERATIONS + 1):
        actions, _ = model.predict(seen, deterministic=True)
        seen, _, over, infos = judged.step(actions)
        assert over.all() == (step % OPERATIONS == 0)
        ended += sum(over)
        assert not any(info.get("TimeLimit.truncated") for info in infos)
    assert ended == 3 * COPIES
