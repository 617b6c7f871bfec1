"""Optimisers, and what of them a checkpoint holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Kind:
    """One optimiser: how it is made, and its state of each parameter."""

    make: Callable[[Iterable[Tensor], float, float], torch.optim.Optimizer]  # (parameters, rate, weight decay)
    moments: tuple[str, ...]  # of the parameter's shape
    scalars: tuple[str, ...]
    average: str = ""  # the moment that is the average to be saved; empty = it has none

    @property
    def state(self) -> tuple[str, ...]:
        return (*self.scalars, *self.moments)


class ScheduleFree(torch.optim.Optimizer):
    """Schedule-free AdamW (Defazio et al., The road less scheduled, NeurIPS 2024, algorithm 1).

    A parameter is y, where the gradient is taken, between z, which takes the steps, and x, the average of all z weighted by the
    squares of their rates. x is what is validated and saved.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "decay": decay, "first": lr, "betas": (0.9, 0.999), "eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for y in group["params"]:
                if y.grad is not None:
                    self._update(y, y.grad, group)

    def _update(self, y: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[y]
        if not state:
            state |= {"step": torch.zeros(()), "weight": torch.zeros(())}
            state |= {"z": y.clone(), "x": y.clone(), "exp_avg_sq": torch.zeros_like(y)}
        near, slow = group["betas"]
        state["step"] += 1
        square = state["exp_avg_sq"].mul_(slow).addcmul_(gradient, gradient, value=1.0 - slow)
        size = (square / (1.0 - slow ** float(state["step"]))).sqrt_().add_(group["eps"])
        z, x, rate = state["z"], state["x"], group["lr"]
        z.addcdiv_(gradient, size, value=-rate).add_(y, alpha=-rate * group["decay"])
        share = (rate / group["first"]) ** 2  # the square of the rate itself could be too small for float32
        state["weight"] += share
        x.lerp_(z, share / float(state["weight"]))
        y.copy_(z.lerp(x, near))


def adamw(parameters: Iterable[Tensor], rate: float, decay: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, rate, weight_decay=decay)


OPTIMISERS = {
    "adamw": Kind(adamw, moments=("exp_avg", "exp_avg_sq"), scalars=("step",)),
    "schedulefree": Kind(ScheduleFree, moments=("z", "x", "exp_avg_sq"), scalars=("step", "weight"), average="x"),
}
