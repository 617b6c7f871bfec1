"""Scheduling problems in a normal form: tasks with modes, renewable resources, minimum time lags and a regular objective.

Exactly one mode of every task is chosen. A task in mode m runs for `duration` ticks without preemption, during the half-open
interval [start, start + duration), and uses `demands` of its resources meanwhile; with duration 0 it uses nothing. The amounts
in use on a resource, by tasks and breaks, never exceed its capacity. Lags hold between starts or ends of two tasks, always
or if given modes are chosen. This is the multi-mode resource-constrained project scheduling problem with minimum time lags
(Sprecher, Kolisch & Drexl, EJOR 80, 1995); job shops, flexible job shops and assembly shops are cases of it.

Everything is immutable and hashable. Construction raises InputError, in one line, for what is no instance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.cpmodel.solution import Origin
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

LagKind = Literal["FS", "SS", "FF", "SF"]
KINDS: tuple[str, ...] = get_args(LagKind)

MAX_TASKS = 20_000
MAX_MODES = 400_000  # of all tasks together
MAX_DEMANDS = 2_000_000  # of all modes together
MAX_RESOURCES = 5_000
MAX_LAGS = 400_000
MAX_LINKS = 400_000
MAX_BREAKS = 100_000  # of all resources together
MAX_TIME = 2**30  # every time and lag is below this, so that sums of two fit into 32 bits
MAX_AMOUNT = 2**30  # capacities, demands, costs and weights are below this
MAX_OBJECTIVE = 2**62  # every objective value is below this
MAX_NAME = 120  # characters


def _refuse_number(what: str, value: object, low: int, high: int) -> None:
    """Raise InputError unless `value` is an int in [low, high)."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{what} {printable(repr(value), 40)} is not a whole number")
    if not low <= value < high:
        sign = "is negative" if low == 0 and value < 0 else f"is not between {low} and {high - 1}"
        raise InputError(f"{what} {printable(str(value), 40) if abs(value) < 2**200 else 'of many digits'} {sign}")


def _refuse_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InputError(f"{what}: name {printable(repr(name), 60)} is not a text of 1 to {MAX_NAME} printable characters")


@dataclass(frozen=True, slots=True)
class Mode:
    """One way to do a task."""

    duration: int  # ticks, >= 0
    demands: tuple[tuple[int, int], ...] = ()  # (resource, amount > 0), resources ascending
    cost: int = 0  # >= 0


@dataclass(frozen=True, slots=True)
class Task:
    """A task, of which one mode is chosen."""

    name: str
    modes: tuple[Mode, ...]  # at least one
    release: int = 0  # earliest start, >= 0
    deadline: int | None = None  # latest end, which every schedule keeps; None = the horizon
    due: int | None = None  # an end that may be missed, at a price; may be negative
    group: int = -1  # the job that the task belongs to, for drawing and rules; -1 = none


@dataclass(frozen=True, slots=True)
class Resource:
    """A renewable resource. With capacity 1 it is a machine."""

    name: str
    capacity: int  # > 0
    breaks: tuple[tuple[int, int, int], ...] = ()  # (start, end, amount in use), in order of start; start < end, amount > 0


@dataclass(frozen=True, slots=True)
class Lag:
    """`point(second) >= point(first) + least`, where the kind says the points: "FS" is from the end of the first to the start.

    With modes given, it holds only if the tasks are in these.
    """

    first: int  # task
    second: int  # another task
    kind: LagKind = "FS"
    least: int = 0  # ticks; below zero the tasks may overlap by so much
    first_mode: int | None = None
    second_mode: int | None = None


@dataclass(frozen=True, slots=True)
class ModeLink:
    """If task `first` is in mode `first_mode`, task `second` is in one of `second_modes`."""

    first: int
    first_mode: int
    second: int  # another task
    second_modes: tuple[int, ...]  # ascending, neither none nor all of the modes of `second`


