"""The packing environment against the definition: the referee agrees, no optimum is out of reach, words are checked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.memory.pack.check import check as check_packing
from dispatchgym.envs.memory.pack.check import measure as measure_packing
from dispatchgym.envs.memory.pack.env import PackKeywords
from dispatchgym.envs.memory.pack.problem import PackProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.catalogue import load_packing
from dispatchgym.instances.memory.generate import guillotine
from dispatchgym.instances.memory.instance import Gap, Packing, peak
from tests.blocking.search import best_reachable
from tests.memory.play import IDS, play_out, random_packing

ID = IDS[0]
SEEDS = st.integers(0, 2**32 - 1)
# What follows from the skyline and the buffers that are left.
SCRATCH = ("near", "stale", "move", "filled", "lowest", "base", "choices", "reach", "stuck", "sky", "left")


def lowest_height(x: Packing) -> int:
    """The least height, by trying every aligned offset of every buffer."""
    parts = [[tuple(part[1:]) for part in x.parts.tolist() if part[0] == n] for n in range(x.buffers)]
    tops = [max((part[3] for part in mine), default=0) for mine in parts]
    order = sorted(range(x.buffers), key=lambda n: -sum((e - b) * (high - low) for b, e, low, high in parts[n]))

    def apart(n: int, m: int, away: int) -> bool:
        """Whether buffer n may lie `away` bytes above m."""
        return not any(
            b < e2 and b2 < e and away + low < high2 and low2 < away + high
            for b, e, low, high in parts[n]
            for b2, e2, low2, high2 in parts[m]
        )

    def fits(height: int, offset: dict[int, int]) -> bool:
        if len(offset) == len(order):
            return True
        n = order[len(offset)]
        for at in range(0, height - tops[n] + 1, int(x.alignment[n])):
            if all(apart(n, m, at - other) for m, other in offset.items()) and fits(height, offset | {n: at}):
                return True
        return False

    height = peak(x)
    while not fits(height, {}):
        height += 1
    return height


def best(goal: Any, x: Packing) -> int:
    return best_reachable(PackProblem(goal), x, scratch=SCRATCH)


@settings(max_examples=200)
@given(seed=SEEDS, gaps=st.booleans(), windows=st.booleans())
def test_every_legal_rollout_is_a_packing_of_its_height(seed: int, gaps: bool, windows: bool) -> None:
    pool = [random_packing(np.random.default_rng([seed, n]), 10, gaps=gaps, windows=windows) for n in range(3)]
    played, engine = play_out(PackProblem("height"), pool, seed)
    rows = PackKeywords().measure(engine, np.arange(3))
    for (x, plan, objective, total, _), row in zip(played, rows, strict=True):
        assert isinstance(x, Packing)
        height = check_packing(x, plan)  # type: ignore[arg-type]
        assert objective == height
        assert total == pytest.approx(-(height - peak(x)) / max(peak(x), 1), abs=1e-9)
        assert row == pytest.approx([height, measure_packing(x, plan).ratio, x.buffers])  # type: ignore[arg-type]


@settings(max_examples=200)
@example(seed=671, gaps=True, slack=0.0)  # one where nothing fits from the start
@given(seed=SEEDS, gaps=st.booleans(), slack=st.sampled_from((0.0, 0.1, 0.3)))
def test_within_a_capacity_an_episode_ends_well_or_shows_that_nothing_fits(seed: int, gaps: bool, slack: float) -> None:
    pool = [random_packing(np.random.default_rng([seed, n]), 10, gaps=gaps, windows=gaps, slack=slack) for n in range(3)]
    played, engine = play_out(PackProblem("capacity"), pool, seed)
    for (x, plan, objective, total, _), left in zip(played, engine.state.left.tolist(), strict=True):
        assert isinstance(x, Packing)
        assert x.capacity is not None
        if left == 0:
            assert check_packing(x, plan) == objective <= x.capacity  # type: ignore[arg-type]
            assert total == 1.0
        else:
            assert objective > x.capacity
            assert total == 0.0


@settings(max_examples=25)
@given(seed=SEEDS)
def test_interpreted_rollouts_are_packings_too(seed: int) -> None:
    for goal in ("height", "capacity"):
        x = random_packing(np.random.default_rng(seed), slack=0.2 if goal == "capacity" else None)
        [(_, plan, objective, total, _)], engine = play_out(PackProblem(goal), [x], seed, "python")  # type: ignore[arg-type]
        if int(engine.state.left[0]) == 0:
            assert check_packing(x, plan) == objective  # type: ignore[arg-type]
        else:
            assert (goal, total) == ("capacity", 0.0)


def test_placing_on_the_skyline_reaches_the_optimum() -> None:
    above_peak = unlucky = 0
    for seed in range(120):
        gaps = seed % 3 > 0
        x = random_packing(np.random.default_rng(seed), moments=2 + seed % 5, gaps=gaps)
        optimum = lowest_height(x)
        assert best("height", x) == optimum, seed
        above_peak += optimum > peak(x)
        unlucky += play_out(PackProblem(), [x], seed)[0][0].objective > optimum
    assert above_peak > 3
    assert unlucky > 8


def test_a_capacity_cuts_off_no_packing_within_it() -> None:
    met = []
    for seed in range(250):
        x = random_packing(np.random.default_rng(seed), moments=2 + seed % 5)
        optimum = lowest_height(x)
        least = max(int(x.size.max()), peak(x))
        for capacity in {least, max(optimum, least), max(optimum - 1, least)} if optimum > peak(x) else {least}:
            reached = best("capacity", replace(x, capacity=capacity))
            assert (reached <= capacity) == (optimum <= capacity), (seed, capacity)
            met.append(reached <= capacity)
    assert met.count(True) > 200
    assert met.count(False) > 5


def test_where_gaps_need_some_addresses_no_order_may_make_the_optimum() -> None:
    # Both at offset 0: buffer 0 is below buffer 1 at time 0, and above it at time 1.
    gaps = ((Gap(0, 1, 0, 2), Gap(1, 2, 8, 10)), (Gap(0, 1, 8, 10), Gap(1, 2, 0, 2)))
    x = Packing(np.zeros(2, int), np.full(2, 2), np.full(2, 10), gaps=gaps)
    assert lowest_height(x) == 10
    assert best("height", x) == 20


def test_buffers_that_need_nothing_are_placed_too() -> None:
    x = Packing(np.zeros(3, int), np.full(3, 2), np.array([4, 3, 9]), gaps=((), (), (Gap(0, 2),)))
    for seed in range(4):
        [(_, plan, objective, _, _)], _ = play_out(PackProblem(), [x], seed)
        assert check_packing(x, plan) == objective == 7  # type: ignore[arg-type]
    nothing = Packing(np.zeros(1, int), np.ones(1, int), np.ones(1, int), gaps=((Gap(0, 1),),))
    [(_, plan, objective, total, _)], engine = play_out(PackProblem(), [nothing], 0)
    assert check_packing(nothing, plan) == objective == 0  # type: ignore[arg-type]
    assert (total, PackKeywords().measure(engine, np.zeros(1, np.int64)).tolist()) == (0.0, [[0.0, 1.0, 1.0]])


def seen(engine: Engine) -> list[Any]:
    o, record = engine.arrays
    states = (engine.state.offset, engine.state.floor, engine.state.bound, engine.state.height, engine.state.top)
    return [x.tobytes() for x in (*o, record.reward, record.final_objective)] + [x.numpy().tobytes() for x in states]


def play_together(left: Engine, right: Engine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for engine in (left, right):
        engine.assign_rows(np.arange(left.copies))
        engine.reset()
    for _ in range(12):
        assert seen(left) == seen(right)
        mask = left.arrays[0].mask
        actions = (mask * (rng.random(mask.shape) + 1e-9)).argmax(axis=1)
        left.step(actions)
        right.step(actions)


@pytest.mark.parametrize("goal", ["height", "capacity"])
def test_the_general_way_to_raise_floors_gives_the_same_states_as_the_plain_one(goal: Any) -> None:
    for seed in range(20):
        pool = [random_packing(np.random.default_rng([seed, n]), 8, gaps=False, slack=0.2) for n in range(3)]
        left, right = (Engine(PackProblem(goal), pool, 3) for _ in range(2))
        right.instances.plain.zero_()
        assert left.instances.plain.tolist() == [1, 1, 1]
        play_together(left, right, seed)


def test_a_life_in_several_parts_is_the_same_as_in_one() -> None:
    cut = 0
    for seed in range(20):
        x = random_packing(np.random.default_rng(seed), 8, gaps=False)
        times = np.unique([*x.lower, *x.upper])
        gaps = []
        for low, high, size in zip(x.lower.tolist(), x.upper.tolist(), x.size.tolist(), strict=True):
            inner = [int(t) for t in times if low < t < high]
            gaps.append((Gap(inner[0], high, 0, size),) if inner else ())
        y = replace(x, gaps=tuple(gaps))
        sizes = PackProblem().sizes([y])
        cut += sizes.parts > x.buffers
        left, right = (Engine(PackProblem(), [z], 1, sizes=sizes) for z in (x, y))
        play_together(left, right, seed)
    assert cut > 10


@pytest.mark.parametrize(
    ("goal", "actions", "offered", "offsets", "gains"),
    [
        # Buffer 1 lies at 0, so floors are 3, -, 3, 0. Below 4, the top of 3, are all; 3 and 0 are linked, 2 is not.
        # Buffer 3 lies at 0, so floors are 4, -, 3, -. The lowest top is that of 2, which nothing links to 0.
        ("height", (1, 3, 2, 0), ((0, 1, 2, 3), (0, 3), (2,), (0,)), [4, 0, 3, 0], [0.0, 0.0, 0.0, 0.0]),
        # With buffer 0 at 3, which ends at 5, buffer 3 must go above it: 9 bytes instead of 6.
        ("height", (1, 0, 2, 3), ((0, 1, 2, 3), (0, 3), (2,), (3,)), [3, 0, 3, 5], [0.0, -0.5, 0.0, 0.0]),
        # That is above the capacity.
        ("capacity", (1, 3, 2, 0), ((0, 1, 2, 3), (3,), (2,), (0,)), [4, 0, 3, 0], [0.0, 0.0, 0.0, 1.0]),
    ],
)
def test_a_packing_worked_by_hand(goal: Any, actions: Any, offered: Any, offsets: list[int], gains: list[float]) -> None:
    """Buffers of 2 bytes on [0, 2), 3 on [1, 3), 2 on [2, 3) and 4 on [0, 1): the peak is 6, at time 0."""
    x = Packing(np.array([0, 1, 2, 0]), np.array([2, 3, 3, 1]), np.array([2, 3, 2, 4]), 6)
    engine = Engine(PackProblem(goal), [x], 1, graph=False)
    engine.reset()
    for action, choices, gain in zip(actions, offered, gains, strict=True):
        assert np.flatnonzero(engine.arrays[1].legal[0]).tolist() == list(choices)
        engine.step([action], autoreset=False)
        assert engine.arrays[1].reward[0] == pytest.approx(gain)
    assert engine.state.offset.tolist() == [offsets]
    assert engine.arrays[1].terminated[0] == 1
    assert engine.arrays[1].final_objective[0] == max(np.array(offsets) + x.size)


def test_an_instance_asked_for_at_reset_is_played_once() -> None:
    env = gymnasium.make(ID, instance=["guillotine/n12/s1", "guillotine/n12/s2"], observation="candidates")
    small = load_packing("minimalloc-example")
    for what in ("minimalloc-example", small):
        assert env.reset(seed=0, options={"instance": what})[1]["instance"] == small.name
        assert env.unwrapped.engine.rows().tolist() == [2]  # type: ignore[attr-defined]
    assert env.reset()[1]["instance"].startswith("guillotine/n12/")
    with pytest.raises(InputError, match="13 buffers do not fit an environment for 12"):
        env.reset(options={"instance": "guillotine/n13"})
    few = gymnasium.make(ID, instance=Packing(np.zeros(3, int), np.ones(3, int), np.ones(3, int)))
    with pytest.raises(InputError, match="3 sections of time do not fit an environment for 1"):
        few.reset(options={"instance": Packing(np.arange(3), np.arange(3) + 1, np.ones(3, int))})
    gaps = ((Gap(0, 1, 0, 2), Gap(1, 2, 0, 3)), (Gap(0, 1, 0, 1), Gap(1, 2, 1, 2)))
    parted = Packing(np.zeros(2, int), np.full(2, 2), np.full(2, 3), gaps=gaps)
    long = gymnasium.make(ID, instance=Packing(np.array([0, 1, 1]), np.full(3, 2), np.ones(3, int)))
    with pytest.raises(InputError, match="4 parts of lives do not fit an environment for 3"):
        long.reset(options={"instance": parted})


LOOSE = Packing(np.zeros(2, int), np.ones(2, int), np.ones(2, int), name="loose")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"goal": "speed"}, "goal='speed' is not one of height, capacity"),
        ({"actions": "map", "pool": 1}, "unexpected keyword argument 'actions'; known are instance, buffers"),
        ({"buffers": 0}, "buffers=0 is not a positive whole number"),
        ({"buffers": True}, "buffers=True is not a positive whole number"),
        ({"buffers": 2.5}, "buffers=2.5 is not a positive whole number"),
        ({"pool": -1}, "pool=-1 is not a positive whole number"),
        ({"capacity": 1000}, "capacity 1000 is not a multiple of 1024"),
        ({"instance": "A", "buffers": 5}, r"either instance or generator words, not both \(buffers\)"),
        ({"instance": 7}, "instance 7 is not a name, a file or a Packing"),
        ({"instance": "layered/t20"}, "layered/t20"),
        ({"instance": LOOSE, "goal": "capacity"}, "loose: has no capacity, so goal='capacity' means nothing"),
        ({"instance": replace(LOOSE, capacity=1), "goal": "capacity"}, "loose: 2 bytes are needed at once, the capacity is 1"),
    ],
)
def test_bad_words_are_named_in_one_line(words: dict[str, Any], message: str) -> None:
    for maker in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(InputError) as caught:
            maker(ID, **words)
        assert re.search(message, str(caught.value))
        assert "\n" not in str(caught.value)


def test_generated_packings_come_by_their_words() -> None:
    env: Any = gymnasium.make(ID, buffers=20, stretch=2.0, removed=0.2, pool=2, pool_seed=5, goal="capacity")
    expected = guillotine(np.random.default_rng((5, 1)), 20, stretch=2.0, removed=0.2)
    assert [x.name for x in env.unwrapped.engine.pool] == ["generated-5", "generated-6"]
    assert np.array_equal(env.unwrapped.engine.pool[1].size, expected.size)
    assert env.unwrapped.engine.problem == PackProblem("capacity")
