"""The blocking shop's arrays: packed instances, state, and the names of their columns and features."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

NEVER = 2**30  # above every time in a schedule
NO_BUDGET = 2**50  # states of a search for deadlocks without a limit
SAFE, UNSAFE, UNDECIDED = 1, 0, 2  # verdicts on a state, of the search for deadlocks


class Task(Columns):
    """Of an operation (Instances.task)."""

    MACHINE = "its machine"
    DURATION = "its duration"
    HEAD = "work of the job before it"
    REST = "work of the job from it on"
    DELAY = "ticks for which its machine is broken as the job enters"
    LAST = "1 = it is the last operation of its job"


class JobData(Columns):
    """Of a job (Instances.job)."""

    LENGTH = "number of operations, 0 = no such job"
    RELEASE = "earliest start of the first operation"
    WORK = "sum of durations"


class MachineData(Columns):
    """Of a machine (Instances.resource)."""

    LOAD = "sum of durations"
    VISITS = "number of operations"


class Window(Columns):
    """A down window of a machine (Instances.down)."""

    BEGIN = "when the machine fails, -1 = no such window"
    END = "when it is repaired"


class Job(Columns):
    """Of a job (State.job)."""

    AT = "index of the operation whose machine it holds, -1 = not in the shop yet, LENGTH = it has left"
    HOLDS = "the machine it holds, -1 = none"
    WANTS = "machine of the next operation, -1 = none"
    BEGAN = "when processing began"
    DUE = "when processing will be done unless the machine fails"
    DONE = "1 = processing is done"
    FREE_TO_GO = "1 = it may move now"
    EXPECTED = "when processing is expected to be done, by what is known"


class Machine(Columns):
    """Of a machine (State.resource)."""

    HOLDER = "the job on it, -1 = none"
    DOWN = "1 = it is down"
    WINDOW = "index of the next down window, or of the present one"
    SINCE = "when it failed, while it is down"
    OPEN = "work that has not entered"
    LEFT = "operations that have not entered"
    OPENS = "when it is expected to be empty and up"
    MARK = "scratch of searches for circles"
    QUEUE = "number of released jobs outside that begin here"
    URGENT = "the most work that one of these jobs has"


class Clock(Columns):
    """Of the whole shop (State.clock)."""

    NOW = "the present tick"
    UNFINISHED = "jobs that have not left"
    MOVES = "how many choices are moves"
    PENDING = "1 = waiting is a choice"
    SOON = "when the next event is expected"
    INSIDE = "jobs in the shop"


class DrainingJob(Columns):
    """Of a job in a drain forecast (State.draining_job)."""

    JOB = "the job"
    AT = "index of the operation whose machine it holds, -1 = it has left"
    READY = "when that operation is processed"


class Station(Columns):
    """Of a machine in a drain forecast (State.station)."""

    USER = "index of the draining job on it, -1 = none"
    FREE = "when it is free"
    TO_COME = "work that has not entered"


class Forecast(Columns):
    """Result of a drain forecast (State.forecast). `MY` is the job of the choice that the forecast is about."""

    CLEARED = "when the last job leaves"
    BLOCKED_TICKS = "ticks for which jobs block a machine after they are done"
    EXCHANGES = "circles of jobs that are exchanged"
    MY_EXIT = "when my job leaves"
    MY_BLOCKED_TICKS = "ticks for which my job blocks a machine"
    MY_FIRST_BLOCKED_TICKS = "of these, on the machine it enters by the choice, -1 = it leaves from there"
    OTHER_EXITS = "sum of the ticks at which the other jobs leave"
    BUSIEST = "when the busiest machine has done all its work"


SWAP = True  # setting: bws; False is bns, with its search for deadlocks
OUTLOOK = True  # setting: the agent sees the drain forecast
FORECAST_NOW, FORECAST_AFTER = 0, 1  # rows of State.forecast: as things stand, and after the choice in question


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines, W windows."""

    pool: int  # N
    width: int  # K
    budget: int  # states that one search for deadlocks may look at
    repairs_known: int  # 1 = the agent sees when a repair will be done
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    total: Array  # (N,) int32 operations in all
    bound: Array  # (N,) int32 lower bound on the makespan before any decision
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    share: Array  # (N,) float64 long-run share of time down
    repair: Array  # (N,) int32 mean ticks of a repair
    restart: Array  # (N,) int32 1 = interrupted operations restart from the beginning
    task: Array  # (N, J * K, Task) int32 operation k of job j in row j * K + k
    job: Array  # (N, J, JobData) int32
    resource: Array  # (N, M, MachineData) int32
    visit: Array  # (N, J, M) int32 work of the job before its last operation on each machine, -1 = it has none
    future: Array  # (N, J * K) int64 set of the machines of the job's later operations, bit m = machine m
    windows: Array  # (N, M) int32 number of down windows
    down: Array  # (N, M, W, Window) int32


