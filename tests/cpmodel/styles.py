"""CP-SAT models of one instance as different people would write them: every part in a style drawn at random."""

from __future__ import annotations

from random import Random
from typing import Any

from ortools.sat.python import cp_model

from dispatchgym.instances.cpmodel.instance import CPInstance

Model = cp_model.CpModel


def styled_model(instance: CPInstance, seed: int) -> Model:
    """A model with the same best objective as `instance`."""
    writer = _Writer(instance, Random(seed))
    writer.add_lags()
    writer.add_links()
    writer.add_resources()
    writer.add_objective()
    return writer.model


class _Writer:
    def __init__(self, instance: CPInstance, rng: Random) -> None:
        self.instance = instance
        self.rng = rng
        self.model = Model()
        self.start: list[Any] = []
        self.end: list[Any] = []
        self.literals: list[list[Any]] = []  # of the modes; none for one mode
        self.intervals: list[list[Any]] = []
        for i, task in enumerate(instance.tasks):
            limit = instance.horizon if task.deadline is None else min(task.deadline, instance.horizon)
            times = [mode.duration for mode in task.modes]
            self.start.append(self.model.new_int_var(task.release, instance.horizon, f"s{i}"))
            if len(times) == 1:
                self._single(i, times[0], limit)
            else:
                getattr(self, f"_{rng.choice(('shared', 'linked', 'starts', 'sized'))}")(i, times, limit)

    def _end(self, i: int, limit: int) -> Any:
        if self.rng.random() < 0.5:
            return self.model.new_int_var(0, limit, f"e{i}")
        end = self.model.new_int_var(0, self.instance.horizon, f"e{i}")
        self.model.add(end <= limit)
        return end

    def _single(self, i: int, duration: int, limit: int) -> None:
        start, model = self.start[i], self.model
        style = self.rng.choice(("expression", "variable", "sum"))
        if style == "expression":
            end: Any = start + duration
            model.add(end <= limit)
        else:
            end = self._end(i, limit)
        if style == "sum":  # the end belongs to no interval
            model.add(end == start + duration)
            interval = model.new_fixed_size_interval_var(start, duration, f"task {i}")
        else:
            interval = model.new_interval_var(start, duration, end, f"task {i}")
        self.end.append(end)
        self.literals.append([])
        self.intervals.append([interval])

    def _choose(self, i: int, count: int) -> list[Any]:
        """Literals of which exactly one is true."""
        model, style = self.model, self.rng.choice(("exactly", "sum", "both", "pair"))
        if style == "pair" and count == 2:
            first = model.new_bool_var(f"m{i}")
            self.literals.append([first, first.negated()])
            return self.literals[-1]
        literals = [model.new_bool_var(f"m{i}_{m}") for m in range(count)]
        if style == "sum":
            model.add(sum(literals) == 1)
        elif style == "both":
            model.add_at_most_one(literals)
            model.add_bool_or(literals)
        else:
            model.add_exactly_one(literals)
        self.literals.append(literals)
        return literals

    def _shared(self, i: int, times: list[int], limit: int) -> None:
        """Optional intervals with one start and one end variable."""
        end, literals = self._end(i, limit), self._choose(i, len(times))
        self.end.append(end)
        self.intervals.append(
            [
                self.model.new_optional_interval_var(self.start[i], d, end, b, f"task {i} {m}")
                for m, (d, b) in enumerate(zip(times, literals, strict=True))
            ]
        )

    def _linked(self, i: int, times: list[int], limit: int) -> None:
        """A main interval of variable size, and intervals with variables of their own that are linked to it."""
        model, horizon = self.model, self.instance.horizon
        end, literals = self._end(i, limit), self._choose(i, len(times))
        size = model.new_int_var_from_domain(cp_model.Domain.from_values(times), f"d{i}")
        model.new_interval_var(self.start[i], size, end, f"task {i}")
        row, both = [], self.rng.random() < 0.5
        for m, (d, b) in enumerate(zip(times, literals, strict=True)):
            own = model.new_int_var(0, horizon, f"s{i}_{m}")
            own_end = model.new_int_var(0, horizon, f"e{i}_{m}")
            row.append(model.new_optional_interval_var(own, d, own_end, b, f"task {i} {m}"))
            model.add(own == self.start[i]).only_enforce_if(b)
            model.add(end == own_end).only_enforce_if(b)
            if both:
                model.add(size == d).only_enforce_if(b)
        self.end.append(end)
        self.intervals.append(row)

    def _starts(self, i: int, times: list[int], limit: int) -> None:
        """Optional intervals on one start; the end is a sum."""
        model, literals = self.model, self._choose(i, len(times))
        end = self._end(i, limit)
        model.add(end == self.start[i] + sum(d * b for d, b in zip(times, literals, strict=True)))
        self.end.append(end)
        self.intervals.append(
            [
                model.new_optional_fixed_size_interval_var(self.start[i], d, b, f"task {i} {m}")
                for m, (d, b) in enumerate(zip(times, literals, strict=True))
            ]
        )

    def _sized(self, i: int, times: list[int], limit: int) -> None:
        """A main interval whose size the modes set; the modes' intervals share its start."""
        model, literals = self.model, self._choose(i, len(times))
        end = self._end(i, limit)
        size = model.new_int_var(min(times), max(times), f"d{i}")
        model.new_interval_var(self.start[i], size, end, f"task {i}")
        row = []
        for m, (d, b) in enumerate(zip(times, literals, strict=True)):
            model.add(size == d).only_enforce_if(b)
            row.append(model.new_optional_fixed_size_interval_var(self.start[i], d, b, f"task {i} {m}"))
        self.end.append(end)
        self.intervals.append(row)

    def add_lags(self) -> None:
        for lag in self.instance.lags:
            before = self.end[lag.first] if lag.kind[0] == "F" else self.start[lag.first]
            after = self.end[lag.second] if lag.kind[1] == "F" else self.start[lag.second]
            conditions = [(lag.first, lag.first_mode), (lag.second, lag.second_mode)]
            literals = [self.literals[i][m] for i, m in conditions if m is not None and self.literals[i]]
            style = self.rng.choice(("enforced", "big"))
            if literals and style == "big":
                slack = 3 * self.instance.horizon
                self.model.add(after - before + slack * sum(1 - b for b in literals) >= lag.least)
            elif literals:
                self.model.add(before + lag.least <= after).only_enforce_if(literals)
            else:
                self.model.add(after >= before + lag.least)

    def add_links(self) -> None:
        for link in self.instance.links:
            allowed = [self.literals[link.second][m] for m in link.second_modes]
            if not self.literals[link.first]:
                self.model.add(sum(allowed) >= 1)
                continue
            chosen = self.literals[link.first][link.first_mode]
            style = self.rng.choice(("or", "implication", "sum"))
            if style == "or":
                self.model.add_bool_or([chosen.negated(), *allowed])
            elif style == "sum":
                self.model.add(chosen <= sum(allowed))
            elif len(allowed) == 1:
                self.model.add_implication(chosen, allowed[0])
            else:
                self.model.add_bool_or(allowed).only_enforce_if(chosen)

    def add_resources(self) -> None:
        for r, resource in enumerate(self.instance.resources):
            used: list[tuple[Any, int]] = []
            for i, task in enumerate(self.instance.tasks):
                for m, mode in enumerate(task.modes):
                    amount = dict(mode.demands).get(r, 0)
                    if amount and mode.duration:
                        used.append((self.intervals[i][m], amount))
            for begin, end, amount in resource.breaks:
                start = begin if self.rng.random() < 0.5 else self.model.new_constant(begin)
                used.append((self.model.new_interval_var(start, end - begin, end, f"break {r}"), amount))
            if resource.capacity == 1 and self.rng.random() < 0.7:
                self.model.add_no_overlap([x for x, _ in used])
            elif used:
                self.model.add_cumulative([x for x, _ in used], [amount for _, amount in used], resource.capacity)

    def add_objective(self) -> None:
        instance, objective, model = self.instance, self.instance.objective, self.model
        terms: list[Any] = []
        if objective.makespan:
            makespan = model.new_int_var(0, instance.horizon, "makespan")
            if self.rng.random() < 0.5:
                model.add_max_equality(makespan, self.end)
            else:
                for end in self.end:
                    model.add(makespan >= end)
            terms.append(objective.makespan * makespan)
        terms += [weight * end for weight, end in zip(objective.completion, self.end, strict=False)]
        late = [(i, w, instance.tasks[i].due) for i, w in enumerate(objective.tardiness) if w]
        for i, weight, due in late:
            assert due is not None
            variable = model.new_int_var(0, instance.horizon + abs(due), f"late {i}")
            if self.rng.random() < 0.5:
                model.add_max_equality(variable, [0, self.end[i] - due])
            else:
                model.add(variable >= self.end[i] - due)
            terms.append(weight * variable)
        dues = [(i, task.due) for i, task in enumerate(instance.tasks) if task.due is not None]
        if objective.lateness:
            widest = instance.horizon + max(abs(due) for _, due in dues)
            worst = model.new_int_var(-widest, widest, "worst")
            if self.rng.random() < 0.5:
                model.add_max_equality(worst, [self.end[i] - due for i, due in dues])
            else:
                for i, due in dues:
                    model.add(worst >= self.end[i] - due)
            terms.append(objective.lateness * worst)
        if objective.cost:
            terms.append(self._cost())
        total = sum(terms) + objective.offset
        if terms and self.rng.random() < 0.3:
            variable = model.new_int_var(-(10**6), 10**6, "total")
            model.add(variable == total)
            model.minimize(variable)
        else:
            model.minimize(total)

    def _cost(self) -> Any:
        cost: Any = 0
        for task, literals in zip(self.instance.tasks, self.literals, strict=True):
            if literals:
                cost += sum(mode.cost * b for mode, b in zip(task.modes, literals, strict=True))
            else:
                cost += task.modes[0].cost
        return cost
