"""The memory mapping environment against the definition, and what holds for both environments of memory."""

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

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.memory.map.check import check as check_program
from dispatchgym.envs.memory.map.check import execute
from dispatchgym.envs.memory.map.check import measure as measure_program
from dispatchgym.envs.memory.map.env import MapKeywords
from dispatchgym.envs.memory.map.layout import BRING, DROP, STAY, WINDOW, Option
from dispatchgym.envs.memory.map.problem import ACTIONS, MapProblem, as_plan, fixed_stays, plan_of
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.generate import layered
from dispatchgym.instances.memory.instance import INPUT, PINS, MemoryPlan, MemoryProgram, all_slow
from tests.core.targets import assert_targets_agree
from tests.memory.play import IDS, play_out, random_program, record

ID = IDS[2]
SEEDS = st.integers(0, 2**32 - 1)
FAST = PINS.index("fast")


def test_plain_python_compiled_code_and_the_cuda_simulator_agree_to_the_last_bit(tmp_path: Path) -> None:
    assert_targets_agree("tests.memory.play", record, 4, tmp_path)


def assert_plan(x: Any, plan: Any, objective: int, total: float, first: int) -> None:
    """The plan keeps all rules, and objective and return are what it achieves."""
    assert check_program(x, plan) == objective
    assert total == pytest.approx((first - objective) / max(all_slow(x), 1), abs=1e-9)


@settings(max_examples=150)
@given(seed=SEEDS, actions=st.sampled_from(ACTIONS))
def test_every_legal_rollout_is_a_plan_that_the_referee_accepts(seed: int, actions: Any) -> None:
    pool = [random_program(seed + n, instructions=4 + n * 4) for n in range(3)]
    played, engine = play_out(MapProblem(actions), pool, seed)
    rows = MapKeywords().measure(engine, np.arange(3))
    for episode, row, backups in zip(played, rows, engine.state.backups.tolist(), strict=True):
        assert_plan(*episode)
        x, latency = episode.instance, episode.objective
        assert isinstance(x, MemoryProgram)
        assert row == pytest.approx([latency / 1e6, all_slow(x) / max(latency, 1), backups])


@settings(max_examples=30)
@given(seed=SEEDS, actions=st.sampled_from(ACTIONS))
def test_interpreted_rollouts_are_plans_too(seed: int, actions: Any) -> None:
    [episode], _ = play_out(MapProblem(actions), [random_program(seed, 5)], seed, "python")
    assert_plan(*episode)


@pytest.mark.parametrize("actions", ACTIONS)
def test_plans_of_random_play_have_every_part_of_the_problem(actions: Any) -> None:
    pool = [random_program(s, instructions=12) for s in range(60)]
    played, _ = play_out(MapProblem(actions), pool, 0)
    met = dict.fromkeys(("aliased", "written back", "fetched", "pinned", "beside scoped bytes", "faster"), 0)
    for x, plan, objective, _, first in played:
        assert isinstance(x, MemoryProgram)
        assert isinstance(plan, MemoryPlan)
        found = measure_program(x, plan)
        assert found.latency == objective
        met["faster"] += objective < first
        several = np.bincount(x.storage, minlength=x.buffers)[x.storage] > 1
        for n, begin, end, _, serves, written in plan.stay.tolist():
            met["aliased"] += several[n] and x.pin[n] != FAST
            met["written back"] += written != -1 and x.pin[n] != FAST
            met["fetched"] += serves > begin
            met["pinned"] += x.pin[n] == FAST
            met["beside scoped bytes"] += x.scoped[begin:end].any()
    assert min(met.values()) > 5, met


