"""What the training for a user's own model says at its end: the model by rules, by the policy and by CP-SAT."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from dispatchgym.baselines.cpmodel.dispatch import BUILDERS
from dispatchgym.baselines.cpmodel.priorities import RULES
from dispatchgym.family import Family
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.cpmodel.instance import CPInstance
from dispatchgym.instances.errors import InputError, InvalidSchedule

if TYPE_CHECKING:
    from dispatchgym.agents.training import Training

SAMPLES = 32
SOLVER = "cpsat:10s"
SHOWN_RULES = 3
Row = tuple[str, int | None, float, str]  # method, objective that the referee accepts, CPU-seconds, what is said beside it


def report(family: Family, training: Training, folder: Path) -> str:
    """A table, each line with its end; empty unless the training was for one model."""
    if not training.instance:
        return ""
    instance = catalogue.load(training.instance)
    rows = [*best_rules(family, instance), *learned(family, instance, folder)]
    try:
        rows.append(played(family, instance, SOLVER))
    except InputError as error:  # OR-Tools is not installed
        rows.append((SOLVER, None, 0.0, str(error)))
    lines = [f"{'method':24}{family.objective:>12}  CPU-seconds"]
    return "\n".join([*lines, *map(line_of, rows)]) + "\n"


def line_of(row: Row) -> str:
    method, objective, seconds, said = row
    return f"{method:24}{'none' if objective is None else objective:>12}  {seconds:11.3f}  {said}".rstrip()


def best_rules(family: Family, instance: CPInstance, count: int = SHOWN_RULES) -> list[Row]:
    """The best of all rules with both builders; those that find no schedule come last."""
    names = [rule if builder == BUILDERS[0] else f"{rule}:builder={builder}" for builder in BUILDERS for rule in RULES]
    rows = [played(family, instance, name) for name in names if not name.startswith("random")]
    return sorted(rows, key=lambda row: (row[1] is None, row[1]))[:count]


def learned(family: Family, instance: CPInstance, folder: Path) -> list[Row]:
    """The policy in `folder`, greedy and the best of some samples."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # waiting threads would be counted as CPU time
    rows = [played(family, instance, f"policy@{folder}{more}") for more in ("", f":x{SAMPLES}")]
    torch.set_num_threads(threads)
    return [(f"policy{more}", *row[1:]) for more, row in zip((", greedy", f", best of {SAMPLES}"), rows, strict=True)]


def played(family: Family, instance: CPInstance, method: str) -> Row:
    """A method on the model, compiled before. Raises InputError for a method that cannot run here."""
    family.validate(method)
    if not method.startswith("cpsat"):
        family.solve(family.warm_up(instance), method)
    began = time.process_time()
    result = family.solve(instance, method)
    seconds = time.process_time() - began
    said = "" if result.status == "feasible" else result.status
    return method, accepted(family, instance, result.schedule), seconds, said


def accepted(family: Family, instance: CPInstance, schedule: Any) -> int | None:
    """What the referee says of a schedule; None for one that it refuses, as that of a dead end."""
    try:
        return None if schedule is None else family.check(instance, schedule)
    except InvalidSchedule:
        return None
