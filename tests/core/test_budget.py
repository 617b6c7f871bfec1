"""The budget of a search: steps or CPU time, shares of what is left, and the target."""

import time

import numpy as np

from dispatchgym.baselines.budget import LONGEST_CHUNK, MOVES, Budget, run_chunks

OPEN = 10**6  # an objective above every target


def moved(budget: Budget) -> tuple[list[int], list[float]]:
    """The numbers of moves and used shares with which a search that never improves is called."""
    tally, moves, shares = np.array([0, OPEN]), [], []

    def step(n: int, used: float) -> None:
        moves.append(n)
        shares.append(used)
        tally[MOVES] += n
        until = time.thread_time() + 0.001
        while time.thread_time() < until:
            pass

    run_chunks(step, tally, budget)
    return moves, shares


def test_steps_are_all_spent_in_chunks_and_the_share_rises_from_zero() -> None:
    budget = Budget(steps=2 * LONGEST_CHUNK + 500)
    assert moved(budget) == ([LONGEST_CHUNK, LONGEST_CHUNK, 500], [0.0, 0.4, 0.8])
    assert (budget.spent, budget.used()) == (2500, 1.0)


def test_seconds_end_a_search_whose_first_chunk_is_always_made() -> None:
    moves, shares = moved(Budget(seconds=0.02))
    assert len(moves) > 1
    assert shares == sorted(shares)
    assert len(moved(Budget(seconds=1e-9))[0]) == 1


def test_a_target_that_is_reached_ends_a_search_at_once() -> None:
    assert moved(Budget(steps=10, target=OPEN)) == ([], [])
    assert not Budget().reached(-1)


def test_a_part_is_a_share_of_what_is_left_until_nothing_is() -> None:
    budget = Budget(steps=100, spent=20)
    part = budget.part(0.5, target=7)
    assert part is not None
    assert (part.steps, part.target, part.spent) == (40, 7, 0)
    budget.spent = 99
    assert budget.part(0.5, target=7) is None
    assert Budget(seconds=1.0, start=-1e9).part(0.5, target=7) is None
