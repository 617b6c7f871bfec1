"""The referee of task graphs on a chip: plain loops written from the problem statement, sharing no code with any player.

Within a tick come completions, then arrivals, then starts. A task occupies its PE during [start, end). One that takes no time
may be at the edge of another one but not inside it: its PE must be free. It completes after the arrivals of its tick.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dispatchgym.instances.errors import InvalidSchedule
from dispatchgym.instances.soc.instance import StaticDag, StaticSchedule, Stream, StreamLog

Moment = tuple[int, bool]  # a tick, and whether after its arrivals


@dataclass(frozen=True)
class Run:
    """One execution of a task."""

    job: int
    task: int
    pe: int
    level: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"job {self.job} task {self.task} [{self.start}, {self.end})"


@dataclass(frozen=True)
class Replay:
    """A log that keeps all rules."""

    runs: list[Run]
    end: int  # tick at which the run ended
    latency: list[int]  # of the jobs that count, microseconds
    completed: int  # jobs completed, those before the warm-up too
    last: int  # tick of the last completion, 0 if there is none


def check_static(dag: StaticDag, schedule: StaticSchedule) -> int:
    """Return the makespan (ticks) of `schedule`, the last end of all tasks.

    Raises InvalidSchedule when a task has no start or no PE that can run it, when it starts before the data of a predecessor
    has arrived, or when two tasks overlap on a PE.
    """
    tasks, pes = dag.duration.shape
    place, start = (_table(name, value, (tasks,)) for name, value in (("pe", schedule.pe), ("start", schedule.start)))
    duration: list[list[int]] = dag.duration.tolist()
    bandwidth: list[list[float]] = dag.bandwidth.tolist()
    end: list[int] = []
    on_pe: list[list[tuple[int, int, str]]] = [[] for _ in range(pes)]
    for i in range(tasks):
        p = place[i]
        if not 0 <= p < pes or duration[i][p] < 0:
            raise InvalidSchedule(f"task {i} cannot run on PE {p}")
        if start[i] < 0:
            raise InvalidSchedule(f"task {i} has no start ({start[i]})")
        end.append(start[i] + duration[i][p])
        on_pe[p].append((start[i], end[i], f"task {i} [{start[i]}, {end[i]})"))
    for a, b, volume in dag.edges.tolist():
        arrival = end[a] + math.floor(volume / bandwidth[place[a]][place[b]])
        if start[b] < arrival:
            where = f"task {b} starts on PE {place[b]} at {start[b]}"
            raise InvalidSchedule(f"{where}, before the data of task {a} on PE {place[a]} arrives at {arrival}")
    _exclusive(on_pe)
    return max(end)


def check_stream(stream: Stream, log: StreamLog) -> int:
    """Return the mean latency of the counted jobs in nanoseconds, rounded down; 1000 * horizon if no job counts.

    A job counts if it is completed at or after the warm-up and before the horizon. Raises InvalidSchedule, naming job, task,
    PE and ticks, for a log that breaks a rule: jobs let in at other ticks than the arrivals of the stream and the completions
    of the log say, more or fewer jobs; a task that starts on a PE or at a frequency that there is not, before its job is let
    in, before the data of a predecessor has arrived, or at or after the end; two tasks that overlap on a PE.
    """
    latency = replay(stream, log).latency
    return 1000 * sum(latency) // len(latency) if latency else 1000 * stream.workload.horizon


def replay(stream: Stream, log: StreamLog) -> Replay:
    """Everything that `check_stream` checks, and what measures are computed from. Raises InvalidSchedule."""
    workload = stream.workload
    runs = executions(stream, log)
    completion = [_completion(stream, n, rows) for n, rows in enumerate(runs)]
    end = (workload.horizon, False)
    if workload.max_jobs is not None and len(done := sorted(c for c in completion if c < end)) >= workload.max_jobs:
        end = done[workload.max_jobs - 1]
    let_in = _arrivals(stream, log, completion, end)
    _starts(stream, runs, let_in, end)
    on_pe: list[list[tuple[int, int, str]]] = [[] for _ in range(workload.platform.pes)]
    for run in itertools.chain.from_iterable(rows.values() for rows in runs):
        on_pe[run.pe].append((run.start, run.end, str(run)))
    _exclusive(on_pe)
    # Jobs that end at the tick that ends the run are completed; no job is completed at the horizon.
    done = [c for c in completion if c[0] < workload.horizon and c <= end]
    counted = [n for n, c in enumerate(completion) if c in done and c[0] >= workload.warmup]
    latency = [completion[n][0] - int(log.arrival[n]) for n in counted]
    last = max((c[0] for c in done), default=0)
    return Replay([run for rows in runs for run in rows.values()], end[0], latency, len(done), last)


@dataclass(frozen=True)
class StreamMetrics:
    """What a log achieved. Latencies in microseconds, nan if no job counts."""

    mean_latency: float
    p95_latency: float  # the smallest latency that 95 % of the counted jobs do not exceed
    completed: int  # jobs that count
    throughput: float  # of them per millisecond from the warm-up to the last completion, a microsecond later at least
    utilisation: tuple[float, ...]  # (P,) share of the run in which each PE is busy
    energy: int  # nanojoules of the run, of busy PEs at their frequencies and of idle ones


def measure(stream: Stream, log: StreamLog) -> StreamMetrics:
    """Measures of a log from tick 0 to the end of its run; what is then still running counts as far as it has come.

    Raises InvalidSchedule like `check_stream`.
    """
    workload = stream.workload
    found = replay(stream, log)
    clusters = [c for c in workload.platform.clusters for _ in range(c.pes)]
    busy = [0] * len(clusters)
    energy = 0
    for run in found.runs:
        ticks = min(run.end, found.end) - run.start
        busy[run.pe] += ticks
        energy += ticks * clusters[run.pe].levels[run.level].milliwatts
    energy += sum((found.end - ticks) * c.idle_milliwatts for ticks, c in zip(busy, clusters, strict=True))
    latency = sorted(found.latency)
    count = len(latency)
    return StreamMetrics(
        sum(latency) / count if count else math.nan,
        float(latency[math.ceil(0.95 * count) - 1]) if count else math.nan,
        count,
        1000 * count / max(found.last - workload.warmup, 1),
        tuple(ticks / max(found.end, 1) for ticks in busy),
        energy,
    )


def _table(name: str, value: Any, shape: tuple[int, ...]) -> list[Any]:
    given = np.asarray(value)
    if given.shape != shape:
        raise InvalidSchedule(f"{name} has shape {given.shape}, the instance has {shape}")
    if not np.issubdtype(given.dtype, np.integer):
        raise InvalidSchedule(f"{name} has dtype {given.dtype}, not whole numbers")
    numbers: list[Any] = given.tolist()
    return numbers


def executions(stream: Stream, log: StreamLog) -> list[dict[int, Run]]:
    """The executions of each job by task, with their ends."""
    workload = stream.workload
    clusters = [c for c in workload.platform.clusters for _ in range(c.pes)]
    jobs, width = len(log.arrival), max(len(a.tasks) for a in workload.applications)
    if jobs > len(stream.application):
        raise InvalidSchedule(f"the log has {jobs} jobs, the stream has {len(stream.application)}")
    _table("arrival", log.arrival, (jobs,))
    pe, start, level = (_table(x, getattr(log, x), (jobs, width)) for x in ("pe", "start", "level"))
    rows: list[dict[int, Run]] = []
    for n in range(jobs):
        names = workload.applications[stream.application[n]].tasks
        rows.append({})
        for t in range(width):
            p, s, f = pe[n][t], start[n][t], level[n][t]
            if (p, s, f) == (-1, -1, -1):
                continue
            where = f"job {n} task {t} on PE {p} at {s}"
            if t >= len(names):
                raise InvalidSchedule(f"{where}: the job has only {len(names)} tasks")
            if s < 0:
                raise InvalidSchedule(f"{where}: no start")
            if not 0 <= p < len(clusters) or names[t] not in clusters[p].duration:
                raise InvalidSchedule(f"{where}: that PE cannot run {names[t]!r}")
            levels = clusters[p].levels
            if not 0 <= f < len(levels):
                raise InvalidSchedule(f"{where}: level {f} of {len(levels)}")
            ticks = -(-clusters[p].duration[names[t]] * levels[-1].mhz // levels[f].mhz)  # rounded up
            if workload.noise and ticks:
                ticks = max(1, math.floor(ticks * (1.0 + workload.noise * float(stream.deviation[n, t])) + 0.5))
            rows[n][t] = Run(n, t, p, f, s, s + ticks)
    return rows


def _completion(stream: Stream, n: int, rows: dict[int, Run]) -> Moment:
    """When job n completes; if it is not executed whole, never. Tasks that take no time complete after a tick's arrivals."""
    if len(rows) < len(stream.workload.applications[stream.application[n]].tasks):
        return (2**62, False)
    end = max(run.end for run in rows.values())
    return (end, any(run.start == end for run in rows.values()))


