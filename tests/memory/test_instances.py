"""Packings and memory programs: what is refused, and what follows from their data."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.convert import as_program, whole_lives
from dispatchgym.instances.memory.instance import (
    LIMIT,
    MAX_BUFFERS,
    MAX_BYTES,
    MAX_COMPUTE,
    MAX_RATE,
    MemoryProgram,
    Packing,
    all_slow,
    latency_bound,
    peak,
)

THREE: dict[str, Any] = {"lower": [0, 2, 5], "upper": [5, 9, 7], "size": [4, 8, 16], "ids": ("a", "b", "c"), "name": "three"}


def packing(**changes: Any) -> Packing:
    return Packing(**(THREE | changes))


def test_a_packing_fills_in_what_is_not_given() -> None:
    plain = packing(ids=())
    assert plain.ids == ("0", "1", "2")
    assert plain.alignment.tolist() == [1, 1, 1]
    assert plain.hint.tolist() == [-1, -1, -1]
    assert plain.gaps == ((), (), ())
    assert (plain.capacity, plain.lower_bound, plain.best_known) == (None, 24, None)
    assert not plain.size.flags.writeable
    assert repr(plain) == "Packing('three', buffers=3, capacity=None)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lower": [], "upper": [], "size": [], "ids": ()}, f"three: 0 buffers, not 1 to {MAX_BUFFERS}"),
        ({"upper": [5, 9]}, "three: upper has shape (2,), expected 3 values"),
        ({"size": [4, 8, 1.5]}, "three: size must hold whole numbers below 2^63, not float64"),
        ({"size": [4, 8, 2**70]}, "three: size must hold whole numbers below 2^63, not object"),
        ({"size": [[4], [8, 9], 1]}, "three: size: setting an array element with a sequence"),
        ({"ids": ("a", "b")}, "three: 2 ids and 3 lists of gaps for 3 buffers"),
        ({"gaps": ((),)}, "three: 3 ids and 1 lists of gaps for 3 buffers"),
        ({"ids": ("a", "b", "a")}, "three: id 'a' is given twice"),
        ({"capacity": 0}, f"three: capacity 0 is not between 1 and {MAX_BYTES}"),
        ({"capacity": MAX_BYTES + 1}, f"three: capacity {MAX_BYTES + 1} is not between 1 and {MAX_BYTES}"),
        ({"upper": [5, 2, 7]}, "three: buffer b: upper 2 is not above lower 2"),
        ({"size": [4, 0, 16]}, f"three: buffer b: size 0 is not between 1 and {MAX_BYTES}"),
        ({"size": [4, 8, MAX_BYTES + 1]}, f"three: buffer c: size {MAX_BYTES + 1} is not between 1 and {MAX_BYTES}"),
        ({"capacity": 15}, "three: buffer c: size 16 is above the capacity 15"),
        ({"alignment": [1, 0, 1]}, f"three: buffer b: alignment 0 is not between 1 and {MAX_BYTES}"),
        ({"hint": [-1, -1, -2]}, "three: buffer c: hint -2 is not an offset"),
        ({"gaps": ((), ((3, 3),), ())}, "three: buffer b: gap 3-3 is empty, out of its life or overlaps another one"),
        ({"gaps": ((), ((1, 3),), ())}, "three: buffer b: gap 1-3 is empty, out of its life or overlaps another one"),
        ({"gaps": ((), ((8, 10),), ())}, "three: buffer b: gap 8-10 is empty, out of its life or overlaps another one"),
        ({"gaps": ((), ((3, 5), (4, 6)), ())}, "three: buffer b: gap 4-6 is empty, out of its life or overlaps another one"),
        ({"gaps": ((), ((3, 5, 4, 9),), ())}, "three: buffer b: window 4:9 of a gap is not within its 8 bytes"),
        ({"gaps": ((), ((3, 5, 4, 3),), ())}, "three: buffer b: window 4:3 of a gap is not within its 8 bytes"),
    ],
)
def test_a_packing_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        packing(**changes)
    assert str(caught.value).startswith(message)


def test_sizes_whose_sum_is_out_of_range_are_refused() -> None:
    count = LIMIT // MAX_BYTES
    with pytest.raises(InputError, match=f"unnamed: sizes and alignments add up to {LIMIT} bytes or more"):
        Packing(np.zeros(count, int), np.ones(count, int), np.full(count, MAX_BYTES))


def test_the_parts_of_a_buffer_are_its_life_without_the_gaps_and_the_windows_within_them() -> None:
    found = packing(gaps=((), ((2, 3), (4, 5, 1, 6), (6, 9)), ((5, 6), (6, 7)))).parts
    assert found.tolist() == [[0, 0, 5, 0, 4], [1, 3, 4, 0, 8], [1, 4, 5, 1, 6], [1, 5, 6, 0, 8]]


def test_a_packing_without_any_need_has_no_peak() -> None:
    assert Packing([0], [5], [7], gaps=(((0, 5),),)).lower_bound == 0  # type: ignore[arg-type]


@st.composite
def packings_with_gaps(draw: st.DrawFn) -> Packing:
    lower, upper, size, gaps = [], [], [], []
    for _ in range(draw(st.integers(1, 6))):
        times = sorted(draw(st.sets(st.integers(0, 12), min_size=2, max_size=6)))
        size.append(draw(st.integers(1, 9)))
        lower.append(times[0])
        upper.append(times[-1])
        own = []
        for begin, end in pairwise(times):
            kind = draw(st.sampled_from(("live", "gap", "window")))
            window = sorted((draw(st.integers(0, size[-1])), draw(st.integers(0, size[-1])))) if kind == "window" else [0, 0]
            own += [(begin, end, *window)] if kind != "live" else []
        gaps.append(tuple(own))
    return Packing(np.array(lower), np.array(upper), np.array(size), gaps=tuple(gaps))  # type: ignore[arg-type]


@settings(max_examples=150)
@given(packings_with_gaps())
def test_the_peak_is_the_largest_sum_of_bytes_needed_at_one_time(found: Packing) -> None:
    sums = []
    for time in range(13):
        total = 0
        for n in range(found.buffers):
            if found.lower[n] <= time < found.upper[n]:
                during = [gap for gap in found.gaps[n] if gap.lower <= time < gap.upper]
                total += during[0].high - during[0].low if during else int(found.size[n])
        sums.append(total)
    assert peak(found) == max(sums) == found.lower_bound


# Slow memory moves 1 byte in 10 ticks, fast memory reads one in 1 tick and writes one in 2. Weights (buffer 0) are read by
# instruction 0, which writes 1; instruction 1 updates that in place (2); instruction 2 reads 2 and a part of the weights and
# writes 3, the output.
SMALL: dict[str, Any] = {
    "compute": [100, 500, 0],
    "size": [60, 20, 20, 40],
    "define": [-1, 0, 1, 2],
    "access": [[2, 2, 20, 0], [0, 0, 60, 0], [1, 0, 20, 1], [1, 1, 20, 0], [2, 1, 20, 1], [0, 2, 10, 0], [3, 2, 40, 1]],
    "capacity": 100,
    "slow_rate": 10**11,
    "fast_read_rate": 10**12,
    "fast_write_rate": 5 * 10**11,
    "output": [0, 0, 0, 1],
    "alias": [-1, -1, 1, -1],
    "name": "small",
}


def small(**changes: Any) -> MemoryProgram:
    return MemoryProgram(**(SMALL | changes))


def test_what_a_program_implies_is_what_one_finds_by_hand() -> None:
    found = small()
    assert found.access[:, 1].tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert found.slow_ticks.tolist() == [600, 200, 200, 200, 200, 100, 400]
    assert found.fast_ticks.tolist() == [60, 40, 20, 40, 20, 10, 80]
    assert found.copy_ticks.tolist() == [600, 200, 200, 400]
    assert found.storage.tolist() == [0, 1, 1, 3]
    assert found.last.tolist() == [3, 2, 3, 3]
    assert found.labels == ("0", "1", "2")
    assert repr(found) == "MemoryProgram('small', instructions=3, buffers=4, capacity=100)"


def test_moving_bytes_takes_whole_ticks_rounded_up() -> None:
    found = small(slow_rate=3 * 10**11)
    assert found.copy_ticks.tolist() == [200, 67, 67, 134]


def test_bounds_of_a_program_are_those_found_by_hand() -> None:
    found = small()
    assert all_slow(found) == max(100, 800) + max(500, 400) + max(0, 700)
    # all fast: 100 + 500 + 110; slow memory must carry a copy of the weights and the output
    assert latency_bound(found) == max(710, 600 + 400) == found.lower_bound
    assert latency_bound(small(compute=[100, 900, 0])) == 1110
    assert small(lower_bound=1001).lower_bound == 1001


def test_bounds_of_a_program_know_what_is_pinned() -> None:
    slow = small(pin=[2, 0, 0, 0])
    assert all_slow(slow) == 2000
    assert latency_bound(slow) == max(640 + 500 + 200, 700 + 400)
    fast = small(pin=[1, 0, 0, 0])
    assert all_slow(fast) == 260 + 500 + 610
    assert latency_bound(fast) == max(710, 400)
    written_back = small(pin=[0, 0, 0, 1], compute=[0, 0, 0])
    assert latency_bound(written_back) == 600 + 400
    assert all_slow(written_back) == 800 + 400 + 380


def test_reading_a_part_of_an_input_from_slow_memory_may_be_cheaper_than_a_copy() -> None:
    partly = small(access=[[0, 0, 5, 0], *SMALL["access"][2:], [2, 2, 20, 0]])
    assert latency_bound(partly) == max(100 + 500 + 110, 50 + 100 + 400)


def test_no_plan_goes_below_the_bound_where_slow_memory_is_the_faster_one() -> None:
    odd = small(fast_read_rate=10**10, fast_write_rate=10**10)
    assert latency_bound(odd) == all_slow(odd)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": []}, f"0 buffers and 3 instructions, not 1 to {MAX_BUFFERS} of each"),
        ({"compute": []}, f"4 buffers and 0 instructions, not 1 to {MAX_BUFFERS} of each"),
        ({"compute": [1, 2, 0.5]}, "compute must hold whole numbers below 2^63, not float64"),
        ({"define": [-1, 0]}, "define has shape (2,), expected 4 values"),
        ({"access": [[0, 0, 2**64, 0]]}, "access must hold whole numbers below 2^63, not object"),
        ({"slow_rate": 0}, f"slow rate 0 is not between 1 and {MAX_RATE} bytes per second"),
        ({"fast_read_rate": MAX_RATE + 1}, f"fast read rate {MAX_RATE + 1} is not between"),
        ({"fast_write_rate": -1}, "fast write rate -1 is not between"),
        ({"capacity": 0}, f"capacity 0 is not between 1 and {MAX_BYTES}"),
        ({"alignment": 0}, f"alignment 0 is not between 1 and {MAX_BYTES}"),
        ({"labels": ("a",)}, "1 labels for 3 instructions"),
        ({"compute": [1, -1, 0]}, f"instruction 1: compute -1 is not between 0 and {MAX_COMPUTE}"),
        ({"scoped": [0, 0, 101]}, "instruction 2: scoped 101 is not between 0 and the capacity 100"),
        ({"size": [60, 0, 20, 40]}, f"buffer 1: size 0 is not between 1 and {MAX_BYTES}"),
        ({"define": [-1, 0, 3, 2]}, "buffer 2: define 3 is not an instruction, nor -1"),
        ({"define": [-2, 0, 1, 2]}, "buffer 0: define -2 is not an instruction, nor -1"),
        ({"pin": [3, 0, 0, 0]}, "buffer 0: pin 3 is not one of 0 (free), 1 (fast), 2 (slow)"),
        ({"output": [0, 0, 0, 2]}, "buffer 3: output 2 is not 0 or 1"),
        ({"pin": [1, 0, 0, 0], "capacity": 59}, "buffer 0: size 60 is above the capacity 59, but it is pinned to fast memory"),
        ({"access": [[4, 0, 1, 0]]}, "access of buffer 4: there are 4"),
        ({"access": [[0, 3, 1, 0]]}, "buffer 0: access in instruction 3: there are 3"),
        ({"access": [[0, 0, -1, 0]]}, f"buffer 0: access in instruction 0: -1 bytes are not between 0 and {MAX_BYTES}"),
        ({"access": [[0, 0, 1, 2]]}, "buffer 0: access in instruction 0: write 2 is not 0 or 1"),
        ({"access": [[0, 0, 1, 0], [0, 0, 2, 0]]}, "buffer 0: access in instruction 0 is given twice"),
        ({"access": [[3, 0, 1, 0]]}, "buffer 3: access in instruction 0 is before its definition in 2"),
        ({"access": [[0, 0, 1, 1]]}, "buffer 0: access in instruction 0 writes, but it is defined in -1"),
        ({"access": [[1, 0, 1, 0]]}, "buffer 1: access in instruction 0 reads, but it is defined in 0"),
        ({"access": SMALL["access"][:-1]}, "buffer 3: instruction 2 defines it, but does not access it"),
        ({"alias": [-1, -1, 4, -1]}, "buffer 2: alias 4 is not a buffer"),
        ({"alias": [-1, 2, 1, -1]}, "buffer 1: alias 2 leads back to itself: an alias cycle"),
        ({"alias": [1, -1, -1, -1]}, "buffer 0: alias 1 is not defined before it"),
        ({"alias": [-1, 0, -1, -1]}, "buffer 1: alias 0 has another size or pin"),
        ({"pin": [0, 2, 0, 0]}, "buffer 2: alias 1 has another size or pin"),
    ],
)
def test_a_program_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        small(**changes)
    assert str(caught.value).startswith(f"small: {message}")


def test_rates_too_low_for_the_clock_are_refused() -> None:
    with pytest.raises(InputError, match=f"moving {MAX_BYTES + 100} bytes takes more than {LIMIT} ticks: the rates are too low"):
        small(size=[60, 20, 20, MAX_BYTES], slow_rate=1)


def test_whole_lives_give_each_storage_one_buffer_and_scoped_bytes_another() -> None:
    found = whole_lives(small(scoped=[0, 7, 0], pin=[2, 0, 0, 0], alignment=4))
    assert found.ids == ("buffer 1", "buffer 3", "scoped 1")
    assert np.stack([found.lower, found.upper, found.size], 1).tolist() == [[0, 3, 20], [2, 3, 40], [1, 2, 7]]
    assert found.alignment.tolist() == [4, 4, 4]
    assert (found.name, found.capacity, found.lower_bound) == ("small", None, 60)


def test_inputs_live_from_the_start_and_outputs_to_the_end() -> None:
    found = whole_lives(small(output=[0, 0, 0, 0], alias=[-1] * 4))
    assert np.stack([found.lower, found.upper], 1).tolist() == [[0, 3], [0, 2], [1, 3], [2, 3]]
    ends = whole_lives(small(output=[0, 1, 0, 0], alias=[-1] * 4)).upper
    assert ends.tolist() == [3, 3, 3, 3]


def test_a_packing_is_a_program_whose_whole_lives_are_the_packing_again() -> None:
    plain = packing(capacity=30, alignment=[4, 4, 4])
    found = as_program(plain)
    assert found.instructions == 4  # times 0, 2, 5, 7, 9
    assert found.pin.tolist() == [1, 1, 1]
    assert (found.capacity, found.alignment, found.lower_bound) == (30, 4, 4)
    back = whole_lives(found)
    assert np.stack([back.lower, back.upper, back.size], 1).tolist() == [[0, 2, 4], [1, 4, 8], [2, 3, 16]]
    assert back.lower_bound == plain.lower_bound


def test_a_packing_of_many_bytes_is_a_program() -> None:
    assert as_program(Packing([0, 1], [2, 3], [MAX_BYTES, 5], MAX_BYTES)).lower_bound == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{}, {"capacity": 99, "gaps": (((1, 2),), (), ())}, {"capacity": 99, "alignment": [1, 2, 1]}])
def test_a_packing_beyond_what_programs_say_is_no_program(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="three: a program has a capacity, one alignment and no gaps"):
        as_program(packing(**changes))
