"""Tianshou's DQN with masks on 6x6 job shops: about a minute (needs tianshou)."""

import argparse

import gymnasium
import numpy as np
import torch
from tianshou.algorithm import DQN
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.utils.net.common import Net
from tianshou.utils.torch_utils import policy_within_training_step

from dispatchgym.envs.core.masked import MaskedObservation

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=12_000)
options = parser.parse_args()
np.random.seed(0)
torch.manual_seed(0)


def make(**words: object) -> gymnasium.Env:
    """Tianshou looks for the mask in observations of the form {"obs", "mask"}."""
    env = gymnasium.make(
        "dispatchgym:dispatchgym/JobShop-v0", jobs=6, machines=6, observation="candidates", reward="dense", **words
    )
    return MaskedObservation(env, "obs", "mask", bool)


one = make()
net = Net(state_shape=one.observation_space["obs"].shape, action_shape=one.action_space.n, hidden_sizes=(128, 128))
policy = DiscreteQLearningPolicy(
    model=net, action_space=one.action_space, observation_space=one.observation_space, eps_training=0.2, eps_inference=0.0
)
algorithm = DQN(policy=policy, optim=AdamOptimizerFactory(lr=1e-3), gamma=1.0, target_update_freq=300)
envs = DummyVectorEnv([make for _ in range(8)])
test = Collector(policy, DummyVectorEnv([lambda: make(pool=50, pool_seed=999) for _ in range(10)]))
collector = Collector(algorithm, envs, VectorReplayBuffer(20_000, 8), exploration_noise=True)


def test_return() -> float:
    """Mean return of 50 greedy episodes on unseen instances: (bound - makespan) / bound."""
    test.reset()
    return float(test.collect(n_episode=50, reset_before_collect=True).returns.mean())


print(f"untrained: mean return {test_return():.3f}")
collector.reset()
for _ in range(options.steps // 80):
    collector.collect(n_step=80)
    with policy_within_training_step(policy):
        for _ in range(8):
            algorithm.update(collector.buffer, sample_size=64)
print(f"trained: mean return {test_return():.3f}")