@settings(max_examples=40)
@given(seed=SEEDS)
def test_the_latency_at_every_decision_is_that_of_the_plan_so_far(seed: int) -> None:
    x = random_program(seed, 10)
    rng = np.random.default_rng(seed)
    engine = Engine(MapProblem(), [x], 1, graph=False)
    engine.reset()
    s = engine.state
    while engine.arrays[1].legal.any():
        assert execute(x, plan_of(s, 0)).latency == int(s.latency[0])
        backups = int(s.backups[0])
        before = set(plan_of(s, 0).stay[:, 0].tolist())
        action = int(rng.choice(np.flatnonzero(engine.arrays[1].legal[0])))
        engine.step([action], autoreset=False)
        gone = {int(x.storage[n]) for n in before - set(plan_of(s, 0).stay[:, 0].tolist())}
        # Stays are never taken back but by a drop-backup, which takes all of a storage.
        assert len(gone) <= int(s.backups[0]) - backups
        assert not {int(x.storage[n]) for n in plan_of(s, 0).stay[:, 0].tolist()} & gone


# One byte takes 1000 ticks in slow memory, 100 to read and 200 to write in the fast one; every instruction computes for 1000.
def by_hand(capacity: int, size: list[int], define: list[int], reads: list[tuple[int, int]], **words: Any) -> MemoryProgram:
    """Four instructions; whole buffers are read and written."""
    rows = [(n, i, size[n], 1) for n, i in enumerate(define) if i >= 0] + [(n, i, size[n], 0) for n, i in reads]
    rates = {"slow_rate": 10**9, "fast_read_rate": 10**10, "fast_write_rate": 5 * 10**9}
    return MemoryProgram(np.full(4, 1000), np.array(size), np.array(define), np.array(rows), capacity, **rates, **words)


def walk(x: MemoryProgram, moves: list[tuple[list[int], int, int]]) -> Engine:
    """Play (offered choices, the one to take, latency after it) one by one."""
    engine = Engine(MapProblem(), [x], 1, graph=False)
    engine.reset()
    for offered, action, latency in moves:
        before = int(engine.state.latency[0])
        assert np.flatnonzero(engine.arrays[1].legal[0]).tolist() == offered
        promised, backups = int(engine.state.option[0, action, Option.LATENCY]), int(engine.state.backups[0])
        engine.step([action], autoreset=False)
        assert int(engine.state.latency[0]) == latency
        assert promised == latency or int(engine.state.backups[0]) > backups
        assert engine.arrays[1].reward[0] == pytest.approx((before - latency) / all_slow(x))
    assert engine.arrays[1].terminated[0] == 1
    assert engine.arrays[1].final_objective[0] == check_program(x, plan_of(engine.state, 0))
    return engine


# Buffer 0: an input of 4 bytes, read in slots 1 and 3; buffer 1: 2 bytes, made in slot 0 and read in slot 2. All slow, the slots
# take 2000, 4000, 2000 and 4000 ticks.
ROOMY = by_hand(6, [4, 2], [INPUT, 0], [(0, 1), (1, 2), (0, 3)])


def test_a_program_worked_by_hand() -> None:
    assert all_slow(ROOMY) == 12000
    engine = walk(
        ROOMY,
        [
            # Buffer 1 is born at offset 0, the only gap: slot 0 takes as long as it computes.
            ([DROP, BRING], BRING, 11000),
            # Buffer 0 can be fetched in slot 0 alone: of 4000 ticks 1000 are idle, 3000 delay slot 1, which then takes 1000.
            ([DROP, BRING + 6], BRING + 6, 11000),
            # To stay saves slot 2 1000 ticks.
            ([DROP, STAY], STAY, 10000),
            # Slot 3 computes for 1000 instead of waiting for 4000.
            ([DROP, STAY], STAY, 7000),
        ],
    )
    assert plan_of(engine.state, 0).stay.tolist() == [[1, 0, 3, 0, 0, -1], [0, 0, 4, 2, 1, -1]]


