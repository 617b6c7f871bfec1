"""SB3's PPO, which knows no masks, on 6x6 job shops: with illegal="substitute" every episode ends (needs the extra `sb3`)."""

import argparse

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from dispatchgym.envs.core.sb3 import to_sb3

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=60_000)
options = parser.parse_args()
ID, WORDS = "dispatchgym:dispatchgym/JobShopFlat-v0", {"jobs": 6, "machines": 6, "illegal": "substitute"}


def test_return(model: PPO) -> float:
    """Mean return of 50 greedy episodes on unseen instances; a return is (bound - makespan) / bound."""
    envs = VecMonitor(to_sb3(gymnasium.make_vec(ID, num_envs=10, pool=50, pool_seed=999, **WORDS)))
    envs.seed(0)
    mean, _ = evaluate_policy(model, envs, n_eval_episodes=50)
    return float(mean)


envs = VecMonitor(to_sb3(gymnasium.make_vec(ID, num_envs=32, **WORDS)))
model = PPO("MlpPolicy", envs, n_steps=72, batch_size=288, n_epochs=4, gamma=1.0, seed=0, device="cpu")
print(f"untrained: mean return {test_return(model):.3f}")
model.learn(options.steps)
print(f"trained: mean return {test_return(model):.3f}")
