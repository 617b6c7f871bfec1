"""The clock of limits and of curves, the same for every method of a process: processor time, or wall time.

Processor time stands still while a method waits for a busy machine, so equal limits buy equal work. A method that uses several
threads has its limit on each of them: CP-SAT with 10 s and four workers may spend 40 CPU-seconds, in 10 s of an idle machine.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal, get_args

from dispatchgym.instances.errors import InputError

Kind = Literal["cpu", "wall"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_chosen: Kind = "cpu"


def choose(kind: str) -> None:
    """Count by the clock `kind` from now on, in this process. Raises InputError unless it is one of KINDS."""
    global _chosen
    if kind not in KINDS:
        raise InputError(f"the clock {kind!r} is not one of {', '.join(KINDS)}")
    _chosen = "cpu" if kind == "cpu" else "wall"


def chosen() -> Kind:
    """The clock of this process."""
    return _chosen


def now() -> float:
    """Seconds of the chosen clock for a method that runs in this thread alone; differences mean something."""
    return time.thread_time() if _chosen == "cpu" else time.perf_counter()


@dataclass(frozen=True)
class Limit:
    """Seconds of the chosen clock from now on, for a method with `workers` threads; `before` of them are spent already."""

    seconds: float
    workers: int = 1
    before: float = 0.0
    _began: float = field(default_factory=lambda: _of_process())
    _wall: float = field(default_factory=time.perf_counter)

    def spent(self) -> float:
        """Seconds of the chosen clock, of CPU time those of an average worker."""
        passed = _of_process() - self._began
        return self.before + (passed / self.workers if _chosen == "cpu" else passed)

    def left(self) -> float:
        return self.seconds - self.spent()

    def over(self, share: float = 1.0) -> bool:
        """Whether this share of the seconds is spent."""
        return self.spent() >= share * self.seconds

    def part(self, seconds: float) -> Limit:
        """A limit of its own for a part that begins now."""
        return Limit(seconds, self.workers)

    def wall(self) -> float:
        """Wall seconds since the start."""
        return self.before + time.perf_counter() - self._wall


def _of_process() -> float:
    return time.process_time() if _chosen == "cpu" else time.perf_counter()
