"""The environments of chips against the problem's definition: targets agree, the referee agrees, nothing is out of reach."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.baselines.soc.static.cpsat import plan
from dispatchgym.baselines.soc.static.planning_request import whole
from dispatchgym.envs.soc.check import Replay, check_static, check_stream, measure, replay
from dispatchgym.envs.soc.env import StaticKeywords, StreamKeywords
from dispatchgym.envs.soc.problem import GOALS, MODES, SocProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc.catalogue import load_static, workload
from dispatchgym.instances.soc.generate import random_workload, topcuoglu
from dispatchgym.instances.soc.instance import (
    Application,
    Cluster,
    Platform,
    StaticDag,
    Stream,
    StreamLog,
    Workload,
    lower_bound,
    stream,
)
from tests.blocking.search import best_reachable
from tests.core.targets import assert_targets_agree
from tests.soc.play import IDS, Played, play_out, random_graph, record
from tests.soc.streams import random_stream
from tests.soc.test_static import random_dag

ID, _, STATIC_ID, _ = IDS
STREAM_WORDS: dict[str, Any] = {"instance": "gym-ds3-1", "horizon": 250, "pool": 3, "noise": 0.2}
STATIC_WORDS: dict[str, Any] = {"tasks": 5, "pes": 2, "pool": 4}
SEEDS = st.integers(0, 2**32 - 1)
EAGER = st.sampled_from((0.05, 1.0, 5.0))  # 0.05: waits nearly always
SCRATCH = ("eft", "outlook", "claim", "soon", "rest")


def test_plain_python_compiled_code_and_the_cuda_simulator_agree_to_the_last_bit(tmp_path: Path) -> None:
    assert_targets_agree("tests.soc.play", record, 10, tmp_path)


def outside(x: Stream, end: int, log: StreamLog) -> list[int]:
    """Arrivals before `end` of jobs that were not let in."""
    if x.workload.when_full != "queue":
        return []
    gaps = x.gap.astype(np.int64)
    prefill = x.workload.prefill
    arrivals = np.concatenate([np.zeros(x.workload.cap), np.cumsum(gaps)] if prefill else [[0], np.cumsum(gaps)])
    return [int(a) for a in arrivals[len(log.arrival) :] if a < end]


def time_in_system(x: Stream, log: StreamLog, found: Replay) -> tuple[int, float]:
    """Ticks of all jobs from their arrivals to their completions or the end; and jobs done, begun ones by their tasks."""
    total, progress = sum(found.end - a for a in outside(x, found.end, log)), 0.0
    for n, arrival in enumerate(log.arrival.tolist()):
        tasks = len(x.workload.applications[x.application[n]].tasks)
        ends = [run.end for run in found.runs if run.job == n]
        last = max(ends) if len(ends) == tasks else found.end
        total += min(last, found.end) - arrival
        progress += sum(e < x.workload.horizon and e <= found.end for e in ends) / tasks
    return total, progress


def longest_chain(a: Application, p: Platform) -> int:
    """Of the fastest executions, without transfers."""
    duration = a.durations(p)
    fastest = [min(t for t in row if t >= 0) for row in duration.tolist()]
    before: list[list[int]] = [[] for _ in a.tasks]
    for i, j, _ in a.edges.tolist():
        before[j].append(i)

    def end(t: int) -> int:
        return fastest[t] + max((end(u) for u in before[t]), default=0)

    return max(end(t) for t in range(len(a.tasks)))


def expected_objective(goal: str, x: Stream, log: StreamLog) -> float:
    """By the referee and the definitions of the goals."""
    found, latency = replay(x, log), check_stream(x, log)
    total, progress = time_in_system(x, log, found)
    spent = measure(x, log).energy / max(found.completed, 1)
    return {"latency": latency, "energy": spent, "edp": spent * latency / 1e6, "flow": 1000 * total / max(progress, 1e-3)}[goal]


@settings(max_examples=250)
@given(seed=SEEDS, mode=st.sampled_from(MODES), goal=st.sampled_from(GOALS), dvfs=st.booleans(), eager=EAGER)
def test_every_legal_rollout_is_a_log_that_the_referee_accepts(seed: int, mode: Any, goal: Any, dvfs: bool, eager: float) -> None:
    pool = [random_stream(seed + n) for n in range(2)]
    played, engine = play_out(SocProblem(mode, goal, dvfs=dvfs and mode != "task"), pool, seed, eager)
    for x, log, objective, _, steps in played:
        assert isinstance(x, Stream)
        assert isinstance(log, StreamLog)
        assert objective == pytest.approx(
            min(expected_objective(goal, x, log), 2**31 - 1), abs=1.01 if goal != "latency" else 0.0
        )
        assert steps <= engine.sizes.steps
    assert_measured(played, StreamKeywords().measure(engine, np.arange(2)))


def assert_measured(played: list[Played], rows: np.ndarray) -> None:
    """The metrics of info are the referee's."""
    for (x, log, _, _, steps), row in zip(played, rows, strict=True):
        assert isinstance(x, Stream)
        assert isinstance(log, StreamLog)
        found = measure(x, log)
        mean, tail = (found.mean_latency, found.p95_latency) if found.completed else (-1.0, -1.0)
        expected = (mean, tail, found.completed, found.throughput, np.mean(found.utilisation), found.energy / 1000, steps)
        assert row == pytest.approx(expected, rel=1e-9)


