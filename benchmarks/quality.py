"""Regenerates the results table of the README: the standard methods on the classic job-shop sets.

    python benchmarks/quality.py                                    # the README's table; a quarter of an hour
    python benchmarks/quality.py --instances ta --methods spt mwkr  # a part; parts add up in --out

Runs `evaluate.py` in --out, continuing what is there, then writes benchmarks/results/quality.jsonl and quality.md and
replaces what stands between the two `results` comments of the README.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks.command import run_command
from benchmarks.markdown_blocks import replaced
from dispatchgym import evaluate, families
from dispatchgym.evaluation import report, tables
from dispatchgym.evaluation.results import Row
from dispatchgym.instances.files import read_text, write_text

ROOT = Path(__file__).resolve().parent.parent
IN_README = ("", "by set", "ta")  # titles of the tables that the README shows; quality.md has them all
KEPT = (
    "problem", "instance", "group", "method", "objective", "lower_bound", "lower_bound_known", "best_known", "gap", "status",
    "seconds", "cpu_seconds", "seed", "workers", "builder", "notes", "reason", "version",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    instances: tuple[str, ...] = ("ta", "dmu", "la")
    """Sets, ranges or names to run."""
    methods: tuple[str, ...] = (
        "spt", "fdd-mwkr", "policy", "policy:x128", "policy:x128,direction=both", "tabu:1s", "cpsat:1s",
    )  # fmt: skip
    """Methods to run."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "quality"
    """Where the runs are kept, so that the next call continues them."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where quality.jsonl and quality.md go."""
    workers: int = 1
    """Pairs solved at a time, one core each."""
    readme: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "README.md"
    """The file whose results table is replaced."""


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Evaluate, then write the three files. Raises InputError, before any work, when the README has no place for the table."""
    replaced(read_text(options.readme), "results", "", options.readme)
    problem = families.load("jobshop")
    request = evaluate.Options(options.instances, options.methods, options.out, workers=options.workers, resume=True)
    rows = evaluate.evaluate(problem, request, ["jobshop", *evaluate_arguments(request)])
    run = json.loads(read_text(options.out / "run.json"))
    built = report.build(problem, rows, report.header(problem, run, rows))
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / "quality.jsonl", "".join(compact(row) for row in rows))
    write_text(options.tables / "quality.md", tables.markdown(built))
    shown = dataclasses.replace(built, grids=[grid for grid in built.grids if grid.title in IN_README])
    table = f"{tables.markdown(shown)}\nRegenerate with `python benchmarks/quality.py`."
    write_text(options.readme, replaced(read_text(options.readme), "results", table, options.readme))


def evaluate_arguments(request: evaluate.Options) -> list[str]:
    """The command line of evaluate.py that does the same."""
    listed = ["--instances", *request.instances, "--methods", *request.methods, "--out", str(request.out)]
    return [*listed, "--workers", str(request.workers), "--resume"]


def compact(row: Row) -> str:
    return json.dumps({name: row[name] for name in KEPT}) + "\n"


if __name__ == "__main__":
    main()
