"""PPO in one file in the manner of CleanRL, on the compiled batch of 6x6 job shops: half a minute of CPU time."""

import argparse

import gymnasium
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=120_000)
options, _ = parser.parse_args(), torch.manual_seed(0)
COPIES, LENGTH, ID = 64, 36, "dispatchgym:dispatchgym/JobShopFlat-v0"
envs = gymnasium.make_vec(ID, num_envs=COPIES, jobs=6, machines=6)
size, choices = envs.single_observation_space.shape[0], int(envs.single_action_space.n)
actor = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, choices))
critic = nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
adam = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=1e-3)


def policy(seen: torch.Tensor) -> Categorical:
    return Categorical(logits=actor(seen) - 1e8 * (1 - seen[..., -choices:]))  # the mask is the last part of a row


def makespan() -> float:
    test = gymnasium.make_vec(ID, num_envs=50, jobs=6, machines=6, pool=50, pool_seed=999)
    seen, _ = test.reset(seed=0)
    found = np.full(50, -1)
    while (found < 0).any():
        with torch.no_grad():
            seen, _, over, _, infos = test.step(policy(torch.as_tensor(seen)).probs.argmax(-1).numpy())
        if over.any():
            found[over] = infos["final_info"]["objective"][over]
    return float(found.mean())


print(f"untrained: mean makespan {makespan():.0f}")
seen = torch.as_tensor(envs.reset(seed=0)[0])
for _ in range(options.steps // (COPIES * LENGTH)):
    rows = []
    for _ in range(LENGTH):  # an episode has 36 decisions: every copy ends its own with the batch
        with torch.no_grad():
            action = policy(seen).sample()
        after, reward, *_ = envs.step(action.numpy())
        rows.append((seen, action, torch.as_tensor(reward, dtype=torch.float32)))
        seen = torch.as_tensor(after)
    states, actions, rewards = (torch.stack(part) for part in zip(*rows, strict=True))
    returns = rewards.flip(0).cumsum(0).flip(0)  # gamma 1
    with torch.no_grad():
        old, gain = policy(states).log_prob(actions), returns - critic(states)[..., 0]
    gain = (gain - gain.mean()) / gain.std()
    for _ in range(4):
        now = policy(states)
        ratio = (now.log_prob(actions) - old).exp()
        clipped = torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
        adam.zero_grad()
        ((critic(states)[..., 0] - returns).square().mean() - clipped - 0.005 * now.entropy().mean()).backward()
        adam.step()
print(f"trained: mean makespan {makespan():.0f}")
