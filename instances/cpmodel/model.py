"""CP-SAT models as instances: a model is represented exactly, or refused in one line that names what is not understood.

Exactly means: the best schedules of the instance, told in the model's variables (`solution.py`), are the model's best solutions.
The instance keeps the model as its `origin`, which the referee and CP-SAT use. The parts are read in `model_facts.py`,
`model_tasks.py`, `model_links.py` and `model_objective.py`; here they are put together.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from dispatchgym.instances.cpmodel.instance import MAX_NAME, MAX_TIME, CPInstance, Lag, Mode, Objective, Resource, Task
from dispatchgym.instances.cpmodel.mode_links import links_of
from dispatchgym.instances.cpmodel.model_facts import Facts
from dispatchgym.instances.cpmodel.model_links import Links
from dispatchgym.instances.cpmodel.model_objective import Weights
from dispatchgym.instances.cpmodel.model_tasks import Tasks
from dispatchgym.instances.cpmodel.protocol import Model, read_protocol, read_protocol_file
from dispatchgym.instances.cpmodel.solution import Origin
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

SUFFIXES = (".pb", ".pbtxt", ".textproto")


def from_model(model: Any, name: str | None = None) -> CPInstance:
    """The instance of a `CpModel` object (or its protocol). Raises InputError for what is not understood."""
    source = printable(name or getattr(model, "name", "") or "model")
    plain, text = read_protocol(model, source)
    return _build(plain, text, source, source)


def read_model(path: str | Path) -> CPInstance:
    """The instance in a file that `export_to_file` has written. Raises InputError for what is not understood."""
    plain, text = read_protocol_file(Path(path))
    return _build(plain, text, Path(path).name, Path(path).stem)


def _build(model: Model, text: str, source: str, name: str) -> CPInstance:
    try:
        return _Assembly(model, source).instance(text, name[:MAX_NAME] or "model")
    except InputError as error:
        if str(error).startswith(source):
            raise
        raise InputError(f"{source}: {error}") from None


class _Assembly:
    """The parts of a model put together."""

    def __init__(self, model: Model, source: str) -> None:
        self.model = model
        self.source = source
        self.facts = Facts(model, source)
        self.tasks = Tasks(self.facts)
        self.links = Links(self.tasks)
        self.drafts = self.tasks.drafts
        if not self.drafts:
            raise InputError(f"{source}: the model has no interval that is a task")
        self.demands: list[list[dict[int, int]]] = [[{} for _ in draft.durations] for draft in self.drafts]
        self.resources: list[Resource] = []
        for k, constraint in enumerate(model.constraints):
            if constraint.kind in ("no_overlap", "cumulative") and not self.facts.understood[k]:
                self._add_resource(k)
        for k, constraint in enumerate(model.constraints):
            if not self.facts.understood[k]:
                raise self.facts.error(k, f"constraints of the kind {constraint.kind} are not understood")
        self._apply_bounds()
        self.weights = Weights(self.links, self.head)

    # Resources

    def _add_resource(self, k: int) -> None:
        facts, constraint = self.facts, self.model.constraints[k]
        if facts.conditions(constraint) != ():
            raise facts.error(k, "a resource that depends on a literal is not understood")
        machine = constraint.kind == "no_overlap"
        numbers = [facts.reduced(e) for e in constraint.expressions]
        if any(e.terms for e in numbers):
            raise facts.error(k, "a capacity or a demand that is not fixed is not understood")
        capacity = 1 if machine else numbers[0].constant
        amounts = [1] * len(constraint.items) if machine else [e.constant for e in numbers[1:]]
        number, breaks, used = len(self.resources), [], False
        for interval, amount in zip(constraint.items, amounts, strict=True):
            if self.model.constraints[interval].kind != "interval":
                raise facts.error(k, f"constraint {interval}, which it uses, is no interval")
            if amount < 0:
                raise facts.error(k, "a negative demand is not understood")
            if interval in self.tasks.absent or amount == 0:
                continue
            if interval in self.tasks.breaks:
                begin, end = self.tasks.breaks[interval]
                if begin == end and machine:
                    raise facts.error(k, f"interval {interval} of no size in a no_overlap is not understood")
                breaks += [(begin, end, amount)] if end > begin else []
            else:
                self._use(k, number, interval, amount, capacity, machine)
                used = True
        facts.understood[k] = True
        self._check_breaks(k, breaks, capacity)
        if used:
            what = "machine" if capacity == 1 else "resource"
            self.resources.append(Resource(constraint.name or f"{what} {number}", capacity, tuple(sorted(breaks))))

    def _check_breaks(self, k: int, breaks: list[tuple[int, int, int]], capacity: int) -> None:
        for at, _, _ in breaks:
            if sum(amount for begin, end, amount in breaks if begin <= at < end) > capacity:
                raise self.facts.error(k, "fixed intervals use more than the capacity: there is no schedule")

    def _use(self, k: int, resource: int, interval: int, amount: int, capacity: int, machine: bool) -> None:
        task, modes = self.tasks.runs[interval]
        draft = self.drafts[task]
        for m in modes if modes is not None else draft.modes:
            if draft.durations[m] == 0:
                if machine:
                    raise self.facts.error(k, f"interval {interval} of no size in a no_overlap is not understood")
                continue
            demand = self.demands[task][m]
            demand[resource] = demand.get(resource, 0) + amount
            if demand[resource] > capacity:
                draft.excluded.add(m)

    # Times

    def _apply_bounds(self) -> None:
        """The domains of times as releases and deadlines."""
        facts, drafts = self.facts, self.drafts
        latest_start = [MAX_TIME] * len(drafts)
        latest_end = [MAX_TIME] * len(drafts)
        first_end: list[tuple[int, int]] = []  # variable, task
        for v, point in self.tasks.points.items():
            if point.modes is not None:
                continue
            low, high = facts.low[v] - point.constant, facts.high[v] - point.constant
            if point.end:
                latest_end[point.task] = min(latest_end[point.task], high)
                first_end.append((v, point.task))
                continue
            latest_start[point.task] = min(latest_start[point.task], high)
            if point.task not in self.links.maxima:
                drafts[point.task].release = max(drafts[point.task].release, low)
        for draft in drafts:
            v = draft.start.terms[0][0]
            if facts.low[v] + draft.start.constant < 0:
                raise facts.variable_error(v, f"a start that may be {facts.low[v]}, below 0, is not understood")
        for v, i in first_end:
            earliest = facts.low[v] - self.tasks.points[v].constant
            if earliest > drafts[i].release + min(drafts[i].durations):
                if len(set(drafts[i].durations)) > 1:
                    raise facts.variable_error(v, "an earliest end of a task with modes of different durations is not understood")
                drafts[i].release = earliest - drafts[i].durations[0]
        self.head = self._heads()
        horizon = self._horizon()
        for i, draft in enumerate(drafts):
            ends = [latest_end[i]]
            shortest, longest = min(draft.durations), max(draft.durations)
            if latest_start[i] < horizon - shortest and latest_start[i] + shortest < latest_end[i]:
                if shortest != longest:
                    v = draft.start.terms[0][0]
                    raise facts.variable_error(v, "a latest start of a task with modes of different durations is not understood")
                ends.append(latest_start[i] + longest)
            if min(ends) < horizon:
                draft.deadline = min(ends)
        self._check_free_times(horizon)
        for i, k in self.links.maxima.items():
            v = drafts[i].start.terms[0][0]
            if facts.low[v] - self.tasks.points[v].constant > self.head[i]:
                raise facts.error(k, f"a maximum that must be at least {facts.low[v]} is not understood")

    def _heads(self) -> list[int]:
        """(N,) no task can start earlier. Raises InputError if times wait for each other."""
        after: list[list[Lag]] = [[] for _ in self.drafts]
        waits = [0] * len(self.drafts)
        for lag in self.links.lags:
            after[lag.first].append(lag)
            waits[lag.second] += 1
        head = [draft.release for draft in self.drafts]
        order = [i for i, count in enumerate(waits) if count == 0]
        for i in order:  # grows meanwhile
            for lag in after[i]:
                j = lag.second
                if lag.first_mode is None and lag.second_mode is None:
                    begin = head[i] + (min(self.drafts[i].durations) if lag.kind[0] == "F" else 0) + lag.least
                    head[j] = max(head[j], begin - (max(self.drafts[j].durations) if lag.kind[1] == "F" else 0))
                waits[j] -= 1
                if waits[j] == 0:
                    order.append(j)
        if len(order) < len(head):
            raise self._circle([i for i, count in enumerate(waits) if count > 0])
        return head

    def _circle(self, waiting: list[int]) -> InputError:
        """The error about times that wait for each other; each of `waiting` waits for one of them."""
        before = {lag.second: lag for lag in self.links.lags if lag.first in waiting and lag.second in waiting}
        i, passed = waiting[0], []
        while i not in passed:
            passed.append(i)
            i = before[i].first
        circle = passed[passed.index(i) :]
        k = max(self.links.constraint_of[before[j]] for j in circle)
        names = printable(", ".join(self.drafts[j].name for j in circle[:4]) + (", ..." if len(circle) > 4 else ""), 160)
        return self.facts.error(k, f"the times of {names} wait for each other: maximum lags and equal times are not understood")

    def _horizon(self) -> int:
        """A time by which every active schedule has ended, as `safe_horizon` has it."""
        base = max([end for resource in self.resources for _, end, _ in resource.breaks] + [d.release for d in self.drafts])
        lags = [0] * len(self.drafts)
        for lag in self.links.lags:
            lags[lag.second] = max(lags[lag.second], lag.least)
        return max(1, base + sum(max(draft.durations) for draft in self.drafts) + sum(lags))

    def _check_free_times(self, horizon: int) -> None:
        """A variable that some modes leave free must have room for all times that the others may give it."""
        for v, point in self.tasks.points.items():
            if point.modes is None:
                continue
            draft = self.drafts[point.task]
            durations = [draft.durations[m] for m in point.modes]
            first = self.head[point.task] + (min(durations) if point.end else 0)
            last = (horizon if draft.deadline is None else draft.deadline) - (0 if point.end else min(durations))
            if self.facts.low[v] - point.constant > first or self.facts.high[v] - point.constant < last:
                raise self.facts.variable_error(v, "a domain that restricts the time of a single mode is not understood")

    # The instance

    def instance(self, text: str, name: str) -> CPInstance:
        kept = [i for i, draft in enumerate(self.drafts) if not draft.removed]
        number = {i: at for at, i in enumerate(kept)}
        excluded = [(i, m) for i, draft in enumerate(self.drafts) for m in draft.excluded]
        modes, linked = links_of([len(draft.durations) for draft in self.drafts], sorted(self.links.forbidden), excluded)
        place = [{m: at for at, m in enumerate(each)} for each in modes]
        tasks = tuple(self._task(i, modes[i]) for i in kept)
        lags = []
        for lag in dict.fromkeys(self.links.lags):
            ends = ((lag.first, lag.first_mode), (lag.second, lag.second_mode))
            if all(i in number and (m is None or m in place[i]) for i, m in ends):
                first, second = (None if m is None or len(modes[i]) == 1 else place[i][m] for i, m in ends)
                lags.append(Lag(number[lag.first], number[lag.second], lag.kind, lag.least, first, second))
        links = tuple(replace(link, first=number[link.first], second=number[link.second]) for link in linked)
        made = CPInstance(tasks, tuple(self.resources), tuple(lags), links, self._objective(kept, modes), name=name)
        runs = tuple((k, number[i]) for k, (i, _) in self.tasks.runs.items())
        starts = tuple(self.drafts[i].start for i in kept)
        literals = tuple(tuple(self.drafts[i].literals[m] for m in modes[i]) if self.drafts[i].literals else () for i in kept)
        fixed = tuple((v, self.facts.low[v]) for v in range(len(self.model.variables)) if self.facts.fixed(v))
        return replace(made, origin=Origin(self.model, text, made.parts, starts, literals, runs, fixed))

    def _task(self, i: int, modes: list[int]) -> Task:
        draft = self.drafts[i]
        found = tuple(Mode(draft.durations[m], tuple(sorted(self.demands[i][m].items())), self.weights.cost[i][m]) for m in modes)
        return Task(printable(draft.name, MAX_NAME) or f"task {i}", found, draft.release, draft.deadline, draft.due)

    def _objective(self, kept: list[int], modes: list[list[int]]) -> Objective:
        weights = self.weights
        completion = tuple(weights.completion[i] for i in kept)
        tardiness = tuple(weights.tardiness[i] for i in kept)
        costs = any(weights.cost[i][m] for i in kept for m in modes[i])
        return Objective(
            makespan=weights.makespan,
            completion=completion if any(completion) else (),
            tardiness=tardiness if any(tardiness) else (),
            lateness=weights.lateness,
            cost=int(costs),
            offset=weights.offset,
        )
