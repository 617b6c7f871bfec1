"""Names, groups, options and table columns of streams on a chip and of static task graphs, for the commands."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from dispatchgym.family import Column, Disturbance
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog, stream
from dispatchgym.options import Metavar

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class StreamOptions:
    """Which streams are meant by the name of a preset or workload file."""

    scale: Annotated[tuple[float, ...], Metavar("US ...")] = ()
    """Mean gaps between arrivals in microseconds, each a workload of its own. Default: the preset's."""
    queue: Annotated[tuple[int, ...], Metavar("N ...")] = ()
    """Caps on the jobs in the system, each a workload of its own. Default: the preset's."""
    noise: Annotated[tuple[float, ...], Metavar("SHARE ...")] = ()
    """Standard deviations of execution times as shares of their means, each a workload of its own. Default: the preset's."""
    horizon: Annotated[int | None, Metavar("US")] = None
    """Microseconds after which a stream ends. Default: the preset's."""
    streams: Annotated[int, Metavar("N")] = 20
    """Streams of each workload whose name has no number: s0 to s(N-1), the same arrivals for all methods."""

    def options(self) -> list[str]:
        """The options of the workloads asked for, as names have them: `,scale=25,noise=0.3`; [""] if nothing is changed."""
        if not 1 <= self.streams <= 10**5:
            raise InputError(f"--streams {self.streams} is not between 1 and {10**5}")
        horizon = () if self.horizon is None else (self.horizon,)
        given = {"scale": self.scale, "queue": self.queue, "noise": self.noise, "horizon": horizon}
        words = [[f",{name}={value:.12g}" for value in values] for name, values in given.items() if values]
        return ["".join(chosen) for chosen in itertools.product(*words)]


def expand_streams(specs: Iterable[str], options: Any = None) -> list[str]:
    """Full names of streams by workload and number, of every workload those that its name says, or s0 to s(N-1)."""
    asked: StreamOptions = options or StreamOptions()
    names: dict[str, None] = {}
    for spec in itertools.chain.from_iterable(map(soc_catalogue.workloads, specs)):
        workload, numbers = soc_catalogue.split_stream(spec)
        numbers = numbers or f"/s0..s{asked.streams - 1}"
        for options in asked.options():
            soc_catalogue.workload(f"{workload}{options}")  # says what is wrong without the number
            names.update(dict.fromkeys(soc_catalogue.expand([f"{workload}{options}{numbers}"])))
    return list(names)


def expand_graphs(specs: Iterable[str], options: Any = None) -> list[str]:
    return soc_catalogue.expand(specs)


def stream_group(_: str, instance: Stream) -> tuple[str, str]:
    """The preset or file, and its options."""
    preset, _, options = soc_catalogue.workload_of(instance.name).partition(",")
    return preset, options.replace(",", ", ")


def stream_warm_up(instance: Stream) -> Stream:
    """Two microseconds of the same workload, under its name: the policy that plays it depends on that."""
    load = dataclasses.replace(instance.workload, horizon=2, warmup=0)
    return stream(load, 0, instance.name)


def stream_metrics(instance: Stream, log: StreamLog) -> dict[str, float | None]:
    """Columns of an accepted log by the referee, None where no job counts: latencies in us, completed jobs that count,
    these per ms, mean utilisation of the PEs, energy in uJ; then tasks begun, and the mean arrivals per ms that were meant."""
    from dispatchgym.envs.soc.check import measure

    found = measure(instance, log)
    scale = instance.workload.scale
    return {
        "mean_latency": _known(found.mean_latency),
        "p95_latency": _known(found.p95_latency),
        "completed": found.completed,
        "throughput": round(found.throughput, 6),
        "utilisation": round(float(np.mean(found.utilisation)), 6),
        "energy": found.energy / 1000,
        "tasks": int((log.start >= 0).sum()),
        "rate": round(1000 / scale, 6) if scale > 0 else None,
    }


def _known(value: float, digits: int = 3) -> float | None:
    return None if math.isnan(value) else round(value, digits)


