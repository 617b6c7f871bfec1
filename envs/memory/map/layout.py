"""Memory mapping's arrays: packed programs, state, and the names of their columns and features."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

UNDECIDED, DROP, STAY, BRING = -1, 0, 1, 2  # choices for an access; from BRING on: starts and offsets
CHOICES = 11
NONE, IMPOSSIBLE = -1, -2  # as Option.WRITES_BY
OPEN, SLOWED = -1, -2  # as State.place: the storage has no offset yet; it stays in slow memory
SCOPED, REMOVED = -1, -2  # as Stay.OF: bytes that an instruction needs itself; the stay is gone
BEST, LOWEST = range(2)  # which gap `find_gap` looks for
NEVER = 2**62  # above every slot, tick and offset


class Access(Columns):
    """Of an access, by instruction (Instances.access)."""

    BUFFER = "its buffer"
    SLOT = "its instruction"
    SLOW = "ticks if served from slow memory"
    FAST = "ticks if served from fast memory"
    WRITES = "1 = it writes the buffer"
    FOLLOWS = "the next access of the buffer, -1 = none"


class Stay(Columns):
    """Of a stay in fast memory (State.stay, Instances.block): one of the plan's, or what an instruction needs itself."""

    OF = "its buffer, SCOPED or REMOVED"
    BEGIN = "first slot"
    END = "end of its slots"
    OFFSET = "lowest address"
    SERVES = "first slot whose access it serves"
    WRITTEN = "end of its write-back, -1 = none"
    TOP = "end of its addresses"
    WANTED_UNTIL = "slot until which it would go on"


class Copy(Columns):
    """Of a copy between the memories (State.copy)."""

    DEMAND = "ticks"
    DEADLINE = "slot before which it must be done"
    BEHIND = "next copy that is issued before the same slot"


class Item(Columns):
    """Of a buffer in a plan (State.item)."""

    CURRENT = "its current stay, -1 = none"
    VALID = "slot before which its slow copy is valid"
    BORN = "the stay in which it is defined, -1 = none"
    STAYS = "number of its stays"
    SPENT = "end of its last stay that is over"


class Option(Columns):
    """Of a choice for the access to decide (State.option)."""

    LEGAL = "1 = legal"
    AT = "offset"
    SINCE = "first slot of the stay"
    WRITES_BY = "end of the write-back it needs, NONE or IMPOSSIBLE"
    LATENCY = "latency of the plan after it"
    LOST = "ticks that other buffers could no longer save"


class Instances(NamedTuple):
    """A pool of N programs padded to T instructions, Z buffers, A accesses."""

    pool: int  # N
    slots: Array  # (N,) int64
    buffers: Array  # (N,) int64
    accesses: Array  # (N,) int64
    fixed: Array  # (N,) int64
    flows: Array  # (N,) int64
    capacity: Array  # (N,) int64 bytes
    alignment: Array  # (N,) int64
    bound: Array  # (N,) int64 lower bound on the latency
    whole: Array  # (N,) int64 ticks that copying the whole capacity takes
    gain: Array  # (N,) float64 1 / all-slow latency
    rate: Array  # (N,) float64 1 / mean time of an instruction, all slow
    share: Array  # (N,) float64 1 / capacity
    best: Array  # (N,) float64 1 / highest priority
    pressure: Array  # (N,) float64 peak of live bytes over the capacity, at most 8, an eighth of it
    compute: Array  # (N, T) int64
    sigma: Array  # (N, T) int64 traffic with everything in slow memory
    elapsed: Array  # (N, T) int64 time with everything in slow memory
    live: Array  # (N, T) int64 bytes
    reached: Array  # (N, T + 1) int64 sum of `elapsed` before
    size: Array  # (N, Z) int64
    demand: Array  # (N, Z) int64 ticks of a copy
    define: Array  # (N, Z) int64
    last: Array  # (N, Z) int64 end of the life
    output: Array  # (N, Z) int64
    pin: Array  # (N, Z) int64
    storage: Array  # (N, Z) int64
    members: Array  # (N, Z) int64 buffers of a storage, by its first
    entry: Array  # (N, Z) int64 first access, -1 = none
    priority: Array  # (N, Z) float64 benefit per square root of the bytes (XLA), by the first buffer of a storage
    ranking: Array  # (N, Z) int64 storages that can be served, the highest priority first, then -1
    worth: Array  # (N, A) int64 what the access saves if it alone is fast
    later: Array  # (N, A) int64 what all later accesses of the buffer save, each alone
    access: Array  # (N, A, Access) int64
    flow: Array  # (N, E, 2) int64 buffer -> buffer that an instruction makes of it
    block: Array  # (N, F, Stay) int64


