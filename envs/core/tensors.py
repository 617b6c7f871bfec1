"""The vector environment for code that keeps everything in torch: what it returns is the engine's own memory, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from dispatchgym.envs.core.vector import DispatchVectorEnv
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named
from dispatchgym.instances.json_fields import shown

MODES = (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED)


class TensorVectorEnv(DispatchVectorEnv):
    """`make_vec(..., output="torch")`: as `DispatchVectorEnv`, but actions and all that is returned are torch tensors.

    With `device="cuda"` they are on the GPU, and steps neither copy anything to the host nor wait for the GPU.
    `action_mask` is a bool tensor, in observations as in infos. With `copy=False`, the default here, the tensors of
    observations and masks are the engine's memory and change at the next step; rewards, ends and other infos are new tensors.

    An episode that ends leaves in its step's info `objective` (-1: truncated, or nothing ended), `episode_return` and
    `episode_length`. With SAME_STEP the copy already shows its next episode then, and nothing keeps the last observation. With
    DISABLED it shows the last one until `reset(options={"reset_mask": ...})`; what is stepped before that is penalised as an
    illegal action. Illegal actions cost the penalty and change nothing (`illegal="ignore"`): to answer them otherwise, the
    host would have to wait for the GPU.
    """

    def __init__(self, *, copy: bool = False, **words: Any) -> None:
        with named():
            import torch
        super().__init__(copy=copy, **words)
        if self.autoreset_mode not in MODES:
            raise InputError(f"autoreset_mode={self.autoreset_mode.value}: with output='torch' there are SameStep and Disabled")
        if self.illegal != "ignore":
            raise InputError(f"illegal={self.illegal!r}: with output='torch' there is 'ignore'")
        if self.names:
            raise InputError("names=True: with output='torch' infos hold numbers alone")
        self.torch = torch
        self._whole = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
        self.device = self.engine.episodes.reward.device
        self._returns: Any = torch.zeros(self.num_envs, dtype=torch.float64, device=self.device)
        self._tensor_bounds: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"torch": None, "_tensor_bounds": None}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        import torch

        self.__dict__.update(kept | {"torch": torch})

    def step(self, actions: Any) -> Any:
        """Play `actions`, (B,) whole numbers: a tensor on any device, or an array. Returns tensors, as Gymnasium orders them.

        Raises InputError before the first reset and for actions of another shape or type.
        """
        if self._phase != "running":
            self._must_run("step")
        chosen = self.torch.as_tensor(actions)
        if chosen.shape != (self.num_envs,) or chosen.dtype not in self._whole:
            given = f"{chosen.dtype} of shape {tuple(chosen.shape)}"
            raise InputError(f"actions must be {self.num_envs} whole numbers, not {given}")
        self.engine.step(chosen, autoreset=self.autoreset_mode is AutoresetMode.SAME_STEP)
        e = self.engine.episodes
        reward, ended = e.reward.clone(), (e.terminated | e.truncated).bool()
        returns = self._returns + reward
        info = self._told(
            illegal=e.illegal.bool(),
            objective=e.final_objective.masked_fill(~ended, -1),
            episode_return=returns,
            episode_length=self.torch.where(ended, e.final_length, e.length),
        )
        # In place: a CUDA graph that replays this step goes on from what the replay before it left here.
        self._returns.copy_(returns.masked_fill(ended, 0.0))
        return self._show(), reward, e.terminated.bool(), e.truncated.bool(), info

    def action_masks(self) -> Any:
        """(B, K) bool tensor: which actions are legal now."""
        return self._mask(self.engine.episodes.legal)

    def _told(self, **values: Any) -> dict[str, Any]:
        """An info."""
        return {"action_mask": self.action_masks(), **values, "lower_bound": self._lower_bound()}

    def _lower_bound(self) -> Any:
        """(B,) of the instances that the copies play now."""
        if self._tensor_bounds is None:
            self._tensor_bounds = self.torch.from_numpy(np.array(self._bounds)).to(self.device)
        return self._tensor_bounds[self.engine.state.row.long()]

    def _mask(self, array: Any) -> Any:
        """An array of 0 and 1 as bools: of the same memory, unless copies are asked for."""
        seen = array.view(self.torch.bool)
        return seen.clone() if self.copy else seen

    def _show(self) -> Any:
        o = self.engine.observation
        if self.flat:
            return self.torch.cat([o.candidates.flatten(1), o.context, o.mask.float()], 1)
        found = {key: getattr(o, f) for key, f in zip(self._keys, self.fields, strict=True)}
        if self.copy:
            found = {key: value.clone() for key, value in found.items()}
        return found | {"action_mask": self._mask(o.mask)}

    def _infos(self, where: Any, illegal: Any, objective: Any, metrics: Any = None) -> dict[str, Any]:
        """The info of a reset of the copies `where` (None: all)."""
        torch, length = self.torch, self.engine.episodes.length
        begun = torch.as_tensor(np.ones(self.num_envs, np.bool_) if where is None else where).to(self.device)
        self._returns.masked_fill_(begun, 0.0)
        return self._told(
            illegal=torch.zeros_like(begun),
            objective=torch.full_like(length, -1, dtype=torch.int64),
            episode_return=self._returns.clone(),
            episode_length=length.clone(),
        )

    def _reset_mask(self, options: dict[str, Any] | None) -> npt.NDArray[np.bool_] | None:
        mask = (options or {}).get("reset_mask")
        if isinstance(mask, self.torch.Tensor):
            options = {**(options or {}), "reset_mask": mask.cpu().numpy()}
        return super()._reset_mask(options)

    def _name_rows(self) -> None:
        super()._name_rows()
        self._tensor_bounds = None

    def _begun(self, where: npt.NDArray[np.bool_]) -> None:
        """Nothing to note: infos read what the engine holds."""

    def _turn(self) -> None:
        """The engine always writes to the same memory."""


def make_batch(*, output: str = "numpy", **words: Any) -> DispatchVectorEnv:
    """What `gymnasium.make_vec` calls: the batch that returns numpy arrays, or with output="torch" tensors.

    Raises InputError for another output, and as the batch does.
    """
    if output not in ("numpy", "torch"):
        raise InputError(f"output={shown(output)} is not one of numpy, torch")
    return TensorVectorEnv(**words) if output == "torch" else DispatchVectorEnv(**words)
