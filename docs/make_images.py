"""Draws the pictures of the README and of the families' pages.

    python docs/make_images.py                         # the schedules, and the training curve if its data is there
    python docs/make_images.py --only soc static-dag   # the schedules of these families
    python docs/make_images.py --log runs/ship/log.jsonl    # first copy a run's log to docs/data/training.jsonl

Each schedule comes from a method with a fixed seed and no time limit, so every run draws the same one; the referee
checks it. The performance profile is that of benchmarks/results/quality.jsonl. Writes docs/images/*.png and fills the block
`training` of the README.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks import curve_marks, markdown_blocks
from dispatchgym import families
from dispatchgym.evaluation import plots, shares
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_bytes, write_text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = (  # (file, family, instance, method, title before the objective)
    ("gantt-ft10", "jobshop", "ft10", "tabu:moves=500000", "ft10, tabu search"),
    ("gantt-la01-bws", "blocking", "la01/bws/p0.1/t3", "policy", "la01 with swaps and breakdowns, shipped policy"),
    ("gantt-stream", "soc", "gym-ds3-5,horizon=1500/s0", "policy", "gym-ds3's five applications, shipped policy"),
    ("gantt-dag", "static-dag", "top-03", "heft", "a graph of Topcuoglu's kind, HEFT"),
    ("packing-a", "memory-pack", "A", "policy", "MiniMalloc's A, shipped policy"),
    ("gantt-mk01", "cpmodel", "mk01", "cpsat:5s", "mk01, CP-SAT"),
    ("mapping-resnet50", "memory-map", "resnet50-b8", "policy", "ResNet-50, shipped policy"),
)
DATA = ROOT / "docs" / "data" / "training.jsonl"
QUALITY = ROOT / "benchmarks" / "results" / "quality.jsonl"
IMAGES = ROOT / "docs" / "images"
CAPTION = "Greedy validation gap to the lower bound in the first of two runs, by PPO ([log](docs/data/training.jsonl))."


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted({family for _, family, *_ in PICTURES})
    parser.add_argument("--only", nargs="+", choices=known, default=known, help="families to draw; default: all")
    parser.add_argument("--log", type=Path, help="log.jsonl of the run whose training curve is shown")
    options = parser.parse_args(arguments)
    try:
        log = options.log or (DATA if DATA.exists() else None)
        curve = training(log) if log else None
        for file, family, *rest in PICTURES:
            if family in options.only:
                write_bytes(IMAGES / f"{file}.png", png(schedule(family, *rest)), make_folder=True)
        if "jobshop" in options.only:
            write_bytes(IMAGES / "profile.png", png(performance_profile(QUALITY)))
        if log and curve:
            write_text(DATA, read_text(log))
            write_bytes(IMAGES / "training.png", png(curve), make_folder=True)
            markdown_blocks.fill(ROOT / "README.md", "training", f"![Training curve](docs/images/training.png)\n\n{CAPTION}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def schedule(family: str, name: str, method: str, title: str) -> Figure:
    """The schedule that `method` finds, as the family draws it."""
    card = families.load(family)
    instance = card.load(name)
    result = card.solve(instance, method, seed=0)
    objective = card.check(instance, result.schedule)
    return card.draw(instance, result.schedule, title=f"{title}: {card.objective} {card.format_objective(objective)} {card.unit}")


def performance_profile(path: Path) -> Figure:
    """On which share of the instances in `path`, rows of results, each method comes how near to the best of all."""
    found = shares.ratios([json.loads(line) for line in read_text(path).splitlines()])
    figure = Figure((8, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    left, right = 0.1, 100.0  # percent; what is best stands at the left edge
    for method, style in plots.styles(found).items():
        factors, share = shares.profile(found[method])
        across = [left, *(max(100 * (factor - 1), left) for factor in factors), right]
        up = [100 * value for value in (share[0], *share, share[-1])]
        axes.step(across, up, where="post", color=style["color"], linewidth=1.6, label=method)
    axes.set_xscale("log")
    axes.set(xlim=(left, right), ylim=(0, 101), xlabel="% above the best makespan of the run", ylabel="share of instances, %")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(which="major", color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def training(path: Path) -> Figure:
    """Validation gap against the minutes of the run's clock, with that of the best rule on the same instances."""
    try:
        lines = [json.loads(line) for line in read_text(path).splitlines()]
        minutes, gap = [x["seconds"] / 60 for x in lines], [x["validation"] for x in lines]
        rules = {name.removeprefix("rule."): value for name, value in lines[-1].items() if name.startswith("rule.")}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: is not the log of a run ({error})") from None
    figure = Figure((8, 3.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(minutes, gap, color="#0072B2", linewidth=1.6)
    axes.set_yscale("log")
    curve_marks.name_ends(axes, minutes[-1], {"policy": (gap[-1], "#0072B2")})
    if rules:
        curve_marks.draw_rule(axes, rules, minutes[-1])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("minutes")
    axes.set_ylabel("makespan above the lower bound, %")
    axes.grid(which="both", color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def png(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


if __name__ == "__main__":
    sys.exit(main())
