"""Child process: what the methods of a family find on small instances, as JSON.

NUMBA_DISABLE_JIT=1 python -m tests.core.interpreted jobshop

With the variable in the environment nothing is compiled: the kernels run as the Python that is read.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dispatchgym import families
from dispatchgym.baselines.jobshop.rules import RULES as SHOP_RULES
from dispatchgym.envs.core import targets
from dispatchgym.instances.blocking.catalogue import blocking, traced
from dispatchgym.instances.blocking.instance import Interruptions
from dispatchgym.instances.cpmodel import generate as models
from dispatchgym.instances.jobshop.generate import generate as shop
from dispatchgym.instances.memory.generate import guillotine, layered, random_packing
from dispatchgym.instances.soc.catalogue import workload
from dispatchgym.instances.soc.instance import stream


def job_shops() -> Iterator[Any]:
    yield shop(5, 4, seed=1, release=(0, 30))
    yield shop(4, 3, operations=5, recirculation=True, seed=2)
    yield shop(6, 5, duration=(0, 9), seed=3)


def blocking_shops() -> Iterator[Any]:
    yield blocking(shop(4, 3, seed=1), "bws")
    yield blocking(shop(5, 3, seed=2), "bns")
    yield blocking(shop(4, 4, seed=3, release=(0, 40)), "nwt")
    yield traced(blocking(shop(4, 3, seed=4), "bws"), Interruptions(0.2), 1)


def scheduling_models() -> Iterator[Any]:
    yield models.sd1(4, 3, seed=1)
    yield models.hurink_uniform("e", 4, 3, seed=2)
    yield models.project(8, seed=3)
    yield models.project(7, modes=2, seed=4)


def packings() -> Iterator[Any]:
    rng = np.random.default_rng(1)
    yield guillotine(rng, 14, times=40, capacity=4096)
    yield random_packing(rng, 16)
    yield guillotine(rng, 12, times=30, capacity=1024, removed=0.2)


def programs() -> Iterator[Any]:
    rng = np.random.default_rng(2)
    yield from (layered(rng, 20, pressure=2.0), layered(rng, 12, training=True, capacity=2**20))


def streams() -> Iterator[Any]:
    for seed, preset in enumerate(("gym-ds3-1", "gym-ds3-5")):
        yield stream(dataclasses.replace(workload(preset), horizon=200), seed)


def names(family: str, *what: str) -> Callable[[], Iterator[Any]]:
    return lambda: (families.load(family).load(name) for name in what)


SAMPLED_SHOP_RULES = [f"{rule}:builder={how}" for rule in ("mwkr", "random") for how in ("active", "semi-active")]
SEARCHES = ("hill:evaluations=60", "anneal:evaluations=60", "brkga:evaluations=60")
FLEXIBLE = slice(2)  # the instances that tabu search takes
# Of a family: its instances, its methods, and those for a part of the instances only.
CASES: dict[str, tuple[Callable[[], Iterator[Any]], list[str], dict[str, slice]]] = {
    "jobshop": (
        job_shops,
        [*SHOP_RULES, *SAMPLED_SHOP_RULES, "spt:x4", "tabu:moves=400", "sa:moves=400", "tabu:moves=200,start=lpt"],
        {},
    ),
    "blocking": (blocking_shops, ["spt", "mwkr", "random:x3", "sa:iterations=150", "rolling:iterations=60"], {}),
    "cpmodel": (
        scheduling_models,
        ["mwkr", "lft:builder=serial", "random:x3", "regret:x5", "justify:x4", "sa:moves=150"],
        {"tabu:moves=300": FLEXIBLE},
    ),
    "static-dag": (
        names("static-dag", "topcuoglu/v12/s1", "fft/n4/s2"),
        ["heft", "cpop", "peft", "lookahead", "min-min", "max-min", "etf", "met", "random:x3"],
        {},
    ),
    "soc": (
        streams,
        ["met", "met:tie=ds3", "eft", "etf", "stf", "stf:tie=ds3", "heft-rt", "round-robin", "random", "rolling-heft"],
        {},
    ),
    "memory-pack": (packings, ["size", "area:fit=first", "best-of-8", "random:x3", *SEARCHES, "branch:goal=height"], {}),
    "memory-map": (programs, ["all-slow", "xla", "xla:x3", "random:x2", *SEARCHES], {}),
}


def found(name: str) -> dict[str, list[list[Any]]]:
    """The objective and the schedule, of each method and instance. Every schedule has passed the referee."""
    family, (make, methods, parts) = families.load(name), CASES[name]
    instances = list(make())
    results: dict[str, list[list[Any]]] = {}
    for method in [*methods, *parts]:
        results[method] = []
        for instance in instances[parts.get(method, slice(None))]:
            result = family.solve(instance, method, seed=5, workers=1)
            if result.schedule is not None:
                assert family.check(instance, result.schedule) == result.objective, (method, instance.name)
            fields = dataclasses.asdict(result.schedule) if result.schedule is not None else {}
            results[method].append([result.objective, json.loads(json.dumps(fields, default=lambda x: x.tolist()))])
    return results


if __name__ == "__main__":
    assert targets.uncompiled(), "set NUMBA_DISABLE_JIT=1"
    print(json.dumps(found(sys.argv[1])))
