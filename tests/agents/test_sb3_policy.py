"""The network as an sb3-contrib policy: MaskablePPO trains it, and its checkpoint is like any other."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO

from dispatchgym.agents import checkpoint
from dispatchgym.agents.jobshop import TRAINING
from dispatchgym.agents.sb3_policy import DispatchPolicy, as_input, train
from dispatchgym.agents.settings import PPOConfig, TrainConfig
from dispatchgym.envs.core.sb3 import to_sb3
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from tests.agents.trainings import solve

ID = "dispatchgym:dispatchgym/JobShop-v0"
SMALL = {"width": 8, "layers": 1, "hidden": 8}


def test_maskable_ppo_trains_the_network_without_an_illegal_action() -> None:
    vector = gymnasium.make_vec(ID, num_envs=4, jobs=4, machines=3, pool=8, illegal="raise")
    model = MaskablePPO(DispatchPolicy, to_sb3(vector), n_steps=32, batch_size=32, policy_kwargs={"network": SMALL}, seed=0)
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(256)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))


def test_the_policy_puts_no_probability_on_illegal_choices() -> None:
    vector = gymnasium.make_vec(ID, num_envs=3, jobs=4, machines=3, pool=8)
    model = MaskablePPO(DispatchPolicy, to_sb3(vector), n_steps=8, batch_size=8, policy_kwargs={"network": SMALL}, seed=0)
    observation, info = vector.reset(seed=1)
    tensors = {k: torch.from_numpy(np.asarray(v)) for k, v in observation.items()}
    chances = model.policy.get_distribution(tensors).distribution.probs
    assert (chances[torch.from_numpy(info["action_mask"]) == 0] < 1e-6).all()
    torch.testing.assert_close(chances.sum(dim=1), torch.ones(3))
    _, choices, (row, choice) = as_input(tensors)
    assert len(row) == int((info["action_mask"] == 1).sum()) == len(choices.features)
    assert (info["action_mask"][row, choice] == 1).all()


def test_the_sb3_learner_saves_a_policy_that_solves(tmp_path: Path) -> None:
    config = TrainConfig(learner="sb3", steps=256, sizes=("3x3",), instances=2, **SMALL, ppo=PPOConfig())
    train(TRAINING, config, tmp_path)
    assert checkpoint.load_policy(tmp_path, "jobshop")[1]["environment_steps"] >= 256
    assert solve(generate(3, 3, seed=0), f"policy@{tmp_path}").objective is not None


@pytest.mark.parametrize(("name", "words"), [("JobShop-v0", {"observation": "candidates"}), ("JobShopFlat-v0", {})])
def test_the_policy_needs_the_graph(name: str, words: dict[str, str]) -> None:
    vector = gymnasium.make_vec(f"dispatchgym:dispatchgym/{name}", num_envs=2, jobs=3, machines=3, pool=2, **words)
    with pytest.raises(InputError, match='DispatchPolicy needs observation="graph", and no Flat environment'):
        MaskablePPO(DispatchPolicy, to_sb3(vector), n_steps=8, batch_size=8)


def test_the_policy_needs_masks() -> None:
    vector = gymnasium.make_vec(ID, num_envs=2, jobs=3, machines=3, pool=2)
    with pytest.raises(InputError, match="DispatchPolicy needs sb3-contrib's MaskablePPO"):
        PPO(DispatchPolicy, to_sb3(vector), n_steps=8, batch_size=8)
