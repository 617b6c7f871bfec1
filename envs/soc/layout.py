"""The arrays of the SoC family: packed instances, state, and the names of their columns and features.

A workload has applications, and an application has tasks. The tasks of all applications, one after another, are the rows of
the tables (`Z` of them, called templates). A live task belongs to a job in the system: it is slot * width + task, and its
template is row `App.FIRST + task`. A step of a large batch costs what it moves through memory, so numbers that are used
together are one row of an array.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

START, ASSIGN, TASK_ONLY, PE_ONLY = range(4)  # Instances.mode, in the order of problem.MODES
LATENCY, ENERGY, EDP, FLOW = range(4)  # Instances.goal, in the order of problem.GOALS
REDRAW, RETRY, QUEUE = range(3)  # Rule.WHEN_FULL, in the order of WHEN_FULL in instances/soc/instance.py
OUTSTANDING, READY, ASSIGNED, RUNNING, DONE = range(5)  # Live.STATUS
NEVER = 2**30  # above every time of a run


class Rule(Columns):
    """Of a workload (Instances.rule)."""

    HORIZON = "the end of the run"
    CAP = "most jobs in the system"
    WHEN_FULL = "what a job meets that finds the system full: REDRAW, RETRY or QUEUE"
    PREFILL = "1 = the system is full at time 0"
    MAX_JOBS = "the run ends when this many jobs are completed"
    WARMUP = "jobs count if they are completed at this tick or later"
    FIXED = "1 = one static graph"


class Worth(Columns):
    """What rewards charge for a workload (Instances.worth)."""

    PRESENCE = "reward lost for a microsecond of a job in the system"
    ENERGY = "reward lost for a nanojoule"


class App(Columns):
    """Of an application (Instances.app)."""

    FIRST = "its first template row"
    TASKS = "number of tasks"
    CHAIN = "longest chain of fastest executions"


class TaskData(Columns):
    """Of a template (Instances.task)."""

    PREDS = "number of predecessors"
    PRED_AT = "position of the first one in Instances.pred"
    SUCCS = "number of successors"
    SUCC_AT = "position of the first one in Instances.succ"
    FASTEST = "fastest execution"


class Pred(Columns):
    """Of the edge from a predecessor (Instances.pred)."""

    TASK = "the predecessor, a task of the application"
    VOLUME = "volume of data"


class Pe(Columns):
    """Of a processing element (Instances.pe)."""

    EXISTS = "1 = the chip has this PE"
    LEVELS = "number of frequency levels"
    IDLE_POWER = "power when idle, mW"


class Clock(Columns):
    """Counters of a run (State.clock)."""

    NOW = "current tick"
    ATTEMPT = "next attempt at an arrival"
    GAPS = "gaps between arrivals used so far"
    ARRIVED = "jobs arrived"
    LET_IN = "jobs let in"
    LIVE = "jobs in the system"
    COMPLETED = "jobs completed"
    COUNTED = "jobs completed after the warm-up"
    READY = "tasks ready"
    KNOWN = "ready tasks for which State.arrive is filled in"
    ASSIGNED = "tasks assigned and not begun"
    DECISIONS = "decisions made"
    OVER = "1 = the run is over"
    NEXT = "when data of a ready task next arrives at an idle PE (mode start)"
    PENDING = "jobs still to be let in at the start"
    IDLE = "PEs idle"


class Slot(Columns):
    """Of a place for a job in the system (State.slot)."""

    JOB = "number of the job, -1 = free"
    APPLICATION = "its application"
    ARRIVAL = "when it arrived"
    LEFT = "tasks that are not done"


class Live(Columns):
    """Of a live task (State.live)."""

    MISSING = "predecessors that are not done"
    STATUS = "OUTSTANDING, READY, ASSIGNED, RUNNING or DONE"
    PLACE = "its PE, -1 = none yet"
    LEVEL = "its frequency level"
    TICK = "when it ends or has ended; of a ready task: since when it is ready"
    ROW = "its template"
    SLOT = "slot of its job"


class Element(Columns):
    """Of a PE (State.element)."""

    RUNS = "live task it runs, -1 = idle"
    END = "when that task ends"
    EXPECT = "when the scheduler expects the PE to be free"
    BUSY = "ticks of work begun; once the run is over: done"
    WAITING = "tasks assigned and not begun"


class Finish(Columns):
    """Of a ready task (State.eft): its earliest finish."""

    EARLIEST = "earliest finish on any PE"
    SECOND = "earliest finish on any PE but that one"
    BEST_PE = "PE of the earliest finish"


class Outlook(Columns):
    """Of a ready task (State.outlook)."""

    AHEAD = "earliest end of the job's chain from this task on, over all PEs"
    LATER = "the same over busy PEs only"
    RANK = "upward rank"
    RELEASES = "successors that wait for this task alone"


class Claim(Columns):
    """Of a PE (State.claim): the ready tasks that would end there first."""

    CLAIMS = "number of them"
    LOSS = "largest loss of one that goes elsewhere"
    LOSS_2 = "second largest loss"
    URGENT = "largest rank"
    URGENT_2 = "second largest rank"


class Soon(Columns):
    """Of a PE (State.soon): the first task that a running one will make ready and that is best off on this PE."""

    START = "when it could start, NEVER = there is no such task"
    RANK = "its upward rank"
    LOSS = "its loss if it goes elsewhere"


class Chosen(Columns):
    """Of a legal choice but WAIT (State.choice): what the choice is made of; divisions would cost more."""

    READY = "place in the list of ready tasks"
    PE = "PE"
    LEVEL = "frequency level"


class Instances(NamedTuple):
    """A pool of N streams of W workloads; a static graph is both at once. Sizes as in problem.SocSizes."""

    pool: int  # N
    width: int  # T
    mode: int  # START, ASSIGN, TASK_ONLY or PE_ONLY
    goal: int  # LATENCY, ENERGY, EDP or FLOW
    levels: int  # L
    known: int  # 1 = successors are known before they are ready
    chip: Array  # (N,) int32 workload
    bound: Array  # (N,) int32 lower bound on the objective (mean latency in ns, makespan)
    gap: Array  # (N, G) int32
    application: Array  # (N, J) int32
    stretch: Array  # (N, J, T) float64 actual time over mean time, (1, 1, 1) without noise
    rule: Array  # (W, Rule) int32
    noise: Array  # (W,) float64
    rate: Array  # (W,) float64 1 / mean execution time
    worth: Array  # (W, Worth) float64
    load: Array  # (W,) float64 work that arrives, as a share of what all PEs can do at their fastest
    spread: Array  # (W,) float64 how much slower than its fastest PE a task runs in the mean
    elements: Array  # (W,) int32 PEs
    app: Array  # (W, A, App) int32
    chain: Array  # (W, A) float64 longest chain of mean executions, at least 1
    task: Array  # (W, Z, TaskData) int32
    work: Array  # (W, Z) float64 mean execution time over the PEs that can run a task
    rank: Array  # (W, Z) float64 upward rank
    sends: Array  # (W, Z) float64 longest mean transfer to a successor
    seen: Array  # (W, Z, P) int32 execution times as the scheduler knows them, -1 = cannot run
    mean: Array  # (W, Z, P) int32 execution times as they are
    oct: Array  # (W, Z, P) float64 least time from the task's end on this PE to the job's end
    pred: Array  # (W, E, Pred) int32
    succ: Array  # (W, E) int32 task of the application
    bandwidth: Array  # (W, P, P) float64
    pe: Array  # (W, P, Pe) int32
    mhz: Array  # (W, P, Lmax) int32
    power: Array  # (W, P, Lmax) int32 milliwatts


class State(NamedTuple):
    """One chip at one moment a copy; times in microseconds."""

    row: Array  # (B,) int32 instance in the pool
    clock: Array  # (B, Clock) int32
    latency: Array  # (B,) int64 sum over counted jobs
    present: Array  # (B,) int64 jobs in the system, integrated over time
    energy: Array  # (B,) float64 nanojoules of begun tasks, above idling; once over: all that was spent
    paid: Array  # (B,) float64 minus the sum of the rewards so far
    slot: Array  # (B, S, Slot) int32
    live: Array  # (B, S * T, Live) int32
    arrive: Array  # (B, S * T, P) int32 when a ready task's data is at each PE
    ready: Array  # (B, R + 1) int32 live tasks, in the order in which they became ready
    line: Array  # (B, S * T) int32 assigned tasks that have not begun, in the order of assignment
    eft: Array  # (B, R, Finish) int32
    choice: Array  # (B, K, Chosen) int16
    outlook: Array  # (B, R, Outlook) float64
    claim: Array  # (B, P, Claim) float64
    soon: Array  # (B, P, Soon) float64
    rest: Array  # (B, S) float64 what each job needs from now on along its longest chain, as far as its active tasks tell
    element: Array  # (B, P, Element) int32
    arrival: Array  # (B, J) int32 of each job
    done: Array  # (B, J) int32 when it was completed, -1 = not yet
    start: Array  # (B, J, T) int32 -1 = not yet
    pe: Array  # (B, J, T) int16
    level: Array  # (B, J, T) int8


class Candidate(Columns):
    """Features of a choice: to run a ready task on a PE, or to wait."""

    WAITS = "1 if the choice is to wait, else 0"
    DURATION = "time / u", "execution time on this PE"
    SLOWER_THAN_FASTEST = "time / fastest - 1", "how much slower than on its fastest PE"
    LATER_THAN_BEST = "(end - first) / u", "how much later it ends than on its best PE"
    LATER_AHEAD = "(ahead - least ahead) / u", "the same, counting the rest of the job"
    LOSS_ELSEWHERE = "[(end elsewhere - end) / u]8", "what it would lose on the best other PE"
    LOSS_BY_WAITING = "[(least ahead on busy PEs - ahead) / u]8", "what it would lose by waiting for a busy PE"
    RANK = "rank / 4u", "work ahead"
    RANK_SHARE = "rank / chain", "the same, as a share of the job"
    JOB_END = "(ahead - t) / chain", "when the job could be done this way"
    JOB_AGE = "(t - arrival) / chain", "age of the job"
    JOB_REST = "rest / chain", "what the job still needs"
    JOB_SLACK = "[(ahead - t - rest) / chain]4", "slack of this task in its job, below 0: the task is not critical"
    TASKS_LEFT = "tasks left / tasks", "share of the job's tasks that are not done"
    SUCCESSORS = "successors / 4", "number of successors"
    RELEASES = "n / 4", "successors that wait for this task alone"
    DATA_ARRIVES = "[(data there - t) / u]8", "when its data is at the PE; not below -4"
    PE_FREE = "(free - t) / u", "when the PE is free"
    READY_SINCE = "(t - ready since) / u", "how long the task has been ready"
    RIVALS = "rivals / 4", "number of rivals"
    RIVAL_LOSS = "largest loss / u", "largest loss of a rival that goes elsewhere"
    RIVAL_RANK = "[(largest rank of a rival - rank) / u]8 / 2", "is a rival more urgent; -4 without rivals"
    SENDS = "longest mean transfer to a successor / u", "data that it sends"
    REST_AFTER = "oct / chain", "rest of the job after this task"
    JOBS_BEFORE = "n / 4", "jobs in the system that came before this one, about"
    IS_FASTEST = "1 if this is one of the task's fastest PEs, else 0"
    FREQUENCY = "f / f_max", "frequency; 1 without `dvfs`"
    ENERGY = "energy / mean energy of a task", "energy at that level"
    CHOICE_OF_PE = "[(first - second) / u]8", "how much its best PE matters"
    STARTS = "1 if the choice is not to wait, else 0"
    ONWARD_DELAY = (
        "[(onward - ahead) / u]8",
        "`onward` is as `ahead`, but counts for each next task when PEs and its other data are there",
    )
    ONWARD = "(onward - t) / chain", "when the job could be done by that estimate"
    SOON = "[(soon - end) / u]8", "`soon`: start of the first task that a running one will make ready and that is best off here"
    SOON_RANK = "[(rank of that task - rank) / u]8 / 2", "is that task more urgent; -4 if there is none"
    SOON_LOSS = "loss / u", "loss of that task if it goes elsewhere"


class Context(Columns):
    """Features of the whole state."""

    FILLED = "jobs in the system / cap", "how full the system is"
    JOBS = "jobs in the system / P", "jobs for each PE"
    READY = "ready tasks / P", "ready tasks for each PE"
    IDLE = "idle PEs / P", "share of the PEs that is idle"
    ASSIGNED = "tasks assigned and not begun / P", "assigned tasks for each PE"
    LONGEST_REST = "largest rest / chain", "the job that is least advanced"
    MEAN_REST = "mean rest / chain", "what a job still needs in the mean"
    IS_STATIC = "1 if the instance is one static graph, else 0"
    NOISE = "noise", "noise of execution times"
    LOAD = "load", "work that arrives, at its fastest, over what all PEs can do"
    JOBS_OUTSIDE = "n / 8", "jobs that wait outside"
    SPREAD = "mean time / fastest - 1", "how unlike the PEs are"


class TaskNode(Columns):
    """Features of a template, of a live task, or of the node for waiting."""

    IS_TEMPLATE = "1 if it is a template, else 0"
    IS_OUTSTANDING = "1 if it is live and waits for predecessors, else 0"
    IS_READY = "1 if it is live and ready, else 0"
    IS_ASSIGNED = "1 if it is live, assigned and not begun, else 0"
    IS_RUNNING = "1 if it is live and running, else 0"
    IS_DONE = "1 if it is live and done, else 0"
    MISSING = "missing predecessors / 4", "live: predecessors that are not done"
    FASTEST = "fastest / u", "fastest execution"
    RANK = "rank / 4u", "work ahead"
    RANK_SHARE = "rank / chain", "the same, as a share of the job"
    PREDECESSORS_OR_AGE = "predecessors / 4, or (t - arrival) / chain", "template: number of predecessors; live: age of its job"
    SUCCESSORS = "successors / 4", "template: number of successors"
    SENDS = "longest mean transfer to a successor / u", "template: data that it sends"
    READY_SINCE = "(t - ready since) / u", "ready: how long it has been ready; the node for waiting: -1"


class ResourceNode(Columns):
    """Features of a PE, or of the node for waiting."""

    EXISTS = "1 if it is a PE of the instance, else 0"
    IS_IDLE = "1 if it is idle, else 0"
    FREE = "(free - t) / u", "when it is free"
    ASSIGNED = "tasks assigned and not begun / 4", "tasks that wait for it"
    BUSY = "busy time / t", "share of the time so far that it was busy"
    POWER = "power", "power at full speed, W"
    IS_WAITING = "1 if it is the node for waiting, else 0"


class RunsOn(Columns):
    """Features of the edge from a task to a PE."""

    DURATION = "time / u", "template or ready task: execution time"
    SLOWER_THAN_FASTEST = "time / fastest - 1", "template: how much slower than on its fastest PE"
    REST_AFTER = "oct / chain", "template: rest of the job after it"
    IS_TAKEN = "1 if the task is assigned to this PE or runs there, else 0"
    DATA_ARRIVES = "[(data there - t) / u]8", "ready task: when its data is at the PE; not below -4"
