"""The referee of memory: cases worked by hand, every refusal, and the latency against the linear program that defines it.

The program worked by hand has five instructions. A byte takes 1000 ticks in slow memory, 100 to read and 200 to write in fast
memory. Buffer 0 is an input, 1 a tensor, 2 a tensor that instruction 2 updates in place: 3 is the result, an output.
"""

import dataclasses

import numpy as np
import pytest
from ortools.linear_solver import pywraplp

from dispatchgym.envs.memory.map.check import MemoryMetrics, replay
from dispatchgym.envs.memory.map.check import check as check_program
from dispatchgym.envs.memory.map.check import measure as measure_program
from dispatchgym.envs.memory.pack.check import PackingMetrics
from dispatchgym.envs.memory.pack.check import check as check_packing
from dispatchgym.envs.memory.pack.check import measure as measure_packing
from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.memory.convert import as_program
from dispatchgym.instances.memory.instance import Gap, MemoryPlan, MemoryProgram, Packing, PackingPlan, all_slow, peak
from tests.memory.plans import random_plan, small_program

PROGRAM = MemoryProgram(
    compute=np.array([3000, 2000, 4000, 1000, 2000]),
    size=np.array([4, 3, 2, 2]),
    define=np.array([-1, 0, 1, 2]),
    access=np.array(
        [[0, 2, 4, 0], [0, 4, 4, 0], [1, 0, 3, 1], [1, 1, 3, 0], [1, 4, 3, 0]]
        + [[2, 1, 2, 1], [2, 2, 2, 0], [3, 2, 2, 1], [3, 3, 2, 0]]
    ),
    capacity=10,
    slow_rate=10**9,
    fast_read_rate=10**10,
    fast_write_rate=5 * 10**9,
    scoped=np.array([0, 0, 2, 0, 0]),
    output=np.array([0, 0, 0, 1]),
    alias=np.array([-1, -1, -1, 2]),
)
STAYS = [[0, 0, 3, 6, 2, -1], [1, 0, 2, 0, 0, 2], [2, 1, 3, 3, 1, -1], [3, 2, 5, 3, 2, 5]]


def plan(stays) -> MemoryPlan:
    return MemoryPlan(np.array(stays, np.int64).reshape(-1, 6))


def refusal(stays, program: MemoryProgram = PROGRAM) -> str:
    with pytest.raises(InvalidSchedule) as caught:
        check_program(program, plan(stays))
    return str(caught.value)


def test_a_plan_with_a_stall_a_write_back_and_an_alias_worked_by_hand():
    found = replay(PROGRAM, plan(STAYS))
    # Slot 0: 3000 of the fetch's 4000 are hidden. Slot 1: the other 1000 and a write-back of 3000, both due, in 2000.
    # Slot 3: 1000 of the second write-back's 2000; slot 4 is full of slow traffic, so the end waits for the rest.
    assert found.elapsed == [3000, 2000, 4000, 1000, 7000]
    assert found.stall == [0, 2000, 0, 0, 1000]
    assert check_program(PROGRAM, plan(STAYS)) == 20000
    assert measure_program(PROGRAM, plan(STAYS)) == MemoryMetrics(20000, 3000, 7, 9, 7 / 9, 10)


def test_the_plan_without_stays_serves_everything_from_slow_memory():
    assert check_program(PROGRAM, plan([])) == all_slow(PROGRAM) == 3000 + 5000 + 8000 + 2000 + 7000
    assert measure_program(PROGRAM, plan([])) == MemoryMetrics(25000, 0, 25, 0, 0.0, 2)
    rng = np.random.default_rng(1)
    for _ in range(50):
        program = small_program(rng, pins=False)
        assert check_program(program, MemoryPlan()) == all_slow(program)


