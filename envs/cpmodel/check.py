"""The referee of scheduling models: plain loops written from the problem statement, sharing no code with any player.

An instance that was read from a CP-SAT model is checked by that model: its variables get the values that the schedule says, and
every constraint of the protocol is looked at, knowing nothing of the normal form. Any other instance is checked by the
statement in `instances/cpmodel/instance.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule
from dispatchgym.instances.cpmodel.protocol import Affine, Constraint, Model, where
from dispatchgym.instances.cpmodel.solution import values_of
from dispatchgym.instances.errors import InvalidSchedule


def check(instance: CPInstance, schedule: CPSchedule) -> int:
    """Return the objective of `schedule`: of the original model if there is one, else of the instance.

    Raises InvalidSchedule, saying where, when a start or mode is missing or fractional, and when anything is broken that the
    model or the statement of the problem asks for.
    """
    start = _whole(schedule.start, "start", len(instance.tasks))
    mode = _whole(schedule.mode, "mode", len(instance.tasks))
    for i, task in enumerate(instance.tasks):
        if not 0 <= mode[i] < len(task.modes):
            raise InvalidSchedule(f"task {i} ({task.name}): mode {mode[i]} is not one of its {len(task.modes)}")
    if instance.origin is None:
        return check_statement(instance, start, mode)
    duration = [task.modes[m].duration for task, m in zip(instance.tasks, mode, strict=True)]
    return check_model(instance.origin.model, values_of(instance.origin, start, mode, duration))


def _whole(values: object, what: str, count: int) -> list[int]:
    array = np.asarray(values)
    if array.shape != (count,):
        raise InvalidSchedule(f"{what} has shape {array.shape}, the instance has {count} tasks")
    if not np.issubdtype(array.dtype, np.integer):
        raise InvalidSchedule(f"{what} has dtype {array.dtype}, not whole numbers")
    found: list[int] = array.tolist()
    return found


def check_statement(instance: CPInstance, start: Sequence[int], mode: Sequence[int]) -> int:
    """The objective of a schedule by the statement of the problem. Raises InvalidSchedule, saying where it is broken."""
    end = []
    for i, task in enumerate(instance.tasks):
        what = f"task {i} ({task.name})"
        end.append(start[i] + task.modes[mode[i]].duration)
        if start[i] < task.release:
            raise InvalidSchedule(f"{what} starts at {start[i]}, before its release {task.release}")
        limit = instance.horizon if task.deadline is None else min(task.deadline, instance.horizon)
        if end[i] > limit:
            raise InvalidSchedule(f"{what} ends at {end[i]}, after its deadline {limit}")
    for k, lag in enumerate(instance.lags):
        if lag.first_mode not in (None, mode[lag.first]) or lag.second_mode not in (None, mode[lag.second]):
            continue
        before = end[lag.first] if lag.kind[0] == "F" else start[lag.first]
        after = end[lag.second] if lag.kind[1] == "F" else start[lag.second]
        if after < before + lag.least:
            raise InvalidSchedule(f"lag {k} ({lag.kind}) from task {lag.first} to {lag.second}: {after} < {before} + {lag.least}")
    for k, link in enumerate(instance.links):
        if mode[link.first] == link.first_mode and mode[link.second] not in link.second_modes:
            raise InvalidSchedule(
                f"link {k}: mode {link.first_mode} of task {link.first} rules out mode {mode[link.second]} of task {link.second}"
            )
    for r, resource in enumerate(instance.resources):
        changes = [(b, amount) for b, _, amount in resource.breaks] + [(e, -amount) for _, e, amount in resource.breaks]
        for i, task in enumerate(instance.tasks):
            for used, amount in task.modes[mode[i]].demands:
                if used == r and end[i] > start[i]:
                    changes += [(start[i], amount), (end[i], -amount)]
        in_use = 0
        for time, change in sorted(changes):  # at one time what ends comes first
            in_use += change
            if in_use > resource.capacity:
                raise InvalidSchedule(f"resource {r} ({resource.name}): {in_use} in use at {time}, capacity {resource.capacity}")
    return _objective(instance, end, mode)


def _objective(instance: CPInstance, end: Sequence[int], mode: Sequence[int]) -> int:
    objective = instance.objective
    total = objective.offset + objective.makespan * max(end)
    for i, weight in enumerate(objective.completion):
        total += weight * end[i]
    for i, weight in enumerate(objective.tardiness):
        due = instance.tasks[i].due
        if weight and due is not None:
            total += weight * max(0, end[i] - due)
    if objective.lateness:
        total += objective.lateness * max(end[i] - task.due for i, task in enumerate(instance.tasks) if task.due is not None)
    if objective.cost:
        total += objective.cost * sum(task.modes[m].cost for task, m in zip(instance.tasks, mode, strict=True))
    return total


def check_model(model: Model, values: Sequence[int]) -> int:
    """The objective of a model with these values of its variables (0 if it has none).

    Raises InvalidSchedule for a value outside of its domain and for a constraint that is broken, naming it.
    """
    if len(values) != len(model.variables):
        raise InvalidSchedule(f"{len(values)} values for {len(model.variables)} variables")
    for v, variable in enumerate(model.variables):
        if not _within(values[v], variable.domain):
            raise InvalidSchedule(f"variable {v} ({variable.name}): {values[v]} is not in its domain {list(variable.domain)[:8]}")
    for k, constraint in enumerate(model.constraints):
        if all(_true(values, x) for x in constraint.enforcement) and not _holds(model, constraint, values):
            raise InvalidSchedule(f"{where(model, 'model', k)} is broken: {_shown(model, constraint, values)}")
    return 0 if model.objective is None else _value(values, model.objective)


def _within(value: int, domain: Sequence[int]) -> bool:
    return any(low <= value <= high for low, high in zip(domain[::2], domain[1::2], strict=True))


def _true(values: Sequence[int], literal: int) -> bool:
    return values[literal] == 1 if literal >= 0 else values[-literal - 1] == 0


def _value(values: Sequence[int], expression: Affine) -> int:
    return expression.constant + sum(c * values[v] for v, c in expression.terms)


def _holds(model: Model, constraint: Constraint, values: Sequence[int]) -> bool:
    kind = constraint.kind
    numbers = [_value(values, e) for e in constraint.expressions]
    if kind == "linear":
        return _within(numbers[0], constraint.domain)
    if kind == "interval":
        start, size, end = numbers
        return size >= 0 and start + size == end
    if kind == "lin_max":
        return numbers[0] == max(numbers[1:])
    if kind == "no_overlap":
        present = sorted(_present(model, constraint.items, values))
        return all(a_end <= b_start for (_, a_end), (b_start, _) in itertools.pairwise(present))
    if kind == "cumulative":
        return _fits(model, constraint, numbers, values)
    true = sum(_true(values, x) for x in constraint.items)
    expected = {
        "bool_or": true >= 1,
        "bool_and": true == len(constraint.items),
        "at_most_one": true <= 1,
        "exactly_one": true == 1,
        "bool_xor": true % 2 == 1,
    }
    if kind not in expected:
        raise InvalidSchedule(f"a constraint of the kind {kind} cannot be checked")
    return expected[kind]


def _present(model: Model, intervals: Sequence[int], values: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end of the intervals that are present."""
    found = []
    for k in intervals:
        interval = model.constraints[k]
        if all(_true(values, x) for x in interval.enforcement):
            found.append((_value(values, interval.expressions[0]), _value(values, interval.expressions[2])))
    return found


def _fits(model: Model, constraint: Constraint, numbers: Sequence[int], values: Sequence[int]) -> bool:
    capacity, demands = numbers[0], numbers[1:]
    changes = []
    for k, demand in zip(constraint.items, demands, strict=True):
        for begin, end in _present(model, (k,), values):
            if end > begin:
                changes += [(begin, demand), (end, -demand)]
    in_use = 0
    times = sorted({time for time, _ in changes})
    for time in times:  # all changes of one time are one
        in_use += sum(change for at, change in changes if at == time)
        if in_use > capacity:
            return False
    return capacity >= 0


def _shown(model: Model, constraint: Constraint, values: Sequence[int]) -> str:
    """The values of a broken constraint, cut short."""
    if constraint.kind in ("no_overlap", "cumulative"):
        present = sorted(_present(model, constraint.items, values))
        return f"intervals {', '.join(f'[{a}, {b})' for a, b in present[:8])}{', ...' if len(present) > 8 else ''}"
    if constraint.expressions:
        text = ", ".join(str(_value(values, e)) for e in constraint.expressions[:6])
        return f"values {text}" + (f", domain {list(constraint.domain)[:6]}" if constraint.domain else "")
    return f"literals {[int(_true(values, x)) for x in constraint.items[:12]]}"
