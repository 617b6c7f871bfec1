"""The form of our JSON files about chips: what their readers read by, and their JSON Schemas are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dispatchgym.instances.json_fields import Field
from dispatchgym.instances.json_shapes import (
    Cells,
    Either,
    Key,
    Name,
    Null,
    Number,
    Object,
    OneOf,
    Rows,
    Shape,
    Table,
    Text,
    Truth,
    Whole,
    optional,
)
from dispatchgym.instances.soc.instance import ARRIVALS, MAX_HORIZON, MAX_PES, MAX_TASKS, MAX_TIME, WHEN_FULL


@dataclass(frozen=True)
class Bandwidth(Shape):
    """A positive number, "inf" for transfers that take no time, or null for what the file has as its default."""

    def read(self, field: Field) -> float | None:
        if field.value is None:
            return None
        if field.value == "inf":
            return np.inf
        value = field.number()
        if value <= 0:
            raise field.error(f"bandwidth {value:g} is not positive")
        return value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "inf"}, {"type": "null"}]}


@dataclass(frozen=True)
class Choice(Shape):
    """A text; the workload itself says which ones there are, as its options in names of instances are checked there too."""

    values: tuple[str, ...]

    def read(self, field: Field) -> str:
        return field.text()

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


NAME = Name()
TIME = Whole(0, MAX_TIME)
TASK_TIMES = Rows(Null(TIME, -1))


def edges_shape(tasks: int) -> Rows:
    """Edges between so many tasks: predecessor, successor and volume, in this order."""
    end = Whole(0, tasks)
    return Rows(Object({"src": Key(end), "dst": Key(end), "volume": Key(TIME)}, closed=False))


def application_shape(tasks: int = MAX_TASKS) -> Object:
    """An application of so many tasks."""
    task = {"id": Key(Whole(0, MAX_TASKS)), "name": Key(Text()), **optional(predecessors=Rows(Whole(0, tasks)))}
    return Object(
        {
            "format": Key(OneOf(("soc-job/1",))),
            **optional(name=NAME),
            "tasks": Key(Rows(Object(task, closed=False), 1), "numbered in order; names are those of exec_time_us"),
            "edges": Key(edges_shape(tasks)),
        },
        closed=False,
    )


def memory_shape(clusters: int) -> Object:
    """What every cluster has; one with `memory` runs no tasks, and the rest of it is not read."""
    return Object({"id": Key(Whole(0, clusters)), **optional(memory=Truth())}, closed=False)


def cluster_shape(clusters: int) -> Object:
    """A cluster that runs tasks."""
    levels = Rows(Cells({"MHz": Whole(1, MAX_TIME), "mV": Null(Number())}))
    return Object(
        {
            **memory_shape(clusters).keys,
            "num_pes": Key(Whole(1, MAX_PES + 1)),
            "exec_time_us": Key(Table(TIME), "task -> microseconds at the highest frequency; others cannot run here"),
            **optional(name=Text(), idle_mw=TIME, opp_mhz_mv=levels, power_profile_w=Table(Rows(Number(), 1))),
        },
        closed=False,
    )


BANDWIDTHS = Object(
    {
        **optional(same_pe=Bandwidth(), undeclared_default=Bandwidth()),
        "between_clusters": Key(Rows(Rows(Bandwidth())), "volume per microsecond"),
    },
    closed=False,
)
_MEMORY = Object({"id": Key(Whole(0, MAX_PES)), "memory": Key(OneOf((True,)))}, closed=False)
PLATFORM = Object(
    {
        "format": Key(OneOf(("soc-platform/1",))),
        **optional(name=NAME),
        "clusters": Key(Rows(Either(cluster_shape(MAX_PES), _MEMORY), 1)),
        "bandwidth": Key(BANDWIDTHS),
    },
    closed=False,
)


def static_shape(tasks: int = MAX_TASKS) -> Object:
    """A static graph of so many tasks."""
    return Object(
        {
            "format": Key(OneOf(("static-het-dag/1",))),
            **optional(name=NAME, tasks=Rows(Text())),
            "compute": Key(Rows(TASK_TIMES, 1), "time of each task on each PE; null = it cannot run there"),
            "edges": Key(edges_shape(tasks)),
            **optional(bandwidth=Rows(Rows(Bandwidth())), lower_bound=TIME, best_known=TIME),
        },
        closed=False,
    )


# What a workload may say beside its parts: fields of `Workload`.
OPTIONS = optional(
    scale=Number(),
    cap=Whole(1, MAX_TIME),
    when_full=Choice(WHEN_FULL),
    probabilities=Rows(Number()),
    arrival=Choice(ARRIVALS),
    prefill=Truth(),
    horizon=Whole(1, MAX_HORIZON + 1),
    max_jobs=Whole(1, MAX_TIME),
    warmup=Whole(0, MAX_HORIZON),
    noise=Number(),
)


def part(shape: Shape) -> Either:
    """A part of a workload: the name of its file, or the part itself."""
    return Either(Text(), shape)


WORKLOAD = Object(
    {
        "format": Key(OneOf(("soc-workload/1",))),
        "platform": Key(part(PLATFORM), "the platform, or its file relative to this one"),
        "applications": Key(Rows(part(application_shape()), 1)),
        **OPTIONS,
        **optional(name=NAME),
    }
)
