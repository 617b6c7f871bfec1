"""Problems of the library PyJobShop in JSON (`ProblemData.to_json`, version 0.0.9), as far as the normal form has them.

Understood are tasks of fixed duration with modes on machines and renewable resources, breaks, releases, deadlines, minimum delays
between two tasks, identical and different resources, mode dependencies, and objectives of makespan, flow time, tardiness and
maximum tardiness. Anything else is refused by its name. A job of several last tasks gets a task of no duration that ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dispatchgym.instances.cpmodel.instance import (
    MAX_AMOUNT,
    MAX_NAME,
    MAX_RESOURCES,
    MAX_TASKS,
    MAX_TIME,
    CPInstance,
    Lag,
    Mode,
    Objective,
    Resource,
    Task,
)
from dispatchgym.instances.cpmodel.mode_links import MAX_PAIRS, Pair, links_of
from dispatchgym.instances.json_fields import Field, shown

FOREVER = 2**42  # the library's largest number: no limit
_DELAYS = {"start_before_start": "SS", "start_before_end": "SF", "end_before_start": "FS", "end_before_end": "FF"}
_LINKED = ("identical_resources", "different_resources")
_KEYS = ("jobs", "resources", "tasks", "modes", "constraints", "objective")


def is_pyjobshop(field: Field) -> bool:
    """Whether the object has the lists of a problem of PyJobShop."""
    return all(isinstance(field.value.get(key), list) for key in ("tasks", "modes", "resources"))


def parse_pyjobshop(field: Field) -> CPInstance:
    """The problem of PyJobShop. Raises InputError, naming file, place and what is not understood."""
    field.only(_KEYS)
    return _Problem(field).instance()


def _time(field: Field, key: str, default: int) -> int:
    """A time; no limit is FOREVER."""
    if key not in field:
        return default
    value = field[key].whole(-FOREVER, FOREVER + 1)
    if abs(value) >= MAX_TIME and value != FOREVER:
        raise field[key].error(f"{value} is 2**30 or more")
    return value


class _Problem:
    """The parts of the problem, read one after another."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.resources: list[Resource] = []
        for row in field["resources"].rows():
            self.resources.append(self._resource(row))
        self.tasks: list[Task] = []
        self.resources_of: list[list[tuple[int, ...]]] = []  # the resources of each mode of each task, also those of no demand
        self.place: list[tuple[int, int]] = []  # task and mode of each of the file's modes
        self._read_tasks()
        self.lags: list[Lag] = []
        self.forbidden: set[Pair] = set()
        self._read_constraints()
        self.weights: dict[str, list[int]] = {"completion": [0] * len(self.tasks), "tardiness": [0] * len(self.tasks)}
        self.objective = self._read_jobs()

    def instance(self) -> CPInstance:
        weights = {key: tuple(values) if any(values) else () for key, values in self.weights.items()}
        name = self.field.source.rsplit(".", 1)[0][:MAX_NAME] or "unnamed"
        objective = replace(self.objective, **weights)  # type: ignore[arg-type]
        kept, links = links_of([len(task.modes) for task in self.tasks], sorted(self.forbidden), ())
        tasks = tuple(replace(t, modes=tuple(t.modes[m] for m in left)) for t, left in zip(self.tasks, kept, strict=True))
        return CPInstance(tasks, tuple(self.resources), tuple(self.lags), tuple(links), objective, name=name)

    def _resource(self, row: Field) -> Resource:
        kind = row["type"].string()
        if kind not in ("machine", "renewable"):
            raise row["type"].error(f"resources of the type {shown(kind)} are not understood; machine and renewable are")
        if "no_idle" in row and row["no_idle"].truth():
            raise row["no_idle"].error("machines without idle time are not understood")
        capacity = 1 if kind == "machine" else row["capacity"].whole(1, MAX_AMOUNT)
        breaks = []
        for each in row["breaks"].rows() if "breaks" in row else []:
            ends = each.rows()
            if len(ends) != 2:
                raise each.error(f"{len(ends)} numbers, expected start and end")
            breaks.append((ends[0].whole(0, MAX_TIME), ends[1].whole(0, MAX_TIME), capacity))
        name = _name(row, f"resource {len(self.resources)}")
        if len(self.resources) >= MAX_RESOURCES:
            raise row.error(f"more than {MAX_RESOURCES} resources")
        return Resource(name, capacity, tuple(sorted(breaks)))

    def _read_tasks(self) -> None:
        rows = self.field["tasks"].rows(least=1)
        if len(rows) > MAX_TASKS:
            raise self.field["tasks"].error(f"{len(rows)} tasks, at most {MAX_TASKS} are allowed")
        modes: list[list[Mode]] = [[] for _ in rows]
        self.resources_of = [[] for _ in rows]
        for row in self.field["modes"].rows():
            task = row["task"].whole(0, len(rows))
            self.place.append((task, len(modes[task])))
            modes[task].append(self._mode(row, task))
        for i, row in enumerate(rows):
            for key in ("allow_idle", "allow_breaks", "optional"):
                if key in row and row[key].truth():
                    raise row[key].error(f"tasks with {key} are not understood")
            if not modes[i]:
                raise row.error("has no mode")
            self.tasks.append(_task(row, i, modes[i]))

    def _mode(self, row: Field, task: int) -> Mode:
        used = [x.whole(0, len(self.resources)) for x in row["resources"].rows()]
        amounts = [x.whole(0, MAX_AMOUNT) for x in row["demands"].rows()] if "demands" in row else []
        amounts = amounts or [0] * len(used)
        if len(amounts) != len(used):
            raise row.error(f"{len(used)} resources and {len(amounts)} demands")
        duration = row["duration"].whole(0, MAX_TIME)
        machines = self.field["resources"].rows()
        demands = []
        for r, amount in sorted(zip(used, amounts, strict=True)):
            machine = machines[r]["type"].value == "machine"
            if duration == 0 and machine:
                raise row.error("a mode of no duration on a machine is not understood")
            if amount == 0 and not machine and self.resources[r].breaks:
                raise row.error(f"a mode of no demand on resource {r}, which has breaks, is not understood")
            if machine or amount:
                demands.append((r, 1 if machine else amount))
        self.resources_of[task].append(tuple(sorted(used)))
        return Mode(duration, tuple(demands))

    def _read_constraints(self) -> None:
        if "constraints" not in self.field:
            return
        constraints = self.field["constraints"]
        for key, each in constraints.items():
            rows = each.rows()
            if rows and key not in (*_DELAYS, *_LINKED, "mode_dependencies"):
                known = ", ".join((*_DELAYS, *_LINKED, "mode_dependencies"))
                raise rows[0].error(f"constraints {shown(key)} are not understood; understood are {known}")
            for row in rows:
                if key == "mode_dependencies":
                    self._dependency(row)
                    continue
                first, second = (row[x].whole(0, len(self.tasks)) for x in ("task1", "task2"))
                if key in _DELAYS:
                    delay = row["delay"].whole(1 - MAX_TIME, MAX_TIME) if "delay" in row else 0
                    self.lags.append(Lag(first, second, _DELAYS[key], delay))  # type: ignore[arg-type]
                else:
                    identical = key == "identical_resources"
                    self._link(first, second, lambda a, b: a == b if identical else not set(a) & set(b))  # noqa: B023

    def _dependency(self, row: Field) -> None:
        """If the first mode is chosen, one of the others is: they must be of one task."""
        task, mode = self.place[row["mode1"].whole(0, len(self.place))]
        others = [self.place[x.whole(0, len(self.place))] for x in row["modes2"].rows(least=1)]
        second = others[0][0]
        if second == task or any(other != second for other, _ in others):
            raise row.error("a dependency between modes of other than two tasks is not understood")
        self._allow(task, mode, second, {m for _, m in others})

    def _link(self, first: int, second: int, fits: Callable[[tuple[int, ...], tuple[int, ...]], bool]) -> None:
        for mode, used in enumerate(self.resources_of[first]):
            self._allow(first, mode, second, {m for m, other in enumerate(self.resources_of[second]) if fits(used, other)})

    def _allow(self, first: int, mode: int, second: int, modes: set[int]) -> None:
        """With this mode of the first task, allow no other modes of the second."""
        if len(self.forbidden) > MAX_PAIRS:
            raise self.field.error(f"more than {MAX_PAIRS} pairs of modes exclude each other")
        self.forbidden |= {(first, mode, second, m) for m in range(len(self.tasks[second].modes)) if m not in modes}

    def _read_jobs(self) -> Objective:
        field = self.field
        weight = _weights(field)
        offset, worst = 0, bool(weight["weight_max_tardiness"])
        for j, row in enumerate(field["jobs"].rows() if "jobs" in field else []):
            members = [x.whole(0, len(self.resources_of)) for x in row["tasks"].rows()] if "tasks" in row else []
            members = list(dict.fromkeys(members))
            if not members:
                raise row.error("a job without tasks is not understood")
            release, deadline = _time(row, "release_date", 0), _time(row, "deadline", FOREVER)
            for i in members:
                self._restrict(i, release, deadline, j)
            share = row["weight"].whole(0, MAX_AMOUNT) if "weight" in row else 1
            due = _time(row, "due_date", FOREVER)
            if due == FOREVER and (weight["weight_total_tardiness"] or worst):
                raise row.error("has no due date, which the objective needs")
            if worst and share != 1:
                raise row["weight"].error("maximum tardiness with other weights than 1 is not understood")
            if weight["weight_total_flow_time"] or weight["weight_total_tardiness"] or worst:
                last = self._last(members, j)
                self.weights["completion"][last] += share * weight["weight_total_flow_time"]
                self.weights["tardiness"][last] += share * weight["weight_total_tardiness"]
                offset -= share * weight["weight_total_flow_time"] * release
                self.tasks[last] = replace(self.tasks[last], due=None if due == FOREVER else due)
        if worst:  # a task that is never late, so that the maximum is at least 0
            self._add_task(Task("on time", (Mode(0),), due=0, deadline=0))
        return Objective(makespan=weight["weight_makespan"], lateness=weight["weight_max_tardiness"], offset=offset)

    def _restrict(self, i: int, release: int, deadline: int, job: int) -> None:
        task = self.tasks[i]
        ends = [end for end in (task.deadline, deadline) if end is not None and end != FOREVER]
        self.tasks[i] = replace(
            task,
            release=max(task.release, release),
            deadline=min(ends) if ends else None,
            group=job if task.group < 0 else task.group,
        )

    def _last(self, members: list[int], job: int) -> int:
        """The task whose end is the job's: its only last one, or one of no duration that is added."""
        inside = set(members)
        early = {lag.first for lag in self.lags if lag.second in inside and lag.kind in ("FS", "FF") and lag.least >= 0}
        last = [i for i in members if i not in early]
        if len(last) == 1 and self.tasks[last[0]].due is None and not self.weights["completion"][last[0]]:
            return last[0]
        self._add_task(Task(f"end of job {job}", (Mode(0),), group=job))
        added = len(self.tasks) - 1
        self.lags += [Lag(i, added) for i in (last or members)]
        return added

    def _add_task(self, task: Task) -> None:
        self.tasks.append(task)
        for values in self.weights.values():
            values.append(0)


