"""The device while something is measured: waiting for it, having it for oneself, how much fits into its memory."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dispatchgym.envs.core.cuda_launch import simulated

LOCK = "DISPATCHGYM_GPU_LOCK"  # in the environment of a worker: the file by which timings take turns
SHARE = 0.5  # of the free memory that a batch may take
SIMULATED_MEMORY = 2**28


class NeedsDevice(Exception):
    """A part, or a row of it, that the simulator cannot do."""


class Plan(NamedTuple):
    """How much is done: `seconds` is about how long a timing lasts."""

    tiny: bool
    seconds: float


def plan(tiny: bool) -> Plan:
    return Plan(tiny, 0.0 if tiny else 0.3)


def wait() -> None:
    """Until the device has done all that was launched."""
    if not simulated():
        import torch

        torch.cuda.synchronize()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """No other timing of this run uses the device meanwhile. Compiling stays outside."""
    wait()
    path = os.environ.get(LOCK)
    if not path:
        yield
        return
    import fcntl

    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
            wait()
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def seconds_of(work: Callable[[], Any], least: float, repeats: int = 3) -> float:
    """Seconds of one call of `work`, the device included: the median of `repeats` timings of at least `least` seconds each."""
    found = []
    calls = 1
    work()
    while len(found) < repeats:
        wait()
        began = time.perf_counter()
        for _ in range(calls):
            work()
        wait()
        spent = time.perf_counter() - began
        if spent < least:
            calls = max(2 * calls, int(1.2 * calls * least / max(spent, 1e-6)) + 1)
        else:
            found.append(spent / calls)
    return statistics.median(found)


def host_seconds_of(work: Callable[[], Any], calls: int) -> float:
    """Seconds of the host for one call that only launches: the least of five timings, each into an empty queue of the device."""
    work()
    found = []
    for _ in range(5):
        wait()
        began = time.perf_counter()
        for _ in range(calls):
            work()
        found.append((time.perf_counter() - began) / calls)
    wait()
    return min(found)


def room() -> int:
    """Bytes that a batch may take: of the device's free memory, and of the host's, on which arrays are made first."""
    if simulated():
        return SIMULATED_MEMORY
    import torch

    free, _ = torch.cuda.mem_get_info()
    host = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(SHARE * min(free, host / 4))


def forget() -> None:
    """Give memory that nothing uses back, so that the next batch finds it."""
    import gc

    gc.collect()
    if not simulated():
        import torch

        torch.cuda.empty_cache()


def describe_error(error: BaseException) -> str:
    """One line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:400]
