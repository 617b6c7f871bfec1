"""The compiled part of the branch and bound for packings: a tree search that can be stopped and continued."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dispatchgym.baselines.compiled import compiled, inlined
from dispatchgym.baselines.memory.pack.sections import IndexArray, LongArray, Sections

# Columns of Tree.frame: one branching of a component of the buffers that are not placed yet. LIST, LENGTH are its rows of the
# arena; NEXT the number of rows tried; no buffer may be below LEVEL, nor at it with a number below TIE, nor at LIMIT or above;
# PARENT the frame whose placing left the component; TRAIL, GOALS, ARENA the lengths of these before this frame placed anything;
# GOAL the goals after this one; PLACED the buffer placed at present or -1; FIRST, LAST its sections.
LIST, LENGTH, NEXT, LEVEL, TIE, PARENT, TRAIL, GOAL, GOALS, ARENA, PLACED, LIMIT, FIRST, LAST = range(14)
FIELDS = 14
# Columns of Tree.goal: a component still to be packed, G_NEXT the goal after it or -1.
G_LIST, G_LENGTH, G_LEVEL, G_TIE, G_PARENT, G_NEXT, G_FIRST, G_LAST = range(8)
GOAL_FIELDS = 8
# Tree.tally: the newest frame, buffers placed so far, length of the trail, last stamp, rows of `raised`, lengths of the arena and
# of the goals, first goal.
TOP, NODES, TRAILED, STAMP, RAISED, ARENA_TOP, GOALS_TOP, HEAD = range(8)
TALLIES = 8
OPEN, SOLVED, EXHAUSTED, DIVIDED = range(4)


class Tree(NamedTuple):
    """A search. Buffers are numbered in the order in which they are tried at equal offsets; addresses are in units."""

    twin: LongArray  # (N,) the previous identical buffer, -1 = none
    floor: LongArray  # (N,) lowest offset above everything placed
    offset: LongArray  # (N,) -1 = not placed
    left: LongArray  # (S,) needed by unplaced buffers
    arena: IndexArray  # lists of buffers by floor and number, one for each component
    frame: LongArray  # (N+2, FIELDS)
    goal: LongArray  # (N+2, GOAL_FIELDS)
    trail: LongArray  # (Y+1, 2) floors as they were: buffer, floor
    stamp: LongArray  # (N,) the placing that raised the floor last
    raised: IndexArray  # (N,) buffers whose floor the last placing raised
    left_over: IndexArray  # (N,) unplaced buffers of the component, by floor and number
    work: LongArray  # (2, S) work space
    tally: LongArray  # (TALLIES,)


@inlined
def undo(p, t, top, bottom):  # type: ignore[no-untyped-def]
    """Undo the placings of the frames top, top - 1, ..., bottom."""
    for f in range(top, bottom - 1, -1):
        b = t.frame[f, PLACED]
        if b >= 0:
            t.offset[b] = -1
            t.frame[f, PLACED] = -1
            row, first = p.row[b], p.first[b]
            for i in range(p.last[b] - first + 1):
                t.left[first + i] += p.need[row + i]
    mark = t.frame[bottom, TRAIL]
    for x in range(t.tally[TRAILED] - 1, mark - 1, -1):
        t.floor[t.trail[x, 0]] = t.trail[x, 1]
    t.tally[TRAILED] = mark
    t.tally[TOP] = bottom


@inlined
def put(p, t, b, o, capacity):  # type: ignore[no-untyped-def]
    """Place b at o and raise the floors of its conflicts; return whether all still fit."""
    t.offset[b] = o
    row, first = p.row[b], p.first[b]
    for i in range(p.last[b] - first + 1):
        t.left[first + i] -= p.need[row + i]
    t.tally[STAMP] += 1
    stamp, raised = t.tally[STAMP], 0
    top = t.tally[TRAILED]
    ok = True
    for x in range(p.ptr[b], p.ptr[b + 1]):
        u = p.other[x]
        if t.offset[u] < 0:
            f = o + p.above[x]
            if f > t.floor[u]:
                a = p.align[u]
                if a > 1:
                    f = (f + a - 1) // a * a
                t.trail[top, 0] = u
                t.trail[top, 1] = t.floor[u]
                top += 1
                t.floor[u] = f
                if f + p.size[u] > capacity:
                    ok = False
                    break
                t.stamp[u] = stamp
                t.raised[raised] = u
                raised += 1
    t.tally[TRAILED] = top
    t.tally[RAISED] = raised
    return ok


@inlined
def before(t, u, v):  # type: ignore[no-untyped-def]
    """Whether buffer u is tried before v."""
    return t.floor[u] < t.floor[v] or (t.floor[u] == t.floor[v] and u < v)


@inlined
def merge(t, begin, length, b):  # type: ignore[no-untyped-def]
    """The list without b and with the raised buffers at their new places, in t.left_over; return its length."""
    up, out, raised = t.raised, t.left_over, t.tally[RAISED]
    for i in range(1, raised):
        u, j = up[i], i - 1
        while j >= 0 and before(t, u, up[j]):
            up[j + 1] = up[j]
            j -= 1
        up[j + 1] = u
    stamp, k, i = t.tally[STAMP], 0, 0
    for x in range(begin, begin + length):
        u = t.arena[x]
        if u == b or t.stamp[u] == stamp:
            continue
        while i < raised and before(t, up[i], u):
            out[k] = up[i]
            i += 1
            k += 1
        out[k] = u
        k += 1
    while i < raised:
        out[k] = up[i]
        i += 1
        k += 1
    return k


@inlined
def overfull(p, t, count, level, first, last, capacity):  # type: ignore[no-untyped-def]
    """Whether the unplaced buffers of some section exceed it: stacked one on another, none below its floor."""
    end, out = t.work[0], t.left_over
    for k in range(first, last + 1):
        end[k] = level
    for i in range(count):
        u = out[i]
        f = t.floor[u]
        row, k = p.row[u], p.first[u]
        for x in range(p.last[u] - k + 1):
            need = p.need[row + x]
            e = max(end[k + x], f) + need
            end[k + x] = e if need > 0 else end[k + x]
    high = np.int64(0)
    for k in range(first, last + 1):
        high = max(high, end[k])
    return high > capacity


@compiled(inline=True)
def split(p, t, count, first, last, level, tie, parent):  # type: ignore[no-untyped-def]
    """Write a goal for each component of t.left_over."""
    out, reach, part = t.left_over, t.work[0], t.work[1]
    arena, goals, head = t.tally[ARENA_TOP], t.tally[GOALS_TOP], t.tally[HEAD]
    for k in range(first, last + 1):
        reach[k] = -1
    for i in range(count):
        u = out[i]
        reach[p.first[u]] = max(reach[p.first[u]], np.int64(p.last[u]))
    parts, edge = 0, np.int64(-1)
    for k in range(first, last + 1):
        if reach[k] >= 0:
            if k > edge:
                parts += 1
            edge = max(edge, reach[k])
        part[k] = parts - 1
    for q in range(parts):
        begin, low, high = arena, np.int64(last), np.int64(first)
        for i in range(count):
            u = out[i]
            if parts == 1 or part[p.first[u]] == q:
                t.arena[arena] = u
                arena += 1
                low, high = min(low, np.int64(p.first[u])), max(high, np.int64(p.last[u]))
        t.goal[goals, G_LIST] = begin
        t.goal[goals, G_LENGTH] = arena - begin
        t.goal[goals, G_LEVEL] = level
        t.goal[goals, G_TIE] = tie
        t.goal[goals, G_PARENT] = parent
        t.goal[goals, G_NEXT] = head
        t.goal[goals, G_FIRST] = low
        t.goal[goals, G_LAST] = high
        head = goals
        goals += 1
    t.tally[ARENA_TOP], t.tally[GOALS_TOP], t.tally[HEAD] = arena, goals, head


@compiled(inline=True)
def enter(p, t, capacity):  # type: ignore[no-untyped-def]
    """Begin with the next goal in a new frame."""
    t.tally[TOP] += 1
    top, g = t.tally[TOP], t.tally[HEAD]
    t.frame[top, LIST] = t.goal[g, G_LIST]
    t.frame[top, LENGTH] = t.goal[g, G_LENGTH]
    t.frame[top, LEVEL] = t.goal[g, G_LEVEL]
    t.frame[top, TIE] = t.goal[g, G_TIE]
    t.frame[top, PARENT] = t.goal[g, G_PARENT]
    t.frame[top, GOAL] = t.goal[g, G_NEXT]
    t.frame[top, FIRST] = t.goal[g, G_FIRST]
    t.frame[top, LAST] = t.goal[g, G_LAST]
    t.frame[top, NEXT] = 0
    t.frame[top, TRAIL] = t.tally[TRAILED]
    t.frame[top, GOALS] = t.tally[GOALS_TOP]
    t.frame[top, ARENA] = t.tally[ARENA_TOP]
    t.frame[top, PLACED] = -1
    most = np.int64(0)
    for k in range(t.frame[top, FIRST], t.frame[top, LAST] + 1):
        most = max(most, t.left[k])
    lowest = capacity - most + 1
    for x in range(t.frame[top, LIST], t.frame[top, LIST] + t.frame[top, LENGTH]):
        u = t.arena[x]
        lowest = min(lowest, t.floor[u] + p.size[u])
    t.frame[top, LIMIT] = lowest


@inlined
def candidate(p, t, top):  # type: ignore[no-untyped-def]
    """The next buffer to place in a frame, -1 if there is none."""
    begin, length = t.frame[top, LIST], t.frame[top, LENGTH]
    for x in range(t.frame[top, NEXT], length):
        u = t.arena[begin + x]
        f = t.floor[u]
        if f >= t.frame[top, LIMIT]:
            return np.int64(-1)
        if f < t.frame[top, LEVEL] or (f == t.frame[top, LEVEL] and u < t.frame[top, TIE]):
            continue
        if t.twin[u] >= 0 and t.offset[t.twin[u]] < 0:
            continue
        t.frame[top, NEXT] = x + 1
        return np.int64(u)
    return np.int64(-1)


@inlined
def divided(t, top, smallest):  # type: ignore[no-untyped-def]
    """Whether the placing of frame `top` has left several components of `smallest` buffers or more."""
    big, g = 0, t.tally[HEAD]
    while g != t.frame[top, GOAL]:
        big += t.goal[g, G_LENGTH] >= smallest
        g = t.goal[g, G_NEXT]
    return big > 1


@compiled
def explore(p, t, capacity, limit, smallest):  # type: ignore[no-untyped-def]
    """Place up to `limit` buffers; return SOLVED, EXHAUSTED or OPEN.

    DIVIDED, if `smallest` is above 0, once several components of that many buffers or more are left.
    """
    for _ in range(limit):
        top = t.tally[TOP]
        b = candidate(p, t, top)
        while b < 0:
            parent = t.frame[top, PARENT]
            if parent < 0:
                return EXHAUSTED
            undo(p, t, top, parent)
            top = parent
            b = candidate(p, t, top)
        t.tally[NODES] += 1
        o = t.floor[b]
        t.frame[top, PLACED] = b
        ok = put(p, t, b, o, capacity)
        if ok:
            count = merge(t, t.frame[top, LIST], t.frame[top, LENGTH], b)
            t.tally[HEAD], t.tally[GOALS_TOP], t.tally[ARENA_TOP] = t.frame[top, GOAL], t.frame[top, GOALS], t.frame[top, ARENA]
            if count:
                first, last = t.frame[top, FIRST], t.frame[top, LAST]
                ok = not overfull(p, t, count, o, first, last, capacity)
                if ok:
                    split(p, t, count, first, last, o, b, top)
            if ok:
                if t.tally[HEAD] < 0:
                    return SOLVED
                enter(p, t, capacity)
                if smallest > 0 and divided(t, top, smallest):
                    return DIVIDED
        if not ok:
            undo(p, t, top, top)
    return OPEN


def new_tree(p: Sections, capacity: int, floor: LongArray, level: int = 0) -> Tree:
    """A search for offsets of all buffers, at their `floor` (N,) or above and none below `level`, in `capacity` units."""
    n = len(p.size)
    used = np.flatnonzero(p.first <= p.last)
    t = Tree(
        twin=_twins(p, floor, used.tolist()),
        floor=floor.copy(),
        offset=np.full(n, -1, np.int64),
        left=p.load.copy(),
        arena=np.zeros(n * (n + 3) // 2, np.uint32),
        frame=np.zeros((n + 2, FIELDS), np.int64),
        goal=np.zeros((n + 2, GOAL_FIELDS), np.int64),
        trail=np.zeros((len(p.other) + 1, 2), np.int64),
        stamp=np.zeros(n, np.int64),
        raised=np.zeros(n, np.uint32),
        left_over=np.zeros(n, np.uint32),
        work=np.zeros((2, p.sections), np.int64),
        tally=np.zeros(TALLIES, np.int64),
    )
    t.tally[[TOP, HEAD]] = -1
    t.left_over[: len(used)] = used[np.lexsort((used, floor[used]))]
    if len(used):
        split(p, t, len(used), 0, p.sections - 1, level, 0, -1)
        enter(p, t, capacity)
    return t


def _twins(p: Sections, floor: LongArray, used: list[int]) -> LongArray:
    """(N,) the previous identical buffer, -1 if there is none."""
    twin = np.full(len(p.size), -1, np.int64)
    seen: dict[tuple[int, int, int, int, bytes], int] = {}
    for b in used:
        first, row = int(p.first[b]), int(p.row[b])
        need = p.need[row : row + int(p.last[b]) - first + 1].tobytes()
        key = (int(p.size[b]), int(p.align[b]), int(floor[b]), first, need)
        twin[b] = seen.get(key, -1)
        seen[key] = b
    return twin
