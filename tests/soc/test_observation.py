"""What the agent sees of a chip: nothing that a scheduler cannot know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.soc.layout import ASSIGNED, DONE, OUTSTANDING, READY, RUNNING, Clock, Element, Live, Slot
from dispatchgym.envs.soc.problem import MODES, SocProblem
from dispatchgym.instances.soc.instance import Application, Cluster, Level, Platform, Stream, Workload, on_platform, stream
from tests.soc.streams import random_stream

ROWS = (0, 1)


def pair(problem: SocProblem, pool: list[Any]) -> Engine:
    """Copy 0 plays the first of two instances, copy 1 the second."""
    engine = Engine(problem, pool, 2)
    engine.assign_rows(ROWS)
    engine.reset()
    return engine


def differences(engine: Engine) -> list[str]:
    """The parts of the observation in which the copies differ."""
    o = engine.arrays[0]
    return [name for name, value in o._asdict().items() if value[0].tobytes() != value[1].tobytes()]


def choose(engine: Engine, rng: np.random.Generator) -> None:
    """The same random choice in both copies."""
    mask = engine.arrays[0].mask[0]
    engine.step(np.repeat((mask * (rng.random(len(mask)) + 1e-9)).argmax(), 2), autoreset=False)


def happened(engine: Engine, copy: int) -> tuple[Any, ...]:
    """All that a scheduler may have noticed: the tick, the jobs, the state of tasks, when completed ones ended."""
    s = engine.state
    live, element = s.live[copy].numpy(), s.element[copy].numpy()
    slots = s.slot[copy].numpy()
    used = np.repeat(slots[:, Slot.JOB] >= 0, len(live) // len(slots))
    status = np.where(used, live[:, Live.STATUS], -1)
    ends = np.where(used & ((status == DONE) | (status == READY)), live[:, Live.TICK], -1)
    jobs = int(s.clock[copy, Clock.LET_IN])
    counters = s.clock[copy, [Clock.NOW, Clock.ARRIVED, Clock.LET_IN, Clock.READY]]
    elements = element[:, [Element.RUNS, Element.EXPECT]]
    past = (s.arrival[copy, :jobs], s.done[copy, :jobs], s.start[copy, :jobs], counters, elements)
    return tuple(np.asarray(x).tolist() for x in (status, ends, slots, *past))


def with_another_future(x: Stream, seed: int, gaps: int, jobs: int) -> Stream:
    """The same first gaps and applications, and other ones after them; other deviations of everything."""
    other = stream(x.workload, seed)
    count, arrivals = max(len(x.gap), len(other.gap)), max(len(x.application), len(other.application))
    gap = np.concatenate([x.gap[:gaps], np.resize(other.gap, count)[gaps:] + 1])
    application = np.concatenate([x.application[:jobs], np.resize(other.application, arrivals)[jobs:]])
    return Stream(x.workload, gap.astype(np.int32), application, np.resize(other.deviation, (arrivals, x.deviation.shape[1])))


@pytest.mark.parametrize("problem", [SocProblem("start"), SocProblem("start", "edp", dvfs=True), SocProblem("assign")], ids=repr)
def test_neither_the_noise_of_what_runs_nor_what_comes_later_is_seen(problem: SocProblem) -> None:
    compared = running = 0
    for seed in range(80):
        x = random_stream(seed)
        x = stream(replace(x.workload, noise=0.8, horizon=40), seed)
        engine = pair(problem, [x, with_another_future(x, seed + 1000, 2 + seed % 3, x.workload.cap + 2)])
        rng = np.random.default_rng(seed)
        while not engine.arrays[1].terminated.any() and happened(engine, 0) == happened(engine, 1):
            assert differences(engine) == [], seed
            ends = engine.state.element.numpy()[:, :, Element.END]
            compared += int(engine.state.clock[0, Clock.NOW] > 0)
            running += int((ends[0] != ends[1]).any())
            choose(engine, rng)
    assert compared > 20
    assert running > 10


def table(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Durations on three PEs, at least 2."""
    return rng.integers(2, 30, (rows, 3)).astype(np.int64)


def with_other_speeds(duration: np.ndarray) -> np.ndarray:
    """Each task's durations spread further around the same mean, ties and order kept."""
    other = duration.copy()
    for row in other:
        low, high = row == row.min(), row == row.max()
        if row.min() < row.max():
            # The means stay the same to the last bit only if the sum does.
            row[low] -= int(high.sum())
            row[high] += int(low.sum())
    return other


def chip(duration: np.ndarray, names: tuple[str, ...]) -> Platform:
    """One PE a column; execution times by task name."""
    clusters = [
        Cluster(f"c{p}", 1, dict(zip(names, column, strict=True)), (Level(500, 100 + p), Level(1000, 300 + p)), 20)
        for p, column in enumerate(duration.T.tolist())
    ]
    return Platform(tuple(clusters), np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0], [1.5, 1.0, 2.0]]))


