"""Names, groups and options of the job shop and the blocking job shop, for the commands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import numpy as np

from dispatchgym.family import Disturbance
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import VARIANTS, BlockingShop, Interruptions
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.options import Metavar


def expand_job_shops(specs: Iterable[str], options: Any = None) -> list[str]:
    return catalogue.expand(specs)


def jobshop_group(what: str, instance: JobShop) -> tuple[str, str]:
    """The set with its halves of different character apart: in dmu41-80 every job visits one half of the machines first."""
    size = f"{instance.jobs}x{instance.machines}"
    if what not in catalogue.names():
        return (what.partition("/")[0] if catalogue.is_generated(what) else "files"), size
    family = next(name for name, members in catalogue.SETS.items() if what in members)
    if family == "dmu":
        family = "dmu01-40" if what <= "dmu40" else "dmu41-80"
    return family, size


def jobshop_warm_up(_: JobShop) -> JobShop:
    return JobShop(np.zeros((1, 1), np.int32), np.ones((1, 1), np.int32), name="warm-up")


@dataclasses.dataclass(frozen=True)
class BlockingOptions:
    """Which blocking shops are meant by the name of a job shop."""

    variant: Annotated[tuple[str, ...], Metavar("bws|bns|nwt ...")] = ("bws",)
    """bws: swaps allowed, bns: no swaps, nwt: no-wait. A name that says it (la01/bns) is taken as it is."""
    down_share: Annotated[tuple[float, ...], Metavar("P ...")] = (0.0,)
    """Long-run share of time that machines are down, each in [0, 1); 0 is the shop without interruptions."""
    traces: Annotated[int, Metavar("N")] = 20
    """Traces of interruptions for each instance and share above 0, the same for all methods and variants."""
    repair: Annotated[float, Metavar("MEAN")] = 2.0
    """Mean time down, in mean durations of the instance's operations."""
    interruption_mode: Annotated[str, Metavar("exponential|bernoulli")] = "exponential"
    """exponential: machines fail by their own clocks; bernoulli: with probability P when an operation begins."""
    restart: bool = False
    """An interrupted operation starts again from the beginning instead of resuming."""

    def laws(self) -> list[Interruptions]:
        """One law of interruptions for each share; raises InputError naming what is wrong with the options."""
        wrong = next((variant for variant in self.variant if variant not in VARIANTS), None)
        if wrong is not None:
            raise InputError(f"--variant {wrong} is not one of {', '.join(VARIANTS)}")
        for option, given in (("--variant", self.variant), ("--down-share", self.down_share)):
            if not given:
                raise InputError(f"{option}: nothing is given")
        if not 1 <= self.traces <= 10**6:
            raise InputError(f"--traces {self.traces} is not between 1 and {10**6}")
        mode: Any = self.interruption_mode
        laws = [Interruptions(share, self.repair, mode, self.restart) for share in self.down_share]
        down = next((law.down_share for law in laws if law.down_share > 0.0), None)
        if "nwt" in self.variant and down is not None:
            raise InputError(f"--down-share {down:g}: a no-wait shop (--variant nwt) cannot be interrupted")
        return laws


def blocking_expand(specs: Iterable[str], options: Any = None) -> list[str]:
    """Names by variant and law, in each the instances with their traces."""
    asked: BlockingOptions = options or BlockingOptions()
    laws = asked.laws()
    parts = [blocking_catalogue.split(spec) for spec in specs]
    shops = [part._replace(shop=shop) for part in parts for shop in catalogue.expand([part.shop])]
    names = [str(part) for part in shops if part.law is not None]
    untraced = [(part.shop, part.variant) for part in shops if part.law is None]
    for each in dict.fromkeys([*asked.variant, *(variant for _, variant in untraced if variant)]):
        members = [shop for shop, variant in untraced if variant == each or (not variant and each in asked.variant)]
        for law in laws:
            traces = asked.traces if law.down_share else 1
            names += [blocking_catalogue.name_of(shop, each, law, trace) for shop in members for trace in range(traces)]
    return list(dict.fromkeys(names))


def blocking_group(what: str, instance: BlockingShop) -> tuple[str, str]:
    return jobshop_group(blocking_catalogue.split(what).shop, instance.shop)


def blocking_warm_up(instance: BlockingShop) -> BlockingShop:
    return BlockingShop(jobshop_warm_up(instance.shop), instance.variant, name="warm-up")


INTERRUPTIONS = Disturbance(
    title="by down share",
    of=blocking_catalogue.level,
    original=blocking_catalogue.original,
    disturbed=lambda instance: bool(instance.interrupted),
    note="p: long-run share of time that machines are down. Gaps are measured against the best known makespan without "
    "interruptions, for reference only: where that is optimal no trace allows less, and many do not allow as little.",
)


@dataclasses.dataclass(frozen=True)
class JobShopTraining:
    """What a policy for job shops is trained to do."""

    task: Literal["build", "improve"] = "build"
    """Build schedules operation by operation, or improve complete ones by moves on critical paths."""
    neighbourhood: Literal["n5", "n6", "n7"] = "n6"
    """Moves to choose from, with --task improve."""
    moves: int = 100
    """Moves of an episode, with --task improve."""


@dataclasses.dataclass(frozen=True)
class BlockingTraining:
    """Which blocking shops a policy is trained for."""

    swap: bool = True
    """With --no-swap jobs cannot exchange machines (bns instead of bws)."""
    down_share: tuple[float, ...] = ()
    """Share of time that machines are down; with several, each batch has one of them."""
