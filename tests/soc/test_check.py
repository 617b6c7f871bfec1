"""The referee of task graphs on a chip, on cases worked by hand and against a run of the chip tick by tick.

The chip of the first streams has a slow PE 0 for tasks a and b, and PE 1 for b alone. A job is a -> b; the data takes 2 ticks
from PE 0 to PE 1. With one job in the system, jobs at ticks 0 and 8 can both take 8 ticks.
"""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatchgym.envs.soc.check import StreamMetrics, check_static, check_stream, measure
from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.soc.instance import (
    Application,
    Cluster,
    Level,
    Platform,
    StaticDag,
    StaticSchedule,
    Stream,
    StreamLog,
    Workload,
)
from tests.soc.streams import can_be_played, play_at_random, random_stream

SEEDS = st.integers(0, 2**32 - 1)

DAG = StaticDag(np.array([[2, 4], [3, 1], [2, -1]]), np.array([[0, 1, 3], [0, 2, 1]]))

CPU = Cluster("cpu", 1, {"a": 4, "b": 6}, (Level(600, 100), Level(1000, 300)), 10)
CORE = Cluster("core", 1, {"b": 2}, (Level(1000, 50),), 5)
CHIP = Platform((CPU, CORE), np.array([[1.0, 2.0], [2.0, 1.0]]))
JOB = Application(("a", "b"), np.array([[0, 1, 5]]))
WORK = Workload(CHIP, (JOB,), cap=1, prefill=False, horizon=30)
GAPS = (3, 4, 20, 99)
#       job 0           job 1            job 2 (does not end)
PES = [[0, 1], [0, 1], [0, -1]]
STARTS = [[0, 6], [8, 14], [28, -1]]
LEVELS = [[1, 0], [1, 0], [1, -1]]
ARRIVALS = {"redraw": [0, 8, 28], "retry": [0, 8, 16], "queue": [0, 3, 7]}


def verdict(pe: list[int], start: list[int], dag: StaticDag = DAG) -> int:
    return check_static(dag, StaticSchedule(np.array(pe), np.array(start)))


def refusal(pe: list[int], start: list[int], dag: StaticDag = DAG) -> str:
    with pytest.raises(InvalidSchedule) as caught:
        verdict(pe, start, dag)
    return str(caught.value)


def a_stream(gaps=GAPS, deviation=None, **fields) -> Stream:
    workload = dataclasses.replace(WORK, **fields)
    jobs = len(gaps) + workload.cap
    deviation = np.zeros((jobs, 0)) if deviation is None else np.array(deviation)
    return Stream(workload, np.array(gaps, np.int32), np.zeros(jobs, np.int32), deviation)


def a_log(arrival, pe=PES, start=STARTS, level=LEVELS) -> StreamLog:
    return StreamLog(np.array(arrival), np.array(pe), np.array(start), np.array(level))


def refused(stream: Stream, log: StreamLog) -> str:
    with pytest.raises(InvalidSchedule) as caught:
        check_stream(stream, log)
    return str(caught.value)


def test_data_takes_time_between_two_pes_and_none_on_one():
    assert verdict([0, 1, 0], [0, 5, 2]) == 6
    assert verdict([0, 0, 0], [0, 2, 5]) == 7
    assert refusal([0, 1, 0], [0, 4, 2]) == "task 1 starts on PE 1 at 4, before the data of task 0 on PE 0 arrives at 5"
    assert refusal([0, 0, 0], [0, 1, 5]) == "task 1 starts on PE 0 at 1, before the data of task 0 on PE 0 arrives at 2"


def test_transfers_are_rounded_down():
    dag = dataclasses.replace(DAG, bandwidth=np.array([[10.0, 2.0], [10.0, 10.0]]))
    assert verdict([0, 1, 0], [0, 3, 2], dag) == 4  # floor(3 / 2) = 1


@pytest.mark.parametrize(
    ("pe", "start", "reason"),
    [
        ([0, 1, 1], [0, 5, 3], "task 2 cannot run on PE 1"),
        ([0, 1, 2], [0, 5, 3], "task 2 cannot run on PE 2"),
        ([0, -1, 0], [0, 5, 3], "task 1 cannot run on PE -1"),
        ([0, 1, 0], [-1, 5, 3], "task 0 has no start (-1)"),
        ([0, 0, 0], [0, 2, 4], "PE 0: task 1 [2, 5) overlaps task 2 [4, 6)"),
        ([0, 1], [0, 5], "pe has shape (2,), the instance has (3,)"),
        ([0, 1, 0], [0.0, 5.0, 2.0], "start has dtype float64, not whole numbers"),
    ],
)
def test_a_broken_rule_of_a_static_graph_is_named(pe, start, reason):
    assert refusal(pe, start) == reason


def test_a_task_without_length_is_at_the_edge_of_another_one_but_not_inside():
    dag = StaticDag(np.array([[3], [0]]), np.zeros((0, 3), np.int64))
    assert [verdict([0, 0], [1, at], dag) for at in (0, 1, 4)] == [4, 4, 4]
    assert refusal([0, 0], [1, 2], dag) == "PE 0: task 0 [1, 4) overlaps task 1 [2, 2)"


