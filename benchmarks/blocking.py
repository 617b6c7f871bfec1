"""Regenerates the two tables of docs/blocking.md: methods without interruptions, and the reference table of la01-40 with them.

    python benchmarks/blocking.py static         # both variants, la01-40
    python benchmarks/blocking.py interrupted    # bws at p = 0, 0.05, 0.10, 0.20 with 20 paired traces an instance

Runs `evaluate.py` in --out, continuing what is there, then writes benchmarks/results/blocking-PART.md and replaces what stands
between the comments of that name in docs/blocking.md.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks.command import run_command
from benchmarks.markdown_blocks import fill
from dispatchgym import evaluate, families
from dispatchgym.evaluation import report, tables
from dispatchgym.families.shops import BlockingOptions
from dispatchgym.instances.files import read_text, write_text

ROOT = Path(__file__).resolve().parent.parent
RULES = ("spt", "lpt", "fifo", "mwkr", "lwkr", "mopnr", "lopnr", "random")


@dataclasses.dataclass(frozen=True)
class Part:
    """What one table compares."""

    request: BlockingOptions
    methods: tuple[str, ...]
    compare_with: str


PARTS = {
    "static": Part(BlockingOptions(variant=("bws", "bns")), (*RULES, "mwkr:x128", "policy", "policy:x128", "sa:1s"), "mwkr"),
    "interrupted": Part(
        BlockingOptions(variant=("bws",), down_share=(0.0, 0.05, 0.1, 0.2), traces=20), (*RULES, "policy", "sa:0.1s"), "policy"
    ),
}


@dataclasses.dataclass(frozen=True)
class Options:
    part: tyro.conf.Positional[Literal["static", "interrupted"]]
    """Which table."""
    instances: tuple[str, ...] = ("la",)
    """Sets, ranges or names to run."""
    methods: tuple[str, ...] = ()
    """Methods to run instead of the table's own."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "blocking"
    """Where the runs are kept, one folder a part, so that the next call continues them."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where blocking-PART.md goes."""
    page: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "docs" / "blocking.md"
    """The file whose table is replaced."""


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Evaluate, then write the table and the page."""
    part, problem = PARTS[options.part], families.load("blocking")
    out = options.out / options.part
    methods = options.methods or part.methods
    request = evaluate.Options(options.instances, methods, out, resume=True, extra=part.request, compare_with=part.compare_with)
    rows = evaluate.evaluate(problem, request, ["blocking", "--instances", *options.instances, "--methods", *methods])
    run = json.loads(read_text(out / "run.json"))
    built = report.build(problem, rows, report.header(problem, run, rows), part.compare_with)
    chosen = f" --methods {' '.join(options.methods)}" if options.methods else ""
    table = f"{tables.markdown(built)}\nRegenerate with `python benchmarks/blocking.py {options.part}{chosen}`."
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / f"blocking-{options.part}.md", table + "\n")
    fill(options.page, f"blocking-{options.part}", table)


if __name__ == "__main__":
    main()
