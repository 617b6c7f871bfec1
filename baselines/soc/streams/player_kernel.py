"""Playing a stream by a rule or by a plan, as kernel functions around the rules of streams.

A rule plays in the mode `assign`: it says which ready task is assigned next, and to which PE. A plan is carried out in the mode
`start`: each PE runs its tasks in the planned order, each as soon as its data is there.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.core.random import draw
from dispatchgym.envs.core.rules import finished, objective, reset, step
from dispatchgym.envs.soc.layout import Clock, Element, Instances, Live, Slot, State

MET, EFT, ETF, STF, HEFT_RT, ROUND_ROBIN, RANDOM, PLAN, MET_DS3, STF_DS3 = range(10)


class Record(NamedTuple):
    """What `play` needs; one row a copy where there is a B."""

    rule: Array  # (1,) number of the rule
    seed: Array  # (B,) int64 of the random numbers
    jobs: Array  # (B,) int32 jobs that the plan knows, -1 = begin an episode
    free: Array  # (B, P) int32, overwritten; with DS3's ties the tasks that the call has given each PE
    head: Array  # (B, P) int32 next place of each PE's queue
    queue: Array  # (B, P, Q) int32 job * T + task of the planned tasks of each PE in their order, then -1;
    # with DS3's ties the first one is the time of the call
    objective: Array  # (B,) int32 outcome: mean latency in nanoseconds


def play(b: int, inst: Instances, s: State, r: Record) -> None:
    """Play copy `b` by rule r.rule[0] on instance s.row[b]: an episode, or with PLAN up to the next decision after an arrival.

    A new episode begins if r.jobs[b], the number of jobs that the plan knows, is negative.
    """
    if r.jobs[b] < 0:
        reset(inst, s, b)
    rule = r.rule[0]
    while not finished(inst, s, b) and (rule != PLAN or s.clock[b, Clock.LET_IN] == r.jobs[b]):
        step(inst, s, b, by_plan(inst, s, b, r) if rule == PLAN else by_rule(inst, s, b, r, rule))
    r.objective[b] = objective(inst, s, b)


def by_plan(inst: Instances, s: State, b: int, r: Record) -> int:
    """The start of a task that is the next of its PE, or WAIT."""
    pes = s.element.shape[1]
    for y in range(s.clock[b, Clock.READY]):
        x = s.ready[b, y]
        slot = s.live[b, x, Live.SLOT]
        name = s.slot[b, slot, Slot.JOB] * inst.width + x - slot * inst.width
        for p in range(pes):
            if (
                s.element[b, p, Element.RUNS] < 0
                and s.arrive[b, x, p] <= s.clock[b, Clock.NOW]
                and r.queue[b, p, r.head[b, p]] == name
            ):
                r.head[b, p] += 1
                return y * pes + p
    return s.eft.shape[1] * pes


def by_rule(inst: Instances, s: State, b: int, r: Record, rule: int) -> int:
    """The assignment of a ready task to a PE."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    pes = s.element.shape[1]
    if rule == HEFT_RT:
        expect_work(inst, s, b, w, r)
    counts = rule == MET_DS3 or rule == STF_DS3
    if counts and r.queue[b, 0, 0] != clock[Clock.NOW]:  # the first choice of a call of the scheduler
        r.queue[b, 0, 0] = clock[Clock.NOW]
        r.free[b, :] = 0
    best = -1
    lowest = 0.0
    tie = 0.0
    in_order = rule == MET or rule == MET_DS3 or rule == EFT or rule == ROUND_ROBIN
    for y in range(1 if in_order else clock[Clock.READY]):
        x = s.ready[b, y]
        row = s.live[b, x, Live.ROW]
        for p in range(pes):
            if inst.seen[w, row, p] < 0:
                continue
            begin = max(s.element[b, p, Element.EXPECT], clock[Clock.NOW], s.arrive[b, x, p])
            first = 0.0
            second = 0.0
            if rule == ROUND_ROBIN:
                first = float((p + pes - r.head[b, 0]) % pes)
            elif rule == RANDOM:
                first = float(draw(r.seed[b], (clock[Clock.DECISIONS] * s.eft.shape[1] + y) * pes + p))
            elif rule == HEFT_RT:
                first = -inst.work[w, row]
                second = float(max(r.free[b, p], clock[Clock.NOW]) + inst.seen[w, row, p])
            elif rule == EFT or rule == ETF:
                first = float(begin + inst.seen[w, row, p])
            else:
                first = float(inst.seen[w, row, p])
                second = float(begin)
            if best < 0 or first < lowest or (first == lowest and second < tie):
                best = y * pes + p
                lowest = first
                tie = second
    r.head[b, 0] = best % pes + 1
    if counts:
        x = s.ready[b, best // pes]
        best += ds3_tie(inst, s, b, w, r, x, best % pes) - best % pes
        r.free[b, best % pes] += 1
    if rule == HEFT_RT:
        keep_order(s, b, s.ready[b, best // pes], best % pes)
    return best


def ds3_tie(inst: Instances, s: State, b: int, w: int, r: Record, x: int, fast: int) -> int:
    """Of the PEs as fast as `fast` for live task x, the one that the released program of DS3 takes.

    If some are idle and some busy, it drops as many as are busy, but counted from the first busy one on, so that idle ones can go
    and busy ones stay. Of what is left it takes the one that this call of the scheduler has given the fewest tasks.
    """
    row = s.live[b, x, Live.ROW]
    least = inst.seen[w, row, fast]
    equal = 0
    busy = 0
    first = -1  # place of the first busy one among the equally fast
    for p in range(s.element.shape[1]):
        if inst.seen[w, row, p] == least:
            if s.element[b, p, Element.RUNS] >= 0:
                busy += 1
                if first < 0:
                    first = equal
            equal += 1
    drop = busy if busy < equal else 0
    place = 0
    best = -1
    for p in range(s.element.shape[1]):
        if inst.seen[w, row, p] == least:
            kept = drop == 0 or place < first or place >= first + drop
            if kept and (best < 0 or r.free[b, p] < r.free[b, best]):
                best = p
            place += 1
    return best


def expect_work(inst: Instances, s: State, b: int, w: int, r: Record) -> None:
    """Write to r.free[b] when each PE would be done with its tasks, one after another, if all data were there."""
    for p in range(s.element.shape[1]):
        x = s.element[b, p, Element.RUNS]
        r.free[b, p] = s.clock[b, Clock.NOW]
        if x >= 0:
            slot = s.live[b, x, Live.SLOT]
            begun = s.start[b, s.slot[b, slot, Slot.JOB], x - slot * inst.width]
            r.free[b, p] = begun + inst.seen[w, s.live[b, x, Live.ROW], p]
    for y in range(s.clock[b, Clock.ASSIGNED]):
        x = s.line[b, y]
        p = s.live[b, x, Live.PLACE]
        r.free[b, p] += inst.seen[w, s.live[b, x, Live.ROW], p]


def keep_order(s: State, b: int, x: int, p: int) -> None:
    """Keep ready task x behind the tasks assigned to PE p before: its data counts as arrived when theirs has, not earlier."""
    for y in range(s.clock[b, Clock.ASSIGNED]):
        before = s.line[b, y]
        if s.live[b, before, Live.PLACE] == p:
            s.arrive[b, x, p] = max(s.arrive[b, x, p], s.arrive[b, before, p])
