"""Regenerates the tables of docs/cpmodel.md: methods on flexible job shops, and on projects.

    python benchmarks/cpmodel.py shops      # mk01-10, and la01-40 with Hurink's flexibilities
    python benchmarks/cpmodel.py projects   # the first project of each of PSPLIB's cells of 60 and 120 activities
    python benchmarks/cpmodel.py tutorial   # the tutorial's model, learned for five CPU-minutes (20 in all)

Runs `evaluate.py` (for the tutorial `train.py`) in --out, continuing what is there, then writes
benchmarks/results/cpmodel-PART.md and replaces what stands between the comments of that name in docs/cpmodel.md.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks import cpmodel_tutorial
from benchmarks.command import run_command
from benchmarks.markdown_blocks import fill
from dispatchgym import evaluate, families
from dispatchgym.baselines.cpmodel.priorities import tails
from dispatchgym.evaluation import report
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.files import read_text, write_text

ROOT = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Part:
    """What one table compares."""

    groups: dict[str, tuple[str, ...]]  # column -> instances
    methods: tuple[str, ...]
    reference: str  # what gaps are above, in words


PARTS = {
    "shops": Part(
        {"mk01-10": ("mk01..mk10",), **{kind: (f"la-{kind}",) for kind in ("edata", "rdata", "vdata")}},
        (
            "spt",
            "mopnr",
            "mwkr",
            "mwkr:builder=serial",
            "regret",
            "policy",
            "policy:direction=both",
            "policy:x100",
            "policy:x100,direction=both",
            "tabu:1s",
        ),
        "the best known makespan",
    ),
    "projects": Part(
        {f"j{n}": tuple(f"j{n}{cell}_1" for cell in range(1, cells + 1)) for n, cells in ((60, 48), (120, 60))},
        (
            "lft",
            "lft:builder=serial",
            "mwkr",
            "regret",
            "regret:x1000",
            "justify:x100",
            "policy",
            "policy:direction=both",
            "policy:x128",
            "policy:x128,direction=both",
            "sa:1s",
        ),
        "the longest path",
    ),
}


@dataclasses.dataclass(frozen=True)
class Options:
    part: tyro.conf.Positional[Literal["shops", "projects", "tutorial"]]
    """Which table."""
    methods: tuple[str, ...] = ()
    """Methods to run instead of the table's own."""
    workers: int = 1
    """Processes, of one core each."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "cpmodel"
    """Where the runs are kept, one folder a part, so that the next call continues them."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where cpmodel-PART.md goes."""
    page: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "docs" / "cpmodel.md"
    """The file whose table is replaced."""


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Evaluate or train, then write the table and the page."""
    if options.part == "tutorial":
        keep(options, cpmodel_tutorial.study(options.out / "tutorial"))
        return
    part, problem = PARTS[options.part], families.load("cpmodel")
    methods = options.methods or part.methods
    specs = tuple(spec for group in part.groups.values() for spec in group)
    request = evaluate.Options(specs, methods, options.out / options.part, resume=True, workers=options.workers)
    rows = evaluate.evaluate(problem, request, ["cpmodel", "--instances", *specs, "--methods", *methods])
    run = json.loads(read_text(options.out / options.part / "run.json"))
    chosen = f" --methods {' '.join(options.methods)}" if options.methods else ""
    head = "\n".join(report.header(problem, run, rows)[1:])  # the first line names another reference
    text = (
        f"{head}\n\n{table(part, methods, rows)}\n" + f"\nRegenerate with `python benchmarks/cpmodel.py {options.part}{chosen}`."
    )
    keep(options, text)


def keep(options: Options, text: str) -> None:
    """Write a table where it belongs."""
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / f"cpmodel-{options.part}.md", text + "\n")
    fill(options.page, f"cpmodel-{options.part}", text)


def table(part: Part, methods: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Mean gaps of each method in percent, and its mean CPU time an instance. Raises SystemExit if a schedule is missing."""
    found = {(row["instance"], row["method"]): row for row in rows}
    lines = [
        f"Percent above {part.reference}, and CPU-seconds an instance.\n",
        f"| method | {' | '.join(part.groups)} | CPU-s |",
        f"| --- | {'--: | ' * len(part.groups)}--: |",
    ]
    for method in methods:
        cells, seconds = [], []
        for specs in part.groups.values():
            names = catalogue.expand(specs)
            missing = [name for name in names if found[name, method]["objective"] is None]
            if missing:
                sys.exit(f"{method} has no schedule of {', '.join(missing)}")
            cells.append(f"{fmean(gap(part, name, found[name, method]['objective']) for name in names):.2f}")
            seconds += [found[name, method]["cpu_seconds"] for name in names]
        lines.append(f"| `{method}` | {' | '.join(cells)} | {fmean(seconds):.2g} |")
    return "\n".join(lines)


def gap(part: Part, name: str, objective: int) -> float:
    """Percent above the part's reference."""
    x = catalogue.load(name)
    best = x.best_known if part is PARTS["shops"] else int(tails(x).max())
    assert best is not None
    return 100 * (objective / best - 1)


if __name__ == "__main__":
    main()