@dataclass(frozen=True, slots=True)
class Objective:
    """What is minimised: the sum of these parts. All weights are >= 0.

    C is the end of a task, T = max(0, C - due) its tardiness, C - due its lateness. Tasks with a weight of tardiness need a due
    date; the maximum lateness is over all tasks that have one.
    """

    makespan: int = 1  # weight of the largest end of all tasks
    completion: tuple[int, ...] = ()  # (N,) weights of C; empty = all 0
    tardiness: tuple[int, ...] = ()  # (N,) weights of T; empty = all 0
    lateness: int = 0  # weight of the maximum lateness
    cost: int = 0  # weight of the sum of the costs of the chosen modes
    offset: int = 0  # a constant, of any sign


@dataclass(frozen=True)
class CPInstance:
    """One scheduling problem. Lags form no cycle, so that the tasks can be placed one after another."""

    tasks: tuple[Task, ...]  # N
    resources: tuple[Resource, ...] = ()  # R
    lags: tuple[Lag, ...] = ()
    links: tuple[ModeLink, ...] = ()
    objective: Objective = Objective()
    horizon: int = 0  # no task ends later; 0 = `safe_horizon`, which cuts off no active schedule
    name: str = field(default="unnamed", compare=False)
    lower_bound: int | None = field(default=None, compare=False)  # best published lower bound on the objective
    best_known: int | None = field(default=None, compare=False)  # best published objective
    # The model that it was read from; a changed copy has none.
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self._check()
        except InputError as error:
            raise InputError(f"{printable(self.name)}: {error}") from None

    def _check(self) -> None:
        _refuse_name("instance", self.name)
        sizes = (("tasks", self.tasks, MAX_TASKS), ("resources", self.resources, MAX_RESOURCES), ("lags", self.lags, MAX_LAGS))
        for what, each, most in (*sizes, ("links", self.links, MAX_LINKS)):
            if not isinstance(each, tuple):
                raise InputError(f"{what} are not a tuple")
            if len(each) > most:
                raise InputError(f"{len(each)} {what}, at most {most} are allowed")
        if not self.tasks:
            raise InputError("there is no task")
        for r, resource in enumerate(self.resources):
            _check_resource(r, resource)
        for i, task in enumerate(self.tasks):
            _check_task(i, task, self.resources)
        if sum(len(task.modes) for task in self.tasks) > MAX_MODES:
            raise InputError(f"more than {MAX_MODES} modes")
        if sum(len(mode.demands) for task in self.tasks for mode in task.modes) > MAX_DEMANDS:
            raise InputError(f"more than {MAX_DEMANDS} demands")
        if sum(len(resource.breaks) for resource in self.resources) > MAX_BREAKS:
            raise InputError(f"more than {MAX_BREAKS} breaks")
        for k, lag in enumerate(self.lags):
            _check_lag(k, lag, self.tasks)
        for k, link in enumerate(self.links):
            _check_link(k, link, self.tasks)
        placing_order(self)
        _refuse_number("horizon", self.horizon, 0, MAX_TIME)
        if self.horizon == 0:
            object.__setattr__(self, "horizon", safe_horizon(self))
            if self.horizon >= MAX_TIME:
                raise InputError("durations, lags, releases and breaks add up to 2**30 ticks or more")
        _check_objective(self)
        if self.origin is not None and self.origin.parts != self.parts:
            object.__setattr__(self, "origin", None)

    @property
    def parts(self) -> tuple[object, ...]:
        """What makes instances equal."""
        return self.tasks, self.resources, self.lags, self.links, self.objective, self.horizon

    @property
    def modes(self) -> int:
        """The number of modes of all tasks."""
        return sum(len(task.modes) for task in self.tasks)

    def __repr__(self) -> str:
        return f"CPInstance({self.name!r}, tasks={len(self.tasks)}, modes={self.modes}, resources={len(self.resources)})"


@dataclass(frozen=True, eq=False)
class CPSchedule:
    """The mode and the start of every task."""

    start: npt.NDArray[np.int64]  # (N,) ticks
    mode: npt.NDArray[np.int64]  # (N,) index into the task's modes


