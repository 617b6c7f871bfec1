"""Job-shop files: standard text, OR-Library's collection, Taillard's specification, and JSON (`json_files.py`).

The format is told by the content. In standard text a line is a job, so routes may differ in length and revisit
machines; `n m` stands above them and `#` begins a comment. Taillard's files (E. Taillard, Benchmarks for basic
scheduling problems, EJOR 64, 1993) hold a `Times` and a `Machines` block with machines counted from 1, and may hold
several instances. OR-Library's `jobshop1.txt` has a line `instance la03` above each instance in standard text. A file
`.jsp` is standard text, after which a makespan and a solution may follow; they are not read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.jobshop.instance import MAX_HORIZON, MAX_OPERATIONS, JobShop
from dispatchgym.instances.jobshop.json_files import Route, build, parse_json
from dispatchgym.instances.lines import Lines
from dispatchgym.instances.names import did_you_mean, printable

_SECTION = re.compile(r"[ \t]*instance[ \t]+(\S+)[ \t]*", re.IGNORECASE)  # heads an instance of OR-Library's collected file


def read(path: str | Path) -> JobShop:
    """The one instance of a file; `FILE#3` or `FILE#la03` is one of a file that holds several.

    Raises InputError, naming file, line and value.
    """
    file, selected = split_file(path)
    instances = read_all(file)
    shown = printable(file.name, 200)
    if selected is None:
        if len(instances) > 1:
            last = f"{file}#{len(instances)}"
            raise InputError(f"{shown}: holds {len(instances)} instances; choose one with {file}#1 to {last}")
        return instances[0]
    named = {instance.name: instance for instance in instances}
    if selected in named:
        return named[selected]
    if not re.fullmatch(r"[0-9]{1,6}", selected):
        near = did_you_mean(selected, named)
        raise InputError(f"{shown}: has no instance {printable(selected)}" + (f"; {near}" if near else ""))
    if not 1 <= int(selected) <= len(instances):
        raise InputError(f"{shown}: has no instance {int(selected)}, only 1 to {len(instances)}")
    return instances[int(selected) - 1]


def split_file(path: str | Path) -> tuple[Path, str | None]:
    """`FILE#3` as (FILE, "3"), `FILE#la03` as (FILE, "la03"); (path, None) for another path, or a file whose own name is so."""
    found = re.fullmatch(r"(.+)#([A-Za-z0-9_.-]{1,60})", str(path), re.DOTALL)
    if found is None or os.path.isfile(path):
        return Path(path), None
    return Path(found[1]), found[2]


def read_all(path: str | Path) -> list[JobShop]:
    """Every instance of a file, in order."""
    file = Path(path)
    return parse(read_text(file), file.name)


def parse(text: str, source: str) -> list[JobShop]:
    """The instances in `text`; `source` is the file name that errors show and whose stem names the instance."""
    if text.lstrip().startswith(("{", "[")):
        return parse_json(text, source)
    if any(_SECTION.fullmatch(line) for line in re.split(r"\r\n?|\n", text)):  # the lines of the parsers
        return _parse_collection(text, source)
    lines = Lines(text, source)
    if any(_is_word(row, "times") or _is_header_words(row) for _, row in lines.rows):
        return _parse_taillard(lines)
    return [_parse_standard(lines)]


def _is_word(row: str, word: str) -> bool:
    return row.rstrip(": ").lower() == word


def _is_header_words(row: str) -> bool:
    return row.lower().startswith("nb of jobs")


def _check_sizes(lines: Lines, sizes: Sequence[int]) -> None:
    jobs, machines = sizes
    if jobs < 1 or machines < 1:
        raise lines.error(f"{jobs} jobs and {machines} machines; both must be positive")
    if jobs * machines > MAX_OPERATIONS:
        raise lines.error(f"{jobs} jobs by {machines} machines is more than {MAX_OPERATIONS} operations")


def _parse_standard(lines: Lines) -> JobShop:
    header = lines.numbers(lines.take("jobs and machines"), ("jobs", "machines"))
    if len(header) != 2:
        raise lines.error(f"{len(header)} numbers, expected two: jobs and machines")
    _check_sizes(lines, header)
    jobs, machines = header
    if jobs > 1 and lines.left == 2 * jobs and all(len(row.split()) == machines for _, row in lines.rows[lines.position :]):
        raise lines.error(f"{2 * jobs} lines for {jobs} jobs: Taillard's two blocks need the titles Times and Machines")
    routes: list[Route] = []
    for job in range(jobs):
        row = lines.take(f"job {job} of {jobs}")
        routes.append(_parse_route(lines, row, job, machines))
    if lines.left and not lines.source.endswith(".jsp"):
        lines.take("nothing")
        raise lines.error(f"one more line than the {jobs} jobs of the header")
    return build(routes, lines.source, machines=machines, name=lines.stem)


def _parse_collection(text: str, source: str) -> list[JobShop]:
    """Instances in standard text under lines `instance NAME`; lines that do not begin with a number are remarks."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    heads = [(number, found[1]) for number, row in enumerate(rows) if (found := _SECTION.fullmatch(row))]
    instances = []
    for (begin, name), (end, _) in zip(heads, [*heads[1:], (len(rows), "")], strict=True):
        # Remarks become empty lines, so that errors name the line in the file.
        kept = [row if re.match(r"[ \t]*[-+.]?[0-9]", row) else "" for row in rows[begin + 1 : end]]
        instance = _parse_standard(Lines("\n".join(kept), source, begin + 2))
        object.__setattr__(instance, "name", name)
        instances.append(instance)
    return instances


