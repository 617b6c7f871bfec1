"""The CP-SAT model of an instance: of the normal form, or the original one where the instance was read from a model.

Every mode is an interval that shares the start and the end of its task, optional if there are several; a machine is a no-overlap
constraint, another resource a cumulative one, breaks are fixed intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.solution import schedule_of, values_of

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


@dataclass(frozen=True)
class BuiltModel:
    """A model and how schedules are read from its solutions."""

    model: cp_model.CpModel
    schedule: Callable[[Callable[[Any], int]], CPSchedule]  # of a function that gives the value of a variable


def build_model(instance: CPInstance, hint: CPSchedule | None = None) -> BuiltModel:
    """The original model if there is one, else that of the normal form; with `hint` as a hint."""
    return _original(instance, hint) if instance.origin is not None else normal_model(instance, hint)


def _original(instance: CPInstance, hint: CPSchedule | None) -> BuiltModel:
    from google.protobuf import text_format
    from ortools.sat.python import cp_model

    origin = instance.origin
    assert origin is not None
    model = cp_model.CpModel()
    proto = model.Proto()
    if hasattr(proto, "parse_text_format"):
        proto.parse_text_format(origin.text)
    else:  # before 9.15
        text_format.Parse(origin.text, proto)
    variables = [model.get_int_var_from_proto_index(v) for v in range(len(origin.model.variables))]
    if hint is not None:
        duration = [task.modes[m].duration for task, m in zip(instance.tasks, hint.mode.tolist(), strict=True)]
        values = values_of(origin, hint.start.tolist(), hint.mode.tolist(), duration)
        model.clear_hints()
        for variable, value in zip(variables, values, strict=True):
            model.add_hint(variable, value)

    def schedule(value: Callable[[Any], int]) -> CPSchedule:
        start, mode = schedule_of(origin, [value(x) for x in variables])
        return CPSchedule(np.array(start, np.int64), np.array(mode, np.int64))

    return BuiltModel(model, schedule)


def normal_model(instance: CPInstance, hint: CPSchedule | None = None) -> BuiltModel:
    """The model of the normal form."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    built = _Builder(model, instance)
    built.add_lags()
    built.add_links()
    built.add_resources()
    built.add_objective()
    if hint is not None:
        built.add_hint(hint)

    def schedule(value: Callable[[Any], int]) -> CPSchedule:
        start = [value(x) for x in built.start]
        mode = [[value(x) for x in literals].index(1) if literals else 0 for literals in built.mode]
        return CPSchedule(np.array(start, np.int64), np.array(mode, np.int64))

    return BuiltModel(model, schedule)


