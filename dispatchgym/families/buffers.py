"""Names, groups, options and table columns of packing and of memory mapping, for the commands."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from dispatchgym.family import Column, whole_numbers
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.instance import MemoryPlan, MemoryProgram, Packing, PackingPlan
from dispatchgym.options import Metavar

if TYPE_CHECKING:
    from dispatchgym.baselines.method import Method
    from dispatchgym.baselines.result import Result, Status


@dataclasses.dataclass(frozen=True)
class MemoryOptions:
    """At which capacities instances are solved."""

    capacity: Annotated[tuple[str, ...], Metavar("BYTES ...")] = ()
    """Capacities such as 16MiB, 512KiB or 1048576, each an instance of its own. Default: that of each instance."""

    def named(self, specs: Iterable[str]) -> list[str]:
        """`specs` with each capacity; those that name one themselves stay as they are."""
        given = list(specs)
        if not self.capacity:
            return given
        return [f"{x},capacity={size}" if ",capacity=" not in x else x for size in self.capacity for x in given]


def expand_packings(specs: Iterable[str], options: Any = None) -> list[str]:
    return memory_catalogue.expand_packings((options or MemoryOptions()).named(specs))


def expand_programs(specs: Iterable[str], options: Any = None) -> list[str]:
    return memory_catalogue.expand_programs((options or MemoryOptions()).named(specs))


def group_of(what: str, instance: Packing | MemoryProgram) -> tuple[str, str]:
    """The set and the name with its capacity, so that each bundled instance has a column; of generated ones their parameters."""
    base, option = memory_catalogue.base_and_options(what)
    found = memory_catalogue.set_of(what)
    if found is not None:
        return found, base + (f"\n{option}" if option else "")
    kind, *parts = base.split("/")
    return (" ".join([kind, *parts[:-1]]), option) if parts and what == instance.name else ("files", instance.name)


def packing_warm_up(instance: Packing) -> Packing:
    return Packing(np.zeros(1, np.int64), np.ones(1, np.int64), np.ones(1, np.int64), 1, name="warm-up")


def program_warm_up(instance: MemoryProgram) -> MemoryProgram:
    return MemoryProgram(
        compute=np.ones(2, np.int64),
        size=np.full(2, 2, np.int64),
        define=np.array([-1, 0]),
        access=np.array([[0, 0, 2, 0], [1, 0, 2, 1], [1, 1, 2, 0]]),
        capacity=4,
        slow_rate=10**12,
        fast_read_rate=10**13,
        fast_write_rate=10**13,
        name="warm-up",
    )


def packing_metrics(instance: Packing, plan: PackingPlan) -> dict[str, float | None]:
    """Height over the peak of live bytes, and whether it is within the capacity (1 or 0; None without one)."""
    from dispatchgym.envs.memory.pack.check import measure

    found = measure(without_capacity(instance), plan)
    fits = None if instance.capacity is None else float(found.height <= instance.capacity)
    return {"ratio": round(found.ratio, 6), "fits": fits, "peak": found.peak}


def check_height(instance: Packing, plan: PackingPlan) -> int:
    """The height by the referee. Whether it is within the capacity is a measure, not a rule: methods minimise the height."""
    from dispatchgym.envs.memory.pack.check import check

    return check(without_capacity(instance), plan)


def without_capacity(instance: Packing) -> Packing:
    return dataclasses.replace(instance, capacity=None)


def program_metrics(instance: MemoryProgram, plan: MemoryPlan) -> dict[str, float | None]:
    """All-slow latency over that of an accepted plan, and what the referee measured: stalls, copies and use of fast memory."""
    from dispatchgym.envs.memory.map.check import measure
    from dispatchgym.instances.memory.instance import all_slow

    found = measure(instance, plan)
    measures = {key: value for key, value in dataclasses.asdict(found).items() if key != "latency"}
    return {
        "speedup": _over(all_slow(instance), found.latency),
        "relative": _over(found.latency, all_slow(instance)),
        "over_bound": _over(found.latency, instance.lower_bound or 0),
        **{key: None if math.isnan(value) else value for key, value in measures.items()},
    }


def _over(ticks: int, others: int) -> float:
    """The ratio, 1 of nothing over nothing."""
    return round(ticks / max(others, 1), 6) if ticks or others else 1.0


def read_plan(data: dict[str, Any]) -> MemoryPlan:
    """The plan in a file. Raises InputError for what are no rows of six whole numbers."""
    stay = whole_numbers("stay", data["stay"])
    if stay.size and (stay.ndim != 2 or stay.shape[1] != 6):
        raise InputError(f"field 'stay' of the schedule has the shape {stay.shape}, expected rows of six whole numbers")
    return MemoryPlan(stay.reshape(-1, 6))


RATIO = Column(
    "height/peak", lambda row: row["metrics"]["ratio"], digits=3, note="height/peak: 1 is optimal, if a packing reaches it."
)
PACKING_COLUMNS = (
    RATIO,
    Column("fits", lambda row: row["metrics"]["fits"], 2, note="fits: share of packings within the instance's capacity."),
)
RELATIVE = Column(
    "latency/all-slow",
    lambda row: row["metrics"]["relative"],
    digits=4,
    note="latency/all-slow: over the latency with everything in slow memory.",
)
PROGRAM_COLUMNS = (
    RELATIVE,
    Column("speedup", lambda row: row["metrics"]["speedup"], 3, note="speedup: all-slow latency / the plan's."),
    Column("over bound", lambda row: row["metrics"]["over_bound"], 3, note="over bound: latency / the proved lower bound."),
)


@dataclasses.dataclass(frozen=True)
class MapTraining:
    """Which decisions of memory mapping a policy is trained for."""

    actions: Literal["map", "order"] = "map"
    """Decide every access, or the order in which storages are served."""


def branch_from(packing: Packing, first: PackingPlan, method: Method, seed: int, began: float) -> Result:
    """Branch and bound for the lowest packing. It tries buffers in the order of their offsets in the policy's packing."""
    from dispatchgym.baselines.memory.pack.branch_and_bound import search
    from dispatchgym.baselines.result import Result

    seconds = method.integer("branch", 1)
    spent = time.perf_counter() - began
    answer = search(packing, seconds=seconds, seed=seed, priority=-first.offset)
    assert answer.offset is not None
    curve = tuple((spent + at, height, bound) for at, height, bound in answer.curve)
    notes = {"samples": method.samples or 1, "nodes": answer.nodes}
    status: Status = "optimal" if answer.proved else "feasible"
    plan, total = PackingPlan(answer.offset), time.perf_counter() - began
    return Result(answer.height, plan, status, total, answer.lower_bound, curve, notes)
