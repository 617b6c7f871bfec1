"""Plays a policy on distributions that it may not have been trained on, against the best of a family's rules.

    python benchmarks/generalisation.py soc                                       # the shipped policy, 8 instances of each
    python benchmarks/generalisation.py soc --policy policy@runs/mine --only chips --count 24
    python benchmarks/generalisation.py static-dag --policy policy:x32

Every schedule passes the referee. A number is the policy's objective over the best rule's: below 1 the policy is better. What
has been played is kept in --out, so the same command goes on after a stop. With --tables FOLDER the
table goes to FOLDER/generalisation-FAMILY.md.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Annotated, Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import tyro

from benchmarks.command import run_command
from benchmarks.distributions import RULES, Distribution, of_family
from dispatchgym import families
from dispatchgym.family import Family, digest
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import write_text
from dispatchgym.statistics import bootstrap

ROOT = Path(__file__).resolve().parent.parent
HEAD = ("distribution", "instances", "policy / best rule", "95 % interval", "worst", "best rule", "jobs")
NOTE = """Policy / best rule: geometric mean of the policy's objective over the best rule's; the interval is a bootstrap's over
the instances. Where all instances are of one workload, the best rule is the one with the least geometric mean; elsewhere every
instance has its own. Jobs: completed by the policy over those of the best rule, where some may be turned away."""


@dataclasses.dataclass(frozen=True)
class Options:
    family: tyro.conf.Positional[str]
    """The family: soc, static-dag or jobshop."""
    policy: str = "policy"
    """The policy as a method: policy, policy:x32, policy@FOLDER."""
    only: tuple[str, ...] = ()
    """Distributions whose names begin so. Default: all."""
    count: int = 8
    """Instances of each distribution."""
    rules: tuple[str, ...] = ()
    """Rules to beat instead of the family's list."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = ROOT / "results" / "generalisation"
    """Where what has been played is kept."""
    tables: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Where generalisation-FAMILY.md goes. Default: nowhere; the table is printed."""


@dataclasses.dataclass(frozen=True)
class Played:
    """What a method made of an instance, as the referee says."""

    objective: float
    jobs: float | None  # completed, where an instance may end with jobs undone


@dataclasses.dataclass(frozen=True)
class Line:
    """One row of the table."""

    label: str
    ratios: tuple[float, ...]  # of each instance
    rule: str  # the best one; "each its own" where instances are not alike
    jobs: float | None

    @property
    def mean(self) -> float:
        return math.exp(math.fsum(map(math.log, self.ratios)) / len(self.ratios))

    @property
    def interval(self) -> tuple[float, float] | None:
        found = bootstrap([math.log(x) for x in self.ratios])
        return None if found is None else (math.exp(found[0]), math.exp(found[1]))


Play = Callable[[str, Any], Played | None]  # (method, instance)


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark. Exits with 2 on bad input and 130 on Ctrl-C, like evaluate.py."""
    run_command(Options, benchmark, __doc__, argv)


def benchmark(options: Options) -> None:
    """Play what is missing, print the table, and write it if asked to."""
    if options.count < 1:
        raise InputError(f"--count {options.count} is not positive")
    chosen = of_family(options.family, options.only)
    family = families.load(options.family)
    rules = options.rules or RULES[options.family]
    kept = Kept(family, options.out / f"{options.family}.jsonl", [options.policy, *rules])
    lines = []
    for distribution in chosen:
        lines.append(compare(distribution, options.count, options.policy, rules, kept))
        print(text(lines[-1]), flush=True)
    print(f"{'geometric mean of these':36} {geometric_mean([line.mean for line in lines]):.3f}")
    body = f"{table(lines)}\n\n{NOTE}\n\nPolicy: `{options.policy}`; rules: {', '.join(rules)}.\n"
    if options.tables is not None:
        options.tables.mkdir(parents=True, exist_ok=True)
        write_text(options.tables / f"generalisation-{options.family}.md", body)


