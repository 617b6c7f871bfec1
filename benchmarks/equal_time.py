"""Compares methods at equal time and writes a table into the documentation: a study is a few lines below.

    python benchmarks/equal_time.py search-jobshop                  # searches with a policy
    python benchmarks/equal_time.py solver --instances ta01..ta05   # a part; parts add up in --out
    python benchmarks/equal_time.py tai --table                     # the table of what is there

Runs `evaluate.py` in --out/STUDY, continuing what is there. Writes equal-time-STUDY.jsonl and .md into --tables, and fills the
block of that name on the study's page.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks import results_file
from benchmarks.command import run_command
from benchmarks.markdown_blocks import fill, replaced
from dispatchgym import evaluate, families
from dispatchgym.agents.search import SEARCHES
from dispatchgym.evaluation.results import Row
from dispatchgym.family import Group
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.statistics import half_width

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("instance", "group", "method", "objective", "best_known", "gap", "status", "cpu_seconds", "seed", "notes", "version")


@dataclasses.dataclass(frozen=True)
class Study:
    """What is compared. In a method, `{}` stands for the seconds; the first with it is what the others are compared with."""

    family: str
    instances: tuple[str, ...]
    methods: tuple[str, ...]
    seconds: tuple[float, ...]
    page: str = "search.md"
    base: str = ""  # where no best known objective is published, cells are differences from this method's


def searches(family: str, *instances: str, seconds: tuple[float, ...] = (0.1, 1.0)) -> Study:
    """All searches with the shipped policy, in percent of its greedy episode."""
    return Study(family, instances, ("policy", *(f"policy:{name},{{}}s" for name in SEARCHES)), seconds, base="policy")


STUDIES = {
    "search-jobshop": searches("jobshop", "uniform/j15/m15/s9000..s9004", seconds=(0.1, 1.0, 10.0)),
    "search-blocking": searches("blocking", "uniform/j10/m10/s9000..s9003"),
    "search-static-dag": searches("static-dag", "topcuoglu/v60/p8/s9000..s9003"),
    "search-memory-pack": searches("memory-pack", "guillotine/n150/s9000..s9003"),
    "search-memory-map": searches("memory-map", "layered/t50/s9000..s9003"),
    "search-ta": searches("jobshop", "ta01..ta20"),
    "solver": Study(
        "jobshop",
        ("ta01..ta20",),
        (
            "cpsat:{}s", "cpsat:{}s,hint=fdd-mwkr", "cpsat:{}s,hint=policy:x128", "lns:{}s", "lns:{}s,start=policy:x128",
            "tabu:{}s", "tabu:{}s,start=policy:x128",
        ),
        (1.0, 10.0),
    ),
    "tai": Study(
        "jobshop",
        tuple(f"tai_{size}_{i}" for size in ("10_10", "10_100", "100_10", "100_100", "10_1000", "1000_10") for i in (1, 2)),
        ("cpsat:{}s", "tabu:{}s", "lns:{}s", "policy", "policy:{}s", "fdd-mwkr", "mwkr", "spt"),
        (10.0,),
        page="jobshop.md",
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    study: tyro.conf.Positional[str]
    """Which study; see STUDIES."""
    instances: tuple[str, ...] = ()
    """Instances instead of the study's own."""
    seconds: tuple[float, ...] = ()
    """Seconds instead of the study's own."""
    table: bool = False
    """Run nothing; write the table of the results that exist."""
    workers: int = 1
    """Pairs solved at a time, one core each."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "equal-time"
    """Where the runs are kept, so that the next call continues them."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where the results go."""
    docs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "docs"
    """The documentation that is updated."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Evaluate, then write the files. Raises InputError, before any work, for what cannot be done."""
    if options.study not in STUDIES:
        raise InputError(f"'{options.study}' is not one of {', '.join(STUDIES)}")
    study, name = STUDIES[options.study], f"equal-time-{options.study}"
    page = options.docs / study.page
    replaced(read_text(page), name, "", page)
    about = results_file.header(0)
    rows = [row for row in results(options, study) if row["objective"] is not None]
    body = "\n".join([*table(study, rows), "", caption(options.study, study, rows), "", results_file.describe_header(about)])
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / f"{name}.jsonl", "".join(json.dumps({key: row[key] for key in KEPT}) + "\n" for row in rows))
    write_text(options.tables / f"{name}.md", body + "\n")
    fill(page, name, body)
    print(body)


