"""The job shop's referee, on a shop small enough to work by hand.

job 0 (release 1): machine 0 for 3, machine 1 for 2
job 1:             machine 1 for 4, machine 0 for 0, machine 1 for 1
"""

import numpy as np
import pytest

from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.jobshop.instance import JobShop, Schedule

SHOP = JobShop(
    machine=np.array([[0, 1, -1], [1, 0, 1]]),
    duration=np.array([[3, 2, 0], [4, 0, 1]]),
    release=np.array([1, 0]),
)
VALID = [[1, 4, -1], [0, 4, 6]]


def verdict(start):
    return check(SHOP, Schedule(np.array(start)))


def test_the_makespan_is_the_end_of_the_last_operation():
    assert verdict(VALID) == 7
    assert verdict([[1, 9, -1], [0, 4, 6]]) == 11


def test_intervals_that_only_touch_do_not_overlap():
    assert verdict([[1, 4, -1], [0, 5, 6]]) == 7
    assert verdict([[1, 5, -1], [0, 4, 4]]) == 7


def test_an_empty_interval_inside_another_overlaps_nothing():
    assert verdict([[3, 6, -1], [0, 4, 5]]) == 8  # job 1 op 1 occupies no tick of machine 0 while [3, 6) runs there


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ([[1, 4, -1], [0, 4, -1]], "job 1 op 2 has no start (-1)"),
        ([[1, 4, 6], [0, 4, 6]], "job 0 has no op 2, yet it starts at 6"),
        ([[0, 4, -1], [0, 4, 6]], "job 0 op 0 [0, 3) starts before its release 1"),
        ([[2, 4, -1], [0, 4, 6]], "job 0 op 1 [4, 6) starts before the end 5 of op 0"),
        ([[1, 6, -1], [0, 3, 5]], "job 1 op 1 [3, 3) starts before the end 4 of op 0"),
        ([[1, 6, -1], [0, 5, 4]], "job 1 op 2 [4, 5) starts before the end 5 of op 1"),
        ([[1, 4, -1], [0, 4, 5]], "machine 1: job 0 op 1 [4, 6) overlaps job 1 op 2 [5, 6)"),
        ([[1, 4, -1], [3, 7, 7]], "machine 1: job 1 op 0 [3, 7) overlaps job 0 op 1 [4, 6)"),
        ([[1, 4], [0, 4]], "start has shape (2, 2), the instance has (2, 3)"),
        ([[1.0, 4.0, -1.0], [0.0, 4.0, 6.0]], "start has dtype float64, not whole ticks"),
    ],
)
def test_a_broken_rule_is_named(start, reason):
    with pytest.raises(InvalidSchedule) as caught:
        verdict(start)
    assert str(caught.value) == reason


def test_two_operations_at_the_same_tick_overlap_on_one_machine_but_not_on_two():
    shop = JobShop(np.array([[0], [0]]), np.array([[2], [3]]))
    with pytest.raises(InvalidSchedule, match=r"machine 0: job 0 op 0 .* overlaps job 1 op 0"):
        check(shop, Schedule(np.zeros((2, 1), np.int64)))
    assert check(JobShop(np.array([[0], [1]]), np.array([[2], [3]])), Schedule(np.zeros((2, 1), np.int64))) == 3


def test_a_revisited_machine_is_held_once_at_a_time():
    shop = JobShop(np.array([[0, 0], [0, -1]]), np.array([[2, 2], [3, 0]]))
    assert check(shop, Schedule(np.array([[0, 5], [2, -1]]))) == 7
    with pytest.raises(InvalidSchedule, match=r"machine 0: job 1 op 0 \[2, 5\) overlaps job 0 op 1 \[4, 6\)"):
        check(shop, Schedule(np.array([[0, 4], [2, -1]])))


def test_starts_beyond_32_bits_are_summed_exactly():
    late = 2**40
    assert check(JobShop(np.array([[0]]), np.array([[5]])), Schedule(np.array([[late]]))) == late + 5
