"""The Gymnasium environment of mapping: what its keywords mean, and what a state is as a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose
from dispatchgym.envs.memory.generated import generated
from dispatchgym.envs.memory.map.problem import ACTIONS, MapProblem, plan_of
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.generate import layered
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram

PROGRAMS = ("instructions", "pressure", "memory_bound", "training", "capacity")


class MapKeywords:
    """Keywords

    instance   a name (`resnet50-b8`), a file or a MemoryProgram, or a list of them
    instructions, pressure, memory_bound, training, capacity    of `layered`, if there is no instance; `pool` and `pool_seed`
    actions    "map" (every access is decided) or "order" (which storage the allocator serves next)
    """

    words: tuple[str, ...] = ("instance", *PROGRAMS, "pool", "pool_seed", "actions")
    metrics: tuple[str, ...] = ("latency", "speedup", "backups")

    def problem(self, words: dict[str, Any]) -> MapProblem:
        actions: Any = choose(words, "actions", ACTIONS)
        return MapProblem(actions)

    def pool(self, words: dict[str, Any]) -> list[MemoryProgram]:
        made = generated(words, PROGRAMS, layered, "instructions", 40)
        given = words.pop("instance", None)
        return made or [self.load(x) for x in (given if isinstance(given, (list, tuple)) else [given])]

    def load(self, instance: Any) -> MemoryProgram:
        if isinstance(instance, MemoryProgram):
            return instance
        if isinstance(instance, (str, Path)):
            return memory_catalogue.load_program(instance)
        raise InputError(f"instance {shown(instance)} is not a name, a file or a MemoryProgram")

    def schedule(self, instance: MemoryProgram, state: Any, copy: int) -> MemoryPlan:
        return plan_of(state, copy)

    def draw(self, instance: MemoryProgram, schedule: MemoryPlan, title: str) -> Any:
        from dispatchgym.envs.memory.map.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Latency in microseconds, all-slow latency over it, and how many storages were sent back to slow memory."""
        latency, backups, row = (x[copies] for x in engine.read("state", "latency", "backups", "row"))
        gain = engine.read("instances", "gain")[0][row]
        return np.array([latency / 1e6, 1.0 / np.maximum(gain * latency, 1e-300), backups], np.float64).T
