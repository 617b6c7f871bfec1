"""Memory of a compiled program: packing buffers into addresses, and mapping tensors onto a fast and a slow memory level.

A `Packing` gives each buffer one address for its whole life. A `MemoryProgram` is a straight list of instructions, one
slot of time each; a `MemoryPlan` says when a tensor stays in the fast level, and where. Intervals of slots, times and
addresses are half-open. Sizes and addresses are bytes; durations are ticks of a picosecond, whole numbers everywhere.

Packing: Moffitt, MiniMalloc, ASPLOS 2023; Maas et al., TelaMalloc, ASPLOS 2023. Cost of an instruction: the open-source
memory space assignment of XLA (`cost_analysis.cc`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.arrays import read_only
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.columns import column_of, whole_numbers

LongArray = npt.NDArray[np.int64]
Pin = Literal["free", "fast", "slow"]
PINS: tuple[str, ...] = get_args(Pin)

TICKS_PER_SECOND = 10**12
LIMIT = 2**62  # every sum of sizes or of ticks stays below it, so int64 never overflows
MAX_BYTES = 2**50  # of one buffer, access or level of memory
MAX_RATE = 2**60  # bytes per second
MAX_COMPUTE = 10**16  # ticks of one instruction
MAX_BUFFERS = 1_000_000
INPUT = -1  # slot in which the inputs of a program are defined

# columns of MemoryProgram.access
BUFFER, INSTRUCTION, BYTES, WRITE = range(4)
# columns of MemoryPlan.stay
OF, BEGIN, END, OFFSET, SERVES, WRITTEN = range(6)


class Gap(NamedTuple):
    """A part of a buffer's life in which it needs only the addresses [low, high) of its own, or none where these are equal."""

    lower: int
    upper: int
    low: int = 0
    high: int = 0


