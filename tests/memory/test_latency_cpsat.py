"""The CP-SAT model of memory programs against an enumeration of all plans, and what it says of the plans it is given."""

import dataclasses
import itertools

import numpy as np
import pytest

from dispatchgym.baselines.memory.map import cpsat as latency_cpsat
from dispatchgym.baselines.memory.map.cpsat import execute, plan, small_buffers, unseen
from dispatchgym.envs.memory.map.check import check as check_program
from dispatchgym.instances.errors import InputError, InvalidSchedule
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram, all_slow, latency_bound
from tests.memory.plans import fits, random_plan, small_program

Row = tuple[int, ...]


def stay_lists(program: MemoryProgram, n: int) -> list[list[Row]]:
    """All lists of stays of one buffer that keep the rules which do not speak of other buffers, at offset 0."""
    own = np.arange(program.buffers) == n
    alone = dataclasses.replace(
        program,
        scoped=np.zeros(program.instructions, np.int64),
        alias=np.full(program.buffers, -1),
        pin=program.pin * own,
        output=program.output * own,
    )
    slots = range(program.instructions + 1)
    stays = [
        (n, begin, end, 0, serves, written)
        for begin, end in itertools.combinations(slots, 2)
        for serves in range(begin, end)
        for written in (-1, *slots)
    ]

    def kept(rows: tuple[Row, ...]) -> bool:
        try:
            check_program(alone, MemoryPlan(np.array(rows, np.int64).reshape(-1, 6)))
        except InvalidSchedule:
            return False
        return True

    legal = [row for row in stays if kept((row,))]
    return [list(rows) for count in range(3) for rows in itertools.combinations(legal, count) if kept(rows)]


def least_latency(program: MemoryProgram) -> int | None:
    """The latency of the best of all plans; None if there is none."""
    room = dataclasses.replace(program, capacity=10**6)
    found: list[tuple[int, list[Row]]] = []
    for choice in itertools.product(*(stay_lists(program, n) for n in range(program.buffers))):
        rows = [(n, b, e, 100 * int(program.storage[n]) + 100, s, w) for mine in choice for n, b, e, _, s, w in mine]
        try:
            found.append((check_program(room, MemoryPlan(np.array(rows, np.int64).reshape(-1, 6))), rows))
        except InvalidSchedule:
            continue
    return next((latency for latency, rows in sorted(found) if placed(program, rows, [])), None)


def placed(program: MemoryProgram, rows: list[Row], before: list[Row]) -> bool:
    """Whether the stays have offsets, after those that have theirs."""
    if not rows:
        return True
    n, begin, end, _, serves, written = rows[0]
    storage = program.storage
    kin = [row for row in before if storage[row[0]] == storage[n] and (storage == storage[n]).sum() > 1]
    others = [row for row in before if row not in kin]
    for x in [kin[0][3]] if kin else range(0, program.capacity - int(program.size[n]) + 1, program.alignment):
        row = (n, begin, end, x, serves, written)
        if fits(program, others, row, x) and placed(program, rows[1:], [*before, row]):
            return True
    return False


@pytest.mark.parametrize("seed", range(24))
def test_the_optimum_is_the_best_of_all_plans(seed):
    rng = np.random.default_rng(seed)
    slots, buffers = (4, 2) if seed % 2 else (3, 3)
    program = dataclasses.replace(small_program(rng, slots, buffers), capacity=int(rng.integers(3, 6)))
    answer = plan(program, seconds=20.0)
    best = least_latency(program)
    assert answer.objective == best
    assert answer.status == ("infeasible" if best is None else "optimal")
    if best is not None:
        assert answer.lower_bound == check_program(program, answer.plan) == best


def test_an_answer_is_what_the_referee_says_and_no_plan_is_better():
    rng = np.random.default_rng(0)
    better = 0
    for k in range(60):
        program = small_program(rng, 9, 5) if k % 5 else small_program(rng)
        hint = random_plan(rng, program)
        answer = plan(program, seconds=20.0, hint=hint)
        assert answer.status == "optimal"
        assert check_program(program, answer.plan) == answer.objective == answer.lower_bound
        for _ in range(20):
            other = random_plan(rng, program)
            assert other is None or check_program(program, other) >= answer.objective
        better += hint is not None and answer.objective < check_program(program, hint)
    assert better > 30


