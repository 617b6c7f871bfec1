"""The tests that `make check` leaves out: long studies, and those that compile the slowest kernels. `make test` runs all."""

from __future__ import annotations

from fnmatch import fnmatchcase

# Patterns of test ids, as `FILE::TEST[PARAMETERS]`; `*` stands for anything.
SLOW = (
    "*cuda_simulator*",
    "tests/agents/test_cuda_training.py::*",
    "tests/core/test_conformance.py::test_a_batch_is_single_environments_in_every_variant*",
    "tests/core/test_recorded_episodes.py::test_further_episodes*",
)


def is_slow(test: str) -> bool:
    # Parameters may hold brackets, which fnmatch would take for sets of characters: the patterns have none.
    return any(fnmatchcase(test, pattern) for pattern in SLOW)
