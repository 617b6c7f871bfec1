"""What the page of scheduling models promises, checked on many: regenerates the table of proofs in docs/cpmodel.md.

    python benchmarks/cpmodel_proofs.py                        # all parts, as far as they are not done
    python benchmarks/cpmodel_proofs.py models --count 100     # the first hundred of one part
    python benchmarks/cpmodel_proofs.py --count 0              # the table alone

Each check is a line of OUT/PART.jsonl, so that the next call goes on. The status is 1 if something was found wrong.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro
from rich.progress import track

from benchmarks import results_file
from benchmarks.command import run_command
from benchmarks.cpmodel_checks import BOUNDED_SETS, CHECKS
from benchmarks.markdown_blocks import fill
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import append, read_text, write_text

ROOT = Path(__file__).resolve().parent.parent
BLOCK = "cpmodel-proofs"
Lines = Sequence[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Options:
    parts: tyro.conf.Positional[tuple[str, ...]] = ()
    """Which parts to check: models, refusals, shops, j30, bounds; all without a word."""
    count: int | None = None
    """How many of each part; all of it without this."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "cpmodel-proofs"
    """Where the lines are kept."""
    page: Annotated[Path, tyro.conf.arg(metavar="FILE")] = ROOT / "docs" / "cpmodel.md"
    """The file whose table is replaced."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where cpmodel-proofs.md goes."""


def main(argv: list[str] | None = None) -> None:
    """Run the checks. Exits with 2 on bad input, 1 if something is wrong, and 130 on Ctrl-C."""
    run_command(Options, study, __doc__, argv)


def study(options: Options) -> None:
    """Check what is missing, then write the table."""
    unknown = [part for part in options.parts if part not in CHECKS]
    if unknown or (options.count is not None and options.count < 0):
        what = (
            f"part {unknown[0][:40]!r} is not one of {', '.join(CHECKS)}" if unknown else f"--count {options.count} is negative"
        )
        raise InputError(what)
    options.out.mkdir(parents=True, exist_ok=True)
    found = {part: lines_of(options.out / f"{part}.jsonl") for part in CHECKS}
    for part in options.parts or CHECKS:
        run_part(part, options, found[part])
    text = page(found)
    options.tables.mkdir(parents=True, exist_ok=True)
    write_text(options.tables / f"{BLOCK}.md", text + "\n")
    fill(options.page, BLOCK, text)
    wrong = [(part, line) for part, lines in found.items() for line in lines if line["wrong"]]
    for part, line in wrong:
        print(f"{part} {line['name']}: {'; '.join(line['wrong'])}")
    sys.exit(1 if wrong else 0)


def run_part(part: str, options: Options, lines: list[dict[str, Any]]) -> None:
    """The checks of a part that have no line yet, each appended to `lines` and its file."""
    check, every = CHECKS[part]
    asked = every if options.count is None else min(options.count, every)
    for number in track(range(len(lines), asked), description=part, disable=len(lines) >= asked):
        lines.append(check(number))
        append(options.out / f"{part}.jsonl", (json.dumps(lines[-1]) + "\n").encode())


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file; one without an end was torn by a kill, and is checked again."""
    if not path.exists():
        return []
    whole, _, torn = read_text(path).rpartition("\n")
    if torn:
        write_text(path, whole + "\n" if whole else "")
    return [json.loads(line) for line in whole.split("\n")] if whole else []


def page(found: dict[str, list[dict[str, Any]]]) -> str:
    """A row for each promise."""
    rows = [*model_rows(found["models"]), *plain_rows(found), *solver_rows(found["j30"], found["bounds"])]
    head = ["| what holds | checked | exceptions |", "| --- | --: | --: |"]
    command = "Regenerate with `python benchmarks/cpmodel_proofs.py`."
    return "\n".join([*head, *rows, "", command, "", results_file.describe_header(results_file.header(0))])


def row(what: str, checked: int, exceptions: int) -> str:
    return f"| {what} | {checked:,} | {exceptions} |"


def model_rows(lines: Lines) -> list[str]:
    def wrong(word: str) -> int:
        return sum(text.startswith(word) for line in lines for text in line["wrong"])

    return [
        row("tiny models: the best of all choice sequences is CP-SAT's optimum", len(lines), wrong("best")),
        row("CP-SAT's schedules of them are accepted by the referee", sum(x["judged"] for x in lines), wrong("referee")),
        row(
            "the environment's schedules of them are CP-SAT's, all variables fixed",
            sum(x["played"] for x in lines),
            wrong("fixed"),
        ),
    ]


def plain_rows(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    refusals, shops = found["refusals"], found["shops"]
    return [
        row("models with one thing that is not understood are refused", len(refusals), sum(bool(x["wrong"]) for x in refusals)),
        row(
            "la01-40 as models: choices and makespans of random episodes are the job shop's",
            sum(x["played"] for x in shops),
            sum(len(x["wrong"]) for x in shops),
        ),
    ]


def solver_rows(j30: Lines, bounds: Lines) -> list[str]:
    rows = []
    if j30:
        cpu, wall = fmean(x["cpu"] for x in j30), fmean(x["wall"] for x in j30)
        what = f"j30: CP-SAT proves its schedule optimal in 30 s on 2 workers (mean {cpu:.2f} CPU-s, {wall:.2f} s of the clock)"
        rows.append(row(what, len(j30), sum(x["status"] != "optimal" for x in j30)))
    if bounds:
        proved = [x for x in bounds if x["status"] == "optimal"]
        closed = [x for x in proved if x["closed"]]
        names = {x["name"] for x in bounds}
        sets = {group: sum(name in names for name in catalogue.SETS[group]) for group in BOUNDED_SETS}
        run = ", ".join(f"{group} ({count} of {len(catalogue.SETS[group])})" for group, count in sets.items())
        what = f"{run}: what CP-SAT finds and proves in 60 s agrees with the published bounds ({len(proved)} proved)"
        rows.append(row(what, len(bounds), sum(bool(x["wrong"]) for x in bounds)))
        what = "of these, closed ones that CP-SAT proves: the optimum is the published one"
        rows.append(row(what, len(closed), sum(x["objective"] != x["best"] for x in closed)))
    return rows


if __name__ == "__main__":
    main()
