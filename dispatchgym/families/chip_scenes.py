"""Streams of jobs and static task graphs as reports draw them, the names of their choices, and latency against load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.core.drawing import FURTHER, SAFE
from dispatchgym.families import schedule_tables
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog, lower_bound
from dispatchgym.report.scene import Chart, Line, NameChoice, Scene
from dispatchgym.report.slack import Arc, in_turn, slack

# Five shades from dark to light by the depth of a task, told apart in grey too (after Viridis, van der Walt & Smith 2015).
DEPTHS = ["#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#9fda3a"]
PALETTE = list(SAFE + FURTHER)
MOST_NAMED = 8  # applications that have a colour of their own; of more, jobs have colours


def static_graph(instance: StaticDag, schedule: StaticSchedule) -> list[Scene]:
    """The Gantt chart. Slack: how much later a task could start with the same PEs, orders and makespan."""
    table = schedule_tables.static_graph(instance, schedule)
    start, end, pe, ticks = (table[name] for name in ("start", "end", "pe", "duration"))
    last = max(end)
    arcs: list[Arc] = [(a, b, ticks[a]) for a, b in in_turn(pe, start, end)]
    for e, (a, b, _) in enumerate(instance.edges.tolist()):
        arcs.append((a, b, ticks[a] + int(instance.transfer[e, pe[a], pe[b]])))
    depth = _depths(instance)
    best = {"best known": instance.best_known} if instance.best_known else {}
    scene = Scene(
        title="Gantt chart: processing elements (PEs) as rows; the lighter a task, the more tasks come before it",
        across="time (ticks)",
        left=start,
        right=end,
        low=pe,
        high=pe,
        name=[str(task) for task in table["task"]],
        colour=[d * (len(DEPTHS) - 1) // max(1, *depth) for d in depth],
        palette=DEPTHS,
        rows=[f"PE {p}" for p in range(instance.pes)],
        columns={"task": table["task"], "start": start, "end": end},
        slack=list(slack(start, [last - d for d in ticks], arcs)),
        slack_unit="ticks",
        key=[str(task) for task in table["task"]],
        marks={"lower bound": max(lower_bound(instance), instance.lower_bound or 0), **best, "makespan": last},
    )
    return [scene]


def _depths(dag: StaticDag) -> list[int]:
    """(N,) the number of tasks on the longest chain before each."""
    before: list[list[int]] = [[] for _ in dag.duration]
    for a, b, _ in dag.edges.tolist():
        before[b].append(a)
    depth = [0] * len(before)
    for i in topological(len(depth), dag.edges):
        depth[i] = max((depth[k] + 1 for k in before[i]), default=0)
    return depth


def stream(instance: Stream, log: StreamLog) -> list[Scene]:
    """The Gantt chart. Slack: how much later a task could start without any job being completed later."""
    table = schedule_tables.stream(instance, log)
    load = instance.workload
    kinds = {application.name: i for i, application in enumerate(load.applications)}
    named = len(kinds) <= MOST_NAMED
    colour = [kinds[name] if named else job for job, name in zip(table["job"], table["application"], strict=True)]
    arrival = log.arrival.tolist()
    scene = Scene(
        title=f"Gantt chart: processing elements as rows, {'applications' if named else 'jobs'} as colours",
        across="time (microseconds)",
        left=table["start"],
        right=table["end"],
        low=table["pe"],
        high=table["pe"],
        name=[str(job) for job in table["job"]],
        colour=[c % len(PALETTE) for c in colour],
        palette=PALETTE,
        rows=[f"{c.name} {k}" if c.pes > 1 else c.name for c in load.platform.clusters for k in range(c.pes)],
        columns={
            "job": table["job"],
            "application": table["application"],
            "task": table["name"],
            "job let in": [arrival[job] for job in table["job"]],
            "start": table["start"],
            "end": table["end"],
        },
        slack=_stream_slack(instance, table),
        slack_unit="microseconds",
        legend={name: PALETTE[i] for name, i in kinds.items()} if named else {},
        marks={"warm-up ends": load.warmup} if load.warmup else {},
    )
    return [scene]


def _stream_slack(instance: Stream, table: schedule_tables.Table) -> list[float | None]:
    start, end, pe, ticks, job = (table[name] for name in ("start", "end", "pe", "duration", "job"))
    place = {key: i for i, key in enumerate(zip(job, table["task"], strict=True))}
    bandwidth = instance.workload.platform.bandwidth
    done: dict[int, int] = {}  # completion of the jobs that are whole
    arcs: list[Arc] = [(a, b, ticks[a]) for a, b in in_turn(pe, start, end)]
    for n in dict.fromkeys(job):
        application = instance.workload.applications[int(instance.application[n])]
        mine = [place.get((n, t)) for t in range(len(application.tasks))]
        if None not in mine:
            done[n] = max(end[i] for i in mine if i is not None)
        for a, b, volume in application.edges.tolist():
            first, then = mine[a], mine[b]
            if first is not None and then is not None:
                arcs.append((first, then, ticks[first] + math.floor(volume / bandwidth[pe[first], pe[then]])))
    latest = [done[n] - d if n in done else None for n, d in zip(job, ticks, strict=True)]
    return list(slack(start, latest, arcs))


def sweeps(rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Mean latency and completed jobs against the rate of arrivals, if several mean gaps were asked for; else none."""
    from dispatchgym.families.arrivals_chart import curves

    methods = {name: i for i, name in enumerate(dict.fromkeys(row["method"] for row in rows))}
    swept = [curve for curve in curves(rows) if len({point.rate for point in curve.points}) > 1]
    found = []
    for load in dict.fromkeys(curve.workload for curve in swept):
        latency, jobs = [], []
        for curve in (curve for curve in swept if curve.workload == load):
            points, rates = curve.points, [point.rate for point in curve.points]
            look: dict[str, Any] = {"colour": methods[curve.method], "style": "line"}
            half = [point.half or 0.0 for point in points]
            latency.append(Line(curve.method, rates, [point.latency for point in points], half, **look))
            jobs.append(Line(curve.method, rates, [point.throughput for point in points], **look))
        across = "jobs that arrive a millisecond"
        note = "Mean over the streams of a load, with its 95 % confidence interval."
        found.append(Chart(f"{load}: latency against load", across, "mean latency (us)", latency, log_upward=True, note=note))
        found.append(Chart(f"{load}: completed jobs against load", across, "completed jobs a millisecond", jobs))
    return found


def name_tasks(problem: Any, instance: StaticDag, sizes: Sizes) -> NameChoice:
    waits = sizes.resources - 1  # the node that stands for waiting comes after the PEs

    def name(k: int, task: int, pe: int, start: int) -> tuple[str, str]:
        return ("", f"wait (time {start})") if pe == waits else (str(task), f"task {task} on PE {pe} at {start}")

    return name


def name_stream_tasks(problem: Any, instance: Stream, sizes: Sizes) -> NameChoice:
    load = instance.workload
    names = [f"{task} of {app.name}" for app in load.applications for task in app.tasks]
    pes = [f"{c.name} {k}" if c.pes > 1 else c.name for c in load.platform.clusters for k in range(c.pes)]

    def name(k: int, task: int, pe: int, start: int) -> tuple[str, str]:
        return ("", f"wait (time {start})") if pe >= len(pes) else ("", f"{names[task]} on {pes[pe]} at {start}")

    return name