def _check_resource(r: int, resource: Resource) -> None:
    _refuse_name(f"resource {r}", resource.name)
    what = f"resource {r} ({printable(resource.name, 40)})"
    _refuse_number(f"{what}: capacity", resource.capacity, 1, MAX_AMOUNT)
    changes: list[tuple[int, int]] = []
    for begin, end, amount in resource.breaks:
        _refuse_number(f"{what}: start of a break", begin, 0, MAX_TIME)
        _refuse_number(f"{what}: end of the break at {begin}", end, begin + 1, MAX_TIME)
        _refuse_number(f"{what}: amount of the break at {begin}", amount, 1, MAX_AMOUNT)
        changes += [(end, -amount), (begin, amount)]
    if list(resource.breaks) != sorted(resource.breaks):
        raise InputError(f"{what}: breaks are not in the order of their starts")
    used = 0
    for time, change in sorted(changes):
        used += change
        if used > resource.capacity:
            raise InputError(f"{what}: breaks use {used} at {time}, more than the capacity {resource.capacity}")


def _check_task(i: int, task: Task, resources: tuple[Resource, ...]) -> None:
    _refuse_name(f"task {i}", task.name)
    what = f"task {i} ({printable(task.name, 40)})"
    if not isinstance(task.modes, tuple) or not task.modes:
        raise InputError(f"{what}: has no mode")
    _refuse_number(f"{what}: release", task.release, 0, MAX_TIME)
    if task.deadline is not None:
        _refuse_number(f"{what}: deadline", task.deadline, 0, MAX_TIME)
    if task.due is not None:
        _refuse_number(f"{what}: due date", task.due, 1 - MAX_TIME, MAX_TIME)
    _refuse_number(f"{what}: group", task.group, -1, MAX_TASKS)
    for m, mode in enumerate(task.modes):
        _refuse_number(f"{what}: duration of mode {m}", mode.duration, 0, MAX_TIME)
        _refuse_number(f"{what}: cost of mode {m}", mode.cost, 0, MAX_AMOUNT)
        last = -1
        for resource, amount in mode.demands:
            _refuse_number(f"{what}: resource of mode {m}", resource, 0, len(resources))
            if resource <= last:
                raise InputError(f"{what}: resources of mode {m} are not ascending ({resource} after {last})")
            last = resource
            most = resources[resource].capacity
            _refuse_number(f"{what}: demand of mode {m} on resource {resource} of capacity {most}:", amount, 1, most + 1)
    shortest = min(mode.duration for mode in task.modes)
    if task.deadline is not None and task.release + shortest > task.deadline:
        raise InputError(f"{what}: release {task.release} and duration {shortest} pass the deadline {task.deadline}")


def _check_lag(k: int, lag: Lag, tasks: tuple[Task, ...]) -> None:
    _refuse_number(f"lag {k}: first task", lag.first, 0, len(tasks))
    _refuse_number(f"lag {k}: second task", lag.second, 0, len(tasks))
    if lag.first == lag.second:
        raise InputError(f"lag {k}: is from task {lag.first} to itself")
    if lag.kind not in KINDS:
        raise InputError(f"lag {k}: kind {printable(repr(lag.kind), 40)} is not one of {', '.join(KINDS)}")
    _refuse_number(f"lag {k}: least", lag.least, 1 - MAX_TIME, MAX_TIME)
    for what, mode, task in (("first", lag.first_mode, lag.first), ("second", lag.second_mode, lag.second)):
        if mode is not None:
            _refuse_number(f"lag {k}: {what} mode", mode, 0, len(tasks[task].modes))


def _check_link(k: int, link: ModeLink, tasks: tuple[Task, ...]) -> None:
    _refuse_number(f"link {k}: first task", link.first, 0, len(tasks))
    _refuse_number(f"link {k}: second task", link.second, 0, len(tasks))
    if link.first == link.second:
        raise InputError(f"link {k}: is from task {link.first} to itself")
    _refuse_number(f"link {k}: first mode", link.first_mode, 0, len(tasks[link.first].modes))
    count = len(tasks[link.second].modes)
    for mode in link.second_modes:
        _refuse_number(f"link {k}: second mode", mode, 0, count)
    if list(link.second_modes) != sorted(set(link.second_modes)):
        raise InputError(f"link {k}: second modes are not ascending")
    if not 0 < len(link.second_modes) < count:
        raise InputError(f"link {k}: {len(link.second_modes)} of {count} modes of task {link.second}, expected some and not all")


