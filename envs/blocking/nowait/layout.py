"""The no-wait shop's arrays: packed instances, state, and the names of their columns and features."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array


class Task(Columns):
    """Of an operation (Instances.task). Consecutive operations on one machine are one stay."""

    MACHINE = "its machine"
    DURATION = "ticks of its stay if the stay begins with it, else 0"
    HEAD = "work of the job before it"
    REST = "work of the job from it on"


class Job(Columns):
    """Of a job (State.job)."""

    BEGIN = "its start, -1 = not placed"
    OFFER = "its first possible start from the cursor on, NEVER = none"
    MORE = "1 = it has a later possible start"


class Machine(Columns):
    """Of a machine (State.resource)."""

    COUNT = "number of operations placed on it"
    PLACED = "work placed on it"
    OPEN = "work not placed"


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines."""

    pool: int  # N
    width: int  # K
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    bound: Array  # (N,) int32 lower bound on the makespan before any decision
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    task: Array  # (N, J * K, Task) int32 operation k of job j in row j * K + k
    job: Array  # (N, J, JobData) int32
    load: Array  # (N, M) int32 work of each machine
    first: Array  # (N, M) int32 where each machine's part of State.placed begins


class State(NamedTuple):
    """One partial schedule a copy; times in ticks."""

    row: Array  # (B,) int32 instance in the pool
    cursor: Array  # (B,) int32 starts before it are not offered
    left: Array  # (B,) int32 jobs not placed
    work: Array  # (B,) int32 work not placed
    makespan: Array  # (B,) int32 latest end so far
    bound: Array  # (B,) int32 lower bound on the makespan from here on
    job: Array  # (B, J, Job) int32
    resource: Array  # (B, M, Machine) int32
    placed: Array  # (B, T) int32 rows of `task` that are placed, machine by machine
    start: Array  # (B, J, K) int32 start of each operation, -1 = not placed


class Candidate(Columns):
    """Features of a choice: to place a job at `begin`, or to move the cursor; `first` is the earliest `begin` of all."""

    IS_CURSOR = "1 if this choice moves the cursor"
    BEGIN = "begin / LB", "start; for the cursor, `first / LB`"
    LATER_THAN_FIRST = "[(begin - first) / u]8", "how much later than the first"
    WORK = "work / LB", "work of the job"
    END = "end / LB", "when the job would be done"
    END_AFTER_MAKESPAN = "(end - makespan) / LB", "against the makespan so far"
    MAKESPAN_GROWTH = "max(end - makespan, 0) / LB", "by how much that grows"
    HAS_LATER_START = "1 if the job has another start later"
    MACHINE_LOAD = "largest open / LB", "of its machines; `open` is work not placed"
    TOUCHES = "n / (2 operations)", "its operations' ends and starts that touch others"


class Context(Columns):
    """Features of the whole state."""

    JOBS_LEFT = "jobs not placed / jobs", "share of the jobs that is left"
    MAKESPAN = "makespan / LB", "makespan so far"
    LOSS = "LB / LB0 - 1", "loss so far"
    UTILISATION = "work not placed / (LB M)", "utilisation that `LB` asks for"
    JOBS_PER_MACHINE = "[jobs / M]8 / 4", "shape of the instance"
    CURSOR = "cursor / LB", "starts before the cursor are not offered"


class TaskNode(Columns):
    """Features of an operation; `s` is its start."""

    EXISTS = "is an operation of the instance"
    PLACED = "is placed"
    START = "s / LB", "start; 0 if it is not placed"
    DURATION = "p / u", "duration"
    HEAD = "head / LB", "work of the job before it"
    REST = "rest / LB", "work of the job from it on"
    IS_CURSOR = "is the node of the cursor"


class ResourceNode(Columns):
    """Features of a machine."""

    EXISTS = "is a machine of the instance"
    LOAD = "open / LB", "work not placed"
    PLACED = "work placed / LB", "work placed"
    IS_CURSOR = "is the node of the cursor"


class RunsOn(Columns):
    """Feature of the edge from an operation to its machine."""

    DURATION = "p / u", "duration"