def _nothing() -> LongArray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Packing:
    """Buffers with fixed lives; each gets one offset, and no two that need memory at the same time may overlap."""

    lower: LongArray  # (N,) first time of life
    upper: LongArray  # (N,) end of life, above lower
    size: LongArray  # (N,) bytes, > 0
    capacity: int | None = None  # bytes that there are; None = as few as possible are wanted
    alignment: LongArray = field(default_factory=_nothing)  # (N,) offsets are multiples of it, >= 1; empty = 1 everywhere
    hint: LongArray = field(default_factory=_nothing)  # (N,) offset to try first, -1 = none; empty = none anywhere
    gaps: tuple[tuple[Gap, ...], ...] = ()  # of each buffer, by time, without overlap; empty = none anywhere
    ids: tuple[str, ...] = ()  # names of the buffers; empty = their numbers
    name: str = "unnamed"
    lower_bound: int | None = None  # proved bound on the height; default: the peak
    best_known: int | None = None  # lowest published height

    def __post_init__(self) -> None:
        count = len(self.lower)
        if not 1 <= count <= MAX_BUFFERS:
            raise InputError(f"{self.name}: {count} buffers, not 1 to {MAX_BUFFERS}")
        for column, missing in {"lower": 0, "upper": 0, "size": 0, "alignment": 1, "hint": -1}.items():
            object.__setattr__(self, column, column_of(self.name, column, getattr(self, column), count, missing))
        ids = self.ids or tuple(map(str, range(count)))
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "gaps", tuple(tuple(Gap(*g) for g in gaps) for gaps in self.gaps) or ((),) * count)
        if len(ids) != count or len(self.gaps) != count:
            raise InputError(f"{self.name}: {len(ids)} ids and {len(self.gaps)} lists of gaps for {count} buffers")
        twice = next((x for x in set(ids) if ids.count(x) > 1), None) if len(set(ids)) < count else None
        if twice is not None:
            raise InputError(f"{self.name}: id {twice!r} is given twice")
        if self.capacity is not None and not 0 < self.capacity <= MAX_BYTES:
            raise InputError(f"{self.name}: capacity {self.capacity} is not between 1 and {MAX_BYTES}")
        for n in range(count):
            self._check_buffer(n)
        if sum(self.size.tolist()) + sum(self.alignment.tolist()) >= LIMIT:
            raise InputError(f"{self.name}: sizes and alignments add up to {LIMIT} bytes or more")
        if self.lower_bound is None:
            object.__setattr__(self, "lower_bound", peak(self))

    def _check_buffer(self, n: int) -> None:
        where = f"{self.name}: buffer {self.ids[n]}"
        low, high, size = int(self.lower[n]), int(self.upper[n]), int(self.size[n])
        if high <= low:
            raise InputError(f"{where}: upper {high} is not above lower {low}")
        if not 0 < size <= MAX_BYTES:
            raise InputError(f"{where}: size {size} is not between 1 and {MAX_BYTES}")
        if self.capacity is not None and size > self.capacity:
            raise InputError(f"{where}: size {size} is above the capacity {self.capacity}")
        if not 1 <= self.alignment[n] <= MAX_BYTES:
            raise InputError(f"{where}: alignment {self.alignment[n]} is not between 1 and {MAX_BYTES}")
        if not -1 <= self.hint[n] <= MAX_BYTES:
            raise InputError(f"{where}: hint {self.hint[n]} is not an offset")
        reached = low
        for gap in self.gaps[n]:
            if not (reached <= gap.lower < gap.upper <= high):
                raise InputError(f"{where}: gap {gap.lower}-{gap.upper} is empty, out of its life or overlaps another one")
            if not 0 <= gap.low <= gap.high <= size:
                raise InputError(f"{where}: window {gap.low}:{gap.high} of a gap is not within its {size} bytes")
            reached = gap.upper

    @property
    def buffers(self) -> int:
        return len(self.lower)

    @cached_property
    def parts(self) -> LongArray:
        """(P, 5) by buffer and time: buffer, [lower, upper), and the addresses [low, high) above its offset needed then."""
        rows: list[tuple[int, int, int, int, int]] = []
        for n, gaps in enumerate(self.gaps):
            reached, size = int(self.lower[n]), int(self.size[n])
            for gap in gaps:
                rows += [(n, reached, gap.lower, 0, size)] if gap.lower > reached else []
                rows += [(n, *gap)] if gap.high > gap.low else []
                reached = gap.upper
            if int(self.upper[n]) > reached:
                rows.append((n, reached, int(self.upper[n]), 0, size))
        return read_only(np.array(rows, np.int64).reshape(-1, 5))

    def __repr__(self) -> str:
        return f"Packing({self.name!r}, buffers={self.buffers}, capacity={self.capacity})"


@dataclass(frozen=True)
class PackingPlan:
    """Where every buffer of a packing lies."""

    offset: LongArray  # (N,) bytes


def peak(packing: Packing) -> int:
    """The most bytes needed at once: no packing is lower."""
    parts = packing.parts
    if not len(parts):
        return 0
    need = parts[:, 4] - parts[:, 3]
    times = np.concatenate([parts[:, 1], parts[:, 2]])
    change = np.concatenate([need, -need])
    order = np.lexsort((change, times))  # what ends at a time frees its bytes before what begins takes its own
    if int(need.astype(object).sum()) >= LIMIT:
        raise InputError(f"{packing.name}: the sizes add up to more than {LIMIT} bytes")
    return int(np.cumsum(change[order]).max())