def _check_objective(instance: CPInstance) -> None:
    objective, count = instance.objective, len(instance.tasks)
    for what in ("makespan", "lateness", "cost"):
        _refuse_number(f"objective: weight of {what}", getattr(objective, what), 0, MAX_AMOUNT)
    _refuse_number("objective: offset", objective.offset, 1 - MAX_OBJECTIVE // 4, MAX_OBJECTIVE // 4)
    for what, weights in (("completion", objective.completion), ("tardiness", objective.tardiness)):
        if len(weights) not in (0, count):
            raise InputError(f"objective: {len(weights)} weights of {what} for {count} tasks")
        for i, weight in enumerate(weights):
            _refuse_number(f"objective: weight of {what} of task {i}", weight, 0, MAX_AMOUNT)
    dues = [task.due for task in instance.tasks if task.due is not None]
    if objective.lateness and not dues:
        raise InputError("objective: maximum lateness, but no task has a due date")
    for i, weight in enumerate(objective.tardiness):
        if weight and instance.tasks[i].due is None:
            raise InputError(f"objective: weight of tardiness of task {i}, which has no due date")
    time = instance.horizon + max((abs(due) for due in dues), default=0)
    total = objective.makespan + objective.lateness + sum(objective.completion) + sum(objective.tardiness)
    costs = sum(max(mode.cost for mode in task.modes) for task in instance.tasks)
    if time * total + objective.cost * costs + abs(objective.offset) >= MAX_OBJECTIVE:
        raise InputError("objective: values of 2**62 or more are possible")
    lower, best = instance.lower_bound, instance.best_known
    if lower is not None and best is not None and lower > best:
        raise InputError(f"lower bound {lower} is above the best known objective {best}")


def placing_order(instance: CPInstance) -> list[int]:
    """The tasks in an order in which every lag leads forwards, ties by number. Raises InputError if the lags have a cycle."""
    count = len(instance.tasks)
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for lag in instance.lags:
        after[lag.first].append(lag.second)
        waits[lag.second] += 1
    order = [i for i in range(count) if waits[i] == 0]
    for i in order:  # grows meanwhile
        for j in after[i]:
            waits[j] -= 1
            if waits[j] == 0:
                order.append(j)
    if len(order) < count:
        raise InputError(f"lags form a cycle through {_cycle(after, waits)}")
    return order


def _cycle(after: list[list[int]], waits: list[int]) -> str:
    """One cycle, of the tasks that still wait for another."""
    before = {j: i for i in range(len(after)) if waits[i] > 0 for j in after[i] if waits[j] > 0}
    path = [next(iter(before))]
    while before[path[-1]] not in path:
        path.append(before[path[-1]])
    circle = path[path.index(before[path[-1]]) :][::-1]
    more = f", ... ({len(circle)} tasks)" if len(circle) > 5 else ""
    return f"tasks {', '.join(str(i) for i in circle[:5])}{more}"


def safe_horizon(instance: CPInstance) -> int:
    """A time by which every active schedule has ended, if no task had a deadline (ticks, at least 1).

    In such a schedule a task starts at its release, at the end of a break, of another task, or when a lag lets it: from
    the last end back to the largest release or break every tick is covered by a duration or a lag, each taken once.
    """
    ends = [end for resource in instance.resources for _, end, _ in resource.breaks]
    base = max([task.release for task in instance.tasks] + ends)
    longest = [0] * len(instance.tasks)
    for lag in instance.lags:
        longest[lag.second] = max(longest[lag.second], lag.least)
    return max(1, base + sum(max(mode.duration for mode in task.modes) for task in instance.tasks) + sum(longest))
