"""Check and measure everything that needs a GPU, in one run of under nine minutes.

    python -m benchmarks.gpu                          all, to gpu.json
    python -m benchmarks.gpu --only equality          some parts
    python -m benchmarks.gpu --show gpu.json          a result as text

Without a GPU, whether the script itself works:

    NUMBA_ENABLE_CUDASIM=1 python -m benchmarks.gpu --tiny

Parts:

    environment   card, driver, versions, the first kernel
    equality      every environment id on the CPU and on the GPU, bit for bit
    launches      what a launch costs the host; streams, CUDA graphs
    throughput    operations a second by number of copies
    policy        schedules a second; as good as those of the CPU?
    training      the same seconds on the GPU and on the CPU
    profile       registers and occupancy

The file is written whenever a process ends. A case that fails, or runs over its part of the budget, is an entry with its reason.
Ends with status 1 if a case failed or something was not equal, with 2 on bad input.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.command import run_command
from benchmarks.gpu import table
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.runner import Run
from benchmarks.results_file import header
from dispatchgym.envs.core.devices import check_device
from dispatchgym.instances.errors import InputError

LONGEST = 24 * 3600.0


@dataclass(frozen=True)
class Options:
    """What runs, for how long, and where the result goes."""

    only: tuple[str, ...] = ()
    """Parts to run: environment, equality, launches, throughput, policy, training, profile; all if none is named."""
    budget: float = 520.0
    """Seconds for all parts together."""
    out: Path = Path("gpu.json")
    """File of the result."""
    tiny: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Smallest sizes, to test the script itself; the figures mean nothing."""
    show: Path | None = None
    """Print this result as text, and run nothing."""


def run(options: Options) -> None:
    if options.show is not None:
        print(table.show(table.load(options.show)))
        return
    unknown = [name for name in options.only if name not in PARTS]
    if unknown:
        raise InputError(f"--only {unknown[0]!r}: choose from {', '.join(PARTS)}")
    if not 1.0 <= options.budget <= LONGEST:
        raise InputError(f"--budget {options.budget:g}: seconds, from 1 to {LONGEST:g}")
    names = [name for name in PARTS if not options.only or name in options.only]
    find_compiler()
    missing = ""
    try:
        check_device("cuda")
    except InputError as error:  # then the versions, at least
        missing, names = str(error), [name for name in names if name == "environment"]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # processes of parts are ended on the way out
    found = Run(options.out, header(0), options.tiny, report)
    try:
        found.parts(names, options.budget)
    except KeyboardInterrupt:
        print(f"interrupted; {options.out} has what was done", file=sys.stderr)
        raise SystemExit(130) from None
    if missing:
        raise InputError(missing)
    print("\n".join(["", *table.summary(found.results), f"{options.out} has all of it."]))
    if any(e["status"] in ("failed", "late") for e in found.results) or table.unequal(found.results):
        raise SystemExit(1)


def find_compiler() -> None:
    """Where CUDA is installed, for numba, which looks for its compiler there if it is in no package of Python."""
    compiler = shutil.which("nvcc") or next(map(str, Path("/usr/local").glob("cuda*/bin/nvcc")), None)
    if compiler is not None:
        home = str(Path(compiler).resolve().parents[1])
        os.environ.setdefault("CUDA_HOME", home)
        os.environ.setdefault("CUDA_PATH", os.environ["CUDA_HOME"])


def report(entry: dict[str, Any]) -> None:
    """What a case gave, as soon as its process has ended."""
    print("\n".join(table.show_entry(entry)), flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    run_command(Options, run, __doc__, argv)


if __name__ == "__main__":
    main()
