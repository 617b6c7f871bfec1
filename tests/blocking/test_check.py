"""The blocking shop's referee, on shops small enough to work by hand and against a second route to its verdict.

The shop of the first tests, two jobs that cross:

job 0 (release 1): machine 0 for 3, machine 1 for 2
job 1:             machine 1 for 4, machine 0 for 1
"""

import dataclasses
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dispatchgym.envs.blocking.check import check, processing_end
from dispatchgym.instances.blocking.instance import BlockingSchedule, BlockingShop, Interruptions
from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.jobshop.instance import JobShop
from tests.blocking.shops import earliest, has_circle, orders_of_machine, random_shop

CROSS = JobShop(np.array([[0, 1], [1, 0]]), np.array([[3, 2], [4, 1]]), release=np.array([1, 0]))
SWAP = [[1, 4], [0, 4]]  # both move at 4
SEEDS = st.integers(0, 2**32 - 1)


def verdict(shop: BlockingShop | JobShop, start: list[list[int]], variant: str = "bws") -> int:
    instance = shop if isinstance(shop, BlockingShop) else BlockingShop(shop, variant)
    return check(instance, BlockingSchedule(np.array(start)))


def refusal(shop: BlockingShop | JobShop, start: list[list[int]], variant: str = "bws") -> str:
    with pytest.raises(InvalidSchedule) as caught:
        verdict(shop, start, variant)
    return str(caught.value)


def test_an_exchange_is_legal_with_swaps_and_without_waiting_but_not_without_swaps():
    assert verdict(CROSS, SWAP) == 6
    assert verdict(CROSS, SWAP, "nwt") == 6
    assert refusal(CROSS, SWAP, "bns") == "jobs 0, 1 exchange machines 0, 1 at 4, which a shop without swaps cannot do"


def test_without_swaps_a_job_can_leave_before_the_other_enters():
    assert verdict(CROSS, [[1, 4], [6, 10]], "bns") == 11  # one after the other
    assert refusal(CROSS, [[1, 5], [4, 8]], "bns") == "machine 1: job 1 op 0 [4, 8) overlaps job 0 op 1 [5, 7)"


def test_a_job_that_waits_holds_its_machine():
    assert refusal(CROSS, [[1, 5], [4, 8]]) == "machine 1: job 1 op 0 [4, 8) overlaps job 0 op 1 [5, 7)"
    shop = JobShop(np.array([[0, 1], [0, -1], [1, -1]]), np.array([[2, 1], [1, 0], [5, 0]]))
    assert verdict(shop, [[0, 5], [5, -1], [0, -1]]) == 6
    assert refusal(shop, [[0, 5], [2, -1], [0, -1]]) == "machine 0: job 0 op 0 [0, 5) overlaps job 1 op 0 [2, 3)"


def test_the_last_operation_frees_its_machine_when_it_ends():
    shop = JobShop(np.array([[0], [0]]), np.array([[2], [3]]))
    assert verdict(shop, [[0], [2]], "bns") == 5


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ([[1, 4], [0, -1]], "job 1 op 1 has no start (-1)"),
        ([[0, 4], [0, 4]], "job 0 op 0 enters machine 0 at 0, before its release 1"),
        ([[1, 4], [0, 3]], "job 1 op 1 enters machine 0 at 3, before the end 4 of op 0"),
        ([[1, 4, -1], [0, 4, -1]], "start has shape (2, 3), the instance has (2, 2)"),
        ([[1.0, 4.0], [0.0, 4.0]], "start has dtype float64, not whole ticks"),
    ],
)
def test_a_broken_rule_is_named(start, reason):
    assert refusal(CROSS, start) == reason


def test_a_start_after_the_last_operation_is_refused():
    shop = JobShop(np.array([[0, 1], [0, -1]]), np.array([[2, 1], [1, 0]]))
    assert refusal(shop, [[0, 2], [2, 3]]) == "job 1 has no op 1, yet it starts at 3"


def test_a_shop_without_waiting_refuses_a_pause():
    shop = JobShop(np.array([[0, 1]]), np.array([[2, 1]]))
    assert verdict(shop, [[0, 3]]) == 4
    assert refusal(shop, [[0, 3]], "nwt") == "job 0 op 1 enters machine 1 at 3, waiting since the end 2 of op 0"


