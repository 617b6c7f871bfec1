"""The kernels of every family compile for GPUs, without one: nothing is spilled, and the rules round as on the CPU."""

from __future__ import annotations

import contextlib
import ctypes
import re
from types import SimpleNamespace
from typing import Any

import gymnasium
import pytest

from benchmarks import cuda_code, cuda_launch
from dispatchgym.envs.core.cuda_launch import PreparedLaunch, machine_words
from dispatchgym.envs.core.link import link, numbered
from dispatchgym.envs.jobshop.layout import Job
from tests.core.test_every_index import CASES

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(bool(cuda_code.missing()), reason=cuda_code.missing())

REGISTERS = 255  # of a thread; what needs more is spilled to its stack
LARGEST = 1200  # KiB of machine code
CONSTANTS = 32_764  # bytes of parameters, from CUDA 12.1 on


def test_every_environment_has_a_case() -> None:
    assert {name for name, _ in cuda_code.CASES.values()} == set(CASES) - {"StaticDag-v0"}
    graphs, streams = (
        gymnasium.make(f"dispatchgym/{name}", instance=instance, device="python").unwrapped.engine.problem.kernel  # type: ignore[attr-defined]
        for name, instance in (("StaticDag-v0", "topcuoglu-10"), ("SoC-v0", "gym-ds3-1"))
    )
    assert graphs == streams


# All take a quarter of an hour: the others are compiled and counted by `python benchmarks/cuda_code.py`.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", ["job shop"])
def test_kernels_compile_without_spills_and_rules_without_fused_arithmetic(case: str) -> None:
    codes, programs = zip(*cuda_code.compiled(case), strict=True)
    assert [(c.entry, c.architecture) for c in codes] == [(e, a) for e in cuda_code.SHOWN for a in ("sm_80", "sm_90")]
    for code in codes:
        assert code.stack == 0, code
        assert 0 < code.registers <= REGISTERS, code
        assert code.constants <= CONSTANTS, code
        assert 0 < code.kilobytes <= LARGEST, code
        if code.entry == "play":  # the network, and exp and log of the device's library
            assert code.fused32 > 0, code
        else:
            assert code.fused == code.fused32 == 0, code
    with cuda_launch.arrays_on_the_gpu():
        ready = cuda_launch.prepared(cuda_code.arguments(case)[1]["turn"], lambda *arguments: None)
    assert [bits(word) for word in ready.words] == [
        int(width) for width in re.findall(r"\.param \.(?:align \d+ )?\.?[a-z](\d+) ", programs[0].partition(")")[0])
    ]


def test_the_same_entry_of_neighbouring_copies_is_side_by_side_on_a_gpu() -> None:
    _, instances, state, episodes, seen, *_ = cuda_code.arguments("job shop")[1]["turn"]
    for group in (state, episodes, seen):
        assert all(array.strides[0] == array.itemsize for array in group)
    assert all(array.flags.c_contiguous for array in instances if not isinstance(array, (int, float)))


def bits(word: Any) -> int:
    """How many of a word the driver reads."""
    return 64 if isinstance(word, int) else 8 * ctypes.sizeof(word)


def test_a_launch_is_prepared_once_and_runs_on_torchs_current_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    core = pytest.importorskip("cuda.core")
    arguments, launched, compiled = cuda_code.arguments("job shop")[1]["turn"], [], []
    stream = SimpleNamespace(cuda_stream=5)
    gpu = [1]
    monkeypatch.setattr(torch.cuda, "current_device", lambda: gpu[0])
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: {1: stream}[device])
    monkeypatch.setattr(core, "launch", lambda *given: launched.append(given))
    monkeypatch.setattr(core, "Stream", SimpleNamespace(from_handle=lambda handle: f"stream {handle}"))

    def compile_for(kinds: tuple[Any, ...]) -> Any:
        compiled.append(kinds)
        kernel = cuda_launch.compiled()
        kernel.kinds = kinds
        kernel._codelibrary = SimpleNamespace(get_cufunc=lambda: SimpleNamespace(kernel="code"))
        return kernel

    with cuda_launch.arrays_on_the_gpu():
        ready = PreparedLaunch(SimpleNamespace(compile=compile_for, overloads={}), 2, 128, arguments)
    gpu[0] = 0  # torch's current GPU changes later
    for handle in (5, 0, 5):
        stream.cuda_stream = handle
        ready()
    assert len(compiled) == 1
    assert [given[0] for given in launched] == ["stream 5", "stream 0", "stream 5"]
    assert {given[2] for given in launched} == {"code"}
    assert all(list(given[3:]) == ready.words for given in launched)
    assert (launched[0][1].grid, launched[0][1].block) == ((2, 1, 1), (128, 1, 1))
    host = SimpleNamespace(argument_types=[0], _prepare_args=lambda kind, value, stream, back, words: back.append(value))
    with pytest.raises(RuntimeError, match="1 arrays of a launch are on the host"):
        machine_words(host, (0,))


def test_a_fused_product_would_be_found_and_a_network_may_fuse() -> None:
    from numba import cuda
    from numba.cuda import types

    from dispatchgym.envs.core import numba_patches

    def rules(a: float, b: float, c: float) -> float:
        return a * b + c

    def network(a: float, b: float, c: float) -> float:
        return a * b + c

    network.__module__ = "some.network"
    own = cuda.jit(device=True)(rules)
    other = cuda.jit(device=True)(link((network,), {}, lambda f: f).entries["network"])

    def kernel(x: Any) -> None:
        x[0] = own(x[1], x[2], x[3])
        x[4] = other(x[5], x[6], x[7])

    signatures = [(types.Array(kind, 1, "C"),) for kind in (types.float64, types.float32)]
    counts = []
    for relaxed in (None, frozenset(), frozenset({"some.network"})):
        how = numba_patches.for_cuda(relaxed) if relaxed is not None else contextlib.nullcontext()
        with cuda_code.device((9, 0)), how:
            codes = [cuda.compile(kernel, signature, device=False, abi="numba", cc=(9, 0))[0] for signature in signatures]
        counts.append([codes[0].count("fma.rn.f64"), codes[1].count("fma.rn.f32")])
    assert counts == [[2, 2], [0, 0], [0, 1]]


def test_an_enumeration_becomes_a_named_tuple_of_its_numbers() -> None:
    job = numbered(Job)
    assert {name: getattr(job, name) for name in job._fields} == {name: int(member) for name, member in Job.__members__.items()}
    assert all(type(value) is int for value in job)
    assert numbered(7) == 7
