"""The same network as a policy class of sb3-contrib, so that MaskablePPO trains it on the SB3 adapter.

Stable-Baselines3 knows no encode-once: the graph observation of every step is encoded again, which is the slow but
universal way. Use the graph observation: `policy=DispatchPolicy` with `make_vec(..., observation="graph")`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor

from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Choices, Graph, Policy, PolicyConfig
from dispatchgym.agents.rollout import flatten
from dispatchgym.envs.core.contract import Features, Observation
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import hold

if TYPE_CHECKING:
    from dispatchgym.agents.settings import TrainConfig
    from dispatchgym.agents.training import Training


class DispatchPolicy(MaskableActorCriticPolicy):
    """Actor and critic of `network.Policy` on the suite's graph observations; any family, any size.

    `network` may carry `width`, `layers`, `hidden`, `attention` of PolicyConfig.
    """

    def __init__(self, observation_space: gymnasium.spaces.Dict, action_space: Any, lr_schedule: Any, **options: Any) -> None:
        self.shape = options.pop("network", {})
        if "tasks" not in getattr(observation_space, "spaces", {}):
            raise InputError('DispatchPolicy needs observation="graph", and no Flat environment: it reads the graph')
        if "use_sde" in options:  # MaskablePPO has no such setting, every algorithm without masks passes it on
            raise InputError("DispatchPolicy needs sb3-contrib's MaskablePPO: this algorithm passes no action masks")
        super().__init__(observation_space, action_space, lr_schedule, **options)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        size = {name: space.shape[-1] for name, space in self.observation_space.spaces.items()}  # type: ignore[attr-defined]
        features = Features(size["candidates"], size["context"], size["tasks"], size["resources"], size["runs_on_features"])
        self.network = Policy(PolicyConfig(features, **self.shape))
        self.action_dist = MaskableCategoricalDistribution(int(self.action_space.n))  # type: ignore[attr-defined]
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def judge(self, obs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (B, K), very negative where illegal, and values (B,)."""
        graph, choices, where = as_input(obs)
        logp, value = self.network(graph, choices)
        logits = logp.new_full(obs["action_mask"].shape, -1e8)
        logits[where] = logp
        return logits, value

    def _distribution(self, logits: Tensor, masks: Any) -> MaskableCategoricalDistribution:
        distribution = MaskableCategoricalDistribution(logits.shape[1])
        distribution.proba_distribution(logits)
        if masks is not None:
            distribution.apply_masking(masks)
        return distribution

    def forward(self, obs: Any, deterministic: bool = False, action_masks: Any = None) -> tuple[Tensor, Tensor, Tensor]:
        logits, value = self.judge(obs)
        distribution = self._distribution(logits, action_masks)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, value.unsqueeze(-1), distribution.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: Tensor, action_masks: Any = None) -> tuple[Tensor, Tensor, Tensor | None]:
        logits, value = self.judge(obs)
        distribution = self._distribution(logits, action_masks)
        return value.unsqueeze(-1), distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: Any, action_masks: Any = None) -> MaskableCategoricalDistribution:
        return self._distribution(self.judge(obs)[0], action_masks)

    def predict_values(self, obs: Any) -> Tensor:
        return self.judge(obs)[1].unsqueeze(-1)


def as_input(obs: dict[str, Tensor]) -> tuple[Graph, Choices, tuple[Tensor, Tensor]]:
    """Batched dictionary observations as network input, and the (row, choice) of every legal choice.

    A copy without legal choices (after its last step) gets its first choice, so that its value exists.
    """
    indices = ("candidate_task", "candidate_resource", "precedes", "runs_on")
    o = Observation(
        mask=obs["action_mask"], **{k: obs[k].long() if k in indices else obs[k].float() for k in Observation._fields[1:]}
    )
    mask = o.mask > 0
    mask[:, 0] |= ~mask.any(dim=1)
    row, choice = mask.nonzero(as_tuple=True)
    task = row * o.tasks.shape[1] + o.candidate_task[row, choice].clamp(min=0)
    resource = row * o.resources.shape[1] + o.candidate_resource[row, choice].clamp(min=0)
    return flatten(o), Choices(o.candidates[row, choice], task, resource, row, o.context), (row, choice)


def train(
    training: Training,
    config: TrainConfig,
    out: Path,
    *,
    initial: Path | None = None,
    stopped: Callable[[], bool] = lambda: False,
    begun: Callable[[], None] = lambda: None,
) -> int:
    """Train with MaskablePPO and save a policy like every learner's; returns the number of environment steps.

    Ends after config.steps environment steps (or config.minutes), or when `stopped()` is true after a step; saves then. `begun()`
    is called once the folder is this run's. Raises
    InputError for settings that cannot be, for a folder that holds a policy, and for one that another training writes to.
    """
    from dispatchgym.agents.bounds import validate
    from dispatchgym.agents.trainer import training_sizes

    validate(config)
    sizes = training_sizes(training, config.sizes)
    weights = None if initial is None else checkpoint.load_policy(initial, training.name)[0].state_dict()
    checkpoint.writable(out)
    lock = hold(out, f"{out}: another training is writing to it")
    try:
        held = next((name for name in ("policy.safetensors", "training.safetensors") if os.path.lexists(out / name)), None)
        if held is not None:
            raise InputError(f"{out} holds a run already ({held}); choose another --out")
        begun()
        return _train(training, config, out, sizes, weights, stopped)
    finally:
        if lock is not None:
            os.close(lock)


def _train(
    training: Training,
    config: TrainConfig,
    out: Path,
    sizes: Sequence[str],
    weights: dict[str, Tensor] | None,
    stopped: Callable[[], bool],
) -> int:
    from stable_baselines3.common.callbacks import BaseCallback

    from dispatchgym.agents.trainer import settings
    from dispatchgym.envs.core.sb3 import to_sb3

    rng = np.random.default_rng(config.seed)
    pool = [x for _ in range(16) for x in training.draw(rng, 16, sizes, config.hard)]
    vector = gymnasium.make_vec(
        training.gymnasium_id,
        num_envs=config.instances,
        instance=pool,
        observation="graph",
        device=config.device,
        **training.keywords,
    )
    shape = {"width": config.width, "layers": config.layers, "hidden": config.hidden, "attention": config.attention}
    model = MaskablePPO(
        DispatchPolicy, to_sb3(vector), seed=config.seed, n_steps=128, batch_size=256, gamma=1.0, learning_rate=config.rate,
        gae_lambda=config.ppo.gae_decay, clip_range=config.ppo.clip, ent_coef=config.ppo.entropy,
        policy_kwargs={"network": shape},
        device="cuda" if config.device == "cuda" and torch.cuda.is_available() else "cpu", verbose=1,
    )  # fmt: skip
    network: Policy = model.policy.network  # type: ignore[assignment]
    if weights is not None:
        network.load_state_dict(weights)

    class Deadline(BaseCallback):
        """Stop after the minutes asked for, or when told to."""

        def _on_step(self) -> bool:
            in_time = config.minutes is None or time.time_ns() - self.model.start_time < config.minutes * 60e9
            return in_time and not stopped()

    model.learn(config.steps or 10**12, callback=Deadline())
    about = {"problem": training.name, "config": settings(training, config), "environment_steps": int(model.num_timesteps)}
    checkpoint.save_policy(out, network, network.state_dict(), about)
    return int(model.num_timesteps)
