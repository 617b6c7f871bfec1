"""The job shop: its instance and its schedule.

Jobs are sequences of operations; an operation occupies one machine for an integer number of ticks,
a machine holds one operation at a time, nothing is preempted. Routes may skip or revisit machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.arrays import read_only
from dispatchgym.instances.errors import InputError

IntArray = npt.NDArray[np.int32]

MAX_OPERATIONS = 4_000_000  # jobs times operations, larger is refused before memory is taken
MAX_HORIZON = 2**30  # every time in a schedule stays below this, so int32 never overflows


@dataclass(frozen=True, eq=False)
class JobShop:
    """One job-shop instance. Rows shorter than K operations are padded on the right."""

    machine: IntArray  # (J, K) machine of operation k of job j, in [0, machines); -1 after a job's last operation
    duration: IntArray  # (J, K) ticks, >= 0; 0 after a job's last operation
    machines: int = 0  # M; 0 means "the largest machine id plus one"
    release: IntArray = field(default_factory=lambda: np.zeros(0, np.int32))  # (J,) ticks; empty means all 0
    name: str = "unnamed"
    lower_bound: int | None = None  # best published lower bound on the makespan
    best_known: int | None = None  # best published makespan

    def __post_init__(self) -> None:
        machine, duration, release = (self._integers(n) for n in ("machine", "duration", "release"))
        if machine.ndim != 2 or machine.shape != duration.shape:
            raise InputError(f"{self.name}: machine {machine.shape} and duration {duration.shape} must be two (J, K) arrays")
        if machine.size == 0:
            raise InputError(f"{self.name}: no jobs or no operations")
        if release.size == 0:
            release = np.zeros(machine.shape[0], np.int64)
        machines = self.machines or int(machine.max()) + 1
        self._validate(machine, duration, release, machines)
        for name, value in (("machine", machine), ("duration", duration), ("release", release)):
            object.__setattr__(self, name, read_only(value.astype(np.int32)))
        object.__setattr__(self, "machines", machines)

    def _integers(self, name: str) -> npt.NDArray[np.int64]:
        array = np.asarray(getattr(self, name))
        if array.size and not np.issubdtype(array.dtype, np.integer):
            fractional = [x for x in array.ravel().tolist() if not isinstance(x, (int, float)) or not float(x).is_integer()]
            if fractional:
                raise InputError(f"{self.name}: {name} must be whole numbers, found {fractional[0]!r}")
        large = [x for x in (array.min(), array.max()) if abs(int(x)) >= MAX_HORIZON] if array.size else []
        if large:
            raise InputError(f"{self.name}: {name} {int(large[0])} is out of range")
        return array.astype(np.int64)

    def _validate(self, machine: npt.NDArray, duration: npt.NDArray, release: npt.NDArray, machines: int) -> None:
        used = machine >= 0
        if not (used[:, :1].all() and (used[:, 1:] <= used[:, :-1]).all()):
            job = int(np.argmin(used[:, 0] & (used[:, 1:] <= used[:, :-1]).all(axis=1)))
            raise InputError(f"{self.name}: job {job} is empty or has a gap in its route")
        for bad, array, rule in (
            (used & (machine >= machines), machine, f"machine {{}} of job {{}} is not below {machines}"),
            (machine < -1, machine, "machine {} of job {} is negative"),
            (duration < 0, duration, "duration {} of job {} is negative"),
            (~used & (duration != 0), duration, "duration {} of job {} stands after its last operation"),
        ):
            if bad.any():
                j, k = (int(x) for x in np.argwhere(bad)[0])
                raise InputError(f"{self.name}: " + rule.format(int(array[j, k]), j) + f" (operation {k})")
        if release.shape != (machine.shape[0],):
            raise InputError(f"{self.name}: release has {release.size} values for {machine.shape[0]} jobs")
        if (release < 0).any():
            j = int(np.argmax(release < 0))
            raise InputError(f"{self.name}: release {int(release[j])} of job {j} is negative")
        if self.lower_bound is not None and self.best_known is not None and self.lower_bound > self.best_known:
            raise InputError(f"{self.name}: lower bound {self.lower_bound} is above the best known makespan {self.best_known}")
        if int(duration.sum()) + int(release.max()) >= MAX_HORIZON:
            raise InputError(f"{self.name}: durations and releases add up to 2**30 ticks or more")

    @property
    def jobs(self) -> int:
        return self.machine.shape[0]

    @property
    def operations(self) -> IntArray:
        """(J,) number of operations of each job."""
        return (self.machine >= 0).sum(axis=1).astype(np.int32)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, JobShop)
            and self.machines == other.machines
            and np.array_equal(self.machine, other.machine)
            and np.array_equal(self.duration, other.duration)
            and np.array_equal(self.release, other.release)
        )

    def __repr__(self) -> str:
        return f"JobShop({self.name!r}, jobs={self.jobs}, machines={self.machines}, operations={int(self.operations.sum())})"


@dataclass(frozen=True, eq=False)
class Schedule:
    """When every operation of a job shop begins."""

    start: npt.NDArray[np.int64]  # (J, K) ticks; -1 after a job's last operation


def simple_lower_bound(instance: JobShop) -> int:
    """The larger of the longest job and the busiest machine with its smallest head and tail (ticks).

    A head is the work of a job before an operation plus its release, a tail the work after it.
    """
    duration = instance.duration.astype(np.int64)
    head = np.cumsum(duration, axis=1) - duration + instance.release[:, None]
    total = duration.sum(axis=1, keepdims=True)
    tail = total + instance.release[:, None] - head - duration
    bound = int((total[:, 0] + instance.release).max())
    for m in range(instance.machines):
        on = instance.machine == m
        if on.any():
            bound = max(bound, int(head[on].min() + duration[on].sum() + tail[on].min()))
    return bound
