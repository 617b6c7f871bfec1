"""The Gymnasium environments of memory: packing buffers, and mapping a program's tensors onto two levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose
from dispatchgym.envs.memory.map.problem import ACTIONS, MapProblem, plan_of
from dispatchgym.envs.memory.pack.problem import GOALS, PackProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.generate import guillotine, layered
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram, Packing, PackingPlan

PACKINGS = ("buffers", "times", "capacity", "stretch", "variety", "removed")
PROGRAMS = ("instructions", "pressure", "memory_bound", "training", "capacity")


def generated(words: dict[str, Any], names: tuple[str, ...], make: Callable[..., Any], size: str, default: int) -> list[Any]:
    """A pool by the generator's own keywords, `pool` and `pool_seed`; InputError beside `instance`."""
    generator = {name: words.pop(name) for name in names if name in words}
    count, seed = words.pop("pool", 256), words.pop("pool_seed", 0)
    if "instance" in words and generator:
        raise InputError(f"give either instance or generator words, not both ({', '.join(generator)})")
    for name, value in (("pool", count), (size, generator.get(size, default))):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{name}={value!r} is not a positive whole number")
    if "instance" in words:
        return []
    number = generator.pop(size, default)
    rngs = ((i, np.random.default_rng((seed, i))) for i in range(count))
    return [make(rng, number, **generator, name=f"generated-{seed + i}") for i, rng in rngs]


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
        raise InputError(f"instance {instance!r} is not a name, a file or a Packing")

    def schedule(self, instance: Packing, state: Any, copy: int) -> PackingPlan:
        return PackingPlan(state.offset[copy, : instance.buffers].cpu().numpy().astype(np.int64))

    def draw(self, instance: Packing, schedule: PackingPlan, title: str) -> Any:
        from dispatchgym.envs.memory.render import draw_packing

        return draw_packing(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Height of what is placed in bytes, that over the peak of live bytes, and how many buffers are placed."""
        height, left, row = (x[copies] for x in engine.read("state", "height", "left", "row"))
        bound, buffers = (x[row] for x in engine.read("instances", "bound", "buffers"))
        ratio = np.where(bound > 0, height / np.maximum(bound, 1), 1.0)
        return np.array([height, ratio, buffers - left], np.float64).T


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
        raise InputError(f"instance {instance!r} is not a name, a file or a MemoryProgram")

    def schedule(self, instance: MemoryProgram, state: Any, copy: int) -> MemoryPlan:
        return plan_of(state, copy)

    def draw(self, instance: MemoryProgram, schedule: MemoryPlan, title: str) -> Any:
        from dispatchgym.envs.memory.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Latency in microseconds, all-slow latency over it, and how many storages were sent back to slow memory."""
        latency, backups, row = (x[copies] for x in engine.read("state", "latency", "backups", "row"))
        gain = engine.read("instances", "gain")[0][row]
        return np.array([latency / 1e6, 1.0 / np.maximum(gain * latency, 1e-300), backups], np.float64).T