def test_a_circle_of_three_needs_swaps_and_a_chain_of_three_does_not():
    circle = JobShop(np.array([[0, 1], [1, 2], [2, 0]]), np.full((3, 2), 2))
    start = [[0, 2]] * 3
    assert verdict(circle, start) == 4
    assert refusal(circle, start, "bns") == "jobs 0, 1, 2 exchange machines 0, 1, 2 at 2, which a shop without swaps cannot do"
    chain = JobShop(np.array([[0, 1], [1, 2], [2, 3]]), np.full((3, 2), 2))
    assert verdict(chain, start, "bns") == 4


def test_two_operations_in_a_row_on_one_machine_are_no_circle():
    shop = JobShop(np.array([[0, 0, 1]]), np.array([[2, 3, 1]]))
    assert verdict(shop, [[0, 2, 5]], "bns") == 6
    assert verdict(shop, [[0, 4, 8]], "bws") == 9


def test_an_empty_holding_needs_an_empty_machine():
    # Job 1 passes machine 0 in no time, on its way to machine 1.
    shop = JobShop(np.array([[0, -1], [0, 1]]), np.array([[4, 0], [0, 1]]))
    for variant in ("bws", "bns", "nwt"):
        assert verdict(shop, [[0, -1], [0, 0]], variant) == 4
        assert verdict(shop, [[0, -1], [4, 4]], variant) == 5
        assert refusal(shop, [[0, -1], [2, 2]], variant) == "machine 0: job 0 op 0 [0, 4) overlaps job 1 op 0 [2, 2)"


def test_an_order_of_the_moves_of_one_instant_is_searched_for():
    # At 2 both jobs pass machine 1: job 1, from machine 2 to machine 3, has to be first, for job 0 wants machine 2.
    shop = JobShop(np.array([[0, 1, 2], [2, 1, 3]]), np.array([[2, 0, 1], [2, 0, 1]]))
    assert verdict(shop, [[0, 2, 2], [0, 2, 2]], "bns") == 3
    # If both want the other's machine there is no order.
    shop = JobShop(np.array([[0, 1, 2], [2, 1, 0]]), np.array([[2, 0, 1], [2, 0, 1]]))
    assert verdict(shop, [[0, 2, 2], [0, 2, 2]], "bws") == 3
    assert "at 2, which a shop without swaps cannot do" in refusal(shop, [[0, 2, 2], [0, 2, 2]], "bns")


@pytest.mark.parametrize("variant", ["bws", "bns"])
def test_nobody_passes_a_machine_in_no_time_between_two_operations_of_its_holder(variant):
    shop = JobShop(np.array([[0, 0], [0, 1]]), np.array([[2, 2], [0, 1]]))
    assert "machine 0: job 0 op 0 [0, 4) overlaps job 1 op 0 [2, 2)" in refusal(shop, [[0, 2], [2, 2]], variant)
    assert verdict(shop, [[0, 2], [4, 4]], variant) == 5


def test_many_moves_at_one_instant_are_judged_quickly():
    jobs = 40  # in a circle, and as many more that move on independently
    machine = np.array([[j, (j + 1) % jobs] for j in range(jobs)] + [[jobs + 2 * j, jobs + 2 * j + 1] for j in range(jobs)])
    shop = JobShop(machine, np.ones_like(machine))
    assert "exchange machines" in refusal(shop, [[0, 1]] * (2 * jobs), "bns")
    nothing = JobShop(np.array([np.roll(np.arange(10), -j) for j in range(10)]), np.zeros((10, 10), int))
    assert verdict(nothing, [[0] * 10] * 10, "bns") == 0  # one after another


# ---- interruptions ----

LINE = JobShop(np.array([[0, 1]]), np.array([[4, 2]]))
WINDOWS = np.array([[[2, 5], [7, 8]], [[8, 12], [-1, -1]]])


def interrupted(restart: bool = False, breakdown: tuple[int, int] = (0, 0)) -> BlockingShop:
    return BlockingShop(LINE, "bws", WINDOWS, np.array([breakdown]), Interruptions(0.1, restart=restart))


