"""Where arrays live: numpy arrays on the host, torch tensors on the GPU. torch is imported only where tensors are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.devices import used_gpu
from dispatchgym.envs.core.targets import Target, uncompiled
from dispatchgym.instances.extras import named


def place(arrays: Any, target: Target, *, by_copy: bool = False) -> tuple[Any, Any]:
    """A NamedTuple of numpy arrays twice, sharing memory: as kernels of `target` take it, and as Python reads and writes it.

    The latter are numpy arrays on the host and torch tensors on the GPU. The two tuples are never the same object, so that each
    array has two references. `by_copy`: the first axis of each array counts copies.
    """
    if target == "cuda" and simulated():
        arrays = on_gpu(arrays, by_copy=by_copy)
    elif target == "cuda":
        import torch
        from numba import cuda

        def sent(array: npt.NDArray[Any]) -> Any:
            tensor = torch.from_numpy(np.ascontiguousarray(array)).cuda(used_gpu())
            return column_major(tensor) if by_copy else tensor

        tensors = _each(arrays, sent)
        return _each(tensors, lambda t: cuda.as_cuda_array(t, sync=False)), tensors
    if target == "cpu" and not uncompiled():
        from dispatchgym.envs.core.tables import with_table

        return with_table(arrays), arrays
    return arrays, type(arrays)(*arrays)


def on_gpu(arrays: Any, *, by_copy: bool) -> Any:
    """A NamedTuple of numpy arrays in the order in memory that suits a GPU.

    Each thread has a copy. If the same entry of neighbouring copies is side by side, a warp reads four sectors of memory where
    row-major order would make it read 32.
    """
    return _each(arrays, np.asfortranarray if by_copy else np.ascontiguousarray)


def column_major(tensor: Any) -> Any:
    """The same numbers in column-major order, ordered where the tensor is: a GPU does it faster than the host."""
    last_first = list(reversed(range(tensor.ndim)))
    return tensor.permute(last_first).contiguous().permute(last_first)


def as_tensors(placed: Any) -> Any:
    """What `place` gave second, as torch tensors of the same memory."""
    with named():
        import torch

    return _each(placed, lambda x: torch.from_numpy(x) if isinstance(x, np.ndarray) else x)


def place_tensors(arrays: Any, target: Target, *, by_copy: bool = False) -> tuple[Any, Any]:
    """As `place`, with torch tensors on the host, too."""
    kernels, placed = place(arrays, target, by_copy=by_copy)
    return kernels, as_tensors(placed)


def on_host(array: Any) -> npt.NDArray[Any]:
    """A numpy array, or a torch tensor on any device, as a numpy array: of the same memory if it is on the host."""
    found: npt.NDArray[Any] = array if isinstance(array, np.ndarray) else array.cpu().numpy()
    return found


def _each(arrays: Any, turn: Callable[[Any], Any]) -> Any:
    return type(arrays)(*(x if isinstance(x, (int, float)) else turn(x) for x in arrays))