def test_a_fetch_from_an_earlier_start_has_more_idle_time() -> None:
    for action, latency, begin in ((BRING + 3, 9000, 0), (BRING + 6, 10000, 2)):
        engine = walk(
            ROOMY,
            [
                ([DROP, BRING], BRING, 11000),
                ([DROP, BRING + 6], DROP, 11000),
                ([DROP, STAY], STAY, 10000),
                # Fetched in slot 2 for slot 3, the copy finds 1000 idle ticks and delays by 3000: as long as without it. From
                # slot 0 on it finds 2000, as slot 1 is busy; that is not enough, but there is no earlier start.
                ([DROP, BRING + 3, BRING + 6], action, latency),
            ],
        )
        assert plan_of(engine.state, 0).stay.tolist() == [[1, 0, 3, 0, 0, -1], [0, begin, 4, 2, 3, -1]]


def test_an_access_that_can_only_be_dropped_is_no_decision() -> None:
    # In 5 bytes there is no room for buffer 0 beside buffer 1: only the two accesses of buffer 1 are decided.
    tight = replace(ROOMY, capacity=5, lower_bound=None)
    walk(tight, [([DROP, BRING], BRING, 11000), ([DROP, STAY], STAY, 10000)])


def test_a_drop_writes_back_what_is_in_fast_memory_alone() -> None:
    # The write-back of 2000 ticks must be done before slot 2 and finds slot 1 busy for all its 4000 ticks: it delays slot 2,
    # which is served from slow memory, by all of them. Then there is room for buffer 0, but in slot 2 alone.
    tight = replace(ROOMY, capacity=5, lower_bound=None)
    engine = walk(tight, [([DROP, BRING], BRING, 11000), ([DROP, STAY], DROP, 13000), ([DROP, BRING + 6], DROP, 13000)])
    assert plan_of(engine.state, 0).stay.tolist() == [[1, 0, 2, 0, 0, 2]]


def test_a_drop_that_comes_too_soon_for_a_write_back_takes_the_stay_back() -> None:
    # 2 bytes made in slot 0, read in slots 1 and 3: before slot 1 no copy can be written, so the buffer was never fast.
    x = by_hand(4, [2], [0], [(0, 1), (0, 3)])
    moves = [([DROP, BRING], BRING, 6000), ([DROP, STAY], DROP, 7000)]
    engine = walk(x, [*moves, ([DROP, BRING + 3, BRING + 6], DROP, 7000)])
    assert (int(engine.state.backups[0]), len(plan_of(engine.state, 0).stay)) == (1, 0)
    # From slot 1 on its slow copy is valid, so it can still be fetched for slot 3: 1000 idle ticks in slot 2, 1000 of delay.
    engine = walk(x, [*moves, ([DROP, BRING + 3, BRING + 6], BRING + 3, 7000)])
    assert plan_of(engine.state, 0).stay.tolist() == [[0, 1, 4, 0, 3, -1]]


def test_a_storage_is_all_fast_at_one_offset_or_all_slow() -> None:
    # Slot 1 makes buffer 1 of buffer 0 in place, slot 2 reads it. All slow, the slots take 2000, 4000, 2000 and 1000 ticks.
    x = by_hand(4, [2, 2], [0, 1], [(0, 1), (1, 2)], alias=np.array([-1, 0]))
    # In slot 1 the write comes first: 2000 slow ticks for the read, 400 for the write; then 600 for both, less than to compute.
    born = ([DROP, BRING], BRING, 8000)
    engine = walk(x, [born, ([DROP, BRING], BRING, 6400), ([DROP, STAY], STAY, 5000), ([DROP, STAY], STAY, 4000)])
    assert plan_of(engine.state, 0).stay.tolist() == [[0, 0, 2, 0, 0, -1], [1, 1, 3, 0, 1, -1]]
    # Dropped in slot 1, buffer 1 cannot be fetched for its only read, just after it: so buffer 0 may not be fast either.
    engine = walk(x, [born, ([DROP, BRING], DROP, 8000), ([DROP, STAY], STAY, 9000)])
    assert (int(engine.state.backups[0]), len(plan_of(engine.state, 0).stay)) == (1, 0)
    # The same the other way round.
    engine = walk(x, [([DROP, BRING], DROP, 9000), ([DROP, BRING], BRING, 9000)])
    assert (int(engine.state.backups[0]), len(plan_of(engine.state, 0).stay)) == (1, 0)


