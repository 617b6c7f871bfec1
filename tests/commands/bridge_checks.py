"""What a library has to be able to do with the environments, checked with the library itself: `make bridges` runs these.

    python tests/commands/bridge_checks.py torchrl     in an environment that has the library

Prints a line for each check; status 1 if one fails.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np

from dispatchgym.envs.core.masked import MaskedObservation

ID, FLAT = "dispatchgym:dispatchgym/JobShop-v0", "dispatchgym:dispatchgym/JobShopFlat-v0"
SIZE = {"jobs": 6, "machines": 6}
STEPS = 36  # of an episode
Check = Callable[[], bool]


def torchrl() -> Iterator[tuple[str, Check]]:
    import torch
    from torchrl.envs import EnvBase, GymEnv, GymWrapper, TransformedEnv
    from torchrl.envs.transforms import ActionMask
    from torchrl.envs.utils import check_env_specs

    def single(**words: Any) -> TransformedEnv:
        return TransformedEnv(
            GymEnv(ID, **SIZE, observation="candidates", categorical_action_encoding=True, **words), ActionMask()
        )

    def batch() -> GymWrapper:
        envs = gymnasium.make_vec(ID, num_envs=4, **SIZE, observation="candidates", autoreset_mode="Disabled")
        return GymWrapper(MaskedObservation(envs, dtype=bool), categorical_action_encoding=True)

    def whole_episode() -> bool:
        played = single().rollout(2 * STEPS)
        return len(played) == STEPS and bool(played["next", "terminated"][-1])

    def specs() -> bool:
        check_env_specs(GymEnv(ID, **SIZE, observation="candidates", categorical_action_encoding=True))
        check_env_specs(batch())
        return True

    def last_observations(env: EnvBase, key: str) -> bool:
        played = env.rollout(2 * STEPS, break_when_any_done=False)
        last = played["next", key][played["next", "done"].squeeze(-1)]
        return len(last) == 8 and bool((last != 0).any(-1).all())

    def of_rows() -> bool:  # TorchRL looks for the last one of a dictionary under another key, and finds zeros
        envs = gymnasium.make_vec(FLAT, num_envs=4, **SIZE, illegal="substitute")
        return last_observations(GymWrapper(envs, categorical_action_encoding=True), "observation")

    torch.manual_seed(0)
    yield "GymEnv(id) with ActionMask plays a whole episode", whole_episode
    yield "check_env_specs of GymEnv and of the batch", specs
    yield (
        "the batch with DISABLED: last observations",
        lambda: last_observations(TransformedEnv(batch(), ActionMask()), "observations"),
    )
    yield "the batch of rows with SAME_STEP: last observations", of_rows


def tianshou() -> Iterator[tuple[str, Check]]:
    from tianshou.algorithm.random import MARLRandomDiscreteMaskedOffPolicyAlgorithm as Random
    from tianshou.data import Collector
    from tianshou.env import DummyVectorEnv

    def make() -> gymnasium.Env[Any, Any]:
        return MaskedObservation(gymnasium.make(ID, **SIZE, observation="candidates"), "obs", "mask", bool)

    def masked() -> bool:
        collector = Collector(Random(action_space=make().action_space), DummyVectorEnv([make] * 4))
        collector.reset()
        found = collector.collect(n_episode=8)
        return bool((found.lens == STEPS).all())  # an illegal action would make an episode longer

    yield "random masked play of a vector: every episode has its length", masked


def skrl() -> Iterator[tuple[str, Check]]:
    import torch
    from skrl.envs.wrappers.torch import wrap_env

    def wrapped() -> bool:
        env = wrap_env(gymnasium.make_vec(FLAT, num_envs=4, **SIZE), wrapper="gymnasium")
        seen, _ = env.reset()
        ended = []
        for _ in range(STEPS):
            seen, reward, terminated, *_ = env.step(seen[:, -env.action_space.n :].argmax(-1, keepdim=True))
            ended.append(bool(terminated.all()))
        return ended == [False] * (STEPS - 1) + [True] and seen.shape[0] == 4 and bool(torch.isfinite(reward).all())

    yield "the wrapped batch plays whole episodes", wrapped


def rllib() -> Iterator[tuple[str, Check]]:
    from ray.rllib.algorithms.algorithm import Algorithm
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.core.rl_module.rl_module import RLModuleSpec
    from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
    from ray.tune.registry import register_env

    words = {**SIZE, "observation": "candidates"}

    def one(config: Any) -> Any:
        return MaskedObservation(gymnasium.make(ID, **words), dtype="float32")

    def batch(config: Any) -> Any:
        envs = gymnasium.make_vec(ID, num_envs=config.get("num_envs", 1), autoreset_mode="NextStep", **words)
        return MaskedObservation(envs, dtype="float32")

    register_env("one", one)
    register_env("batch", batch)
    probe = one({})

    def algorithm(env: str, runners: int, copies: int, vector: str) -> Algorithm:
        config = (
            PPOConfig()
            .environment(env, observation_space=probe.observation_space, action_space=probe.action_space)
            .env_runners(num_env_runners=runners, num_envs_per_env_runner=copies, gym_env_vectorize_mode=vector)
            .rl_module(
                rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule, model_config={"head_fcnet_hiddens": [32]})
            )
            .training(gamma=1.0, train_batch_size_per_learner=576, minibatch_size=288, num_epochs=1)
            .debugging(seed=0)
        )
        return config.build_algo()

    def two_runners() -> bool:
        trained = algorithm("one", 2, 4, "sync")
        found = trained.train()["env_runners"]
        trained.stop()
        return bool(found["episode_len_mean"] == STEPS and -1.5 < found["episode_return_mean"] < 0)

    def episodes() -> bool:
        sampled = algorithm("batch", 0, 8, "vector_entry_point")
        found = sampled.env_runner.sample(num_episodes=24)
        sampled.stop()
        lengths = [len(episode) for episode in found]
        ends = [episode.get_observations(-1)["action_mask"].any() for episode in found]
        return lengths == [STEPS] * len(found) and len(found) >= 24 and not any(ends)

    def restored() -> bool:
        trained = algorithm("batch", 0, 8, "vector_entry_point")
        trained.train()
        with tempfile.TemporaryDirectory() as folder:
            other = Algorithm.from_checkpoint(trained.save_to_path(folder))
        weights = [a.get_module().get_state() for a in (trained, other)]
        trained.stop()
        other.stop()
        return bool(weights[0]) and all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])

    yield "single environments, two runners, masking module: an iteration of PPO", two_runners
    yield "the batch by vector_entry_point: lengths and last observations", episodes
    yield "a checkpoint that is loaded has the same weights", restored


CHECKS = {"torchrl": torchrl, "tianshou": tianshou, "skrl": skrl, "rllib": rllib}


def main(name: str) -> int:
    """0, or 1 if a check fails."""
    failed = 0
    for what, check in CHECKS[name]():
        try:
            outcome = "ok" if check() else "FAILED: is not so"
        except Exception as error:  # the next check is still of interest
            outcome = f"FAILED: {type(error).__name__}: {str(error)[:300]}"
        failed |= outcome != "ok"
        print(f"check: {what}: {outcome}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