def test_an_access_in_the_lead_of_a_fetch_is_slow():
    bare = dataclasses.replace(PROGRAM, scoped=np.zeros(5, np.int64))
    found = replay(bare, plan([[0, 1, 5, 0, 4, -1]]))  # over the access of slot 2
    assert [x for x, row in zip(found.fast, bare.access.tolist(), strict=True) if row[0] == 0] == [False, True]
    # Slow traffic fills the slots 1 to 3, so nothing of the copy is hidden.
    assert found.elapsed == [3000, 5000, 8000, 2000, 3400]
    assert found.stall == [0, 0, 0, 4000, 0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({0: [4, 0, 3, 6, 2, -1]}, "buffer 4 [0, 3) at 6: there are 4 buffers"),
        ({0: [0, 2, 2, 6, 2, -1]}, "buffer 0 [2, 2) at 6: the slots are not within [0, 5)"),
        ({0: [0, 0, 6, 6, 2, -1]}, "buffer 0 [0, 6) at 6: the slots are not within [0, 5)"),
        ({0: [0, 0, 3, -1, 2, -1]}, "buffer 0 [0, 3) at -1: the offset is negative"),
        ({0: [0, 0, 3, 7, 2, -1]}, "buffer 0 [0, 3) at 7 reaches 11, above the capacity 10"),
        ({2: [2, 1, 3, 1, 1, -1]}, "buffer 2 [1, 3) at 1 overlaps the 2 scoped bytes of slot 2"),
        ({0: [0, 0, 3, 6, 0, -1]}, "buffer 0 [0, 3) at 6 is born, but the buffer is an input that is not pinned to fast memory"),
        ({1: [1, 1, 2, 0, 1, -1]}, "buffer 1 [1, 2) at 0 is born in slot 1, but the buffer is defined in slot 0"),
        ({0: [0, 0, 3, 6, 3, -1]}, "buffer 0 [0, 3) at 6 serves from slot 3, which is not in the stay"),
        ({0: [0, 1, 3, 6, 0, -1]}, "buffer 0 [1, 3) at 6 serves from slot 0, which is not in the stay"),
        ({1: [1, 0, 2, 0, 1, -1]}, "buffer 1 [0, 2) at 0 is fetched from slot 0, but the buffer is defined in slot 0"),
        ({0: [0, 0, 3, 6, 1, -1]}, "buffer 0 [0, 3) at 6 serves from slot 1, which does not access the buffer"),
        ({0: [0, 0, 3, 6, 2, 2]}, "buffer 0 [0, 3) at 6 is written back by slot 2, but it is fetched"),
        ({1: [1, 0, 2, 0, 0, 1]}, "buffer 1 [0, 2) at 0 is written back by slot 1, not in (1, 2]"),
        ({1: [1, 0, 2, 0, 0, 3]}, "buffer 1 [0, 2) at 0 is written back by slot 3, not in (1, 2]"),
        ({4: [0, 2, 5, 2, 4, -1]}, "buffer 0 [0, 3) at 6 and buffer 0 [2, 5) at 2 share slot 2"),
        ({4: [1, 0, 1, 5, 0, -1]}, "buffer 1 [0, 2) at 0 and buffer 1 [0, 1) at 5 share slot 0"),
        ({2: None}, "buffer 3 [2, 5) at 3, but buffer 2 of the same storage is never in fast memory"),
        ({3: [3, 2, 5, 4, 2, 5]}, "buffer 2 [1, 3) at 3 and buffer 3 [2, 5) at 4 are of one storage, but at different offsets"),
        ({0: [0, 0, 3, 4, 2, -1]}, "buffer 0 [0, 3) at 4, [0, 3) x [4, 8) overlaps buffer 2 [1, 3) at 3, [1, 3) x [3, 5)"),
        (
            {1: [1, 0, 2, 0, 0, -1]},
            "instruction 4 accesses buffer 1 in slow memory, but buffer 1 [0, 2) at 0 is not written back",
        ),
        ({3: [3, 2, 5, 3, 2, -1]}, "buffer 3 is an output, but buffer 3 [2, 5) at 3 is not written back"),
        (
            {1: [1, 0, 2, 0, 0, -1], 4: [1, 3, 5, 0, 4, -1]},
            "buffer 1 [3, 5) at 0 is fetched, but buffer 1 [0, 2) at 0 is not written back",
        ),
    ],
)
def test_a_refusal_names_what_is_wrong(changed, message):
    stays = {k: row for k, row in enumerate(STAYS)} | changed
    rows = [row for row in stays.values() if row is not None]
    assert refusal(rows) == message


def test_offsets_are_multiples_of_the_alignment():
    program = dataclasses.replace(PROGRAM, alignment=2)
    assert refusal([[0, 0, 3, 5, 2, -1]], program) == "buffer 0 [0, 3) at 5: the offset is not a multiple of 2"


def test_pins_are_heeded():
    slow = dataclasses.replace(PROGRAM, pin=np.array([2, 0, 0, 0]))
    assert refusal(STAYS, slow) == "buffer 0 [0, 3) at 6: the buffer is pinned to slow memory"
    fast = dataclasses.replace(PROGRAM, pin=np.array([0, 1, 0, 0]))
    missing = "buffer 1 is pinned to fast memory, but has no single born stay [0, 5)"
    assert refusal([], fast) == missing
    assert refusal([[1, 0, 4, 2, 0, -1]], fast) == missing
    assert check_program(fast, plan([[1, 0, 5, 2, 0, -1]])) == all_slow(fast) == 3000 + 2300 + 8000 + 2000 + 4300
    held = dataclasses.replace(PROGRAM, pin=np.array([1, 0, 0, 0]))  # an input
    assert refusal([[0, 1, 5, 2, 2, -1]], held) == "buffer 0 is pinned to fast memory, but has no single born stay [0, 5)"
    assert check_program(held, plan([[0, 0, 5, 2, 0, -1]])) == 3000 + 5000 + 4400 + 2000 + 3400
    # Slow memory has an input from the start, even one that is an output too.
    assert check_program(dataclasses.replace(held, output=np.array([1, 0, 0, 0])), plan([[0, 0, 5, 2, 0, -1]])) == 17800