class State(NamedTuple):
    """One plan in the making a copy."""

    row: Array  # (B,) int32 program in the pool
    cursor: Array  # (B,) int64 access to decide; orders: decisions made
    latency: Array  # (B,) int64 of the plan, with what is undecided in slow memory
    stays: Array  # (B,) int64 rows of `stay` in use
    backups: Array  # (B,) int64 storages that were sent back to slow memory
    repacks: Array  # (B,) int64
    wanted_bytes: Array  # (B,) int64 bytes of stays that would go on beyond the present slot; orders: storages left
    sigma: Array  # (B, T) int64 slow traffic of each instruction, ticks
    phi: Array  # (B, T) int64 fast traffic
    spare: Array  # (B, T) int64 what is left of the channel
    head: Array  # (B, T + 1) int64
    due: Array  # (B, T + 1) int64
    fast: Array  # (B, A) int8 1 = served from fast memory
    item: Array  # (B, Z, Item) int64
    place: Array  # (B, Z) int64 offset of a storage of several buffers
    open: Array  # (B, Z) int8 orders: the storage is not decided
    option: Array  # (B, CHOICES, Option) int64
    stay: Array  # (B, S, Stay) int64
    next_gain: Array  # (B, S) int64 ticks that the next use of a stay would save
    copy: Array  # (B, 2 S, Copy) int64
    range: Array  # (B, S, 2) int64
    order: Array  # (B, S) int64
    moved: Array  # (B, S) int64


class Candidate(Columns):
    """Features of a choice for an access."""

    GAIN = "[gain / m]8", "exact latency saved by this choice"
    SMALL_GAIN = "[16 gain / m]4", "the same, enlarged"
    GAIN_PER_COPY = "[gain / copy]4", "the same, by the time of a copy"
    IS_FAST = "1 or 0", "served from fast memory"
    IS_STAY = "1 or 0", "the buffer stays"
    IS_BORN = "1 or 0", "it is defined in fast memory"
    IS_FETCHED = "1 or 0", "it is fetched"
    START = "0, 0.5, 1", "start of the fetch"
    SPARES_OTHERS = "1 or 0", "the offset leaves alone what others would keep"
    BEST_FIT = "1 or 0", "the offset is the smallest gap of all"
    LOST = "[lost / m]8", "worth of the next accesses of others that would keep these addresses"
    SMALL_LOST = "[8 lost / m]4", "the same, enlarged"
    WINDOW = "[window / 8]4", "slots that the copy has"
    SIZE = "[4 size / C]4", "size"
    COPY = "[copy / m]8", "time of a copy"
    WORTH = "[worth / m]8", "of this access"
    NEXT_WORTH = "[worth / m]8", "of the next access"
    LATER_WORTH = "[worth / m]8", "of all later accesses"
    LATER_WORTH_PER_COPY = "[worth of all later ones / copy]8", "the same, by the time of a copy"
    SLOTS_UNTIL_NEXT = "[slots until next / 16]4", "instructions until the next access"
    TIME_UNTIL_NEXT = "[time until next / 8 m]4", "time until the next access"
    NEEDS_WRITE_BACK = "1 or 0", "needs a write-back"
    CANNOT_WRITE_BACK = "1 or 0", "no write-back is possible"
    IS_OUTPUT = "1 or 0", "output of the program"
    IS_INPUT = "1 or 0", "input of the program"
    SHARES_STORAGE = "1 or 0", "one of several buffers of a storage"
    WANTED = "[wanted / C]2", "bytes of stays that would go on"
    OVERFULL = "[(wanted + size) / C - 1]2", "of choices that bring it in"
    WAITING_WORTH = "[worth of all later ones / 4 max(time until next, m / 10)]4", "what it is worth to wait"
    OFFSET = "offset / C", "offset"


