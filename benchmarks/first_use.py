"""What the first use of an environment costs on this machine: CPU-seconds of `make`, `reset` and `step` in a fresh process.

    python benchmarks/first_use.py [--families jobshop soc ...] [--compare TREE] [--out benchmarks/results/first_use]

Cold: with an empty cache of machine code. Warm: once more, with what the first process left there. `--compare` measures
another checkout (with its own .venv) in turns with this one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import results_file as results
from benchmarks import trees
from benchmarks.results_file import Grid
from dispatchgym import families
from dispatchgym.instances.errors import InputError

OBSERVATIONS = ("graph", "candidates")
PREFIX = "dispatchgym:dispatchgym/"

# Libraries are imported first, as they cost the same for all. Processes that the project starts are counted too.
CHILD = """
import json, resource, sys, time

def spent():
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))

name, words = sys.argv[1], json.loads(sys.argv[2])
import gymnasium, numba, torch, dispatchgym
imports, began, clock = spent(), spent(), time.perf_counter()
try:
    env = gymnasium.make(name, **words)
except gymnasium.error.NameNotFound:
    print("{}")
    sys.exit()
_, info = env.reset(seed=0)
env.step(int(info["action_mask"].argmax()))
print(json.dumps({"imports": imports, "cpu": spent() - began, "wall": time.perf_counter() - clock}))
"""


class Mode(NamedTuple):
    """A way to use a family that may need code of its own; instances are small, as only compiling shall count."""

    family: str
    name: str
    id: str
    words: Mapping[str, Any]


def modes(family: str) -> list[Mode]:
    """Of every id and variant; the first id of a family is called by the family's name alone."""
    card = families.load(family)
    names = {env_id: env_id.rpartition("-")[0] if n else "" for n, env_id in enumerate(card.ids)}
    return [
        Mode(family, " ".join(filter(None, (names[env_id], variant))), env_id, keywords)
        for env_id in card.ids
        for variant, keywords in card.variants.items()
    ]


MODES = tuple(mode for name in families.NAMES for mode in modes(name))
FAMILIES = families.NAMES


@dataclass(frozen=True)
class Row:
    """CPU-seconds of one mode in one checkout, the least of all passes; those of imports are not in `cold` and `warm`."""

    family: str
    mode: str
    observation: str
    tree: str  # "here", or "other" with --compare
    imports: float
    cold: float
    warm: float
    wall: float  # seconds of the cold one


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    options = parse(arguments)
    try:
        run(options)
    except InputError as error:
        print(f"first_use.py: {error}", file=sys.stderr)
        return 2
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES, metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--observations", nargs="+", choices=OBSERVATIONS, default=OBSERVATIONS, metavar="OBSERVATION")
    parser.add_argument("--compare", type=Path, metavar="TREE", help="another checkout, measured in turns with this one")
    parser.add_argument("--passes", type=int, default=1, metavar="N", help="measure everything so often; the least counts")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> None:
    if options.passes < 1:
        raise InputError("--passes must be positive")
    checkouts = {"here": trees.HERE} | ({"other": options.compare} if options.compare else {})
    for tree in checkouts.values():
        trees.interpreter(tree)
    console, about = results.console(), results.header(0)
    wanted = [(m, o) for m in MODES if m.family in options.families for o in options.observations]
    rows: list[Row] = []
    with console.status("measuring") as status:
        for turn in range(options.passes):
            for n, (mode, observation) in enumerate(wanted):
                # Here first, other first, in turns: a machine that becomes slower shall not favour one of the two.
                order = list(checkouts.items())[:: -1 if (turn + n) % 2 else 1]
                for name, tree in order:
                    row = measure(mode, observation, name, tree)
                    if row is not None:
                        rows.append(row)
                        status.update(f"{mode.family} {mode.name} {observation}: {row.cold:.1f} CPU-seconds")
    rows = least(rows)
    grid = table(rows)
    console.print(results.describe_header(about), style="dim", highlight=False)
    grid.show(console)
    if options.out:
        results.save(options.out, about, {"rows": [asdict(row) for row in rows]}, page(about, grid, options.passes))


def measure(mode: Mode, observation: str, name: str, tree: Path) -> Row | None:
    """A fresh process with an empty cache, and another one that finds what the first has left; None if `tree` lacks the id."""
    arguments = [PREFIX + mode.id, json.dumps({**mode.words, "observation": observation})]
    with tempfile.TemporaryDirectory() as folder:
        cold, warm = (json.loads(trees.answer(tree, CHILD, arguments, NUMBA_CACHE_DIR=folder)) for _ in range(2))
    if not cold:
        return None
    return Row(mode.family, mode.name, observation, name, cold["imports"], cold["cpu"], warm["cpu"], cold["wall"])


def least(rows: Sequence[Row]) -> list[Row]:
    """One row for each mode and checkout, with the least of every number."""
    same: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        same.setdefault((row.family, row.mode, row.observation, row.tree), []).append(row)
    numbers = ("imports", "cold", "warm", "wall")
    return [Row(*key, *(min(getattr(row, name) for row in found) for name in numbers)) for key, found in same.items()]


def table(rows: Sequence[Row]) -> Grid:
    """One line for each mode and observation; with the other checkout and the ratios if that was measured."""
    found = {(row.family, row.mode, row.observation, row.tree): row for row in rows}
    compared = any(row.tree == "other" for row in rows)
    body = []
    for key in dict.fromkeys((row.family, row.mode, row.observation) for row in rows):
        here = found[(*key, "here")]
        cells = [f"{here.imports:.1f}", f"{here.cold:.1f}", f"{here.warm:.2f}", f"{here.wall:.1f}"]
        if compared:
            other = found.get((*key, "other"))
            cells += ["-"] * 4 if other is None else [f"{x:.{n}f}" for x, n in _against(here, other)]
        body.append((" ".join(filter(None, key[:2])), key[2], *cells))
    columns = ("environment", "observation", "imports", "cold", "warm", "cold, wall")
    more = ("other cold", "other warm", "cold / other", "warm / other") if compared else ()
    return Grid("First use: CPU-seconds of make, reset and step in a fresh process", (*columns, *more), tuple(body), words=2)


def _against(here: Row, other: Row) -> list[tuple[float, int]]:
    """The columns about the other checkout, each with its decimals."""
    return [(other.cold, 1), (other.warm, 2), (here.cold / other.cold, 2), (here.warm / other.warm, 2)]


def page(about: dict[str, Any], grid: Grid, passes: int) -> str:
    """The result as markdown."""
    notes = (
        "CPU time of the process and those that it starts"
        + (f", the least of {passes} passes. " if passes > 1 else ". ")
        + "Cold: the cache of machine code is empty. Warm: once more with what the first process left there. "
        "imports: gymnasium, numba, torch and dispatchgym, before that and in neither."
    )
    return "\n".join(["# First use", "", results.describe_header(about), "", notes, "", grid.markdown()])


if __name__ == "__main__":
    sys.exit(main())
