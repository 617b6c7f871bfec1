"""The Gymnasium environment of packing: what its keywords mean, and what a state is as a packing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.memory.generated import generated
from dispatchgym.envs.memory.pack.problem import GOALS, PackProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.generate import guillotine
from dispatchgym.instances.memory.instance import Packing, PackingPlan

PACKINGS = ("buffers", "times", "capacity", "stretch", "variety", "removed")


class PackKeywords:
    """Keywords

    instance   a name (`A`), a file or a Packing, or a list of them
    buffers, times, capacity, stretch, variety, removed    of `guillotine`, if there is no instance; `pool` and `pool_seed`
    goal       "height" (as low as possible) or "capacity" (any packing within the capacity)
    """

    words: tuple[str, ...] = ("instance", *PACKINGS, "pool", "pool_seed", "goal")
    metrics: tuple[str, ...] = ("height", "ratio", "placed")

    def problem(self, words: dict[str, Any]) -> PackProblem:
        goal: Any = choose(words, "goal", GOALS)
        return PackProblem(goal)

    def pool(self, words: dict[str, Any]) -> list[Packing]:
        made = generated(words, PACKINGS, guillotine, "buffers", 100)
        given = words.pop("instance", None)
        return made or [self.load(x) for x in (given if isinstance(given, (list, tuple)) else [given])]

    def load(self, instance: Any) -> Packing:
        if isinstance(instance, Packing):
            return instance
        if isinstance(instance, (str, Path)):
            return memory_catalogue.load_packing(instance)
        raise InputError(f"instance {shown(instance)} is not a name, a file or a Packing")

    def schedule(self, instance: Packing, state: Any, copy: int) -> PackingPlan:
        return PackingPlan(on_host(state.offset[copy, : instance.buffers]).astype(np.int64))

    def draw(self, instance: Packing, schedule: PackingPlan, title: str) -> Any:
        from dispatchgym.envs.memory.pack.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Height of what is placed in bytes, that over the peak of live bytes, and how many buffers are placed."""
        height, left, row = (x[copies] for x in engine.read("state", "height", "left", "row"))
        bound, buffers = (x[row] for x in engine.read("instances", "bound", "buffers"))
        ratio = np.where(bound > 0, height / np.maximum(bound, 1), 1.0)
        return np.array([height, ratio, buffers - left], np.float64).T
