"""Packing's arrays: packed instances, state, and the names of their columns and features.

Time is cut into sections, between which no buffer begins or ends. The skyline is the top of what is placed in each section.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

HEIGHT, CAPACITY = range(2)  # Instances.goal
LENGTHS = 4096  # sum of the lengths of all sections
WORD = 48  # buffers whose comparisons one number holds
BLOCK = 16  # sections that are looked at together
UNLIMITED = 2**62  # above every offset: the floor of a buffer that is placed


class Part(Columns):
    """Of a part of a buffer's life (Instances.part): the sections in which it needs some of its addresses."""

    BEGINS = "first section"
    ENDS = "end of the last section"
    LOW = "first address needed, from the buffer's offset"
    HIGH = "end of the last address needed, from the buffer's offset"


class Trait(Columns):
    """Features of a buffer that do not change (Instances.traits); Candidate and TaskNode repeat them."""

    SIZE = "size / P", "size"
    SIZE_IN_MEANS = "[size / u]8 / 4", "size"
    LIFE = "life / time", "length of its life"
    AREA = "[area / a]8 / 4", "area"
    CROWDED = "most live bytes during its life / P", "how full its fullest section is"


class Move(Columns):
    """Of a buffer (State.move): what moving it to its floor does."""

    HEAVIEST = "least height of its sections before the move"
    REACH = "least height of its sections after the move"
    BURIED = "area between the skyline and the floor"


class Instances(NamedTuple):
    """A pool of N packings padded to Z buffers, P parts, S sections."""

    pool: int  # N
    goal: int  # HEIGHT or CAPACITY
    buffers: Array  # (N,) int64
    sections: Array  # (N,) int64
    parts: Array  # (N,) int64
    plain: Array  # (N,) int64 1 = no gaps and no alignments
    capacity: Array  # (N,) int64 bytes that must be kept, UNLIMITED for the goal `height`
    bound: Array  # (N,) int64 peak of live bytes: lower bound on the height
    shift: Array  # (N,) int64 bits that sizes lose in areas, so that these do not overflow
    share: Array  # (N,) float64 1 / bound, at most 1
    unit: Array  # (N,) float64 1 / mean size
    area_unit: Array  # (N,) float64 1 / mean area
    total: Array  # (N,) float64 sum of `area`
    density: Array  # (N,) float64 area of all buffers as a share of bound x time
    size: Array  # (N, Z) int64 bytes
    alignment: Array  # (N, Z) int64
    left: Array  # (N, Z) int64 first section
    right: Array  # (N, Z) int64 end of the last section
    first: Array  # (N, Z) int64 first row of `part`
    count: Array  # (N, Z) int64 rows of `part`
    area: Array  # (N, Z) float64 in mean areas
    area_rate: Array  # (N, Z) float64 1 / area
    traits: Array  # (N, Z, Trait) float32
    busiest: Array  # (N, Z) int64 section of its life where most bytes are live
    successor: Array  # (N, Z) int64 largest buffer that begins when it ends, -1 = none
    part: Array  # (N, P, Part) int64
    owner: Array  # (N, P) int64 buffer
    load: Array  # (N, S) int64 live bytes
    reached: Array  # (N, S + 1) int64 when sections begin: sums of their lengths, in 1/LENGTHS of the whole time, each at least 1


class State(NamedTuple):
    """One partial packing a copy."""

    row: Array  # (B,) int32 instance in the pool
    left: Array  # (B,) int64 buffers that are not placed
    choices: Array  # (B,) int64
    bound: Array  # (B,) int64 lower bound on the height, given what is placed
    height: Array  # (B,) int64 top of what is placed
    lowest: Array  # (B,) int64 lowest top of an open buffer at its floor
    base: Array  # (B,) int64 lowest floor
    stuck: Array  # (B,) int64 least height after any move
    filled: Array  # (B,) float64 area of what is placed
    top: Array  # (B, S + BLOCK) int64 the skyline; the kernel looks at whole blocks of sections
    load: Array  # (B, S + BLOCK) int64 bytes of buffers that must still go above it
    sky: Array  # (B, S + BLOCK) int64 area below the skyline
    offset: Array  # (B, Z) int64 -1 = not placed
    floor: Array  # (B, Z) int64 lowest offset above the skyline
    move: Array  # (B, Z, Move) int64
    changed: Array  # (B, Z) int8 1 = the row of `move` is out of date
    near: Array  # (B, Z) int64 the choices, ascending
    stale: Array  # (B, Z) int64 scratch: buffers whose row of `move` must be computed again


