"""`dispatchgym check SCHEDULE ...`: the referee on schedules from files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from dispatchgym import program
from dispatchgym.commands import schedules
from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.names import printable
from dispatchgym.options import Metavar, Positional

SUMMARY = "judge schedules in files by the referee"


@dataclasses.dataclass(frozen=True)
class Request:
    """Judge schedules by the referee, which knows none of the methods.

    A file is one that `evaluate` wrote, or a JSON object with "problem", "instance" and the fields of a schedule. A line for
    each file says its objective, or why it is refused; the exit status is 1 if one is refused.

    For example:
      dispatchgym check results/first/schedules/ta01--tabu_1s.json
      dispatchgym check results/first
      dispatchgym check mine.json --instance shops/uniform-j10-m5-s0.json
    """

    files: Annotated[tuple[Path, ...], Positional(), Metavar("SCHEDULE|FOLDER ...")]
    """Schedule files, or folders of results."""
    instance: Annotated[str | None, Metavar("INSTANCE")] = None
    """The instance, where the file does not name it."""
    family: Annotated[str | None, Metavar("FAMILY")] = None
    """The family, where the file does not name it."""


def grammar() -> Any:
    return program.taking(Request)


def main(words: Sequence[str]) -> int:
    request = program.parse_one("check", Request, words)
    refused = 0
    for path in schedules.files_in(request.files):
        stored = schedules.read(path, request.instance, request.family)
        where = f"{printable(path, 200)}: {stored.card.name} {printable(stored.instance.name)}"
        try:
            objective = stored.judge()
        except InvalidSchedule as error:
            refused += 1
            print(f"{where}: refused: {printable(str(error), 300)}")
        else:
            print(f"{where}: {stored.card.objective} {stored.card.objective_text(objective)}")
    return 1 if refused else 0
