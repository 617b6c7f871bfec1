"""Memory mapping's arrays: packed programs, state, and the names of their columns and features.

A slot is the time of one instruction. A stay is the time that a buffer is in fast memory, at one offset. A storage is all
buffers that share their bytes; it is named by its first buffer.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

CHOICES = 11  # of an access
UNDECIDED, DROP, STAY, BRING = -1, 0, 1, 2  # choices; BRING is the first of nine
NONE, IMPOSSIBLE = -1, -2  # in Option.WRITES_BY: no write-back is needed; one is needed, and there is no room for it
OPEN, SLOWED = -1, -2  # in State.place: the storage has no offset yet; it stays in slow memory
SCOPED, REMOVED = -1, -2  # in Stay.OF: bytes that an instruction needs itself; a stay that was taken back
FREE, FAST, SLOW = range(3)  # Instances.pin, in the order of PINS
BEST, LOWEST = range(2)  # which gap find_gap looks for
NEVER = 2**62  # above every slot, tick and offset
WINDOW = 16  # choices of the order actions


class Access(Columns):
    """Of an access, in the order of the program (Instances.access)."""

    BUFFER = "its buffer"
    SLOT = "its instruction"
    SLOW = "ticks if it is served from slow memory"
    FAST = "ticks if it is served from fast memory"
    WRITES = "1 = it writes"
    FOLLOWS = "next access of the buffer, -1 = none"


class Flow(Columns):
    """Of a link between two buffers (Instances.flow)."""

    READ = "buffer that an instruction reads"
    MADE = "buffer that the same instruction writes"


class Stay(Columns):
    """Of a stay (State.stay); the first six are those of MemoryPlan.stay."""

    OF = "buffer, SCOPED or REMOVED"
    BEGIN = "first slot"
    END = "end of the last slot"
    OFFSET = "first address"
    SERVES = "first slot that it serves; BEGIN = the buffer is born in fast memory"
    WRITTEN = "end of the write-back, -1 = none"
    TOP = "end of the last address"
    WANTED_UNTIL = "slot until which the stay would have to last to serve the next use"


class Copy(Columns):
    """Of a copy between the levels of memory (State.copy)."""

    DEMAND = "ticks that it takes"
    DEADLINE = "slot before which it must be done"
    BEHIND = "next copy that is issued before the same slot, -1 = none"


class Range(Columns):
    """Of addresses in use (State.range)."""

    LOW = "first address"
    HIGH = "end of the last address"


class Item(Columns):
    """Of a buffer in a plan (State.item)."""

    CURRENT = "its current stay, -1 = none"
    VALID = "slot before which its slow copy is valid, NEVER = it has none"
    BORN = "its stay from birth, -1 = none"
    STAYS = "number of its stays"
    SPENT = "end of the last stay that is over"


class Option(Columns):
    """Of a choice for the access to decide (State.option)."""

    LEGAL = "1 = it can be made"
    OFFSET = "offset of the stay, -1 = none"
    BEGIN = "first slot of the stay, -1 = none"
    WRITES_BY = "end of the write-back that it needs, NONE or IMPOSSIBLE"
    LATENCY = "ticks of the plan after it"
    LOST = "ticks other buffers could no longer save"


class Instances(NamedTuple):
    """A pool of N programs padded to T instructions, Z buffers, A accesses, E links, F fixed stays."""

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
    pin: Array  # (N, Z) int64 FREE, FAST or SLOW
    storage: Array  # (N, Z) int64
    members: Array  # (N, Z) int64 buffers of a storage, by its first
    entry: Array  # (N, Z) int64 first access, -1 = none
    priority: Array  # (N, Z) float64 benefit per square root of the bytes (XLA), by the first buffer of a storage
    ranking: Array  # (N, Z) int64 storages that can be served, the highest priority first, then -1
    worth: Array  # (N, A) int64 what the access saves if it alone is fast
    later: Array  # (N, A) int64 what all later accesses of the buffer save, each alone
    access: Array  # (N, A, Access) int64
    flow: Array  # (N, E, Flow) int64
    block: Array  # (N, F, Stay) int64 the stays that no decision changes


class State(NamedTuple):
    """One plan in the making a copy; at most S stays."""

    row: Array  # (B,) int32 program in the pool
    cursor: Array  # (B,) int64 access to decide; order actions: decisions made
    latency: Array  # (B,) int64 of the plan, with what is undecided in slow memory
    stays: Array  # (B,) int64 rows of `stay` in use
    backups: Array  # (B,) int64 storages that were sent back to slow memory
    repacks: Array  # (B,) int64
    wanted_bytes: Array  # (B,) int64 bytes of stays that are wanted beyond the slot of the decision
    undecided: Array  # (B,) int64 order actions: storages that are not decided
    sigma: Array  # (B, T) int64 slow traffic of each instruction, ticks
    phi: Array  # (B, T) int64 fast traffic
    spare: Array  # (B, T) int64 what is left of the channel
    head: Array  # (B, T + 1) int64 first copy that is issued before a slot, -1 = none
    due: Array  # (B, T + 1) int64 scratch: ticks of issued copies by their deadline
    fast: Array  # (B, A) int8 1 = served from fast memory
    item: Array  # (B, Z, Item) int64
    place: Array  # (B, Z) int64 offset of a storage of several buffers, OPEN or SLOWED
    open: Array  # (B, Z) int8 order actions: 1 = the storage is not decided
    option: Array  # (B, CHOICES, Option) int64
    stay: Array  # (B, S, Stay) int64
    next_worth: Array  # (B, S) int64 ticks that the next use of a stay would save
    copy: Array  # (B, 2 S, Copy) int64
    range: Array  # (B, S, Range) int64
    order: Array  # (B, S) int64 scratch: stays that may move
    moved: Array  # (B, S) int64 scratch: their old offsets


class Candidate(Columns):
    """Features of a choice for an access."""

    GAIN = "[gain / m]8", "exact latency saved by this choice"
    GAIN_MAGNIFIED = "[16 gain / m]4", "the same, of small gains"
    GAIN_PER_COPY = "[gain / copy]4", "the same, in copies"
    FAST = "served from fast memory"
    STAYS = "stay"
    BORN = "born in fast memory"
    FETCHED = "fetched"
    START = "0, 0.5, 1", "start of the fetch"
    UNWANTED_GAP = "the gap leaves alone what other buffers want to keep"
    SMALLEST_GAP = "the smallest gap of all"
    LOST = "[lost / m]8", "`worth` of the next accesses of other buffers that wanted to keep these addresses"
    LOST_MAGNIFIED = "[8 lost / m]4", "the same, of small losses"
    WINDOW = "[window / 8]4", "slots that the copy has"
    SIZE = "[4 size / C]4", "size"
    COPY = "[copy / m]8", "ticks of a copy"
    WORTH = "[worth / m]8", "of this access"
    NEXT_WORTH = "[worth of next / m]8", "of the next access"
    LATER_WORTH = "[worth of all later ones / m]8", "of all later accesses"
    LATER_WORTH_PER_COPY = "[worth of all later ones / copy]8", "the same, in copies"
    NEXT_SLOTS = "[slots until next / 16]4", "0 if there is none"
    NEXT_TIME = "[time until next / 8 m]4", "0 if there is none"
    WRITES_BACK = "needs a write-back"
    CANNOT_WRITE_BACK = "needs a write-back, and none is possible"
    OUTPUT = "the buffer is an output"
    INPUT = "the buffer is an input"
    SHARED = "one of several buffers of a storage"
    WANTED = "[wanted / C]2", "bytes of stays that are wanted beyond this slot"
    WANTED_EXCESS = "[(wanted + size) / C - 1]2", "of choices that bring it in"
    WAITING_WORTH = "[worth of all later ones / 4 max(time until next, m / 10)]4", "what it is worth to wait"
    OFFSET = "offset / C", "of choices that serve it from fast memory"


class Context(Columns):
    """Features of the whole state."""

    PROGRESS = "slot / T", "progress"
    LATENCY = "L / L_all_slow", "latency of the plan so far"
    ABOVE_BOUND = "(L - bound) / L_all_slow", "latency above the bound"
    COMPUTE = "[c / m]8", "computation of the slot"
    SLOW_TRAFFIC = "[slow traffic / m]8", "of the slot"
    MEMORY_EXCESS = "[(traffic - c) / m]8", "above 0: the slot waits for memory"
    SPARE = "[time left of the channel / m]8", "of the slot before"
    WRITES = "the access is a definition"
    WANTED = "[wanted / C]2", "bytes of stays that are wanted beyond this slot"
    PRESSURE = "peak of live bytes / 8 C, at most 1", "how much memory the program wants"
    BACKUPS = "[backups / 4]4", "storages that were sent back to slow memory"


class OrderCandidate(Columns):
    """Features of a choice of the order actions: to serve a storage next."""

    WORTH = "[worth of all accesses / m]8", "what all its accesses save, each alone"
    WORTH_PER_COPY = "[worth of all accesses / copy]8", "the same, in copies"
    SIZE = "[4 size / C]4", "size"
    COPY = "[copy / m]8", "ticks of a copy"
    PRIORITY = "priority / highest priority", "XLA's priority"
    BEGIN = "begin / T", "where its life begins"
    LIFE = "[life / 16]4", "slots of its life"
    INPUT = "input"
    OUTPUT = "output"
    SHARED = "one of several buffers of a storage"
    ROOM = "[(least free bytes in its life - size) / C]1", "room that it would leave"
    SPARE = "[most time left of the channel in a slot of its life / copy]4", "how fast a copy can be"


class OrderContext(Columns):
    """Features of the whole state of the order actions."""

    LEFT = "storages left / Z", "what is to be decided"
    LATENCY = "L / L_all_slow", "latency of the plan so far"
    ABOVE_BOUND = "(L - bound) / L_all_slow", "latency above the bound"
    USED = "mean bytes in use / C", "share of fast memory in use"
    PRESSURE = "peak of live bytes / 8 C, at most 1", "how much memory the program wants"
    REPACKS = "[repackings / 4]4", "how often stays were moved"


class TaskNode(Columns):
    """Features of a buffer; 7 to 11 are 0 if nothing accesses it."""

    EXISTS = "is a buffer of the program"
    SIZE = "[4 size / C]4", "size"
    COPY = "[copy / m]8", "ticks of a copy"
    INPUT = "input"
    OUTPUT = "output"
    PIN = "0, 0.5, 1", "free, pinned to fast, pinned to slow memory"
    SHARED = "one of several buffers of a storage"
    FIRST_ACCESS = "first access / T", "where it is first used"
    LAST = "end of life / T", "where its life ends; 7 to 11 are 0 if nothing accesses it"
    WORTH = "[worth of all accesses / m]8", "what all its accesses save, each alone"
    WORTH_PER_COPY = "[worth of all accesses / copy]8", "the same, in copies"
    LIFE = "[(end of life - first access) / 16]4", "slots of its use"


class ResourceNode(Columns):
    """Features of an instruction, or of a level of memory, for which all but its own mark are 0."""

    EXISTS = "is an instruction of the program"
    COMPUTE = "[c / m]8", "computation"
    TRAFFIC = "[traffic, all slow / m]8", "traffic"
    TIME = "[time, all slow / m]8", "time"
    MEMORY_BOUND = "memory-bound if all slow"
    SLOT = "slot / T", "its place in the program"
    LIVE = "[live bytes / 4 C]4", "live bytes"
    FAST_LEVEL = "is fast memory"
    SLOW_LEVEL = "is slow memory"


class RunsOn(Columns):
    """Features of the edge from a buffer to an instruction that accesses it, or to fast memory."""

    SLOW = "[ticks if slow / m]8", "ticks of the access"
    WORTH = "[worth / m]8", "what the access saves if it alone is fast"
    WRITES = "is a definition"
    TO_FAST_LEVEL = "is the link to fast memory"