def results(options: Options, study: Study) -> list[Row]:
    """The lines of the evaluation, which is run first unless only the table is asked for."""
    folder = options.out / options.study
    if not options.table:
        methods = [m.format(f"{s:g}") for m in study.methods for s in (options.seconds or study.seconds)]
        request = evaluate.Options(
            options.instances or study.instances, tuple(dict.fromkeys(methods)), folder, workers=options.workers, resume=True
        )
        evaluate.evaluate(families.load(study.family), request, [study.family, "--resume"])
    return [json.loads(line) for line in read_text(folder / "results.jsonl").splitlines()]


def table(study: Study, rows: Sequence[Row]) -> list[str]:
    """Lines of Markdown: methods by groups and seconds. A cell has the mean, and its difference from the first method's.

    A column is over the instances that every method with an answer at these seconds has answered; "-" is none at all.
    """
    groups: list[Group | None] = [None] if study.base else list(dict.fromkeys(group_of(row) for row in rows))
    first = next(i for i, m in enumerate(study.methods) if "{}" in m)
    heads, columns = [], []
    for group in groups:
        for seconds in study.seconds:
            found = [values(study, rows, group, method.format(f"{seconds:g}")) for method in study.methods]
            answered = [own for own in found if own]
            shared = [name for name in (answered[0] if answered else ()) if all(name in own for own in answered)]
            if shared:
                heads.append(f"{group[1] if group and len(groups) > 1 else ''} {seconds:g} s, n={len(shared)}".strip())
                theirs = [found[first][x] for x in shared] if found[first] else []
                columns.append([cell([own[x] for x in shared], theirs) if own else "-" for own in found])
    lines = ["| method | " + " | ".join(heads) + " |", "| --- |" + " --: |" * len(heads)]
    for i, method in enumerate(study.methods):
        lines.append(f"| `{method.replace('{}s', 'Ts')}` | " + " | ".join(column[i] for column in columns) + " |")
    return lines


def cell(mine: Sequence[float], theirs: Sequence[float]) -> str:
    """The mean, and the mean difference from the first method's with its interval."""
    differences = [x - y for x, y in zip(mine, theirs, strict=True)] if theirs else []
    half = half_width(differences) if any(differences) else None
    return f"{fmean(mine):.2f}" + ("" if half is None else f" ({fmean(differences):+.2f} ±{half:.2f})")


def values(study: Study, rows: Sequence[Row], group: Group | None, method: str) -> dict[str, float]:
    """Instance -> gap in percent: above the best known objective, or the base method's."""
    mine = {row["instance"]: row for row in rows if row["method"] == method and group in (None, group_of(row))}
    if not study.base:
        return {name: row["gap"] for name, row in mine.items() if row["gap"] is not None}
    base = {row["instance"]: row["objective"] for row in rows if row["method"] == study.base}
    return {name: 100.0 * (row["objective"] / base[name] - 1.0) for name, row in mine.items() if name in base}


def group_of(row: Row) -> Group:
    """Set and size of a line's instance."""
    found, size = row["group"]
    return found, size


def caption(name: str, study: Study, rows: Sequence[Row]) -> str:
    against = f"the objective of `{study.base}`" if study.base else "the best known makespan"
    names = list(dict.fromkeys(row["instance"] for row in rows))
    return (
        f"Mean percentage above {against}, over the n instances that all methods have answered ({names[0]} to {names[-1]}; "
        f"{len(names)} in all). Every schedule was accepted by the referee; T in CPU-seconds of one core. In brackets the mean "
        "paired difference from the first method with a limit, in points, with its 95 % interval. Regenerate with "
        f"`python benchmarks/equal_time.py {name}`."
    )


if __name__ == "__main__":
    main()