@pytest.mark.parametrize(
    ("when_full", "starts", "latency"),
    [
        ("redraw", STARTS, 8 + 8),  # attempts at 0, 3 (full), 8, 28
        ("retry", [[0, 6], [8, 14], [16, 22]], 8 + 8 + 8),  # attempts at 0, 3 (made at 8), 12 (made at 16)
        ("queue", [[0, 6], [8, 14], [16, 22]], 8 + 13 + 17),  # arrivals at 0, 3, 7, 27
    ],
)
def test_arrivals_when_the_system_is_full(when_full, starts, latency):
    jobs = latency // 8 if when_full != "queue" else 3
    gaps = GAPS if when_full != "retry" else (3, 4, 99)
    pe, level = (PES, LEVELS) if when_full == "redraw" else ([[0, 1]] * 3, [[1, 0]] * 3)
    stream, arrival = a_stream(gaps, when_full=when_full), ARRIVALS[when_full]
    if when_full == "queue":  # the fourth is let in and does not start
        arrival, starts, pe, level = [*arrival, 27], [*starts, [-1, -1]], [*pe, [-1, -1]], [*level, [-1, -1]]
    assert check_stream(stream, a_log(arrival, pe, starts, level)) == 1000 * latency // jobs
    assert measure(stream, a_log(arrival, pe, starts, level)).completed == jobs


def test_a_job_that_waits_outside_cannot_start():
    starts = [[0, 6], [7, 14], [16, 22], [-1, -1]]
    rows = [[0, 1]] * 3 + [[-1, -1]], [[1, 0]] * 3 + [[-1, -1]]
    assert refused(a_stream(when_full="queue"), a_log([0, 3, 7, 27], rows[0], starts, rows[1])) == (
        "job 1 task 0 [7, 11) starts on PE 0 before its job is let in at 8"
    )


def test_prefilled_jobs_are_there_at_tick_0_and_use_no_gap():
    stream = a_stream((3, 99), prefill=True, cap=2)
    starts = [[0, 4], [4, 14], [-1, -1]]  # the first attempt, at 3, finds the system full; the next is past the horizon
    assert refused(stream, a_log([0, 0, 3], [[0, 0], [0, 0], [-1, -1]], starts, [[1, 1], [1, 1], [-1, -1]])) == (
        "job 2 is in the log, but is not let in before the end of the run at 30"
    )
    assert check_stream(stream, a_log([0, 0], [[0, 0], [0, 0]], [[0, 4], [10, 14]], [[1, 1], [1, 1]])) == 15_000


def test_the_run_ends_with_the_last_job_that_is_asked_for():
    one, two = a_stream(max_jobs=1), a_stream(max_jobs=2)
    assert check_stream(one, a_log([0], PES[:1], STARTS[:1], LEVELS[:1])) == 8000
    assert refused(one, a_log([0, 8], PES[:2], STARTS[:2], LEVELS[:2])) == (
        "job 1 is in the log, but is not let in before the end of the run at 8"
    )
    assert check_stream(two, a_log([0, 8], PES[:2], STARTS[:2], LEVELS[:2])) == 8000


def test_only_jobs_completed_from_the_warm_up_on_and_before_the_horizon_count():
    log = a_log(ARRIVALS["redraw"])
    assert check_stream(a_stream(warmup=8), log) == 8000
    assert measure(a_stream(warmup=9), log).completed == 1
    assert check_stream(a_stream(warmup=17), log) == 30_000  # none: 1000 * horizon
    short = a_stream(horizon=16)
    assert measure(short, a_log([0, 8], PES[:2], STARTS[:2], LEVELS[:2])).completed == 1
    assert check_stream(short, a_log([0, 8], PES[:2], STARTS[:2], LEVELS[:2])) == 8000


def test_a_lower_frequency_and_noise_make_a_task_longer_and_rounding_is_stated():
    # a takes ceil(4 * 1000 / 600) = 7, its data arrives at 9, the job ends at 11 and the redrawn attempt at 8 is lost too
    stream = a_stream((3, 4, 99))
    assert check_stream(stream, a_log([0], [[0, 1]], [[0, 9]], [[0, 0]])) == 11_000
    # a takes floor(4 * 1.625 + 0.5) = 7, b at least 1
    noisy = a_stream((3, 4, 99), [[1.25, -9.0]] * 4, noise=0.5)
    assert check_stream(noisy, a_log([0], [[0, 1]], [[0, 9]], [[1, 0]])) == 10_000


def test_measures_of_a_log_worked_by_hand():
    found = measure(a_stream(), a_log(ARRIVALS["redraw"]))
    # PE 0: 4 + 4 + 2 of 30 ticks busy (the third job's task as far as the horizon), PE 1: 2 + 2
    energy = 10 * 300 + 20 * 10 + 4 * 50 + 26 * 5
    assert found == StreamMetrics(8.0, 8.0, 2, 1000 * 2 / 16, (10 / 30, 4 / 30), energy)
    nothing = measure(a_stream(warmup=17), a_log(ARRIVALS["redraw"]))
    assert math.isnan(nothing.mean_latency)
    assert nothing.throughput == 0.0