class State(NamedTuple):
    """One shop at one moment a copy; times in ticks."""

    row: Array  # (B,) int32 instance in the pool
    scheduled: Array  # (B,) int32 operations begun so far
    bound: Array  # (B,) int32 lower bound on the makespan from here on, by what is known
    rewarded: Array  # (B,) int32 the lower bound that the rewards so far have paid for
    makespan: Array  # (B,) int32 latest exit so far
    work: Array  # (B,) int32 work not begun
    clock: Array  # (B, Clock) int32
    job: Array  # (B, J, Job) int32
    resource: Array  # (B, M, Machine) int32
    start: Array  # (B, J, K) int32 when each operation's job entered, -1 = it has not
    search_jobs: Array  # (B, M) int32 the jobs of a search for deadlocks; the search's five arrays are empty with swaps
    level: Array  # (B, D, M) int16 their operations at each depth of the search, -1 = out of the shop
    branch: Array  # (B, D) int16 the next job to try at each depth
    key: Array  # (B, D) int64 the state at each depth, hashed
    memo: Array  # (B, S) int64 verdicts on states: twice the key, plus 1 if safe; 0 = free
    draining_job: Array  # (B, M, DrainingJob) int32; the forecast's four arrays are empty without a drain forecast
    station: Array  # (B, M, Station) int32
    forecast: Array  # (B, 2, Forecast) int32 rows FORECAST_NOW and FORECAST_AFTER
    exit: Array  # (B, J) int32 when each job in the shop would leave it, if no other job entered


class Candidate(Columns):
    """Features of a choice: to move a job onto its next machine, or to wait."""

    DURATION = "p / u", "duration"
    ENTERS_SHOP = "1 if the job enters the shop"
    BLOCKED_FOR = "[(t - c) / u]8", "how long it has been blocking; 0 if it enters the shop"
    REST = "rest / H", "work of the job"
    JOB_SLACK = "(LB - t - rest) / H", "slack of the job"
    OPERATIONS_LEFT = "operations left u / H", "operations of the job, this one included"
    JOB_PROGRESS = "head / work of the job", "progress of the job"
    MACHINE_LOAD = "open / H", "load of the machine"
    MACHINE_SLACK = "(LB - t - open) / H", "slack of the machine"
    RIVALS_READY = "n / 4", "rivals that are processed, or released and outside"
    RIVALS_COMING = "n / 4", "rivals in the shop that are not processed yet"
    NEXT_RIVAL = "[(arrival - t) / u]8", "when the first of these is expected; 8 if there is none"
    RIVAL_LEAD = "(longest rest - rest) / H", "by how much the most work that a rival has exceeds the job's"
    OLD_WANTED = "n / 4", "jobs that wait for `old`"
    OLD_WANTED_LATER = "n / 4", "jobs that will need `old` next"
    OLD_URGENCY = "longest rest of those waiting / H", "how urgent it is to leave"
    OLD_LOAD = "open / H", "load of `old`, which the job delays while it stays"
    OLD_DOWN = "1 if `old` is down"
    IS_LAST = "1 if it is the last operation of the job"
    NEXT_WAIT = (
        "[(opens - (t + p)) / u]8",
        "how long it would block `m` until `next` opens; 19 to 24 are 0 after the last operation",
    )
    NEXT_LOAD = "open / H", "load of `next`"
    NEXT_HELD = "1 if `next` is held"
    NEXT_DOWN = "1 if `next` is down"
    NEXT_CHAIN = (
        "n / 8",
        "jobs between `next` and an empty machine, each waiting for the next; `-(n + 1) / 8` if they lead back to `m`",
    )
    NEXT_DURATION = "p / u", "duration on `next`"
    SECOND_WAIT = "as `next_wait`, one operation later; 25 and 26 are 0 if there is none"
    SECOND_HELD = "as `next_held`, one operation later"
    ROUTE_WAIT = "[waiting / u]8", "time spent waiting for the next four machines, as things stand"
    ROUTE_HELD = "held / machines ahead", "share of the machines ahead that are held"
    ROUTE_SLACK = "(LB - end) / H", "slack of the job after that waiting"
    DELAYS = (
        "[sum of delays / u]8",
        "of jobs whose next or next but one operation is on `m`: how long after they could be there the job `leaves`",
    )
    LONGEST_DELAY = "[longest delay / u]8", "the longest of these delays"
    DELAYED_SLACK = (
        "(latest end - LB) / H",
        "when the job that is then done last would be done, if it never waits again; -1 if none is delayed",
    )
    NEXT_QUEUE = "n / 4", "jobs that will wait for `next` before it arrives there"
    NEXT_WAIT_IN_QUEUE = "as `next_wait`, after these have been on `next`"
    HOLDS_FOR = "[(leaves - t) / u]8", "how long it would hold `m`"
    NEXT_ENTRANTS = "n / 4", "released jobs outside that begin on `next`"
    IS_WAIT = "1 if this choice is to wait"
    NEXT_EVENT = "[(soon - t) / u]8", "for waiting: when the next event is expected"
    COMERS = "n / 4", "other jobs that come to `m` later on their routes"
    OPPOSING = "n / 4", "of these, jobs on whose machine this job comes later: they oppose each other"
    IN_THE_WAY = "n / 4", "jobs on whose machine this job comes later"
    COMER_OVERLAP = (
        "[(leaves - arrival) / u]8",
        "by how much the job still holds `m` when the first of 39 could be there; -8 if there is none",
    )
    COMERS_OVERLAP = "[sum of these, where positive / u]8", "over all of 39"
    DRAIN_MY_BLOCKED = "[blocked / u]8", "from here on the drain forecast: ticks for which the job will block machines"
    DRAIN_MY_FIRST_BLOCKED = "[blocked / u]8", "of these, on `m`"
    DRAIN_OTHERS_LATER = "[later / u]8", "how much later the other jobs leave, summed, than if the job had not been moved now"
    DRAIN_BLOCKED_CHANGE = "[change / u]8", "how many more ticks all jobs block machines than otherwise"
    DRAIN_BUSIEST_CHANGE = "[change / u]8", "by how much the latest end of 53 is later than otherwise"
    DRAIN_MY_SLACK = "(LB - end) / H", "slack of the job when it leaves"
    DRAIN_SLACK = "(LB - end) / H", "slack of the last job to leave"
    DRAIN_BLOCKED = "[blocked / u]32 / 4", "ticks for which all jobs block machines"
    DRAIN_EXCHANGES = "n / 4", "circles of jobs that wait for each other"
    DRAIN_BUSIEST = "(end - LB) / H", "the latest end of a machine that has work left, if it then does this work without a pause"


