"""Reading a model, first part: what is fixed, and what the bounds of each variable are.

Constraints of one variable become bounds, and what follows from fixed literals is carried on. A constraint that is used up so
is never looked at again; the others must be understood by the later parts.
"""

from __future__ import annotations

from dispatchgym.instances.cpmodel.protocol import LITERALS, Affine, Constraint, Model, where
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

UNDERSTOOD = (
    "interval, no_overlap, cumulative, linear with two times, exactly_one, at_most_one, bool_or, bool_and and lin_max of times"
)


class Facts:
    """The bounds of all variables of a model, and which constraints are understood."""

    def __init__(self, model: Model, source: str) -> None:
        """Raises InputError for a model that has no solution on its face."""
        self.model = model
        self.source = source
        self.understood = [False] * len(model.constraints)
        self.low = [v.domain[0] for v in model.variables]
        self.high = [v.domain[-1] for v in model.variables]
        # Starts of tasks stay variables even if nothing but one value is left to them.
        self._kept = self._starts()
        self._alias: dict[int, tuple[int, int]] = {}  # variable -> another one and what is added to it
        self._simplify()

    def _starts(self) -> set[int]:
        """The variables of starts, without those of breaks, which are fixed and no other constraint's."""
        other = [c for c in self.model.constraints if c.kind in ("linear", "lin_max")]
        used = {v for c in other for e in c.expressions for v, _ in e.terms}
        found = set()
        for interval in self.model.constraints:
            if interval.kind == "interval":
                choice = bool(interval.enforcement or interval.expressions[1].terms)
                starts = {v for v, _ in interval.expressions[0].terms}
                found |= {v for v in starts if choice or v in used or self.low[v] < self.high[v]}
        return found

    def error(self, k: int, why: str) -> InputError:
        """What is not understood about constraint k."""
        return InputError(f"{where(self.model, self.source, k)}: {why}; understood are {UNDERSTOOD}")

    def variable_error(self, v: int, why: str) -> InputError:
        name = self.model.variables[v].name
        return InputError(f"{self.source} variable {v} ({printable(name, 60)}): {why}")

    def fixed(self, v: int) -> bool:
        return self.low[v] == self.high[v] and v not in self._kept

    def is_true(self, literal: int) -> bool:
        return self.low[literal] == 1 if literal >= 0 else self.high[-literal - 1] == 0

    def is_boolean(self, v: int) -> bool:
        domain = self.model.variables[v].domain
        return domain[0] >= 0 and domain[-1] <= 1

    def literal_variables(self) -> set[int]:
        """The variables that are used as literals."""
        literals: set[int] = set()
        for constraint in self.model.constraints:
            literals.update(constraint.enforcement)
            literals.update(constraint.items if constraint.kind in LITERALS else ())
        return {x if x >= 0 else -x - 1 for x in literals}

    def holds(self, v: int, value: int) -> bool:
        """Whether variable v can have this value."""
        domain = self.model.variables[v].domain
        inside = any(a <= value <= b for a, b in zip(domain[::2], domain[1::2], strict=True))
        return inside and self.low[v] <= value <= self.high[v]

    def reduced(self, expression: Affine) -> Affine:
        """The expression with the values of fixed variables, and with one of the variables that are equal but for a constant."""
        constant = expression.constant
        sums: dict[int, int] = {}
        for v, c in expression.terms:
            while v in self._alias:
                v, add = self._alias[v]
                constant += c * add
            if self.fixed(v):
                constant += c * self.low[v]
            else:
                sums[v] = sums.get(v, 0) + c
        return Affine(tuple((v, c) for v, c in sums.items() if c), constant)

    def conditions(self, constraint: Constraint) -> tuple[int, ...] | None:
        """The literals that the constraint waits for, without those that are true; None if it never holds."""
        if any(self.is_true(-x - 1) for x in constraint.enforcement):
            return None
        return tuple(x for x in constraint.enforcement if not self.is_true(x))

    def range(self, expression: Affine) -> tuple[int, int]:
        """The least and the largest value by the bounds of the variables."""
        low = high = expression.constant
        for v, c in expression.terms:
            low += c * (self.low[v] if c > 0 else self.high[v])
            high += c * (self.high[v] if c > 0 else self.low[v])
        return low, high

    def set_literal(self, k: int, literal: int) -> None:
        v, value = (literal, 1) if literal >= 0 else (-literal - 1, 0)
        self.narrow(k, v, value, value)

    def narrow(self, k: int, v: int, low: int, high: int) -> None:
        """Keep variable v in [low, high], as constraint k says."""
        self.low[v], self.high[v] = max(self.low[v], low), min(self.high[v], high)
        if self.low[v] > self.high[v]:
            raise InputError(f"{where(self.model, self.source, k)}: leaves no value to variable {v}: there is no schedule")

    def _simplify(self) -> None:
        moved = True
        while moved:
            before = (tuple(self.low), tuple(self.high), len(self._alias))
            for k, constraint in enumerate(self.model.constraints):
                if not self.understood[k]:
                    self._simplify_one(k, constraint)
            moved = before != (tuple(self.low), tuple(self.high), len(self._alias))

    def _simplify_one(self, k: int, constraint: Constraint) -> None:
        waits = self.conditions(constraint)
        if waits is None:
            self.understood[k] = constraint.kind != "interval"
            return
        if constraint.kind == "linear":
            self._simplify_linear(k, constraint, waits)
        elif constraint.kind == "interval" and not waits:
            self._simplify_interval(k, constraint)
        elif constraint.kind in ("bool_or", "bool_and", "exactly_one", "at_most_one"):
            self._simplify_literals(k, constraint, waits)

    def _simplify_linear(self, k: int, constraint: Constraint, waits: tuple[int, ...]) -> None:
        expression, domain = self.reduced(constraint.expressions[0]), constraint.domain
        if not expression.terms:
            inside = any(a <= expression.constant <= b for a, b in zip(domain[::2], domain[1::2], strict=True))
            if not inside and len(waits) != 1:
                if not waits:
                    raise InputError(f"{where(self.model, self.source, k)}: never holds: there is no schedule")
                return
            if not inside:
                self.set_literal(k, -waits[0] - 1)
            self.understood[k] = True
        elif len(expression.terms) == 1 and not waits:
            (v, c), rest = expression.terms[0], expression.constant
            parts = [_divided(a - rest, b - rest, c) for a, b in zip(domain[::2], domain[1::2], strict=True)]
            parts = [(max(a, self.low[v]), min(b, self.high[v])) for a, b in parts]
            kept = [(a, b) for a, b in parts if a <= b]
            if not kept:
                self.narrow(k, v, 1, 0)
            if len(kept) == 1:
                self.narrow(k, v, *kept[0])
                self.understood[k] = True
        elif not waits and len(domain) == 2 and all(self.is_boolean(v) for v, _ in expression.terms):
            self._simplify_sum(k, expression, *domain)
        elif not waits and len(domain) == 2 and domain[0] == domain[1] and sorted(c for _, c in expression.terms) == [-1, 1]:
            self._merge(k, expression, domain[0])

    def _simplify_sum(self, k: int, expression: Affine, low: int, high: int) -> None:
        """A sum of literals fixes those that it has no room for otherwise."""
        least, most = self.range(expression)
        for v, c in expression.terms:
            if self.fixed(v):  # by this loop
                continue
            if least + abs(c) > high:  # this one cannot be at its larger end
                self.narrow(k, v, *((0, 0) if c > 0 else (1, 1)))
            elif most - abs(c) < low:
                self.narrow(k, v, *((1, 1) if c > 0 else (0, 0)))

    def _merge(self, k: int, expression: Affine, value: int) -> None:
        """Of two variables whose difference is fixed, the first is taken for the second from now on."""
        first = next(v for v, c in expression.terms if c == 1)
        second = next(v for v, c in expression.terms if c == -1)
        add = value - expression.constant  # first = second + add
        if any(self.is_boolean(v) or len(self.model.variables[v].domain) > 2 for v in (first, second)):
            return
        self.narrow(k, second, self.low[first] - add, self.high[first] - add)
        self._alias[first] = (second, add)
        if first in self._kept:
            self._kept.add(second)
        self.understood[k] = True

    def _simplify_interval(self, k: int, constraint: Constraint) -> None:
        """start + size = end: a sum of which one variable is not fixed fixes it."""
        start, size, end = (self.reduced(e) for e in constraint.expressions)
        coefficients: dict[int, int] = {}
        for expression, sign in ((start, 1), (size, 1), (end, -1)):
            for v, c in expression.terms:
                coefficients[v] = coefficients.get(v, 0) + sign * c
        rest = end.constant - start.constant - size.constant
        unknown = [(v, c) for v, c in coefficients.items() if c]
        if not unknown and rest:
            raise InputError(
                f"{where(self.model, self.source, k)}: start and size do not add up to the end: there is no schedule"
            )
        if len(unknown) == 1:
            self.narrow(k, unknown[0][0], *_divided(rest, rest, unknown[0][1]))

    def _simplify_literals(self, k: int, constraint: Constraint, waits: tuple[int, ...]) -> None:
        true = [x for x in constraint.items if self.is_true(x)]
        false = [x for x in constraint.items if self.is_true(-x - 1)]
        unfixed = [x for x in constraint.items if x not in true and x not in false]
        kind = constraint.kind
        too_many = kind in ("exactly_one", "at_most_one") and len(true) > 1
        if not waits and (too_many or (kind in ("exactly_one", "bool_or") and not true and not unfixed)):
            raise InputError(f"{where(self.model, self.source, k)}: never holds: there is no schedule")
        if kind == "bool_and" and (len(true) == len(constraint.items) or not waits or (false and len(waits) == 1)):
            if waits and false:
                self.set_literal(k, -waits[0] - 1)
            for x in [] if waits else constraint.items:
                self.set_literal(k, x)
            self.understood[k] = True
        elif kind == "bool_or" and (true or (not waits and len(unfixed) == 1)):
            for x in [] if true else unfixed:
                self.set_literal(k, x)
            self.understood[k] = True
        elif kind == "at_most_one" and not waits and (len(true) == 1 or (not true and len(unfixed) <= 1)):
            for x in unfixed if true else []:
                self.set_literal(k, -x - 1)
            self.understood[k] = True
        elif kind == "exactly_one" and not waits and (len(true) == 1 or (not true and len(unfixed) == 1)):
            for x in unfixed:
                self.set_literal(k, -x - 1 if true else x)
            self.understood[k] = True


def _divided(low: int, high: int, c: int) -> tuple[int, int]:
    """The bounds of x where c * x is in [low, high]."""
    return (-(-low // c), high // c) if c > 0 else (-(-high // c), low // c)