@dataclass(frozen=True, eq=False)
class MemoryProgram:
    """Instructions in a fixed order, the tensors that they read and write, and two levels of memory.

    Values are immutable. An instruction that updates a tensor in place reads one buffer and writes another one that is
    its `alias`: buffers linked so are one *storage*. Either all of a storage's buffers stay in fast memory at some time,
    always at the same offset, or none of them ever does.
    """

    compute: LongArray  # (T,) ticks that an instruction needs when all its data is at hand, >= 0
    size: LongArray  # (N,) bytes, > 0
    define: LongArray  # (N,) instruction that writes the buffer, -1 = an input of the program, at first in slow memory
    access: LongArray  # (A, 4) buffer, instruction, bytes moved, 1 = write; kept in the order of instructions
    capacity: int  # bytes of fast memory
    slow_rate: int  # bytes per second of the slow level, shared by instructions and copies
    fast_read_rate: int
    fast_write_rate: int
    scoped: LongArray = field(
        default_factory=_nothing
    )  # (T,) bytes at the bottom of fast memory that an instruction needs for itself
    output: LongArray = field(default_factory=_nothing)  # (N,) 1 = must be valid in slow memory at the end
    pin: LongArray = field(default_factory=_nothing)  # (N,) 0 = free, 1 = in fast memory all its life, 2 = never
    alias: LongArray = field(default_factory=_nothing)  # (N,) earlier buffer whose storage it reuses, -1 = its own
    alignment: int = 1  # offsets are multiples of it
    labels: tuple[str, ...] = ()  # of the instructions; empty = their numbers
    name: str = "unnamed"
    lower_bound: int | None = None  # proved bound on the latency; default: `latency_bound`
    best_known: int | None = None  # lowest published latency

    def __post_init__(self) -> None:
        count, slots = len(self.size), len(self.compute)
        if not 1 <= count <= MAX_BUFFERS or not 1 <= slots <= MAX_BUFFERS:
            raise InputError(f"{self.name}: {count} buffers and {slots} instructions, not 1 to {MAX_BUFFERS} of each")
        for column, length, missing in (
            ("compute", slots, 0),
            ("scoped", slots, 0),
            ("size", count, 0),
            ("define", count, 0),
            ("output", count, 0),
            ("pin", count, 0),
            ("alias", count, -1),
        ):
            object.__setattr__(self, column, column_of(self.name, column, getattr(self, column), length, missing))
        access = whole_numbers(self.name, "access", self.access).reshape(-1, 4)
        object.__setattr__(self, "access", read_only(access[np.argsort(access[:, INSTRUCTION], kind="stable")]))
        object.__setattr__(self, "labels", self.labels or tuple(map(str, range(slots))))
        self._check_levels()
        self._check_buffers()
        self._check_accesses()
        self._check_aliases()
        self._check_ticks()
        object.__setattr__(self, "lower_bound", latency_bound(self) if self.lower_bound is None else self.lower_bound)

    def _check_levels(self) -> None:
        for level, rate in (("slow", self.slow_rate), ("fast read", self.fast_read_rate), ("fast write", self.fast_write_rate)):
            if not 0 < rate <= MAX_RATE:
                raise InputError(f"{self.name}: {level} rate {rate} is not between 1 and {MAX_RATE} bytes per second")
        if not 0 < self.capacity <= MAX_BYTES:
            raise InputError(f"{self.name}: capacity {self.capacity} is not between 1 and {MAX_BYTES}")
        if not 1 <= self.alignment <= MAX_BYTES:
            raise InputError(f"{self.name}: alignment {self.alignment} is not between 1 and {MAX_BYTES}")
        if len(self.labels) != self.instructions:
            raise InputError(f"{self.name}: {len(self.labels)} labels for {self.instructions} instructions")
        for i, ticks in enumerate(self.compute.tolist()):
            if not 0 <= ticks <= MAX_COMPUTE:
                raise InputError(f"{self.name}: instruction {i}: compute {ticks} is not between 0 and {MAX_COMPUTE}")
        for i, need in enumerate(self.scoped.tolist()):
            if not 0 <= need <= self.capacity:
                raise InputError(f"{self.name}: instruction {i}: scoped {need} is not between 0 and the capacity {self.capacity}")

    def _check_buffers(self) -> None:
        for n, (size, define, pin, out) in enumerate(np.stack([self.size, self.define, self.pin, self.output], 1).tolist()):
            where = f"{self.name}: buffer {n}"
            if not 0 < size <= MAX_BYTES:
                raise InputError(f"{where}: size {size} is not between 1 and {MAX_BYTES}")
            if not INPUT <= define < self.instructions:
                raise InputError(f"{where}: define {define} is not an instruction, nor {INPUT}")
            if not 0 <= pin < len(PINS):
                raise InputError(f"{where}: pin {pin} is not one of 0 (free), 1 (fast), 2 (slow)")
            if out not in (0, 1):
                raise InputError(f"{where}: output {out} is not 0 or 1")
            if pin == PINS.index("fast") and size > self.capacity:
                raise InputError(f"{where}: size {size} is above the capacity {self.capacity}, but it is pinned to fast memory")

    def _check_ticks(self) -> None:
        """No plan takes longer than all computation, all traffic, and two copies for each access, one after another."""
        copies = 2 * sum(self.copy_ticks[self.access[:, BUFFER]].tolist())
        if sum(self.compute.tolist()) + sum(self.slow_ticks.tolist()) + sum(self.fast_ticks.tolist()) + copies >= LIMIT:
            raise InputError(f"{self.name}: computation, traffic and copies add up to {LIMIT} ticks or more")

    def _check_accesses(self) -> None:
        if not len(self.access):
            raise InputError(f"{self.name}: no instruction accesses a buffer")
        seen: set[tuple[int, int]] = set()
        defined = set()
        for n, i, moved, write in self.access.tolist():
            if not 0 <= n < self.buffers:
                raise InputError(f"{self.name}: access of buffer {n}: there are {self.buffers}")
            where = f"{self.name}: buffer {n}: access in instruction {i}"
            if not 0 <= i < self.instructions:
                raise InputError(f"{where}: there are {self.instructions}")
            if not 0 <= moved <= MAX_BYTES:
                raise InputError(f"{where}: {moved} bytes are not between 0 and {MAX_BYTES}")
            if write not in (0, 1):
                raise InputError(f"{where}: write {write} is not 0 or 1")
            if (n, i) in seen:
                raise InputError(f"{where} is given twice")
            seen.add((n, i))
            define = int(self.define[n])
            if i < define:
                raise InputError(f"{where} is before its definition in {define}")
            if write != (i == define):
                raise InputError(f"{where} {'writes' if write else 'reads'}, but it is defined in {define}")
            defined.add(n) if write else None
        never = next((n for n in range(self.buffers) if self.define[n] != INPUT and n not in defined), None)
        if never is not None:
            raise InputError(f"{self.name}: buffer {never}: instruction {self.define[never]} defines it, but does not access it")

    def _check_aliases(self) -> None:
        for n, other in enumerate(self.alias.tolist()):
            where = f"{self.name}: buffer {n}: alias {other}"
            if not -1 <= other < self.buffers:
                raise InputError(f"{where} is not a buffer")
            path = {n}
            while other != -1:
                if other in path:
                    raise InputError(f"{where} leads back to itself: an alias cycle")
                path.add(other)
                other = int(self.alias[other])
            other = int(self.alias[n])
            if other == -1:
                continue
            if self.define[other] >= self.define[n]:
                raise InputError(f"{where} is not defined before it")
            if self.size[other] != self.size[n] or self.pin[other] != self.pin[n]:
                raise InputError(f"{where} has another size or pin")

    @property
    def instructions(self) -> int:
        return len(self.compute)

    @property
    def buffers(self) -> int:
        return len(self.size)

    @cached_property
    def storage(self) -> LongArray:
        """(N,) the first buffer of the storage that each buffer belongs to."""
        root = np.arange(self.buffers)
        for n in np.argsort(self.define, kind="stable").tolist():
            if self.alias[n] >= 0:
                root[n] = root[self.alias[n]]
        return read_only(root)

    @cached_property
    def slow_ticks(self) -> LongArray:
        """(A,) what each access takes of its instruction's time if served from slow memory."""
        return read_only(_ticks(self.access[:, BYTES], np.full(len(self.access), self.slow_rate)))

    @cached_property
    def fast_ticks(self) -> LongArray:
        """(A,) what each access takes if served from fast memory."""
        rate = np.where(self.access[:, WRITE] == 1, self.fast_write_rate, self.fast_read_rate)
        return read_only(_ticks(self.access[:, BYTES], rate))

    @cached_property
    def copy_ticks(self) -> LongArray:
        """(N,) slow-memory time that a copy of each buffer takes, in either direction."""
        return read_only(_ticks(self.size, np.full(self.buffers, self.slow_rate)))

    @cached_property
    def last(self) -> LongArray:
        """(N,) end of each life: the slot after its last access, of outputs the end of the program."""
        end = np.maximum(self.define, 0) + 1
        np.maximum.at(end, self.access[:, BUFFER], self.access[:, INSTRUCTION] + 1)
        return read_only(np.where(self.output == 1, self.instructions, end))

    def __repr__(self) -> str:
        return f"MemoryProgram({self.name!r}, instructions={self.instructions}, buffers={self.buffers}, capacity={self.capacity})"