def _parse_route(lines: Lines, row: str, job: int, machines: int) -> Route:
    numbers = lines.numbers(row, ("machine", "duration"), f" of job {job}")
    if len(numbers) % 2:
        raise lines.error(f"{len(numbers)} numbers for job {job}, expected pairs of machine and duration")
    route, durations = numbers[::2], numbers[1::2]
    if max(route) >= machines:
        raise lines.error(f"machine {next(m for m in route if m >= machines)} of job {job} is not below {machines}")
    if max(durations) >= MAX_HORIZON:
        raise lines.error(f"duration {max(durations)} of job {job} is too large")
    return route, durations


def _parse_taillard(lines: Lines) -> list[JobShop]:
    found: list[tuple[list[Route], list[int]]] = []
    while lines.left:
        if _is_header_words(lines.peek()):
            lines.take("the header")
        header = lines.numbers(lines.take("jobs and machines"), ("header value",))
        if len(header) not in (2, 4, 6):
            raise lines.error(f"{len(header)} numbers, expected jobs, machines, two seeds, upper bound and lower bound")
        _check_sizes(lines, header[:2])
        if len(header) == 6 and header[5] > header[4]:
            raise lines.error(f"lower bound {header[5]} is above upper bound {header[4]}")
        durations = _parse_block(lines, "Times", header, 0, MAX_HORIZON)
        route = _parse_block(lines, "Machines", header, 1, header[1] + 1)
        found.append(([([m - 1 for m in r], d) for r, d in zip(route, durations, strict=True)], header))
    instances = []
    for index, (routes, header) in enumerate(found, 1):
        name = lines.stem if len(found) == 1 else f"{lines.stem}#{index}"
        best, bound = header[4:] if len(header) == 6 else (None, None)
        instances.append(build(routes, lines.source, machines=header[1], name=name, lower_bound=bound, best_known=best))
    return instances


def _parse_block(lines: Lines, title: str, header: list[int], low: int, high: int) -> list[list[int]]:
    """The `header[0]` rows of `header[1]` numbers in [low, high) under `title`."""
    jobs, machines = header[:2]
    row = lines.take(f"'{title}'")
    if not _is_word(row, title.lower()):
        raise lines.error(f"found {row[:40]!r}, expected '{title}'")
    what = "duration" if title == "Times" else "machine"
    block = []
    for job in range(jobs):
        numbers = lines.numbers(lines.take(f"{title} of job {job}"), (what,), f" of job {job}")
        if len(numbers) != machines:
            raise lines.error(f"{len(numbers)} numbers for job {job}, expected {machines}")
        for value in numbers:
            if not low <= value < high:
                raise lines.error(f"{what} {value} of job {job} is not between {low} and {high - 1}")
        block.append(numbers)
    return block


def write(instance: JobShop, path: str | Path) -> None:
    """Write `instance` as standard text (`.txt`) or JSON (`.json`), atomically.

    Text keeps routes and durations only; release times need JSON, which also keeps the name and the bounds.
    Raises InputError for another suffix, for releases in text, or when the file cannot be written.
    """
    file = Path(path)
    if file.suffix == ".txt":
        if instance.release.any():
            raise InputError(f"{file.name}: text has no place for release times, write .json")
        name = " ".join(instance.name.split())
        rows = [f"# {name}", f"{instance.jobs} {instance.machines}"]
        rows += [" ".join(f"{m} {d}" for m, d in route) for route in _pairs(instance)]
        write_text(file, "\n".join(rows) + "\n")
    elif file.suffix == ".json":
        write_text(file, _to_json(instance))
    else:
        raise InputError(f"{file.name}: the suffix must be .txt or .json")


def _pairs(instance: JobShop) -> list[list[tuple[int, int]]]:
    machine, duration, count = instance.machine.tolist(), instance.duration.tolist(), instance.operations.tolist()
    return [list(zip(m[:n], d[:n], strict=True)) for m, d, n in zip(machine, duration, count, strict=True)]


def _to_json(instance: JobShop) -> str:
    fields: dict[str, Any] = {"problem": "jobshop", "name": instance.name, "machines": instance.machines}
    if instance.release.any():
        fields["release"] = instance.release.tolist()
    bounds = {"lower_bound": instance.lower_bound, "best_known": instance.best_known}
    fields |= {key: value for key, value in bounds.items() if value is not None}
    head = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items())
    jobs = ",\n".join(f"    {json.dumps(route)}" for route in _pairs(instance))
    return f'{{\n{head},\n  "jobs": [\n{jobs}\n  ]\n}}\n'
