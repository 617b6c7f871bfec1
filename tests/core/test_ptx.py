"""The kernels of every family compile for GPUs, without one: nothing is spilled, and the rules round as on the CPU."""

from __future__ import annotations

import contextlib
from typing import Any

import gymnasium
import pytest

from benchmarks import cuda_code
from dispatchgym.envs.core.link import link, numbered
from dispatchgym.envs.jobshop.layout import Job
from tests.core.test_every_index import CASES

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
    codes = [code for code, _ in cuda_code.compiled(case)]
    assert [(c.entry, c.architecture) for c in codes] == [(e, a) for e in cuda_code.SHOWN for a in ("sm_80", "sm_90")]
    for code in codes:
        assert code.stack == 0, code
        assert 0 < code.registers <= REGISTERS, code
        assert code.constants <= CONSTANTS, code
        assert 0 < code.kilobytes <= LARGEST, code
        if code.entry == "play":  # the network, and exp and log of the device's library
            assert code.fused32 > 0, code
        else:  # in `recall` the sum of the rewards of a decision may be fused with a reward: the learner reads it, no rule does
            assert code.fused <= (code.entry == "recall"), code
            assert code.fused32 == 0, code


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

    signature = (types.Array(types.float64, 1, "C"),)
    counts = []
    for relaxed in (None, frozenset(), frozenset({"some.network"})):
        how = numba_patches.for_cuda(relaxed) if relaxed is not None else contextlib.nullcontext()
        with cuda_code.device((9, 0)), how:
            ptx, _ = cuda.compile(kernel, signature, device=False, abi="numba", cc=(9, 0))
        counts.append(ptx.count("fma.rn.f64"))
    assert counts == [2, 0, 1]


def test_an_enumeration_becomes_a_named_tuple_of_its_numbers() -> None:
    job = numbered(Job)
    assert {name: getattr(job, name) for name in job._fields} == {name: int(member) for name, member in Job.__members__.items()}
    assert all(type(value) is int for value in job)
    assert numbered(7) == 7
