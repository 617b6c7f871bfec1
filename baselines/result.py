"""The result of a method, the same for all problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["optimal", "feasible", "infeasible", "timeout", "error"]
Point = tuple[float, int | None, int | None]  # (seconds, objective or None, lower bound or None)


@dataclass(frozen=True)
class Result:
    """One method's answer to one instance.

    `objective` is None if no schedule was found. Before it is printed, the problem's referee must check `schedule`. `curve` is
    the anytime record.
    """

    objective: int | None
    schedule: Any  # the problem's schedule type, None if none was found
    status: Status
    seconds: float  # wall seconds spent by the method
    lower_bound: int | None = None  # proved by the method itself
    curve: tuple[Point, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)  # e.g. {"builder": "non-delay", "samples": 128}
