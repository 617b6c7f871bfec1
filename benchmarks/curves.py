"""Compares the learners at equal CPU time: several seeds each, trained alike, then greedy on Taillard's 80 instances.

    python benchmarks/curves.py --train --minutes 20    # six trainings, one after another, then the table; hours
    python benchmarks/curves.py                         # the table of the runs that exist

Stopped at any time, the same command continues. Writes docs/data/curves.json and docs/images/curves.png and replaces
what stands between the two `curves` comments of docs/agent.md.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import curve_marks
from benchmarks import markdown_blocks as blocks
from benchmarks.command import run_command
from benchmarks.results_file import header
from dispatchgym import evaluate, families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_bytes, write_text

ROOT = Path(__file__).resolve().parent.parent
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # Okabe & Ito


@dataclasses.dataclass(frozen=True)
class Options:
    train: bool = False
    """Train what is missing first, one run at a time."""
    minutes: float = 20.0
    """CPU-minutes of each training."""
    learners: tuple[str, ...] = ("ppo", "self-label")
    """What to train."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """With which seeds."""
    instances: tuple[str, ...] = ("ta",)
    """Sets, ranges or names to evaluate on; the best known makespan of each must be published."""
    study: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "runs" / "study"
    """Where the runs are: LEARNER-seedSEED."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "curves"
    """Where the evaluation is kept, so that the next call continues it."""
    docs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "docs"
    """The documentation that is updated."""
    workers: int = 1
    """Instances solved at a time, one core each."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished or stopped training."""

    folder: Path
    learner: str
    seed: int
    minutes: float  # CPU, spent
    budget: float  # CPU-minutes asked for
    episodes: int
    log: list[dict[str, float]]  # minutes, episodes, validation (% above the lower bound) of every log line
    rules: dict[str, float]  # rule -> validation on the same instances

    @property
    def method(self) -> str:
        return f"policy@{os.path.relpath(self.folder)}"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Train if asked to, evaluate, write the three files. Raises InputError, before any work, when the page has no block."""
    page = options.docs / "agent.md"
    blocks.replaced(read_text(page), "curves", "", page)
    if options.train:
        train(options)
    runs = find_runs(options.study)
    gaps = measure(options, runs)
    about = header(0)
    rows = [{**dataclasses.asdict(run), "gap": fmean(gaps[run.method].values()), "gaps": gaps[run.method]} for run in runs]
    for row in rows:
        del row["folder"]
    data = {"header": about, "instances": list(options.instances), "runs": rows}
    (options.docs / "data").mkdir(parents=True, exist_ok=True)
    write_text(options.docs / "data" / "curves.json", json.dumps(data, indent=1) + "\n")
    write_bytes(options.docs / "images" / "curves.png", draw(rows), make_folder=True)
    blocks.fill(page, "curves", describe(rows, about, options))


def train(options: Options) -> None:
    """Every run that has not had its minutes yet, seed by seed, so that a stopped study is balanced."""
    for seed in options.seeds:
        for learner in options.learners:
            out = options.study / f"{learner}-seed{seed}"
            begun = (out / "training.safetensors").exists()
            if begun and find_run(out).minutes >= options.minutes:
                continue
            if not begun:
                (out / "log.jsonl").unlink(missing_ok=True)  # of a run that was stopped before its first checkpoint
            words = ["jobshop", "--clock", "cpu", "--minutes", f"{options.minutes:g}", "--learner", learner]
            words += ["--seed", str(seed), "--out", os.path.relpath(out), *["--resume"] * begun]
            print("python train.py", *words, flush=True)
            status = subprocess.run([sys.executable, str(ROOT / "train.py"), *words], check=False).returncode
            if status != 0:
                raise InputError(f"python train.py {' '.join(words)}: ended with status {status}")


def find_runs(study: Path) -> list[Run]:
    """The runs in folder `study`, by learner and seed. Raises InputError if there is none or their budgets differ."""
    found = [find_run(path.parent) for path in sorted(study.glob("*/policy.json"))]
    if not found:
        raise InputError(f"{study}: has no trained policy; add --train")
    budgets = sorted({run.budget for run in found})
    if len(budgets) > 1:
        raise InputError(f"{study}: has runs of {' and '.join(f'{b:g}' for b in budgets)} CPU-minutes, which do not compare")
    return sorted(found, key=lambda run: (run.learner, run.seed))


def find_run(folder: Path) -> Run:
    """The run in `folder`; InputError if its files cannot be used or its minutes are not CPU-minutes."""
    path = folder / "policy.json"
    try:
        about = json.loads(read_text(path))
        config = about["config"]
        if config["clock"] != "cpu" or config["minutes"] is None:
            raise InputError(f"{path}: was not trained for CPU-minutes, so it compares with nothing here")
        lines = [json.loads(line) for line in read_text(folder / "log.jsonl").splitlines()]
        log = [{"minutes": x["seconds"] / 60, "episodes": x["episodes"], "validation": x["validation"]} for x in lines]
        rules = {name.removeprefix("rule."): gap for name, gap in lines[-1].items() if name.startswith("rule.")}
        return Run(folder, config["learner"], config["seed"], about["minutes"], config["minutes"], about["episodes"], log, rules)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder}: policy.json or log.jsonl is not of a run ({error})") from None


def measure(options: Options, runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Method -> instance -> gap of the greedy policy in percent, every schedule accepted by the referee."""
    methods = tuple(run.method for run in runs)
    request = evaluate.Options(options.instances, methods, options.out, workers=options.workers, resume=True)
    rows = evaluate.evaluate(
        families.load("jobshop"), request, ["jobshop", "--instances", *options.instances, "--methods", *methods]
    )
    asked = {pair.key[:3] for pair in evaluate.plan(families.load("jobshop"), request)}
    gaps: dict[str, dict[str, float]] = {method: {} for method in methods}
    for row in rows:
        if (row["instance"], row["digest"], row["method"]) in asked:
            if row["gap"] is None:
                raise InputError(f"{row['instance']} by {row['method']}: no gap ({row['reason'] or 'no best known makespan'})")
            gaps[row["method"]][row["instance"]] = row["gap"]
    return gaps


