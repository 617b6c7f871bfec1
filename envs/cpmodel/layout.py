"""The arrays of any scheduling model: packed instances, state, and the names of their columns and features.

A mode of a task is a row: the rows of a task stand together (`Task.ROW`). A demand is what a row uses of one resource. A chain
is a list of tasks of which each must be placed before the next, so that at most one of them can be placed at a time; every task
is in one chain. A step of a large batch costs what it moves through memory, so numbers that are used together are one row of
an array.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

NO_CUT, START_CUT, MACHINE_CUT = range(3)  # Plan.CUT
GOING, DONE, DEAD_END = range(3)  # Clock.OVER
NEVER = 2**30  # above every time of a schedule


class Plan(Columns):
    """Of an instance (Instances.plan)."""

    TASKS = "number of tasks"
    CHAINS = "number of chains"
    RESOURCES = "number of resources"
    CUT = "which choices of the serial scheme are left out: NO_CUT, START_CUT or MACHINE_CUT"
    TIGHT = "1 = a task can be left without a mode: there are deadlines or links"
    LINKS = "1 = there are modes that exclude each other"
    PATH = "lower bound on the makespan before any decision"
    CAPACITY = "sum of the capacities, at least 1"
    MAKESPAN = "weight of the makespan"
    LATENESS = "weight of the maximum lateness"
    COST = "weight of the sum of costs"
    WORST = "the objective of a dead end: above that of every schedule"
    OFFSET = "constant of the objective"


class About(Columns):
    """Of an instance, as features have it (Instances.about)."""

    UNIT = "mean duration of a mode, at least 1"
    RATE = "1 / UNIT"
    WORTH = "1 / scale of the rewards"
    WEIGHT = "1 / mean weight of a task that has one"
    PRICE = "1 / mean cost of a mode that has one"
    FLEXIBILITY = "modes of a task in the mean, over 8"
    CUMULATIVE = "share of the resources with a capacity above 1"
    BRANCHING = "lags / tasks / 4"
    MAKESPAN = "share of the makespan in the objective"
    COMPLETION = "share of the completion times"
    TARDINESS = "share of tardiness, total and maximum"
    COSTS = "share of costs"


class TaskData(Columns):
    """Of a task (Instances.task)."""

    ROW = "its first mode"
    MODES = "number of modes"
    RELEASE = "earliest start"
    DUE = "due date, NEVER = none"
    PREDS = "lags that lead to it"
    ARC = "its first lag to another task in Instances.arc"
    ARCS = "number of these"
    SHORTEST = "shortest duration"
    TAIL = "time from its start to the end of all, at least"
    AFTER = "tasks that are placed after it by lags"
    CHAIN = "its chain"
    PLACE = "its place in Instances.order"


class Weight(Columns):
    """Weights of a task in the objective (Instances.weight), and the least work."""

    COMPLETION = "weight of its end"
    TARDINESS = "weight of its tardiness"
    WORK = "least work of a mode: duration times demands"


class RowData(Columns):
    """Of a mode (Instances.row)."""

    TASK = "its task"
    DURATION = "its duration"
    COST = "its cost"
    TAIL = "time from its start to the end of all, at least"
    LATEST = "latest start by deadlines"
    DEMAND = "its first demand in Instances.demand"
    DEMANDS = "number of demands"
    RESOURCE = "the resource that it loads most; the node after the last one if it needs none"
    AMOUNT = "its demand there"
    EXCLUDE = "its first row in Instances.excluded"
    EXCLUDES = "number of modes of other tasks that are impossible together with it"


class Demand(Columns):
    """Of a demand (Instances.demand)."""

    RESOURCE = "the resource"
    AMOUNT = "units in use during the mode"
    ROW = "the mode"
    TASK = "its task"
    TAIL = "its tail"


class Arc(Columns):
    """Of a lag (Instances.arc)."""

    SECOND = "the task that waits"
    FROM_END = "1 = from the end of the first task, 0 = from its start"
    TO_END = "1 = to the end of the second task, 0 = to its start"
    LEAST = "least difference"
    FIRST_MODE = "mode of the first task in which it holds, -1 = any"
    SECOND_MODE = "mode of the second task in which it holds, -1 = any"


class ResourceData(Columns):
    """Of a resource (Instances.resource)."""

    CAPACITY = "units in all"
    PROFILE = "position of its first step in State.profile"
    VISITOR = "position of its first demand in Instances.visitor"
    VISITS = "number of demands"
    OPENING = "position of its first step in Instances.opening"
    STEPS = "number of steps before anything is placed"


class ChainData(Columns):
    """Of a chain (Instances.chain)."""

    FIRST = "position of its first task in Instances.link"
    LENGTH = "number of tasks"


class Step(Columns):
    """Of a profile (State.profile): the use of a resource from a time on, up to that of the next step."""

    TIME = "when it begins; the first is 0"
    USED = "units in use"


class Clock(Columns):
    """Counters of an episode (State.clock)."""

    PLACED = "tasks placed"
    NOW = "current time of the parallel scheme"
    OVER = "GOING, DONE or DEAD_END"
    MAKESPAN = "latest end so far"
    PATH = "lower bound on the makespan"
    FIRST_END = "earliest end of all modes that could be chosen"
    FIRST_START = "earliest start of them"
    NEXT_START = "earliest start after that, NEVER = there is none"
    LEADER = "the mode of the earliest end, as a row"
    ELIGIBLE = "tasks that could be placed"
    LATEST = "the last time to wait for: afterwards a task has no mode left"
    CHANGED = "tasks whose numbers are out of date"


class Part(Columns):
    """Lower bounds of parts of the objective (State.part)."""

    ENDS = "weighted completion times and tardiness"
    LATENESS = "maximum lateness"
    COST = "sum of costs"
    WORK = "sum of work"


class Task(Columns):
    """Of a task in a partial schedule (State.task)."""

    MODE = "its mode, -1 = not placed"
    START = "its start, -1 = not placed"
    PENDING = "lags from tasks that are not placed"
    EARLY = "earliest start of all modes that are left"
    END = "earliest end"
    THROUGH = "earliest end of all that follows it, by its best mode"
    SECOND = "the same by its second best mode, NEVER = there is none"
    BEST = "its best mode, as a row"
    OPEN = "modes that no link excludes"
    CHEAPEST = "least cost of a mode that is left"
    FORCED = "1 = its last open mode has excluded what it excludes"


class Row(Columns):
    """Of a mode in a partial schedule (State.mode)."""

    READY = "earliest start by lags"
    START = "earliest start; exact once all tasks before it are placed"
    OPEN = "1 = no link excludes it"
    FITS = "1 = the resources have room at START"


class Instances(NamedTuple):
    """A pool of N instances padded to T tasks, M modes, D demands, A lags, R resources, C chains, S steps."""

    pool: int  # N
    width: int  # W most modes of a task
    parallel: int  # 1 = the parallel scheme
    bound: Array  # (N,) int64 lower bound on the objective before any decision
    plan: Array  # (N, Plan) int64
    about: Array  # (N, About) float64
    order: Array  # (N, T) int32 tasks, each after those that it waits for
    task: Array  # (N, T, TaskData) int32
    weight: Array  # (N, T, Weight) int64
    row: Array  # (N, M, RowData) int32
    work: Array  # (N, M) int64 duration times demands
    demand: Array  # (N, D, Demand) int32
    load: Array  # (N, D) float64 duration times amount, over the capacity and the number of modes
    arc: Array  # (N, A, Arc) int32 lags by their first task
    excluded: Array  # (N, X) int32 rows
    resource: Array  # (N, R, ResourceData) int32
    visitor: Array  # (N, D) int32 demands, resource by resource
    opening: Array  # (N, S, Step) int32 profiles before anything is placed: the breaks
    chain: Array  # (N, C, ChainData) int32
    link: Array  # (N, T) int32 tasks, chain by chain


class State(NamedTuple):
    """One partial schedule a copy; times in ticks."""

    row: Array  # (B,) int32 instance in the pool
    bound: Array  # (B,) int64 lower bound on the objective of every completion of this partial schedule
    clock: Array  # (B, Clock) int32
    part: Array  # (B, Part) int64
    task: Array  # (B, T, Task) int32
    mode: Array  # (B, M, Row) int32
    next: Array  # (B, C) int32 tasks of the chain that are placed
    steps: Array  # (B, R) int32 steps of each profile
    profile: Array  # (B, P, Step) int32
    changed: Array  # (B, T) int8 1 = the numbers of the task at this place of Instances.order are out of date
    touched: Array  # (B, R) int8 1 = the task that is placed now uses the resource
    load: Array  # (B, R) float64 work that is not placed, over the capacity; a task with several modes counts them equally
    waiting: Array  # (B, D) int32 Instances.visitor, with the demands of tasks that are not placed in front
    place: Array  # (B, D) int32 where each demand stands there
    left: Array  # (B, R) int32 number of these


class Candidate(Columns):
    """Features of a choice: to place a task in a mode, or to wait. The last one alone is set for waiting."""

    DURATION = "p / u", "duration"
    SLOWER_THAN_FASTEST = "[p / shortest - 1]4", "how much slower than the fastest mode"
    WAIT_FROM_NOW = "[(s - t) / u]8", "how much later it starts than the earliest choice"
    LATER_THAN_FIRST_END = "[(e - C) / u]8", "how much later it ends than the first possible end `C`"
    LATER_THAN_OWN_FIRST = "[(e - earliest end of the task) / u]8", "how much later than in the mode that ends first"
    LATER_THROUGH = "[(s + tail - best through) / u]8", "the same, counting what follows"
    LOSS_ELSEWHERE = "[(through in the best other mode - s - tail) / u]8", "what it would lose in its best other mode; 8 = none"
    RESOURCES_WAIT = "[(s - ready) / u]8", "how long it waits for resources"
    TAIL = "(tail - p) / H", "time from its end to the end of all, at least"
    SLACK = "(LB - s - tail) / H", "slack"
    AFTER = "tasks after it / tasks not placed", "share of the tasks that wait for it"
    DEPTH = "s / (s + tail)", "how far it is from the end"
    MODES = "modes left / 8", "number of its modes"
    DEMAND = "amount / capacity", "share of the main resource, 0 without one; 15 to 25 are of this resource"
    WORK = "work / u / capacity of all", "duration times all demands, as a share of one unit of time of all resources"
    LOAD = "load / H", "work not placed"
    LOAD_SHARE = "[load / mean load - 1]4", "the same against the other resources"
    FREE = "(capacity - use at s - amount) / capacity", "what is free besides"
    IDLE_BEFORE = "[(s - last change of use) / u]8", "how long the use has not changed"
    IDLE_AFTER = "[(next change of use - e) / u]8", "how long it does not change afterwards; 8 = for ever"
    BOUND_INCREASE = (
        "[(max(through') - LB) / u]8",
        "what the choice does to `LB` through its rivals (0 for the maximum over none)",
    )
    WORST_RIVAL_DELAY = "[(max(through') - max(through)) / u]8", "by how much it pushes the worst of them back"
    MEAN_RIVAL_DELAY = "[sum(max(e - a, 0)) / (n u)]8", "mean delay of the `n` rivals that can start before `e` (`n` at least 1)"
    RIVALS = "n / 8", "how many those are"
    LEAD_OVER_RIVALS = "[(tail - longest tail of the n) / H]4", "has it more ahead than they have"
    IDLE_BEFORE_NEXT = "[(min a - e) / u]4 over rivals with a >= e", "idle time before the next arrival; 4 if there is none"
    RELEASES = "n / 4", "tasks that wait for this one alone"
    NEXT_DURATION = "p' / u", "shortest duration of the task `j` after it with the longest tail; 27 and 28 are 0 if there is none"
    NEXT_DELAY = "[(earliest start of j in its best mode - e) / u]8", "how long it would wait for other tasks"
    URGENCY = "[(latest start - s) / u]8", "time to the deadline; 8 = none"
    DUE = "[(due - e) / u]8", "time to the due date; 8 = none"
    WEIGHT = "[weight / mean weight]4", "weight of its end and tardiness"
    COST = "[cost / mean cost]4", "cost of the mode"
    EXTRA_COST = "[(cost - least cost of the task) / mean cost]4", "what it costs more than the cheapest mode"
    OBJECTIVE = "what it adds to weighted ends / scale", "increase of the objective by this choice alone"
    WAITS = "1 if the choice is to wait, else 0", "is to wait"


class Context(Columns):
    """Features of the whole state."""

    PROGRESS = "placed / tasks", "progress"
    HORIZON = "(LB - t) / LB0", "open horizon"
    LOSS = "(bound - bound before any decision) / scale", "loss so far"
    UTILISATION = "mean load / H", "utilisation that `LB` asks for"
    BOTTLENECK = "[largest load / H]4", "the same of the resource with the most work"
    ELIGIBLE = "eligible tasks / 8", "tasks that could be placed"
    PER_RESOURCE = "[eligible tasks / resources]8 / 4", "shape of what is left"
    TASK_TIME = "[tasks not placed * u / H]16 / 4", "work of what is left, in horizons"
    FLEXIBILITY = "modes / tasks / 8", "modes of a task in the mean"
    CUMULATIVE = "n / resources", "share of the resources with a capacity above 1"
    BRANCHING = "lags / tasks / 4", "lags for each task"
    MAKESPAN = "share of the makespan in the objective", "what is minimised; 11 to 14 sum to 1"
    COMPLETION = "share of completion times", "the same"
    TARDINESS = "share of tardiness and lateness", "the same"
    COSTS = "share of costs", "the same"
    PARALLEL = "1 in the parallel scheme, else 0", "the scheme"


class TaskNode(Columns):
    """Features of a task, or of the node for waiting, which is the last one."""

    EXISTS = "is a task of the instance"
    PLACED = "is placed"
    ELIGIBLE = "could be placed"
    SHORTEST = "p / u", "shortest duration"
    START = "(s - t) / H", "start, or the earliest of all modes"
    TAIL = "tail / H", "time from its start to the end of all, at least"
    SLACK = "(LB - best through) / H", "slack"
    AFTER = "tasks after it / tasks", "share of the tasks that wait for it"
    MODES = "modes left / 8", "number of its modes"
    MODE_LOSS = "[(second best through - best through) / u]8", "what its second best mode loses; 8 = there is none"
    PREDECESSORS = "lags from tasks not placed / 4", "what it waits for"
    SUCCESSORS = "lags to others / 4", "what waits for it"
    DUE = "[(due - earliest end) / u]8", "time to the due date; 8 = none"
    WEIGHT = "[weight / mean weight]4", "weight of its end and tardiness"
    IS_WAITING = "1 if it is the node for waiting, else 0"


class ResourceNode(Columns):
    """Features of a resource, or of the node for waiting and for modes that need none, which is the last one."""

    EXISTS = "is a resource of the instance"
    MACHINE = "1 if its capacity is 1, else 0"
    LOAD = "load / H", "work that is not placed"
    FREE = "[(last change of use - t) / u]8", "when nothing is in use any more"
    VISITS = "demands of tasks not placed / 16", "modes that could use it"
    SLACK = "(LB - max(last change, t) - load) / H", "slack"
    IS_WAITING = "1 if it is the node for waiting, else 0"


class RunsOn(Columns):
    """Features of the edge from a task to a resource of one of its modes."""

    DURATION = "p / u", "duration"
    SLOWER_THAN_FASTEST = "[p / shortest - 1]4", "how much slower than the fastest mode"
    DEMAND = "amount / capacity", "share of the resource"
    LATER = "[(s + tail - best through) / u]8", "how much later all that follows ends than in the best mode"
    COST = "[cost / mean cost]4", "cost of the mode"
    IS_TAKEN = "1 if the task is placed in this mode, else 0"
