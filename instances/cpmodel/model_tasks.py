"""Reading a model, second part: which intervals are tasks, modes of tasks, or breaks.

A task is an interval of fixed size; or the intervals whose presence literals are exactly one, on one start variable or linked to
that of a main interval by enforced equalities. An interval of fixed start and size is a break of the resources that it uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dispatchgym.instances.cpmodel.model_facts import Facts
from dispatchgym.instances.cpmodel.protocol import LITERALS, Affine


@dataclass
class Draft:
    """A task that is being put together."""

    name: str
    start: Affine  # of one variable, or of none for a task that the model does not have
    durations: list[int]  # of each mode
    literals: tuple[int, ...] = ()  # of the modes; none if there is one mode without literal
    release: int = 0
    deadline: int | None = None
    due: int | None = None
    milestone: bool = False  # a variable that is no interval's
    removed: bool = False  # replaced by a part of the objective
    excluded: set[int] = field(default_factory=set)  # modes that no schedule has

    @property
    def modes(self) -> range:
        return range(len(self.durations))


@dataclass(frozen=True)
class Point:
    """A variable that is the start or the end of a task plus a constant, if the task is in one of these modes."""

    task: int
    end: bool
    constant: int
    modes: frozenset[int] | None = None  # None = always; else the variable is free in other modes


class Tasks:
    """The tasks of a model, and what its variables say of them."""

    def __init__(self, facts: Facts) -> None:
        """Raises InputError for an interval that is no task, naming it."""
        self.facts = facts
        self.drafts: list[Draft] = []
        self.points: dict[int, Point] = {}
        self.sizes: dict[int, int] = {}  # variable that is the duration of a task -> task
        self.literals: dict[int, tuple[int, frozenset[int]]] = {}  # variable -> task and the modes in which it is 1
        self.runs: dict[int, tuple[int, frozenset[int] | None]] = {}  # interval -> task and modes; None = all
        self.breaks: dict[int, tuple[int, int]] = {}  # interval -> start and end
        self.absent: set[int] = set()  # intervals that are never present
        self._optional: dict[int, list[int]] = {}  # presence literal -> intervals
        self._values = self._enforced_values()
        self._links = self._enforced_links()
        self._find()

    def define_point(self, k: int, v: int, point: Point) -> None:
        """Let variable v be this point; a variable that is another point already is not understood."""
        if self.points.get(v, point) != point:
            raise self.facts.error(k, f"variable {v} ({self.facts.model.variables[v].name}) belongs to two tasks")
        if len(self.facts.model.variables[v].domain) > 2:
            raise self.facts.variable_error(v, "a time with gaps in its domain is not understood")
        self.points[v] = point

    def _enforced_values(self) -> dict[tuple[int, int], int]:
        """(variable, literal) -> value, of constraints `variable == value` that wait for one literal."""
        found = {}
        for k, constraint in enumerate(self.facts.model.constraints):
            waits = self.facts.conditions(constraint)
            if constraint.kind != "linear" or waits is None or len(waits) != 1 or self.facts.understood[k]:
                continue
            expression = self.facts.reduced(constraint.expressions[0])
            if len(expression.terms) == 1 and len(constraint.domain) == 2 and constraint.domain[0] == constraint.domain[1]:
                v, c = expression.terms[0]
                rest = constraint.domain[0] - expression.constant
                if rest % c == 0:
                    found[v, waits[0]] = rest // c
        return found

    def _enforced_links(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """(variable, literal) -> other variables with `variable = other + constant`, of equalities that wait for one literal."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for k, constraint in enumerate(self.facts.model.constraints):
            waits = self.facts.conditions(constraint)
            if constraint.kind != "linear" or waits is None or len(waits) != 1 or self.facts.understood[k]:
                continue
            expression, domain = self.facts.reduced(constraint.expressions[0]), constraint.domain
            if len(domain) != 2 or domain[0] != domain[1] or sorted(c for _, c in expression.terms) != [-1, 1]:
                continue
            rest = domain[0] - expression.constant
            plus = next(v for v, c in expression.terms if c == 1)
            minus = next(v for v, c in expression.terms if c == -1)
            found.setdefault((plus, waits[0]), []).append((minus, rest))
            found.setdefault((minus, waits[0]), []).append((plus, -rest))
        return found

    def _find(self) -> None:
        facts = self.facts
        main: list[int] = []
        optional = self._optional
        for k, constraint in enumerate(facts.model.constraints):
            if constraint.kind != "interval":
                continue
            waits = facts.conditions(constraint)
            start, size, _ = (facts.reduced(e) for e in constraint.expressions)
            if waits is None:
                self.absent.add(k)
                facts.understood[k] = True
            elif waits:
                if len(waits) > 1:
                    raise facts.error(k, "an interval with several presence literals is not understood")
                optional.setdefault(waits[0], []).append(k)
            elif not start.terms and not size.terms:
                self._add_break(k, start.constant, size.constant)
            else:
                main.append(k)
        groups = self._groups(main)
        owner = {x: group for group in groups for x in group}
        for literal, intervals in optional.items():
            if literal not in owner:
                raise facts.error(
                    intervals[0], "an optional interval that no exactly_one makes the mode of a task is not understood"
                )
        by_start: dict[tuple[int, int], list[int]] = {}
        for k in main:
            start = self._start(k)
            by_start.setdefault((start.terms[0][0], start.constant), []).append(k)
        for group in groups:
            self._add_group(group, by_start)
        for (v, constant), intervals in by_start.items():
            self._add_plain(Affine(((v, 1),), constant), intervals)

    def _add_break(self, k: int, start: int, size: int) -> None:
        if start < 0 or size < 0:
            raise self.facts.error(k, f"a fixed interval of start {start} and size {size} is not understood")
        self.breaks[k] = (start, start + size)
        self.facts.understood[k] = True

    def _start(self, k: int) -> Affine:
        """The start of an interval, which must be a variable plus a constant."""
        start = self.facts.reduced(self.facts.model.constraints[k].expressions[0])
        if len(start.terms) != 1 or start.terms[0][1] != 1:
            raise self.facts.error(k, "a start that is not one variable plus a constant is not understood")
        return start

    def _groups(self, main: list[int]) -> list[tuple[int, ...]]:
        """The sets of literals of which exactly one is true and that are modes of a task, each literal in one of them."""
        facts = self.facts
        sizes = {facts.reduced(facts.model.constraints[k].expressions[1]).terms[0][0] for k in main if self._size_terms(k)}
        timed = set(self._optional) | {literal for v, literal in self._values if v in sizes}
        taken: set[int] = set()  # variables
        found: list[tuple[int, ...]] = []
        for group in [*self._exactly_one(), *((x, -x - 1) for x in sorted(timed) if x >= 0)]:
            variables = {x if x >= 0 else -x - 1 for x in group}
            implicit = len(variables) == 1
            wanted = (group[0] in timed and group[1] in timed) if implicit else any(x in timed for x in group)
            if wanted and not variables & taken and (implicit or len(variables) == len(group)):
                taken |= variables
                found.append(group)
        return found

    def _size_terms(self, k: int) -> bool:
        return bool(self.facts.reduced(self.facts.model.constraints[k].expressions[1]).terms)

    def _exactly_one(self) -> list[tuple[int, ...]]:
        """Sets of literals of which exactly one is true, without those that are fixed."""
        facts, found = self.facts, []
        most: set[frozenset[int]] = set()
        least: list[tuple[int, ...]] = []
        for k, constraint in enumerate(facts.model.constraints):
            if facts.understood[k] or facts.conditions(constraint) != ():
                continue
            items = constraint.items if constraint.kind in LITERALS else ()
            literals = tuple(x for x in items if not facts.is_true(-x - 1))
            if constraint.kind == "exactly_one":
                found.append(literals)
            elif constraint.kind == "at_most_one":
                most.add(frozenset(literals))
            elif constraint.kind == "bool_or":
                least.append(literals)
            elif constraint.kind == "linear" and len(constraint.domain) == 2:
                sum_of = facts.reduced(constraint.expressions[0])
                low, high = (x - sum_of.constant for x in constraint.domain)
                if all(c == 1 and facts.is_boolean(v) for v, c in sum_of.terms):
                    literals = tuple(v for v, _ in sum_of.terms)
                    if low == high == 1:
                        found.append(literals)
                    elif low <= 0 and high == 1:
                        most.add(frozenset(literals))
                    elif low == 1 and high >= len(literals):
                        least.append(literals)
        return found + [literals for literals in least if frozenset(literals) in most]

    def _add_group(self, group: tuple[int, ...], mains: dict[tuple[int, int], list[int]]) -> None:
        """The task whose modes are the literals of a group."""
        facts = self.facts
        intervals = [(k, m) for m, x in enumerate(group) for k in self._optional.get(x, [])]
        anchor = self._anchor(group, intervals, mains)
        main = mains.pop((anchor.terms[0][0], anchor.constant), [])
        task = len(self.drafts)
        durations = [self._duration(group, m, [k for k, of in intervals if of == m], main) for m in range(len(group))]
        first = intervals[0][0] if intervals else main[0]
        name = facts.model.constraints[main[0] if main else first].name or facts.model.variables[anchor.terms[0][0]].name
        self.drafts.append(Draft(name or f"task {task}", anchor, durations, group))
        for m, x in enumerate(group):
            others = frozenset(range(len(group))) - {m}
            self.literals[x if x >= 0 else -x - 1] = (task, frozenset({m}) if x >= 0 else others)
        self.define_point(first, anchor.terms[0][0], Point(task, False, -anchor.constant))
        for k in main:
            self._add_main(k, task, group)
        for k, m in intervals:
            self._add_optional(k, task, m, group[m])
        self._share_ends(task, first)

    def _anchor(
        self, group: tuple[int, ...], intervals: list[tuple[int, int]], mains: dict[tuple[int, int], list[int]]
    ) -> Affine:
        """The start of the task: that of all its intervals, or the one that all are linked to."""
        if not intervals:  # the modes differ by what they set the size of a main interval to
            for (v, constant), main in mains.items():
                size = self.facts.reduced(self.facts.model.constraints[main[0]].expressions[1])
                if size.terms and all((size.terms[0][0], x) in self._values for x in group):
                    return Affine(((v, 1),), constant)
            raise self.facts.error(next(iter(mains.values()))[0], "a size that does not follow from a mode is not understood")
        starts = [(self._start(k), group[m]) for k, m in intervals]
        if all(start == starts[0][0] for start, _ in starts):
            return starts[0][0]
        candidates: set[Affine] | None = None
        for start, literal in starts:
            v = start.terms[0][0]
            linked = {Affine(((w, 1),), start.constant + c) for w, c in self._links.get((v, literal), [])} | {start}
            candidates = linked if candidates is None else candidates & linked
        found = sorted(candidates or (), key=lambda a: (a.terms[0][0], a.constant) not in mains)
        if not found:
            raise self.facts.error(intervals[0][0], "the modes of a task that have no common start are not understood")
        return found[0]

    def _duration(self, group: tuple[int, ...], m: int, intervals: list[int], main: list[int]) -> int:
        """The duration of mode m: of its intervals, or what it sets the size of the main interval to."""
        facts = self.facts
        sizes = []
        for k in [*intervals, *main]:
            size = facts.reduced(facts.model.constraints[k].expressions[1])
            if not size.terms:
                sizes.append(size.constant)
            elif (size.terms[0][0], group[m]) in self._values and len(size.terms) == 1:
                sizes.append(size.constant + size.terms[0][1] * self._values[size.terms[0][0], group[m]])
            elif k in intervals:
                raise facts.error(k, "an optional interval whose size is not fixed is not understood")
        if not sizes:
            at = (main or intervals or [next(k for k, c in enumerate(facts.model.constraints) if group[m] in c.items)])[0]
            raise facts.error(at, f"the duration if literal {group[m]} is true does not follow from it")
        if len(set(sizes)) > 1 or sizes[0] < 0:
            raise facts.error((intervals or main)[0], f"sizes {sorted(set(sizes))} of one mode are not understood")
        return sizes[0]

    def _add_main(self, k: int, task: int, group: tuple[int, ...]) -> None:
        """A main interval: its size is the duration in every mode, its end the end of the task."""
        facts = self.facts
        _, size, end = (facts.reduced(e) for e in facts.model.constraints[k].expressions)
        self.runs[k] = (task, None)
        facts.understood[k] = True
        self._add_end(k, task, end, None)
        if not size.terms:
            return
        if size.terms[0][1] != 1 or size.constant:
            raise facts.error(k, "a size that is not one variable or a number is not understood")
        v = size.terms[0][0]
        if self.sizes.get(v, task) != task or v in self.points:
            raise facts.error(k, f"variable {v} ({facts.model.variables[v].name}) is the size of two tasks")
        for m, duration in enumerate(self.drafts[task].durations):
            if not facts.holds(v, duration):
                self.drafts[task].excluded.add(m)
            # The size follows from the mode by itself, or by the end, which is linked to that of the mode's interval.
            elif (v, group[m]) not in self._values and not self._tied(end, group[m]):
                raise facts.error(k, f"its size if literal {group[m]} is true does not follow from it")
        self.sizes[v] = task

    def _tied(self, end: Affine, literal: int) -> bool:
        """Whether a mode's interval has this end, or one that is linked to it."""
        facts = self.facts
        if len(end.terms) != 1 or end.terms[0][1] != 1:
            return False
        for k in self._optional.get(literal, []):
            other = facts.reduced(facts.model.constraints[k].expressions[2])
            if other == end:
                return True
            if len(other.terms) == 1 and other.terms[0][1] == 1:
                linked = self._links.get((other.terms[0][0], literal), [])
                if any(w == end.terms[0][0] and c + other.constant == end.constant for w, c in linked):
                    return True
        return False

    def _add_optional(self, k: int, task: int, m: int, literal: int) -> None:
        """A mode's interval: its start and end are the task's if the mode is chosen."""
        start, _, end = (self.facts.reduced(e) for e in self.facts.model.constraints[k].expressions)
        draft, modes = self.drafts[task], frozenset({m})
        self.runs[k] = (task, modes)
        self.facts.understood[k] = True
        if start != draft.start:
            v = start.terms[0][0]
            point = Point(task, False, -start.constant, modes)
            if v in self.points:  # shared by some of the modes
                known = self.points[v]
                if known.modes is None or known.task != task or known.end or known.constant != point.constant:
                    raise self.facts.error(k, "its start belongs to two tasks")
                point = Point(task, False, -start.constant, known.modes | modes)
            self.points.pop(v, None)
            self.define_point(k, v, point)
        self._add_end(k, task, end, modes)

    def _add_end(self, k: int, task: int, end: Affine, modes: frozenset[int] | None) -> None:
        """The end of an interval: start plus size, or a variable of its own."""
        durations = self.drafts[task].durations
        if not end.terms and len(durations) == 1 and self._starts_at(task, end.constant - durations[0]):
            return
        if len(end.terms) != 1 or end.terms[0][1] != 1:
            raise self.facts.error(k, "an end that is not one variable plus a constant is not understood")
        v = end.terms[0][0]
        if v == self.drafts[task].start.terms[0][0] or (v in self.points and not self.points[v].end):
            # In the start's own variable: start plus a constant, which must be the size.
            duration = {self.drafts[task].durations[m] for m in (modes or self.drafts[task].modes)}
            start = self.facts.reduced(self.facts.model.constraints[k].expressions[0])
            if start.terms != end.terms or duration != {end.constant - start.constant}:
                raise self.facts.error(k, "start, size and end do not add up")
            return
        known = self.points.get(v)
        if known is not None and (known.task != task or not known.end or known.constant != -end.constant):
            raise self.facts.error(k, f"variable {v} ({self.facts.model.variables[v].name}) belongs to two tasks")
        both = None if modes is None or (known and known.modes is None) else modes | (known.modes or modes if known else modes)
        self.points.pop(v, None)
        self.define_point(k, v, Point(task, True, -end.constant, both))

    def _starts_at(self, task: int, time: int) -> bool:
        """Whether the task's start has no other value left, as where its end is fixed."""
        (v, _), constant = self.drafts[task].start.terms[0], self.drafts[task].start.constant
        return self.facts.low[v] + constant == self.facts.high[v] + constant == time

    def _share_ends(self, task: int, k: int) -> None:
        """An end or start that the intervals of all modes have is the task's in every mode."""
        for v, point in list(self.points.items()):
            if point.task == task and point.modes is not None and len(point.modes) == len(self.drafts[task].durations):
                self.points[v] = Point(task, point.end, point.constant)

    def _add_plain(self, start: Affine, intervals: list[int]) -> None:
        """A task of one mode: intervals that are always present and have one start and one size."""
        facts, task = self.facts, len(self.drafts)
        parts = {k: [facts.reduced(e) for e in facts.model.constraints[k].expressions] for k in intervals}
        fixed = {end: size.constant for _, size, end in parts.values() if not size.terms}
        sizes = []
        for k, (_, size, end) in parts.items():
            if not size.terms:
                sizes.append(size.constant)
            elif end not in fixed or size.constant or size.terms[0][1] != 1 or not facts.holds(size.terms[0][0], fixed[end]):
                raise facts.error(k, "an interval whose size is neither fixed nor set by a mode is not understood")
            else:  # it has the end of another interval
                self.sizes[size.terms[0][0]] = task
        if min(sizes, default=0) < 0:
            raise facts.error(intervals[0], f"a size of {min(sizes)} is not understood")
        if len(set(sizes)) > 1:
            raise facts.error(intervals[1], "intervals of one start and different sizes are not understood")
        v = start.terms[0][0]
        name = facts.model.constraints[intervals[0]].name or facts.model.variables[v].name or f"task {task}"
        self.drafts.append(Draft(name, start, [sizes[0]]))
        self.define_point(intervals[0], v, Point(task, False, -start.constant))
        for k in intervals:
            self.runs[k] = (task, None)
            facts.understood[k] = True
            self._add_end(k, task, facts.reduced(facts.model.constraints[k].expressions[2]), None)
