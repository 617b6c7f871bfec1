"""Compares networks at equal CPU time: what each part of the policy's network brings, trained from scratch, then played greedily.

    python benchmarks/ablation.py                        # attention off and on, job shop 10x10, a minute each, two seeds
    python benchmarks/ablation.py --minutes 0            # the table of the runs that exist

The full form is 12 hours of one core:

    python benchmarks/ablation.py --minutes 30 --seeds 0 1 2 --sizes 10x10 15x15 20x15 --study runs/ablation-full
        --networks plain attention-4 attention-8 encode-every-20 encode-every-20-attention-4 wide-96 wide-96-attention-4 one-layer

Stopped at any time, the same command continues. Runs of other sizes or minutes need another --study. Writes ablation.json and
.md into --tables, and into the block `ablation` of docs/agent.md what the .md says.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks import workloads
from benchmarks.command import run_command
from benchmarks.study import ROOT, Study, conduct
from dispatchgym.agents.network import Policy
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate

NETWORKS = {
    "plain": "",
    "attention-1": "--attention 1",
    "attention-4": "--attention 4",
    "attention-8": "--attention 8",
    "encode-every-20": "--encode-every 20",
    "encode-every-20-attention-4": "--encode-every 20 --attention 4",
    "wide-96": "--width 96 --hidden 96",
    "wide-96-attention-4": "--width 96 --hidden 96 --attention 4",
    "one-layer": "--layers 1",
    "one-layer-attention-4": "--layers 1 --attention 4",
}


@dataclasses.dataclass(frozen=True)
class Options:
    minutes: float = 1.0
    """CPU-minutes of each training; 0 = train nothing."""
    networks: tuple[str, ...] = ("plain", "attention-4")
    """What to compare."""
    learner: str = "self-label"
    """How all of them learn."""
    sizes: tuple[str, ...] = ("10x10",)
    """Sizes of the job shops that are trained on, and of those that are played."""
    seeds: tuple[int, ...] = (0, 1)
    """With which seeds."""
    count: int = 128
    """Generated instances to play."""
    study: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "runs" / "ablation"
    """Where the runs are: NETWORK-seedSEED."""
    tables: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "benchmarks" / "results"
    """Where the results go."""
    docs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "docs"
    """The documentation that is updated."""
    seconds: float = 0.5
    """CPU-seconds of each timing of 16 sampled schedules of eight 10x10 shops."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Train what is missing, play, measure, write. Raises InputError, before any work, for what cannot be done."""
    conduct(study_of(options), options.docs / "agent.md", options.tables)


def study_of(options: Options) -> Study:
    """What the options ask for; InputError for a network that is not listed."""
    unknown = [name for name in options.networks if name not in NETWORKS]
    if unknown:
        raise InputError(f"--networks {unknown[0]} is none of {', '.join(NETWORKS)}")

    def rate(policy: Policy) -> str:
        shops = [generate(10, 10, seed=seed) for seed in range(8)]
        return f"{workloads.policy_rate(policy, shops, 16, 0, options.seconds, 3, temperature=1.0):,.0f}"

    words = {"networks": options.networks, "seeds": options.seeds, "sizes": options.sizes}
    return Study(
        block="ablation",
        head="network",
        family="jobshop",
        settings={name: NETWORKS[name] for name in options.networks},
        common=f"--learner {options.learner}",
        sizes=options.sizes,
        seeds=options.seeds,
        minutes=options.minutes,
        count=options.count,
        runs=options.study,
        command="python benchmarks/ablation.py " + " ".join(f"--{k} {' '.join(map(str, v))}" for k, v in words.items()),
        measures={"schedules/CPU-s at 10x10": rate},
    )


if __name__ == "__main__":
    main()