def test_an_interrupted_operation_resumes_or_starts_over():
    # Machine 0 works in [0, 2), [5, 7) and from 8 on. It is done as its window [7, 8) begins, or starts over twice.
    assert processing_end(interrupted(), 0, 0, 0) == 7
    assert processing_end(interrupted(), 0, 0, 1) == 9
    assert [processing_end(interrupted(restart=True), 0, 0, s) for s in (0, 5, 6, 8)] == [12, 12, 12, 12]


def test_a_breakdown_at_the_start_delays_processing_and_may_end_in_a_window():
    assert processing_end(interrupted(breakdown=(6, 0)), 0, 0, 0) == 6 + 1 + 1 + 3
    assert processing_end(interrupted(breakdown=(3, 0)), 0, 0, 0) == 5 + 2 + 1 + 2
    assert processing_end(interrupted(restart=True, breakdown=(3, 0)), 0, 0, 0) == 12
    assert processing_end(interrupted(breakdown=(0, 1)), 0, 1, 6) == 13  # one tick late, one done, one after the window


def test_nothing_enters_a_machine_that_is_down_but_a_job_may_leave_one():
    assert verdict(interrupted(), [[0, 7]]) == 13  # leaves machine 0 as it goes down
    assert verdict(interrupted(restart=True), [[0, 12]]) == 14
    assert refusal(interrupted(), [[0, 9]]) == "job 0 op 1 enters machine 1 at 9 while it is down [8, 12)"
    assert refusal(interrupted(), [[4, 12]]) == "job 0 op 0 enters machine 0 at 4 while it is down [2, 5)"
    assert refusal(interrupted(), [[0, 6]]) == "job 0 op 1 enters machine 1 at 6, before the end 7 of op 0"


def by_ticks(shop: BlockingShop, j: int, k: int, start: int) -> int:
    """`processing_end`, one tick after the other."""
    duration, late = int(shop.shop.duration[j, k]), int(shop.breakdown[j, k])
    down = {t for begin, end in shop.down[int(shop.shop.machine[j, k])].tolist() for t in range(begin, end)}
    tick, done = start + late, 0
    while tick in down:
        tick += 1
    while done < duration:
        if tick not in down:
            done += 1
        elif shop.interruptions.restart:
            done = 0
        tick += 1
    return tick


@given(SEEDS)
def test_processing_ends_where_a_count_of_ticks_ends_and_never_earlier_for_a_later_start(seed):
    shop = random_shop(np.random.default_rng(seed), windows=True)
    for j, k in np.argwhere(shop.shop.machine >= 0).tolist():
        ends = [processing_end(shop, j, k, start) for start in range(25)]
        assert ends == [by_ticks(shop, j, k, start) for start in range(25)]
        assert ends == sorted(ends)


# ---- the second route: orders of the operations on each machine ----


@given(SEEDS, st.sampled_from(["bws", "bns", "nwt"]), st.booleans())
def test_the_earliest_schedule_of_an_order_is_accepted_and_without_swaps_only_if_some_order_of_its_times_has_no_circle(
    seed, variant, windows
):
    rng = np.random.default_rng(seed)
    shop = random_shop(rng, variant, jobs=3, windows=windows and variant != "nwt")
    every = [list(orders_of_machine(shop, m)) for m in range(shop.shop.machines)]
    pairs = [pair for orders in every for pair in pairwise(orders[rng.integers(len(orders))])]
    times = earliest(shop, pairs, 300)
    assume(times is not None)
    start = np.full(shop.shop.machine.shape, -1)
    for j, row in enumerate(times):
        start[j, : len(row) - 1] = row[:-1]
    if variant != "bns" or accepted_without_circle(shop, every, times):
        assert verdict(shop, start) == max(row[-1] for row in times)
        assert verdict(dataclasses.replace(shop, variant="bws"), start) == verdict(shop, start)
    else:
        assert "exchange machines" in refusal(shop, start)


def accepted_without_circle(shop, every, times) -> bool:
    def kept(order):
        return all(times[i][q + 1] <= times[j][k] for (i, q), (j, k) in pairwise(order))

    return any(
        not has_circle(shop, [pair for order in orders for pair in pairwise(order)])
        for orders in product(*([order for order in orders if kept(order)] for orders in every))
    )
