"""The arrays of improvement: packed instances, one complete schedule a copy, and the names of their columns and features.

A schedule is a directed graph. Its nodes are the operations of positive duration: one of duration 0 occupies no machine and
starts when its job is ready. Node n < J K is operation n % K of job n // K, node J K stands for "none", and nodes from
J K + 1 on for the releases of the jobs, so that every operation has neighbours on its job and on its machine.

A tail INCLUDES the operation's own duration, so that start + tail is the longest path through an operation.
"""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.columns import Columns
from dispatchgym.envs.core.contract import Array

N5, N6, N7 = range(3)  # Instances.neighbourhood


class Task(Columns):
    """Of a node (Instances.task); 0 but for operations."""

    MACHINE = "its machine"
    DURATION = "its duration"
    BEFORE = "node before it in the job: an operation of positive duration, or the job's release"
    AFTER = "operation of positive duration after it in the job, or none"


class JobData(Columns):
    """Of a job (Instances.job)."""

    LENGTH = "number of operations, 0 = no such job"
    RELEASE = "earliest start of the first operation"
    FIRST = "first operation of positive duration, or none"
    LAST = "last one, or the job's release"


class Node(Columns):
    """Of a node of the schedule's graph (State.node)."""

    END = "earliest end; of a release its tick"
    TAIL = "longest path from its start to the end of the schedule"
    PREV = "operation before it on the machine, or none"
    NEXT = "operation after it on the machine, or none"


class Moved(Columns):
    """When an operation was moved (State.moved): the number of moves made then, 0 = never."""

    LATER = "last time that it was put behind others"
    EARLIER = "last time that it was put ahead of others"


class Move(Columns):
    """Of a move that is offered (State.move)."""

    FROM = "the earlier operation `a`"
    TO = "the later operation `b` of the same block"
    LATER = "1 = `a` goes right behind `b`, 0 = `b` goes right ahead of `a`"
    ESTIMATE = "estimated makespan; for two neighbours never above the true one"
    PASSED = "number of operations that the moved one passes"
    BLOCK = "number of operations in the block"
    AT_START = "1 = `a` is the first of the block"
    AT_END = "1 = `b` is the last of the block"


class Instances(NamedTuple):
    """A pool of N instances padded to J jobs of K operations, M machines, T operations."""

    pool: int  # N
    width: int  # K
    neighbourhood: int  # N5, N6 or N7
    moves: int  # of an episode
    jobs: Array  # (N,) int32
    machines: Array  # (N,) int32
    total: Array  # (N,) int32 operations of positive duration
    bound: Array  # (N,) int32 lower bound on the makespan
    unit: Array  # (N,) float64 mean duration of an operation, at least 1
    rate: Array  # (N,) float64 1 / unit
    task: Array  # (N, J * K + 1 + J, Task) int32
    job: Array  # (N, J, JobData) int32
    load: Array  # (N, M) int32 sum of durations of each machine
    score: Array  # (N, J * K) float64 of the start's rule: the smallest goes first


class State(NamedTuple):
    """One complete schedule a copy, and the best one so far; times in ticks."""

    row: Array  # (B,) int32 instance in the pool
    made: Array  # (B,) int32 moves made
    makespan: Array  # (B,) int32 of the present schedule
    first: Array  # (B,) int32 makespan of the start
    best: Array  # (B,) int32 smallest makespan so far
    best_at: Array  # (B,) int32 moves made when it was found
    is_best: Array  # (B,) int8 1 = the present schedule is the one that a restart goes back to
    count: Array  # (B,) int32 moves offered
    found: Array  # (B,) int32 moves of the neighbourhood
    begin: Array  # (B,) int32 where the critical path begins in `path`
    node: Array  # (B, J * K + 1 + J, Node) int32
    place: Array  # (B, J * K + 1 + J) int32 position of an operation in `order`, -1 for other nodes
    moved: Array  # (B, J * K, Moved) int32
    order: Array  # (B, T) int32 operations in a topological order of the graph
    best_order: Array  # (B, T) int32 the same of the best schedule
    path: Array  # (B, T) int32 a critical path, its last operation at position total - 1
    move: Array  # (B, C, Move) int32
    scratch: Array  # (B, T) int32 work space
    next: Array  # (B, J) int32 work space: next operation of each job
    last: Array  # (B, M) int32 work space: last operation of each machine


class Candidate(Columns):
    """Features of a choice: to move an operation past others of its block, or to restart from the best schedule."""

    RESTART = "1 if this choice goes back to the best schedule; then all but 1 and 2 are 0"
    CHANGE = "[(e - c) / u]8", "estimated change of the makespan"
    ABOVE_BEST = "[(e - best) / u]8", "estimated makespan against the best so far"
    LATER = "1 if `a` goes right behind `b`, 0 if `b` goes right ahead of `a`"
    PASSED = "n / 8", "number of operations that the moved one passes"
    PASSED_WORK = "[work of these / u]8", "work that it passes"
    DURATION = "p / u", "duration of the moved operation"
    START = "start / c", "start of the moved operation"
    TAIL = "tail / c", "its tail"
    DELAY_SLACK = "[(c - end of a - tail of the next in its job) / u]8", "how late `a` can end before its job is critical"
    ADVANCE_SLACK = "[(c - end of the one before b in its job - tail of b) / u]8", "how early `b` can start for its job"
    BLOCK = "n / 8", "operations in the block"
    AT_START = "1 if `a` is the first of the block"
    AT_END = "1 if `b` is the last of the block"
    RECENT = "1 / moves since", "`a` was put ahead of others or `b` behind others, which this would undo; 0 if never"


class Context(Columns):
    """Features of the whole state."""

    PROGRESS = "moves made / moves", "progress"
    LOSS = "best / LB0 - 1", "the best makespan so far"
    GAIN = "(first - best) / LB0", "return so far"
    ABOVE_BEST = "[(c - best) / u]8", "how far the present schedule is from the best"
    IS_BEST = "1 if the present schedule is the one that a restart goes back to"
    STALE = "[moves since the best was found / 100]4", "patience"
    CHOICES = "moves of the neighbourhood / 32", "how many there are"
    PATH = "operations of the critical path / (J + M)", "its length"
    SHAPE = "[jobs / M]8 / 4", "shape of the instance"
    OPERATION_TIME = "J u / c", "a mean operation of each job, in makespans"


class TaskNode(Columns):
    """Features of an operation."""

    EXISTS = "is an operation of the instance"
    IS_RESTART = "is the node of the restart"
    DURATION = "p / u", "duration"
    START = "start / c", "start"
    TAIL = "tail / c", "its duration and what must follow it"
    SLACK = "(c - start - tail) / c", "slack; 0 if it is critical"
    ON_PATH = "1 if it is on the critical path whose blocks are offered"
    JOB_WAIT = "[(start - end of the one before it in its job) / u]8", "how long its job waits for the machine"
    MACHINE_WAIT = "[(start - end of the one before it on its machine) / u]8", "how long the machine waits for it"
    RECENT = "1 / moves since it was moved", "0 if never"


class ResourceNode(Columns):
    """Features of a machine."""

    EXISTS = "is a machine of the instance"
    IS_RESTART = "is the node of the restart"
    LOAD = "work / c", "utilisation"
    ON_PATH = "work on the critical path / c", "its part of the critical path"


class RunsOn(Columns):
    """Features of the edge from an operation to its machine."""

    DURATION = "p / u", "duration"
    POSITION = "work of the machine before it / work of the machine", "its place in the machine's order"
