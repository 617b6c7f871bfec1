"""Pools of generated instances, by the keywords that people give to both memory environments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dispatchgym.envs.core.keywords import count_of, seed_of
from dispatchgym.instances.errors import InputError


def generated(words: dict[str, Any], names: tuple[str, ...], make: Callable[..., Any], size: str, default: int) -> list[Any]:
    """A pool by the generator's own keywords, `pool` and `pool_seed`; InputError beside `instance`."""
    generator = {name: words.pop(name) for name in names if name in words}
    count, seed = count_of(words, "pool", 256), seed_of(words)
    if "instance" in words and generator:
        raise InputError(f"give either instance or generator words, not both ({', '.join(generator)})")
    number = count_of(generator, size, default)
    if "instance" in words:
        return []
    rngs = ((i, np.random.default_rng((seed, i))) for i in range(count))
    return [make(rng, number, **generator, name=f"generated-{seed + i}") for i, rng in rngs]