@pytest.mark.parametrize(
    ("change", "value", "reason"),
    [
        ("arrival", [0, 9, 28], "job 1 arrives at 8, not at 9"),
        ("arrival", [0.0, 8.0, 28.0], "arrival has dtype float64, not whole numbers"),
        ("arrival", [0, 8], "pe has shape (3, 2), the instance has (2, 2)"),
        ("start", [[0, 6], [7, 14], [28, -1]], "job 1 task 0 [7, 11) starts on PE 0 before its job is let in at 8"),
        (
            "start",
            [[0, 5], [8, 14], [28, -1]],
            "job 0 task 1 [5, 7) starts on PE 1 before the data of task 0 on PE 0 arrives at 6",
        ),
        ("start", [[0, 6], [8, 14], [30, -1]], "job 2 task 0 [30, 34) starts on PE 0, but the run ends at 30"),
        ("start", [[0, 6], [8, 14], [-1, -1]], "job 2 task 0 on PE 0 at -1: no start"),
        ("pe", [[1, 1], [0, 1], [0, -1]], "job 0 task 0 on PE 1 at 0: that PE cannot run 'a'"),
        ("pe", [[2, 1], [0, 1], [0, -1]], "job 0 task 0 on PE 2 at 0: that PE cannot run 'a'"),
        ("level", [[2, 0], [1, 0], [1, -1]], "job 0 task 0 on PE 0 at 0: level 2 of 2"),
        ("level", [[-1, 0], [1, 0], [1, -1]], "job 0 task 0 on PE 0 at 0: level -1 of 2"),
    ],
)
def test_a_broken_rule_of_a_stream_is_named(change, value, reason):
    rows = {"arrival": ARRIVALS["redraw"], "pe": PES, "start": STARTS, "level": LEVELS} | {change: value}
    assert refused(a_stream(), a_log(**rows)) == reason


def test_a_log_with_too_few_or_too_many_jobs_is_refused():
    assert refused(a_stream(), a_log([0, 8], PES[:2], STARTS[:2], LEVELS[:2])) == (
        "job 2 is let in at 28, but the log has only 2 jobs"
    )
    blank = [[-1, -1]] * 3
    assert refused(a_stream((99,)), a_log([0, 1, 2], blank, blank, blank)) == "the log has 3 jobs, the stream has 2"


def test_a_task_after_one_that_does_not_run_is_refused():
    log = a_log([0], [[-1, 1]], [[-1, 6]], [[-1, 0]])
    assert refused(a_stream((99,)), log) == "job 0 task 1 [6, 8) starts on PE 1, but task 0 before it does not"


def test_two_jobs_cannot_share_a_pe():
    log = a_log([0, 0], [[0, 1], [0, 1]], [[0, 6], [3, 9]], [[1, 0], [1, 0]])
    assert refused(a_stream((0, 99), cap=2), log) == "PE 0: job 0 task 0 [0, 4) overlaps job 1 task 0 [3, 7)"


def test_a_job_has_no_more_tasks_than_its_application():
    work = {"applications": (JOB, Application(("a", "b", "b"), np.array([[0, 1, 5]]))), "probabilities": ()}
    log = a_log([0], [[0, 1, 1]], [[0, 6, 9]], [[1, 0, 0]])
    assert refused(a_stream((99,), **work), log) == "job 0 task 2 on PE 1 at 9: the job has only 2 tasks"


@given(SEEDS)
def test_what_a_chip_does_tick_by_tick_is_accepted_at_the_same_latency(seed):
    stream = random_stream(seed)
    chip = play_at_random(stream, seed)
    mean = 1000 * sum(chip.latency) // len(chip.latency) if chip.latency else 1000 * stream.workload.horizon
    assert check_stream(stream, chip.log()) == mean
    found = measure(stream, chip.log())
    assert found.completed == len(chip.latency)
    assert all(0.0 <= share <= 1.0 for share in found.utilisation)


@given(SEEDS, st.integers(0, 3), st.integers(-3, 3))
def test_a_changed_log_is_accepted_only_if_the_chip_can_do_it(seed, what, shift):
    rng = np.random.default_rng(seed)
    stream = random_stream(seed)
    log = play_at_random(stream, seed).log()
    changed = {x: getattr(log, x).copy() for x in ("arrival", "pe", "start", "level")}
    array = changed[("start", "arrival", "pe", "level")[what]]
    places = np.argwhere(array >= 0)
    if len(places):
        at = tuple(places[rng.integers(len(places))])
        array[at] = max(array[at] + shift, 0)
    other = StreamLog(**changed)
    platform = stream.workload.platform
    levels = np.array([len(platform.clusters[c].levels) for c in platform.cluster_of])
    possible = (other.pe < platform.pes).all() and (other.level < levels[other.pe.clip(-1, platform.pes - 1)]).all()
    if possible and can_be_played(stream, other):
        check_stream(stream, other)
    else:
        with pytest.raises(InvalidSchedule):
            check_stream(stream, other)
