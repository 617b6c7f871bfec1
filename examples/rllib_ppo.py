"""RLlib's PPO with its masking module on the compiled batch of 6x6 job shops: some minutes (ray[rllib])."""

import argparse

import gymnasium
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env

from dispatchgym.envs.core.masked import MaskedObservation

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--iterations", type=int, default=8)
options = parser.parse_args()


def make(config: dict) -> gymnasium.vector.VectorEnv:
    """RLlib reads the observation after an end as the first of the next episode: that is NEXT_STEP."""
    envs = gymnasium.make_vec(
        "dispatchgym:dispatchgym/JobShop-v0", num_envs=config.get("num_envs", 1), jobs=6, machines=6,
        observation="candidates", autoreset_mode="NextStep",
    )  # fmt: skip
    return MaskedObservation(envs, dtype="float32")


register_env("job-shops", make)
probe = make({})
config = (
    PPOConfig()
    .environment("job-shops", observation_space=probe.single_observation_space, action_space=probe.single_action_space)
    .env_runners(num_env_runners=0, num_envs_per_env_runner=32, gym_env_vectorize_mode="vector_entry_point")
    .rl_module(
        rl_module_spec=RLModuleSpec(module_class=ActionMaskingTorchRLModule, model_config={"head_fcnet_hiddens": [128, 128]})
    )
    .training(gamma=1.0, lr=1e-3, train_batch_size_per_learner=2304, minibatch_size=288, num_epochs=5)
    .debugging(seed=0)
)
algorithm = config.build_algo()
for i in range(options.iterations):
    found = algorithm.train()["env_runners"]
    if i in (0, options.iterations - 1):  # of sampled play, before the first update and before the last
        word = "trained" if i else "untrained"
        print(f"{word}: mean return {found['episode_return_mean']:.3f}, length {found['episode_len_mean']:.0f}")
algorithm.stop()