@settings(max_examples=25)
@given(seed=SEEDS, mode=st.sampled_from(MODES), when_full=st.sampled_from(("redraw", "retry", "queue")))
def test_larger_workloads_meet_the_referee_too(seed: int, mode: Any, when_full: Any) -> None:
    rng = np.random.default_rng(seed)
    load = random_workload(rng, cap=(2, 4), when_full=when_full, horizon=600, noise=0.3)
    played, engine = play_out(SocProblem(mode), [stream(load, 0), stream(load, 1)], seed, 5.0)
    for x, log, objective, _, _ in played:
        assert isinstance(x, Stream)
        assert isinstance(log, StreamLog)
        assert check_stream(x, log) == objective
    assert_measured(played, StreamKeywords().measure(engine, np.arange(2)))


@settings(max_examples=60)
@given(seed=SEEDS, goal=st.sampled_from(("latency", "flow")), mode=st.sampled_from(MODES), eager=EAGER)
def test_rewards_add_up_to_the_time_that_jobs_spend_in_the_system(seed: int, goal: Any, mode: Any, eager: float) -> None:
    x = random_stream(seed)
    [(_, log, _, total, _)], _ = play_out(SocProblem(mode, goal), [x], seed, eager)
    assert isinstance(log, StreamLog)
    load = x.workload
    chain = np.mean([longest_chain(a, load.platform) for a in load.applications])
    ticks, _ = time_in_system(x, log, replay(x, log))
    assert total == pytest.approx(-ticks / (max(chain, 1.0) * load.cap), abs=1e-9)


@settings(max_examples=100)
@given(seed=SEEDS, mode=st.sampled_from(MODES), eager=EAGER)
def test_rollouts_of_static_graphs_are_schedules_of_their_makespan(seed: int, mode: Any, eager: float) -> None:
    rng = np.random.default_rng(seed)
    pool = [random_graph(seed), random_dag(rng, tasks=8), topcuoglu(rng, 12, pes=3)]
    played, engine = play_out(SocProblem(mode), pool, seed, eager)
    rows = StaticKeywords().measure(engine, np.arange(3))
    for (x, schedule, objective, total, steps), (ratio, speedup, busy, decisions) in zip(played, rows, strict=True):
        assert check_static(x, schedule) == objective >= lower_bound(x)  # type: ignore[arg-type]
        assert total == pytest.approx(-ratio if objective else 0.0, abs=1e-9)
        assert steps == decisions <= engine.sizes.steps
        work = x.duration[np.arange(len(x.duration)), schedule.pe]  # type: ignore[union-attr]
        assert busy == pytest.approx(work.sum() / (max(objective, 1) * x.pes))  # type: ignore[union-attr]
        alone = [column.sum() for column in x.duration.T if (column >= 0).all()]  # type: ignore[union-attr]
        assert speedup == pytest.approx(min(alone) / max(objective, 1) if alone else -1.0)


