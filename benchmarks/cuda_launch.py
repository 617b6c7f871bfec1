"""What a launch costs the host, found without a GPU: the driver's part is left out.

    python benchmarks/cuda_launch.py            prints the table of docs/performance.md

`turn` is launched by every step. "by numba" types the arguments and takes them apart at every launch, as numba's own call does;
"prepared" is what the suite does (envs/core/cuda_launch.py). Both end by packing the words as cuda.core does; the call of the
driver after that, some 5 us, is in neither. Microseconds of processor time.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import cuda_code
from dispatchgym.envs.core.cuda_launch import PreparedLaunch, machine_words

LAUNCHES = 300  # of one timing


def compiled() -> Any:
    """A kernel of numba that can take its arguments apart, and no more; they have the types `kinds`."""
    from numba.cuda.dispatcher import _Kernel

    class Kernel(_Kernel):  # type: ignore[misc]
        extensions: tuple[Any, ...] = ()
        kinds: tuple[Any, ...] = ()
        argument_types = property(lambda self: self.kinds)

    return object.__new__(Kernel)


@contextlib.contextmanager
def arrays_on_the_gpu() -> Iterator[None]:
    """numba takes numpy arrays for arrays on the GPU, at the addresses that they have."""
    from numba.cuda import dispatcher

    known: dict[int, Any] = {}  # arrays on the GPU are objects that stay

    def seen(array: Any) -> Any:
        if id(array) not in known:
            shape = {"size": array.size, "shape": array.shape, "dtype": array.dtype}
            shown = SimpleNamespace(**shape, ptr=array.ctypes.data, _layout=SimpleNamespace(strides_in_bytes=array.strides))
            known[id(array)] = SimpleNamespace(to_device=lambda back, stream: shown)
        return known[id(array)]

    with mock.patch.object(dispatcher, "wrap_arg", seen):
        yield


def types_of(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    from numba.cuda.typing.typeof import Purpose, typeof

    return tuple(typeof(argument, Purpose.argument) for argument in arguments)


def prepared(arguments: tuple[Any, ...], packed: Callable[..., None]) -> PreparedLaunch:
    """The suite's launch with `packed` in place of the driver."""
    ready = object.__new__(PreparedLaunch)
    ready.arguments, ready.function, ready.config, ready.launch = arguments, None, None, packed
    kernel = compiled()
    kernel.kinds = types_of(arguments)
    ready.words = machine_words(kernel, arguments)
    ready.streams = {0: None}
    return ready


def cost(run: Callable[[], Any]) -> float:
    """Microseconds of a call, the least of five timings."""
    run()
    found = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(LAUNCHES):
            run()
        found.append(1e6 * (time.process_time() - began) / LAUNCHES)
    return min(found)


def measure(case: str) -> tuple[int, float, float]:
    """Words of a launch of `turn`, and its microseconds by numba and prepared."""
    import torch
    from cuda.core._kernel_arg_handler import ParamHolder

    arguments = cuda_code.arguments(case)[1]["turn"]
    stream = SimpleNamespace(cuda_stream=0)
    with arrays_on_the_gpu(), mock.patch.object(torch.cuda, "current_stream", lambda device: stream):  # noqa: PT008
        ready = prepared(arguments, lambda stream, config, function, *words: ParamHolder(words))

        kernel = compiled()

        def by_numba() -> None:
            kernel.kinds = types_of(arguments)
            ParamHolder(machine_words(kernel, arguments))

        return len(ready.words), cost(by_numba), cost(ready)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(cuda_code.CASES), choices=list(cuda_code.CASES))
    asked = parser.parse_args()
    if lack := cuda_code.missing():
        print(f"error: {lack}", file=sys.stderr)
        return 2
    print("| kernel | words | by numba, us | prepared, us |\n| --- | ---: | ---: | ---: |")
    for case in asked.cases:
        words, before, after = measure(case)
        print(f"| {case}: turn | {words} | {before:.0f} | {after:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    np.seterr(all="raise")
    sys.exit(main())
