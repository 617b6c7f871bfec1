"""Launches on the GPU: a thread a copy, on torch's current stream, with arguments that are turned into machine words once.

By itself numba looks up the types of some 500 arrays at every launch and takes each apart, which costs the host some 0.4 ms.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from dispatchgym.envs.core import numba_patches

CUDA_BLOCK = 128  # threads


class CudaLaunch:
    """An entry compiled for the GPU, `loop` over its copies, when it is first launched."""

    def __init__(self, loop: Callable[..., None], relaxed: Collection[str]) -> None:
        from numba import cuda

        self.loop = loop
        self.kernel = cuda.jit(loop)
        if not simulated():
            numba_patches.compile_exactly(self.kernel, relaxed)

    def __call__(self, copies: int, *arrays: Any) -> None:
        self.prepare(copies, *arrays)()

    def prepare(self, copies: int, *arrays: Any) -> Callable[[], None]:
        block = min(CUDA_BLOCK, copies)
        grid = (copies + block - 1) // block
        if simulated():
            return partial(self.kernel[grid, block], copies, *arrays)
        return PreparedLaunch(self.kernel, grid, block, (copies, *arrays))


class PreparedLaunch:
    """A launch with the same arguments every time, which live as long as it does."""

    def __init__(self, kernel: Any, grid: int, block: int, arguments: tuple[Any, ...]) -> None:
        import torch
        from cuda.core import LaunchConfig, launch
        from numba.cuda.typing.typeof import Purpose, typeof

        kinds = tuple(typeof(argument, Purpose.argument) for argument in arguments)
        compiled = kernel.overloads.get(kinds) or kernel.compile(kinds)
        self.arguments = arguments
        self.words = machine_words(compiled, arguments)
        self.function = compiled._codelibrary.get_cufunc().kernel
        self.config = LaunchConfig(grid=(grid, 1, 1), block=(block, 1, 1))
        self.launch = launch
        self.streams: dict[int, Any] = {}  # by torch's handle
        self.device = torch.cuda.current_device()  # whose stream a launch goes to, whatever torch's current GPU is by then

    def __call__(self) -> None:
        import torch

        handle = torch.cuda.current_stream(self.device).cuda_stream
        stream = self.streams.get(handle)
        if stream is None:
            from cuda.core import Stream

            stream = self.streams[handle] = Stream.from_handle(handle)
        self.launch(stream, self.config, self.function, *self.words)


def machine_words(compiled: Any, arguments: tuple[Any, ...]) -> list[Any]:
    """What a compiled kernel takes: numbers and, of each array, pointers, sizes and strides.

    Raises RuntimeError for an array on the host, which numba would copy to the GPU and back at every launch.
    """
    words: list[Any] = []
    back: list[Any] = []
    for kind, value in zip(compiled.argument_types, arguments, strict=True):
        compiled._prepare_args(kind, value, 0, back, words)
    if back:
        raise RuntimeError(f"{len(back)} arrays of a launch are on the host")
    return words


def simulated() -> bool:
    """Whether numba's CUDA simulator stands in for the device (NUMBA_ENABLE_CUDASIM=1)."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