class Context(Columns):
    """Features of the whole state."""

    PROGRESS = "slot / T", "progress"
    LATENCY = "L / L_all_slow", "latency of the plan so far"
    ABOVE_BOUND = "(L - bound) / L_all_slow", "latency above the bound"
    COMPUTE = "[c / m]8", "of the slot"
    SLOW_TRAFFIC = "[slow traffic / m]8", "of the slot"
    MEMORY_BOUND = "[(traffic - c) / m]8", "of the slot"
    SPARE_BEFORE = "[time left of the channel in the slot before / m]8", "room for a copy"
    IS_DEFINITION = "1 or 0", "the access is a definition"
    IN_USE = "[bytes of current stays / C]2", "how full fast memory is"
    PRESSURE = "peak of live bytes / 8 C, at most 1", "how tight the program is"
    BACKUPS = "[backups / 4]4", "storages that were sent back"


class OrderCandidate(Columns):
    """Features of a choice of the storage that is served next."""

    WORTH = "[worth of all accesses / m]8", "what it would save"
    WORTH_PER_COPY = "[worth of all accesses / copy]8", "the same, by the time of a copy"
    SIZE = "[4 size / C]4", "size"
    COPY = "[copy / m]8", "time of a copy"
    PRIORITY = "priority / highest priority", "XLA's priority"
    BEGIN = "begin / T", "begin of its life"
    LIFE = "[life / 16]4", "instructions of its life"
    IS_INPUT = "1 or 0", "input of the program"
    IS_OUTPUT = "1 or 0", "output of the program"
    SHARES_STORAGE = "1 or 0", "one of several buffers of a storage"
    FREE_SPACE = "[(least free bytes in its life - size) / C]1", "whether it fits"
    SPARE_CHANNEL = "[most time left of the channel in a slot of its life / copy]4", "whether a copy fits"


class OrderContext(Columns):
    """Features of the whole state, when storages are chosen."""

    LEFT = "storages left / Z", "share of the storages that is left"
    LATENCY = "L / L_all_slow", "latency of the plan so far"
    ABOVE_BOUND = "(L - bound) / L_all_slow", "latency above the bound"
    IN_USE = "mean share of fast memory in use", "how full fast memory is"
    PRESSURE = "peak of live bytes / 8 C, at most 1", "how tight the program is"
    REPACKS = "[repackings / 4]4", "repackings so far"


class TaskNode(Columns):
    """Features of a buffer."""

    EXISTS = "is a buffer of the program"
    SIZE = "[4 size / C]4", "size"
    COPY = "[copy / m]8", "time of a copy"
    IS_INPUT = "1 or 0", "input of the program"
    IS_OUTPUT = "1 or 0", "output of the program"
    PIN = "0, 0.5, 1", "free, pinned to fast, pinned to slow memory"
    SHARES_STORAGE = "1 or 0", "one of several buffers of a storage"
    FIRST_ACCESS = "first access / T", "its first access"
    END = "end of life / T", "end of its life"
    WORTH = "[worth of all accesses / m]8", "what it would save"
    WORTH_PER_COPY = "[worth of all accesses / copy]8", "the same, by the time of a copy"
    LIFE = "[life / 16]4", "instructions of its life"


class ResourceNode(Columns):
    """Features of an instruction, or of a level of memory."""

    EXISTS = "is an instruction"
    COMPUTE = "[c / m]8", "computing time"
    TRAFFIC = "[traffic, all slow / m]8", "time of its traffic"
    TIME = "[time, all slow / m]8", "its time"
    MEMORY_BOUND = "1 or 0", "memory-bound if all is slow"
    SLOT = "slot / T", "position"
    LIVE = "[live bytes / 4 C]4", "live bytes"
    IS_FAST = "is fast memory"
    IS_SLOW = "is slow memory"


class RunsOn(Columns):
    """Features of an edge from a buffer to an instruction or to fast memory."""

    SLOW = "[ticks if slow / m]8", "time of the access"
    WORTH = "[worth / m]8", "what it would save alone"
    IS_DEFINITION = "1 or 0", "is a definition"
    IS_FAST_LINK = "1 or 0", "is the link to fast memory"
