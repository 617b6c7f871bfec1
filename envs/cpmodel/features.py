"""What the agent sees of a scheduling model: features of choices and of the state, and the graph."""

from __future__ import annotations

from dispatchgym.envs.core.arithmetic import clip
from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.cpmodel.layout import (
    NEVER,
    About,
    Arc,
    Candidate,
    Clock,
    Context,
    Demand,
    Instances,
    Plan,
    ResourceData,
    ResourceNode,
    Row,
    RowData,
    RunsOn,
    State,
    Step,
    Task,
    TaskData,
    TaskNode,
    Weight,
)
from dispatchgym.envs.cpmodel.profile import step_at
from dispatchgym.envs.cpmodel.rules import is_wait, row_at


def candidate(inst: Instances, s: State, b: int, k: int, out: Array) -> None:
    """Features of placing a task in a mode now; time is in mean durations, or in shares of the open horizon."""
    for f in range(Candidate.DEMAND, Candidate.WAITS + 1):
        out[f] = 0.0
    if is_wait(inst, s, k):
        for f in range(Candidate.DEMAND):
            out[f] = 0.0
        i = s.row[b]
        clock = s.clock[b]
        out[Candidate.WAIT_FROM_NOW] = clip((clock[Clock.NEXT_START] - clock[Clock.NOW]) * inst.about[i, About.RATE], 8.0)
        out[Candidate.WAITS] = 1.0
        return
    x = row_at(inst, s, b, k)
    own(inst, s, b, x, out)
    price(inst, s, b, x, out)
    follow(inst, s, b, x, out)
    r = inst.row[s.row[b], x, RowData.RESOURCE]
    if r < s.left.shape[1]:
        room(inst, s, b, x, r, out)
        rivals(inst, s, b, x, r, out)


def own(inst: Instances, s: State, b: int, x: int, out: Array) -> None:
    """What is said of the mode and its task alone."""
    i = s.row[b]
    data = inst.row[i, x]
    j = data[RowData.TASK]
    task = s.task[b, j]
    fixed = inst.task[i, j]
    clock = s.clock[b]
    rate = inst.about[i, About.RATE]
    now = clock[Clock.FIRST_START]
    share = 1.0 / max(clock[Clock.PATH] - now, 1)
    begin = s.mode[b, x, Row.START]
    p = data[RowData.DURATION]
    tail = data[RowData.TAIL]
    other = task[Task.SECOND] if task[Task.BEST] == x else task[Task.THROUGH]
    out[Candidate.DURATION] = p * rate
    out[Candidate.SLOWER_THAN_FASTEST] = min(p / max(fixed[TaskData.SHORTEST], 1) - 1.0, 4.0) if p > 0 else 0.0
    out[Candidate.WAIT_FROM_NOW] = clip((begin - now) * rate, 8.0)
    out[Candidate.LATER_THAN_FIRST_END] = clip((begin + p - clock[Clock.FIRST_END]) * rate, 8.0)
    out[Candidate.LATER_THAN_OWN_FIRST] = clip((begin + p - task[Task.END]) * rate, 8.0)
    out[Candidate.LATER_THROUGH] = clip((begin + tail - task[Task.THROUGH]) * rate, 8.0)
    out[Candidate.LOSS_ELSEWHERE] = clip((other - begin - tail) * rate, 8.0)
    out[Candidate.RESOURCES_WAIT] = clip((begin - s.mode[b, x, Row.READY]) * rate, 8.0)
    out[Candidate.TAIL] = (tail - p) * share
    out[Candidate.SLACK] = (clock[Clock.PATH] - begin - tail) * share
    out[Candidate.AFTER] = fixed[TaskData.AFTER] / max(inst.plan[i, Plan.TASKS] - clock[Clock.PLACED], 1)
    out[Candidate.DEPTH] = begin / max(begin + tail, 1)
    out[Candidate.MODES] = task[Task.OPEN] / 8.0


