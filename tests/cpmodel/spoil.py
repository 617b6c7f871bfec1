"""CP-SAT models with one thing that the normal form does not have, each added to a model that is understood."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from ortools.sat.python import cp_model

Model = cp_model.CpModel


def shop(rng: Random) -> tuple[Model, list[Any], list[Any], list[Any], list[Any]]:
    """A small flexible shop: model, starts, ends, literals of the second task's modes, intervals on its machine."""
    model = Model()
    horizon = 60
    starts, ends, machine = [], [], []
    for i in range(3):
        start = model.new_int_var(0, horizon, f"start {i}")
        if i == 1:
            end: Any = model.new_int_var(0, horizon, "end 1")
            literals = [model.new_bool_var(f"mode {m}") for m in range(3)]
            model.add_exactly_one(literals)
            for m, b in enumerate(literals):
                machine.append(model.new_optional_interval_var(start, 2 + m + rng.randrange(2), end, b, f"task 1 mode {m}"))
        else:
            duration = rng.randint(2, 5)
            end = start + duration
            machine.append(model.new_fixed_size_interval_var(start, duration, f"task {i}"))
        starts.append(start)
        ends.append(end)
    model.add_no_overlap(machine)
    model.add(starts[2] >= ends[0])
    makespan = model.new_int_var(0, horizon, "makespan")
    model.add_max_equality(makespan, ends)
    model.minimize(makespan)
    return model, starts, ends, literals, machine


Spoiler = Callable[[Model, list[Any], list[Any], list[Any], list[Any], Random], None]


def _maximum_lag(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[2] <= ends[0] + rng.randint(0, 6))


def _equal_times(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[1] == ends[0])


def _either_or(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    first = model.new_bool_var("first")
    model.add(starts[1] >= ends[2]).only_enforce_if(first)
    model.add(starts[2] >= ends[1]).only_enforce_if(first.negated())


def _circuit(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    arcs = [(i, j, model.new_bool_var(f"arc {i} {j}")) for i in range(3) for j in range(3) if i != j]
    model.add_circuit(arcs)


def _table(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_allowed_assignments([starts[0], starts[1]], [(0, 5), (3, 9)])


def _different(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_all_different(starts)


def _not_equal(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[0] != starts[1])


def _gap(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_linear_expression_in_domain(starts[0], cp_model.Domain.from_intervals([[0, 3], [8, 40]]))


def _element(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    index = model.new_int_var(0, 2, "index")
    model.add_element(index, [3, 5, 7], starts[2])


def _product(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    square = model.new_int_var(0, 3600, "square")
    model.add_multiplication_equality(square, [starts[0], starts[0]])


def _modulo(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_modulo_equality(rng.randint(0, 1), starts[1], 4)


def _absolute(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    apart = model.new_int_var(0, 60, "apart")
    model.add_abs_equality(apart, starts[0] - starts[1])


def _minimum(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    first = model.new_int_var(0, 60, "first")
    model.add_min_equality(first, starts)
    model.add(first <= 3)


def _reservoir(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_reservoir_constraint([starts[0], starts[1]], [1, -1], 0, 2)


def _automaton(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_automaton(literals, 0, [0, 1], [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)])


def _plane(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    rows = [model.new_fixed_size_interval_var(model.new_int_var(0, 3, f"row {i}"), 1, f"row {i}") for i in range(len(machine))]
    model.add_no_overlap_2d(machine, rows)


def _three(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[0] + starts[1] - starts[2] <= 9)


def _scaled(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(2 * starts[0] >= starts[1] - 3)


def _sum_of_times(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[0] + starts[1] <= 14)


def _maximise(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.maximize(-sum(ends))


def _earliness(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    early = model.new_int_var(0, 60, "early")
    model.add_max_equality(early, [0, 20 - ends[1]])
    model.minimize(early + sum(ends))


def _late_is_better(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.minimize(ends[2] - starts[0])


def _fractions(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.minimize(0.5 * ends[0] + 1.25 * ends[1])


def _no_objective(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.clear_objective()


def _tardy_jobs(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    tardy = model.new_bool_var("tardy")
    model.add(ends[2] <= 9).only_enforce_if(tardy.negated())
    model.minimize(10 * tardy + ends[1])


def _optional_task(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    present = model.new_bool_var("present")
    extra = model.new_int_var(0, 50, "extra")
    model.add_no_overlap([*machine, model.new_optional_fixed_size_interval_var(extra, 3, present, "extra")])


def _stretching(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    start, size, end = (model.new_int_var(1, 50, x) for x in ("s", "d", "e"))
    model.add_no_overlap([*machine, model.new_interval_var(start, size, end, "stretching")])


def _variable_demand(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    demand = model.new_int_var(1, 3, "demand")
    model.add_cumulative(machine, [demand] + [1] * (len(machine) - 1), 4)


def _variable_capacity(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    capacity = model.new_int_var(1, 3, "capacity")
    model.add_cumulative(machine, [1] * len(machine), capacity)


def _no_size(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    point = model.new_int_var(0, 50, "point")
    model.add_no_overlap([*machine, model.new_fixed_size_interval_var(point, 0, "point")])


def _two_presences(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    extra = model.new_int_var(0, 50, "extra")
    interval = model.new_optional_fixed_size_interval_var(extra, 3, literals[0], "extra")
    model.add_no_overlap([interval, machine[0]])


def _free_literal(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_bool_or([literals[0], model.new_bool_var("free")])


def _release_of_a_mode(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[1] >= rng.randint(3, 9)).only_enforce_if(literals[rng.randrange(3)])


def _lag_of_a_third(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[2] >= ends[0] + 5).only_enforce_if(literals[rng.randrange(3)])


def _latest_start(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add(starts[1] <= rng.randint(0, 2))


def _below_zero(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    early = model.new_int_var(-5, 50, "early")
    model.add_no_overlap([*machine, model.new_fixed_size_interval_var(early, 3, "early")])


def _least_makespan(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    longest = model.new_int_var(rng.randint(25, 40), 60, "longest")
    model.add_max_equality(longest, ends[:2])
    model.minimize(longest)


def _assumption(model: Model, starts: Any, ends: Any, literals: Any, machine: Any, rng: Random) -> None:
    model.add_assumption(literals[0])


SPOILERS: dict[str, Spoiler] = {
    name.removeprefix("_"): value for name, value in list(globals().items()) if name.startswith("_") and name[1] != "_"
}


def spoiled(name: str, seed: int) -> Model:
    """The small shop with the spoiler of this name."""
    rng = Random(seed)
    model, starts, ends, literals, machine = shop(rng)
    SPOILERS[name](model, starts, ends, literals, machine, rng)
    return model
