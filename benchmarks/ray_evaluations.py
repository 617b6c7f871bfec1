"""Evaluations a second in a local Ray cluster beside those of local processes: `python benchmarks/ray_evaluations.py`.

The same pairs of generated job shops and rules, and fewer ones with a search of some length, are evaluated by `--workers N`
and by `--ray local --workers N`; every answer is compared. Writes the block `ray` of docs/clusters.md. Needs the extra `cluster`;
with the default of 10,000 pairs some minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import markdown_blocks
from benchmarks.results_file import Grid, describe_header, header
from dispatchgym import evaluate
from dispatchgym.families.jobshop import FAMILY
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need

PAGE = Path(__file__).resolve().parent.parent / "docs" / "clusters.md"
RULES = ("spt", "mwkr", "fdd-mwkr", "lpt", "fifo")
SHOP = "uniform/j10/m10"
SAME = ("objective", "status", "digest", "seed")


def timed(instances: Sequence[str], methods: Sequence[str], workers: int, ray: str | None) -> tuple[float, dict[Any, Any]]:
    """Seconds of wall time from the start to the last line of results, and the answers."""
    with tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        options = evaluate.Options(tuple(instances), tuple(methods), Path(out), workers=workers, ray=ray)
        with contextlib.redirect_stdout(io.StringIO()):
            rows = evaluate.evaluate(FAMILY, options)
        seconds = time.perf_counter() - began
    answers = {(row["instance"], row["method"]): tuple(row[name] for name in SAME) for row in rows}
    if len(answers) != len(rows) or len(rows) != len(instances) * len(methods):
        raise InputError(f"{len(rows)} answers to {len(instances) * len(methods)} pairs")
    return seconds, answers


def measure(pairs: int, methods: Sequence[str], workers: int) -> tuple[str, ...]:
    """A line of the table."""
    instances = [f"{SHOP}/s{seed}" for seed in range(pairs // len(methods))]
    here, own = timed(instances, methods, workers, None)
    there, theirs = timed(instances, methods, workers, "local")
    differ = sum(own[key] != theirs[key] for key in own)
    count = len(own)
    return (
        " ".join(methods),
        f"{count:,}",
        f"{count / here:.1f}",
        f"{count / there:.1f}",
        f"{here / there:.2f}",
        str(differ),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000, help="pairs with rules; a 50th of them with tabu search")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    try:
        need("ray", what="this benchmark")
        about = header(0, ("ray", "numpy", "numba"))
        rows = [
            measure(options.pairs, RULES, options.workers),
            measure(options.pairs // 50, ("tabu:0.2s",), options.workers),
        ]
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    here = f"--workers {options.workers}"
    columns = ("methods", "pairs", f"{here}, pairs/s", f"{here} --ray local, pairs/s", "ratio", "answers that differ")
    made = f"Made by `python benchmarks/ray_evaluations.py --pairs {options.pairs} --workers {options.workers}`"
    note = f"{made} on shops {SHOP}; seconds are wall time with all starting and ending. {describe_header(about)}"
    lines = Grid("", columns, tuple(rows)).markdown().splitlines()[2:]
    text = "\n".join([*lines, "", note, ""])
    print(text)
    markdown_blocks.fill(PAGE, "ray", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
