"""Stable-Baselines3's view of a vector environment; SB3 takes no Gymnasium VectorEnv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from dispatchgym.envs.core.vector import DispatchVectorEnv
from dispatchgym.instances.errors import InputError


def to_sb3(vector_env: VectorEnv[Any, Any, Any]) -> DispatchVecEnv:
    """`vector_env` (from `gymnasium.make_vec`) as an SB3 VecEnv; masks are found by sb3-contrib's MaskablePPO.

    Wrap it in SB3's VecMonitor for episode statistics. Raises InputError for a vector environment of another suite,
    or in another autoreset mode than SAME_STEP.
    """
    inner = vector_env.unwrapped
    if not isinstance(inner, DispatchVectorEnv):
        raise InputError(f"{type(inner).__name__} is not a vector environment of dispatchgym")
    if inner.autoreset_mode is not AutoresetMode.SAME_STEP:
        raise InputError(f"Stable-Baselines3 needs autoreset_mode=SameStep, not {inner.autoreset_mode.value}")
    return DispatchVecEnv(inner)


class DispatchVecEnv(VecEnv):
    """One step of the batch for all copies; `infos[b]["terminal_observation"]` where an episode of copy b ended."""

    def __init__(self, inner: DispatchVectorEnv) -> None:
        self.inner = inner
        inner.show_names()  # infos of single copies may hold text
        super().__init__(inner.num_envs, inner.single_observation_space, inner.single_action_space)

    def reset(self) -> VecEnvObs:
        seeds = self._seeds if any(s is not None for s in self._seeds) else None
        chosen = self._options[0] if self._options and self._options[0] else None
        observation, infos = self.inner.reset(seed=seeds, options=chosen)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = self._rows(infos, range(self.num_envs))
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        observation, reward, terminated, truncated, batch = self.inner.step(self._actions)
        infos = self._rows(batch, range(self.num_envs))
        over = terminated | truncated
        ended = np.flatnonzero(over).tolist()
        for b, last in zip(ended, self._rows(batch.get("final_info", {}), ended), strict=True):
            self.reset_infos[b] = infos[b]
            cut = bool(truncated[b] and not terminated[b])
            infos[b] = last | {"terminal_observation": batch["final_obs"][b], "TimeLimit.truncated": cut}
        return observation, reward.astype(np.float32), over, infos

    def close(self) -> None:
        self.inner.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        value = getattr(self.inner, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the batch; InputError if only some copies are named, for they share it."""
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise InputError(f"attribute {attr_name!r} is shared by all copies and cannot be set for some")
        setattr(self.inner, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """One result a copy: rows of `action_masks`, or `schedule` and `render` of each."""
        chosen = list(self._get_indices(indices))
        if method_name == "schedule":
            return [self.inner.schedule(b) for b in chosen]
        result = getattr(self.inner, method_name)(*args, **kwargs)
        return [None if result is None else result[b] for b in chosen]

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[np.ndarray | None]:
        return self.inner.render() or [None] * self.num_envs

    @staticmethod
    def _rows(batch: dict[str, Any], copies: Iterable[int]) -> list[dict[str, Any]]:
        """The infos of single copies out of Gymnasium's vector format."""
        keys = [key for key in batch if not key.startswith("_") and key not in ("final_obs", "final_info")]
        columns = [batch[k] if batch[k].ndim > 1 else batch[k].tolist() for k in keys]
        return [{key: column[b] for key, column in zip(keys, columns, strict=True)} for b in copies]