def test_a_storage_of_which_one_buffer_cannot_be_fetched_stays_in_slow_memory():
    program = MemoryProgram(
        compute=np.zeros(3, np.int64),
        size=np.array([2, 2]),
        define=np.array([-1, 0]),
        access=np.array([[1, 0, 2, 1], [1, 1, 2, 0], [1, 2, 2, 0]]),
        capacity=4,
        slow_rate=10**9,
        fast_read_rate=10**10,
        fast_write_rate=10**10,
        alias=np.array([-1, 0]),
    )
    assert plan(program).objective == all_slow(program) == 6000
    assert plan(dataclasses.replace(program, alias=np.full(2, -1))).objective == 600


def test_the_replay_of_a_plan_is_the_referees():
    rng = np.random.default_rng(1)
    for _ in range(100):
        program = small_program(rng)
        stays = random_plan(rng, program)
        if stays is None:
            continue
        latency, moved, spent = execute(program, stays)
        assert latency == sum(spent) == check_program(program, stays)
        copied = {(n, s if s > b else -1) for n, b, _, _, s, w in stays.stay.tolist() if s > b or w >= 0}
        assert {key[:2] for key in moved} == copied
        for n, serves in copied:
            assert sum(x for key, x in moved.items() if key[:2] == (n, serves)) == program.copy_ticks[n]


def test_without_time_the_answer_is_the_hint_or_slow_memory():
    rng = np.random.default_rng(2)
    program = small_program(rng, 20, 20, pins=False)
    hint = random_plan(rng, program)
    given = plan(program, seconds=0.0, hint=hint)
    assert given.objective == check_program(program, given.plan) <= check_program(program, hint)
    assert given.lower_bound >= latency_bound(program)
    bare = plan(program, seconds=0.0)
    assert bare.objective <= all_slow(program)
    assert bare.status == "feasible"


def test_the_curve_falls_to_the_objective_and_rises_to_the_bound():
    program = small_program(np.random.default_rng(3), 8, 8, pins=False)
    answer = plan(program, seconds=20.0)
    _, objectives, bounds = zip(*answer.curve, strict=True)
    assert objectives[0] == all_slow(program)
    assert list(objectives) == sorted(objectives, reverse=True)
    assert list(bounds) == sorted(bounds)
    assert (objectives[-1], bounds[-1]) == (answer.objective, answer.lower_bound)
    assert answer.objective < all_slow(program)


@pytest.mark.parametrize("options", [{"smallest": 3}, {"tick": 700}, {"tick": 1000, "smallest": 2}])
def test_a_coarser_model_bounds_the_exact_optimum(options):
    rng = np.random.default_rng(4)
    rougher = 0
    for _ in range(8):
        program = small_program(rng, pins=False)
        exact, rough = plan(program, seconds=20.0), plan(program, seconds=20.0, **options)
        assert exact.status == "optimal"
        assert rough.lower_bound <= exact.objective <= rough.objective == check_program(program, rough.plan)
        assert (rough.status == "optimal") == (rough.lower_bound == rough.objective)
        assert unseen(program, options.get("smallest", 0)) <= all_slow(program)
        rougher += rough.status == "feasible"
    assert rougher


def test_a_first_model_without_small_buffers_does_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(6)
    for _ in range(3):
        drawn = small_program(rng, pins=False)
        times = np.where(np.arange(drawn.buffers) < 4, 5000, 1)
        access = drawn.access.copy()
        access[:, 2] *= times[access[:, 0]]
        program = dataclasses.replace(
            drawn,
            compute=drawn.compute * 5000,
            size=drawn.size * times,
            access=access,
            capacity=drawn.capacity * 5000,
            alias=np.full(drawn.buffers, -1),
            lower_bound=None,
        )
        assert small_buffers(program, all_slow(program)) == program.size[:4].min()
        twice = plan(program, seconds=20.0)
        monkeypatch.setattr(latency_cpsat, "FIRST_CUT", 2.0)
        once = plan(program, seconds=20.0)
        monkeypatch.undo()
        assert small_buffers(program, all_slow(program)) > 0
        assert twice.status == once.status == "optimal"
        assert twice.objective == once.objective


def test_a_hint_that_breaks_a_rule_is_refused():
    program = dataclasses.replace(small_program(np.random.default_rng(11), pins=False), capacity=2)
    rows = [(n, d, program.instructions, 0, d, -1) for n, d in enumerate(program.define.tolist()) if d >= 0]
    with pytest.raises(InputError, match="the initial plan breaks a rule"):
        plan(program, seconds=20.0, hint=MemoryPlan(np.array(rows)))


def test_more_capacity_never_costs_time():
    rng = np.random.default_rng(5)
    for _ in range(4):
        program = dataclasses.replace(small_program(rng, pins=False), alignment=1)
        best = [plan(dataclasses.replace(program, capacity=c), seconds=20.0).objective for c in (3, 5, 9)]
        assert best == sorted(best, reverse=True)
