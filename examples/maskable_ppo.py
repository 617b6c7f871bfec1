"""Train sb3-contrib's MaskablePPO with its plain policy on 6x6 job shops (needs the extra `sb3`)."""

import argparse

import gymnasium
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import VecMonitor

from dispatchgym.envs.core.sb3 import to_sb3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--copies", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words = {"jobs": 6, "machines": 6, "observation": "candidates", "illegal": "raise"}
    envs = gymnasium.make_vec("dispatchgym:dispatchgym/JobShop-v0", num_envs=options.copies, **words)
    model = MaskablePPO(
        "MultiInputPolicy", VecMonitor(to_sb3(envs)), n_steps=72, batch_size=288, gamma=1.0, seed=options.seed, verbose=1
    )
    model.learn(options.steps)

    test = gymnasium.make("dispatchgym:dispatchgym/JobShop-v0", instance="ft06", observation="candidates")
    observation, info = test.reset()
    done = False
    while not done:
        action, _ = model.predict(observation, action_masks=info["action_mask"], deterministic=True)
        observation, _, terminated, truncated, info = test.step(action)
        done = terminated or truncated
    print(f"ft06: makespan {info['objective']}, optimum 55")


if __name__ == "__main__":
    main()
