"""A policy for a user's own model: trained on models like it, validated on others of these and on the model itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dispatchgym.agents.training import Training
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.cpmodel.layout import DONE, GOING, Clock
from dispatchgym.envs.cpmodel.problem import CPProblem
from dispatchgym.envs.cpmodel.tables import network, times
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance
from dispatchgym.instances.cpmodel.perturb import perturbed
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

HELD_OUT = 15  # models to validate on, beside the user's own
VALIDATION_SEED = 2**31 + 20  # far from every training stream
PLAYS = 32  # random episodes that look for a schedule
DRAWS = 8  # of a model like the user's, each milder than the one before


def own_training(base: Training, what: str, instance: CPInstance) -> Training:
    """The training for `instance`, which users call `what`; `base` is that of its kind, as policies play it.

    Raises InputError for a model in which there is nothing to learn, or of which random play finds no schedule.
    """
    o = instance.objective
    if not (o.makespan or o.lateness or o.cost or any(o.completion) or any(o.tardiness)):
        raise InputError(f"--from {printable(what)}: the model minimises nothing, so there is nothing to learn")
    assert isinstance(base.problem, CPProblem)
    models = Models(base.problem, instance)
    if models.tight and not models.reached([instance] * 8)[0]:
        raise InputError(
            f"--from {printable(what)}: {8 * PLAYS} random episodes found no schedule: deadlines or links are too tight to learn"
        )

    def draw(rng: np.random.Generator, count: int, sizes: Sequence[str], hard: float) -> list[CPInstance]:
        return models.draw(rng, count)

    def fixed() -> list[CPInstance]:
        return [instance, *models.draw(np.random.default_rng(VALIDATION_SEED), HELD_OUT)]

    return replace(
        base,
        draw=draw,
        default_sizes=(),
        run_name=re.sub(r"[^A-Za-z0-9_.-]+", "-", instance.name)[:40].strip("-.") or "model",
        options={**base.options, "from": what, "model": hashlib.sha256(repr(instance.parts).encode()).hexdigest()[:16]},
        domain=f"perturbations of {printable(what)}",
        fixed=fixed,
        instance=what,
    )


class Models:
    """Random models like one."""

    def __init__(self, problem: CPProblem, instance: CPInstance) -> None:
        self.problem, self.instance = problem, instance
        self.tight = bool(instance.links) or times(instance, network(instance)).tight

    def draw(self, rng: np.random.Generator, count: int) -> list[CPInstance]:
        """`count` of them, each with a schedule that random play finds. The first has all tasks: so batches have one size."""
        pool: list[CPInstance | None] = [None] * count
        for n in range(DRAWS):
            missing = [k for k in range(count) if pool[k] is None]
            drawn = [(k, self._one(rng, 0.7**n, k == 0)) for k in missing]
            found = [(k, x) for k, x in drawn if x is not None]
            accepted = self.reached([x for _, x in found]) if self.tight and found else [True] * len(found)
            for (k, x), good in zip(found, accepted, strict=True):
                pool[k] = x if good else None
            if None not in pool:
                break
        return [self.instance if x is None else x for x in pool]

    def _one(self, rng: np.random.Generator, strength: float, whole: bool) -> CPInstance | None:
        try:
            return perturbed(self.instance, rng, strength=strength, whole=whole)
        except InputError:  # as when a duration passes a deadline
            return None

    def reached(self, pool: list[CPInstance]) -> list[bool]:
        """Whether one of some random episodes of each ends with a schedule."""
        rng = np.random.default_rng(0)
        engine = Engine(self.problem, pool, PLAYS * len(pool), graph=False)
        engine.assign_rows(np.repeat(np.arange(len(pool)), PLAYS))
        engine.reset()
        mask = engine.arrays[0].mask
        over = engine.read("state", "clock")[0][:, Clock.OVER]
        while (over == GOING).any():
            engine.step((mask * (rng.random(mask.shape) + 1e-9)).argmax(axis=1), autoreset=False)
            over = engine.read("state", "clock")[0][:, Clock.OVER]
        found: list[bool] = (over == DONE).reshape(len(pool), PLAYS).any(axis=1).tolist()
        return found


def load(what: str) -> CPInstance:
    """The one instance that `what` names. Raises InputError, naming the option."""
    try:
        return catalogue.load(what)
    except InputError as error:
        raise InputError(f"--from {error}") from None
