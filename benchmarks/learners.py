"""Compares the learners at equal CPU time: three seeds each on generated instances of one size, then greedy on others.

    python benchmarks/learners.py --minutes 3                       # job shop 10x10: fifteen trainings, one after another
    python benchmarks/learners.py --family static-dag --minutes 3   # static graphs
    python benchmarks/learners.py --minutes 0                       # the table of the runs that exist

Stopped at any time, the same command continues. Writes learners-FAMILY.json and .md into --tables, and into the block
`learners-FAMILY` of docs/agent.md what the .md says.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks.command import run_command
from benchmarks.study import ROOT, Study, conduct
from dispatchgym.instances.errors import InputError

SIZES = {"jobshop": ("10x10",), "static-dag": ()}  # trained on and played; () = the family's own mixture

# Beside the defaults of train.py. Samples that are learned from cost more than samples that are only ranked.
SETTINGS = {
    "ppo": "",
    "self-label": "",
    "preference": "--reuse 3 --rate 3e-3",
    "reinforce": "--samples 8",
    "without-replacement": "--rounds 2 --reuse 2",
}


@dataclasses.dataclass(frozen=True)
class Options:
    minutes: float = 3.0
    """CPU-minutes of each training; 0 = train nothing."""
    family: Literal["jobshop", "static-dag"] = "jobshop"
    """What is trained: job shops of 10x10, or static graphs of the family's mixture."""
    learners: tuple[str, ...] = tuple(SETTINGS)
    """What to compare."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """With which seeds."""
    count: int = 128
    """Generated instances to play."""
    study: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "runs" / "learners"
    """Where the runs are: FAMILY/LEARNER-seedSEED."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where the results go."""
    docs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "docs"
    """The documentation that is updated."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Train what is missing, play, write. Raises InputError, before any work, for what cannot be done."""
    conduct(study_of(options), options.docs / "agent.md", options.tables)


def study_of(options: Options) -> Study:
    """What the options ask for; InputError for a learner that is not compared."""
    unknown = [name for name in options.learners if name not in SETTINGS]
    if unknown:
        raise InputError(f"--learners {unknown[0]} is none of {', '.join(SETTINGS)}")
    return Study(
        block=f"learners-{options.family}",
        head="learner",
        family=options.family,
        settings={name: f"--learner {name} {SETTINGS[name]}".strip() for name in options.learners},
        common="",
        sizes=SIZES[options.family],
        seeds=options.seeds,
        minutes=options.minutes,
        count=options.count,
        runs=options.study / options.family,
        command=f"python benchmarks/learners.py --family {options.family}",
    )


if __name__ == "__main__":
    main()
