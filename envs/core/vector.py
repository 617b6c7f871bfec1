"""The vector environment: B copies of the engine behind Gymnasium's VectorEnv, in each of its autoreset modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from dispatchgym.envs.core.buffers import Buffers
from dispatchgym.envs.core.face import Face, seed_number
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

ALWAYS = ("action_mask", "illegal", "objective", "episode_return", "episode_length")  # in infos of every family
Outcome = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
Step = tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    seen = array.view()
    seen.setflags(write=False)
    return seen


class DispatchVectorEnv(Face, VectorEnv[Any, Any, Any]):
    """Row b with seed s equals the single environment with seed s + b, bit for bit.

    Keywords as for the single environment, and `num_envs`, `max_episode_steps`, and `copy` as in Gymnasium's own vector
    environments: with copy=False observations and masks are read-only and change at the next step, which makes steps cheaper.
    `autoreset_mode` is a member of Gymnasium's `AutoresetMode` or its text, SameStep (default), NextStep or Disabled; each is
    what Gymnasium's `SyncVectorEnv` of single environments does in that mode.
    Infos hold numbers alone, as some libraries need; with names=True they hold the names of the instances, too.
    The memory underneath is `self.engine.arrays`; as torch tensors it is `self.engine.observation`, to be read again after each
    step, and `self.engine.episodes`.
    Reset options are `instance`, as in the single environment, and `reset_mask` (B,) bool, as in Gymnasium's.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": ["rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self,
        *,
        family: str,
        flat: bool = False,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        copy: bool = True,
        names: bool = False,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **words: Any,
    ) -> None:
        self.copy, self.names = copy, names
        self.autoreset_mode = _mode(autoreset_mode)
        # Of the instance: the class serves other modes, too.
        self.metadata = type(self).metadata | {"autoreset_mode": self.autoreset_mode}  # type: ignore[misc]
        self._build(family, flat, num_envs, words, render_mode, max_episode_steps)
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = self._spaces()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._buffers = Buffers(self.engine, self.fields)
        self._shared: dict[str, npt.NDArray[Any]] | None = None  # what is shown if copy=False
        self._everyone = np.ones(num_envs, np.bool_)  # every `_key` of an info about all copies
        self._nothing = np.full(num_envs, -1)  # the objective while no episode ends
        unmeasured = np.full(num_envs, -1.0)
        for array in (self._everyone, self._nothing, unmeasured):
            array.flags.writeable = False
        self._unmeasured = dict.fromkeys(self.family.metrics, unmeasured)
        self._list_infos()
        self._ended: npt.NDArray[np.bool_] | None = None  # copies whose episode is over and not yet followed by another
        self._outcome: Outcome | None = None
        # Of the running episodes: new arrays at every step, as infos hold them.
        self._returns, self._lengths = np.zeros(num_envs), np.zeros(num_envs, np.int64)
        self._note_rows()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_buffers": Buffers(self.engine, self.fields), "_shared": None, "_outcome": None}

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        one = None if isinstance(seed, (Sequence, np.ndarray)) else seed_number(seed)
        seeds: list[int | None] = [None if one is None else one + b for b in range(self.num_envs)]
        if isinstance(seed, (Sequence, np.ndarray)):
            seeds = [seed_number(s) for s in seed]
        if len(seeds) != self.num_envs:
            raise InputError(f"{len(seeds)} seeds for {self.num_envs} copies")
        mask = self._reset_mask(options)
        self._begin()
        super().reset(seed=one)
        self._streams(seeds if mask is None else [s if m else None for s, m in zip(seeds, mask, strict=True)])
        guest = self._invite(options, slice(None) if mask is None else mask)
        self._turn()
        if mask is None:
            self.engine.reset()
        else:
            self.engine.restart(mask)
        if guest:
            self.engine.assign_rows(self._nothing)
        self._begun(np.ones(self.num_envs, np.bool_) if mask is None else mask)
        return self._show(), self._infos(mask, np.zeros(self.num_envs, np.bool_), self._nothing)

    def step(self, actions: Any) -> Step:
        if self._phase != "running":
            self._must_run("step")
        chosen = np.asarray(actions)
        if chosen.shape != (self.num_envs,) or chosen.dtype.kind not in "iu":
            raise InputError(f"actions must be {self.num_envs} whole numbers, not {chosen.dtype} of shape {chosen.shape}")
        waiting = self._ended
        if waiting is not None:
            chosen = self._without(waiting, chosen)
        chosen, replaced = self._permitted(chosen)
        self._turn()
        self.engine.step(chosen, autoreset=False)
        # Copies, which are the user's to keep.
        gained, over_now, cut_now, refused = self._seen()
        reward, terminated, truncated, illegal = gained.copy(), over_now.copy(), cut_now.copy(), refused.copy()
        if replaced is not None:
            illegal |= replaced
        if waiting is not None:  # they begin their next episodes instead of a step
            for array in (reward, terminated, truncated, illegal):
                array[waiting] = 0
            self.engine.restart(waiting)
        self._count(self._returns + reward, self._lengths + 1)
        if waiting is not None:
            self._begun(waiting)
        over = terminated | truncated
        rows = over.nonzero()[0]
        if not len(rows):
            return self._show(), reward, terminated, truncated, self._infos(None, illegal, self._nothing)
        objective = np.where(terminated, self.engine.arrays[1].final_objective, self._nothing)
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            self._ended = over.copy()
            infos = self._infos(None, illegal, objective) | self._measured(rows, objective, -1.0)
            return self._show(), reward, terminated, truncated, infos
        infos = self._final(rows, over, illegal, objective)
        self.engine.restart()
        self._begun(over)
        infos |= self._infos(None, illegal & ~over, self._nothing)
        return self._show(), reward, terminated, truncated, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(B, K) which actions are legal now."""
        return np.asarray(self.engine.arrays[1].legal == 1)

    def schedule(self, copy: int) -> Any:
        """The schedule of a copy's running episode."""
        self._must_run("schedule")
        return self._played(copy)[1]

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        if self.render_mode != "rgb_array":
            return None
        self._must_run("render")
        return tuple(self._picture(b) for b in range(self.num_envs))

    def instance_names(self) -> npt.NDArray[np.object_]:
        """(B,) the names of the instances that the copies play."""
        return np.array(self._names.take(self.engine.rows()))

    def _reset_mask(self, options: dict[str, Any] | None) -> npt.NDArray[np.bool_] | None:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return None
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise InputError(f"reset_mask must be a bool array of shape ({self.num_envs},) with at least one True")
        if self._phase == "new" and not mask.all():
            raise InputError("reset_mask: the first reset starts every copy")
        return mask

    def _without(self, waiting: npt.NDArray[np.bool_], actions: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The actions of a step in which the episodes of the copies `waiting` are over; InputError if nothing begins new ones."""
        if self.autoreset_mode is AutoresetMode.DISABLED:
            rows = np.flatnonzero(waiting)[:10].tolist()
            raise InputError(f"step: the episodes of copies {rows} are over; reset them by options={{'reset_mask': ...}}")
        return np.where(waiting, -1, actions)

    def _permitted(self, actions: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
        """The actions that are played, and which were illegal and are replaced; InputError for them if illegal="raise"."""
        if self.illegal == "ignore":
            return actions, None
        e = self.engine.arrays[1]
        inside = (actions >= 0) & (actions < e.legal.shape[1])
        copies = np.arange(self.num_envs)
        legal = inside & (e.legal[copies, np.where(inside, actions, 0)] == 1)
        wrong = ~legal & (e.count > 0)
        if self._ended is not None:
            wrong &= ~self._ended
        if not wrong.any():
            return actions, None
        if self.illegal == "raise":
            row = int(np.argmax(wrong))
            self._refuse(row, int(actions[row]))
        other = e.choices[copies, actions.astype(np.int64) % np.maximum(e.count, 1)]
        return np.where(wrong, other, actions), wrong

    def _seen(self) -> Outcome:
        """What the last step gave, in the engine's own memory where that is on the host."""
        if self._outcome is not None:
            return self._outcome
        e = self.engine.arrays[1]
        # The kernel's 0 and 1 are bools as they stand.
        seen = e.reward, e.terminated.view(np.bool_), e.truncated.view(np.bool_), e.illegal.view(np.bool_)
        if self.engine.on_host:
            self._outcome = seen
        return seen

    def _turn(self) -> None:
        """Give the observation that was returned last to the caller, unless observations are copied or shared."""
        if self.copy and not self.flat and self.engine.on_host:
            self._buffers.turn()

    def _show(self) -> Any:
        if self.flat:
            return self._rows(slice(None))
        o = self.engine.arrays[0]
        if self.copy or not self.engine.on_host:
            return {key: getattr(o, f) for key, f in zip(self._keys, self.fields, strict=True)}
        if self._shared is None:  # the engine writes to the same arrays for ever
            self._shared = {key: read_only(getattr(o, f)) for key, f in zip(self._keys, self.fields, strict=True)}
        return self._shared.copy()

    def _infos(
        self,
        where: npt.NDArray[np.bool_] | None,
        illegal: npt.NDArray[np.bool_],
        objective: npt.NDArray[Any],
        metrics: dict[str, npt.NDArray[np.float64]] | None = None,
    ) -> dict[str, Any]:
        """The info of the copies `where` (None: all), in Gymnasium's format: other rows are blank, and marked in `_key`."""
        mask = self.engine.arrays[1].legal
        if self.engine.on_host:
            mask = mask.copy() if self.copy else read_only(mask)
        infos: dict[str, Any] = self._same.copy() if where is None else {}
        infos["action_mask"] = mask
        infos["illegal"] = illegal
        infos["objective"] = objective
        infos["episode_return"] = self._returns
        infos["episode_length"] = self._lengths
        if where is None:
            return infos
        rows = where.nonzero()[0]
        infos |= self._known
        for key, value in infos.items():
            # An empty array of objects is one of None.
            blank = np.empty(self.num_envs, object) if value.dtype == object else np.zeros(value.shape, value.dtype)
            blank[rows] = value.take(rows, 0)
            infos[key] = blank
        infos |= metrics or {name: np.where(where, -1.0, 0.0) for name in self.family.metrics}
        return infos | dict.fromkeys(self._marks, read_only(where.copy()))

    def show_names(self) -> None:
        """From now on infos hold the names of the instances, too."""
        self.names = True
        self._list_infos()
        self._note_rows()

    def _list_infos(self) -> None:
        known = (*ALWAYS, "lower_bound", *(["instance"] if self.names else []), *self.family.metrics)
        self._marks = [f"_{key}" for key in known]
        # What infos say at every step at which no episode ends.
        self._always = self._unmeasured | dict.fromkeys(self._marks, self._everyone)

    def _count(self, returns: npt.NDArray[np.float64], lengths: npt.NDArray[np.int64]) -> None:
        """Keep the returns and lengths of the running episodes, which infos show as they are."""
        returns.setflags(write=False)
        lengths.setflags(write=False)
        self._returns, self._lengths = returns, lengths

    def _begun(self, where: npt.NDArray[np.bool_]) -> None:
        """After new episodes have begun in the copies `where`."""
        returns, lengths = self._returns.copy(), self._lengths.copy()
        returns[where] = 0.0
        lengths[where] = 0
        self._count(returns, lengths)
        if self._ended is not None:
            left = self._ended & ~where
            self._ended = left if left.any() else None
        self._note_rows()

    def _note_rows(self) -> None:
        """After a reset: what every info says about the instances being played, as read-only arrays until the next."""
        row = self.engine.rows()
        self._known = {"lower_bound": read_only(self._bounds.take(row))}
        if self.names:
            self._known["instance"] = read_only(self._names.take(row))
        self._same = self._always | self._known

    def _final(
        self, rows: npt.NDArray[np.intp], over: npt.NDArray[np.bool_], illegal: npt.NDArray[np.bool_], objective: npt.NDArray[Any]
    ) -> dict[str, Any]:
        """`final_obs` and `final_info` of the episodes that just ended, in the copies `rows`, where `over` is True."""
        batch = self._rows(rows)
        final = np.empty(self.num_envs, object)
        last: list[Any] = list(batch) if self.flat else [{} for _ in rows]
        if not self.flat:
            # Key by key: an iteration over the rows of an array is the cheapest way to many small views.
            for key, value in batch.items():
                for one, part in zip(last, value, strict=True):
                    one[key] = part
        for row, one in zip(rows.tolist(), last, strict=True):
            final[row] = one
        info = self._infos(over, illegal, objective, self._measured(rows, objective, 0.0))
        which = read_only(over)
        return {"final_obs": final, "_final_obs": which, "final_info": info, "_final_info": which}

    def _measured(
        self, rows: npt.NDArray[np.intp], objective: npt.NDArray[Any], others: float
    ) -> dict[str, npt.NDArray[np.float64]]:
        """The measures of the episodes that just ended in the copies `rows`, -1 of truncated ones; `others` elsewhere."""
        if not self.family.metrics:
            return {}
        table = np.full((len(self.family.metrics), self.num_envs), others)
        table[:, rows] = -1.0
        ended = rows[objective[rows] >= 0]
        table[:, ended] = self.family.measure(self.engine, ended).T
        return dict(zip(self.family.metrics, table, strict=True))


def _mode(given: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(given)
    except ValueError:
        names = ", ".join(mode.value for mode in AutoresetMode)
        raise InputError(f"autoreset_mode={shown(given)} is not one of {names}") from None
