"""Train sb3-contrib's MaskablePPO on 6x6 job shops and compare the saved model with rules (needs the extra `sb3`)."""

import argparse

import gymnasium
from sb3_contrib import MaskablePPO

from dispatchgym import compare
from dispatchgym.envs.core.sb3 import to_sb3

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=20_000)
parser.add_argument("--model", default="model.zip")
options = parser.parse_args()

envs = gymnasium.make_vec("dispatchgym:dispatchgym/JobShop-v0", num_envs=16, jobs=6, machines=6, observation="candidates")
model = MaskablePPO("MultiInputPolicy", to_sb3(envs), n_steps=72, batch_size=288, gamma=1.0, seed=0, device="cpu")
model.learn(options.steps)
model.save(options.model)

# Greedy, and the best of 16 sampled episodes. On the command line: --methods policy@sb3:model.zip
print(compare(["ft06"], ["mwkr", f"policy@sb3:{options.model}", f"policy@sb3:{options.model}:x16"], workers=2))
