"""The rules of any scheduling model: tasks are placed one after another, each in a mode, as early as the others allow.

A choice is a chain and a mode, and means the next task of the chain; it is a choice once all tasks are placed from which a lag
leads to that task. Choice k is mode k % W of chain k // W. There are two schemes (`inst.parallel`).

SERIAL    any eligible task, started at the earliest time from which its resources suffice for its whole duration given what is
          placed, gaps included (Kelley 1963). Choices are left out where an optimum remains (`Plan.CUT`):
          START_CUT    those that start when another could have ended, or later
          MACHINE_CUT  the same, and those on other machines than the one that could end first (Giffler & Thompson, Operations
                       Research 8, 1960)
PARALLEL  time goes on; what can start now is started, or (the last choice of all) the next start is waited for.

A schedule in which no task could start earlier alone is *active*. Both schemes reach every active schedule, hence an optimal one
(Sprecher, Kolisch & Drexl, EJOR 80, 1995), if no lag lets its second task start before its first.
"""

from __future__ import annotations

from dispatchgym.envs.core.contract import Array
from dispatchgym.envs.cpmodel.layout import (
    DEAD_END,
    DONE,
    GOING,
    MACHINE_CUT,
    NEVER,
    NO_CUT,
    About,
    Arc,
    ChainData,
    Clock,
    Demand,
    Instances,
    Part,
    Plan,
    ResourceData,
    Row,
    RowData,
    State,
    Step,
    Task,
    TaskData,
    Weight,
)
from dispatchgym.envs.cpmodel.profile import occupy
from dispatchgym.envs.cpmodel.spread import close_modes, mark, mark_rivals, next_task, note_end, push, refuted, spread


def reset(inst: Instances, s: State, b: int) -> None:
    i = s.row[b]
    plan = inst.plan[i]
    for f in range(s.clock.shape[1]):
        s.clock[b, f] = 0
    s.clock[b, Clock.PATH] = plan[Plan.PATH]
    s.part[b, Part.ENDS] = 0
    s.part[b, Part.LATENESS] = -NEVER
    s.part[b, Part.COST] = 0
    s.part[b, Part.WORK] = 0
    for c in range(s.next.shape[1]):
        s.next[b, c] = 0
    for r in range(plan[Plan.RESOURCES]):
        open_resource(inst, s, b, i, r)
    for n in range(s.changed.shape[1]):
        s.changed[b, n] = 0
    for j in range(plan[Plan.TASKS]):
        open_task(inst, s, b, i, j)
    if plan[Plan.LINKS] == 1:
        close_modes(inst, s, b, i)
    spread(inst, s, b, i)
    s.bound[b] = max(inst.bound[i], total(inst, s, b, s.clock[b, Clock.PATH]))
    survey(inst, s, b, i)


def open_resource(inst: Instances, s: State, b: int, i: int, r: int) -> None:
    """Resource r before anything is placed."""
    data = inst.resource[i, r]
    s.steps[b, r] = data[ResourceData.STEPS]
    for n in range(data[ResourceData.STEPS]):
        step = inst.opening[i, data[ResourceData.OPENING] + n]
        s.profile[b, data[ResourceData.PROFILE] + n, Step.TIME] = step[Step.TIME]
        s.profile[b, data[ResourceData.PROFILE] + n, Step.USED] = step[Step.USED]
    s.touched[b, r] = 0
    s.left[b, r] = data[ResourceData.VISITS]
    s.load[b, r] = 0.0
    for z in range(data[ResourceData.VISITOR], data[ResourceData.VISITOR] + data[ResourceData.VISITS]):
        q = inst.visitor[i, z]
        s.waiting[b, z] = q
        s.place[b, q] = z
        s.load[b, r] += inst.load[i, q]


