"""Tiny streams with every complication, and a player that goes through them tick by tick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dispatchgym.instances.soc.instance import (
    Application,
    Cluster,
    Level,
    Platform,
    Stream,
    StreamLog,
    WhenFull,
    Workload,
    stream,
)

WHEN_FULL: tuple[WhenFull, ...] = ("redraw", "retry", "queue")


def random_application(rng: np.random.Generator, names: list[str], tasks: int) -> Application:
    pairs = [(a, b) for b in range(tasks) for a in range(b) if rng.random() < 0.5]
    edges = np.array([(a, b, int(rng.integers(0, 9))) for a, b in pairs], np.int64).reshape(-1, 3)
    shuffled = rng.permutation(tasks)  # so that predecessors do not always have the smaller number
    edges[:, :2] = shuffled[edges[:, :2]]
    return Application(tuple(rng.choice(names, tasks).tolist()), edges)


def random_platform(rng: np.random.Generator, names: list[str], shortest: int) -> Platform:
    clusters = []
    for c in range(int(rng.integers(1, 4))):
        able = [name for name in names if c == 0 or rng.random() < 0.7]
        mhz = np.sort(rng.choice(np.arange(1, 12), int(rng.integers(1, 4)), replace=False)) * 100
        levels = tuple(Level(int(f), int(rng.integers(0, 50))) for f in mhz)
        table = {name: int(rng.integers(shortest, 6)) for name in able}
        clusters.append(Cluster(f"c{c}", int(rng.integers(1, 3)), table, levels, int(rng.integers(0, 9))))
    between = rng.choice([0.5, 1.0, 3.0, 100.0], (len(clusters), len(clusters)))
    return Platform(tuple(clusters), between, float(rng.choice([1.0, 4.0, np.inf])))


def random_stream(seed: int) -> Stream:
    """Some 40 ticks of jobs of 1 to 4 tasks on 1 to 6 PEs, with tasks that take no time.

    With a last job there are none: a log would not tell what came first within the tick that ends the run.
    """
    rng = np.random.default_rng(seed)
    names = ["x", "y", "z"]
    when_full = WHEN_FULL[int(rng.integers(3))]
    max_jobs = int(rng.integers(1, 8)) if rng.random() < 0.4 else None
    platform = random_platform(rng, names, shortest=1 if max_jobs else 0)
    workload = Workload(
        platform,
        tuple(random_application(rng, names, int(rng.integers(1, 5))) for _ in range(int(rng.integers(1, 3)))),
        scale=float(rng.integers(1, 8)),
        cap=int(rng.integers(1, 4)),
        when_full=when_full,
        arrival="fixed" if rng.random() < 0.3 else "exponential",
        prefill=bool(rng.random() < 0.5),
        horizon=int(rng.integers(5, 45)),
        max_jobs=max_jobs,
        warmup=int(rng.integers(0, 5)),
        noise=0.5 if rng.random() < 0.4 else 0.0,
    )
    return stream(workload, seed)


@dataclass
class Chip:
    """A run of a stream, tick by tick."""

    stream: Stream
    tick: int = 0
    arrival: list[int] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)  # arrivals of jobs that wait ("queue")
    inside: list[int] = field(default_factory=list)  # jobs
    begun: dict[tuple[int, int], tuple[int, int, int, int]] = field(default_factory=dict)  # (job, task): PE, level, start, end
    ended: set[tuple[int, int]] = field(default_factory=set)
    latency: list[int] = field(default_factory=list)
    completed: int = 0

    def __post_init__(self) -> None:
        workload = self.stream.workload
        self.prefill = workload.cap if workload.prefill else 0
        self.gaps = iter(self.stream.gap.tolist())
        self.attempt = next(self.gaps) if workload.prefill else 0
        self.durations = [a.durations(workload.platform).tolist() for a in workload.applications]

    def tasks(self, job: int) -> int:
        return len(self.stream.workload.applications[self.stream.application[job]].tasks)

    def ticks(self, job: int, task: int, pe: int, level: int) -> int:
        workload = self.stream.workload
        levels = workload.platform.clusters[workload.platform.cluster_of[pe]].levels
        mean = self.durations[self.stream.application[job]][task][pe]
        ticks = -(-mean * levels[-1].mhz // levels[level].mhz)
        if workload.noise == 0.0 or ticks == 0:
            return ticks
        return max(1, int(np.floor(ticks * (1.0 + workload.noise * self.stream.deviation[job, task]) + 0.5)))

    def startable(self, job: int, task: int, pe: int) -> bool:
        """Whether the task can start on the PE now."""
        application = self.stream.workload.applications[self.stream.application[job]]
        if job not in self.inside or (job, task) in self.begun or self.durations[self.stream.application[job]][task][pe] < 0:
            return False
        if any(key not in self.ended and place == pe for key, (place, *_) in self.begun.items()):
            return False
        for a, b, volume in application.edges.tolist():
            if b == task:
                if (job, a) not in self.ended:
                    return False
                place, _, _, end = self.begun[job, a]
                if end + volume // float(self.stream.workload.platform.bandwidth[place, pe]) > self.tick:
                    return False
        return True

    def start(self, job: int, task: int, pe: int, level: int) -> None:
        self.begun[job, task] = (pe, level, self.tick, self.tick + self.ticks(job, task, pe, level))

    def complete(self) -> None:
        self.ended |= {key for key, row in self.begun.items() if row[3] <= self.tick}
        for job in list(self.inside):
            if all((job, t) in self.ended for t in range(self.tasks(job))):
                self.inside.remove(job)
                self.completed += 1
                if self.tick >= self.stream.workload.warmup:
                    self.latency.append(self.tick - self.arrival[job])

    def admit(self) -> None:
        workload = self.stream.workload
        while self.prefill:
            self.enter(0)
            self.prefill -= 1
        while self.attempt <= self.tick:
            full = len(self.inside) == workload.cap
            if full and workload.when_full == "retry":
                break
            gap = next(self.gaps, 10**6)
            self.attempt = self.tick + gap + (full and workload.when_full == "redraw")
            if workload.when_full == "queue":
                self.outside.append(self.tick)
            elif not full:
                self.enter(self.tick)
        while self.outside and len(self.inside) < workload.cap:
            self.enter(self.outside.pop(0))

    def enter(self, arrival: int) -> None:
        self.inside.append(len(self.arrival))
        self.arrival.append(arrival)

    def over(self) -> bool:
        workload = self.stream.workload
        return workload.max_jobs is not None and self.completed >= workload.max_jobs

    def run(self, decide: Callable[[Chip], bool]) -> None:
        """`decide` starts tasks, and says whether one of them takes no time: then the tick has another round."""
        for tick in range(self.stream.workload.horizon):
            self.tick = tick
            again = True
            while again:
                self.complete()
                if self.over():
                    return
                self.admit()
                again = decide(self)
        self.tick = self.stream.workload.horizon

    def log(self) -> StreamLog:
        jobs, width = len(self.arrival), max(len(a.tasks) for a in self.stream.workload.applications)
        pe, start, level = (np.full((jobs, width), -1) for _ in range(3))
        for key, (place, frequency, begin, _) in self.begun.items():
            pe[key], start[key], level[key] = place, begin, frequency
        return StreamLog(np.array(self.arrival, np.int64), pe, start, level)


def play_at_random(stream: Stream, seed: int) -> Chip:
    """Start what can be started most of the time, on any PE at any level."""
    rng = np.random.default_rng(seed)
    eager = rng.random()
    platform = stream.workload.platform

    def decide(chip: Chip) -> bool:
        again = False
        for job in list(chip.inside):
            for task in rng.permutation(chip.tasks(job)).tolist():
                for pe in rng.permutation(platform.pes).tolist():
                    if rng.random() < eager and chip.startable(job, task, pe):
                        level = int(rng.integers(len(platform.clusters[platform.cluster_of[pe]].levels)))
                        chip.start(job, task, pe, level)
                        again = again or chip.ticks(job, task, pe, level) == 0
        return again

    chip = Chip(stream)
    chip.run(decide)
    return chip


def can_be_played(stream: Stream, log: StreamLog) -> bool:
    """Whether a run in which exactly the tasks of the log are started at its ticks gives that log."""
    wanted = {(int(j), int(t)): (int(log.pe[j, t]), int(log.level[j, t])) for j, t in np.argwhere(log.start >= 0)}

    def decide(chip: Chip) -> bool:
        due = {key: row for key, row in wanted.items() if log.start[key] == chip.tick and key not in chip.begun}
        known = {key: row for key, row in due.items() if key[0] < len(chip.arrival) and key[1] < chip.tasks(key[0])}
        # Those too of jobs that are let in when others have completed in this tick.
        instant = {key for key, row in due.items() if key[1] < chip.tasks(key[0]) and chip.ticks(*key, *row) == 0}
        again = False
        for key, row in sorted(known.items(), key=lambda item: item[0] not in instant):
            # What takes time leaves its PE to what takes none and is still to come.
            waits = key not in instant and any(due[other][0] == row[0] for other in instant - chip.begun.keys())
            if not waits and chip.startable(*key, row[0]):
                chip.start(*key, *row)
                again = again or key in instant
        return again

    chip = Chip(stream)
    chip.run(decide)
    return all(np.array_equal(getattr(chip.log(), x), getattr(log, x)) for x in ("arrival", "pe", "start", "level"))