def test_the_ratio_of_a_static_schedule_is_over_the_longest_chain_of_fastest_tasks() -> None:
    x = load_static("topcuoglu-10")
    _, engine = play_out(SocProblem("assign"), [x], 0)
    [(ratio, *_)] = StaticKeywords().measure(engine, np.zeros(1, np.int64))
    fastest = x.duration.min(axis=1)
    chain = max(
        fastest[[0, 1, 8, 9]].sum(), fastest[[0, 3, 7, 9]].sum(), fastest[[0, 1, 7, 9]].sum(), fastest[[0, 2, 6, 9]].sum()
    )
    assert ratio == int(engine.arrays[1].final_objective[0]) / chain


@pytest.mark.parametrize("part", range(4))
def test_starting_and_waiting_reaches_the_optimum(part: int) -> None:
    rng = np.random.default_rng(part)
    for _ in range(12):
        x = random_dag(rng, tasks=5, pes=3)
        best = plan(whole(x), seconds=20.0)
        assert best.status == "optimal"
        assert best_reachable(SocProblem("start"), x, scratch=SCRATCH) == best.objective, x.duration.tolist()


def test_naming_a_pe_for_every_ready_task_can_miss_the_optimum() -> None:
    # PE 0 must stay idle until tick 1, when task 2 is ready, and task 0 come after it.
    duration = np.array([[10, -1], [-1, 1], [1, -1], [-1, 20]])
    x = StaticDag(duration, np.array([[1, 2, 0], [2, 3, 0]]))
    assert best_reachable(SocProblem("start"), x, scratch=SCRATCH) == 22
    assert best_reachable(SocProblem("assign"), x, scratch=SCRATCH) == 31


def test_a_stream_worked_by_hand() -> None:
    """One job after another of one task, 4 us on PE 0 and 7 on PE 1; a job arrives every 3 us, two may be in the system."""
    chip = Platform((Cluster("big", 1, {"a": 4}), Cluster("little", 1, {"a": 7})), np.ones((2, 2)))
    load = Workload(
        chip, (Application(("a",), np.zeros((0, 3), int)),), 3.0, 2, "retry", arrival="fixed", prefill=False, horizon=12
    )
    [(_, log, objective, total, steps)], _ = play_out(SocProblem("task"), [stream(load, 0)], 0)
    assert isinstance(log, StreamLog)
    # Always the earliest finish: 0-4, 4-8 and 8-12 on PE 0 (job 2 would end at 13 on PE 1), which is too late to count.
    assert log.arrival.tolist() == [0, 3, 6, 9]
    assert log.start[:, 0].tolist() == [0, 4, 8, -1]
    assert (objective, steps) == (1000 * (4 + 5) // 2, 4)
    assert total == pytest.approx(-(4 + 5 + 6 + 3) / (2 * 4))


def test_an_instance_asked_for_at_reset_is_played_once() -> None:
    env = gymnasium.make(STATIC_ID, instance=["top-01", "top-02"])
    assert env.reset(seed=0, options={"instance": "top-03"})[1]["instance"] == "top-03"
    assert env.reset()[1]["instance"] in ("top-01", "top-02")
    streams = gymnasium.make(ID, **STREAM_WORDS)
    _, info = streams.reset(seed=0, options={"instance": "gym-ds3-1,queue=2"})
    assert info["instance"].startswith("gym-ds3-1")
    with pytest.raises(InputError, match=r"an instance needs \d+ \w+, the environment was built for \d+"):
        streams.reset(options={"instance": "gym-ds3-10"})
    with pytest.raises(InputError, match=r"an instance needs \d+ \w+, the environment was built for \d+"):
        env.reset(options={"instance": topcuoglu(np.random.default_rng(0), 30, pes=3)})


def test_workload_words_change_workloads() -> None:
    env = gymnasium.make(ID, instance="gym-ds3-5", scale=50, cap=2, when_full="queue", horizon=300, pool=2)
    load = env.unwrapped.engine.pool[1].workload  # type: ignore[attr-defined]
    assert (load.scale, load.cap, load.when_full, load.horizon, load.noise) == (50, 2, "queue", 300, 0.0)
    drawn = stream(load, 5)
    assert gymnasium.make(ID, instance=[drawn, drawn]).unwrapped.engine.pool == [drawn, drawn]  # type: ignore[attr-defined]


TINY = replace(workload("gym-ds3-1"), horizon=50)


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        (ID, {"mode": "guess"}, "mode='guess' is not one of start, assign, task, pe"),
        (ID, {"goal": "speed"}, "goal='speed' is not one of latency, energy, edp, flow"),
        (ID, {"mode": "task", "dvfs": True}, "dvfs=True needs a mode in which the PE is chosen"),
        (ID, {"online": 1}, "online=1 is neither True nor False"),
        (ID, {"hidden_speeds": "yes"}, "hidden_speeds='yes' is neither True nor False"),
        (ID, {"instance": "gym-ds4-5"}, "gym-ds4-5"),
        (ID, {"instance": 7}, "instance 7 is not a name, a file, a Workload or a Stream"),
        (ID, {"pool": 0}, "pool=0 is not a positive whole number"),
        (ID, {"loudness": 0.1}, "unexpected keyword argument 'loudness'; known are instance, pool"),
        (ID, {"warmup": 5000}, "warm-up 5000 is not below the horizon 5000"),
        (ID, {"cap": 0}, "cap of 0 jobs is not between 1 and 1024"),
        (ID, {"cap": "three"}, "'<=' not supported between instances of 'int' and 'str'"),
        (ID, {"when_full": "drop"}, "when_full 'drop' is not one of redraw, retry, queue"),
        (ID, {"noise": -1.0}, r"noise -1.0 is not between 0 and 2"),
        (ID, {"probabilities": (0.5, 0.6)}, "do not sum to 1"),
        (ID, {"instance": stream(TINY, 0), "cap": 2}, "cap cannot be changed in a stream that is drawn already"),
        (ID, {"instance": "gym-ds3-1/s3", "noise": 0.1}, "noise cannot be changed in a stream that is drawn already"),
        (STATIC_ID, {"goal": "energy"}, "goal: a static graph has no powers and frequencies"),
        (STATIC_ID, {"dvfs": True}, "dvfs: a static graph has no powers and frequencies"),
        (STATIC_ID, {"instance": "top-01", "tasks": 5}, r"either instance or generator words, not both \(tasks\)"),
        (STATIC_ID, {"instance": 7}, "instance 7 is not a name, a file or a StaticDag"),
        (STATIC_ID, {"instance": "gym-ds3-1"}, "is a stream, not a static graph"),
        (STATIC_ID, {"mode": 3}, "mode=3 is not one of"),
        (STATIC_ID, {"cap": 3}, "unexpected keyword argument 'cap'"),
    ],
)
def test_bad_words_are_named_in_one_line(name: str, words: dict[str, Any], message: str) -> None:
    for maker in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(InputError) as caught:
            maker(name, **words)
        assert re.search(message, str(caught.value))
        assert "\n" not in str(caught.value)


