"""Methods against instances from Python: what `evaluate.py` does, with functions as methods and without a folder.

from dispatchgym import compare

results = compare(["ft06", "la01"], ["spt", "tabu:1s", my_rule], workers=2)
print(results)
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatchgym import evaluate, families
from dispatchgym.baselines.method import parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation import report, runner, tables
from dispatchgym.evaluation.record import describe_run, version
from dispatchgym.evaluation.results import Pair, Row, judge
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import installed
from dispatchgym.own.registry import register_method

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Answer:
    """What one method made of one instance, after the referee."""

    instance: str
    method: str
    objective: int | None  # None: there is no accepted schedule
    gap: float | None  # percent above the best known objective; None where one of them is unknown
    lower_bound: int | None  # proved by the method
    best_known: int | None
    status: str  # optimal, feasible, infeasible, timeout or error
    reason: str | None  # why there is no objective
    seconds: float  # wall time of the method
    cpu_seconds: float
    schedule: Any  # of the family's type, None without an objective


@dataclass(frozen=True)
class Comparison:
    """The answers, method by method."""

    answers: tuple[Answer, ...]
    rows: tuple[Row, ...]  # as lines of results.jsonl
    family: Family
    run: dict[str, Any]  # command, versions, machine

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    def of(self, instance: str, method: str) -> Answer:
        """The answer of one pair; KeyError if it was not asked for."""
        for answer in self.answers:
            if (answer.instance, answer.method) == (instance, method):
                return answer
        raise KeyError((instance, method))

    def frame(self) -> pandas.DataFrame:
        """A pandas table with a line for each answer, without the schedules. Raises ImportError where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise ImportError("frame() needs pandas (pip install pandas); the answers are in .answers") from None
        names = [name for name in Answer.__dataclass_fields__ if name != "schedule"]
        return pandas.DataFrame([{name: getattr(answer, name) for name in names} for answer in self.answers], columns=names)

    def markdown(self) -> str:
        """The tables that `evaluate.py` writes to table.md."""
        return tables.markdown(self._report())

    def __str__(self) -> str:
        if not installed("rich"):
            return self.markdown()
        from rich.console import Console

        text = io.StringIO()
        tables.show(self._report(), Console(file=text, width=120))
        return text.getvalue().strip("\n")

    def _report(self) -> report.Report:
        rows = list(self.rows)
        return report.build(self.family, rows, report.header(self.family, self.run, rows), None)


def compare(
    instances: Sequence[Any],
    methods: Sequence[str | Callable[..., Any]],
    *,
    family: str = families.NAMES[0],
    seed: int = 0,
    workers: int = 1,
    solver_workers: int = 1,
    patience: float = 60.0,
) -> Comparison:
    """Run every method on every instance in processes of their own, and judge each schedule.

    `instances` are names, files or objects of the family. `methods` are texts as on the command line, or functions
    `solve(instance, seed, seconds, workers) -> schedule`, named after the function (`my_rule` is `my-rule`) or by
    `register_method`. A method that fails, hangs or breaks a rule of the problem is an answer with a `reason`. A script needs no
    guard around its main part. Raises InputError for what cannot be asked for, before any work.
    """
    problem = families.load(family)
    named = [instance for instance in instances if isinstance(instance, (str, Path))]
    options = evaluate.Options(
        instances=tuple(map(str, named)),
        methods=tuple(_text(method) for method in methods),
        out=Path(),
        workers=workers,
        solver_workers=solver_workers,
        seed=seed,
        patience=patience,
    )
    pairs = evaluate.plan(problem, options, [instance for instance in instances if not isinstance(instance, (str, Path))])
    found: dict[tuple[str, str], tuple[Row, Any]] = {}

    def answered(pair: Pair, result: Result, cpu_seconds: float) -> None:
        row = judge(
            problem,
            pair,
            result,
            cpu_seconds=cpu_seconds,
            seed=seed,
            cores=solver_workers,
            version=version("dispatchgym"),
        )
        found[pair.instance.name, pair.method.text] = row, result.schedule

    runner.run(
        problem,
        pairs,
        seed=seed,
        processes=workers,
        cores=solver_workers,
        report=answered,
        limit=evaluate.limit(problem, patience),
    )
    ordered = [found[pair.instance.name, pair.method.text] for pair in pairs]
    answers = tuple(_answer(row, schedule) for row, schedule in ordered)
    return Comparison(answers, tuple(row for row, _ in ordered), problem, describe_run(options, ()))


def _answer(row: Row, schedule: Any) -> Answer:
    shared = {name: row[name] for name in Answer.__dataclass_fields__ if name != "schedule"}
    return Answer(**shared, schedule=None if row["objective"] is None else schedule)


def _text(method: str | Callable[..., Any]) -> str:
    """The text of a method; a function is registered under its own name."""
    if isinstance(method, str):
        parse_method(method)
        return method
    name = getattr(method, "__name__", "").strip("_").lower().replace("_", "-")
    if not callable(method) or not name or "<" in name:
        raise InputError(f"{method!r} is neither a method's text nor a function with a name; give it one by register_method")
    register_method(name, method)
    return name
