"""Studies of trainings: runs that differ in some settings alone, at equal CPU time, with several seeds, then played.

Stopped at any time, a study continues: a run that has had its minutes is left as it is.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from benchmarks import markdown_blocks as blocks
from benchmarks import results_file
from benchmarks.curves import Run, find_run, spent
from dispatchgym import families
from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy
from dispatchgym.agents.rollout import Rollout
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text

ROOT = Path(__file__).resolve().parent.parent
TEST_SEED = 2**31 + 7  # far from the streams of training and of its validation

Measure = Callable[[Policy], str]  # one more cell of the table, of a policy of the setting


@dataclasses.dataclass(frozen=True)
class Study:
    """What is trained and compared."""

    block: str  # of the page; the results are BLOCK.json and BLOCK.md
    head: str  # what `settings` are, as the table's first column says
    family: str
    settings: Mapping[str, str]  # name -> words of train.py that only this one has
    common: str  # words of train.py that all have
    sizes: tuple[str, ...]  # trained on and played; () = the family's own mixture
    seeds: tuple[int, ...]
    minutes: float  # CPU-minutes of each run; 0 = train nothing
    count: int  # instances to play
    runs: Path  # where the runs are: NAME-seedSEED
    command: str  # that makes the table, without --minutes
    measures: Mapping[str, Measure] = dataclasses.field(default_factory=dict)  # column -> its cell

    def folder(self, name: str, seed: int) -> Path:
        return self.runs / f"{name}-seed{seed}"

    @property
    def training_words(self) -> list[str]:
        """What decides which instances are trained on."""
        return [*self.common.split(), *(["--sizes", *self.sizes, "--hard", "0"] if self.sizes else [])]


@dataclasses.dataclass(frozen=True)
class Row:
    """One training and how its policy plays."""

    name: str  # of its settings
    seed: int
    minutes: float  # CPU, spent
    budget: float  # CPU-minutes asked for
    episodes: int
    gap: float  # mean over the instances, greedy, above the lower bound, %
    gaps: tuple[float, ...]  # of each instance
    measured: dict[str, str]  # column -> cell


def conduct(study: Study, page: Path, tables: Path) -> None:
    """Train what is missing, play, write the results and the block of `page`.

    Raises InputError, before any work, for what cannot be done.
    """
    if not 0 <= study.minutes < 1e5 or not 0 < study.count <= 10_000:
        raise InputError("--minutes must be between 0 and 100000, and --count between 1 and 10000")
    blocks.replaced(read_text(page), study.block, "", page)
    about = results_file.header(0)
    if study.minutes:
        train(study)
    pool = instances(study)
    rows = [played(study, name, run, pool) for name, run in runs_of(study)]
    body = describe(study, rows, about)
    results_file.save(tables / study.block, about, {"rows": [dataclasses.asdict(row) for row in rows]}, body + "\n")
    blocks.fill(page, study.block, body)
    print(body)


def train(study: Study) -> None:
    """Every run that has not had its minutes yet, seed by seed, so that a stopped study is balanced."""
    asked = [(name, seed) for seed in study.seeds for name in study.settings]
    for number, (name, seed) in enumerate(asked, 1):
        out = study.folder(name, seed)
        begun = (out / "training.safetensors").exists()
        if begun and find_run(out).minutes >= study.minutes:
            continue
        words = [study.family, *study.settings[name].split(), *study.training_words, "--seed", str(seed)]
        words += ["--clock", "cpu", "--minutes", f"{study.minutes:g}", "--out", os.path.relpath(out), *["--resume"] * begun]
        print(f"run {number} of {len(asked)}: python train.py", *words, flush=True)
        status = subprocess.run([sys.executable, str(ROOT / "train.py"), *words], check=False).returncode
        if status != 0:
            raise InputError(f"python train.py {' '.join(words)}: ended with status {status}")


def runs_of(study: Study) -> list[tuple[str, Run]]:
    """The runs that exist, by settings and seed. Raises InputError if there is none or their budgets differ."""
    asked = [(name, study.folder(name, seed)) for name in study.settings for seed in study.seeds]
    found = [(name, find_run(path)) for name, path in asked if (path / "policy.json").exists()]
    if not found:
        raise InputError(f"{study.runs}: has no trained policy; give --minutes")
    budgets = sorted({run.budget for _, run in found})
    if len(budgets) > 1:
        raise InputError(f"{study.runs}: has runs of {' and '.join(f'{b:g}' for b in budgets)} CPU-minutes, which do not compare")
    return found


def instances(study: Study) -> list[Any]:
    """The instances that every policy plays; with several sizes as many of each as can be."""
    training = families.load(study.family).trained_by().training()
    rng = np.random.default_rng(TEST_SEED)
    sizes = study.sizes or training.default_sizes or ("",)
    parts = [[size] for size in sizes] if study.sizes else [list(sizes)]
    pool: list[Any] = []
    while len(pool) < study.count:
        for part in parts:
            pool += training.draw(rng, 8, part, 0.0)
    return pool[: study.count]


def played(study: Study, name: str, run: Run, pool: Sequence[Any]) -> Row:
    """The policy of a run on the pool, greedily; every schedule is accepted by the referee."""
    family = families.load(study.family)
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
    measured = {column: measure(policy) for column, measure in study.measures.items()}
    return Row(name, run.seed, run.minutes, run.budget, run.episodes, fmean(gaps), tuple(gaps), measured)


def describe(study: Study, rows: Sequence[Row], about: dict[str, Any]) -> str:
    """Table and conditions."""
    heads = [study.head, "settings", "seeds", "CPU-minutes", "episodes", *study.measures, "gap of each seed, %", "mean ± sd"]
    left = ("settings", "gap of each seed, %", study.head)
    lines = [_line(heads), _line("---" if head in left else "--:" for head in heads)]
    lines += [_line(_cells(study, [row for row in rows if row.name == name])) for name in dict.fromkeys(row.name for row in rows)]
    sizes = " ".join(study.sizes) or "the family's mixture"
    budget = f"{rows[0].budget:g}"
    shared = f" All of them with `{study.common}`." if study.common else ""
    lines += [
        "",
        f"Gap: mean of 100 * (objective / lower bound - 1) over {study.count} generated instances ({sizes}) that no run was "
        "trained or validated on; one greedy episode each, accepted by the referee. The bound is weak, so 0 cannot be reached. "
        f"Each run had {budget} CPU-minutes, its validations included.{shared} "
        f"Regenerate with `{study.command} --minutes {budget}`.",
        "",
        results_file.describe_header(about),
    ]
    return "\n".join(lines)


def _cells(study: Study, mine: Sequence[Row]) -> list[str]:
    """One line of the table: the runs of one name."""
    name, gaps = mine[0].name, [row.gap for row in mine]
    return [
        name,
        f"`{study.settings[name]}`" if study.settings[name] else "defaults",
        str(len(mine)),
        " ".join(dict.fromkeys(spent(dataclasses.asdict(row)) for row in mine)),
        f"{fmean(row.episodes for row in mine):,.0f}",
        *mine[0].measured.values(),
        " ".join(f"{gap:.2f}" for gap in gaps),
        f"{fmean(gaps):.2f}" + (f" ± {stdev(gaps):.2f}" if len(gaps) > 1 else ""),
    ]


def _line(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"