def test_a_storage_with_a_buffer_that_nothing_accesses_stays_slow() -> None:
    x = by_hand(4, [2, 2, 1], [INPUT, 1, 0], [(1, 2), (2, 1)], alias=np.array([-1, 0, -1]))
    for actions in ACTIONS:
        for seed in range(5):
            [episode], _ = play_out(MapProblem(actions), [x], seed)
            assert_plan(*episode)
            assert 1 not in episode.schedule.stay[:, 0]  # type: ignore[union-attr]


def test_an_output_is_written_back_when_its_life_is_over() -> None:
    # 2 bytes made in slot 0 and never read: the write-back has slots 1 to 3 and needs 2000 idle ticks, those of two slots.
    x = by_hand(4, [2], [0], [], output=np.array([1]))
    engine = walk(x, [([DROP, BRING], BRING, 4000)])
    assert plan_of(engine.state, 0).stay.tolist() == [[0, 0, 3, 0, 0, 3]]


def test_an_output_of_the_last_instruction_is_slow() -> None:
    # Slot 3 writes 2 bytes of output, and reads 1 byte from fast memory.
    x = by_hand(4, [2, 1], [3, 0], [(1, 3)], output=np.array([1, 0]))
    engine = walk(x, [([DROP, BRING], BRING, 6000), ([DROP, STAY], STAY, 5100)])
    assert plan_of(engine.state, 0).stay[:, 0].tolist() == [1]


def test_pins_and_scoped_bytes_are_kept_whatever_is_chosen() -> None:
    # Buffer 1 is pinned and an output; scoped bytes push it up in slot 2, and its alias 2 with it.
    words = {"pin": np.array([0, 1, 1, 2]), "alias": np.array([-1, -1, 1, -1]), "output": np.array([0, 0, 1, 0])}
    x = by_hand(8, [2, 3, 3, 1], [INPUT, 0, 1, 1], [(1, 1), (2, 3), (0, 2), (3, 2)], scoped=np.array([0, 0, 2, 0]), **words)
    assert as_plan(fixed_stays(x)).tolist() == [[-1, 2, 3, 0, 2, -1], [1, 0, 2, 2, 0, -1], [2, 1, 4, 2, 1, 4]]
    for actions in ACTIONS:
        for seed in range(5):
            [episode], _ = play_out(MapProblem(actions), [x], seed)
            assert_plan(*episode)


def test_returns_count_from_the_plan_of_no_decisions_which_a_pinned_output_makes_slower_than_all_slow() -> None:
    # Buffer 0 is made in slot 0 in fast memory. Its copy back takes 4000 ticks, of which slots 1 and 2 hide 1000 each.
    x = by_hand(8, [4, 1], [0, INPUT], [(1, 3)], pin=np.array([1, 0]), output=np.array([1, 0]))
    nothing = execute(x, MemoryPlan(as_plan(fixed_stays(x)))).latency
    assert (all_slow(x), nothing) == (4000, 6000)
    for actions in ACTIONS:
        [episode], _ = play_out(MapProblem(actions), [x], 1)
        assert episode.first == nothing
        assert episode.total == pytest.approx((nothing - episode.objective) / 4000, abs=1e-12)


def test_pinned_storages_of_one_size_do_not_meet() -> None:
    # Buffers 0 and 2 are one storage, alive in slots 0 to 3; buffer 1 begins after buffer 0 has ended.
    words = {"pin": np.ones(3, int), "alias": np.array([-1, -1, 0])}
    x = by_hand(4, [2, 2, 2], [0, 2, 1], [(0, 1), (2, 3), (1, 3)], **words)
    assert check_program(x, MemoryPlan(as_plan(fixed_stays(x)))) == 4000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"capacity": 3}, "there is no room for what is pinned to fast memory"),
        ({"output": np.array([0, 1])}, "buffer 1: no time to write back an output that is pinned to fast memory"),
    ],
)
def test_pins_that_cannot_be_kept_are_named(words: dict[str, Any], message: str) -> None:
    x = by_hand(4, [2, 2], [0, 3], [(0, 3)], pin=np.array([1, 1]))
    assert len(fixed_stays(x)) == 2
    with pytest.raises(InputError, match=message):
        gymnasium.make(ID, instance=replace(x, **words))