def _arrivals(stream: Stream, log: StreamLog, completion: list[Moment], end: Moment) -> list[int]:
    """When each job is let in, by the rule of the workload; refuses a log with other jobs or arrivals."""
    workload = stream.workload
    gaps: list[int] = stream.gap.tolist()
    let_in: list[int] = []
    inside: list[Moment] = []  # completions of the jobs that were let in, a heap

    def enter(arrival: int, tick: int) -> None:
        n = len(let_in)
        if n == len(completion):
            raise InvalidSchedule(f"job {n} is let in at {tick}, but the log has only {n} jobs")
        if log.arrival[n] != arrival:
            raise InvalidSchedule(f"job {n} arrives at {arrival}, not at {log.arrival[n]}")
        let_in.append(tick)
        heapq.heappush(inside, completion[n])

    for _ in range(workload.cap if workload.prefill else 0):
        enter(0, 0)
    used = 1 if workload.prefill else 0  # gaps
    attempt = gaps[0] if workload.prefill else 0
    now: Moment = (0, False)
    while (attempt, False) < end:
        now = max(now, (attempt, False))
        while inside and inside[0] <= now:
            heapq.heappop(inside)
        full = len(inside) == workload.cap
        if full and workload.when_full != "redraw":
            now = heapq.heappop(inside)  # the first moment with room
        # Jobs that complete without taking time may do so one after another: only the log says if one got in between them.
        if now > end or (now == end and (not now[1] or len(let_in) == len(completion))):
            break
        gap = gaps[used] if used < len(gaps) else workload.horizon
        used += 1
        if full and workload.when_full == "redraw":
            attempt += 1 + gap
        elif workload.when_full == "queue":
            enter(attempt, now[0])
            attempt += gap
        else:
            enter(now[0], now[0])
            attempt = now[0] + gap
    if len(let_in) < len(completion):
        raise InvalidSchedule(f"job {len(let_in)} is in the log, but is not let in before the end of the run at {end[0]}")
    return let_in


