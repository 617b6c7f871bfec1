"""Between schedules of an instance and values of the variables of the model that it was read from."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dispatchgym.instances.cpmodel.protocol import Affine, Constraint, Model

Bounds = list[list[int]]  # [low, high] of each variable


@dataclass(frozen=True, slots=True)
class Origin:
    """The model that an instance was read from, and where its tasks are in it."""

    model: Model
    text: str  # the protocol
    parts: tuple[object, ...]  # tasks, resources, lags, links, objective and horizon of the instance that was read
    start: tuple[Affine, ...]  # (N,) the start of each task; without a variable: the task is not in the model
    mode: tuple[tuple[int, ...], ...]  # (N,) the literals of the modes of each task; none if it has one mode
    intervals: tuple[tuple[int, int], ...]  # (constraint, task) of intervals that run, if they are present, as the task does
    fixed: tuple[tuple[int, int], ...] = ()  # (variable, value) of what is the same in all schedules


def values_of(origin: Origin, start: Sequence[int], mode: Sequence[int], duration: Sequence[int]) -> list[int]:
    """The value of each variable for a schedule: `start`, `mode` and `duration` (ticks) of each task.

    Variables that are not said by it take the least values that the constraints leave to them. Whether all constraints hold is
    not checked.
    """
    model = origin.model
    bounds = [[v.domain[0], v.domain[-1]] for v in model.variables]
    for v, value in origin.fixed:
        _set(bounds, v, value)
    for task, literals in enumerate(origin.mode):
        for m, literal in enumerate(literals):
            _set(bounds, literal if literal >= 0 else -literal - 1, int((m == mode[task]) == (literal >= 0)))
    for task, expression in enumerate(origin.start):
        _fix(bounds, expression, start[task])
    for k, task in origin.intervals:
        interval = model.constraints[k]
        if all(_is_true(bounds, literal) for literal in interval.enforcement):
            _fix(bounds, interval.expressions[0], start[task])
            _fix(bounds, interval.expressions[2], start[task] + duration[task])
    _propagate(model, bounds)
    return [low for low, _ in bounds]


def schedule_of(origin: Origin, values: Sequence[int]) -> tuple[list[int], list[int]]:
    """Start and mode of each task, of the values of all variables."""
    start = [e.constant + sum(c * values[v] for v, c in e.terms) for e in origin.start]
    true = [[values[x] if x >= 0 else 1 - values[-x - 1] for x in literals] for literals in origin.mode]
    return start, [each.index(1) if each else 0 for each in true]


def _set(bounds: Bounds, v: int, value: int) -> None:
    bounds[v] = [value, value]


def _fix(bounds: Bounds, expression: Affine, value: int) -> None:
    """Let an expression of one variable have this value, if it can."""
    if len(expression.terms) == 1:
        (v, coefficient), rest = expression.terms[0], value - expression.constant
        if rest % coefficient == 0:
            _set(bounds, v, rest // coefficient)


def _is_true(bounds: Bounds, literal: int) -> bool:
    return bounds[literal] == [1, 1] if literal >= 0 else bounds[-literal - 1] == [0, 0]


def _range(bounds: Bounds, expression: Affine) -> tuple[int, int]:
    low = high = expression.constant
    for v, c in expression.terms:
        low += c * bounds[v][0 if c > 0 else 1]
        high += c * bounds[v][1 if c > 0 else 0]
    return low, high


def _propagate(model: Model, bounds: Bounds) -> None:
    """Tighten the bounds of what is not fixed until no constraint tightens more, or a bound has moved too often."""
    uses: Mapping[int, list[int]] = {}
    watching: dict[int, list[int]] = {}
    for k, constraint in enumerate(model.constraints):
        for v in _variables(constraint):
            watching.setdefault(v, []).append(k)
    uses = watching
    queue = deque(range(len(model.constraints)))
    waiting = [True] * len(model.constraints)
    moves = 50 * (len(model.constraints) + len(model.variables))
    while queue and moves > 0:
        k = queue.popleft()
        waiting[k] = False
        constraint = model.constraints[k]
        if not all(_is_true(bounds, literal) for literal in constraint.enforcement):
            continue
        for v in _tighten(constraint, bounds):
            moves -= 1
            for other in uses.get(v, ()):
                if not waiting[other]:
                    waiting[other] = True
                    queue.append(other)


def _variables(constraint: Constraint) -> set[int]:
    found = {v for expression in constraint.expressions for v, _ in expression.terms}
    found |= {x if x >= 0 else -x - 1 for x in constraint.enforcement}
    if constraint.kind not in ("no_overlap", "cumulative"):
        found |= {x if x >= 0 else -x - 1 for x in constraint.items}
    return found


def _tighten(constraint: Constraint, bounds: Bounds) -> list[int]:
    """Tighten by one constraint; the variables whose bounds have moved."""
    kind, expressions = constraint.kind, constraint.expressions
    if kind == "linear":
        return _between(bounds, expressions[0], constraint.domain[0], constraint.domain[-1])
    if kind == "interval":
        start, size, end = expressions
        return _between(bounds, _sum(_sum(start, size), end, -1), 0, 0)
    if kind == "lin_max":
        ranges = [_range(bounds, e) for e in expressions[1:]]
        low, high = max(a for a, _ in ranges), max(b for _, b in ranges)
        return _between(bounds, expressions[0], low, high)
    literals = constraint.items
    if kind == "bool_and":
        return _make_true(bounds, literals)
    if kind in ("exactly_one", "at_most_one", "bool_or"):
        true = [x for x in literals if _is_true(bounds, x)]
        if true and kind != "bool_or":
            return _make_true(bounds, tuple(-x - 1 for x in literals if x != true[0]))
        open_ones = [x for x in literals if not _is_true(bounds, -x - 1)]
        if not true and len(open_ones) == 1 and kind != "at_most_one":
            return _make_true(bounds, tuple(open_ones))
    return []


def _make_true(bounds: Bounds, literals: Sequence[int]) -> list[int]:
    moved = []
    for x in literals:
        v, value = (x, 1) if x >= 0 else (-x - 1, 0)
        if bounds[v][0] < bounds[v][1]:
            bounds[v] = [value, value]
            moved.append(v)
    return moved


def _sum(a: Affine, b: Affine, factor: int = 1) -> Affine:
    sums = dict(a.terms)
    for v, c in b.terms:
        sums[v] = sums.get(v, 0) + factor * c
    return Affine(tuple((v, c) for v, c in sums.items() if c), a.constant + factor * b.constant)


def _between(bounds: Bounds, expression: Affine, least: int, most: int) -> list[int]:
    """Keep the expression within [least, most] by the bounds of its variables; fixed ones stay."""
    low, high = _range(bounds, expression)
    moved = []
    for v, c in expression.terms:
        a, b = bounds[v]
        if a == b:
            continue
        # What the others leave to c * v.
        others_low, others_high = (low - c * a, high - c * b) if c > 0 else (low - c * b, high - c * a)
        part_low, part_high = least - others_high, most - others_low
        if c > 0:
            new = [max(a, -(-part_low // c)), min(b, part_high // c)]
        else:
            new = [max(a, -(-part_high // c)), min(b, part_low // c)]
        if new != [a, b] and new[0] <= new[1]:
            low += (c * (new[0] - a)) if c > 0 else c * (new[1] - b)
            high += (c * (new[1] - b)) if c > 0 else c * (new[0] - a)
            bounds[v] = new
            moved.append(v)
    return moved
