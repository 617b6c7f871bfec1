"""Projects in text: Patterson's form (`.rcp`) and PSPLIB's (`.sm`, one mode an activity; `.mm`, several).

* `.rcp`: `activities resources`, the capacities, then for each activity its duration, a demand on each resource, its number of
  successors and these, counted from 1. Lines may be broken anywhere.
* `.sm` and `.mm` (Kolisch & Sprecher, EJOR 96, 1997): sections with titles, closed by lines of stars.

First and last activities that take no time and nothing are dummies; they are left out, which changes no makespan.
"""

from __future__ import annotations

import re
from typing import Any

from dispatchgym.instances.cpmodel.instance import MAX_RESOURCES, MAX_TASKS, CPInstance, Lag, Mode, Objective, Resource, Task
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.lines import Lines

Activity = tuple[list[tuple[int, list[int]]], list[int]]  # modes (duration, a demand on each resource), successors from 0


def parse_patterson(text: str, source: str) -> CPInstance:
    """The project in `.rcp` text. Raises InputError, naming file, line and value."""
    reader = _Numbers(Lines(text, source))
    count = reader.next("the number of activities", 1, MAX_TASKS + 1)
    resources = reader.next("the number of resources", 0, MAX_RESOURCES + 1)
    capacities = [reader.next(f"the capacity of resource {r}") for r in range(resources)]
    activities: list[Activity] = []
    for i in range(1, count + 1):
        duration = reader.next(f"the duration of activity {i}")
        demands = [reader.next(f"the demand of activity {i} on resource {r}") for r in range(resources)]
        successors = reader.next(f"the number of successors of activity {i}", 0, count + 1)
        after = [reader.next(f"a successor of activity {i}", 1, count + 1) - 1 for _ in range(successors)]
        activities.append(([(duration, demands)], after))
    reader.finish()
    return _project(activities, capacities, reader.lines)