def test_a_pinned_output_is_written_back():
    pinned = dataclasses.replace(PROGRAM, pin=np.array([0, 0, 1, 1]))
    life = [[2, 1, 3, 2, 1, -1], [3, 2, 5, 2, 2, -1]]
    assert refusal(life, pinned) == "buffer 3 is an output, but buffer 3 [2, 5) at 2 is not written back"
    life[1][5] = 4
    assert check_program(pinned, plan(life)) == 3000 + 3400 + 4600 + 1000 + 1000 + 7000


def test_stays_have_six_whole_numbers():
    for stays, message in (
        (np.zeros((1, 5), np.int64), "stay has shape (1, 5), not (1, 6)"),
        (np.zeros(6, np.int64), "stay has shape (6,), not (6, 6)"),
        (np.zeros((1, 6)), "stay has dtype float64, not whole numbers"),
    ):
        with pytest.raises(InvalidSchedule) as caught:
            check_program(PROGRAM, MemoryPlan(stays))
        assert str(caught.value) == message


def linear_program(program: MemoryProgram, stays: MemoryPlan) -> float:
    """The least sum of slots, with the time that each copy gets in each slot of its window free."""
    solver = pywraplp.Solver.CreateSolver("GLOP")
    sigma, phi = np.zeros((2, program.instructions))
    for (n, i, _, _), slow, fast in zip(program.access.tolist(), program.slow_ticks, program.fast_ticks, strict=True):
        mine = [row for row in stays.stay.tolist() if row[0] == n and row[4] <= i < row[2]]
        sigma[i] += 0 if mine else slow
        phi[i] += fast if mine else 0
    lasts = [
        solver.NumVar(float(max(c, s + f)), solver.infinity(), "") for c, s, f in zip(program.compute, sigma, phi, strict=True)
    ]
    carried: list[list] = [[] for _ in lasts]
    for n, begin, _, _, serves, written in stays.stay.tolist():
        window = range(begin, serves) if serves > begin else range(int(program.define[n]) + 1, written)
        if len(window):
            given = [solver.NumVar(0.0, solver.infinity(), "") for _ in window]
            solver.Add(sum(given) == float(program.copy_ticks[n]))
            for i, x in zip(window, given, strict=True):
                carried[i].append(x)
    for x, slow, moved in zip(lasts, sigma, carried, strict=True):
        solver.Add(x >= float(slow) + sum(moved))
    solver.Minimize(sum(lasts))
    assert solver.Solve() == pywraplp.Solver.OPTIMAL
    return solver.Objective().Value()


def test_the_latency_is_the_optimum_of_the_linear_program():
    rng = np.random.default_rng(0)
    stalled = written = 0
    for _ in range(330):
        program = small_program(rng, int(rng.integers(2, 9)), int(rng.integers(1, 10)))
        stays = random_plan(rng, program)
        if stays is None:
            continue
        found = measure_program(program, stays)
        assert found.latency == pytest.approx(linear_program(program, stays), rel=1e-9)
        assert found.latency >= program.lower_bound
        stalled += found.stalled > 0
        written += bool((stays.stay[:, 5] >= 0).any())
    assert stalled > 100
    assert written > 100


def test_a_faster_slow_memory_and_a_longer_window_never_cost_time():
    rng = np.random.default_rng(2)
    shorter = 0
    for _ in range(120):
        program = small_program(rng)
        stays = random_plan(rng, program)
        if stays is None:
            continue
        latency = check_program(program, stays)
        assert check_program(dataclasses.replace(program, slow_rate=2 * 10**9), stays) <= latency
        late = stays.stay.copy()
        late[(late[:, 4] > late[:, 1] + 1), 1] += 1  # copies issued a slot later
        shorter += check_program(program, MemoryPlan(late)) > latency
        assert check_program(program, MemoryPlan(late)) >= latency
    assert shorter > 5


