"""Random numbers of compiled searches: splitmix64 (Steele, Lea & Flood, OOPSLA 2014).

A search keeps the state of its generator in a field `random`; the functions here take the search.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.compiled import inlined

State = npt.NDArray[np.uint64]  # (1,)


def new_state(seed: int) -> State:
    """The state of a generator at its start."""
    return np.random.SeedSequence(seed).generate_state(1, np.uint64).astype(np.uint64)


@inlined
def draw(search, n):  # type: ignore[no-untyped-def]
    """A random integer in [0, n)."""
    search.random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = search.random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64(((z >> np.uint64(33)) * np.uint64(n)) >> np.uint64(31))


@inlined
def fraction(search):  # type: ignore[no-untyped-def]
    """A random number in [0, 1), a multiple of 2**-31."""
    return draw(search, 2**31) / 2.0**31
