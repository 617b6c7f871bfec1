"""Compiles what the families need before it is used, into numba's cache: for images, clusters and slow first starts.

    python -m dispatchgym.compile                     every family: environments, methods, policies
    python -m dispatchgym.compile FAMILY FAMILY     two families
    python -m dispatchgym.compile --only environments
    NUMBA_CACHE_DIR=/opt/cache python -m dispatchgym.compile    into a folder that all processes share

Machine code depends on the version of dispatchgym, numba and Python and on the kind of processor: compile where it will run.
What is in the cache already is loaded, not compiled again. CUDA code cannot be kept and is compiled by each process.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from dispatchgym import families, notice, program
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named

PARTS = ("environments", "methods")
PREFIX = "dispatchgym:dispatchgym/"

Job = tuple[str, Callable[[], object]]  # what it is, and what compiles it


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 if something could not be compiled; 2 for bad input."""
    options = parse(arguments)
    notice.silence()  # the progress bar says it
    try:
        jobs = [job for name in options.families or families.NAMES for job in plan(families.load(name), options.only)]
    except InputError as error:
        print(f"{options.prog}: {error}", file=sys.stderr)
        return 2
    return run(jobs)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    prog = " ".join(program.call("compile.py")) if program.is_inside() else "python -m dispatchgym.compile"
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=prog, description=__doc__, formatter_class=form)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"of {', '.join(families.NAMES)}; default: all")
    parser.add_argument("--only", choices=PARTS, help="one part; methods are baselines and the shipped policies")
    return parser.parse_args(arguments, argparse.Namespace(prog=prog))


def plan(family: Family, only: str | None) -> Iterator[Job]:
    """Everything that compiles machine code of a family, each a call of some seconds at most once it is compiled."""
    for env_id in family.ids:
        for label, keywords in family.variants.items():
            name = " ".join(filter(None, (env_id, label)))
            if only in (None, "environments"):
                for observation in ("graph", "candidates"):
                    yield f"{name} {observation}", partial(step, env_id, {**keywords, "observation": observation})
            if only in (None, "methods"):
                for method in family.method_help():
                    yield f"{name} {method}", partial(solve, family, env_id, keywords, method)


def step(env_id: str, keywords: Mapping[str, Any]) -> None:
    """Make an environment, reset and step it."""
    import gymnasium

    env = gymnasium.make(PREFIX + env_id, **keywords)
    _, info = env.reset(seed=0)
    env.step(int(info["action_mask"].argmax()))
    env.close()


def solve(family: Family, env_id: str, keywords: Mapping[str, Any], method: str) -> None:
    """Solve a trivial instance of the variant."""
    import gymnasium

    env = gymnasium.make(PREFIX + env_id, **keywords)
    instance: Any = env.unwrapped.engine.pool[0]  # type: ignore[attr-defined]
    with contextlib.suppress(InputError):  # the method is not for this variant
        family.solve(family.warm_up(instance), method)


def run(jobs: Sequence[Job]) -> int:
    with named():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failed = 0
    began, cpu = time.perf_counter(), os.times()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(jobs))
        for name, job in jobs:
            progress.update(task, description=name)
            try:
                job()
            except Exception as error:  # the others shall be compiled all the same
                failed += 1
                console.print(f"{name}: {type(error).__name__}: {error}", markup=False, highlight=False)
            progress.advance(task)
    now = os.times()
    spent = now.user + now.system - cpu.user - cpu.system
    print(f"{len(jobs) - failed} of {len(jobs)} ready after {time.perf_counter() - began:.0f} s ({spent:.0f} CPU-seconds)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
