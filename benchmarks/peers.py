"""The same random legal play in other libraries' job-shop environments, next to this one.

python benchmarks/peers.py [--only jumanji ...] [--cache FOLDER] [--out benchmarks/results/peers]

Each peer is installed from PyPI into a virtual environment of its own under the cache folder; one that cannot be
installed or does not run is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import dispatchgym
from benchmarks import results_file as results
from benchmarks import workloads
from benchmarks.results_file import Grid
from benchmarks.workloads import describe
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop

HERE = Path(__file__).resolve().parent
CACHE = Path("~/.cache/dispatchgym-peers").expanduser()
OURS = "dispatchgym"
INSTALL_SECONDS, PLAY_SECONDS = 1800, 900


@dataclass(frozen=True)
class Peer:
    """A package on PyPI, installed by `steps` in turn, and the file in peers/ that plays it."""

    name: str
    script: str
    steps: tuple[str, ...]


PEERS = (
    Peer("jssenv", "play_jssenv.py", ("jssenv",)),
    Peer("job-shop-lib", "play_job_shop_lib.py", ("job-shop-lib",)),
    Peer("jumanji", "play_jumanji.py", ("jumanji",)),
    # The version of torch first: left to itself pip may choose a build with gigabytes of GPU libraries.
    Peer("rl4co", "play_rl4co.py", ("torch==2.13.0", "rl4co")),
)


@dataclass(frozen=True)
class Row:
    """One way of playing one library, or why it was not measured."""

    peer: str
    version: str
    what: str
    mode: str = ""  # "single" or "batch"
    observation: str = ""  # the kind of ours that it is compared with
    copies: int = 0
    rate: float | None = None  # operations per CPU-second
    bytes: int | None = None  # of one copy
    ours: float | None = None  # rate of this library in the same mode, with as many copies


class PeerError(Exception):
    """A peer that cannot be installed or does not run: one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[p.name for p in PEERS], help="measure these peers alone")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of their virtual environments")
    parser.add_argument("--instance", default="ft10", help="a job shop of any size on which each job visits each machine once")
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time of one timing")
    parser.add_argument("--passes", type=int, default=1, help="measure everything so many times, minutes apart; the best counts")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    options = parser.parse_args(arguments)
    try:
        run(options)
    except InputError as error:
        print(f"peers.py: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    instance, console = catalogue.load(options.instance), results.console()
    if options.passes < 1:
        raise InputError(f"--passes must be positive, not {options.passes}")
    about = results.header(0)
    passes: list[list[Row]] = []
    with console.status("measuring") as status:
        for number in range(1, options.passes + 1):
            found: list[Row] = []
            for peer in PEERS:
                if not options.only or peer.name in options.only:
                    status.update(f"pass {number} of {options.passes}, {peer.name}")
                    found += rows_of(peer, options.cache, instance, options.seconds)
            status.update(f"pass {number} of {options.passes}, this library")
            passes.append([*found, *ours_beside(found, instance, options.seconds)])
    rows = with_ratios(fastest(passes))
    grid = table(rows, options.instance)
    console.print(results.describe_header(about), style="dim", highlight=False)
    grid.show(console)
    if options.out:
        content = {"instance": options.instance, "rows": [asdict(row) for row in rows]}
        results.save(options.out, about, content, page(about, grid, options.seconds, options.passes))


def rows_of(peer: Peer, cache: Path, instance: JobShop, seconds: float) -> list[Row]:
    """Install a peer if need be and play it."""
    folder = cache / peer.name
    python = folder / "bin" / "python"
    try:
        install(peer, folder, python)
    except PeerError as error:
        return [Row(peer.name, "", f"not installable here: {error}")]
    number = installed_version(python, peer.name)
    try:
        return [Row(peer.name, number, **row) for row in play(peer, python, instance, seconds)]
    except PeerError as error:
        return [Row(peer.name, number, f"does not run here: {error}")]


def install(peer: Peer, folder: Path, python: Path) -> None:
    """A virtual environment with the peer, kept for the next run; PeerError with pip's last line if that fails."""
    done = folder / "installed"
    if done.exists():
        return
    command([sys.executable, "-m", "venv", str(folder)], INSTALL_SECONDS)
    for step in peer.steps:
        command([str(python), "-m", "pip", "install", "--quiet", step], INSTALL_SECONDS)
    done.touch()


def installed_version(python: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return command([str(python), "-c", code], PLAY_SECONDS).strip()


def play(peer: Peer, python: Path, instance: JobShop, seconds: float) -> list[dict[str, Any]]:
    """The rows that the peer's file prints as its last line."""
    jobs = [
        [[int(m), int(p)] for m, p in zip(*job, strict=True)] for job in zip(instance.machine, instance.duration, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instance.json"
        path.write_text(json.dumps({"jobs": jobs}))
        text = command([str(python), "-W", "ignore", str(HERE / "peers" / peer.script), str(path), str(seconds)], PLAY_SECONDS)
    try:
        rows: list[dict[str, Any]] = json.loads(text.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise PeerError("printed no result") from None
    return rows


def command(words: list[str], limit: float) -> str:
    """What a command prints; PeerError with its last complaint if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), "JAX_PLATFORMS": "cpu"}
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise PeerError(f"took more than {limit:g} s") from None
    except OSError as error:
        raise PeerError(str(error.strerror)) from None
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise PeerError(lines[-1][:200] if lines else f"exit status {done.returncode}")
    return done.stdout


def ours_beside(rows: Sequence[Row], instance: JobShop, seconds: float) -> list[Row]:
    """Our own rows in the modes of those that were measured."""
    modes = dict.fromkeys((r.mode, r.observation, r.copies) for r in rows if r.rate is not None)
    ours = []
    for mode, observation, copies in modes:
        if mode == "single":
            rate = workloads.single_rate([instance], observation, 0, seconds, 3)
        else:
            rate = workloads.batch_rate([instance], copies, observation, 0, seconds, 3)
        face = "gymnasium.make" if mode == "single" else "gymnasium.make_vec"
        memory = workloads.bytes_per_copy([instance], observation == "graph")
        what = f"{face}, observation {observation}"
        ours.append(Row(OURS, dispatchgym.__version__, what, mode, observation, copies, rate, memory))
    return ours


def fastest(passes: Sequence[Sequence[Row]]) -> list[Row]:
    """The best of the rows that measure the same."""
    best: dict[Row, Row] = {}
    for row in (row for rows in passes for row in rows):
        same = replace(row, rate=None, bytes=None)
        if (row.rate or 0) >= (best.get(same, row).rate or 0):
            best[same] = row
    return list(best.values())


def with_ratios(rows: Sequence[Row]) -> list[Row]:
    """Each row with our rate in the same mode, ours last."""
    ours = {(r.mode, r.observation, r.copies): r for r in rows if r.peer == OURS}
    theirs = [
        replace(r, ours=own.rate) if (own := ours.get((r.mode, r.observation, r.copies))) else r for r in rows if r.peer != OURS
    ]
    return [*theirs, *ours.values()]


def table(rows: Sequence[Row], instance: str) -> Grid:
    """Peers and ours; the ratio says how many times as fast ours is in the same mode."""
    columns = ("library", "version", "what is measured", "copies", "operations per CPU-s", "ours / theirs", "bytes per copy")
    body = []
    for row in rows:
        ratio = f"{row.ours / row.rate:.3g}" if row.ours and row.rate else ""
        rate = describe(row.rate) if row.rate is not None else "-"
        memory = f"{row.bytes:,}" if row.bytes is not None else ""
        body.append((row.peer, row.version, row.what, str(row.copies or ""), rate, ratio, memory))
    return Grid(f"Random legal play of {instance} on the CPU", columns, tuple(body), words=3)


def page(about: dict[str, Any], grid: Grid, seconds: float, passes: int) -> str:
    """The result as markdown."""
    again = f" in each of {passes} passes" if passes > 1 else ""
    notes = (
        f"CPU time of all threads, the best of two or three timings of {seconds:g} CPU-seconds or more{again}; actions were "
        "drawn beforehand. Observations differ between libraries: theirs as they compute them at every step, ours of the named "
        "kind. Memory of Python environments is what the allocator of Python hands out for one more, of batched ones the "
        "arrays of one copy."
    )
    return "\n".join(["# Peers", "", results.describe_header(about), "", notes, "", grid.markdown()])


if __name__ == "__main__":
    sys.exit(main())