def price(inst: Instances, s: State, b: int, x: int, out: Array) -> None:
    """What the mode does to parts of the objective, and its dates."""
    i = s.row[b]
    data = inst.row[i, x]
    about = inst.about[i]
    j = data[RowData.TASK]
    task = s.task[b, j]
    weight = inst.weight[i, j]
    due = inst.task[i, j, TaskData.DUE]
    begin = s.mode[b, x, Row.START]
    end = begin + data[RowData.DURATION]
    gain = weight[Weight.COMPLETION] * (end - task[Task.END])
    if due < NEVER:
        gain += weight[Weight.TARDINESS] * (max(end - due, 0) - max(task[Task.END] - due, 0))
    late = data[RowData.LATEST]
    out[Candidate.URGENCY] = clip((late - begin) * about[About.RATE], 8.0) if late < NEVER else 8.0
    out[Candidate.DUE] = clip((due - end) * about[About.RATE], 8.0) if due < NEVER else 8.0
    out[Candidate.WEIGHT] = min((weight[Weight.COMPLETION] + weight[Weight.TARDINESS]) * about[About.WEIGHT], 4.0)
    out[Candidate.COST] = min(data[RowData.COST] * about[About.PRICE], 4.0)
    out[Candidate.EXTRA_COST] = clip((data[RowData.COST] - task[Task.CHEAPEST]) * about[About.PRICE], 4.0)
    out[Candidate.OBJECTIVE] = gain * about[About.WORTH]
    out[Candidate.WORK] = inst.work[i, x] * about[About.RATE] / inst.plan[i, Plan.CAPACITY]


def follow(inst: Instances, s: State, b: int, x: int, out: Array) -> None:
    """The tasks that wait for the task of the mode."""
    i = s.row[b]
    data = inst.row[i, x]
    fixed = inst.task[i, data[RowData.TASK]]
    end = s.mode[b, x, Row.START] + data[RowData.DURATION]
    released = 0
    longest = -1
    heir = -1
    for a in range(fixed[TaskData.ARC], fixed[TaskData.ARC] + fixed[TaskData.ARCS]):
        j = inst.arc[i, a, Arc.SECOND]
        released += 1 if s.task[b, j, Task.PENDING] == 1 else 0
        if inst.task[i, j, TaskData.TAIL] > longest:
            longest = inst.task[i, j, TaskData.TAIL]
            heir = j
    out[Candidate.RELEASES] = released / 4.0
    if heir >= 0:
        best = s.mode[b, s.task[b, heir, Task.BEST], Row.START]
        out[Candidate.NEXT_DURATION] = inst.task[i, heir, TaskData.SHORTEST] * inst.about[i, About.RATE]
        out[Candidate.NEXT_DELAY] = clip((best - end) * inst.about[i, About.RATE], 8.0)


def room(inst: Instances, s: State, b: int, x: int, r: int, out: Array) -> None:
    """What is free of the main resource r of the mode, and how much work it has."""
    i = s.row[b]
    data = inst.row[i, x]
    clock = s.clock[b]
    rate = inst.about[i, About.RATE]
    share = 1.0 / max(clock[Clock.PATH] - clock[Clock.FIRST_START], 1)
    begin = s.mode[b, x, Row.START]
    capacity = inst.resource[i, r, ResourceData.CAPACITY]
    resources = inst.plan[i, Plan.RESOURCES]
    every = 0.0
    for q in range(resources):
        every += s.load[b, q]
    z = step_at(inst, s, b, i, r, begin)
    last = inst.resource[i, r, ResourceData.PROFILE] + s.steps[b, r] - 1
    after = s.profile[b, z + 1, Step.TIME] - begin - data[RowData.DURATION] if z < last else NEVER
    out[Candidate.DEMAND] = data[RowData.AMOUNT] / capacity
    out[Candidate.LOAD] = s.load[b, r] * share
    out[Candidate.LOAD_SHARE] = clip(s.load[b, r] * resources / max(every, 1.0) - 1.0, 4.0)
    out[Candidate.FREE] = (capacity - s.profile[b, z, Step.USED] - data[RowData.AMOUNT]) / capacity
    out[Candidate.IDLE_BEFORE] = clip((begin - s.profile[b, z, Step.TIME]) * rate, 8.0)
    out[Candidate.IDLE_AFTER] = clip(after * rate, 8.0)