def describe(rows: Sequence[dict[str, Any]], about: dict[str, Any], options: Options) -> str:
    """The block of docs/agent.md: picture, table, conditions."""
    count = len(rows[0]["gaps"])
    lines = [
        "![Validation against CPU time](images/curves.png)",
        "",
        "| learner | seed | CPU-minutes | episodes | mean gap, greedy, % |",
        "| --- | --: | --: | --: | --: |",
    ]
    for learner in dict.fromkeys(row["learner"] for row in rows):
        mine = [row for row in rows if row["learner"] == learner]
        lines += [f"| {learner} | {x['seed']} | {spent(x)} | {x['episodes']:,} | {x['gap']:.2f} |" for x in mine]
        if len(mine) > 1:
            gaps = [row["gap"] for row in mine]
            minutes, episodes = fmean(row["minutes"] for row in mine), fmean(row["episodes"] for row in mine)
            spread = f"{fmean(gaps):.2f} ± {stdev(gaps):.2f}"
            lines.append(f"| **{learner}** | mean ± sd | {minutes:.1f} | {episodes:,.0f} | **{spread}** |")
    bounds = families.load("jobshop").bounds
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines += [
        "",
        f"Gaps: 100 * (makespan / best known - 1), averaged over {count} instances ({', '.join(options.instances)}); bounds: "
        f"{bounds}. One greedy rollout an instance, every schedule passed the referee. "
        f"Regenerate with `python benchmarks/curves.py --train --minutes {rows[0]['budget']:g}`.",
        "",
        f"{about['machine']}, {about['cores']} cores, {about['date']}; {versions}.",
    ]
    return "\n".join(lines)


def spent(row: dict[str, Any]) -> str:
    """The CPU-minutes of a run; of a stopped one, those asked for too."""
    return f"{row['minutes']:.1f}" + ("" if row["minutes"] >= row["budget"] - 0.01 else f" of {row['budget']:g}")


def draw(rows: Sequence[dict[str, Any]]) -> bytes:
    """A PNG: validation against CPU-minutes, a line for each run."""
    figure = Figure((8, 4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    learners = list(dict.fromkeys(row["learner"] for row in rows))
    named = set()
    ends: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        points = [x for x in row["log"] if x["minutes"] > 0]
        name = None if row["learner"] in named else row["learner"]
        named.add(row["learner"])
        colour = COLOURS[learners.index(row["learner"]) % len(COLOURS)]
        axes.plot([x["minutes"] for x in points], [x["validation"] for x in points], color=colour, linewidth=1.2, label=name)
        if points:
            ends.setdefault(row["learner"], []).append((points[-1]["minutes"], points[-1]["validation"]))
    axes.set_xlabel("CPU-minutes")
    axes.set_ylabel("makespan above the lower bound, %")
    axes.set_title("Validation of the averaged weights, greedy; a line a seed, their mean at the end", loc="left", fontsize=11)
    axes.set_yscale("log")
    right = max((x for found in ends.values() for x, _ in found), default=0.0)
    means = {learner: fmean(y for _, y in found) for learner, found in ends.items()}
    colours = {learner: COLOURS[i % len(COLOURS)] for i, learner in enumerate(learners)}
    curve_marks.name_ends(axes, right, {learner: (mean, colours[learner]) for learner, mean in means.items()})
    if any(row["rules"] for row in rows):
        curve_marks.draw_rule(axes, next(row["rules"] for row in rows if row["rules"]), right)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.grid(which="both", color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


if __name__ == "__main__":
    main()