class Context(Columns):
    """Features of the whole state."""

    PROGRESS = "entered / operations", "progress"
    HORIZON = "H / LB0", "open horizon"
    LOSS = "LB / LB0 - 1", "loss so far"
    UTILISATION = "work not begun / (H M)", "utilisation that `LB` asks for"
    FILL = "jobs inside / M", "how full the shop is"
    UNFINISHED_JOBS = "unfinished jobs / jobs", "share of the jobs that is left"
    JOBS_PER_MACHINE = "[unfinished jobs / M]8 / 4", "shape of what is left"
    BLOCKING = "blocking jobs / M", "share of the machines that are blocked"
    DOWN = "machines down / M", "share of the machines that are down"
    MOVES = "legal moves / 8", "how many choices are moves"
    DOWN_SHARE = "p", "long-run share of time down"
    OPERATION_TIME = "[unfinished jobs u / H]8", "mean operation of each open job, in horizons"


class TaskNode(Columns):
    """Features of an operation; `s` is the job's entry, or the earliest that its job alone allows."""

    EXISTS = "is an operation of the instance"
    LEFT = "its job has left the machine"
    HELD = "its job holds the machine"
    PROCESSED = "its job holds the machine and is processed"
    DURATION = "p / u", "duration"
    START = "(s - t) / H", "entry; `s` is the earliest that its job alone allows if it has not entered"
    TAIL = "(rest - p) / H", "work of the job afterwards"
    SLACK = "(LB - s - rest) / H", "slack of the job"
    OPERATIONS_LEFT = "operations after it in the job u / H", "operations of the job afterwards"
    JOB_PROGRESS = "head / work of the job", "progress of the job"
    MACHINE_LOAD = "open / H", "load of its machine"
    IS_WAIT = "is the node of waiting"


class ResourceNode(Columns):
    """Features of a machine."""

    EXISTS = "is a machine of the instance"
    LOAD = "open / H", "work that has not entered"
    OPENS = "[(opens - t) / u]8", "when it is expected to be empty and up"
    OPERATIONS_LEFT = "operations not entered u / H", "operations that have not entered"
    HELD = "is held"
    BLOCKED = "is held by a job that is processed"
    DOWN = "is down"
    DOWN_FOR = "[(t - since) / u]8", "how long it has been down"
    IS_WAIT = "is the node of waiting"


class RunsOn(Columns):
    """Features of the edge from an operation to its machine."""

    DURATION = "p / u", "duration"
    HELD = "the job holds the machine for this operation"
    WAITS = "the job is processed and waits for the machine"
