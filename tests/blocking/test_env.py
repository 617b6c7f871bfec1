"""The blocking environments against the problem's definition: every schedule is reachable, nothing deadlocks, nothing leaks."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatchgym import families
from dispatchgym.envs.blocking.check import check
from dispatchgym.envs.blocking.layout import NO_BUDGET, Clock
from dispatchgym.envs.blocking.nowait.problem import NoWaitProblem
from dispatchgym.envs.blocking.problem import BlockingProblem
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.targets import compile_entries
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions, interrupt, lower_bound
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.blocking import safety_kernel
from tests.blocking.record import COPIES, KINDS, record
from tests.blocking.search import best_reachable
from tests.blocking.shops import IDS, brute_force, random_shop
from tests.core import conformance, conformance_vector
from tests.core.targets import on_every_target

ROOT = Path(__file__).parents[2]
ID = IDS[0]
SMALL: dict[str, Any] = {"jobs": 4, "machines": 3, "pool": 5, "duration": (0, 9)}
WAYS: tuple[dict[str, Any], ...] = (
    {"swap": False},
    {"no_wait": True},
    {"interruptions": 0.2},
    {"swap": False, "interruptions": {"down_share": 0.2, "mode": "bernoulli", "restart": True}},
)

CHANGED = (
    conformance.checkers_have_no_complaints,
    conformance.legal_play_ends_in_a_schedule_that_the_referee_accepts,
    conformance.pictures_can_be_drawn_at_any_moment,
    conformance_vector.a_batch_equals_gymnasiums_own_batch_of_single_environments,
)


def problem_of(variant: str, **options: Any) -> BlockingProblem | NoWaitProblem:
    return NoWaitProblem() if variant == "nwt" else BlockingProblem(variant == "bws", **options)


def shop(*jobs: str) -> JobShop:
    """A shop from lines like "0:3 1:2": machine and ticks of each operation."""
    rows = [[tuple(map(int, operation.split(":"))) for operation in job.split()] for job in jobs]
    width = max(map(len, rows))
    machine = [[m for m, _ in row] + [-1] * (width - len(row)) for row in rows]
    duration = [[p for _, p in row] + [0] * (width - len(row)) for row in rows]
    return JobShop(np.array(machine), np.array(duration))


def play_out(
    problem: Any, pool: list[BlockingShop], copies: int, seed: int
) -> tuple[list[BlockingSchedule], np.ndarray, np.ndarray]:
    """Random legal episodes, copy b on instance b % len(pool): schedules, objectives and returns."""
    engine = Engine(problem, pool, copies, graph=False)
    engine.assign_rows(np.arange(copies) % len(pool))
    engine.reset()
    rng = np.random.default_rng(seed)
    record = engine.arrays[1]
    over = np.zeros(copies, bool)
    total = np.zeros(copies)
    while not over.all():
        legal = record.legal
        assert (legal.sum(axis=1) > 0)[~over].all(), "a state without a choice"
        engine.step((legal * rng.random(legal.shape)).argmax(axis=1), autoreset=False)
        total += np.where(over, 0.0, record.reward)
        assert not (record.truncated[~over] == 1).any(), "an episode longer than its bound"
        over |= record.terminated == 1
    schedules = []
    for b in range(copies):
        rows, columns = pool[b % len(pool)].shop.machine.shape
        schedules.append(BlockingSchedule(engine.state.start[b, :rows, :columns].numpy().astype(np.int64)))
    return schedules, np.array(record.final_objective), total


def test_two_jobs_that_want_each_others_machine_swap_or_go_one_after_the_other() -> None:
    two = shop("0:3 1:2", "1:4 0:2")
    assert best_reachable(BlockingProblem(True), BlockingShop(two, "bws")) == 6  # both enter at 0, swap at 4
    assert best_reachable(BlockingProblem(False), BlockingShop(two, "bns")) == 11  # 3 + 2, and only then 4 + 2


def test_a_circle_of_three_is_one_move() -> None:
    three = BlockingShop(shop("0:1 1:1", "1:2 2:1", "2:3 0:1"), "bws")
    engine = Engine(BlockingProblem(), [three], 1, graph=False)
    engine.reset()
    for job in range(3):
        engine.step(np.array([job]), autoreset=False)
    assert engine.arrays[1].terminated[0] == 1
    assert engine.state.start[0].tolist() == [[0, 3], [0, 3], [0, 3]]
    assert check(three, BlockingSchedule(engine.state.start[0].numpy().astype(np.int64))) == 4


@pytest.mark.parametrize(("variant", "count"), [("bws", 30), ("bns", 40), ("nwt", 15)])
def test_the_best_reachable_schedule_is_optimal(variant: Any, count: int) -> None:
    rng = np.random.default_rng(7)
    for _ in range(count):
        instance = random_shop(rng, variant, jobs=3, machines=3)
        assert best_reachable(problem_of(variant), instance) == brute_force(instance), (
            instance.shop.machine.tolist(),
            instance.shop.duration.tolist(),
        )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["bws", "bns", "nwt"]), st.booleans())
@example(28871, "bws", True)  # an operation without duration whose breakdown ends when the machine fails
def test_every_legal_rollout_is_a_schedule_that_the_referee_accepts(seed: int, variant: Any, windows: bool) -> None:
    rng = np.random.default_rng(seed)
    pool = [random_shop(rng, variant, jobs=6, machines=4, windows=windows and variant != "nwt") for _ in range(3)]
    schedules, objectives, returns = play_out(problem_of(variant), pool, 6, seed)
    for b, (schedule, objective) in enumerate(zip(schedules, objectives, strict=True)):
        instance = pool[b % 3]
        assert check(instance, schedule) == objective
        bound = lower_bound(instance)
        assert returns[b] == pytest.approx((bound - objective) / max(bound, 1), abs=1e-9)


@pytest.mark.parametrize("variant", ["bws", "bns"])
@pytest.mark.parametrize("size", [(6, 6), (15, 5), (10, 10)])
def test_random_play_never_deadlocks(variant: Any, size: tuple[int, int]) -> None:
    pool = [BlockingShop(generate(*size, seed=seed), variant) for seed in range(16)]
    _, objectives, _ = play_out(problem_of(variant), pool, 64, 0)
    assert (objectives > 0).all()
    assert (objectives < sum(int(x.shop.duration.sum()) for x in pool)).all()


def test_a_budget_of_one_state_still_leaves_a_way_out() -> None:
    pool = [BlockingShop(generate(12, 8, seed=seed), "bns") for seed in range(8)]
    schedules, objectives, _ = play_out(BlockingProblem(False, mask_budget=1), pool, 32, 0)
    for b, schedule in enumerate(schedules):
        assert check(pool[b % 8], schedule) == objectives[b]


def can_empty(routes: list[list[int]]) -> bool:
    """Whether jobs with these remaining routes, each on the first machine of its own, can all leave by single moves."""

    @cache
    def reach(at: tuple[int, ...]) -> bool:
        inside = [j for j, k in enumerate(at) if k < len(routes[j])]
        if not inside:
            return True
        held = {routes[j][at[j]] for j in inside}
        for j in inside:
            here, following = routes[j][at[j]], routes[j][at[j] + 1] if at[j] + 1 < len(routes[j]) else None
            free = following is None or following not in held or following == here
            if free and reach((*at[:j], at[j] + 1, *at[j + 1 :])):
                return True
        return False

    return reach((0,) * len(routes))


def test_the_safety_mask_is_plain_reachability() -> None:
    count = 1500
    rng = np.random.default_rng(3)
    problem = BlockingProblem(False)
    pool, truth = [], []
    position = safety_kernel.Position(
        np.zeros(count, np.int32),
        np.zeros((count, 5), np.int32),
        np.zeros((count, 5), np.int32),
        NO_BUDGET,
        np.zeros(count, np.int32),
    )
    for b in range(count):
        jobs, machines = int(rng.integers(2, 6)), int(rng.integers(2, 6))
        length = rng.integers(1, 7, jobs)
        used = np.arange(6) < length[:, None]
        machine = np.where(used, rng.integers(0, machines, used.shape), -1)
        pool.append(BlockingShop(JobShop(machine, used.astype(np.int64), machines), "bns"))
        at = [int(rng.integers(0, n)) for n in length]
        taken: dict[int, int] = {}
        for j in rng.permutation(jobs):
            taken.setdefault(int(machine[j, at[j]]), int(j))
        inside = list(taken.values())
        position.count[b] = len(inside)
        position.jobs[b, : len(inside)] = inside
        position.at[b, : len(inside)] = [at[j] for j in inside]
        truth.append(can_empty([machine[j, at[j] : length[j]].tolist() for j in inside]))
    sizes = problem.sizes(pool)
    state = problem.state(sizes, count)
    state.row[:] = np.arange(count)
    launch = compile_entries((safety_kernel.verdict,), "cpu")
    launch["verdict"](count, problem.pack(pool, sizes), state, position)
    assert (position.verdict == np.array(truth)).all()
    assert 100 < sum(truth) < count - 100


@pytest.mark.parametrize("variant", ["bws", "bns"])
def test_without_interruptions_the_static_shop_comes_out_bit_for_bit(variant: Any) -> None:
    plain = blocking_catalogue.load(f"la02/{variant}")
    never = interrupt(plain, Interruptions(0.0), 5)
    played = [play_out(problem_of(variant), [x], 4, 1) for x in (plain, never)]
    assert np.array_equal(played[0][1], played[1][1])
    for left, right in zip(played[0][0], played[1][0], strict=True):
        assert np.array_equal(left.start, right.start)


def test_a_trace_is_the_same_for_every_policy_and_variant() -> None:
    one, two = (blocking_catalogue.load(f"la03/{variant}/p0.1/t4") for variant in ("bws", "bns"))
    assert np.array_equal(one.down, two.down)
    assert not np.array_equal(one.down, blocking_catalogue.load("la03/bws/p0.1/t5").down)


def test_long_run_share_of_down_time_is_the_one_asked_for() -> None:
    base = BlockingShop(generate(40, 30, seed=1))
    for share in (0.05, 0.2):
        windows = interrupt(base, Interruptions(share), 3).down.astype(np.int64)
        down = np.where(windows[..., 0] >= 0, windows[..., 1] - windows[..., 0], 0).sum()
        assert down / windows[..., 1].max(axis=1).sum() == pytest.approx(share, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["bws", "bns"]))
def test_the_agent_sees_no_failure_before_it_happens(seed: int, variant: Any) -> None:
    """Two traces that differ only after some tick look the same until then."""
    rng = np.random.default_rng(seed)
    plain = BlockingShop(generate(4, 4, seed=int(rng.integers(2**20))), variant)
    early = np.array([[[10, 30]], [[20, 25]], [[40, 60]], [[-1, -1]]])
    late = np.concatenate([early, np.full((4, 1, 2), -1)], axis=1)
    late[:2, 1] = [[150, 170], [155, 175]]
    late[0, 0, 1] = early[0, 0, 1]
    pool = [BlockingShop(plain.shop, variant, x, interruptions=Interruptions(0.1)) for x in (early, late)]
    problem = problem_of(variant)
    engine = Engine(problem, pool, 2, graph=True)
    engine.assign_rows([0, 1])
    engine.reset()
    while (engine.state.clock[:, Clock.NOW] < 150).all() and not engine.arrays[1].terminated.any():
        o, record = engine.arrays
        for field in o:
            assert np.array_equal(field[0], field[1])
        engine.step(np.repeat((record.legal[0] * rng.random(record.legal.shape[1])).argmax(), 2), autoreset=False)


def test_plain_python_compiled_code_and_the_cuda_simulator_agree_to_the_last_bit(tmp_path: Path) -> None:
    compiled = on_every_target("tests.blocking.record", record, tmp_path)
    for variant, windows in KINDS:
        name = f"{variant}{'-down' * windows}"
        assert compiled[f"{name}-1"].tobytes() == compiled[f"{name}-{COPIES}"].tobytes(), name


@pytest.mark.parametrize("rule", CHANGED, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("words", WAYS, ids=str)
def test_the_rules_of_every_environment_hold_in_every_variant(words: dict[str, Any], rule: Any) -> None:
    rule(conformance.Case("BlockingJobShop-v0", SMALL | words, families.load("blocking")))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"interruptions": 1.0}, "down share 1.0 is not in"),
        ({"interruptions": -0.1}, "down share -0.1 is not in"),
        ({"interruptions": {"down_share": 0.1, "repair": -2.0}}, "repair time -2.0"),
        ({"interruptions": {"share": 0.1}}, "'share'"),
        ({"interruptions": {"down_share": 0.1, "mode": "weekly"}}, "'weekly'"),
        ({"no_wait": True, "interruptions": 0.1}, "no-wait shop cannot be interrupted"),
        ({"swap": "yes"}, "swap='yes'"),
        ({"mask_budget": 0, "swap": False}, "mask_budget=0"),
        ({"traces": 0}, "traces=0"),
        ({"swop": True}, "unexpected keyword argument 'swop'"),
        ({"instance": "la01/bws", "swap": False}, "la01/bws is a bws shop"),
        ({"instance": "la01/xyz"}, "la01/xyz"),
        ({"instance": 7}, "instance 7 is not a name"),
        ({"interruptions": "often"}, "interruptions='often'"),
        ({"mask_budget": "x"}, "mask_budget='x'"),
    ],
)
def test_bad_words_are_named(words: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gymnasium.make(ID, **words)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"variant": "jsp"}, "variant 'jsp'"),
        ({"down": [[[0, 5]]]}, r"down windows \(1, 1, 2\)"),
        ({"down": [[[5, 5]], [[0, 1]]]}, r"machine 0 is down in \[5, 5\)"),
        ({"down": [[[4, 8], [6, 9]], [[-1, -1], [-1, -1]]]}, "out of order"),
        ({"down": [[[-1, -1], [6, 9]], [[-1, -1], [-1, -1]]]}, "gap in its list"),
        ({"breakdown": [[1]]}, r"breakdown \(1, 1\)"),
        ({"breakdown": [[-1, 0], [0, 0]]}, "breakdown of -1 ticks"),
        ({"variant": "nwt", "breakdown": [[1, 0], [0, 0]]}, "no-wait shop cannot be interrupted"),
        ({"lower_bound": 9, "best_known": 8}, "lower bound 9 is above"),
    ],
)
def test_bad_instances_are_named(fields: dict[str, Any], message: str) -> None:
    arrays = {name: np.array(value) if isinstance(value, list) else value for name, value in fields.items()}
    with pytest.raises(InputError, match=message):
        BlockingShop(shop("0:3 1:2", "1:4 0:2"), **arrays)


def test_instances_and_laws_may_be_objects() -> None:
    env = gymnasium.make(ID, instance=shop("0:3 1:2", "1:4 0:2"), interruptions=Interruptions(0.3), traces=3)
    assert len(env.unwrapped.engine.pool) == 3  # type: ignore[attr-defined]
    assert repr(env.unwrapped.engine.pool[0]) == "BlockingShop('unnamed/bws', 2x2, bws)"  # type: ignore[attr-defined]
