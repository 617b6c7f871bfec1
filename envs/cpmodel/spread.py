"""What follows from a decision for the tasks that are not placed: earliest starts, modes that are excluded, lower bounds."""

from __future__ import annotations

from dispatchgym.envs.cpmodel.layout import (
    DEAD_END,
    NEVER,
    Arc,
    ChainData,
    Clock,
    Demand,
    Instances,
    Part,
    Plan,
    Row,
    RowData,
    State,
    Task,
    TaskData,
    Weight,
)
from dispatchgym.envs.cpmodel.profile import first_fit


def mark(inst: Instances, s: State, b: int, i: int, j: int) -> None:
    """The numbers of task j are out of date."""
    n = inst.task[i, j, TaskData.PLACE]
    if s.changed[b, n] == 0:
        s.changed[b, n] = 1
        s.clock[b, Clock.CHANGED] += 1


def spread(inst: Instances, s: State, b: int, i: int) -> None:
    """Bring all tasks up to date: those that are marked, and what follows from them."""
    clock = s.clock[b]
    n = 0
    while clock[Clock.CHANGED] > 0:
        if s.changed[b, n] == 1:
            s.changed[b, n] = 0
            clock[Clock.CHANGED] -= 1
            j = inst.order[i, n]
            if s.task[b, j, Task.MODE] < 0:
                renew(inst, s, b, i, j)
        n += 1


def renew(inst: Instances, s: State, b: int, i: int, j: int) -> None:
    """The earliest starts of task j, which is not placed, and what follows from them."""
    task = s.task[b, j]
    clock = s.clock[b]
    exact = task[Task.PENDING] == 0
    early = NEVER
    end = NEVER
    through = NEVER
    second = NEVER
    cheapest = NEVER
    first = inst.task[i, j, TaskData.ROW]
    best = first
    for x in range(first, first + inst.task[i, j, TaskData.MODES]):
        row = s.mode[b, x]
        data = inst.row[i, x]
        if row[Row.OPEN] == 0:
            continue
        if exact and (row[Row.FITS] == 0 or row[Row.START] < clock[Clock.NOW]):
            row[Row.START] = first_fit(inst, s, b, i, x, max(row[Row.START], clock[Clock.NOW]))
            row[Row.FITS] = 1
        begin = row[Row.START]
        if begin > data[RowData.LATEST]:
            continue
        early = min(early, begin)
        end = min(end, begin + data[RowData.DURATION])
        after = begin + data[RowData.TAIL]
        second = min(second, max(after, through))
        best = x if after < through else best
        through = min(through, after)
        cheapest = min(cheapest, data[RowData.COST])
    if early == NEVER:
        clock[Clock.OVER] = DEAD_END
        return
    clock[Clock.PATH] = max(clock[Clock.PATH], through)
    s.part[b, Part.COST] += cheapest - task[Task.CHEAPEST]
    later = early > task[Task.EARLY] or end > task[Task.END]
    note_end(inst, s, b, i, j, end)
    task[Task.EARLY] = early
    task[Task.THROUGH] = through
    task[Task.SECOND] = second
    task[Task.BEST] = best
    task[Task.CHEAPEST] = cheapest
    if later:
        push(inst, s, b, i, j, early, end)


def note_end(inst: Instances, s: State, b: int, i: int, j: int, end: int) -> None:
    """Task j ends at `end` or later: the parts of the objective that tell of ends."""
    task = s.task[b, j]
    weight = inst.weight[i, j]
    due = inst.task[i, j, TaskData.DUE]
    before = task[Task.END]
    gain = weight[Weight.COMPLETION] * (end - before)
    if due < NEVER:
        gain += weight[Weight.TARDINESS] * (max(end - due, 0) - max(before - due, 0))
        s.part[b, Part.LATENESS] = max(s.part[b, Part.LATENESS], end - due)
    s.part[b, Part.ENDS] += gain
    task[Task.END] = end


