"""Random memory instances: shapes, known optima, ranges of every parameter, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.convert import whole_lives
from dispatchgym.instances.memory.generate import UNIT, _cut, guillotine, layered, random_packing
from dispatchgym.instances.memory.instance import INPUT, MemoryProgram, Packing, all_slow


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def pairs(packing: Packing) -> int:
    """Pairs of buffers whose lives overlap."""
    both = (packing.lower[:, None] < packing.upper) & (packing.lower < packing.upper[:, None])
    return int(both.sum() - packing.buffers) // 2


def area(packing: Packing) -> int:
    return int(((packing.upper - packing.lower) // UNIT * (packing.size // UNIT)).sum())


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    buffers=st.integers(1, 60),
    times=st.integers(8, 100),
    units=st.integers(8, 100),
    stretch=st.none() | st.floats(0.1, 10),
    variety=st.floats(0, 1),
)
def test_a_rectangle_that_is_cut_is_needed_as_a_whole(
    seed: int, buffers: int, times: int, units: int, stretch: float | None, variety: float
) -> None:
    found = guillotine(rng(seed), buffers, times=times, capacity=units * UNIT, stretch=stretch, variety=variety)
    assert found.buffers == buffers
    assert found.capacity == found.best_known == found.lower_bound == units * UNIT
    assert area(found) == times * units
    assert not (np.stack([found.lower, found.upper, found.size]) % UNIT).any()
    assert (found.lower.min(), found.upper.max()) == (0, times * UNIT)


def test_the_blocks_of_the_construction_do_not_overlap() -> None:
    painted = np.zeros((50, 40), int)
    for begin, end, low, high in _cut(rng(3), 120, 50, 40, 2.0, 0.6).tolist():
        painted[begin:end, low:high] += 1
    assert (painted == 1).all()


def test_what_is_removed_leaves_a_packing_of_known_height_and_a_lower_peak() -> None:
    found = guillotine(rng(1), 120, removed=0.4)
    assert found.buffers == 120
    assert found.lower_bound is not None
    assert found.best_known is not None
    assert found.lower_bound < found.best_known <= 2**20
    assert 0.4 < area(found) / 1024**2 < 0.8
    few = [guillotine(rng(seed), 4, removed=0.6, stretch=4) for seed in range(20)]
    assert any((x.best_known or 0) < 2**20 for x in few)


def test_stretched_blocks_are_small_and_live_long() -> None:
    flat, tall = (guillotine(rng(5), 200, stretch=stretch) for stretch in (1, 6))
    assert np.median(tall.size) < np.median(flat.size) / 2
    assert pairs(tall) > 3 * pairs(flat)


def test_variety_spreads_the_areas() -> None:
    def spread(variety: float) -> float:
        found = guillotine(rng(5), 200, stretch=1, variety=variety)
        return float(np.std(np.log((found.upper - found.lower) * found.size)))

    assert spread(0) < spread(0.5) < spread(1)


@pytest.mark.parametrize(
    ("buffers", "stretch", "overlapping", "times"),
    [
        (454, 0.7, 7607, 243),
        (215, 1, 3255, 114),
        (374, 2, 12_330, 179),
        (203, 3, 6308, 100),
        (409, 6, 28_740, 213),
        (213, 8, 12_543, 103),
    ],
)
def test_packings_are_about_as_dense_as_those_of_the_benchmark(
    buffers: int, stretch: float, overlapping: int, times: int
) -> None:
    found = [guillotine(rng(seed), buffers, stretch=stretch) for seed in range(8)]
    assert np.mean([pairs(x) for x in found]) == pytest.approx(overlapping, rel=0.25)
    assert np.mean([len(np.union1d(x.lower, x.upper)) for x in found]) == pytest.approx(times, rel=0.35)


def test_random_packings_keep_to_their_ranges() -> None:
    found = random_packing(rng(2), 3000, times=40, largest=64 * UNIT)
    assert (found.buffers, found.capacity, found.best_known) == (3000, None, None)
    assert (int(found.lower.min()), int(found.upper.max())) == (0, 39)
    units = found.size // UNIT
    assert set(np.unique(units)) <= set(range(1, 65))
    assert (found.size % UNIT == 0).all()
    assert 64 in units
    life = found.upper - found.lower
    assert {1, 39} <= set(life.tolist())
    assert (life <= 3).mean() > 0.3
    assert random_packing(rng(2), 1).buffers == 1


PROGRAMS = [layered(rng(seed), 1 + 7 * seed % 90, name=f"p{seed}") for seed in range(60)]


def test_layered_programs_have_the_asked_number_of_instructions_each_of_which_writes() -> None:
    for seed, found in enumerate(PROGRAMS):
        assert found.instructions == 1 + 7 * seed % 90
        assert set(found.define.tolist()) >= set(range(found.instructions))


def test_in_layered_programs_everything_is_read_or_an_output() -> None:
    for found in PROGRAMS:
        read = set(found.access[found.access[:, 3] == 0, 0].tolist())
        assert set(range(found.buffers)) == read | set(np.flatnonzero(found.output).tolist())


def test_nobody_needs_a_value_that_was_overwritten_in_place() -> None:
    seen = 0
    for found in PROGRAMS:
        for n in np.flatnonzero(found.alias >= 0).tolist():
            old = int(found.alias[n])
            assert found.access[found.access[:, 0] == old, 1].max() == found.define[n]
            assert not found.output[old]
            assert list(found.alias).count(old) == 1
            seen += 1
    assert seen > 100


def test_sizes_offsets_and_scoped_bytes_are_multiples_of_the_alignment() -> None:
    for found in PROGRAMS:
        assert found.alignment == 512
        assert not (found.size % 512).any()
        assert not (found.scoped % 512).any()
        assert found.scoped.max() <= found.capacity / 16
    share = np.concatenate([x.scoped for x in PROGRAMS]) > 0
    assert 0.05 < share.mean() < 0.15


def test_the_pressure_is_that_asked_for_and_otherwise_between_1_and_20() -> None:
    def pressure(found: MemoryProgram) -> float:
        return float(found.size[found.alias < 0].sum() / found.capacity)

    for asked in (0.5, 3, 40):
        assert pressure(layered(rng(4), 50, pressure=asked, capacity=2**22)) == pytest.approx(asked, rel=0.05)
    found = [pressure(x) for x in PROGRAMS]
    assert min(found) >= 1
    assert max(found) < 20.5
    assert np.quantile(found, 0.2) < 3 < 6 < np.quantile(found, 0.8)


@pytest.mark.parametrize("asked", [0.0, 0.3, 0.5, 1.0])
def test_the_share_of_memory_bound_instructions_is_that_asked_for(asked: float) -> None:
    found = layered(rng(6), 600, memory_bound=asked)
    traffic = np.bincount(found.access[:, 1], found.slow_ticks, minlength=600)
    assert (found.compute < traffic).mean() == pytest.approx(asked, abs=0.05)


def test_there_is_something_to_gain_in_most_layered_programs() -> None:
    gain = [1 - (x.lower_bound or 0) / all_slow(x) for x in PROGRAMS if x.instructions >= 20]
    assert np.median(gain) > 0.2
    peaks = [(whole_lives(x).lower_bound or 0) / x.capacity for x in PROGRAMS if x.instructions >= 20]
    assert np.mean(np.array(peaks) > 1) > 0.4


def test_training_graphs_read_activations_again_in_reverse_and_update_weights_in_place() -> None:
    found = layered(rng(8), 61, training=True)
    inference = layered(rng(8), 61, training=False)
    updated = [n for n in np.flatnonzero(found.alias >= 0).tolist() if found.define[found.alias[n]] == INPUT]
    assert len(updated) > 10
    assert found.output[updated].all()
    assert (found.define[updated] >= 31).all()

    def life(program: MemoryProgram) -> float:
        written = program.define >= 0
        return float((program.last - program.define)[written & (program.output == 0)].mean())

    assert life(found) > 3 * life(inference)
    assert {bool((x.define[x.alias[x.alias >= 0]] == INPUT).any()) for x in PROGRAMS if x.instructions > 9} == {True, False}


def test_layered_programs_have_joins_branches_and_partial_reads() -> None:
    found = layered(rng(9), 300, training=False)
    reads = found.access[found.access[:, 3] == 0]
    activations = reads[found.define[reads[:, 0]] >= 0]
    assert np.bincount(activations[:, 1]).max() == 2
    assert np.bincount(activations[:, 0]).max() >= 2
    assert 0.01 < (reads[:, 2] < found.size[reads[:, 0]]).mean() < 0.2
    assert (found.access[:, 2] <= found.size[found.access[:, 0]]).all()


def test_the_same_seed_gives_the_same_instance_and_another_one_another() -> None:
    for make in (guillotine, random_packing):
        a, b, c = (make(rng(seed), 30) for seed in (1, 1, 2))
        assert np.array_equal(a.size, b.size)
        assert not np.array_equal(a.size, c.size)
    x, y, z = (layered(rng(seed), 30) for seed in (1, 1, 2))
    assert np.array_equal(x.access, y.access)
    assert np.array_equal(x.compute, y.compute)
    assert not np.array_equal(x.compute, z.compute)


@pytest.mark.parametrize(
    ("make", "count", "arguments", "message"),
    [
        (guillotine, 0, {}, "buffers 0 is not between 1 and 5000"),
        (guillotine, 9, {"stretch": 0}, "stretch 0 is not between 0.001 and 1000"),
        (guillotine, 9, {"variety": 1.5}, "variety 1.5 is not between 0 and 1"),
        (guillotine, 9, {"removed": 0.95}, "removed 0.95 is not between 0 and 0.9"),
        (guillotine, 9, {"times": 0}, r"times 0 is not between 1 and 1e\+06"),
        (guillotine, 9, {"capacity": 1000}, "capacity 1000 is not a multiple of 1024 between 1024 and 2\\^40"),
        (guillotine, 9, {"times": 4, "capacity": 2048}, "4 times and 2 units of 1024 bytes do not make 9 blocks"),
        (random_packing, 5001, {}, "buffers 5001 is not between 1 and 5000"),
        (random_packing, 9, {"times": 1}, r"times 1 is not between 2 and 1e\+06"),
        (random_packing, 9, {"largest": 1000}, r"largest 1000 is not between 1024 and 1.09951e\+12"),
        (layered, 0, {}, "instructions 0 is not between 1 and 10000"),
        (layered, 9, {"pressure": 0}, "pressure 0 is not between 0.001 and 1000"),
        (layered, 9, {"pressure": float("nan")}, "pressure nan is not between 0.001 and 1000"),
        (layered, 9, {"memory_bound": -0.1}, "memory-bound share -0.1 is not between 0 and 1"),
        (layered, 9, {"capacity": 100}, "capacity 100 is not between 8192 and 2\\^40"),
        (
            layered,
            9,
            {"capacity": 2**40, "pressure": 900},
            "a pressure of 900 on 1099511627776 bytes makes instructions that take too",
        ),
    ],
)
def test_arguments_that_make_no_instance_are_refused(
    make: Callable[..., Any], count: int, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        make(rng(0), count, **arguments)