class Candidate(Columns):
    """Features of a choice: to put a buffer onto the skyline."""

    SIZE = Trait.SIZE.formula, Trait.SIZE.about
    SIZE_IN_MEANS = Trait.SIZE_IN_MEANS.formula, Trait.SIZE_IN_MEANS.about
    LIFE = Trait.LIFE.formula, Trait.LIFE.about
    AREA = Trait.AREA.formula, Trait.AREA.about
    CROWDED = Trait.CROWDED.formula, Trait.CROWDED.about
    FLOOR = "[(floor - lowest floor) / u]4", "how much higher its floor is than the lowest one"
    TOP = "[(top - lowest top) / u]8 / 4", "how much higher its top is than the lowest one"
    COST = "[16 (B after - B) / P]4", "what the move costs"
    COST_IN_MEANS = "[(B after - B) / u]4", "what the move costs"
    TIGHTNESS = "[16 (need of its fullest section - B) / P]4", "how tight its sections are"
    BURIED = "[buried area / a]8 / 2", "space between the skyline and the floor, lost for good"
    BURIED_SHARE = "[buried area / its area]4", "the same, compared with the buffer"
    BURIES_NOTHING = "no space is lost"
    FLOOR_BELOW_LEFT = "[(skyline before its life - floor) / u]4", "whether it fills a valley; `B` before all time"
    TOP_BELOW_LEFT = "[(skyline before its life - top) / u]4", "how evenly it does"
    LEVEL_WITH_LEFT = "its top is level with the skyline before its life"
    FLOOR_BELOW_RIGHT = "[(skyline behind its life - floor) / u]4", "whether it fills a valley; `B` behind all time"
    TOP_BELOW_RIGHT = "[(skyline behind its life - top) / u]4", "how evenly it does"
    LEVEL_WITH_RIGHT = "its top is level with the skyline behind its life"
    COSTS_NOTHING = "the move costs nothing"


class Context(Columns):
    """Features of the whole state."""

    LEFT = "buffers left / N", "share of the buffers that is left"
    FILLED = "area placed / all area", "share of the area that is placed"
    LOSS = "[4 (B / P - 1)]4", "loss so far"
    HEIGHT = "height / P", "top of what is placed"
    LOWEST_FLOOR = "lowest floor / P", "1 if no buffer is left"
    LOWEST_TOP = "[(lowest top - lowest floor) / u]8", "0 if no buffer is left"
    CHOICES = "[choices / 32]4", "number of choices"
    DENSITY = "all area / (P time)", "share of the least height that is needed"


class TaskNode(Columns):
    """Features of a buffer."""

    EXISTS = "is a buffer of the instance"
    PLACED = "is placed"
    SIZE = Trait.SIZE.formula, Trait.SIZE.about
    SIZE_IN_MEANS = Trait.SIZE_IN_MEANS.formula, Trait.SIZE_IN_MEANS.about
    LIFE = Trait.LIFE.formula, Trait.LIFE.about
    AREA = Trait.AREA.formula, Trait.AREA.about
    CROWDED = Trait.CROWDED.formula, Trait.CROWDED.about
    OFFSET = "offset / P", "of a buffer that is not placed `floor / P`"
    LEFT = "first section / S", "where its life begins"
    RIGHT = "end of the last section / S", "where its life ends"


class ResourceNode(Columns):
    """Features of a section."""

    EXISTS = "is a section of the instance"
    SKYLINE = "skyline / P", "top of what is placed"
    LOAD = "bytes that must still go there / P", "what is not placed"
    LEAST_HEIGHT = "(skyline + bytes that must still go there) / P", "least height"
    LENGTH = "length / mean length", "length"


class RunsOn(Columns):
    """Features of the edge from a buffer to a section."""

    IS_FIRST = "is the first section of its life"
    IS_LAST = "is the last section of its life"
    SIZE = "size / P", "size"


TRAITS = len(Trait)
