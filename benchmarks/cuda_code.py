"""What the kernels are on a GPU, found without one: compiled to PTX by NVVM, and to machine code by nvJitLink.

    python benchmarks/cuda_code.py            replaces the table in docs/performance.md

Needs the wheels of the extra `cuda`. For each kernel and architecture: registers of a thread, bytes of its stack (local memory,
to which registers are spilled), bytes of constant memory (the parameters are there), size of the machine code, and fused
multiply-adds of float64 and float32.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import gymnasium
import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import dispatchgym  # noqa: F401
from dispatchgym.agents import rollout
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.envs.core import buffers, engine, numba_patches
from dispatchgym.envs.core.placing import on_gpu
from dispatchgym.envs.core.targets import Launch, Prepared, compile_entries
from dispatchgym.instances.errors import InputError

ARCHITECTURES = ((8, 0), (9, 0))  # A100 and H100
PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
HIDDEN = 8  # of the network; its size is no part of the code
# name -> environment and keywords; instances are small, as a kernel knows no sizes. Static graphs have the kernel of streams.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "job shop": ("JobShop-v0", {"jobs": 2, "machines": 2}),
    "improvement": ("JobShopImprove-v0", {"jobs": 2, "machines": 2, "moves": 4}),
    "blocking": ("BlockingJobShop-v0", {"jobs": 2, "machines": 2}),
    "no-wait": ("BlockingJobShop-v0", {"jobs": 2, "machines": 2, "no_wait": True}),
    "soc": ("SoC-v0", {"instance": "gym-ds3-1", "pool": 1, "horizon": 60}),
    "packing": ("MemoryPack-v0", {"buffers": 4}),
    "mapping": ("MemoryMap-v0", {"instructions": 4}),
    "model": ("CPModel-v0", {"activities": 4, "pool": 1}),
    "flexible shop": ("FlexibleJobShop-v0", {"jobs": 2, "machines": 2, "pool": 1}),
    "mapping, order": ("MemoryMap-v0", {"instructions": 4, "actions": "order"}),
}
SHOWN = ("turn", "play", "recall")  # resets and steps, episodes of a policy, episodes as input of a network


@dataclass(frozen=True)
class Code:
    """One kernel on one architecture."""

    case: str
    entry: str
    architecture: str
    registers: int
    stack: int  # bytes of a thread
    constants: int  # bytes of the constant memory, in which the parameters are
    kilobytes: float  # of machine code
    fused: int  # multiply-adds of float64
    fused32: int
    seconds: float  # of compiling


def missing() -> str:
    """What the compiler lacks here; "" if it is all there."""
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed (extra `cuda`)"
    from numba.cuda.cudadrv import nvvm

    return "" if nvvm.is_available() else "NVVM is not installed (extra `cuda`)"


@contextlib.contextmanager
def ordered() -> Iterator[None]:
    """Arrays of the host lie in memory as those of a GPU do."""

    def of(place: Any) -> Any:
        return lambda arrays, target, *, by_copy=False: place(on_gpu(arrays, by_copy=by_copy), target, by_copy=by_copy)

    with contextlib.ExitStack() as patches:
        for module, name in ((engine, "place"), (buffers, "place"), (rollout, "place_tensors")):
            patches.enter_context(mock.patch.object(module, name, of(getattr(module, name))))
        yield


@ordered()
def arguments(case: str) -> tuple[Any, dict[str, tuple[Any, ...]]]:
    """The problem of a case, and what each of its kernels is called with."""
    name, words = CASES[case]
    found: dict[str, tuple[Any, ...]] = {}

    class Noted:
        """A launch whose first arguments are kept."""

        def __init__(self, entry: str, launch: Launch) -> None:
            self.entry, self.launch = entry, launch

        def __call__(self, copies: int, *arrays: Any) -> None:
            found.setdefault(self.entry, (copies, *arrays))
            self.launch(copies, *arrays)

        def prepare(self, copies: int, *arrays: Any) -> Prepared:
            return partial(self, copies, *arrays)

    def noted(launches: Mapping[str, Launch]) -> dict[str, Launch]:
        return {entry: Noted(entry, launch) for entry, launch in launches.items()}

    env = gymnasium.make_vec(f"dispatchgym/{name}", num_envs=2, device="python", **words)
    played = env.unwrapped.engine  # type: ignore[attr-defined]
    played._launch = noted(played._launch)
    env.reset(seed=1)
    problem = played.problem
    episodes = rollout.Rollout(problem, played.sizes, 2, HIDDEN, "python")
    episodes._launch = noted(episodes._launch)
    episodes.load(played.pool)
    episodes.play(Policy(PolicyConfig(problem.features, HIDDEN, 1, HIDDEN)), np.zeros(2, int), np.arange(2))
    episodes.recall()
    return problem, found


@contextlib.contextmanager
def device(architecture: tuple[int, int]) -> Iterator[None]:
    """Compile as if such a device were there: numba asks the device which one it is."""
    from numba.cuda import compiler, dispatcher

    before = compiler.get_current_device, dispatcher.get_current_device
    compiler.get_current_device = dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=architecture)
    try:
        yield
    finally:
        compiler.get_current_device, dispatcher.get_current_device = before


def compiled(case: str, *, exactly: bool = True) -> Iterator[tuple[Code, str]]:
    """The shown kernels of a case on every architecture, with their PTX; without `exactly` as NVVM compiles by default."""
    from numba import cuda
    from numba.cuda.typing.typeof import Purpose, typeof

    problem, calls = arguments(case)
    launches = compile_entries(engine.ENTRIES, "cuda", kernel=problem.kernel, settings=(("GRAPH", True),))
    launches = launches | compile_entries(rollout.ENTRIES, "cuda", kernel=problem.kernel, relaxed=rollout.RELAXED)
    for entry in SHOWN:
        types = tuple(typeof(argument, Purpose.argument) for argument in calls[entry])
        relaxed = rollout.RELAXED if entry != "turn" else frozenset()
        for architecture in ARCHITECTURES:
            began = time.process_time()
            how = numba_patches.for_cuda(relaxed) if exactly else contextlib.nullcontext()
            with device(architecture), how:
                ptx, _ = cuda.compile(launches[entry].loop, types, device=False, abi="numba", cc=architecture)  # type: ignore[attr-defined]
            name = f"sm_{architecture[0]}{architecture[1]}"
            yield _code(case, entry, name, ptx, began), ptx


def _code(case: str, entry: str, architecture: str, ptx: str, began: float) -> Code:
    said, binary = assembled(ptx, architecture)
    registers, stack, constants = (
        int(re.search(pattern, said)[1])  # type: ignore[index]
        for pattern in (r"used (\d+) registers", r"(\d+) stack", r"(\d+) bytes cmem\[0\]")
    )
    fused = [len(re.findall(rf"\bfma\.rn\.(?:ftz\.)?{kind}", ptx)) for kind in ("f64", "f32")]
    return Code(case, entry, architecture, registers, stack, constants, binary / 1024, *fused, time.process_time() - began)


def assembled(ptx: str, architecture: str) -> tuple[str, int]:
    """What nvJitLink says of the PTX, and the bytes of machine code that it makes."""
    from cuda.bindings import nvjitlink

    handle = nvjitlink.create(2, [f"-arch={architecture}", "-verbose"])
    try:
        data = ptx.encode()
        nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), "kernel")
        nvjitlink.complete(handle)
        said = bytearray(nvjitlink.get_info_log_size(handle))
        nvjitlink.get_info_log(handle, said)
        binary = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, binary)
    finally:
        nvjitlink.destroy(handle)
    return said.decode(errors="replace"), _text_bytes(bytes(binary))


def _text_bytes(binary: bytes) -> int:
    """The bytes of the sections .text of a 64-bit ELF file."""
    at = int.from_bytes(binary[40:48], "little")
    size, count, names = (int.from_bytes(binary[i : i + 2], "little") for i in (58, 60, 62))
    headers = [binary[at + i * size : at + (i + 1) * size] for i in range(count)]
    word = [[int.from_bytes(h[i : i + 8], "little") for i in (24, 32)] for h in headers]  # offset, size
    texts = binary[word[names][0] :]
    starts = [int.from_bytes(h[:4], "little") for h in headers]
    return sum(w[1] for start, w in zip(starts, word, strict=True) if texts[start:].startswith(b".text"))


def table(codes: list[Code]) -> str:
    """Markdown, a line for each kernel and architecture."""
    head = "| kernel | arch. | registers | stack bytes | constant bytes | code KiB | fma f64 | fma f32 |"
    lines = [head, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for c in codes:
        cells = (c.registers, c.stack, c.constants, f"{c.kilobytes:.0f}", c.fused, c.fused32)
        lines.append(f"| {c.case}: {c.entry} | {c.architecture} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--show", action="store_true", help="print the table, and leave the page as it is")
    asked = parser.parse_args()
    from benchmarks import markdown_blocks

    try:
        if lack := missing():
            raise InputError(lack)
        codes = []
        for case in asked.cases:
            for code, _ in compiled(case):
                print(code, flush=True)
                codes.append(code)
        if asked.show:
            print(table(codes))
        else:
            markdown_blocks.fill(PAGE, "cuda-code", table(codes))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
