"""The Gymnasium environments of scheduling models: any model, and flexible job shops with the words of their generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose, count_of, seed_of
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.cpmodel.layout import DEAD_END, Clock, Task
from dispatchgym.envs.cpmodel.problem import ACTIONS, CPProblem
from dispatchgym.instances.cpmodel import catalogue, generate
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.model import from_model
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown

PROJECT = ("activities", "complexity", "factor", "strength", "resources", "modes")
SHOP = ("jobs", "machines", "kind")
KINDS = ("sd1", "sd2", *(f"hurink-{kind}" for kind in generate.KINDS))


class CPModelKeywords:
    """Keywords

    instance   a name (`mk01`, `j301_1`), a file, a CPInstance or a CpModel of OR-Tools, or a list of them
    activities, complexity, factor, strength, resources, modes    of random projects, if there is no instance
    pool, pool_seed    how many of these, and the first seed
    actions    `serial` or `parallel` (see rules.py)
    """

    words: tuple[str, ...] = ("instance", *PROJECT, "pool", "pool_seed", "actions")
    metrics: tuple[str, ...] = ("dead_end",)
    generator: tuple[str, ...] = PROJECT

    def problem(self, words: dict[str, Any]) -> CPProblem:
        return CPProblem(choose(words, "actions", ACTIONS))  # type: ignore[arg-type]

    def pool(self, words: dict[str, Any]) -> list[CPInstance]:
        given = words.pop("instance", None)
        generator = {name: words.pop(name) for name in self.generator if name in words}
        count, seed = count_of(words, "pool", 256), seed_of(words)
        if given is not None:
            if generator:
                raise InputError(f"give either instance or generator words, not both ({', '.join(generator)})")
            return [self.load(x) for x in (given if isinstance(given, (list, tuple)) else [given])]
        return [self.draw_instance(generator, seed + i) for i in range(count)]

    def draw_instance(self, words: dict[str, Any], seed: int) -> CPInstance:
        """The random instance of the generator's words."""
        return generate.project(**{"activities": 30, **words}, seed=seed)

    def load(self, instance: Any) -> CPInstance:
        if isinstance(instance, CPInstance):
            return instance
        if isinstance(instance, (str, Path)):
            return catalogue.load(instance)
        if hasattr(instance, "Proto"):
            return from_model(instance)
        raise InputError(f"instance {shown(instance)} is not a name, a file, a CPInstance or a CpModel")

    def schedule(self, instance: CPInstance, state: Any, copy: int) -> CPSchedule:
        task = on_host(state.task[copy, : len(instance.tasks)]).astype(np.int64)
        return CPSchedule(start=task[:, Task.START], mode=task[:, Task.MODE])

    def draw(self, instance: CPInstance, schedule: CPSchedule, title: str) -> Any:
        from dispatchgym.envs.cpmodel.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Whether the episode ended in a dead end: a task was left without a mode, and there is no schedule."""
        (clock,) = engine.read("state", "clock")
        return (clock[copies, Clock.OVER] == DEAD_END).astype(np.float64)[:, None]


class FlexibleShopKeywords(CPModelKeywords):
    """Keywords

    instance   as for any model
    jobs, machines, kind    of random shops, if there is no instance; kinds are sd1, sd2, hurink-e, hurink-r, hurink-v
    pool, pool_seed    how many of these, and the first seed
    actions    `serial` or `parallel` (see rules.py)
    """

    words = ("instance", *SHOP, "pool", "pool_seed", "actions")
    generator = SHOP

    def draw_instance(self, words: dict[str, Any], seed: int) -> CPInstance:
        """The random instance of the generator's words."""
        sizes = {"jobs": 10, "machines": 5, **words}
        kind = choose(sizes, "kind", KINDS)
        if kind.startswith("hurink-"):
            return generate.hurink_uniform(kind.removeprefix("hurink-"), **sizes, seed=seed)
        return {"sd1": generate.sd1, "sd2": generate.sd2}[kind](**sizes, seed=seed)
