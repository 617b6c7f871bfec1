"""skrl's PPO on the compiled batch of 6x6 job shops; its policy masks by the tail of a row: half a minute (needs skrl)."""

import argparse

import gymnasium
import torch
from skrl.agents.torch.ppo import PPO
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import CategoricalMixin, DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch.nn import Linear, Sequential, Tanh

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=64_000)
options = parser.parse_args()
set_seed(0)
ID, SIZE, COPIES, STEPS = "dispatchgym:dispatchgym/JobShopFlat-v0", {"jobs": 6, "machines": 6}, 64, 36


class Policy(CategoricalMixin, Model):
    def __init__(self, **words: object) -> None:
        Model.__init__(self, **words)
        CategoricalMixin.__init__(self)
        self.net = Sequential(Linear(self.num_observations, 128), Tanh(), Linear(128, self.num_actions))

    def compute(self, inputs: dict, role: str = "") -> tuple:
        mask = inputs["observations"][:, -self.num_actions :]  # skrl knows none: a flat row ends with it
        return self.net(inputs["observations"]) - 1e8 * (1 - mask), {}


class Value(DeterministicMixin, Model):
    def __init__(self, **words: object) -> None:
        Model.__init__(self, **words)
        DeterministicMixin.__init__(self)
        self.net = Sequential(Linear(self.num_observations, 128), Tanh(), Linear(128, 1))

    def compute(self, inputs: dict, role: str = "") -> tuple:
        return self.net(inputs["observations"]), {}


def makespan() -> float:
    """Mean of 50 greedy episodes on unseen instances; each has STEPS operations, so all end together."""
    test = gymnasium.make_vec(ID, num_envs=50, pool=50, pool_seed=999, **SIZE)
    seen, _ = test.reset(seed=0)
    for _ in range(STEPS):
        seen, *_, infos = test.step(policy.compute({"observations": torch.as_tensor(seen)})[0].argmax(-1).numpy())
    return float(infos["final_info"]["objective"].mean())


envs = wrap_env(gymnasium.make_vec(ID, num_envs=COPIES, **SIZE), wrapper="gymnasium")
words = {"observation_space": envs.observation_space, "action_space": envs.action_space, "device": "cpu"}
policy, memory = Policy(**words), RandomMemory(memory_size=STEPS, num_envs=COPIES, device="cpu")
settings = {"rollouts": STEPS, "learning_epochs": 4, "mini_batches": 4, "discount_factor": 1.0, "entropy_loss_scale": 0.01}
agent = PPO(models={"policy": policy, "value": Value(**words)}, memory=memory, cfg=settings, **words)
print(f"untrained: mean makespan {makespan():.0f}")
SequentialTrainer(env=envs, agents=agent, cfg={"timesteps": options.steps // COPIES, "headless": True}).train()
print(f"trained: mean makespan {makespan():.0f}")