def per_task(row: dict[str, Any]) -> float | None:
    """CPU microseconds of the method for each task begun."""
    tasks = row["metrics"].get("tasks")
    return 1e6 * row["cpu_seconds"] / tasks if tasks else None


LATENCY = Column(
    "latency, us",
    lambda row: row["objective"] / 1000 if row["metrics"]["completed"] else None,  # no job is done: there is no latency
    digits=1,
    interval=True,
    beside=Column("jobs", lambda row: row["metrics"]["completed"], digits=1),
    note="Cells: mean latency of the completed jobs in microseconds, with its 95 % confidence interval (Student's t over the "
    "streams) / how many jobs these are. Where a full system turns jobs away, a slow method gets fewer: read both. Every log "
    "passed the referee.",
)
STREAM_COLUMNS = (
    Column("p95", lambda row: row["metrics"]["p95_latency"], 1, note="p95: latency that 95 % of the jobs do not exceed."),
    Column(
        "busy %", lambda row: 100 * row["metrics"]["utilisation"], 1, note="busy: share of time that a PE works, over all PEs."
    ),
    Column("uJ", lambda row: row["metrics"]["energy"], 0, note="uJ: energy of a run in microjoules."),
    Column(
        "us/task",
        per_task,
        across=True,
        note="us/task: CPU time of a run, its simulation and preparations included, for each task begun.",
    ),
)
SLR = Column(
    "SLR",
    lambda row: row["metrics"]["slr"],
    digits=3,
    note="SLR: makespan / the longest chain of fastest executions, without transfers; columns headed so have no published best "
    "value. Speedup: the shortest execution on one PE / makespan.",
)
GRAPH_COLUMNS = (
    Column("makespan", lambda row: row["objective"], digits=1),
    SLR,
    Column("speedup", lambda row: row["metrics"]["speedup"]),
)


def draw_sweeps(rows: list[dict[str, Any]], style: dict[str, dict[str, Any]]) -> dict[str, Figure]:
    """A chart of latency against arrivals by the name of its file, if several mean gaps were asked for; else none."""
    from dispatchgym.families.arrivals_chart import chart, curves

    found = curves(rows)
    swept = [curve for curve in found if len({point.rate for point in curve.points}) > 1]
    return {"latency-against-rate": chart(swept, style)} if swept else {}


def graph_group(what: str, instance: StaticDag) -> tuple[str, str]:
    """The set, of generated graphs their kind and the share of data, and the size: tasks x PEs."""
    size = f"{len(instance.duration)}x{instance.pes}"
    bundled = next((name for name, members in soc_catalogue.SETS.items() if what in members), None)
    if bundled is not None:
        return bundled, size
    kind = soc_catalogue.kind_of(instance.name) if what == instance.name else None
    return (" ".join(kind).strip() if kind else "files", size)


def graph_warm_up(_: StaticDag) -> StaticDag:
    return StaticDag(np.ones((1, 1), np.int32), np.zeros((0, 3), np.int32), name="warm-up")


def graph_metrics(instance: StaticDag, schedule: StaticSchedule) -> dict[str, float | None]:
    """SLR and speedup (Topcuoglu et al., TPDS 13 (2002)) of an accepted schedule, and its tasks."""
    from dispatchgym.baselines.soc.static.ranks import slr, speedup
    from dispatchgym.envs.soc.check import check_static

    makespan = check_static(instance, schedule)
    return {
        "slr": _known(slr(instance, makespan), 6),
        "speedup": _known(speedup(instance, makespan)),
        "tasks": len(schedule.start),
    }


WORKLOADS = Disturbance(
    title="by workload", of=soc_catalogue.workload_of, original=lambda name: name, disturbed=lambda instance: False, note=""
)


@dataclasses.dataclass(frozen=True)
class StreamTraining:
    """Which streams a policy is trained for."""

    preset: str = "gym-ds3-5"
    """The workload to train for; gaps, caps and noise are varied. `chips`: random chips, others in every batch."""
