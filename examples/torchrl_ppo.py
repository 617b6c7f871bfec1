"""TorchRL's PPO with masks on the compiled batch of 6x6 job shops (needs torchrl)."""

import argparse

import gymnasium
import torch
from tensordict.nn import ProbabilisticTensorDictModule, ProbabilisticTensorDictSequential, TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import GymWrapper
from torchrl.envs.utils import ExplorationType, set_exploration_type
from torchrl.modules import MaskedCategorical, ValueOperator
from torchrl.objectives import ClipPPOLoss

from dispatchgym.envs.core.masked import MaskedObservation

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=60_000)
options, _ = parser.parse_args(), torch.manual_seed(0)
COPIES, ID = 64, "dispatchgym:dispatchgym/JobShop-v0"


def make(copies: int, **words: object) -> GymWrapper:
    words |= {"jobs": 6, "machines": 6, "observation": "candidates", "autoreset_mode": "Disabled"}  # TorchRL resets
    envs = gymnasium.make_vec(ID, num_envs=copies, **words)
    return GymWrapper(MaskedObservation(envs, dtype=bool), categorical_action_encoding=True)


env = make(COPIES)
size, choices = env.observation_spec["observations"].shape[-1], env.action_spec.space.n
actor = nn.Sequential(nn.Linear(size, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, choices))
head = ProbabilisticTensorDictModule(
    in_keys={"logits": "logits", "mask": "action_mask"},
    out_keys=["action"], distribution_class=MaskedCategorical, return_log_prob=True,
)  # fmt: skip
policy = ProbabilisticTensorDictSequential(TensorDictModule(actor, ["observations"], ["logits"]), head)
critic = ValueOperator(nn.Sequential(nn.Linear(size, 128), nn.Tanh(), nn.Linear(128, 1)), in_keys=["observations"])
loss_of = ClipPPOLoss(policy, critic, entropy_coeff=0.005, normalize_advantage=True)
loss_of.make_value_estimator(gamma=1.0, lmbda=0.95)
adam = torch.optim.Adam(loss_of.parameters(), lr=1e-3)


def test_return() -> float:  # mean of greedy episodes on 50 unseen instances
    with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
        return float(make(50, pool=50, pool_seed=999).rollout(36, policy)["next", "reward"].sum(1).mean())


print(f"untrained: mean return {test_return():.3f}")
collector = Collector(env, policy, frames_per_batch=36 * COPIES, total_frames=options.steps)
for batch in collector:
    with torch.no_grad():
        loss_of.value_estimator(batch)
    for _ in range(4):
        for part in batch.reshape(-1)[torch.randperm(batch.numel())].split(1152):
            losses = loss_of(part)
            adam.zero_grad()
            (losses["loss_objective"] + losses["loss_critic"] + losses["loss_entropy"]).backward()
            adam.step()
collector.shutdown()
print(f"trained: mean return {test_return():.3f}")
