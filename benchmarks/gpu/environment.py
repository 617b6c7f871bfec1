"""Part 1: card, driver and versions, whether a kernel compiles and runs, and how long the first one takes to compile."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.gpu import games
from benchmarks.gpu.device import Plan, describe_error, wait
from dispatchgym.envs.core.cuda_launch import simulated

PACKAGES = ("torch", "numba", "numba-cuda", "llvmlite", "numpy", "cuda-core", "cuda-bindings", "nvidia-nvvm", "gymnasium")
QUERY = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit"


def cases(tiny: bool) -> list[str]:
    return ["all"]


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """One row, written again as more is known: a failure further down does not lose the versions."""
    found: dict[str, Any] = {"python": platform.python_version(), "cores": len(os.sched_getaffinity(0))}
    found |= {name: installed(name) for name in PACKAGES}
    found["card"] = "numba's simulator" if simulated() else smi()
    yield found
    import torch
    from numba import cuda

    found |= {"numba sees a device": bool(cuda.is_available()), "torch sees a device": torch.cuda.is_available()}
    if not simulated() and torch.cuda.is_available():
        known = torch.cuda.get_device_properties(torch.cuda.current_device())
        found |= {"multiprocessors": known.multi_processor_count, "memory GB": round(known.total_memory / 1e9, 1)}
    yield found
    began = time.perf_counter()
    try:
        env = games.make("jobshop", True, 2, "cuda", output="torch")
        env.reset(seed=1)
        wait()
        found |= {"a kernel runs": bool(env.action_masks().any()), "first kernel s": round(time.perf_counter() - began, 1)}
    except Exception as error:
        found |= {"a kernel runs": False, "reason": describe_error(error)}
    yield found


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def smi() -> str:
    """What nvidia-smi says of the cards, or why it says nothing."""
    command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return describe_error(error)
    return " | ".join((done.stdout or done.stderr).split("\n")).strip(" |")[:400]