def random_edges(rng: np.random.Generator, tasks: int, first: int = 0) -> list[tuple[int, int, int]]:
    """Each task from `first` on follows some of those before it, one at least."""
    found = []
    for b in range(first, tasks):
        before = set(np.flatnonzero(rng.random(b) < 0.4).tolist()) | {int(rng.integers(b))} if b else set()
        found += [(a, b, int(rng.integers(1, 20))) for a in sorted(before)]
    return found


def instances(a: Application, b: Application, left: Platform, right: Platform, static: bool) -> list[Any]:
    if static:
        return [on_platform(a, left), on_platform(b, right)]
    return [stream(Workload(p, (x,), 20.0, 2, horizon=200), 3) for x, p in ((a, left), (b, right))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("static", [True, False])
def test_hidden_speeds_show_the_order_of_pes_alone(mode: Any, static: bool) -> None:
    changed = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        names = tuple("abcdef")
        duration = table(rng, 6)
        job = Application(names, np.array(random_edges(rng, 6, first=3)))
        pool = instances(job, job, chip(duration, names), chip(with_other_speeds(duration), names), static)
        hidden, open_ = (pair(SocProblem(mode, hidden_speeds=x), pool) for x in (True, False))
        changed += "candidates" in differences(open_)
        while (hidden.state.clock[:, Clock.NOW] == 0).all():
            assert differences(hidden) == [], seed
            choose(hidden, rng)
    assert changed > 6


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("hidden", [True, False])
def test_online_shows_tasks_when_their_predecessors_are_done(mode: Any, static: bool, hidden: bool) -> None:
    """Two applications with the same heads and tasks behind them, and other ones behind those."""
    later = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        duration = table(rng, 8)
        edges = [(0, 2, 4), (1, 3, 5), (0, 3, 2)]
        other = duration.copy()
        other[4:] = table(rng, 4)
        a, b = (Application(tuple("abcdefgh"), np.array(edges + random_edges(rng, 8, first=4))) for _ in range(2))
        names = a.tasks
        engine = pair(
            SocProblem(mode, online=True, hidden_speeds=hidden),
            instances(a, b, chip(duration, names), chip(other, names), static),
        )
        known = pair(SocProblem(mode), [*engine.pool])
        assert {"candidates", "tasks", "precedes"} <= set(differences(known))
        width = engine.sizes.width  # type: ignore[attr-defined]
        unseen = [x for x in range(engine.state.live.shape[1]) if x % width >= 4]
        while not engine.arrays[1].terminated.any():
            live = engine.state.live.numpy()
            if (live[:, unseen, Live.STATUS] != OUTSTANDING).any():
                break
            assert differences(engine) == [], seed
            later += int(engine.state.clock[0, Clock.NOW] > 0)
            assert (engine.arrays[0].precedes == -1).all()
            choose(engine, rng)
    assert later > 6


def test_a_task_that_is_assigned_or_runs_is_linked_to_its_pe_alone() -> None:
    rng = np.random.default_rng(0)
    linked = 0
    for seed in range(20):
        x = random_stream(seed)
        engine = Engine(SocProblem("assign"), [x], 1)
        engine.reset()
        while not engine.arrays[1].terminated[0]:
            o = engine.arrays[0]
            rows = engine.sizes.templates  # type: ignore[attr-defined]
            live = engine.state.live[0].numpy()
            used = np.repeat(engine.state.slot[0, :, Slot.JOB].numpy() >= 0, engine.sizes.width)  # type: ignore[attr-defined]
            for at in np.flatnonzero(used & np.isin(live[:, Live.STATUS], (ASSIGNED, RUNNING))):
                links = o.runs_on[0][o.runs_on[0, :, 0] == rows + at]
                assert links[:, 1].tolist() == [live[at, Live.PLACE]]
                linked += 1
            engine.step((o.mask * rng.random(o.mask.shape)).argmax(axis=1), autoreset=False)
    assert linked > 100


def test_all_features_are_finite_and_only_legal_choices_have_any() -> None:
    for n, problem in enumerate((SocProblem("start", dvfs=True), SocProblem("pe"), SocProblem("task", online=True))):
        rng = np.random.default_rng(n)
        engine = Engine(problem, [random_stream(seed) for seed in range(20)], 10)
        engine.reset()
        for _ in range(40):
            o = engine.arrays[0]
            for value in o:
                assert np.isfinite(value).all()
                assert (np.abs(value) < 1e6).all()
            assert (o.candidates[o.mask == 0] == 0).all()
            assert (o.candidates[o.mask == 1] != 0).any(axis=1).all()
            assert (o.candidate_task[o.mask == 1] >= 0).all()
            assert (o.candidate_resource[o.mask == 1] >= 0).all()
            engine.step((o.mask * rng.random(o.mask.shape)).argmax(axis=1))
