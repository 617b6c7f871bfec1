"""Reading a model, third part: its other constraints as lags, links of modes, releases, deadlines and milestones.

A constraint is looked at in every combination of modes of the at most two tasks whose modes it depends on. What is left in each
is nothing (true, or a combination that no schedule has), the bound of one time, or the difference of two: a lag.

A variable that belongs to no interval and has only lags is a milestone, a task of no duration. So is the maximum of times, which
is exact as long as nothing else keeps it from being that maximum.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from dispatchgym.instances.cpmodel.instance import Lag
from dispatchgym.instances.cpmodel.mode_links import MAX_ALLOWED
from dispatchgym.instances.cpmodel.model_tasks import Draft, Point, Tasks
from dispatchgym.instances.cpmodel.protocol import Affine, Constraint
from dispatchgym.instances.errors import InputError

Chosen = Mapping[int, int]  # task -> mode
Time = tuple[int, bool]  # task and whether its end
INFINITY = 2**62
_KIND = {(True, False): "FS", (False, False): "SS", (True, True): "FF", (False, True): "SF"}


class Links:
    """Lags and forbidden combinations of modes of a model."""

    def __init__(self, tasks: Tasks) -> None:
        """Raises InputError for a constraint that is not understood, naming it."""
        self.tasks = tasks
        self.facts = tasks.facts
        self.lags: list[Lag] = []
        self.constraint_of: dict[Lag, int] = {}
        self.looked_at = 0  # combinations of modes
        self.forbidden: set[tuple[int, int, int, int]] = set()  # task, mode, later task, mode
        self.maxima: dict[int, int] = {}  # milestone -> its lin_max
        self._define_aliases()
        self.sums = self._sums_of_objective()
        self._switches = self.facts.literal_variables()
        self._define_milestones()
        of_maxima = set(self.lags)
        self._widest = self._widest_difference()
        for k, constraint in enumerate(self.facts.model.constraints):
            if not self.facts.understood[k] and constraint.kind not in ("interval", "no_overlap", "cumulative"):
                self._read(k, constraint)
        for lag in self.lags:
            if lag.second in self.maxima and lag not in of_maxima:
                raise self.facts.error(self.maxima[lag.second], "a maximum that is also bounded from below is not understood")

    def _known(self, v: int) -> bool:
        tasks = self.tasks
        return self.facts.fixed(v) or v in tasks.points or v in tasks.sizes or v in tasks.literals

    def _equality(self, k: int) -> Affine | None:
        """The expression that is 0, of an equality that always holds."""
        constraint = self.facts.model.constraints[k]
        if self.facts.understood[k] or constraint.kind != "linear" or self.facts.conditions(constraint) != ():
            return None
        if len(constraint.domain) != 2 or constraint.domain[0] != constraint.domain[1]:
            return None
        expression = self.facts.reduced(constraint.expressions[0])
        return Affine(expression.terms, expression.constant - constraint.domain[0])

    def _define_aliases(self) -> None:
        """Variables that an equality makes a time, a duration or a literal of one task."""
        equalities = [(k, e) for k in range(len(self.facts.model.constraints)) if (e := self._equality(k)) is not None]
        moved = True
        while moved:
            moved = False
            for k, expression in equalities:
                unknown = [(v, c) for v, c in expression.terms if not self._known(v)]
                if len(unknown) == 1 and abs(unknown[0][1]) == 1 and self._define(k, expression, *unknown[0]):
                    self.facts.understood[k] = moved = True

    def _define(self, k: int, expression: Affine, v: int, c: int) -> bool:
        """Let v be what the rest of the expression, of one task, makes it; False if that is not understood."""
        rest = Affine(tuple((w, -c * x) for w, x in expression.terms if w != v), -c * expression.constant)
        owners = {self._owner(w) for w, _ in rest.terms}
        if len(owners) != 1:
            return False
        (task,) = owners
        assert task is not None
        parts = [self._times(rest, {task: m}) for m in self.tasks.drafts[task].modes]
        if any(part is None for part in parts):
            return False
        durations = self.tasks.drafts[task].durations
        values = [(dict(times), constant) for times, constant in parts]  # type: ignore[misc]
        constants = [constant for _, constant in values]
        if all(times == {(task, False): 1} for times, _ in values):
            if len(set(constants)) == 1:
                self.tasks.define_point(k, v, Point(task, False, constants[0]))
                return True
            after = {constant - duration for constant, duration in zip(constants, durations, strict=True)}
            if len(after) == 1:
                self.tasks.define_point(k, v, Point(task, True, after.pop()))
                return True
            return False
        if any(times for times, _ in values):
            return False
        if self.facts.is_boolean(v) and set(constants) <= {0, 1}:
            self.tasks.literals[v] = (task, frozenset(m for m, x in enumerate(constants) if x == 1))
            return True
        if constants == durations and all(self.facts.holds(v, x) for x in constants):
            self.tasks.sizes[v] = task
            return True
        return False

    def _owner(self, v: int) -> int | None:
        """The task that a variable belongs to."""
        tasks = self.tasks
        if v in tasks.points:
            return tasks.points[v].task
        if v in tasks.sizes:
            return tasks.sizes[v]
        return tasks.literals[v][0] if v in tasks.literals else None

    def _sums_of_objective(self) -> dict[int, Affine]:
        """Variables of the objective that one equality makes a sum, and that nothing else restricts."""
        model = self.facts.model
        uses: dict[int, list[int]] = {}
        for k, constraint in enumerate(model.constraints):
            if not self.facts.understood[k]:
                for v in {v for e in constraint.expressions for v, _ in self.facts.reduced(e).terms}:
                    uses.setdefault(v, []).append(k)
        found: dict[int, Affine] = {}
        waiting = [v for v, _ in self.facts.reduced(model.objective).terms] if model.objective else []
        for v in waiting:  # grows: a sum may be of sums
            if self._known(v) or len(uses.get(v, [])) != 1 or v in found:
                continue
            expression = self._equality(uses[v][0])
            c = dict(expression.terms)[v] if expression is not None else 0
            if expression is None or abs(c) != 1 or len(expression.terms) < 2:
                continue
            rest = Affine(tuple((w, -c * x) for w, x in expression.terms if w != v), -c * expression.constant)
            low, high = self.facts.range(rest)
            if not self.facts.low[v] <= low <= high <= self.facts.high[v]:
                raise self.facts.variable_error(v, f"its domain does not hold all values {low} to {high} of the sum that it is")
            found[v] = rest
            self.facts.understood[uses[v][0]] = True
            for w, _ in rest.terms:
                uses[w] = [k for k in uses.get(w, []) if k != uses[v][0]]
                waiting.append(w)
        return found

    def _define_milestones(self) -> None:
        model = self.facts.model
        for k, constraint in enumerate(model.constraints):
            if self.facts.understood[k] or constraint.kind not in ("linear", "lin_max"):
                continue
            for expression in constraint.expressions:
                for v, _ in self.facts.reduced(expression).terms:
                    if not self._known(v):
                        self._add_milestone(k, v)
            if constraint.kind == "lin_max":
                self._add_maximum(k, constraint)

    def _add_milestone(self, k: int, v: int) -> None:
        """A variable as a task of no duration, whose time is the variable, or the variable less its least value if negative."""
        facts = self.facts
        variable = facts.model.variables[v]
        if v in self._switches:
            raise facts.error(k, f"literal {v} ({variable.name}) is no mode of a task")
        shift = min(0, facts.low[v])
        task = len(self.tasks.drafts)
        self.tasks.drafts.append(Draft(variable.name or f"variable {v}", Affine(((v, 1),), -shift), [0], milestone=True))
        self.tasks.define_point(k, v, Point(task, False, shift))

    def _add_maximum(self, k: int, constraint: Constraint) -> None:
        """The target of a lin_max as a milestone after all of the expressions."""
        facts = self.facts
        target, *others = (facts.reduced(e) for e in constraint.expressions)
        if facts.conditions(constraint) != () or len(target.terms) != 1 or target.terms[0][1] != 1:
            raise facts.error(k, "a maximum that is conditional, or no variable plus a constant, is not understood")
        point = self.tasks.points.get(target.terms[0][0])
        if point is None or not self.tasks.drafts[point.task].milestone or point.task in self.maxima:
            raise facts.error(k, "the maximum is the time of a task, or also another maximum, which is not understood")
        milestone = self.tasks.drafts[point.task]
        self.maxima[point.task] = k
        add = -point.constant - target.constant  # from an expression to the milestone's time
        for expression in others:
            if not expression.terms:
                milestone.release = max(milestone.release, expression.constant + add)
                continue
            found = self._times(expression, {})
            times = {} if found is None else dict(found[0])
            if found is None or list(times.values()) != [1]:
                raise facts.error(k, "a maximum of what are no times is not understood")
            ((first, end),) = times
            lag = Lag(first, point.task, "FS" if end else "SS", found[1] + add)
            self._add(k, [self._from_end_to_start(lag, {})])
        facts.understood[k] = True

    def _times(self, expression: Affine, chosen: Chosen) -> tuple[tuple[tuple[Time, int], ...], int] | None:
        """The expression as times of tasks and a constant, given some modes; None if a mode that it needs is not chosen.

        Ends of tasks whose mode is chosen are starts plus durations.
        """
        tasks = self.tasks
        sums: dict[Time, int] = {}
        constant = expression.constant
        for v, c in expression.terms:
            if self.facts.fixed(v):
                constant += c * self.facts.low[v]
                continue
            owner = self._owner(v)
            if owner is None:
                return None
            mode = chosen.get(owner)
            if v in tasks.points:
                point = tasks.points[v]
                if point.modes is not None and mode not in point.modes:
                    return None
                end = point.end and mode is None
                constant += c * (point.constant + (tasks.drafts[owner].durations[mode] if point.end and mode is not None else 0))
                sums[owner, end] = sums.get((owner, end), 0) + c
            elif mode is None:
                return None
            elif v in tasks.sizes:
                constant += c * tasks.drafts[owner].durations[mode]
            else:
                constant += c * int(mode in tasks.literals[v][1])
        return tuple((time, c) for time, c in sums.items() if c), constant

    def _dependent(self, k: int, constraint: Constraint, waits: tuple[int, ...]) -> list[int]:
        """The tasks on whose modes a constraint depends."""
        tasks = self.tasks
        variables = {v for e in constraint.expressions for v, _ in self.facts.reduced(e).terms}
        literals = {x if x >= 0 else -x - 1 for x in (*constraint.items, *waits)}
        found: set[int] = set()
        for v in variables | literals:
            if self.facts.fixed(v):
                continue
            if v in tasks.literals or v in tasks.sizes or (v in tasks.points and tasks.points[v].modes is not None):
                found.add(self._owner(v))  # type: ignore[arg-type]
            elif v in literals:
                raise self.facts.error(k, f"literal {v} ({self.facts.model.variables[v].name}) is no mode of a task")
        ends = [tasks.points[v] for v in variables if v in tasks.points]
        both = {p.task for p in ends if p.end} & {p.task for p in ends if not p.end}
        return sorted(found | both)

    def _combinations(self, dependent: list[int]) -> Iterator[dict[int, int]]:
        for modes in itertools.product(*(self.tasks.drafts[i].modes for i in dependent)):
            self.looked_at += 1
            if self.looked_at > MAX_ALLOWED:
                raise InputError(f"constraints depend on more than {MAX_ALLOWED} combinations of modes of two tasks")
            yield dict(zip(dependent, modes, strict=True))

    def _true(self, literal: int, chosen: Chosen) -> bool:
        v = literal if literal >= 0 else -literal - 1
        if self.facts.fixed(v):
            return self.facts.is_true(literal)
        task, modes = self.tasks.literals[v]
        return (chosen[task] in modes) == (literal >= 0)

    def _read(self, k: int, constraint: Constraint) -> None:
        """A constraint as lags and forbidden combinations."""
        waits = self.facts.conditions(constraint)
        if constraint.kind not in ("linear", "bool_or", "bool_and", "at_most_one", "exactly_one", "bool_xor") or waits is None:
            raise self.facts.error(k, f"constraints of the kind {constraint.kind} are not understood")
        dependent = self._dependent(k, constraint, waits)
        if len(dependent) > 2:
            if self._is_implied(constraint, waits):
                self.facts.understood[k] = True
                return
            raise self.facts.error(k, f"depends on the modes of {len(dependent)} tasks, more than two")
        plain: dict[Lag, list[Chosen]] = {}
        normal: dict[Lag, list[Chosen]] = {}  # the same from ends to starts, where durations are known
        for chosen in self._combinations(dependent):
            if not all(self._true(x, chosen) for x in waits):
                continue
            if constraint.kind != "linear":
                true = sum(self._true(x, chosen) for x in constraint.items)
                if not _boolean(constraint.kind, true, len(constraint.items)):
                    self._forbid(chosen)
                continue
            for lag in self._lags_of(k, constraint, chosen):
                plain.setdefault(lag, []).append(chosen)
                normal.setdefault(self._from_end_to_start(lag, chosen), []).append(chosen)
        found = [
            [x for lag, cases in lags.items() for x in self._under_modes(k, lag, dependent, cases)] for lags in (normal, plain)
        ]
        self._add(k, found[0] if len(found[0]) <= len(found[1]) else found[1])
        self.facts.understood[k] = True

    def _add(self, k: int, lags: list[Lag]) -> None:
        self.lags += lags
        self.constraint_of.update(dict.fromkeys(lags, k))

    def _from_end_to_start(self, lag: Lag, chosen: Chosen) -> Lag:
        """The same lag from the end of the first task to the start of the second, if their durations are known."""
        times = []
        for task in (lag.first, lag.second):
            durations = self.tasks.drafts[task].durations
            times.append(durations[chosen[task]] if task in chosen else durations[0] if len(set(durations)) == 1 else None)
        least, (a, b) = lag.least, lag.kind
        if a == "S" and times[0] is not None:
            a, least = "F", least - times[0]
        if b == "F" and times[1] is not None:
            b, least = "S", least - times[1]
        return Lag(lag.first, lag.second, _KIND[a == "F", b == "F"], least)  # type: ignore[arg-type]

    def _is_implied(self, constraint: Constraint, waits: tuple[int, ...]) -> bool:
        """Whether a clause holds as it has all modes of one task."""
        if constraint.kind != "bool_or" or waits:
            return False
        covered: dict[int, set[int]] = {}
        for x in constraint.items:
            v = x if x >= 0 else -x - 1
            if not self.facts.fixed(v):
                task, modes = self.tasks.literals[v]
                every = set(self.tasks.drafts[task].modes)
                covered.setdefault(task, set()).update(modes if x >= 0 else every - modes)
        return any(len(modes) == len(self.tasks.drafts[task].durations) for task, modes in covered.items())

    def _forbid(self, chosen: Chosen) -> None:
        pairs = sorted(chosen.items())
        if len(pairs) == 1:
            self.tasks.drafts[pairs[0][0]].excluded.add(pairs[0][1])
        else:
            self.forbidden.add((*pairs[0], *pairs[1]))

    def _lags_of(self, k: int, constraint: Constraint, chosen: Chosen) -> list[Lag]:
        """The lags, without modes, that a linear constraint asks for in one combination of modes."""
        found = self._times(self.facts.reduced(constraint.expressions[0]), chosen)
        if found is None:
            raise self.facts.error(k, "uses a time that another mode leaves free")
        times, constant = found
        domain = constraint.domain
        if not times:
            if not any(a <= constant <= b for a, b in zip(domain[::2], domain[1::2], strict=True)):
                if not chosen:
                    raise self.facts.error(k, "never holds: there is no schedule")
                self._forbid(chosen)
            return []
        if len(domain) != 2:
            raise self.facts.error(k, "a domain with gaps is not understood")
        low, high = domain[0] - constant, domain[1] - constant
        if len(times) == 1:
            return self._bound(k, times[0], low, high, bool(chosen))
        if len(times) != 2 or sorted(c for _, c in times) != [-1, 1]:
            raise self.facts.error(k, "is not the difference of two times")
        (later, _), (earlier, _) = sorted(times, key=lambda x: -x[1])
        lags = []
        if low > -INFINITY:  # later - earlier >= low
            lags.append(_lag(earlier, later, low))
        if high < INFINITY:
            lags.append(_lag(later, earlier, -high))
        return [lag for lag in lags if lag.least > -self._widest]

    def _widest_difference(self) -> int:
        """No two times are further apart, by the bounds of the variables."""
        points, facts, longest = self.tasks.points, self.facts, [max(draft.durations) for draft in self.tasks.drafts]
        last = max((facts.high[v] - p.constant + (0 if p.end else longest[p.task]) for v, p in points.items()), default=0)
        return last - min((facts.low[v] - p.constant for v, p in points.items() if not p.end), default=0)

    def _bound(self, k: int, time: tuple[Time, int], low: int, high: int, conditional: bool) -> list[Lag]:
        """A bound of one time: a release or a deadline, which must not depend on modes unless it is implied."""
        ((task, end), c) = time
        if abs(c) != 1:
            raise self.facts.error(k, "a multiple of a time is not understood")
        if c < 0:
            low, high = -high, -low
        draft = self.tasks.drafts[task]
        first = draft.start.constant + self.facts.low[draft.start.terms[0][0]] + (min(draft.durations) if end else 0)
        last = draft.start.constant + self.facts.high[draft.start.terms[0][0]] + (max(draft.durations) if end else 0)
        if low <= first and high >= last:
            return []
        raise self.facts.error(k, f"a bound of one time{' that depends on a mode' if conditional else ''} is not understood")

    def _under_modes(self, k: int, lag: Lag, dependent: list[int], cases: list[Chosen]) -> list[Lag]:
        """The lag under the modes of the cases in which it holds; a task on whose modes it does not depend is left out."""
        chosen: set[tuple[int | None, ...]] = {tuple(case[i] for i in dependent) for case in cases}
        for place, task in enumerate(dependent):
            without = {(*case[:place], None, *case[place + 1 :]) for case in chosen}
            if len(chosen) == len(without) * len(self.tasks.drafts[task].durations):  # it holds in every mode of this task
                chosen = without
        found = []
        for case in sorted(chosen, key=str):
            modes = {i: m for i, m in zip(dependent, case, strict=True) if m is not None}
            if not set(modes) <= {lag.first, lag.second}:
                raise self.facts.error(k, "a lag that depends on the mode of a third task is not understood")
            found.append(replace(lag, first_mode=modes.get(lag.first), second_mode=modes.get(lag.second)))
        return found


def _lag(earlier: Time, later: Time, least: int) -> Lag:
    return Lag(earlier[0], later[0], _KIND[earlier[1], later[1]], least)  # type: ignore[arg-type]


def _boolean(kind: str, true: int, count: int) -> bool:
    return {
        "bool_or": true >= 1,
        "bool_and": true == count,
        "at_most_one": true <= 1,
        "exactly_one": true == 1,
        "bool_xor": true % 2 == 1,
    }[kind]