def open_task(inst: Instances, s: State, b: int, i: int, j: int) -> None:
    """Task j before anything is placed."""
    data = inst.task[i, j]
    task = s.task[b, j]
    task[Task.MODE] = -1
    task[Task.START] = -1
    task[Task.PENDING] = data[TaskData.PREDS]
    task[Task.EARLY] = -1
    task[Task.END] = 0
    task[Task.THROUGH] = 0
    task[Task.SECOND] = NEVER
    task[Task.BEST] = data[TaskData.ROW]
    task[Task.OPEN] = data[TaskData.MODES]
    task[Task.CHEAPEST] = 0
    task[Task.FORCED] = 0
    for x in range(data[TaskData.ROW], data[TaskData.ROW] + data[TaskData.MODES]):
        s.mode[b, x, Row.READY] = data[TaskData.RELEASE]
        s.mode[b, x, Row.START] = data[TaskData.RELEASE]
        s.mode[b, x, Row.OPEN] = 1
        s.mode[b, x, Row.FITS] = 0
    if data[TaskData.DUE] < NEVER:
        s.part[b, Part.ENDS] += inst.weight[i, j, Weight.TARDINESS] * max(0 - data[TaskData.DUE], 0)
    s.part[b, Part.WORK] += inst.weight[i, j, Weight.WORK]
    mark(inst, s, b, i, j)


def total(inst: Instances, s: State, b: int, makespan: int) -> int:
    """The objective of these parts."""
    plan = inst.plan[s.row[b]]
    part = s.part[b]
    value = plan[Plan.OFFSET] + plan[Plan.MAKESPAN] * makespan + part[Part.ENDS] + plan[Plan.COST] * part[Part.COST]
    if plan[Plan.LATENESS] > 0:
        value += plan[Plan.LATENESS] * part[Part.LATENESS]
    return value


def finished(inst: Instances, s: State, b: int) -> bool:
    return s.clock[b, Clock.OVER] != GOING


def objective(inst: Instances, s: State, b: int) -> int:
    """The objective of the schedule; of a dead end, `Plan.WORST`."""
    return s.bound[b]


def may_take(inst: Instances, s: State, b: int, i: int, x: int) -> bool:
    """Whether nothing simple speaks against row x of a task that could be placed."""
    if inst.plan[i, Plan.TIGHT] == 0:
        return True
    if s.mode[b, x, Row.OPEN] == 0 or s.mode[b, x, Row.START] > inst.row[i, x, RowData.LATEST]:
        return False
    return not refuted(inst, s, b, i, x)


def survey(inst: Instances, s: State, b: int, i: int) -> None:
    """Look over all that could be placed: the first end, the first starts, and whether a task has no mode left."""
    clock = s.clock[b]
    plan = inst.plan[i]
    first_end = NEVER
    first_start = NEVER
    next_start = NEVER
    latest = NEVER
    leader = 0
    eligible = 0
    dead = False
    for c in range(plan[Plan.CHAINS]):
        j = next_task(inst, s, b, i, c)
        if j < 0:
            continue
        eligible += 1
        first = inst.task[i, j, TaskData.ROW]
        last = -1
        for x in range(first, first + inst.task[i, j, TaskData.MODES]):
            if not may_take(inst, s, b, i, x):
                continue
            begin = s.mode[b, x, Row.START]
            end = begin + inst.row[i, x, RowData.DURATION]
            leader = x if end < first_end else leader
            first_end = min(first_end, end)
            if begin < first_start:
                next_start = first_start
                first_start = begin
            elif begin > first_start:
                next_start = min(next_start, begin)
            last = max(last, inst.row[i, x, RowData.LATEST])
        dead = dead or last < 0
        latest = min(latest, last)
    if dead or clock[Clock.OVER] == DEAD_END:
        clock[Clock.OVER] = DEAD_END
        s.bound[b] = plan[Plan.WORST]
        eligible = 0
    clock[Clock.FIRST_END] = first_end
    clock[Clock.FIRST_START] = first_start if eligible > 0 else clock[Clock.MAKESPAN]
    clock[Clock.NEXT_START] = next_start
    clock[Clock.LEADER] = leader
    clock[Clock.ELIGIBLE] = eligible
    clock[Clock.LATEST] = latest
    if inst.parallel == 1 and eligible > 0:
        clock[Clock.NOW] = first_start


