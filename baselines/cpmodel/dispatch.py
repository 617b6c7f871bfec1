"""Schedules by priority rules, the best of many, and forward-backward improvement."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.cpmodel.dispatch_kernel import PARALLEL, SERIAL, beginning, generate, tables
from dispatchgym.baselines.cpmodel.priorities import RULES, STATIC, shortest, weights
from dispatchgym.baselines.result import Result
from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Lag, LagKind, Mode, Objective, Task
from dispatchgym.instances.errors import InputError

BUILDERS = ("parallel", "serial")
NOISE = 0.2  # half-width of the factor on a score in randomised runs
MIRROR: dict[str, LagKind] = {"FS": "FS", "SS": "FF", "FF": "SS", "SF": "SF"}
Ints = npt.NDArray[np.int64]


def objective_of(x: CPInstance, start: Ints, mode: Ints) -> int:
    """The objective of a whole schedule."""
    o = x.objective
    ends = [int(s) + task.modes[m].duration for s, m, task in zip(start, mode, x.tasks, strict=True)]
    value = o.offset + o.makespan * max(ends)
    value += sum(w * end for w, end in zip(o.completion, ends, strict=False))
    late = [0 if task.due is None else end - task.due for end, task in zip(ends, x.tasks, strict=True)]
    value += sum(w * max(0, n) for w, n in zip(o.tardiness, late, strict=False))
    if o.lateness:
        value += o.lateness * max(n for n, task in zip(late, x.tasks, strict=True) if task.due is not None)
    return value + o.cost * sum(task.modes[m].cost for m, task in zip(mode, x.tasks, strict=True))


class Builder:
    """Builds schedules of one instance."""

    def __init__(self, x: CPInstance) -> None:
        self.instance, self.tables = x, tables(x)
        self.ones = np.ones(len(x.tasks))
        self.weight = weights(x)
        self.scale = 2.0 * max(float(shortest(x).mean()), 1e-3)

    def build(
        self,
        score: npt.NDArray[np.float64],
        kind: int = STATIC,
        scheme: int = SERIAL,
        factor: npt.NDArray[np.float64] | None = None,
        luck: npt.NDArray[np.float64] | None = None,
        greed: float = -1.0,
    ) -> tuple[int, CPSchedule] | None:
        """A schedule with its objective; None if a task was left without a mode."""
        s = beginning(self.tables)
        factor, luck = (self.ones if v is None else v for v in (factor, luck))
        words = (score, kind, factor, luck, greed, self.weight, self.scale)
        if generate(self.tables, s, scheme, *words) < len(score):
            return None
        return objective_of(self.instance, s.start, s.mode), CPSchedule(s.start, s.mode)


def dispatch(
    x: CPInstance, rule: str, *, samples: int = 1, builder: str = "parallel", seed: int = 0, greed: float | None = None
) -> Result:
    """The best of `samples` schedules of `rule`, one of RULES, with `builder`, one of BUILDERS.

    The first schedule follows the rule itself. In each further one the score of every task is multiplied by a random factor,
    uniform in [1 - NOISE, 1 + NOISE]; with `greed` a task is drawn by its regret instead (Drexl, Management Science 37, 1991).
    The rule "random" draws in every schedule. The seconds do not include compilation.
    """
    load()
    began = time.perf_counter()
    made = Builder(x)
    score, kind = RULES[rule].score(x), RULES[rule].kind
    scheme = PARALLEL if builder == "parallel" else SERIAL
    rng = np.random.default_rng(seed)
    best: tuple[int, CPSchedule] | None = None
    curve: list[tuple[float, int | None, int | None]] = []
    for sample in range(samples):
        factor, luck, drawn = None, None, -1.0
        if rule == "random":
            luck, drawn = rng.random(len(score)), 0.0
        elif sample and greed is not None:
            luck, drawn = rng.random(len(score)), greed
        elif sample:
            factor = rng.uniform(1 - NOISE, 1 + NOISE, len(score))
        found = made.build(score, kind, scheme, factor, luck, drawn)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
            curve.append((time.perf_counter() - began, found[0], None))
    notes = {"builder": builder, "samples": samples}
    return _result(best, time.perf_counter() - began, curve, notes)


def _result(
    best: tuple[int, CPSchedule] | None,
    seconds: float,
    curve: Sequence[tuple[float, int | None, int | None]],
    notes: dict[str, object],
) -> Result:
    if best is None:  # every schedule ended in a dead end
        return Result(None, None, "timeout", seconds, notes={**notes, "dead_end": True})
    return Result(best[0], best[1], "feasible", seconds, curve=tuple(curve), notes=notes)


def mirrored(x: CPInstance, mode: Ints) -> CPInstance:
    """The instance backwards in time, each task in its mode alone. Raises InputError where time has a direction."""
    dated = any(task.release or task.deadline is not None for task in x.tasks) or any(r.breaks for r in x.resources)
    if dated or x.links or (x.objective.completion or x.objective.tardiness or x.objective.lateness):
        raise InputError(f"{x.name}: forward-backward improvement needs a makespan alone, without releases, deadlines and breaks")
    tasks = tuple(
        Task(task.name, (Mode(task.modes[m].duration, task.modes[m].demands),)) for task, m in zip(x.tasks, mode, strict=True)
    )
    lags = tuple(
        Lag(g.second, g.first, MIRROR[g.kind], g.least)
        for g in x.lags
        if g.first_mode in (None, mode[g.first]) and g.second_mode in (None, mode[g.second])
    )
    return CPInstance(tasks, x.resources, lags, objective=Objective(), name=x.name)


def justify(x: CPInstance, rule: str, *, samples: int = 1, seed: int = 0) -> Result:
    """Double justification (Valls, Ballestin & Quintanilla, EJOR 165, 2005) of schedules drawn by regret, the best of `samples`.

    Backward and forward passes go on as long as the makespan falls; modes stay as they are.
    """
    load()
    began = time.perf_counter()
    made = Builder(x)
    score, kind = RULES[rule].score(x), RULES[rule].kind
    rng = np.random.default_rng(seed)
    best: tuple[int, CPSchedule] | None = None
    curve: list[tuple[float, int | None, int | None]] = []
    for sample in range(samples):
        luck, greed = (rng.random(len(score)), 1.0) if sample else (None, -1.0)
        found = made.build(score, kind, PARALLEL if sample % 2 == 0 else SERIAL, None, luck, greed)
        while found is not None:
            if best is None or found[0] < best[0]:
                best = found
                curve.append((time.perf_counter() - began, found[0], None))
            better = _pass(x, found[1])
            if better is None or better[0] >= found[0]:
                break
            found = better
    return _result(best, time.perf_counter() - began, curve, {"samples": samples, "rule": rule})


def _pass(x: CPInstance, schedule: CPSchedule) -> tuple[int, CPSchedule] | None:
    """One backward and one forward pass."""
    ticks = np.array([task.modes[m].duration for task, m in zip(x.tasks, schedule.mode, strict=True)])
    back = mirrored(x, schedule.mode)
    behind = Builder(back).build(-(schedule.start + ticks).astype(np.float64))
    if behind is None:
        return None
    ends = behind[1].start + ticks
    ahead = mirrored(back, np.zeros_like(schedule.mode))
    found = Builder(ahead).build(-ends.astype(np.float64))
    if found is None:
        return None
    start = found[1].start
    return objective_of(x, start, schedule.mode), dataclasses.replace(schedule, start=start)


def load() -> None:
    """Compile what builds schedules, or load it from numba's cache."""
    x = CPInstance((Task("a", (Mode(1),)),), name="warm-up")
    Builder(x).build(np.zeros(1))
