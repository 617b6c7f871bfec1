"""Compares the learners at equal CPU time: three seeds each on generated instances of one size, then greedy on others.

    python benchmarks/learners.py --minutes 3                       # job shop 10x10: fifteen trainings, one after another
    python benchmarks/learners.py --family static-dag --minutes 3   # static graphs
    python benchmarks/learners.py --minutes 0                       # the table of the runs that exist

Stopped at any time, the same command continues. Writes learners-FAMILY.json and .md into --tables, and into the block
`learners-FAMILY` of docs/agent.md what the .md says.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any, Literal

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import tyro

from benchmarks import markdown_blocks as blocks
from benchmarks import results_file
from benchmarks.command import run_command
from benchmarks.curves import Run, find_run, spent
from dispatchgym import families
from dispatchgym.agents import checkpoint
from dispatchgym.agents.rollout import Rollout
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text

ROOT = Path(__file__).resolve().parent.parent
TEST_SEED = 2**31 + 7  # far from the streams of training and of its validation
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


@dataclasses.dataclass(frozen=True)
class Row:
    """One training and how its policy plays."""

    learner: str
    seed: int
    minutes: float  # CPU, spent
    budget: float  # CPU-minutes asked for
    episodes: int
    gap: float  # mean over the instances, greedy, above the lower bound, %
    gaps: tuple[float, ...]  # of each instance


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Train what is missing, play, write. Raises InputError, before any work, for what cannot be done."""
    unknown = [name for name in options.learners if name not in SETTINGS]
    if unknown:
        raise InputError(f"--learners {unknown[0]} is none of {', '.join(SETTINGS)}")
    if not 0 <= options.minutes < 1e5 or not 0 < options.count <= 10_000:
        raise InputError("--minutes must be between 0 and 100000, and --count between 1 and 10000")
    page, block = options.docs / "agent.md", f"learners-{options.family}"
    blocks.replaced(read_text(page), block, "", page)
    about = results_file.header(0)
    if options.minutes:
        train(options)
    pool = instances(options)
    rows = [played(run, options, pool) for run in runs_of(options)]
    body = describe(rows, about, options)
    results_file.save(options.tables / block, about, {"rows": [dataclasses.asdict(row) for row in rows]}, body + "\n")
    blocks.fill(page, block, body)
    print(body)


def folder(options: Options, learner: str, seed: int) -> Path:
    return options.study / options.family / f"{learner}-seed{seed}"


def train(options: Options) -> None:
    """Every run that has not had its minutes yet, seed by seed, so that a stopped study is balanced."""
    for seed in options.seeds:
        for learner in options.learners:
            out = folder(options, learner, seed)
            begun = (out / "training.safetensors").exists()
            if begun and find_run(out).minutes >= options.minutes:
                continue
            sizes = ["--sizes", *SIZES[options.family], "--hard", "0"] if SIZES[options.family] else []
            words = [options.family, "--learner", learner, *SETTINGS[learner].split(), *sizes, "--seed", str(seed)]
            words += ["--clock", "cpu", "--minutes", f"{options.minutes:g}", "--out", os.path.relpath(out), *["--resume"] * begun]
            print("python train.py", *words, flush=True)
            status = subprocess.run([sys.executable, str(ROOT / "train.py"), *words], check=False).returncode
            if status != 0:
                raise InputError(f"python train.py {' '.join(words)}: ended with status {status}")


def runs_of(options: Options) -> list[Run]:
    """The runs that exist, by learner and seed. Raises InputError if there is none or their budgets differ."""
    asked = [folder(options, learner, seed) for learner in options.learners for seed in options.seeds]
    found = [find_run(path) for path in asked if (path / "policy.json").exists()]
    if not found:
        raise InputError(f"{options.study / options.family}: has no trained policy; give --minutes")
    budgets = sorted({run.budget for run in found})
    if len(budgets) > 1:
        raise InputError(
            f"{options.study}: has runs of {' and '.join(f'{b:g}' for b in budgets)} CPU-minutes, which do not compare"
        )
    return found


def instances(options: Options) -> list[Any]:
    """The instances that every policy plays."""
    training = families.load(options.family).trained_by().training()
    rng = np.random.default_rng(TEST_SEED)
    pool: list[Any] = []
    while len(pool) < options.count:
        pool += training.draw(rng, 8, SIZES[options.family] or training.default_sizes or ("",), 0.0)
    return pool[: options.count]


def played(run: Run, options: Options, pool: Sequence[Any]) -> Row:
    """The policy of a run on the pool, greedily; every schedule is accepted by the referee."""
    family = families.load(options.family)
    training = family.trained_by().training()
    policy, _ = checkpoint.load_policy(run.folder, training.name)
    gaps: list[float] = []
    for first in range(0, len(pool), 8):
        part = list(pool[first : first + 8])
        rollout = Rollout(training.problem, training.problem.sizes(part), len(part), policy.config.hidden)
        rollout.load(part)
        record = rollout.play(policy, np.arange(len(part)), np.zeros(len(part), np.int64), 0.0)
        bound = np.asarray(rollout.instances.bound)
        for copy, instance in enumerate(part):
            objective = family.check(instance, training.schedule(instance, rollout.state, copy))
            if objective != int(record.objective[copy]):
                raise AssertionError(f"{instance.name}: the referee says {objective}, the environment {record.objective[copy]}")
            gaps.append(100.0 * (objective / float(bound[copy]) - 1.0))
    return Row(run.learner, run.seed, run.minutes, run.budget, run.episodes, fmean(gaps), tuple(gaps))


def describe(rows: Sequence[Row], about: dict[str, Any], options: Options) -> str:
    """Table and conditions."""
    lines = ["| learner | settings | seeds | CPU-minutes | episodes | gap of each seed, % | mean ± sd |"]
    lines += ["| --- | --- | --: | --: | --: | --- | --: |"]
    for learner in dict.fromkeys(row.learner for row in rows):
        mine = [row for row in rows if row.learner == learner]
        gaps = [row.gap for row in mine]
        cells = [
            learner,
            f"`{SETTINGS[learner]}`" if SETTINGS[learner] else "defaults",
            str(len(mine)),
            " ".join(dict.fromkeys(spent(dataclasses.asdict(row)) for row in mine)),
            f"{fmean(row.episodes for row in mine):,.0f}",
            " ".join(f"{gap:.2f}" for gap in gaps),
            f"{fmean(gaps):.2f}" + (f" ± {stdev(gaps):.2f}" if len(gaps) > 1 else ""),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    sizes = " ".join(SIZES[options.family]) or "the family's mixture"
    command = f"python benchmarks/learners.py --family {options.family} --minutes {rows[0].budget:g}"
    lines += [
        "",
        f"Gap: mean of 100 * (objective / lower bound - 1) over {options.count} generated instances ({sizes}) that no run was "
        "trained or validated on; one greedy episode each, accepted by the referee. The bound is weak, so 0 cannot be reached. "
        f"Each run had {rows[0].budget:g} CPU-minutes, its validations included. Regenerate with `{command}`.",
        "",
        results_file.describe_header(about),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
