"""Dispatching rules for streams in plain Python, on the chip that is played tick by tick."""

from __future__ import annotations

from dispatchgym.instances.soc.instance import Stream, StreamLog
from tests.soc.streams import Chip

Task = tuple[int, int]  # job, task


class Dispatcher:
    """Assigns every ready task at once; those that wait for their PE start in the order of assignment."""

    def __init__(self, stream: Stream, rule: str) -> None:
        self.rule = rule
        self.chip = Chip(stream)
        self.pes = range(stream.workload.platform.pes)
        self.top = [len(c.levels) - 1 for c in stream.workload.platform.clusters for _ in range(c.pes)]
        self.expected = [0 for _ in self.pes]  # when a PE is free, transfers counted
        self.ready: list[Task] = []
        self.waiting: list[tuple[Task, int]] = []  # for PEs
        self.jobs = 0
        self.ended: set[Task] = set()

    def play(self) -> StreamLog:
        self.chip.run(lambda _: self.decide())
        return self.chip.log()

    def decide(self) -> bool:
        self.see()
        while self.ready:
            pairs = [(task, p) for task in self.ready for p in self.pes if self.mean(task, p) >= 0]
            if self.rule in ("met", "eft"):
                pairs = [(task, p) for task, p in pairs if task == self.ready[0]]
            task, p = min(pairs, key=self.key)
            self.expected[p] = self.finish(task, p)
            self.waiting.append((task, p))
            self.ready.remove(task)
        again = False
        for task, p in list(self.waiting):
            ahead = [x for x, q in self.waiting if q == p]
            if self.chip.startable(*task, p) and (self.rule != "heft-rt" or ahead[0] == task):
                self.chip.start(*task, p, self.top[p])
                self.waiting.remove((task, p))
                again = again or self.chip.ticks(*task, p, self.top[p]) == 0
        return again

    def see(self) -> None:
        """What is ready now, in the order of completions by PE and then of arrivals."""
        for task in sorted(self.chip.ended - self.ended, key=lambda x: self.chip.begun[x][0]):
            self.ended.add(task)
            p = self.chip.begun[task][0]
            if all(q != p for _, q in self.waiting):
                self.expected[p] = self.chip.tick
            after = sorted(b for a, b, _ in self.edges(task[0]) if a == task[1])
            self.ready += [
                (task[0], b) for b in after if all((task[0], a) in self.ended for a, c, _ in self.edges(task[0]) if c == b)
            ]
        for job in range(self.jobs, len(self.chip.arrival)):
            heads = set(range(self.chip.tasks(job))) - {b for _, b, _ in self.edges(job)}
            self.ready += [(job, t) for t in sorted(heads)]
        self.jobs = len(self.chip.arrival)

    def key(self, pair: tuple[Task, int]) -> tuple[float, ...]:
        """What a rule minimises."""
        task, p = pair
        if self.rule in ("eft", "etf"):
            return (self.finish(task, p),)
        if self.rule in ("met", "stf"):
            return (self.mean(task, p), self.finish(task, p))
        runs = self.running(p)
        free = self.chip.tick if runs is None else self.chip.begun[runs][2] + self.mean(runs, p)
        free += sum(self.mean(x, p) for x, q in self.waiting if q == p)
        able = [self.mean(task, q) for q in self.pes if self.mean(task, q) >= 0]
        return (-sum(able) / len(able), max(free, self.chip.tick) + self.mean(task, p))

    def finish(self, task: Task, p: int) -> int:
        arrive = [self.chip.tick, self.expected[p]]
        bandwidth = self.chip.stream.workload.platform.bandwidth
        for a, b, volume in self.edges(task[0]):
            if b == task[1]:
                place, _, _, end = self.chip.begun[task[0], a]
                arrive.append(end + int(volume // bandwidth[place, p]))
        return max(arrive) + self.mean(task, p)

    def running(self, p: int) -> Task | None:
        return next((x for x, (q, *_) in self.chip.begun.items() if q == p and x not in self.chip.ended), None)

    def mean(self, task: Task, p: int) -> int:
        return int(self.chip.durations[self.chip.stream.application[task[0]]][task[1]][p])

    def edges(self, job: int) -> list[list[int]]:
        workload = self.chip.stream.workload
        rows: list[list[int]] = workload.applications[self.chip.stream.application[job]].edges.tolist()
        return rows
