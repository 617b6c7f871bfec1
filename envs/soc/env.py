"""The Gymnasium environments of task graphs on a chip: streams of jobs, and one static graph."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.keywords import choose, count_of, flag, seed_of
from dispatchgym.envs.core.placing import on_host
from dispatchgym.envs.soc.layout import App, Clock, Element
from dispatchgym.envs.soc.problem import GOALS, MODES, SocProblem, log_of
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import split_number
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.generate import topcuoglu
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog, Workload, stream

OPTIONS = ("mode", "goal", "dvfs", "hidden_speeds", "online")
WORKLOAD = tuple(f.name for f in dataclasses.fields(Workload) if f.name not in ("platform", "applications", "name"))
GENERATOR = ("tasks", "ccr", "alpha", "out_degree", "beta", "pes")


def options(words: dict[str, Any], **fixed: Any) -> SocProblem:
    """The problem that the keywords in OPTIONS ask for."""
    mode: Any = choose(words, "mode", MODES)
    goal: Any = choose(words, "goal", GOALS)
    flags = {name: flag(words, name) for name in ("dvfs", "hidden_speeds", "online")}
    return SocProblem(mode, goal, **flags, **fixed)


class StreamKeywords:
    """Keywords

    instance   a preset (`gym-ds3-5`), a random chip (`chips/n7`), a file, a Workload or a Stream, or a list of them;
               default `gym-ds3-5`
    pool       how many streams to draw of each workload (default 64); with `pool_seed`
    scale, cap, when_full, ...    fields of `Workload` that replace those of the instances
    mode, goal, dvfs, hidden_speeds, online    as in `SocProblem`
    """

    words: tuple[str, ...] = ("instance", "pool", "pool_seed", *WORKLOAD, *OPTIONS)
    metrics: tuple[str, ...] = (
        "mean_latency",
        "p95_latency",
        "completed",
        "throughput",
        "utilisation",
        "energy",
        "decisions",
    )

    def problem(self, words: dict[str, Any]) -> SocProblem:
        return options(words)

    def pool(self, words: dict[str, Any]) -> list[Stream]:
        given = words.pop("instance", "gym-ds3-5")
        self._changes = {name: words.pop(name) for name in WORKLOAD if name in words}
        count, seed = count_of(words, "pool", 64), seed_of(words)
        pool: list[Stream] = []
        asked = given if isinstance(given, (list, tuple)) else [given]
        for x in itertools.chain.from_iterable(soc_catalogue.workloads(x) if isinstance(x, str) else (x,) for x in asked):
            found = self._find(x)
            pool += [found] if isinstance(found, Stream) else [stream(found, (seed, n)) for n in range(count)]
        return pool

    def load(self, instance: Any) -> Stream:
        found = self._find(instance)
        return found if isinstance(found, Stream) else stream(found, 0)

    def _find(self, instance: Any) -> Stream | Workload:
        """A drawn stream as it is, or a workload with the keywords' changes."""
        if isinstance(instance, (str, Path)):
            drawn = split_number(str(instance))[1] is not None
            instance = soc_catalogue.load_stream(instance) if drawn else soc_catalogue.workload(instance)
        if isinstance(instance, Stream):
            other = next((name for name, value in self._changes.items() if getattr(instance.workload, name) != value), None)
            if other is not None:
                raise InputError(f"{instance.name}: {other} cannot be changed in a stream that is drawn already")
            return instance
        if not isinstance(instance, Workload):
            raise InputError(f"instance {shown(instance)} is not a name, a file, a Workload or a Stream")
        return dataclasses.replace(instance, **self._changes)

    def schedule(self, instance: Stream, state: Any, copy: int) -> StreamLog:
        return log_of(state, instance, copy)

    def draw(self, instance: Stream, schedule: StreamLog, title: str) -> Any:
        from dispatchgym.envs.soc.render import draw

        return draw(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """As the referee's `measure`: latencies in us (-1 = none), jobs that count, these per ms, mean share of time that a PE
        is busy, microjoules; and decisions.
        """
        names = ("row", "clock", "done", "arrival", "element", "energy")
        row, clocks, ends, arrivals, elements, energy = engine.read("state", *names)
        rows = np.zeros((len(copies), len(self.metrics)))
        pool = [*engine.pool, *engine.extra_instances]
        for n, b in enumerate(copies.tolist()):
            load = pool[row[b]].workload
            clock = clocks[b]
            jobs = int(clock[Clock.LET_IN])
            done = ends[b, :jobs]
            late = np.sort((done - arrivals[b, :jobs])[done >= load.warmup])
            span = max(int(done.max(initial=0)) - load.warmup, 1)
            busy = float(elements[b, :, Element.BUSY].sum())
            rows[n] = (
                late.mean() if late.size else -1.0,
                late[math.ceil(0.95 * late.size) - 1] if late.size else -1.0,
                late.size,
                1000.0 * late.size / span,
                busy / (max(int(clock[Clock.NOW]), 1) * load.platform.pes),
                energy[b] / 1000.0,
                clock[Clock.DECISIONS],
            )
        return rows


class StaticKeywords:
    """Keywords

    instance   a name (`topcuoglu-10`), a file or a StaticDag, or a list of them
    tasks, ccr, alpha, out_degree, beta, pes    of Topcuoglu's random graphs, if there is no instance; `pool` and `pool_seed`
    mode, hidden_speeds, online    as in `SocProblem`
    """

    words: tuple[str, ...] = ("instance", *GENERATOR, "pool", "pool_seed", *OPTIONS)
    metrics: tuple[str, ...] = ("slr", "speedup", "utilisation", "decisions")

    def problem(self, words: dict[str, Any]) -> SocProblem:
        for name in ("goal", "dvfs"):
            if name in words:
                raise InputError(f"{name}: a static graph has no powers and frequencies")
        return options(words)

    def pool(self, words: dict[str, Any]) -> list[StaticDag]:
        given = words.pop("instance", None)
        generator = {name: words.pop(name) for name in GENERATOR if name in words}
        count, seed = count_of(words, "pool", 256), seed_of(words)
        if given is not None:
            if generator:
                raise InputError(f"give either instance or generator words, not both ({', '.join(generator)})")
            return [self.load(x) for x in (given if isinstance(given, (list, tuple)) else [given])]
        tasks = generator.pop("tasks", 40)
        return [
            topcuoglu(np.random.default_rng((seed, i)), tasks, **generator, name=f"generated-{seed + i}") for i in range(count)
        ]

    def load(self, instance: Any) -> StaticDag:
        if isinstance(instance, StaticDag):
            return instance
        if isinstance(instance, (str, Path)):
            return soc_catalogue.load_static(instance)
        raise InputError(f"instance {shown(instance)} is not a name, a file or a StaticDag")

    def schedule(self, instance: StaticDag, state: Any, copy: int) -> StaticSchedule:
        tasks = len(instance.duration)
        return StaticSchedule(*(on_host(getattr(state, f)[copy, 0, :tasks]).astype(np.int64) for f in ("pe", "start")))

    def draw(self, instance: StaticDag, schedule: StaticSchedule, title: str) -> Any:
        from dispatchgym.envs.soc.render import draw_static

        return draw_static(instance, schedule, title=title)

    def measure(self, engine: Engine, copies: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Makespan over the fastest chain, sequential time over makespan, share of time that a PE is busy, decisions."""
        pool = [*engine.pool, *engine.extra_instances]
        app, chip = engine.read("instances", "app", "chip")
        row, clocks, elements = engine.read("state", "row", "clock", "element")
        rows = np.zeros((len(copies), len(self.metrics)))
        for n, b in enumerate(copies.tolist()):
            dag = pool[row[b]]
            clock = clocks[b]
            makespan = max(int(clock[Clock.NOW]), 1)
            chain = max(int(app[chip[row[b]], 0, App.CHAIN]), 1)
            alone = np.where((dag.duration >= 0).all(axis=0), dag.duration.sum(axis=0), np.iinfo(np.int64).max).min()
            speedup = alone / makespan if (dag.duration >= 0).all(axis=0).any() else -1.0
            busy = float(elements[b, :, Element.BUSY].sum())
            rows[n] = (makespan / chain, speedup, busy / (makespan * dag.pes), clock[Clock.DECISIONS])
        return rows