def legal(inst: Instances, s: State, b: int, choices: Array) -> int:
    i = s.row[b]
    clock = s.clock[b]
    cut = NO_CUT if inst.parallel == 1 else inst.plan[i, Plan.CUT]
    before = clock[Clock.FIRST_START] + 1 if inst.parallel == 1 else NEVER if cut == NO_CUT else clock[Clock.FIRST_END]
    leader = clock[Clock.LEADER]
    machine = inst.row[i, leader, RowData.RESOURCE]
    count = 0
    for c in range(inst.plan[i, Plan.CHAINS]):
        j = next_task(inst, s, b, i, c)
        if j < 0:
            continue
        first = inst.task[i, j, TaskData.ROW]
        for m in range(inst.task[i, j, TaskData.MODES]):
            x = first + m
            if s.mode[b, x, Row.START] >= before and (x != leader or inst.parallel == 1):
                continue
            if cut == MACHINE_CUT and inst.row[i, x, RowData.RESOURCE] != machine:
                continue
            if may_take(inst, s, b, i, x):
                choices[count] = c * inst.width + m
                count += 1
    if inst.parallel == 1 and clock[Clock.NEXT_START] < NEVER and clock[Clock.NEXT_START] <= clock[Clock.LATEST]:
        choices[count] = choices.shape[0] - 1
        count += 1
    return count


def is_wait(inst: Instances, s: State, k: int) -> bool:
    """Whether choice k is to wait."""
    return inst.parallel == 1 and k == s.next.shape[1] * inst.width


def task_at(inst: Instances, s: State, b: int, k: int) -> int:
    """The task of choice k, which is not to wait."""
    i = s.row[b]
    c = k // inst.width
    return inst.link[i, inst.chain[i, c, ChainData.FIRST] + s.next[b, c]]


def row_at(inst: Instances, s: State, b: int, k: int) -> int:
    """The mode of choice k, as a row."""
    return inst.task[s.row[b], task_at(inst, s, b, k), TaskData.ROW] + k % inst.width


def step(inst: Instances, s: State, b: int, action: int) -> float:
    i = s.row[b]
    before = s.bound[b]
    if is_wait(inst, s, action):
        wait(inst, s, b, i)
    else:
        place(inst, s, b, i, task_at(inst, s, b, action), row_at(inst, s, b, action))
    spread(inst, s, b, i)
    clock = s.clock[b]
    over = clock[Clock.PLACED] == inst.plan[i, Plan.TASKS]
    if over:
        clock[Clock.OVER] = DONE
        s.bound[b] = total(inst, s, b, clock[Clock.MAKESPAN])
    else:
        s.bound[b] = max(before, total(inst, s, b, clock[Clock.PATH]))
    survey(inst, s, b, i)
    return (before - s.bound[b]) * inst.about[i, About.WORTH]


def wait(inst: Instances, s: State, b: int, i: int) -> None:
    """Time goes on to the next start."""
    now = s.clock[b, Clock.NEXT_START]
    s.clock[b, Clock.NOW] = now
    for c in range(inst.plan[i, Plan.CHAINS]):
        j = next_task(inst, s, b, i, c)
        if j >= 0 and s.task[b, j, Task.EARLY] < now:
            mark(inst, s, b, i, j)