CHIP = Platform((Cluster("one", 1, {"a": 4}), Cluster("two", 1, {"b": 7})), np.ones((2, 2)))
NO_EDGES = np.zeros((0, 3), int)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StaticDag(np.ones((3, 1), int), np.array([[0, 1, 2], [1, 2, 2], [2, 1, 2]])), "task 1 is on or behind a cycle"),
        (lambda: StaticDag(np.ones((2, 1), int), np.array([[0, 1, 2], [1, 0, 2]])), "no head: every task has a predecessor"),
        (lambda: StaticDag(np.ones((2, 1), int), np.array([[0, 1, -2]])), "volume -2 of edge 0 -> 1 is negative"),
        (lambda: StaticDag(np.ones((2, 1), int), np.array([[0, 2, 1]])), "edge 0 -> 2 names a task that is not among 2"),
        (lambda: StaticDag(np.array([[1, 2], [-1, -1]]), NO_EDGES), "task 1 can run on no PE"),
        (lambda: StaticDag(np.ones((1, 2), int), NO_EDGES, np.array([[1, 0], [1, 1]])), "bandwidth 0 between PEs 0 and 1"),
        (lambda: Platform(CHIP.clusters, np.array([[1.0, 2.0], [0.0, 1.0]])), r"bandwidth 0 between clusters \(1, 0\)"),
        (lambda: Workload(CHIP, (Application(("a", "c"), NO_EDGES),)), "task 'c' can run on no PE of platform unnamed"),
        (lambda: Workload(CHIP, (Application(("a",), NO_EDGES),), horizon=9, warmup=9), "warm-up 9 is not below the horizon 9"),
        (lambda: Workload(CHIP, ()), "no applications"),
    ],
)
def test_impossible_instances_are_named_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