class Kept:
    """Plays a method on an instance, unless a file says already what came of it."""

    def __init__(self, family: Family, path: Path, methods: Sequence[str]) -> None:
        self.family, self.path = family, path
        self.weights = {method: family.validate(method) for method in methods}  # says what is wrong before any work
        self.known: dict[tuple[str, str, str | None], Played | None] = {}
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                row = json.loads(line)
                found = None if row["objective"] is None else Played(row["objective"], row["jobs"])
                self.known[row["instance"], row["method"], row["weights"]] = found
            except (json.JSONDecodeError, KeyError):
                continue  # torn by a kill

    def __call__(self, method: str, instance: Any) -> Played | None:
        """None if the method has no answer, or no job counts."""
        key = (digest(instance), method, self.weights[method])
        if key not in self.known:
            self.known[key] = found = play(self.family, method, instance)
            row = {"instance": key[0], "name": instance.name, "method": method, "weights": key[2]}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a") as file:
                file.write(json.dumps(row | (dataclasses.asdict(found) if found else {"objective": None, "jobs": None})) + "\n")
        return self.known[key]


def play(family: Family, method: str, instance: Any) -> Played | None:
    """Solve, and let the referee say what came of it."""
    result = family.solve(instance, method, seed=0, workers=1)
    if result.schedule is None:
        return None
    objective = family.check(instance, result.schedule)
    measured = family.metrics(instance, result.schedule) if family.metrics else {}
    return Played(float(objective), measured.get("completed")) if objective > 0 else None


def compare(distribution: Distribution, count: int, policy: str, rules: Sequence[str], play: Play) -> Line:
    """The policy against the best rule; instances that a method has no answer for are left out for that method."""
    found = [(play(policy, x), {rule: play(rule, x) for rule in rules}) for x in distribution.instances(count)]
    pairs = list(_pairs(found, rules, distribution.alike))
    if not pairs:
        raise InputError(f"{distribution.label}: {policy} and the rules have no answer to compare")
    jobs = [mine.jobs / other.jobs for mine, other, _ in pairs if mine.jobs and other.jobs]
    names = {rule for *_, rule in pairs}
    return Line(
        distribution.label,
        tuple(mine.objective / other.objective for mine, other, _ in pairs),
        names.pop() if len(names) == 1 else "each its own",
        math.exp(math.fsum(map(math.log, jobs)) / len(jobs)) if jobs else None,
    )


def _pairs(
    found: Sequence[tuple[Played | None, dict[str, Played | None]]], rules: Sequence[str], alike: bool
) -> Iterator[tuple[Played, Played, str]]:
    """(what the policy did, what the best rule did, its name) of every instance that both have an answer for."""
    common = min(rules, key=lambda rule: _total(found, rule)) if alike else ""
    for mine, others in found:
        answered = {rule: x for rule, x in others.items() if x is not None}
        best = common if alike else min(answered, key=lambda rule: answered[rule].objective, default="")
        if mine is not None and best in answered:
            yield mine, answered[best], best


def _total(found: Sequence[tuple[Played | None, dict[str, Played | None]]], rule: str) -> float:
    """Sum of the logarithms of a rule's objectives; infinite if it has no answer somewhere."""
    answers = [others[rule] for _, others in found]
    return math.fsum(math.inf if x is None else math.log(x.objective) for x in answers)


def text(line: Line) -> str:
    """A line as it is printed while the benchmark runs."""
    return f"{line.label:36} {line.mean:.3f}  worst {max(line.ratios):.3f}  of {len(line.ratios)}, best rule: {line.rule}"


def table(lines: Sequence[Line]) -> str:
    """The table in Markdown."""
    rows = [f"| {' | '.join(HEAD)} |", "| --- | --: | --: | --: | --: | --- | --: |"]
    for line in lines:
        low_high = "" if line.interval is None else "{:.3f} to {:.3f}".format(*line.interval)
        jobs = "" if line.jobs is None else f"{line.jobs:.3f}"
        cells = (line.label, len(line.ratios), f"{line.mean:.3f}", low_high, f"{max(line.ratios):.3f}", line.rule, jobs)
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