def rivals(inst: Instances, s: State, b: int, x: int, r: int, out: Array) -> None:
    """What the mode does to the other tasks that could use resource r: those for which it leaves too little there.

    A rival that is delayed may go to its best other mode instead.
    """
    i = s.row[b]
    data = inst.row[i, x]
    clock = s.clock[b]
    rate = inst.about[i, About.RATE]
    own_task = data[RowData.TASK]
    begin = s.mode[b, x, Row.START]
    end = begin + data[RowData.DURATION]
    used = s.profile[b, step_at(inst, s, b, i, r, begin), Step.USED]
    free = inst.resource[i, r, ResourceData.CAPACITY] - used - data[RowData.AMOUNT]
    latest = 0
    earliest = 0
    delayed = 0
    count = 0
    longest = 0
    arrival = NEVER
    first = inst.resource[i, r, ResourceData.VISITOR]
    for z in range(first, first + s.left[b, r]):
        demand = inst.demand[i, s.waiting[b, z]]
        y = demand[Demand.ROW]
        j = demand[Demand.TASK]
        if j == own_task or demand[Demand.AMOUNT] <= free:
            continue
        task = s.task[b, j]
        head = s.mode[b, y, Row.START]
        tail = demand[Demand.TAIL]
        through = task[Task.THROUGH]
        earliest = max(earliest, through)
        pushed = min(max(head, end) + tail, task[Task.SECOND])
        latest = max(latest, pushed if task[Task.BEST] == y else through)
        # Plain sums and selections: which rivals come first is as good as random, and a branch would be guessed wrongly.
        delayed += max(end - head, 0)
        count += 1 if head < end else 0
        longest = max(longest, tail if head < end else 0)
        arrival = min(arrival, NEVER if head < end else head)
    share = 1.0 / max(clock[Clock.PATH] - clock[Clock.FIRST_START], 1)
    out[Candidate.BOUND_INCREASE] = clip((latest - clock[Clock.PATH]) * rate, 8.0)
    out[Candidate.WORST_RIVAL_DELAY] = clip((latest - earliest) * rate, 8.0)
    out[Candidate.MEAN_RIVAL_DELAY] = clip(delayed * rate / max(count, 1), 8.0)
    out[Candidate.RIVALS] = count / 8.0
    out[Candidate.LEAD_OVER_RIVALS] = clip((data[RowData.TAIL] - longest) * share, 4.0)
    out[Candidate.IDLE_BEFORE_NEXT] = clip((arrival - end) * rate, 4.0)


def context(inst: Instances, s: State, b: int, out: Array) -> None:
    """Features of the whole state: how far it is, how tight it is, its shape, what is minimised."""
    i = s.row[b]
    plan = inst.plan[i]
    about = inst.about[i]
    clock = s.clock[b]
    horizon = max(clock[Clock.PATH] - clock[Clock.FIRST_START], 1)
    resources = max(plan[Plan.RESOURCES], 1)
    every = 0.0
    most = 0.0
    for r in range(plan[Plan.RESOURCES]):
        every += s.load[b, r]
        most = max(most, s.load[b, r])
    out[Context.PROGRESS] = clock[Clock.PLACED] / plan[Plan.TASKS]
    out[Context.HORIZON] = (clock[Clock.PATH] - clock[Clock.FIRST_START]) / max(plan[Plan.PATH], 1)
    out[Context.LOSS] = (s.bound[b] - inst.bound[i]) * about[About.WORTH]
    out[Context.UTILISATION] = every / (resources * float(horizon))
    out[Context.BOTTLENECK] = clip(most / horizon, 4.0)
    out[Context.ELIGIBLE] = clock[Clock.ELIGIBLE] / 8.0
    out[Context.PER_RESOURCE] = clip(clock[Clock.ELIGIBLE] / resources, 8.0) / 4.0
    out[Context.TASK_TIME] = clip((plan[Plan.TASKS] - clock[Clock.PLACED]) * about[About.UNIT] / horizon, 16.0) / 4.0
    out[Context.FLEXIBILITY] = about[About.FLEXIBILITY]
    out[Context.CUMULATIVE] = about[About.CUMULATIVE]
    out[Context.BRANCHING] = about[About.BRANCHING]
    out[Context.MAKESPAN] = about[About.MAKESPAN]
    out[Context.COMPLETION] = about[About.COMPLETION]
    out[Context.TARDINESS] = about[About.TARDINESS]
    out[Context.COSTS] = about[About.COSTS]
    out[Context.PARALLEL] = inst.parallel


def graph(inst: Instances, s: State, b: int, o: Observation) -> None:
    """Task nodes are the instance's tasks, resource nodes its resources, each with a node for waiting at the end."""
    i = s.row[b]
    edge = 0
    arc = 0
    for j in range(inst.plan[i, Plan.TASKS]):
        show_task(inst, s, b, j, o.tasks[b, j])
        fixed = inst.task[i, j]
        for a in range(fixed[TaskData.ARC], fixed[TaskData.ARC] + fixed[TaskData.ARCS]):
            o.precedes[b, arc, 0] = j
            o.precedes[b, arc, 1] = inst.arc[i, a, Arc.SECOND]
            arc += 1
        for x in range(fixed[TaskData.ROW], fixed[TaskData.ROW] + fixed[TaskData.MODES]):
            data = inst.row[i, x]
            first = data[RowData.DEMAND]
            for q in range(first, first + max(data[RowData.DEMANDS], 1)):
                needs = data[RowData.DEMANDS] > 0
                r = inst.demand[i, q, Demand.RESOURCE] if needs else s.left.shape[1]
                o.runs_on[b, edge, 0] = j
                o.runs_on[b, edge, 1] = r
                show_mode(inst, s, b, x, o.runs_on_features[b, edge])
                if needs:
                    amount = inst.demand[i, q, Demand.AMOUNT]
                    o.runs_on_features[b, edge, RunsOn.DEMAND] = amount / inst.resource[i, r, ResourceData.CAPACITY]
                edge += 1
    o.tasks[b, s.task.shape[1], TaskNode.IS_WAITING] = 1.0
    show_resources(inst, s, b, o)


