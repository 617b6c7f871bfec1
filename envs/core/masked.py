"""The two-key observation that many libraries expect of environments with masks: flat features, and beside them the mask."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space

from dispatchgym.envs.core.face import LIMIT, Face
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown


class _Layout:
    """How observations of one environment become two keys. `lead` is () for a single one and (B,) for a batch."""

    def __init__(self, env: Any, observation: str, mask: str, dtype: npt.DTypeLike) -> None:
        inner = env.unwrapped
        if not isinstance(inner, Face):
            raise InputError(f"{type(inner).__name__} is not an environment of dispatchgym")
        if observation == mask:
            raise InputError(f"observation and mask are both called {shown(mask)}")
        self.observation, self.mask, self.dtype = observation, mask, np.dtype(dtype)
        self.choices = int(inner.engine.sizes.actions)
        old = getattr(inner, "single_observation_space", None) or inner.observation_space  # type: ignore[attr-defined]
        shapes = old.spaces.values() if isinstance(old, spaces.Dict) else [old]
        count = sum(int(np.prod(space.shape)) for space in shapes if space.shape is not None) - self.choices
        self.space = spaces.Dict(
            {
                observation: spaces.Box(-LIMIT, LIMIT, (count,), np.float32),
                mask: spaces.Box(0, 1, (self.choices,), self.dtype.type),
            }
        )

    def __call__(self, seen: Any, lead: tuple[int, ...] = ()) -> dict[str, npt.NDArray[Any]]:
        if isinstance(seen, dict):
            mask = seen["action_mask"]
            parts = [value.reshape(*lead, -1) for key, value in seen.items() if key != "action_mask"]
            features = np.concatenate(parts, axis=-1, dtype=np.float32, casting="unsafe")  # the graph's edges are integers
        else:
            features, mask = seen[..., : -self.choices], seen[..., -self.choices :]
        return {self.observation: np.array(features, np.float32), self.mask: np.array(mask, self.dtype)}


class _Single(gymnasium.ObservationWrapper[Any, Any, Any]):
    def __init__(self, env: gymnasium.Env[Any, Any], layout: _Layout) -> None:
        super().__init__(env)
        self._layout, self.observation_space = layout, layout.space

    def observation(self, observation: Any) -> Any:
        return self._layout(observation)


class _Batch(VectorWrapper):  # generic in later versions of Gymnasium only
    def __init__(self, env: VectorEnv[Any, Any, Any], layout: _Layout) -> None:
        super().__init__(env)
        self._layout, self.single_observation_space = layout, layout.space
        self.observation_space = batch_space(layout.space, env.num_envs)
        self.autoreset_mode = env.metadata["autoreset_mode"]  # some libraries look for it here

    def reset(self, **words: Any) -> tuple[Any, dict[str, Any]]:
        seen, infos = self.env.reset(**words)
        return self._layout(seen, (self.num_envs,)), infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        seen, reward, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            final = np.empty(self.num_envs, object)
            for row in np.flatnonzero(infos["_final_obs"]):
                final[row] = self._layout(infos["final_obs"][row])
            infos = infos | {"final_obs": final}
        return self._layout(seen, (self.num_envs,)), reward, terminated, truncated, infos


def MaskedObservation(
    env: Any, observation: str = "observations", mask: str = "action_mask", dtype: npt.DTypeLike = np.int8
) -> Any:
    """`env`, single or batch, with observations of two keys: float32 features without the mask, and the mask of type `dtype`.

    RLlib's masking module takes the default names with dtype float32, Tianshou ("obs", "mask") with bool, PettingZoo's
    convention is ("observation", "action_mask"). Arrays of a Dict observation are flattened and joined in its order. Raises
    InputError for an environment of another suite.
    """
    layout = _Layout(env, observation, mask, dtype)
    return _Batch(env, layout) if isinstance(env, VectorEnv) else _Single(env, layout)
