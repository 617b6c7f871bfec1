"""The job shop's Gymnasium environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose, count_of, seed_of
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.jobshop.problem import ActionSet, JobShopProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop, Schedule
from dispatchgym.instances.json_fields import shown

GENERATOR = ("jobs", "machines", "duration", "routing", "operations", "recirculation", "release")


class JobShopKeywords:
    """Keywords `instance`, or the generator's own with `pool` (how many to make) and `pool_seed`; and `actions`."""

    words: tuple[str, ...] = ("instance", *GENERATOR, "pool", "pool_seed", "actions")
    metrics: tuple[str, ...] = ()

    def problem(self, words: dict[str, Any]) -> JobShopProblem:
        actions: ActionSet = choose(words, "actions", ("active", "semi-active", "non-delay"))  # type: ignore[assignment]
        return JobShopProblem(actions)

    def pool(self, words: dict[str, Any]) -> list[JobShop]:
        given = words.pop("instance", None)
        generator = {name: words.pop(name) for name in GENERATOR if name in words}
        count, seed = count_of(words, "pool", 256), seed_of(words)
        if given is not None:
            if generator:
                raise InputError(f"give either instance or generator words, not both ({', '.join(generator)})")
            return [self.load(x) for x in (given if isinstance(given, (list, tuple)) else [given])]
        sizes = {"jobs": 10, "machines": 10, **generator}
        return [generate(**sizes, seed=seed + i) for i in range(count)]

    def load(self, instance: Any) -> JobShop:
        if isinstance(instance, JobShop):
            return instance
        if isinstance(instance, (str, Path)):
            return catalogue.load(instance)
        raise InputError(f"instance {shown(instance)} is not a name, a file or a JobShop")

    def schedule(self, instance: JobShop, state: Any, copy: int) -> Schedule:
        start = state.start[copy, : instance.jobs, : instance.machine.shape[1]]
        return Schedule(on_host(start).astype(np.int64))

    def draw(self, instance: JobShop, schedule: Schedule, title: str) -> Any:
        from dispatchgym.envs.jobshop.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.zeros((len(copies), 0))