def test_a_packing_as_a_program_has_the_packings_as_plans():
    rng = np.random.default_rng(3)
    outcomes = []
    for _ in range(60):
        lower = rng.integers(0, 8, 4)
        packing = Packing(lower, lower + rng.integers(1, 5, 4), rng.integers(1, 4, 4), capacity=9)
        offset = rng.integers(0, 8, 4)
        program = as_program(packing)
        born = np.maximum(program.define, 0)
        stays = np.stack([np.arange(4), born, program.last, offset, born, np.full(4, -1)], axis=1)
        try:
            height = check_packing(packing, PackingPlan(offset))
        except InvalidSchedule:
            outcomes.append(False)
            refusal(stays, program)
            continue
        outcomes.append(True)
        assert measure_program(program, MemoryPlan(stays)).height == height
    assert min(outcomes.count(True), outcomes.count(False)) >= 5


PACKING = Packing(np.array([0, 2, 4]), np.array([4, 6, 8]), np.array([4, 3, 2]), capacity=8, alignment=np.array([1, 2, 1]))


def test_a_packing_worked_by_hand():
    assert check_packing(PACKING, PackingPlan(np.array([0, 4, 0]))) == 7
    assert measure_packing(PACKING, PackingPlan(np.array([3, 0, 3]))) == PackingMetrics(7, 7, 1.0)
    assert measure_packing(PACKING, PackingPlan(np.array([4, 0, 3]))) == PackingMetrics(8, 7, 8 / 7)


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        ([0, 4], "offset has shape (2,), not (3,)"),
        ([0.0, 4.0, 0.0], "offset has dtype float64, not whole numbers"),
        ([0, 4, -1], "buffer 2 has no offset (-1)"),
        ([0, 5, 0], "buffer 1 at 5 is not aligned to 2"),
        ([0, 6, 0], "buffer 1, [2, 6) x [6, 9) reaches above the capacity 8"),
        ([0, 2, 0], "buffer 0, [0, 4) x [0, 4) overlaps buffer 1, [2, 6) x [2, 5)"),
        ([0, 4, 6], "buffer 1, [2, 6) x [4, 7) overlaps buffer 2, [4, 8) x [6, 8)"),
    ],
)
def test_a_refused_packing_is_named(offset, message):
    with pytest.raises(InvalidSchedule) as caught:
        check_packing(PACKING, PackingPlan(np.array(offset)))
    assert str(caught.value) == message


def test_in_a_gap_only_its_window_is_needed():
    gaps = ((Gap(2, 4, 0, 1),), (), (Gap(0, 3),))
    packing = Packing(np.array([0, 2, 0]), np.array([6, 4, 3]), np.array([5, 4, 9]), capacity=9, gaps=gaps)
    assert measure_packing(packing, PackingPlan(np.array([0, 1, 3]))) == PackingMetrics(5, 5, 1.0)
    assert peak(packing) == 5
    with pytest.raises(InvalidSchedule, match=r"buffer 0, \[2, 4\) x \[0, 1\) overlaps buffer 1, \[2, 4\) x \[0, 4\)"):
        check_packing(packing, PackingPlan(np.array([0, 0, 0])))


def test_packings_are_refused_exactly_when_two_buffers_overlap():
    rng = np.random.default_rng(4)
    outcomes = []
    for _ in range(300):
        lower, size, offset = rng.integers(0, 20, 8), rng.integers(1, 5, 8), rng.integers(0, 30, 8)
        upper = lower + rng.integers(1, 8, 8)
        first, second = np.triu_indices(8, 1)
        together = (lower[first] < upper[second]) & (lower[second] < upper[first])
        together &= (offset[first] < (offset + size)[second]) & (offset[second] < (offset + size)[first])
        packing = Packing(lower, upper, size)
        outcomes.append(not together.any())
        if together.any():
            with pytest.raises(InvalidSchedule, match="overlaps"):
                check_packing(packing, PackingPlan(offset))
        else:
            assert check_packing(packing, PackingPlan(offset)) == (offset + size).max()
            assert measure_packing(packing, PackingPlan(offset)).peak == peak(packing)
    assert min(outcomes.count(True), outcomes.count(False)) > 30


def test_twenty_thousand_buffers_are_checked():
    rng = np.random.default_rng(5)
    lower, size = rng.integers(0, 50_000, 20_000), rng.integers(1, 1000, 20_000)
    packing = Packing(lower, lower + rng.integers(1, 3000, 20_000), size)
    offset = np.cumsum(size) - size
    assert check_packing(packing, PackingPlan(offset)) == size.sum()
    shared = int(np.flatnonzero((lower < packing.upper[0]) & (packing.upper > lower[0]))[-1])
    offset[shared] = 0
    with pytest.raises(InvalidSchedule, match=r"buffer 0, .* overlaps|overlaps buffer 0, "):
        check_packing(packing, PackingPlan(offset))