def _starts(stream: Stream, runs: list[dict[int, Run]], let_in: list[int], end: Moment) -> None:
    """Every execution begins when its job is in, the data of its predecessors has arrived and the run has not ended."""
    bandwidth: list[list[float]] = stream.workload.platform.bandwidth.tolist()
    for n, rows in enumerate(runs):
        for run in rows.values():
            if run.start < let_in[n]:
                raise InvalidSchedule(f"{run} starts on PE {run.pe} before its job is let in at {let_in[n]}")
            if (run.start, False) >= end:
                raise InvalidSchedule(f"{run} starts on PE {run.pe}, but the run ends at {end[0]}")
        for a, b, volume in stream.workload.applications[stream.application[n]].edges.tolist():
            if b not in rows:
                continue
            if a not in rows:
                raise InvalidSchedule(f"{rows[b]} starts on PE {rows[b].pe}, but task {a} before it does not")
            arrival = rows[a].end + math.floor(volume / bandwidth[rows[a].pe][rows[b].pe])
            if rows[b].start < arrival:
                raise InvalidSchedule(
                    f"{rows[b]} starts on PE {rows[b].pe} before the data of task {a} on PE {rows[a].pe} arrives at {arrival}"
                )


def _exclusive(on_pe: list[list[tuple[int, int, str]]]) -> None:
    """No two (start, end, what) of a PE overlap."""
    for p, intervals in enumerate(on_pe):
        intervals.sort()
        for (_, end, first), (start, _, second) in itertools.pairwise(intervals):
            if start < end:
                raise InvalidSchedule(f"PE {p}: {first} overlaps {second}")
