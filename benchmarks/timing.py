"""Operations per CPU-second, with the standard library alone: the peers' own environments import this file too."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any


def best_rate(work: Callable[[], int], seconds: float, repeats: int) -> float:
    """Largest rate over `repeats` timings of `work`, which returns how many operations it did.

    CPU time of the whole process, threads included. A timing lasts at least `seconds`; the first one warms up.
    """
    return best_window(lambda: None, work, seconds, repeats)


def best_window(prepare: Callable[[], object], work: Callable[[], int], seconds: float, repeats: int) -> float:
    """`best_rate` where each `work` is preceded by a `prepare` that is not timed."""
    best = 0.0
    for window in range(repeats + 1):
        spent, operations = 0.0, 0
        while spent < seconds:
            prepare()
            began = time.process_time()
            operations += work()
            spent += time.process_time() - began
        if window > 0:
            best = max(best, operations / spent)
    return best


def python_bytes(make: Callable[[], Any], copies: int = 20) -> int:
    """Memory that the allocator of Python (and numpy) hands out for one more `make()`, the mean of `copies`."""
    kept = [make()]
    gc.collect()
    tracemalloc.start()
    kept += [make() for _ in range(copies)]
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used // copies


def load_routes(path: str) -> list[list[tuple[int, int]]]:
    """The (machine, duration) pairs of each job in a JSON instance."""
    with open(path) as file:
        return [[(int(m), int(p)) for m, p in job] for job in json.load(file)["jobs"]]