def test_an_instance_asked_for_at_reset_is_played_once() -> None:
    env = gymnasium.make(ID, instance=["layered/t12/s1", "layered/t12/s2"], observation="candidates")
    assert env.reset(seed=0, options={"instance": ROOMY})[1]["lower_bound"] == ROOMY.lower_bound
    assert env.reset(seed=0, options={"instance": "layered/t4/s5"})[1]["instance"].startswith("layered/t4/s5")
    assert env.reset()[1]["instance"].startswith("layered/t12/")
    with pytest.raises(InputError, match=r"\d+ buffers do not fit an environment for \d+"):
        env.reset(options={"instance": "layered/t60"})
    few = gymnasium.make(ID, instance=ROOMY)
    for x, message in (
        (by_hand(9, [1, 1], [0, 0], [(0, 1), (0, 2), (1, 1), (1, 2)]), "6 accesses do not fit an environment for 4"),
        (replace(ROOMY, scoped=np.array([1, 0, 0, 0])), "1 fixed stays do not fit an environment for 0"),
        (by_hand(9, [1, 1], [INPUT, 1], [(0, 1), (0, 2)]), "1 links between buffers do not fit an environment for 0"),
    ):
        with pytest.raises(InputError, match=message):
            few.reset(options={"instance": x})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"actions": "all"}, "actions='all' is not one of map, order"),
        ({"goal": "height", "pool": 1}, "unexpected keyword argument 'goal'; known are instance, instructions"),
        ({"instructions": 0}, "instructions=0 is not a positive whole number"),
        ({"pool": 0}, "pool=0 is not a positive whole number"),
        ({"memory_bound": 1.5}, "memory-bound share 1.5 is not between 0 and 1"),
        ({"instance": "resnet50-b8", "training": True}, r"either instance or generator words, not both \(training\)"),
        ({"instance": 7}, "instance 7 is not a name, a file or a MemoryProgram"),
        ({"instance": "guillotine/n10"}, "guillotine/n10"),
    ],
)
def test_bad_words_are_named_in_one_line(words: dict[str, Any], message: str) -> None:
    for maker in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(InputError) as caught:
            maker(ID, **words)
        assert re.search(message, str(caught.value))
        assert "\n" not in str(caught.value)


def test_generated_programs_come_by_their_words() -> None:
    env: Any = gymnasium.make(ID, instructions=6, pressure=3.0, training=True, pool=2, pool_seed=5, actions="order")
    expected = layered(np.random.default_rng((5, 1)), 6, pressure=3.0, training=True)
    assert [x.name for x in env.unwrapped.engine.pool] == ["generated-5", "generated-6"]
    assert np.array_equal(env.unwrapped.engine.pool[1].access, expected.access)
    assert env.unwrapped.engine.problem == MapProblem("order")


def test_the_choices_of_an_order_are_the_first_by_priority_that_are_left() -> None:
    env: Any = gymnasium.make(ID, instance="resnet50-b1", actions="order", device="python", illegal="raise")
    _, info = env.reset()
    ranks = env.unwrapped.engine.instances.ranking[0]
    ranks = ranks[ranks >= 0].tolist()
    assert len(ranks) > WINDOW
    for _ in range(5):
        offered = np.flatnonzero(info["action_mask"])
        assert sorted(ranks[:WINDOW]) == offered.tolist()
        ranks.remove(int(offered[-1]))
        info = env.step(int(offered[-1]))[4]
