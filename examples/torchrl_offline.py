"""TorchRL's conservative Q-learning (CQL) on a Minari data set that `dispatchgym export` wrote: a minute (torchrl, minari)."""

import argparse
import os
import tempfile

import gymnasium
import minari
import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch.nn import Linear, ReLU, Sequential
from torchrl.modules import QValueModule
from torchrl.objectives import DiscreteCQLLoss, SoftUpdate

from dispatchgym.__main__ import main as dispatchgym

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--updates", type=int, default=1000)
options = parser.parse_args()
torch.manual_seed(0)
shops, methods = "uniform/j6/m6/s0..s199", ["--methods", "random", "tabu:moves=300"]
with tempfile.TemporaryDirectory() as folder:
    os.environ["MINARI_DATASETS_PATH"] = folder
    assert dispatchgym(["export", shops, "--family", "jobshop", "--minari", "shops/6x6-v0", "--out", folder, *methods]) == 0
    episodes = list(minari.load_dataset("shops/6x6-v0").iterate_episodes())
join = lambda columns: torch.cat([torch.as_tensor(column) for column in columns])  # noqa: E731
ends = join(e.terminations for e in episodes)[:, None]
reward = join(e.rewards for e in episodes).float()[:, None]
after = {"observation": join(e.observations[1:] for e in episodes), "reward": reward, "terminated": ends, "done": ends}
data = {"observation": join(e.observations[:-1] for e in episodes), "action": join(e.actions for e in episodes), "next": after}
data = TensorDict(data, [len(ends)])
test = gymnasium.make_vec("dispatchgym:dispatchgym/JobShopFlat-v0", num_envs=50, jobs=6, machines=6, pool=50, pool_seed=999)
size, choices = test.single_observation_space.shape[0], int(test.single_action_space.n)
net = Sequential(Linear(size, 256), ReLU(), Linear(256, 256), ReLU(), Linear(256, choices))
q = TensorDictSequential(
    TensorDictModule(net, ["observation"], ["action_value"]),
    TensorDictModule(lambda row: row[..., -choices:] > 0.5, ["observation"], ["action_mask"]),  # a row ends with the mask
    QValueModule(action_space="categorical", action_mask_key="action_mask"),
)
loss_of = DiscreteCQLLoss(q, action_space="categorical")
loss_of.make_value_estimator(gamma=1.0)
target, adam = SoftUpdate(loss_of, tau=0.01), torch.optim.Adam(loss_of.parameters(), lr=1e-3)


def makespan() -> float:  # mean of 50 greedy episodes on unseen instances; each has 36 operations, so all end together
    seen, _ = test.reset(seed=0)
    for _ in range(36):
        seen, *_, infos = test.step(q(TensorDict({"observation": torch.as_tensor(seen)}, [50]))["action"].numpy())
    return float(infos["final_info"]["objective"].mean())


print(f"untrained: mean makespan {makespan():.0f}")
for _ in range(options.updates):
    losses = loss_of(data[torch.randint(len(data), (256,))])
    adam.zero_grad()
    (losses["loss_qvalue"] + losses["loss_cql"]).backward()
    adam.step()
    target.step()
print(f"trained: mean makespan {makespan():.0f}")