def place(inst: Instances, s: State, b: int, i: int, j: int, x: int) -> None:
    """Task j starts in row x at its earliest time."""
    clock = s.clock[b]
    task = s.task[b, j]
    data = inst.row[i, x]
    begin = s.mode[b, x, Row.START]
    end = begin + data[RowData.DURATION]
    first = inst.task[i, j, TaskData.ROW]
    task[Task.MODE] = x - first
    task[Task.START] = begin
    task[Task.EARLY] = begin
    task[Task.THROUGH] = begin + data[RowData.TAIL]
    task[Task.SECOND] = NEVER
    s.next[b, inst.task[i, j, TaskData.CHAIN]] += 1
    for y in range(first, first + inst.task[i, j, TaskData.MODES]):
        withdraw(inst, s, b, i, y)
        s.mode[b, y, Row.OPEN] = 1 if y == x else 0
    task[Task.OPEN] = 1
    if end > begin:
        for q in range(data[RowData.DEMAND], data[RowData.DEMAND] + data[RowData.DEMANDS]):
            demand = inst.demand[i, q]
            s.touched[b, demand[Demand.RESOURCE]] = 1
            occupy(inst, s, b, i, demand[Demand.RESOURCE], begin, end, demand[Demand.AMOUNT])
        mark_rivals(inst, s, b, i, begin, end)
        for q in range(data[RowData.DEMAND], data[RowData.DEMAND] + data[RowData.DEMANDS]):
            s.touched[b, inst.demand[i, q, Demand.RESOURCE]] = 0
    clock[Clock.PLACED] += 1
    clock[Clock.MAKESPAN] = max(clock[Clock.MAKESPAN], end)
    s.part[b, Part.WORK] += inst.work[i, x] - inst.weight[i, j, Weight.WORK]
    s.part[b, Part.COST] += data[RowData.COST] - task[Task.CHEAPEST]
    capacity = inst.plan[i, Plan.CAPACITY]
    path = max(begin + data[RowData.TAIL], (s.part[b, Part.WORK] + capacity - 1) // capacity)
    clock[Clock.PATH] = max(clock[Clock.PATH], path)
    note_end(inst, s, b, i, j, end)
    for a in range(inst.task[i, j, TaskData.ARC], inst.task[i, j, TaskData.ARC] + inst.task[i, j, TaskData.ARCS]):
        later = inst.arc[i, a, Arc.SECOND]
        s.task[b, later, Task.PENDING] -= 1
        if s.task[b, later, Task.PENDING] == 0:
            mark(inst, s, b, i, later)
    push(inst, s, b, i, j, begin, end)
    if inst.plan[i, Plan.LINKS] == 1:
        close_modes(inst, s, b, i)


def withdraw(inst: Instances, s: State, b: int, i: int, x: int) -> None:
    """Row x is no more waiting for its resources: the last demand of each list takes its place there."""
    first = inst.row[i, x, RowData.DEMAND]
    for q in range(first, first + inst.row[i, x, RowData.DEMANDS]):
        r = inst.demand[i, q, Demand.RESOURCE]
        s.left[b, r] -= 1
        s.load[b, r] -= inst.load[i, q]
        hole = s.place[b, q]
        last = s.waiting[b, inst.resource[i, r, ResourceData.VISITOR] + s.left[b, r]]
        s.waiting[b, hole] = last
        s.place[b, last] = hole


def task_of(inst: Instances, s: State, b: int, k: int) -> int:
    return s.task.shape[1] if is_wait(inst, s, k) else task_at(inst, s, b, k)


def resource_of(inst: Instances, s: State, b: int, k: int) -> int:
    return s.left.shape[1] if is_wait(inst, s, k) else inst.row[s.row[b], row_at(inst, s, b, k), RowData.RESOURCE]


def schedule_index(inst: Instances, s: State, b: int, k: int) -> int:
    """The row of the mode; to wait is the one after the last."""
    return s.mode.shape[1] if is_wait(inst, s, k) else row_at(inst, s, b, k)


def start_if_chosen(inst: Instances, s: State, b: int, k: int) -> int:
    """The tick at which choice k would start; to wait starts now."""
    return s.clock[b, Clock.NOW] if is_wait(inst, s, k) else s.mode[b, row_at(inst, s, b, k), Row.START]
