"""Regenerates the tables and the picture of docs/soc.md.

    python benchmarks/soc.py static       # random graphs of 20 to 100 tasks on 8 PEs
    python benchmarks/soc.py streaming    # the gym-ds3 mixes and chips of 8 and 16 PEs, twenty streams each
    python benchmarks/soc.py sweep        # latency against the rate of arrivals, with and without a cap on the jobs in the system

Runs `evaluate.py` in --out, continuing what is there, then writes benchmarks/results/soc-PART.md (sweep: soc-sweep.csv and
docs/images/soc-sweep.png) and replaces what stands between the comments of that name in docs/soc.md.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks.command import run_command
from benchmarks.markdown_blocks import fill
from dispatchgym import evaluate, families
from dispatchgym.evaluation import report, tables
from dispatchgym.evaluation.results import Row
from dispatchgym.families.chips import StreamOptions
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text

ROOT = Path(__file__).resolve().parent.parent
TASKS, CCRS = (20, 40, 60, 80, 100), ("0.1", "0.5", "1", "5")
PLAYERS = ("met", "eft", "etf", "stf", "heft-rt", "rolling-heft", "policy", "rolling-cpsat:0.2s")
WORKLOADS = (
    "gym-ds3-1", "gym-ds3-1,scale=100", "gym-ds3-5", "gym-ds3-5,scale=50", "gym-ds3-5,scale=100", "gym-ds3-5,queue=4",
    "gym-ds3-5,queue=5", "gym-ds3-10", "gym-ds3-5,noise=0.3", "wireless-16-tx", "wireless-16-rx", "wireless-16-six",
)  # fmt: skip
SCALES = (200.0, 100.0, 75.0, 60.0, 50.0, 40.0, 30.0, 25.0)


@dataclasses.dataclass(frozen=True)
class Part:
    """What one table or picture compares."""

    problem: str
    instances: tuple[str, ...]
    methods: tuple[str, ...]
    compare_with: str
    scales: tuple[float, ...] = ()
    grids: tuple[str, ...] = ()  # beginnings of the titles of the tables that the page shows; empty = all


PARTS = {
    "static": Part(
        "static-dag",
        tuple(f"topcuoglu/v{tasks}/ccr{ccr}/p8" for ccr in CCRS for tasks in TASKS),
        ("heft", "peft", "lookahead", "cpop", "policy", "policy:x32", "cpsat:20s"),
        "heft",
    ),
    "streaming": Part("soc", WORKLOADS, PLAYERS, "etf", grids=("by workload", "paired")),
    "sweep": Part("soc", ("gym-ds3-5", "gym-ds3-5,uncapped"), PLAYERS, "etf", SCALES),
}


@dataclasses.dataclass(frozen=True)
class Options:
    part: tyro.conf.Positional[Literal["static", "streaming", "sweep"]]
    """Which table or picture."""
    instances: tuple[str, ...] = ()
    """Workloads, or graphs without their numbers, instead of the part's own."""
    methods: tuple[str, ...] = ()
    """Methods to run instead of the part's own."""
    count: int | None = None
    """Streams of each workload, or graphs of each kind. Default: 20 streams, 10 graphs."""
    scale: tuple[float, ...] = ()
    """sweep: mean gaps in microseconds instead of its own."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "soc"
    """Where the runs are kept, one folder a part, so that the next call continues them."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where soc-PART.md and soc-sweep.csv go."""
    images: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "docs" / "images"
    """Where soc-sweep.png goes."""
    page: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "docs" / "soc.md"
    """The file whose table is replaced."""


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Evaluate, then write the table or the picture, and the page."""
    part = PARTS[options.part]
    problem, out = families.load(part.problem), options.out / options.part
    methods = options.methods or part.methods
    count = options.count if options.count is not None else (10 if options.part == "static" else 20)
    if count < 1:
        raise InputError(f"--count {count} is not positive")
    if options.scale and not part.scales:
        raise InputError(f"--scale is an option of sweep, not of {options.part}")
    names, request = options.instances or part.instances, None
    if options.part == "static":
        names = tuple(f"{name}/s0..s{count - 1}" for name in names)
    else:
        request = StreamOptions(scale=options.scale or part.scales, streams=count)
    compared = part.compare_with if part.compare_with in methods else methods[0]
    asked = evaluate.Options(names, methods, out, resume=True, extra=request, compare_with=compared)
    rows = evaluate.evaluate(problem, asked, [problem.name, "--instances", *names, "--methods", *methods])
    run = json.loads(read_text(out / "run.json"))
    options.tables.mkdir(parents=True, exist_ok=True)
    if options.part == "sweep":
        body = _sweep(problem, rows, run, options)
    else:
        built = report.build(problem, rows, report.header(problem, run, rows), compared)
        write_text(options.tables / f"soc-{options.part}.md", tables.markdown(built))
        kept = [grid for grid in built.grids if not part.grids or grid.title.startswith(part.grids)]
        body = tables.markdown(dataclasses.replace(built, grids=kept))
    fill(options.page, f"soc-{options.part}", f"{body}\nRegenerate with `{_command(options)}`.")


def _command(options: Options) -> str:
    words = ["python", "benchmarks/soc.py", options.part]
    for name in ("instances", "methods", "scale"):
        given = getattr(options, name)
        words += [f"--{name}", *(f"{x:g}" if isinstance(x, float) else x for x in given)] if given else []
    return shlex.join([*words, "--count", str(options.count)] if options.count is not None else words)


def _sweep(problem: Family, rows: Sequence[Row], run: dict[str, Any], options: Options) -> str:
    """Write the CSV and the picture; returns what the page says of them."""
    from dispatchgym.evaluation import plots
    from dispatchgym.families import arrivals_chart as sweep

    found = sweep.curves(rows)
    columns = [field.name for field in dataclasses.fields(sweep.Point)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["workload", "method", *columns])
    for curve in found:
        for point in curve.points:
            values = (getattr(point, name) for name in columns)
            writer.writerow([curve.workload, curve.method, *("" if x is None else f"{x:.6g}" for x in values)])
    write_text(options.tables / "soc-sweep.csv", text.getvalue())
    options.images.mkdir(parents=True, exist_ok=True)
    plots.save(sweep.chart(found, plots.styles(dict.fromkeys(row["method"] for row in rows))), options.images / "soc-sweep.png")
    head = "  \n".join(report.header(problem, run, rows))
    return f"{head}\n\n![Latency against the rate of arrivals](images/soc-sweep.png)\n"


if __name__ == "__main__":
    main()
