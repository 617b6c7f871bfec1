"""The job shop's arrays: packed instances, state, and the names of their columns and features.

A step of a large batch costs what it moves through memory, so numbers that are used together are one row of an array.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

SEMI_ACTIVE, ACTIVE, NON_DELAY = range(3)  # Instances.action_set
NEVER = 2**30  # when a finished job is ready: above every time in a schedule
JOB_BITS = 24  # enough for the number of a job: a shop has at most 4,000,000 operations


class Task(Columns):
    """Of an operation (Instances.task)."""

    MACHINE = "its machine"
    DURATION = "its duration"
    HEAD = "work of the job before it"
    TAIL = "work of the job after it"
    REST = "work of the job from it on"
    JOB = "its job"


class JobData(Columns):
    """Of a job (Instances.job)."""

    LENGTH = "number of operations, 0 = no such job"
    RELEASE = "earliest start of the first operation"
    WORK = "sum of durations"


class MachineData(Columns):
    """Of a machine (Instances.resource)."""

    LOAD = "sum of durations"
    VISITS = "number of operations"
    FIRST = "position of its first operation in Instances.visitor"


class Job(Columns):
    """Of a job in a partial schedule (State.job)."""

    NEXT = "index of the next operation"
    FREE = "when the job can go on"
    READY = "earliest start of the next operation"
    WANTS = "machine of the next operation, -1 = the job is finished"
    NEEDS = "duration of the next operation"
    REMAINS = "work of the job from the next operation on"
    ORIGIN = "READY less the next operation's Task.HEAD"


class Machine(Columns):
    """Of a machine in a partial schedule (State.resource)."""

    IDLE = "when it is free"
    OPEN = "work not yet started"
    LEFT = "operations not yet started"
    QUEUE = "work of the next operations of jobs that want it"


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines, T operations."""

    pool: int  # N
    width: int  # K
    action_set: int  # SEMI_ACTIVE, ACTIVE or NON_DELAY
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    total: Array  # (N,) int32 operations in all
    bound: Array  # (N,) int32 lower bound on the makespan before any decision
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    task: Array  # (N, J * K, Task) int32 operation k of job j in row j * K + k
    job: Array  # (N, J, JobData) int32
    resource: Array  # (N, M, MachineData) int32
    visitor: Array  # (N, T) int32 rows of `task`, machine by machine


class State(NamedTuple):
    """One partial schedule a copy; times in ticks."""

    row: Array  # (B,) int32 instance in the pool
    scheduled: Array  # (B,) int32 operations started so far
    unfinished: Array  # (B,) int32 jobs with operations left
    bound: Array  # (B,) int32 lower bound on the makespan of every completion of this partial schedule
    makespan: Array  # (B,) int32 latest end so far
    work: Array  # (B,) int32 work not yet started
    busiest: Array  # (B,) int32 when the last machine would be done if none stood idle from now on
    first_end: Array  # (B,) int32 smallest possible completion of a next operation
    first_start: Array  # (B,) int32 smallest possible start of a next operation
    job: Array  # (B, J, Job) int32
    resource: Array  # (B, M, Machine) int32
    waiting: Array  # (B, T) int32 Instances.visitor, with the Machine.LEFT operations of each machine in front
    start: Array  # (B, J, K) int32 start of each operation, -1 = not started


class Candidate(Columns):
    """Features of a choice: to start job j's next operation."""

    DURATION = "p / u", "duration"
    WAIT_FROM_NOW = "[(r - t) / u]8", "how much later than the earliest start"
    LATER_THAN_FIRST_END = "[(e - C) / u]8", "how much later it ends than the first possible completion `C`"
    MACHINE_WAITS = "[(job free - free) / u]8", "above 0: the machine waits for the job; below: the job waits"
    TAIL = "tail / H", "work of the job afterwards"
    JOB_SLACK = "(LB - e - tail) / H", "slack of the job"
    OPERATIONS_LEFT = "left u / H", "operations of the job afterwards"
    JOB_PROGRESS = "(head + p) / work of the job", "progress of the job"
    MACHINE_LOAD = "open / H", "load of the machine"
    MACHINE_SLACK = "(LB - max(free, t) - open) / H", "slack of the machine"
    BOUND_INCREASE = (
        "[(max(max(a, e) + rest) - LB) / u]8",
        "what the choice does to `LB` through its rivals (0 for the maximum over none)",
    )
    WORST_RIVAL_DELAY = "[(max(max(a, e) + rest) - max(a + rest)) / u]8", "by how much it pushes the worst of them back"
    MEAN_RIVAL_DELAY = "[sum max(e - a, 0) / (n u)]8", "mean delay of the `n` rivals that can start before `e` (`n` at least 1)"
    RIVALS = "n / 8", "how many those are"
    LEAD_OVER_RIVALS = "[(rest - longest rest of the n) / H]4", "has it more work ahead than they have"
    IDLE_BEFORE_NEXT = "[(min a - e) / u]4 over those with a >= e", "idle time before the next arrival; 4 if there is none"
    NEXT_DURATION = "p' / u", "duration of the job's following operation, on machine `m'`; 16 to 19 are 0 if there is none"
    NEXT_MACHINE_WAIT = "[(free' - e) / u]8", "how long it would wait for `m'`"
    NEXT_MACHINE_LOAD = "open' / H", "load of `m'`"
    NEXT_MACHINE_QUEUE = "[queue' / u]8", "work of the next operations for `m'`"


class Context(Columns):
    """Features of the whole state."""

    PROGRESS = "started / operations", "progress"
    HORIZON = "(LB - t) / LB0", "open horizon"
    LOSS = "LB / LB0 - 1", "loss so far"
    UTILISATION = "work left / (H M)", "utilisation that `LB` asks for"
    BUSIEST_SLACK = "[(LB - busiest) / H]4", "slack of the machine that would be done last without idling"
    UNFINISHED_JOBS = "unfinished jobs / jobs", "share of the jobs that is left"
    JOBS_PER_MACHINE = "[unfinished jobs / M]8 / 4", "shape of what is left"
    OPERATION_TIME = "unfinished jobs u / H", "mean operation of each open job, in horizons"


class TaskNode(Columns):
    """Features of an operation; `s` is its start, or the earliest that its job alone allows."""

    EXISTS = "is an operation of the instance"
    STARTED = "has started"
    IS_NEXT = "is the next operation of its job"
    DURATION = "p / u", "duration"
    START = "(s - t) / H", "start"
    TAIL = "tail / H", "work of the job afterwards"
    SLACK = "(LB - s - rest) / H", "slack of the job"
    OPERATIONS_LEFT = "operations after it in the job u / H", "operations of the job afterwards"
    JOB_PROGRESS = "head / work of the job", "progress of the job"
    MACHINE_LOAD = "open / H", "load of its machine"


class ResourceNode(Columns):
    """Features of a machine."""

    EXISTS = "is a machine of the instance"
    LOAD = "open / H", "work that has not started"
    IDLE = "[(free - t) / u]8", "when it is free"
    OPERATIONS_LEFT = "operations not started on it u / H", "operations that have not started"
    SLACK = "(LB - max(free, t) - open) / H", "slack"


class RunsOn(Columns):
    """Feature of the edge from an operation to its machine."""

    DURATION = "p / u", "duration"
