"""The budget of a search: time or a number of steps, and an objective at which it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dispatchgym.baselines.clock import now

SLICE = 0.01  # CPU-seconds between two readings of the clock
FIRST_CHUNK = 50  # steps before the first reading
LONGEST_CHUNK = 1000  # steps at a time if steps are counted
MOVES, BEST = 0, 1  # positions in the tally of a compiled search: moves made, best objective; each search may add more


@dataclass
class Budget:
    """Seconds of the clock (`clock.now`), or a number of steps (moves, evaluations), which take precedence."""

    seconds: float = 1.0
    steps: int | None = None
    target: int | None = None  # the search ends at this objective or below
    spent: int = 0  # steps
    began: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.thread_time)  # at the start
    start: float = field(default_factory=now)  # on the clock

    def cpu_seconds(self) -> float:
        """CPU-seconds since the start."""
        return time.thread_time() - self.cpu

    def spent_seconds(self) -> float:
        """Seconds of the clock since the start."""
        return now() - self.start

    def used(self) -> float:
        """The share of the budget that is used, 1 or more at its end."""
        return self.spent_seconds() / self.seconds if self.steps is None else self.spent / self.steps

    def reached(self, objective: int) -> bool:
        return self.target is not None and objective <= self.target

    def part(self, share: float, target: int) -> Budget | None:
        """A budget that begins now, of this share of what is left; None if nothing is left."""
        steps = None if self.steps is None else int((self.steps - self.spent) * share)
        seconds = (self.seconds - self.spent_seconds()) * share
        return Budget(seconds, steps, target) if seconds > 0 and (steps is None or steps > 0) else None


def run_chunks(
    step: Callable[[int, float], None],
    tally: npt.NDArray[np.int64],
    budget: Budget,
    after: Callable[[], None] = lambda: None,
) -> None:
    """Call `step` with a number of moves and the used share of the budget until the budget or the target ends the search.

    The first call is always made, unless the target is reached already. `after` is called after each.
    """
    used, chunk = 0.0, FIRST_CHUNK
    while used < 1.0 and not budget.reached(int(tally[BEST])):
        began, moves = time.thread_time(), int(tally[MOVES])
        step(chunk if budget.steps is None else min(LONGEST_CHUNK, budget.steps - budget.spent), used)
        budget.spent += int(tally[MOVES]) - moves
        used = budget.used()
        chunk = max(FIRST_CHUNK, int(chunk * min(2.0, SLICE / max(time.thread_time() - began, 1e-6))))
        after()
