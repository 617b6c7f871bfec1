"""The distributions that shipped policies are played on, and the rules that they must beat there: one list.

A distribution of named instances is a pattern with `{i}`; `first` is the number of its first instance. No training draws an
instance with one of these names or seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dispatchgym import families
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate

SEED = 10_000  # of the first generated instance


@dataclass(frozen=True)
class Distribution:
    """Instances of one kind."""

    family: str
    label: str
    make: Callable[[int], Any]  # the i-th instance
    alike: bool  # whether one rule is the best for all of them; otherwise each instance has its own best rule

    def instances(self, count: int) -> Iterator[Any]:
        return map(self.make, range(count))


RULES: dict[str, tuple[str, ...]] = {
    "soc": ("met", "eft", "etf", "stf", "heft-rt", "rolling-heft"),
    "static-dag": ("heft", "peft", "lookahead", "cpop", "etf", "min-min"),
    "jobshop": ("spt", "mwkr", "fdd-mwkr", "mopnr"),
}


def _named(family: str, label: str, pattern: str, first: int = 0, alike: bool = True) -> Distribution:
    return Distribution(family, label, partial(_load, family, pattern, first), alike)


def _load(family: str, pattern: str, first: int, i: int) -> Any:
    return families.load(family).load(pattern.format(i=first + i))


def _shop(jobs: int, machines: int, words: dict[str, Any], i: int) -> Any:
    return generate(jobs, machines, seed=SEED + i, **words)


def _shops(label: str, jobs: int, machines: int, **words: Any) -> Distribution:
    return Distribution("jobshop", f"{label}, {jobs}x{machines}", partial(_shop, jobs, machines, words), True)


def _graphs(label: str, name: str) -> Distribution:
    return _named("static-dag", label, f"{name}/s{{i}}", SEED, alike=False)


DISTRIBUTIONS: tuple[Distribution, ...] = (
    _named("soc", "chips", "chips/n{i}/s0", 24, alike=False),
    _named("soc", "chips, half load", "chips/n{i}/load0.5/s0", 24, alike=False),
    _named("soc", "chips, full load", "chips/n{i}/load1/s0", 24, alike=False),
    _named("soc", "chips, 1.5 times full load", "chips/n{i}/load1.5/s0", 24, alike=False),
    _named("soc", "chips, noise 0.3", "chips/n{i},noise=0.3/s0", 24, alike=False),
    *(_named("soc", f"gym-ds3-{n}", f"gym-ds3-{n}/s{{i}}") for n in (1, 5, 10)),
    _named("soc", "gym-ds3-5, queue 5", "gym-ds3-5,queue=5/s{i}"),
    _named("soc", "gym-ds3-5, noise 0.3", "gym-ds3-5,noise=0.3/s{i}"),
    _named("soc", "gym-ds3-5, scale 100", "gym-ds3-5,scale=100/s{i}"),
    *(
        _named("soc", f"{chip}, scale {scale}", f"{chip},scale={scale},horizon=20000,warmup=4000/s{{i}}")
        for chip in ("wireless-8-six", "wireless-16-six", "wireless-16-rx")
        for scale in (60, 100, 200, 400)
    ),
    *(_graphs(f"random graphs, ccr {ccr}", f"topcuoglu/v60/ccr{ccr}/p8") for ccr in ("0.1", "1", "5")),
    *(
        _graphs(f"{shape}, {how}", f"{shape}/v80/ccr{ccr}/beta{beta}/con{con}/fast{fast}/p{pes}")
        for shape in ("fork-join", "pipelines", "scatter-gather", "in-tree")
        for how, ccr, beta, con, fast, pes in (
            ("consistent", "0.1", "1", "1", 0, 4),
            ("inconsistent", "0.5", "1.2", "0", 0, 8),
            ("two fast machines", "0.1", "0.3", "0.5", 2, 8),
            ("costly data", "2", "0.7", "1", 0, 8),
        )
    ),
    _graphs("Gaussian elimination", "gauss/n12/ccr1/p4"),
    _graphs("Fourier transform", "fft/n16/ccr1/p4"),
    _shops("uniform", 10, 10),
    _shops("uniform", 20, 15),
    _shops("uniform", 30, 10),
    _shops("two-set", 20, 10, routing="two-set"),
    _shops("flow", 20, 10, routing="flow"),
    _shops("long times", 15, 15, duration=(1, 1000)),
    _shops("equal times", 15, 15, duration=(50, 50)),
    _shops("released", 20, 10, release=(0, 500)),
    _shops("recirculating", 15, 8, operations=12, recirculation=True),
    _shops("short jobs", 20, 10, operations=5),
)


def of_family(family: str, labels: Sequence[str]) -> list[Distribution]:
    """The distributions of a family whose labels begin with one of `labels` (all, if there are none)."""
    known = [x for x in DISTRIBUTIONS if x.family == family]
    if not known:
        raise InputError(f"{family}: no distributions are listed; families are {', '.join(RULES)}")
    found = [x for x in known if not labels or x.label.startswith(tuple(labels))]
    if not found:
        raise InputError(
            f"no distribution of {family} begins with {', '.join(labels)}; known are {'; '.join(x.label for x in known)}"
        )
    return found
