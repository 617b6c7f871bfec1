"""Draws the pictures of the README.

    python docs/make_images.py                         # the Gantt chart, and the training curve if its data is there
    python docs/make_images.py --log runs/ship/log.jsonl    # first copy a run's log to docs/data/training.jsonl

The schedule comes from a tabu search with a fixed seed and number of moves, so every run draws the same one; the referee
checks it. Writes docs/images/gantt-ft10.png and docs/images/training.png and fills the block `training` of the README.
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

from benchmarks import markdown_blocks as blocks
from dispatchgym.baselines.jobshop.methods import solve
from dispatchgym.envs.jobshop.check import check
from dispatchgym.envs.jobshop.render import draw
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text, write_bytes, write_text
from dispatchgym.instances.jobshop import catalogue

ROOT = Path(__file__).resolve().parent.parent
INSTANCE, METHOD = "ft10", "tabu:moves=500000"
DATA = ROOT / "docs" / "data" / "training.jsonl"
IMAGES = ROOT / "docs" / "images"
CAPTION = "Greedy validation gap to the lower bound while the shipped policy was trained ([log](docs/data/training.jsonl))."


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, help="log.jsonl of the run whose training curve is shown")
    options = parser.parse_args(arguments)
    try:
        log = options.log or (DATA if DATA.exists() else None)
        curve = training(log) if log else None
        write_bytes(IMAGES / "gantt-ft10.png", png(gantt()), make_folder=True)
        if log and curve:
            write_text(DATA, read_text(log))
            write_bytes(IMAGES / "training.png", png(curve), make_folder=True)
            blocks.fill(ROOT / "README.md", "training", f"![Training curve](docs/images/training.png)\n\n{CAPTION}")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def gantt() -> Figure:
    instance = catalogue.load(INSTANCE)
    result = solve(instance, METHOD, seed=0)
    makespan = check(instance, result.schedule)
    return draw(instance, result.schedule, title=f"{INSTANCE}, tabu search: makespan {makespan}")


def training(path: Path) -> Figure:
    """Validation gap against the minutes of the run's clock."""
    try:
        lines = [json.loads(line) for line in read_text(path).splitlines()]
        minutes, gap = [x["seconds"] / 60 for x in lines], [x["validation"] for x in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is not the log of a run ({error})") from None
    figure = Figure((8, 3.2), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(minutes, gap, color="#0072B2", linewidth=1.6)
    axes.set_yscale("log")
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