@dataclass(frozen=True)
class MemoryPlan:
    """When and where buffers stay in fast memory; every access outside the stays is served from slow memory.

    A stay of a buffer is the slots [begin, end) at one offset. It is *born* with the buffer (begin = its definition, for an
    input that is pinned to fast memory 0; serves = begin), or *fetched*: a copy is issued before slot `begin` and done before
    slot `serves`, above `begin`, and accesses from `serves` on are fast. A born stay may be written back to slow memory: a
    copy is issued after the defining slot and done before slot `written`, at most `end`, which may be the program's end.
    """

    stay: LongArray = field(default_factory=lambda: np.zeros((0, 6), np.int64))
    # (S, 6) buffer, begin, end, offset, serves, written (-1 = not written back)


def all_slow(program: MemoryProgram) -> int:
    """Ticks of a program that is served from slow memory alone, but for what is pinned to fast memory: an upper bound."""
    fast = program.pin[program.access[:, BUFFER]] == PINS.index("fast")
    return _roofline(program, np.where(fast, program.fast_ticks, program.slow_ticks))


def latency_bound(program: MemoryProgram) -> int:
    """Ticks that no plan can go below: all accesses at their best, and the traffic that slow memory must carry in any case."""
    slow = program.pin == PINS.index("slow")
    pin = program.pin[program.access[:, BUFFER]]
    best = np.where(pin == PINS.index("fast"), program.fast_ticks, np.minimum(program.fast_ticks, program.slow_ticks))
    moved = np.where(pin == PINS.index("slow"), program.slow_ticks, best)
    traffic = np.zeros(program.buffers, np.int64)
    np.add.at(traffic, program.access[:, BUFFER], program.slow_ticks)
    written = np.zeros(program.buffers, np.int64)
    writes = program.access[:, WRITE] == 1
    written[program.access[writes, BUFFER]] = program.slow_ticks[writes]
    pinned = program.pin == PINS.index("fast")
    inputs = program.define == INPUT
    compulsory = np.where(inputs & ~pinned, np.minimum(traffic, program.copy_ticks), 0)
    leaving = np.where(pinned, program.copy_ticks, np.minimum(written, program.copy_ticks))
    compulsory += np.where((program.output == 1) & ~inputs, leaving, 0)
    compulsory = np.where(slow, traffic, compulsory)
    return max(_roofline(program, moved), int(compulsory.sum()))


def _roofline(program: MemoryProgram, moved: LongArray) -> int:
    """Ticks if each access takes `moved` (A,) of its instruction's time and nothing is copied."""
    traffic = np.zeros(program.instructions, np.int64)
    np.add.at(traffic, program.access[:, INSTRUCTION], moved)
    return int(np.maximum(program.compute, traffic).sum())


def _ticks(moved: LongArray, rate: LongArray) -> LongArray:
    """Bytes at a rate as whole ticks, rounded up."""
    exact = [-(-x * TICKS_PER_SECOND // r) for x, r in zip(moved.tolist(), rate.tolist(), strict=True)]
    if sum(exact) >= LIMIT:
        raise InputError(f"moving {sum(moved.tolist())} bytes takes more than {LIMIT} ticks: the rates are too low")
    return np.array(exact, np.int64).reshape(-1)