class _Builder:
    """The variables of the normal form's model: start, end and mode literals of every task."""

    def __init__(self, model: cp_model.CpModel, instance: CPInstance) -> None:
        self.model = model
        self.instance = instance
        self.start: list[Any] = []
        self.end: list[Any] = []
        self.mode: list[list[Any]] = []  # literals, none for a task of one mode
        self.interval: list[list[Any]] = []  # of each mode
        for i, task in enumerate(instance.tasks):
            limit = instance.horizon if task.deadline is None else min(task.deadline, instance.horizon)
            times = [mode.duration for mode in task.modes]
            start = model.new_int_var(task.release, max(task.release, limit - min(times)), f"start {i}")
            if task.release + min(times) > limit:
                model.add(start <= limit - min(times))  # no schedule
            one = len(set(times)) == 1
            end = start + times[0] if one else model.new_int_var(task.release + min(times), limit, f"end {i}")
            self.start.append(start)
            self.end.append(end)
            if len(times) == 1:
                self.mode.append([])
                self.interval.append([model.new_fixed_size_interval_var(start, times[0], f"task {i}")])
                continue
            literals = [model.new_bool_var(f"mode {i} {m}") for m in range(len(times))]
            model.add_exactly_one(literals)
            self.mode.append(literals)
            self.interval.append(
                [
                    model.new_optional_interval_var(start, d, end, b, f"task {i} mode {m}")
                    for m, (d, b) in enumerate(zip(times, literals, strict=True))
                ]
            )

    def add_lags(self) -> None:
        for lag in self.instance.lags:
            before = self.end[lag.first] if lag.kind[0] == "F" else self.start[lag.first]
            after = self.end[lag.second] if lag.kind[1] == "F" else self.start[lag.second]
            row = self.model.add(after >= before + lag.least)
            conditions = [(lag.first, lag.first_mode), (lag.second, lag.second_mode)]
            literals = [self.mode[i][m] for i, m in conditions if m is not None and self.mode[i]]
            if literals:
                row.only_enforce_if(literals)

    def add_links(self) -> None:
        for link in self.instance.links:
            allowed = [self.mode[link.second][m] for m in link.second_modes]
            if self.mode[link.first]:
                self.model.add_bool_or([self.mode[link.first][link.first_mode].negated(), *allowed])
            else:
                self.model.add_bool_or(allowed)

    def add_resources(self) -> None:
        users: list[list[tuple[Any, int]]] = [[] for _ in self.instance.resources]
        for i, task in enumerate(self.instance.tasks):
            for m, mode in enumerate(task.modes):
                for r, amount in mode.demands:
                    if mode.duration:
                        users[r].append((self.interval[i][m], amount))
        for r, resource in enumerate(self.instance.resources):
            for k, (begin, end, amount) in enumerate(resource.breaks):
                users[r].append((self.model.new_fixed_size_interval_var(begin, end - begin, f"break {r} {k}"), amount))
            if resource.capacity == 1:
                self.model.add_no_overlap([interval for interval, _ in users[r]])
            elif users[r]:
                self.model.add_cumulative([x for x, _ in users[r]], [amount for _, amount in users[r]], resource.capacity)

    def add_objective(self) -> None:
        instance, objective, model = self.instance, self.instance.objective, self.model
        terms: list[Any] = []
        if objective.makespan:
            makespan = model.new_int_var(0, instance.horizon, "makespan")
            early = {x.first for x in instance.lags if _ends_before(x.kind) and x.least >= 0 and _always(x)}
            for i, end in enumerate(self.end):
                if i not in early:
                    model.add(makespan >= end)
            terms.append(objective.makespan * makespan)
        terms += [weight * end for weight, end in zip(objective.completion, self.end, strict=False) if weight]
        for i, weight in enumerate(objective.tardiness):
            due = instance.tasks[i].due
            if weight and due is not None:
                late = model.new_int_var(0, max(0, instance.horizon - due), f"tardiness {i}")
                model.add(late >= self.end[i] - due)
                terms.append(weight * late)
        dues = [(i, task.due) for i, task in enumerate(instance.tasks) if task.due is not None]
        if objective.lateness:
            highest = max(abs(due) for _, due in dues)
            worst = model.new_int_var(-highest, instance.horizon + highest, "lateness")
            for i, due in dues:
                model.add(worst >= self.end[i] - due)
            terms.append(objective.lateness * worst)
        terms += [objective.cost * x for x in self._costs()] if objective.cost else []
        model.minimize(sum(terms) + objective.offset)

    def _costs(self) -> list[Any]:
        found: list[Any] = []
        for task, literals in zip(self.instance.tasks, self.mode, strict=True):
            if literals:
                found += [mode.cost * literal for mode, literal in zip(task.modes, literals, strict=True) if mode.cost]
            elif task.modes[0].cost:
                found.append(task.modes[0].cost)
        return found

    def add_hint(self, hint: CPSchedule) -> None:
        chosen = hint.mode.tolist()
        for i, start in enumerate(hint.start.tolist()):
            self.model.add_hint(self.start[i], start)
            times = [mode.duration for mode in self.instance.tasks[i].modes]
            if len(set(times)) > 1:
                self.model.add_hint(self.end[i], start + times[chosen[i]])
            for m, literal in enumerate(self.mode[i]):
                self.model.add_hint(literal, m == chosen[i])


def _ends_before(kind: str) -> bool:
    """Whether a lag of this kind, not below 0, lets the first task end no later than the second."""
    return kind in ("FS", "FF")


def _always(lag: Any) -> bool:
    return lag.first_mode is None and lag.second_mode is None


def fixed_model(instance: CPInstance, start: Sequence[int], mode: Sequence[int]) -> cp_model.CpModel:
    """The model with the schedule's starts and modes as constraints: feasible if and only if the schedule is."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    built = _Builder(model, instance)
    built.add_lags()
    built.add_links()
    built.add_resources()
    built.add_objective()
    for i, task_start in enumerate(built.start):
        model.add(task_start == start[i])
        for m, literal in enumerate(built.mode[i]):
            model.add(literal == int(m == mode[i]))
    return model
