"""Flexible shops in text: the forms fjsp and fajsp of FJSPLib (ScheduleOpt/benchmarks).

* fjsp: `jobs machines [options an operation in the mean]`, then a line a job: its number of operations and, for each, its number
  of options and a pair of machine and duration for each of these. Machines are counted from 1.
* fajsp, for assembly shops: `operations precedences machines`, a line `before after [job]` for each precedence, then a line an
  operation: its number of options and the pairs. Operations and machines are counted from 0.

`#` begins a comment. The form is told by the number of lines.
"""

from __future__ import annotations

import re

from dispatchgym.instances.cpmodel.instance import MAX_MODES, MAX_RESOURCES, MAX_TASKS, MAX_TIME, CPInstance
from dispatchgym.instances.cpmodel.shops import Option, assembly_shop, flexible_shop, operations_of, routes_of
from dispatchgym.instances.lines import Lines
from dispatchgym.instances.names import printable


def parse_shop(text: str, source: str) -> CPInstance:
    """The flexible shop in `text`. Raises InputError, naming file, line and value."""
    lines = Lines(text, source)
    tokens = lines.take("the header").split()
    if len(tokens) not in (2, 3):
        raise lines.error(f"{len(tokens)} numbers, expected jobs, machines and perhaps the mean number of options")
    whole = all(token.isascii() and token.isdigit() and len(token) <= 10 for token in tokens)
    if len(tokens) == 3 and whole and lines.left == int(tokens[0]) + int(tokens[1]):
        return _assembly(lines, [int(token) for token in tokens])
    if len(tokens) == 3 and not re.fullmatch(r"[0-9]{1,10}(\.[0-9]{0,20})?", tokens[2], re.ASCII):
        raise lines.error(f"the mean number of options {printable(tokens[2], 40)} is not a number")
    jobs, machines = lines.numbers(" ".join(tokens[:2]), ("jobs", "machines"))
    return _flexible(lines, jobs, machines)


def _flexible(lines: Lines, jobs: int, machines: int) -> CPInstance:
    if not (1 <= jobs <= MAX_TASKS and 1 <= machines <= MAX_RESOURCES):
        raise lines.error(f"{jobs} jobs and {machines} machines; at most {MAX_TASKS} and {MAX_RESOURCES} are allowed, at least 1")
    found: list[list[list[Option]]] = []
    for job in range(jobs):
        numbers = lines.numbers(lines.take(f"job {job} of {jobs}"), ("number",), f" of job {job}")
        if not 1 <= numbers[0] <= MAX_TASKS:
            raise lines.error(f"{numbers[0]} operations of job {job}, expected 1 to {MAX_TASKS}")
        at, operations = 1, []
        for op in range(numbers[0]):
            options, at = _options(lines, numbers, at, machines, 1, f"operation {op} of job {job}")
            operations.append(options)
        if at < len(numbers):
            raise lines.error(f"{len(numbers) - at} numbers more than the {numbers[0]} operations of job {job}")
        found.append(operations)
    _check_end(lines, f"the {jobs} jobs")
    return flexible_shop(found, machines, name=lines.stem)


def _assembly(lines: Lines, header: list[int]) -> CPInstance:
    operations, precedences, machines = header
    if not (1 <= operations <= MAX_TASKS and 1 <= machines <= MAX_RESOURCES):
        raise lines.error(
            f"{operations} operations and {machines} machines; at most {MAX_TASKS} and {MAX_RESOURCES} are allowed, at least 1"
        )
    arrows: list[tuple[int, int]] = []
    job: dict[int, int] = {}
    for k in range(precedences):
        numbers = lines.numbers(lines.take(f"precedence {k}"), ("operation", "operation", "job"), f" of precedence {k}")
        if len(numbers) not in (2, 3):
            raise lines.error(f"{len(numbers)} numbers of precedence {k}, expected before, after and perhaps the job")
        for i in numbers[:2]:
            if i >= operations:
                raise lines.error(f"operation {i} of precedence {k} is not below {operations}")
            if len(numbers) == 3:
                job[i] = numbers[2]
        arrows.append((numbers[0], numbers[1]))
    found = []
    for op in range(operations):
        numbers = lines.numbers(lines.take(f"operation {op}"), ("number",), f" of operation {op}")
        options, at = _options(lines, numbers, 0, machines, 0, f"operation {op}")
        if at < len(numbers):
            raise lines.error(f"{len(numbers) - at} numbers more than the options of operation {op}")
        found.append(options)
    _check_end(lines, f"the {operations} operations")
    groups = [job[i] for i in range(operations)] if len(job) == operations and max(job.values()) < operations else []
    return assembly_shop(found, arrows, machines, groups, name=lines.stem)


def _options(lines: Lines, numbers: list[int], at: int, machines: int, first: int, what: str) -> tuple[list[Option], int]:
    """The options of an operation, which begin at place `at` of the line, and the place after them.

    Machines are counted from `first`.
    """
    if at >= len(numbers):
        raise lines.error(f"the line ends before the number of options of {what}")
    count = numbers[at]
    if not 1 <= count <= MAX_MODES:
        raise lines.error(f"{count} options of {what}, expected 1 to {MAX_MODES}")
    end = at + 1 + 2 * count
    if end > len(numbers):
        raise lines.error(f"the line ends within the {count} options of {what}")
    options = []
    for machine, duration in zip(numbers[at + 1 : end : 2], numbers[at + 2 : end : 2], strict=True):
        if not first <= machine < first + machines:
            raise lines.error(f"machine {machine} of {what} is not between {first} and {first + machines - 1}")
        if duration >= MAX_TIME:
            raise lines.error(f"duration {duration} of {what} is too large")
        options.append((machine - first, duration))
    return options, end


def _check_end(lines: Lines, what: str) -> None:
    if lines.left:
        lines.take("nothing")
        raise lines.error(f"one more line than {what} of the header")


def shop_text(instance: CPInstance) -> str:
    """The flexible job shop as fjsp text. Raises InputError for what is none, naming the reason."""
    operations, routes = operations_of(instance), routes_of(instance)
    flexibility = sum(len(options) for options in operations) / len(operations)
    rows = [f"{len(routes)} {len(instance.resources)} {flexibility:.2f}"]
    for route in routes:
        parts = [str(len(route))]
        for i in route:
            parts.append(str(len(operations[i])))
            parts += [f"{machine + 1} {duration}" for machine, duration in operations[i]]
        rows.append(" ".join(parts))
    return "\n".join(rows) + "\n"


def assembly_text(instance: CPInstance) -> str:
    """The flexible shop as fajsp text. Raises InputError for what is none, naming the reason."""
    operations = operations_of(instance)
    rows = [f"{len(operations)} {len(instance.lags)} {len(instance.resources)}"]
    rows += [f"{lag.first} {lag.second} {max(instance.tasks[lag.first].group, 0)}" for lag in instance.lags]
    rows += [" ".join([str(len(options)), *(f"{m} {d}" for m, d in options)]) for options in operations]
    return "\n".join(rows) + "\n"
