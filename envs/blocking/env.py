"""The blocking job shop's Gymnasium environments."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.blocking.nowait.problem import NoWaitProblem
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import count_of, flag, seed_of
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.jobshop.env import JobShopKeywords
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions, Variant, interrupt
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.json_fields import shown

OPTIONS = ("swap", "no_wait", "interruptions", "traces", "mask_budget", "repairs_known", "outlook")


class BlockingKeywords:
    """Keywords of the job shop but `actions` (instances, or the generator's own), and

    swap           True (bws, default) or False (bns)
    no_wait        True for the no-wait shop (nwt)
    interruptions  the long-run share of time that machines are down, or the fields of `Interruptions`: a mapping or one of those
    traces         how many traces to draw for each instance given (default 16); generated instances get one each
    mask_budget, repairs_known, outlook    as in `BlockingProblem`
    """

    words: tuple[str, ...] = (*(w for w in JobShopKeywords.words if w != "actions"), *OPTIONS)
    metrics: tuple[str, ...] = ()

    def problem(self, words: dict[str, Any]) -> BlockingProblem | NoWaitProblem:
        swap, no_wait = flag(words, "swap", True), flag(words, "no_wait")
        self._variant: Variant = "nwt" if no_wait else "bws" if swap else "bns"
        budget = words.pop("mask_budget", None)
        if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool)):
            raise InputError(f"mask_budget={shown(budget)} is not a whole number")
        known = flag(words, "repairs_known")
        outlook = flag(words, "outlook") if "outlook" in words else None
        return NoWaitProblem() if no_wait else BlockingProblem(swap, budget, known, outlook)

    def pool(self, words: dict[str, Any]) -> list[BlockingShop]:
        law = interruptions(words.pop("interruptions", None))
        traces, seed = count_of(words, "traces", 16), seed_of(words)
        named = words.get("instance") is not None
        if not named:
            words["pool_seed"] = seed
        given = words.pop("instance") if named else JobShopKeywords().pool(words)
        shops = [self.load(x) for x in (given if isinstance(given, (list, tuple)) else [given])]
        if law.down_share == 0.0:
            return shops
        count = traces if named else 1
        return [interrupt(x, law, (seed, n, t)) for n, x in enumerate(shops) for t in range(count)]

    def load(self, instance: Any) -> BlockingShop:
        if isinstance(instance, BlockingShop):
            return instance
        if isinstance(instance, JobShop):
            return blocking_catalogue.blocking(instance, self._variant)
        if isinstance(instance, (str, Path)):
            return blocking_catalogue.load(str(instance), self._variant)
        raise InputError(f"instance {shown(instance)} is not a name, a file, a JobShop or a BlockingShop")

    def schedule(self, instance: BlockingShop, state: Any, copy: int) -> BlockingSchedule:
        start = state.start[copy, : instance.shop.jobs, : instance.shop.machine.shape[1]]
        return BlockingSchedule(on_host(start).astype(np.int64))

    def draw(self, instance: BlockingShop, schedule: BlockingSchedule, title: str) -> Any:
        from dispatchgym.envs.blocking.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.zeros((len(copies), 0))


def interruptions(given: Any) -> Interruptions:
    """What the keyword of that name may be, as the law; InputError for anything else."""
    if given is None:
        return Interruptions()
    if isinstance(given, Interruptions):
        return given
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return Interruptions(float(given))
    if isinstance(given, Mapping):
        known = [f.name for f in dataclasses.fields(Interruptions)]
        unknown = next((key for key in given if key not in known), None)
        if unknown is not None:
            raise InputError(f"interruptions have no {shown(unknown)}; known are {', '.join(known)}")
        return Interruptions(**given)
    raise InputError(f"interruptions={shown(given)} are not a share of down time, a mapping or Interruptions")