def _weights(field: Field) -> dict[str, int]:
    """The weights of the objective by name; the makespan alone if there is no objective."""
    known = ("weight_makespan", "weight_total_flow_time", "weight_total_tardiness", "weight_max_tardiness")
    weight = dict.fromkeys(known, 0)
    for key, value in field["objective"].items() if "objective" in field else []:
        number = value.whole(0, MAX_AMOUNT)
        if number and key not in known:
            raise value.error(f"the objective {key.removeprefix('weight_')} is not understood; understood are {', '.join(known)}")
        if number:
            weight[key] = number
    return weight if "objective" in field else {**weight, "weight_makespan": 1}


def _name(row: Field, otherwise: str) -> str:
    name = row["name"].string() if "name" in row else ""
    return name if name and name.isprintable() and len(name) <= MAX_NAME else otherwise


def _task(row: Field, i: int, modes: list[Mode]) -> Task:
    """A task with the limits of its start and end as release and deadline, which is exact if they do not depend on the mode."""
    start, start_most = _time(row, "earliest_start", 0), _time(row, "latest_start", FOREVER)
    end, end_most = _time(row, "earliest_end", 0), _time(row, "latest_end", FOREVER)
    shortest, longest = min(mode.duration for mode in modes), max(mode.duration for mode in modes)
    if end > start + shortest:
        if shortest != longest:
            raise row["earliest_end"].error("an earliest end of a task with modes of different durations is not understood")
        start = end - shortest
    deadline: Any = None if end_most == FOREVER else end_most
    if start_most != FOREVER:
        if shortest != longest:
            raise row["latest_start"].error("a latest start of a task with modes of different durations is not understood")
        deadline = start_most + shortest if deadline is None else min(deadline, start_most + shortest)
    group = row["job"].whole(0, MAX_TASKS) if "job" in row else -1
    return Task(_name(row, f"task {i}"), tuple(modes), max(start, 0), deadline, group=group)