class _Numbers:
    """The numbers of a file, whatever the lines that they stand in."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.waiting: list[int] = []

    def next(self, what: str, low: int = 0, high: int = 10**10) -> int:
        """The next number, in [low, high)."""
        if not self.waiting:
            self.waiting = self.lines.numbers(self.lines.take(what), (what,))[::-1]
        value = self.waiting.pop()
        if not low <= value < high:
            raise self.lines.error(f"{what} {value} is not between {low} and {high - 1}")
        return value

    def finish(self) -> None:
        if self.waiting or self.lines.left:
            if not self.waiting:
                self.lines.take("nothing")
            raise self.lines.error("more numbers than the header says")


def parse_psplib(text: str, source: str) -> CPInstance:
    """The project in `.sm` or `.mm` text. Raises InputError, naming file, line and value; also for non-renewable resources."""
    lines = Lines(text, source)
    sizes: dict[str, int] = {}
    while not lines.peek().upper().startswith("PRECEDENCE RELATIONS"):
        row = lines.take("the section PRECEDENCE RELATIONS")
        found = re.match(r"(?:- *)?(jobs|renewable|nonrenewable|doubly constrained)\b[^:]*: *([0-9]{1,6})\b", row)
        if found:
            sizes[found[1]] = int(found[2])
        if found and found[1] in ("nonrenewable", "doubly constrained") and int(found[2]):
            raise lines.error(f"{found[2]} {found[1]} resources; only renewable ones are understood")
    count, renewable = sizes.get("jobs", 0), sizes.get("renewable", 0)
    if not (1 <= count <= MAX_TASKS and 0 <= renewable <= MAX_RESOURCES):
        raise lines.error(f"{count} jobs and {renewable} renewable resources above; at most {MAX_TASKS} and {MAX_RESOURCES}")
    activities: list[Activity] = []
    modes = []
    for i, row in enumerate(_section(lines, "PRECEDENCE RELATIONS", count), 1):
        numbers = lines.numbers(row, ("number",), f" of job {i}")
        if len(numbers) < 3 or numbers[0] != i or len(numbers) != 3 + numbers[2]:
            raise lines.error(f"job {i}: expected its number, its modes, its number of successors, and so many successors")
        if not 1 <= numbers[1] <= MAX_TASKS:
            raise lines.error(f"job {i}: {numbers[1]} modes, expected 1 to {MAX_TASKS}")
        if bad := [j for j in numbers[3:] if not 1 <= j <= count]:
            raise lines.error(f"successor {bad[0]} of job {i} is not between 1 and {count}")
        modes.append(numbers[1])
        activities.append(([], [j - 1 for j in numbers[3:]]))
    owners = [(i, m) for i, many in enumerate(modes, 1) for m in range(1, many + 1)]
    for (i, m), row in zip(owners, _section(lines, "REQUESTS/DURATIONS", len(owners)), strict=True):
        numbers = lines.numbers(row, ("number",), f" of mode {m} of job {i}")
        if m > 1 and len(numbers) == 2 + renewable:
            numbers = [i, *numbers]  # the number of the job stands in its first line only
        if len(numbers) != 3 + renewable or numbers[:2] != [i, m]:
            raise lines.error(f"expected job {i}, mode {m}, its duration and {renewable} demands")
        activities[i - 1][0].append((numbers[2], numbers[3:]))
    capacities = lines.numbers(next(_section(lines, "RESOURCEAVAILABILITIES", 1)), ("capacity",))
    if len(capacities) != renewable:
        raise lines.error(f"{len(capacities)} capacities of {renewable} renewable resources")
    while lines.left:
        if re.match(r"[-+.]?[0-9]|PRECEDENCE RELATIONS", lines.take("the end").upper()):
            raise lines.error("more lines than those of one project")
    return _project(activities, capacities, lines)


def _section(lines: Lines, title: str, rows: int) -> Any:
    """The `rows` lines of numbers under a title; lines that do not begin with a digit are remarks."""
    while not lines.take(f"the section {title}").upper().startswith(title):
        pass
    given = 0
    while given < rows:
        row = lines.take(f"{rows} lines of {title}, found {given}")
        if row.startswith("*"):
            raise lines.error(f"the section {title} ends after {given} lines, expected {rows}")
        if re.match(r"[-+.]?[0-9]", row):
            given += 1
            yield row


def _project(activities: list[Activity], capacities: list[int], lines: Lines) -> CPInstance:
    source = lines.source
    first, last = _dummies(activities)
    kept = activities[first : len(activities) - last]
    tasks = []
    for i, (modes, _) in enumerate(kept, 1 + first):
        found = []
        for duration, demands in modes:
            for r, amount in enumerate(demands):
                if amount > capacities[r]:
                    raise InputError(f"{source}: demand {amount} of activity {i} is above the capacity {capacities[r]}")
            found.append(Mode(duration, tuple((r, amount) for r, amount in enumerate(demands) if amount)))
        tasks.append(Task(f"activity {i}", tuple(found)))
    lags = tuple(Lag(i, j - first) for i, (_, after) in enumerate(kept) for j in dict.fromkeys(after) if j - first < len(kept))
    unused = [r for r, capacity in enumerate(capacities) if capacity == 0]
    number = {r: k for k, r in enumerate(r for r in range(len(capacities)) if r not in unused)}
    resources = tuple(Resource(f"resource {r + 1}", capacities[r]) for r in number)
    if unused:
        tasks = [
            Task(t.name, tuple(Mode(m.duration, tuple((number[r], a) for r, a in m.demands)) for m in t.modes)) for t in tasks
        ]
    return CPInstance(tuple(tasks), resources, lags, name=lines.stem)


def _dummies(activities: list[Activity]) -> tuple[int, int]:
    """How many activities (0 or 1) are dummies at the beginning and at the end."""

    def empty(activity: Activity) -> bool:
        return len(activity[0]) == 1 and activity[0][0][0] == 0 and not any(activity[0][0][1])

    if len(activities) < 3:
        return 0, 0
    first = empty(activities[0]) and not any(0 in after for _, after in activities)
    last = empty(activities[-1]) and not activities[-1][1]
    return int(first), int(last)


def patterson_text(instance: CPInstance) -> str:
    """The project as `.rcp` text with dummies. Raises InputError for what is none, naming the reason."""
    name = instance.name
    if instance.objective != Objective() or instance.links:
        raise InputError(f"{name}: is no project in Patterson's form: it has links, or another objective than the makespan")
    if any(resource.breaks for resource in instance.resources):
        raise InputError(f"{name}: is no project in Patterson's form: it has breaks")
    for k, lag in enumerate(instance.lags):
        if lag.kind != "FS" or lag.least or lag.first_mode is not None or lag.second_mode is not None:
            raise InputError(f"{name}: is no project in Patterson's form: lag {k} is more than a precedence")
    for i, task in enumerate(instance.tasks):
        if len(task.modes) != 1 or task.release or task.deadline is not None:
            raise InputError(f"{name}: is no project in Patterson's form: task {i} has several modes, a release or a deadline")
    after: list[list[int]] = [[] for _ in instance.tasks]
    for lag in instance.lags:
        after[lag.first].append(lag.second)
    late = {lag.second for lag in instance.lags}
    count, resources = len(instance.tasks), len(instance.resources)
    sources = [i + 2 for i in range(count) if i not in late]
    rows = [f"{count + 2} {resources}", " ".join(str(resource.capacity) for resource in instance.resources)]
    rows.append(" ".join(str(x) for x in [0] * (1 + resources) + [len(sources), *sources]))
    for i, task in enumerate(instance.tasks):
        demands = dict(task.modes[0].demands)
        follow = [j + 2 for j in after[i]] or [count + 2]
        rows.append(
            " ".join(
                str(x) for x in [task.modes[0].duration, *(demands.get(r, 0) for r in range(resources)), len(follow), *follow]
            )
        )
    rows.append(" ".join("0" for _ in range(2 + resources)))
    return "\n".join(row for row in rows if row) + "\n"
