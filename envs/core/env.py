"""The single Gymnasium environment: a batch of one of the engine."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.face import Face, seed_number
from dispatchgym.envs.core.keywords import whole

Looks = tuple[list[tuple[str, npt.NDArray[Any]]], npt.NDArray[np.int8]]  # of an observation by key, and of the mask


class DispatchEnv(Face, gymnasium.Env[Any, Any]):
    """One copy. `family` is the dotted path of the family's Keywords; with `flat` an observation is one Box.

    Further keywords: those of the family, and `observation`, `reward`, `illegal`, `device`, `render_mode`.

    `reset(options={"instance": ...})` plays a name, file or object in the coming episode; it must fit the spaces.
    An episode is truncated after twice as many steps as it has decisions. If there is nothing to decide, the mask is zero and
    the first step ends the episode with reward 0, whatever the action. Raises InputError for unknown keywords or
    values, and with illegal="raise" for illegal actions. With illegal="substitute" an illegal action a is replaced by legal
    action number a modulo their number, for agents without masks; `info["illegal"]` says so, and there is no penalty.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 4}  # type: ignore[misc]

    def __init__(self, *, family: str, flat: bool = False, render_mode: Literal["rgb_array"] | None = None, **words: Any) -> None:
        self._build(family, flat, 1, words, render_mode, None)
        self.observation_space, self.action_space = self._spaces()
        self._actions = int(self.action_space.n)
        self._looks: Looks | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_looks": None}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        seed = seed_number(seed)
        self._begin()
        super().reset(seed=seed)
        self._streams([seed])
        guest = self._invite(options, slice(None))
        self.engine.reset()
        if guest:
            self.engine.assign_rows([-1])
        self._row = int(self.engine.rows()[0])
        self._return, self._length = 0.0, 0
        self._told = {"instance": self._names[self._row], "lower_bound": int(self._bounds[self._row])}
        return self._observed(), self._info(False, -1)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._phase != "running":
            self._must_run("step")
        chosen = action if type(action) is int else whole(action, "the action")
        inside = 0 <= chosen < self._actions
        replaced = False
        if self.illegal != "ignore":
            chosen, replaced = self._permitted(chosen, inside)
            inside |= replaced
        self.engine.step_one(chosen if inside else -1)
        e = self.engine.arrays[1]
        reward, over = e.reward.item(), e.terminated.item() == 1
        self._return += reward
        self._length += 1
        info = self._info(replaced or e.illegal.item() == 1, e.final_objective.item() if over else -1)
        if over and self.family.metrics:
            measured = self.family.measure(self.engine, np.zeros(1, np.int64))[0]
            info |= dict(zip(self.family.metrics, measured.tolist(), strict=True))
        return self._observed(), reward, over, e.truncated.item() == 1, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(K,) which actions are legal now, as sb3-contrib asks for it."""
        return np.asarray(self.engine.arrays[1].legal[0] == 1)

    def schedule(self) -> Any:
        """The schedule so far: of the running episode, or of the one that just ended."""
        self._must_run("schedule")
        return self._played(0)[1]

    def render(self) -> npt.NDArray[np.uint8] | None:
        if self.render_mode != "rgb_array":
            return None
        self._must_run("render")
        return self._picture(0)

    def _permitted(self, action: int, inside: bool) -> tuple[int, bool]:
        """The action that is played, and whether it replaces an illegal one; InputError for that if illegal="raise"."""
        e = self.engine.arrays[1]
        if e.count[0] == 0 or (inside and e.legal[0, action]):
            return action, False
        if self.illegal == "raise":
            self._refuse(0, action)
        return int(e.choices[0, action % int(e.count[0])]), True

    def _look(self) -> Looks:
        """The engine's arrays of this one copy, where they stay the same."""
        o, e = self.engine.arrays
        looks = [(key, getattr(o, f)[0]) for key, f in zip(self._keys, self.fields, strict=True)], e.legal[0]
        if self.engine.on_host:
            self._looks = looks
        return looks

    def _observed(self) -> Any:
        if self.flat:
            return self._rows(0)
        return {key: array.copy() for key, array in (self._looks or self._look())[0]}

    def _info(self, illegal: bool, objective: int) -> dict[str, Any]:
        return {
            "action_mask": (self._looks or self._look())[1].copy(),
            "illegal": illegal,
            "objective": objective,
            "episode_return": self._return,
            "episode_length": self._length,
            **self._told,
            **dict.fromkeys(self.family.metrics, -1.0),
        }