def push(inst: Instances, s: State, b: int, i: int, j: int, begin: int, end: int) -> None:
    """Task j starts and ends at these times or later: the tasks that wait for it start later, too."""
    data = inst.task[i, j]
    mode = s.task[b, j, Task.MODE]
    for a in range(data[TaskData.ARC], data[TaskData.ARC] + data[TaskData.ARCS]):
        arc = inst.arc[i, a]
        if arc[Arc.FIRST_MODE] >= 0 and arc[Arc.FIRST_MODE] != mode:
            continue
        j2 = arc[Arc.SECOND]
        first = inst.task[i, j2, TaskData.ROW]
        least = (end if arc[Arc.FROM_END] == 1 else begin) + arc[Arc.LEAST]
        for m in range(inst.task[i, j2, TaskData.MODES]):
            if arc[Arc.SECOND_MODE] >= 0 and arc[Arc.SECOND_MODE] != m:
                continue
            row = s.mode[b, first + m]
            ready = least - (inst.row[i, first + m, RowData.DURATION] if arc[Arc.TO_END] == 1 else 0)
            if ready > row[Row.READY]:
                row[Row.READY] = ready
                if ready > row[Row.START]:
                    row[Row.START] = ready
                    mark(inst, s, b, i, j2)


def next_task(inst: Instances, s: State, b: int, i: int, c: int) -> int:
    """The task of chain c that could be placed, -1 = there is none."""
    chain = inst.chain[i, c]
    if s.next[b, c] >= chain[ChainData.LENGTH]:
        return -1
    j = inst.link[i, chain[ChainData.FIRST] + s.next[b, c]]
    return j if s.task[b, j, Task.PENDING] == 0 else -1


def mark_rivals(inst: Instances, s: State, b: int, i: int, begin: int, end: int) -> None:
    """Mark the tasks that could be placed and whose place is taken: State.touched is in use during [begin, end)."""
    for c in range(inst.plan[i, Plan.CHAINS]):
        j = next_task(inst, s, b, i, c)
        if j < 0:
            continue
        first = inst.task[i, j, TaskData.ROW]
        for x in range(first, first + inst.task[i, j, TaskData.MODES]):
            data = inst.row[i, x]
            if data[RowData.DEMANDS] == 1 and s.touched[b, data[RowData.RESOURCE]] == 0:
                continue  # seen without a look at the table of demands
            start = s.mode[b, x, Row.START]
            if start >= end or start + data[RowData.DURATION] <= begin:
                continue
            for q in range(data[RowData.DEMAND], data[RowData.DEMAND] + data[RowData.DEMANDS]):
                if s.touched[b, inst.demand[i, q, Demand.RESOURCE]] == 1:
                    s.mode[b, x, Row.FITS] = 0
                    mark(inst, s, b, i, j)


def close_modes(inst: Instances, s: State, b: int, i: int) -> None:
    """Exclude the modes that cannot go together with the last open mode of a task, until nothing changes."""
    again = True
    while again:
        again = False
        for j in range(inst.plan[i, Plan.TASKS]):
            task = s.task[b, j]
            if task[Task.OPEN] != 1 or task[Task.FORCED] == 1:
                continue
            task[Task.FORCED] = 1
            again = True
            x = inst.task[i, j, TaskData.ROW]
            while s.mode[b, x, Row.OPEN] == 0:
                x += 1
            first = inst.row[i, x, RowData.EXCLUDE]
            for e in range(first, first + inst.row[i, x, RowData.EXCLUDES]):
                close_mode(inst, s, b, i, inst.excluded[i, e])


def close_mode(inst: Instances, s: State, b: int, i: int, x: int) -> None:
    """Row x can no more be chosen."""
    j = inst.row[i, x, RowData.TASK]
    if s.mode[b, x, Row.OPEN] == 1 and s.task[b, j, Task.MODE] < 0:
        s.mode[b, x, Row.OPEN] = 0
        s.task[b, j, Task.OPEN] -= 1
        mark(inst, s, b, i, j)


def refuted(inst: Instances, s: State, b: int, i: int, x: int) -> bool:
    """Whether row x would leave another task without a mode. Excluded rows of a task stand together."""
    first = inst.row[i, x, RowData.EXCLUDE]
    other = -1
    lost = 0
    for e in range(first, first + inst.row[i, x, RowData.EXCLUDES]):
        y = inst.excluded[i, e]
        j = inst.row[i, y, RowData.TASK]
        lost = lost if j == other else 0
        other = j
        if s.task[b, j, Task.MODE] < 0:
            lost += s.mode[b, y, Row.OPEN]
            if lost == s.task[b, j, Task.OPEN]:
                return True
    return False