def show_task(inst: Instances, s: State, b: int, j: int, out: Array) -> None:
    i = s.row[b]
    task = s.task[b, j]
    fixed = inst.task[i, j]
    about = inst.about[i]
    clock = s.clock[b]
    rate = about[About.RATE]
    share = 1.0 / max(clock[Clock.PATH] - clock[Clock.FIRST_START], 1)
    due = fixed[TaskData.DUE]
    weight = inst.weight[i, j, Weight.COMPLETION] + inst.weight[i, j, Weight.TARDINESS]
    out[TaskNode.EXISTS] = 1.0
    out[TaskNode.PLACED] = 1.0 if task[Task.MODE] >= 0 else 0.0
    out[TaskNode.ELIGIBLE] = 1.0 if task[Task.MODE] < 0 and task[Task.PENDING] == 0 else 0.0
    out[TaskNode.SHORTEST] = fixed[TaskData.SHORTEST] * rate
    out[TaskNode.START] = (task[Task.EARLY] - clock[Clock.FIRST_START]) * share
    out[TaskNode.TAIL] = fixed[TaskData.TAIL] * share
    out[TaskNode.SLACK] = (clock[Clock.PATH] - task[Task.THROUGH]) * share
    out[TaskNode.AFTER] = fixed[TaskData.AFTER] / inst.plan[i, Plan.TASKS]
    out[TaskNode.MODES] = task[Task.OPEN] / 8.0
    out[TaskNode.MODE_LOSS] = clip((task[Task.SECOND] - task[Task.THROUGH]) * rate, 8.0)
    out[TaskNode.PREDECESSORS] = task[Task.PENDING] / 4.0
    out[TaskNode.SUCCESSORS] = fixed[TaskData.ARCS] / 4.0
    out[TaskNode.DUE] = clip((due - task[Task.END]) * rate, 8.0) if due < NEVER else 8.0
    out[TaskNode.WEIGHT] = min(weight * about[About.WEIGHT], 4.0)


def show_mode(inst: Instances, s: State, b: int, x: int, out: Array) -> None:
    i = s.row[b]
    data = inst.row[i, x]
    j = data[RowData.TASK]
    task = s.task[b, j]
    p = data[RowData.DURATION]
    rate = inst.about[i, About.RATE]
    shortest = max(inst.task[i, j, TaskData.SHORTEST], 1)
    after = s.mode[b, x, Row.START] + data[RowData.TAIL] - task[Task.THROUGH]
    taken = x == inst.task[i, j, TaskData.ROW] + task[Task.MODE]
    out[RunsOn.DURATION] = p * rate
    out[RunsOn.SLOWER_THAN_FASTEST] = min(p / shortest - 1.0, 4.0) if p > 0 else 0.0
    out[RunsOn.LATER] = clip(after * rate, 8.0)
    out[RunsOn.COST] = min(data[RowData.COST] * inst.about[i, About.PRICE], 4.0)
    out[RunsOn.IS_TAKEN] = 1.0 if task[Task.MODE] >= 0 and taken else 0.0


def show_resources(inst: Instances, s: State, b: int, o: Observation) -> None:
    i = s.row[b]
    clock = s.clock[b]
    now = clock[Clock.FIRST_START]
    share = 1.0 / max(clock[Clock.PATH] - now, 1)
    for r in range(inst.plan[i, Plan.RESOURCES]):
        out = o.resources[b, r]
        data = inst.resource[i, r]
        last = s.profile[b, data[ResourceData.PROFILE] + s.steps[b, r] - 1, Step.TIME]
        out[ResourceNode.EXISTS] = 1.0
        out[ResourceNode.MACHINE] = 1.0 if data[ResourceData.CAPACITY] == 1 else 0.0
        out[ResourceNode.LOAD] = s.load[b, r] * share
        out[ResourceNode.FREE] = clip((last - now) * inst.about[i, About.RATE], 8.0)
        out[ResourceNode.VISITS] = s.left[b, r] / 16.0
        out[ResourceNode.SLACK] = (clock[Clock.PATH] - max(last, now) - s.load[b, r]) * share
    o.resources[b, s.left.shape[1], ResourceNode.IS_WAITING] = 1.0
