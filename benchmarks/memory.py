"""Regenerates the tables of docs/memory.md.

    python benchmarks/memory.py packing      # MiniMalloc's A to K: greedies, policy, searches, branch and bound
    python benchmarks/memory.py mapping      # every bundled program: all-slow, XLA's way, searches, policy, CP-SAT
    python benchmarks/memory.py simulator    # plans that the compiled simulator evaluates in a CPU-second

The first two run `evaluate.py` in --out, continuing what is there, so every number is of a plan that the referee accepted. Each
writes benchmarks/results/memory-PART.md and memory-PART.json and replaces what stands between the comments of that name in
docs/memory.md.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated, Any, Literal, NamedTuple

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks import results_file, simulator
from benchmarks.command import run_command
from benchmarks.markdown_blocks import demoted, fill
from benchmarks.results_file import Grid
from dispatchgym import evaluate, families
from dispatchgym.evaluation.results import Row
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_text
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.instance import MemoryProgram, Packing, all_slow, peak

ROOT = Path(__file__).resolve().parent.parent
# Seconds at capacity 1048576, measured for this suite on another day; MiniMalloc: one thread, its defaults; CP-SAT: two workers,
# 120 s. None: no answer.
MINIMALLOC = dict(zip("ABCDEFGHIJK", (5.8, 4.7, 1.3, 4.3, 5.5, 6.1, 1.3, 1.7, 4.2, 1.6, 0.7), strict=True))
CPSAT = {"B": 2.6, "E": 21.2, "G": 5.3, "H": 11.6, "K": 0.9}


class Part(NamedTuple):
    """What one table compares."""

    problem: str
    instances: tuple[str, ...]
    methods: tuple[str, ...]


PARTS = {
    "packing": Part(
        "memory-pack",
        ("minimalloc",),
        ("best-of-8", "policy", "policy:x128", "hill:10s", "brkga:10s", "branch:60s"),
    ),
    "mapping": Part(
        "memory-map",
        ("programs-test", "programs-train"),
        ("all-slow", "xla", "hill:10s", "anneal:10s", "brkga:10s", "policy", "policy:x64", "cpsat:60s"),
    ),
    "simulator": Part("memory-map", ("gpt2-decode-b8-kv1024", "gpt2-prefill-b4-s128", "layered/t150/s0"), ()),
}


@dataclasses.dataclass(frozen=True)
class Options:
    part: tyro.conf.Positional[Literal["packing", "mapping", "simulator"]]
    """Which table."""
    instances: tuple[str, ...] = ()
    """Packings or programs instead of the part's own."""
    methods: tuple[str, ...] = ()
    """Methods to run instead of the part's own."""
    seconds: float = 1.0
    """simulator: CPU time of one timing, of which the best of three counts."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "memory"
    """Where the runs are kept, one folder a part, so that the next call continues them."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where memory-PART.md and memory-PART.json go."""
    page: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "docs" / "memory.md"
    """The file whose table is replaced."""


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Evaluate or measure, then write the table and the page."""
    part = PARTS[options.part]
    names = options.instances or part.instances
    if options.part == "simulator" and options.methods:
        raise InputError("--methods is an option of packing and mapping, not of simulator")
    if options.seconds <= 0:
        raise InputError(f"--seconds {options.seconds} is not positive")
    if options.part == "simulator":
        head, grids, notes, content = _simulator(names, options.seconds)
    else:
        methods = options.methods or part.methods
        rows, head = _evaluated(part.problem, names, methods, options.out / options.part)
        tabulate: Callable[..., Any] = _packings if options.part == "packing" else _programs
        grids, notes, content = tabulate(rows, methods)
    body = "\n\n".join([head, *(grid.markdown().strip() for grid in grids), "\n".join(f"- {note}" for note in notes)])
    body += f"\n\nRegenerate with `{_command(options)}`.\n"
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / f"memory-{options.part}.md", f"# Memory: {options.part}\n\n{body}")
    write_text(options.tables / f"memory-{options.part}.json", json.dumps({"head": head, "rows": content}, indent=1) + "\n")
    fill(options.page, f"memory-{options.part}", demoted(body))
    print(body)


def _command(options: Options) -> str:
    words = ["python", "benchmarks/memory.py", options.part]
    for name in ("instances", "methods"):
        given = getattr(options, name)
        words += [f"--{name}", *given] if given else []
    return shlex.join(words)


def _evaluated(problem: str, names: Sequence[str], methods: Sequence[str], out: Path) -> tuple[list[Row], str]:
    """The judged lines of the instances and methods asked for, and what was run on what."""
    asked = evaluate.Options(tuple(names), tuple(methods), out, resume=True)
    kind = families.load(problem)
    wanted = {kind.load(name).name for name in kind.expand(names, None)}
    rows = evaluate.evaluate(kind, asked, [problem, "--instances", *names, "--methods", *methods])
    run = json.loads(read_text(out / "run.json"))
    machine = run["machine"]
    head = (
        f"{len(wanted)} instances, {len(methods)} methods, seed {run['seed']}, one core a method, one at a time  \n"
        f"{machine['cpu']}, {machine['cores']} cores; dispatchgym {run['versions']['dispatchgym']}, {run['date'][:10]}"
    )
    return [row for row in rows if row["instance"] in wanted and row["method"] in methods], head


def _packings(rows: Sequence[Row], methods: Sequence[str]) -> tuple[list[Grid], list[str], list[dict[str, Any]]]:
    names = list(dict.fromkeys(row["instance"] for row in rows))
    found = {(row["instance"], row["method"]): row for row in rows}
    exact = [method for method in methods if method.startswith("branch")]
    others = [method for method in methods if method not in exact]
    heights: list[tuple[str, ...]] = []
    searches: list[tuple[str, ...]] = []
    content = []
    for name in names:
        packing = families.load("memory-pack").load(name)
        assert isinstance(packing, Packing)
        ratios = {m: _measured(found.get((name, m)), "ratio") for m in methods}
        kept = "-" if packing.capacity is None else f"{packing.capacity / peak(packing):.3f}"
        heights.append((name, str(packing.buffers), kept, *_best(ratios, others, 3)))
        row: dict[str, Any] = {"instance": name, "buffers": packing.buffers, "peak": peak(packing), "ratio": ratios}
        cells: list[str] = []
        for method in exact:
            answer = found.get((name, method))
            solved = answer is not None and answer["objective"] is not None
            told = {key: answer["notes"][key] for key in ("cpu_seconds", "nodes")} if answer and solved else {}
            row[method] = told
            cells += [f"{told['cpu_seconds']:.2f}", f"{told['nodes']:,}"] if told else ["-", "-"]
        published = [f"{known[name]}" if name in known else "-" for known in (MINIMALLOC, CPSAT)]
        searches.append((name, *cells, *published))
        content.append(row)
    means = {m: _mean([row["ratio"][m] for row in content]) for m in others}
    heights.append(("geometric mean", "", "", *_best(means, others, 3)))
    notes = [
        "height / peak: the peak of live bytes is a lower bound on the height; in bold the lowest of a row. What is at most "
        "capacity / peak keeps the capacity. Every packing passed the referee.",
    ]
    grids = [Grid("Height / peak", ("packing", "buffers", "capacity / peak", *others), tuple(heights))]
    if exact:
        totals: list[str] = []
        for method in exact:
            told = [row[method] for row in content if row[method]]
            totals += [f"{len(told)} in {sum(x['cpu_seconds'] for x in told):.1f}", f"{sum(x['nodes'] for x in told):,}"]
        totals += [f"{sum(n in k for n in names)} in {sum(k[n] for n in names if n in k):.1f}" for k in (MINIMALLOC, CPSAT)]
        heads = [f"{method} {what}" for method in exact for what in ("CPU s", "nodes")]
        columns = ("packing", *heads, "MiniMalloc s", "CP-SAT s")
        grids.append(Grid("Seconds until a packing within the capacity is found", columns, (*searches, ("solved", *totals))))
        notes.append(
            "MiniMalloc (its own code, one thread) and CP-SAT (two workers, 120 s, NoOverlap2D and Cumulative): wall time, "
            "measured for this suite on another day, on a machine with other work. -: no packing within the time limit."
        )
    return grids, notes, content


def _programs(rows: Sequence[Row], methods: Sequence[str]) -> tuple[list[Grid], list[str], list[dict[str, Any]]]:
    names = list(dict.fromkeys(row["instance"] for row in rows))
    found = {(row["instance"], row["method"]): row for row in rows}
    content: list[dict[str, Any]] = []
    for name in names:
        program = families.load("memory-map").load(name)
        assert isinstance(program, MemoryProgram)
        bounds = [program.lower_bound or 0, *(row["lower_bound"] or 0 for row in rows if row["instance"] == name)]
        slow = all_slow(program)
        content.append(
            {
                "program": name,
                "split": _split(name),
                "instructions": program.instructions,
                "buffers": program.buffers,
                "all_slow_us": round(slow / 1e6, 2),
                "relative": {m: _measured(found.get((name, m)), "relative") for m in methods},
                "optimal": [m for m in methods if found.get((name, m), {}).get("status") == "optimal"],
                "bound": max(bounds) / slow,
            }
        )
    heads = ("program", "instr.", "buffers", "all-slow us", *methods, "bound")
    grids = []
    for split in dict.fromkeys(row["split"] for row in content):
        mine = [row for row in content if row["split"] == split]
        body = [
            (
                row["program"],
                str(row["instructions"]),
                str(row["buffers"]),
                f"{row['all_slow_us']:.1f}",
                *_best(row["relative"], methods, 4),
                f"{row['bound']:.4f}",
            )
            for row in mine
        ]
        means = {m: _mean([row["relative"][m] for row in mine]) for m in methods}
        bound = f"{geometric_mean([row['bound'] for row in mine]):.4f}"
        body.append(("geometric mean", "", "", "", *_best(means, methods, 4), bound))
        grids.append(Grid(f"Latency / all-slow latency, {split}", heads, tuple(body)))
    notes = [
        "In bold the lowest of a row. bound: the highest proved lower bound, CP-SAT's or the sum of what no plan can avoid. "
        "Every plan passed the referee.",
        f"proved optimal: {', '.join(row['program'] for row in content if row['optimal']) or 'none'}.",
        "No model family is in both splits, and policies have seen those of the training split alone.",
    ]
    return grids, notes, content


def _split(name: str) -> str:
    base = name.split(",")[0]
    known = memory_catalogue.sets()
    return next((f"{x} programs" for x in ("test", "train") if base in known[f"programs-{x}"]), "other programs")


def _measured(row: Row | None, metric: str) -> float | None:
    return None if row is None or row["objective"] is None else float(row["metrics"][metric])


def _mean(values: Sequence[float | None]) -> float | None:
    """The geometric mean, None if one is missing: means over fewer instances do not compare."""
    known = [value for value in values if value is not None]
    return geometric_mean(known) if known and len(known) == len(values) else None


def _best(values: dict[str, float | None], methods: Sequence[str], digits: int) -> list[str]:
    """Cells of `methods`, the lowest in bold, "-" where there is no answer."""
    texts = {m: f"{value:.{digits}f}" for m in methods if (value := values[m]) is not None}
    least = min(texts.values(), default="")
    return [f"**{texts[m]}**" if texts.get(m) == least else texts.get(m, "-") for m in methods]


def _simulator(names: Sequence[str], seconds: float) -> tuple[str, list[Grid], list[str], list[dict[str, Any]]]:
    about = results_file.header(0, ("numba", "numpy"))
    problem = families.load("memory-map")
    speeds = [simulator.measure(problem.load(name), seconds, 3) for name in problem.expand(names, None)]
    body = tuple(
        (x.name, str(x.instructions), str(x.accesses), f"{x.stays:.0f}", f"{x.plans:,.0f}", f"{x.allocations:,.0f}")
        for x in speeds
    )
    columns = ("program", "instructions", "accesses", "stays", "plans / CPU-s", "allocations / CPU-s")
    notes = [
        "plans: a given plan, its stays placed again each time, then simulated. allocations: an order of all storages, each of "
        "which is allocated, and the plan simulated after it.",
        f"One thread; {simulator.COPIES} different plans in turn, the best of three timings of {seconds:g} CPU-seconds. The "
        "referee found the same latency for each plan.",
    ]
    grid = Grid("Evaluations of plans", columns, body)
    return results_file.describe_header(about), [grid], notes, [x._asdict() for x in speeds]


if __name__ == "__main__":
    main()
