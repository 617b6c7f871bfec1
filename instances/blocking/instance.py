"""The blocking job shop: a job shop without buffers, whose machines may break down.

A job holds a machine from the moment it enters until it enters its next machine; it blocks the machine meanwhile. After its
last operation it leaves the shop, and frees the machine, as soon as it is processed. Three variants:

bws  swaps allowed: jobs that wait for each other's machines in a circle may all move in the same instant.
bns  no swaps: such a circle is a deadlock.
nwt  no-wait: a job never waits between its operations (so it never blocks a machine either).

Mascis & Pacciarelli, EJOR 143 (2002); interruptions after Wong et al., arXiv 2302.02506 (2023).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.arrays import read_only
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.instance import MAX_HORIZON, JobShop, simple_lower_bound

Variant = Literal["bws", "bns", "nwt"]
VARIANTS: tuple[str, ...] = get_args(Variant)
Mode = Literal["exponential", "bernoulli"]
MODES: tuple[str, ...] = get_args(Mode)
IntArray = npt.NDArray[np.int32]

NOTHING = np.zeros(0, np.int32)
MAX_WINDOWS = 4_000_000  # down windows of one instance


@dataclass(frozen=True)
class Interruptions:
    """How machines break down. The same seed gives the same trace, whatever is done in the shop.

    exponential: each machine alternates between up and down by its own clock; both times are exponentially distributed, the
    mean time down is `repair` mean durations (rounded up to at least one tick), and the long-run share of time down `down_share`.
    bernoulli: with probability `down_share` the machine is down for such a time when an operation begins.
    """

    down_share: float = 0.0  # in [0, 1)
    repair: float = 2.0  # mean time down, in mean durations of an operation, > 0
    mode: Mode = "exponential"
    restart: bool = False  # an interrupted operation starts again from the beginning; otherwise it resumes

    def __post_init__(self) -> None:
        if not 0.0 <= self.down_share < 1.0:
            raise InputError(f"down share {self.down_share} is not in [0, 1)")
        if not 0.0 < self.repair < 1e6:
            raise InputError(f"mean repair time {self.repair} is not positive (it is in mean durations)")
        if self.mode not in MODES:
            raise InputError(f"interruption mode {self.mode!r} is not one of {', '.join(MODES)}")


@dataclass(frozen=True, eq=False)
class BlockingShop:
    """One blocking shop with one trace of interruptions (an empty one if nothing breaks).

    While machine m is down nothing enters it, processing on it stops, and a circle of swaps through it waits; a job that is
    done may leave it. Windows are half-open. An operation that is interrupted resumes with what is left, or starts over
    (`interruptions.restart`). A breakdown at the start of operation k of job j (`breakdown`) begins when the job enters.
    """

    shop: JobShop
    variant: Variant = "bws"
    down: IntArray = field(default_factory=lambda: np.zeros((0, 0, 2), np.int32))  # (M, W, 2) [from, to); -1 = none
    breakdown: IntArray = field(default_factory=lambda: np.zeros((0, 0), np.int32))  # (J, K) ticks down at the start, >= 0
    interruptions: Interruptions = Interruptions()  # the law that the trace was drawn from
    name: str = "unnamed"
    lower_bound: int | None = None  # best published lower bound on the makespan
    best_known: int | None = None  # best published makespan of the shop without interruptions

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError(f"{self.name}: variant {self.variant!r} is not one of {', '.join(VARIANTS)}")
        # Re-validate: unpickled arrays are writeable again.
        object.__setattr__(self, "shop", dataclasses.replace(self.shop))
        m, (j, k) = self.shop.machines, self.shop.machine.shape
        down = np.asarray(self.down, np.int64) if np.size(self.down) else np.zeros((m, 0, 2), np.int64)
        breakdown = np.asarray(self.breakdown, np.int64) if np.size(self.breakdown) else np.zeros((j, k), np.int64)
        if down.ndim != 3 or down.shape[0] != m or down.shape[2] != 2:
            raise InputError(f"{self.name}: down windows {down.shape} are not ({m}, W, 2)")
        if breakdown.shape != (j, k):
            raise InputError(f"{self.name}: breakdown {breakdown.shape} is not ({j}, {k})")
        self._check_windows(down)
        if (breakdown < 0).any() or (breakdown >= MAX_HORIZON).any():
            raise InputError(f"{self.name}: breakdown of {int(breakdown.min())} ticks is out of range")
        if self.variant == "nwt" and (down.shape[1] or breakdown.any()):
            raise InputError(f"{self.name}: a no-wait shop cannot be interrupted")
        for name, value in (("down", down), ("breakdown", breakdown)):
            object.__setattr__(self, name, read_only(value.astype(np.int32)))
        if self.lower_bound is not None and self.best_known is not None and self.lower_bound > self.best_known:
            raise InputError(f"{self.name}: lower bound {self.lower_bound} is above the best known makespan {self.best_known}")

    def _check_windows(self, down: npt.NDArray[np.int64]) -> None:
        for m, windows in enumerate(down.tolist()):
            free = 0
            for begin, end in (w for w in windows if w != [-1, -1]):
                if not free <= begin < end < MAX_HORIZON:
                    raise InputError(f"{self.name}: machine {m} is down in [{begin}, {end}), which is empty or out of order")
                free = end + 1
            used = [w != [-1, -1] for w in windows]
            if sorted(used, reverse=True) != used:
                raise InputError(f"{self.name}: machine {m} has a gap in its list of down windows")

    @property
    def interrupted(self) -> bool:
        """Whether anything breaks in this trace."""
        return bool(self.down.shape[1] or self.breakdown.any())

    def __repr__(self) -> str:
        return f"BlockingShop({self.name!r}, {self.shop.jobs}x{self.shop.machines}, {self.variant})"


@dataclass(frozen=True, eq=False)
class BlockingSchedule:
    """When every operation's job enters its machine; the job leaves the machine when it enters the next one."""

    start: npt.NDArray[np.int64]  # (J, K) ticks; -1 after a job's last operation


