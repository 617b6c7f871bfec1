"""Compiles what the families need before it is used, into numba's cache: for images, clusters and slow first starts.

    python -m dispatchgym.compile                     every family: environments, methods, policies
    python -m dispatchgym.compile FAMILY FAMILY     two families
    python -m dispatchgym.compile --only environments
    python -m dispatchgym.compile --workers 4     in four processes, a family's environments or methods at a time
    NUMBA_CACHE_DIR=/opt/cache python -m dispatchgym.compile    into a folder that all processes share

Machine code depends on the version of dispatchgym, numba and Python and on the kind of processor: compile where it will run.
What is in the cache already is loaded, not compiled again. CUDA code cannot be kept and is compiled by each process.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NoReturn

from dispatchgym import families, notice, program
from dispatchgym.baselines.method import parse_method
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named
from dispatchgym.instances.json_fields import shown
from dispatchgym.instances.names import printable

PARTS = ("environments", "methods")
PREFIX = "dispatchgym:dispatchgym/"
SHORT = 0.1  # seconds that a method searches for

Job = tuple[str, Callable[[], object]]  # what it is, and what compiles it
Done = tuple[str, str]  # what it is, and the error if it could not be compiled
_SPAWN = multiprocessing.get_context("spawn")  # forked children would inherit the locks of compiled threads


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 if something could not be compiled; 2 for bad input."""
    notice.silence()  # the progress bar says it
    try:
        options = parse(arguments)
        parts = [(name, part) for part in PARTS if options.only in (None, part) for name in options.families or families.NAMES]
        total = sum(len(list(plan(families.load(name), part))) for name, part in parts)
    except InputError as error:
        print(printable(f"{_prog()}: {error}", 300), file=sys.stderr)
        return 2
    done = (
        chain.from_iterable(compiled(*part) for part in parts) if options.workers == 1 else in_processes(parts, options.workers)
    )
    return report(done, total)


def _prog() -> str:
    return " ".join(program.call("compile.py")) if program.is_inside() else "python -m dispatchgym.compile"


class _Parser(argparse.ArgumentParser):
    """A parser that tells what is wrong in one line, as the other commands do."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options. Raises InputError for what they cannot be."""
    parser = _Parser(prog=_prog(), description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=f"of {', '.join(families.NAMES)}; default: all")
    parser.add_argument("--only", choices=PARTS, help="one part; methods are baselines and the shipped policies")
    parser.add_argument("--workers", type=count, default=1, metavar="N", help="processes; each needs some 0.8 GB (default: 1)")
    return parser.parse_args(arguments)


def count(text: str) -> int:
    """A number of processes. Raises ArgumentTypeError for one that cannot be."""
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no whole number from 1 to 256")
    return int(text)


def plan(family: Family, part: str) -> Iterator[Job]:
    """Everything that compiles machine code of a family's `part`, each a call of some seconds at most once it is compiled."""
    for env_id in family.ids if part == "environments" else list(family.ids)[:1]:  # methods see instances, not environments
        for label, keywords in family.variants.items():
            name = " ".join(filter(None, (env_id, label)))
            if part == "environments":
                for observation in ("graph", "candidates"):
                    yield f"{name} {observation}", partial(step, env_id, {**keywords, "observation": observation})
            else:
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
    short = parse_method(method)
    if short.seconds is not None:
        short = replace(short, seconds=SHORT)
    with contextlib.suppress(InputError):  # the method is not for this variant
        family.solve(family.warm_up(instance), short)


def compiled(name: str, part: str) -> Iterator[Done]:
    """Compile the `part` of the family called `name`, thing by thing."""
    for title, job in plan(families.load(name), part):
        error = ""
        try:
            job()
        except Exception as problem:  # the others shall be compiled all the same
            error = f"{type(problem).__name__}: {problem}"
        yield title, error


def in_processes(parts: Sequence[tuple[str, str]], workers: int) -> Iterator[Done]:
    """The same in several processes. A part stays in one process, as what it compiles is used again within it."""
    with ProcessPoolExecutor(workers, _SPAWN, initializer=notice.silence) as pool:
        jobs = {pool.submit(_all, *part): part for part in parts}
        for future in as_completed(jobs):
            try:
                yield from future.result()
            except BrokenProcessPool:  # a process was killed, for its memory perhaps, and the pool with it
                yield " ".join(jobs[future]), "the process that compiled it was killed"


def _all(name: str, part: str) -> list[Done]:
    return list(compiled(name, part))


def report(done: Iterator[Done], total: int) -> int:
    """Show progress and errors. 1 if something could not be compiled, else 0."""
    with named():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failed = 0
    began, cpu = time.perf_counter(), os.times()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("compiling", total=total)
        for name, error in done:
            if error:
                failed += 1
                console.print(f"{name}: {error}", markup=False, highlight=False)
            progress.update(task, description=name, advance=1)
    spent = sum(os.times()[:4]) - sum(cpu[:4])
    print(f"{total - failed} of {total} ready after {time.perf_counter() - began:.0f} s ({spent:.0f} CPU-seconds)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
