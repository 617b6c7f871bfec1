"""The tutorial's model, trained for five CPU-minutes: `python benchmarks/cpmodel.py tutorial`.

The model is made by the notebook's own code, so what the page says is about what the reader sees.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import results_file
from dispatchgym import families
from dispatchgym.families.own_model import best_rules, learned, played
from dispatchgym.instances.cpmodel import catalogue
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import read_text

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "tutorials" / "own-model.ipynb"
MODEL = "shop20.pbtxt"
MINUTES = 5.0
STARTS = {"at random": [], "shipped": ["--initial", "shipped"]}  # what the weights start from, and the words of train.py
SEEDS = (0, 1)
SOLVERS = ("cpsat:1s", "cpsat:10s", "cpsat:60s")


def functions() -> dict[str, Any]:
    """What the first cell of the tutorial defines: `flexible_shop` and `random_jobs`."""
    cells = json.loads(read_text(NOTEBOOK))["cells"]
    source = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
    found: dict[str, Any] = {}
    exec(compile(source, str(NOTEBOOK), "exec"), found)
    return found


def write_model(folder: Path) -> Path:
    """The larger model of the tutorial as a file in `folder`."""
    cell = functions()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MODEL
    cell["flexible_shop"](cell["random_jobs"](20, 8, seed=1)).export_to_file(str(path))
    return path


def study(folder: Path) -> str:
    """Train what is missing in `folder`, and the table. Raises InputError if a training fails."""
    model = write_model(folder)
    runs = [(start, seed) for seed in SEEDS for start in STARTS]
    for start, seed in runs:
        train(folder, model, start, seed)
    family, instance = families.load("cpmodel"), catalogue.load(str(model))
    rows = [*best_rules(family, instance), *(played(family, instance, text) for text in SOLVERS)]
    for start, seed in runs:
        each = learned(family, instance, run_of(folder, start, seed))
        rows += [(f"{method}, weights {start}, seed {seed}", *row) for method, *row in each]
    lines = ["| method | makespan | CPU-s |", "| --- | --: | --: |"]
    lines += [f"| {method} | {objective} | {seconds:.2g} |" for method, objective, seconds, _ in rows]
    return "\n".join([*lines, "", said()])


def run_of(folder: Path, start: str, seed: int) -> Path:
    return folder / f"{start.replace(' ', '-')}-{seed}"


def train(folder: Path, model: Path, start: str, seed: int) -> None:
    """Five CPU-minutes of one core, or what is left of them."""
    out = run_of(folder, start, seed)
    begun = (out / "training.safetensors").exists()
    if begun and json.loads(read_text(out / "policy.json"))["minutes"] >= MINUTES:
        return
    words = ["cpmodel", "--from", str(model), "--clock", "cpu", "--minutes", f"{MINUTES:g}", "--seed", str(seed), *STARTS[start]]
    words += ["--out", str(out), *["--resume"] * begun]
    one_core = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, str(ROOT / "train.py"), *words], check=False, env=one_core)
    if done.returncode:
        raise InputError(f"python train.py {' '.join(words)}: ended with status {done.returncode}")


def said() -> str:
    return (
        "The model of [the tutorial](tutorials/own-model.ipynb), 20 jobs on 8 machines: the best three of all rules, CP-SAT on "
        f"one core, and policies after {MINUTES:g} CPU-minutes of `train.py cpmodel --from {MODEL}` on one core, which saw "
        "variations of it alone. Regenerate with `python benchmarks/cpmodel.py tutorial`.\n\n"
        + results_file.describe_header(results_file.header(0))
    )