def interrupt(shop: BlockingShop, law: Interruptions, seed: int | tuple[int, ...]) -> BlockingShop:
    """`shop` with a trace drawn from `law`: up and down times of every machine, or one breakdown time an operation.

    The trace covers the time that all operations need one after another at this share of down time, at least; later nothing
    breaks. Raises InputError for a no-wait shop and for more than MAX_WINDOWS windows.
    """
    if law.down_share == 0.0:
        return dataclasses.replace(shop, down=NOTHING, breakdown=NOTHING, interruptions=law)
    if shop.variant == "nwt":
        raise InputError(f"{shop.name}: a no-wait shop cannot be interrupted")
    rng = np.random.default_rng(seed)
    used = shop.shop.machine >= 0
    mean = max(float(shop.shop.duration[used].mean()), 1.0) * law.repair
    if law.mode == "bernoulli":
        hit = rng.random(used.shape) < law.down_share
        ticks = np.maximum(np.ceil(rng.exponential(mean, used.shape)), 1).astype(np.int64)
        return dataclasses.replace(
            shop, down=NOTHING, breakdown=np.where(hit & used, ticks, 0).astype(np.int32), interruptions=law
        )
    up = mean * (1.0 - law.down_share) / law.down_share
    horizon = (float(shop.shop.duration.sum()) + float(shop.shop.release.max())) / (1.0 - law.down_share)
    count = int(1.5 * horizon / (up + mean)) + 16
    if count * shop.shop.machines > MAX_WINDOWS or horizon * 2 >= MAX_HORIZON:
        raise InputError(f"{shop.name}: interruptions of this law need more than {MAX_WINDOWS} windows")
    size = (shop.shop.machines, count)
    repair = np.maximum(np.ceil(rng.exponential(mean, size)), 1).astype(np.int64)
    # Rounded, with its mean kept; a machine is up for at least one tick between two failures.
    running = np.maximum(np.floor(rng.exponential(up, size) + rng.random(size)), 1).astype(np.int64)
    end = np.cumsum(running + repair, axis=1)
    windows = np.stack([end - repair, end], axis=-1)
    windows[end - repair >= horizon] = -1
    kept = int((windows[..., 0] >= 0).sum(axis=1).max())
    return dataclasses.replace(shop, down=windows[:, :kept].astype(np.int32), breakdown=NOTHING, interruptions=law)


def stays(route: Sequence[int]) -> list[tuple[int, int, int]]:
    """(machine, first operation, last operation) of each stay of a job, which keeps a machine between two operations on it."""
    found: list[tuple[int, int, int]] = []
    for k, m in enumerate(route):
        if found and found[-1][0] == m:
            found[-1] = (m, found[-1][1], k)
        else:
            found.append((m, k, k))
    return found


def stay_ticks(shop: JobShop) -> npt.NDArray[np.int64]:
    """(J, K) durations of whole stays at the first operation of each, 0 at the others."""
    ticks = np.zeros(shop.duration.shape, np.int64)
    for j, route in enumerate(shop.machine.tolist()):
        for _, first, last in stays(route[: int(shop.operations[j])]):
            ticks[j, first] = shop.duration[j, first : last + 1].sum()
    return ticks


def lower_bound(shop: BlockingShop) -> int:
    """A bound on the makespan of every variant and trace: the job shop's own (ticks). Interruptions only lengthen a schedule."""
    return simple_lower_bound(shop.shop)
