"""What a training goes on from: the optimiser's state in a checkpoint, and a log that ends where the checkpoint does."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dispatchgym.agents.optimisers import Kind
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.json_fields import parse
from dispatchgym.instances.names import printable

MAX_LOG = 64 * 2**20  # bytes of log.jsonl


def optimiser_state(
    path: Path, tensors: Mapping[str, torch.Tensor], kind: Kind, shapes: Sequence[torch.Size], iteration: int
) -> dict[int, dict[str, Any]]:
    """Of each parameter, by its number, as torch takes it; InputError unless it is that of parameters with these shapes."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if not name.startswith("optimiser."):
            continue
        _, index, key = (*name.split("."), "", "")[:3]
        known = index.isascii() and index.isdecimal() and len(index) < 6 and int(index) < len(shapes) and key in kind.state
        if not known or tensor.shape != (shapes[int(index)] if key in kind.moments else ()):
            raise InputError(f"{path}: not the state of this run ({printable(name)} is of no parameter)")
        state.setdefault(int(index), {})[key] = tensor
    partial = next((i for i, moments in state.items() if set(moments) != set(kind.state)), None)
    if partial is not None or (iteration > 0 and not state):
        what = "no moments" if partial is None else f"only a part of the moments of parameter {partial}"
        raise InputError(f"{path}: not the state of this run (the optimiser has {what})")
    return state


def trim_log(path: Path, iteration: int) -> float | None:
    """Drop log lines after the saved state: they are about to be written again. A line without an end is torn by a kill.

    Returns the least validation in the others; None if there are none.
    """
    if not os.path.lexists(path):
        return None
    whole, _, _ = read_text(path, MAX_LOG, follow=False).rpartition("\n")
    kept, validations = [], []
    for number, text in enumerate(whole.split("\n") if whole else (), 1):
        line = parse(text, f"{path} line {number}")
        if line["iteration"].whole(0, 2**53) <= iteration:
            kept.append(text + "\n")
            validations.append(line["validation"].number())
    write_text(path, "".join(kept))
    return min(validations, default=None)


def equal(a: Any, b: Any) -> bool:
    """Whether two settings are the same; a truth value is no number here."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)
