"""Runs methods on instances in actors of a Ray cluster: the same work as in the processes of runner.py, on other machines.

A worker that dies, or whose machine does, has answered nothing: its work is given to another one.
"""

from __future__ import annotations

import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import dispatchgym
from dispatchgym.baselines.clock import choose
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation.results import Pair, one_line
from dispatchgym.evaluation.runner import THREAD_VARIABLES, Answers, Limit, Report, no_answer, shortest_wait
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable
from dispatchgym.own import registry

LOCAL = "local"  # the address that starts a cluster of this machine alone
ATTEMPTS = 3  # at work whose worker dies
REACH = 10.0  # seconds


class Work(Protocol):
    """What a worker is given."""

    @property
    def instance(self) -> Any: ...
    @property
    def method(self) -> Method: ...


@dataclass
class Task:
    """Work that a worker is at."""

    work: Any
    worker: Any
    began: float  # value of time.perf_counter()
    deadline: float | None


def run(
    problem: Family,
    pairs: Sequence[Pair],
    *,
    address: str,
    seed: int,
    processes: int,
    cores: int,
    report: Report,
    limit: Limit = lambda _: None,
    clock: str = "cpu",
) -> None:
    """As `runner.run`, with `processes` workers in the Ray cluster at `address`, or `LOCAL`.

    Needs Ray. Raises InputError where the cluster cannot be reached. KeyboardInterrupt ends the workers before it leaves.
    """
    workers = Workers(address, problem, seed=seed, processes=processes, cores=cores, clock=clock)
    try:
        workers.share(pairs, report, limit)
    finally:
        workers.close()


class Workers:
    """Up to `processes` actors with `cores` cores each in the Ray cluster at `address`, or `LOCAL`; they start when needed.

    Needs Ray. Raises InputError where the cluster cannot be reached.
    """

    def __init__(self, address: str, problem: Family, *, seed: int, processes: int, cores: int, clock: str = "cpu") -> None:
        connect(address, cores=cores, processes=processes)
        import ray

        remote = ray.remote(num_cpus=cores, max_restarts=0)(Worker)
        words = (problem.solve, problem.warm_up, seed, cores, clock, registry.pack())
        self._start: Callable[[], Any] = lambda: remote.remote(*words)
        self._processes = processes
        self._idle: list[Any] = []

    def close(self) -> None:
        """End the workers, and a cluster that was started for them."""
        import ray

        ray.shutdown()

    def share(self, work: Sequence[Work], report: Callable[[Any, Result, float], None], limit: Limit = lambda _: None) -> None:
        """Give each of `work` to a worker until it is answered; `report` is called here, as answers come."""
        import ray

        waiting, idle = deque(work), self._idle
        idle += [self._start() for _ in range(min(self._processes, len(work)) - len(idle))]
        running: dict[Any, Task] = {}
        deaths: dict[int, int] = {}  # of workers, by the identity of the work that each was at
        while waiting or running:
            while waiting and idle:
                one, worker, now = waiting.popleft(), idle.pop(), time.perf_counter()
                patience = limit(one.method)
                task = Task(one, worker, now, None if patience is None else now + patience)
                running[worker.answer.remote(one.instance, one.method)] = task
            done, _ = ray.wait(list(running), timeout=shortest_wait([task.deadline for task in running.values()]))
            for answered in done:
                task = running.pop(answered)
                try:
                    report(task.work, *ray.get(answered))
                    idle.append(task.worker)
                except ray.exceptions.RayActorError as error:
                    deaths[id(task.work)] = deaths.get(id(task.work), 0) + 1
                    if deaths[id(task.work)] < ATTEMPTS:
                        waiting.appendleft(task.work)
                    else:
                        report(task.work, _failed(task, f"{ATTEMPTS} workers died at it: {one_line(error)}"), 0.0)
                    idle.append(self._start())
            for late in [ref for ref, x in running.items() if x.deadline is not None and time.perf_counter() > x.deadline]:
                task = running.pop(late)
                ray.kill(task.worker)
                report(task.work, _failed(task, no_answer(time.perf_counter() - task.began)), 0.0)
                idle.append(self._start())


def connect(address: str, *, cores: int, processes: int) -> None:
    """Connect this process to the Ray cluster at `address`, or start one with so many cores for `LOCAL`.

    InputError where it cannot be reached.
    """
    import ray

    variables = dict.fromkeys(THREAD_VARIABLES, str(cores))
    where: dict[str, Any] = {"address": address}
    if address == LOCAL:
        where = {"num_cpus": processes * cores, "include_dashboard": False}
        variables["PYTHONPATH"] = str(Path(dispatchgym.__file__).parents[1])
    else:
        _reach(address)
    ended = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**where, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": variables})
    except Exception as error:  # of any kind: Ray has no common one
        raise InputError(f"--ray {printable(address, 100)}: {one_line(error)}") from None
    signal.signal(signal.SIGTERM, ended)  # Ray's own handler would end the command without a word


def _reach(address: str) -> None:
    """InputError at once where nothing answers at HOST:PORT: Ray itself asks for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return  # as "auto", a cluster that this machine belongs to
    try:
        socket.create_connection((host, int(port)), timeout=REACH).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray {printable(address, 100)}: cannot be reached: {one_line(error)}") from None


class Worker:
    """An actor: a process somewhere in the cluster."""

    def __init__(self, solve: Any, smallest: Any, seed: int, cores: int, clock: str, packed: bytes) -> None:
        registry.unpack(packed)
        choose(clock)
        self.answers = Answers(solve, smallest, seed, cores)

    def answer(self, instance: Any, method: Method) -> tuple[Result, float]:
        """The answer, with the machine that found it, and the CPU-seconds that it took."""
        result, cpu_seconds = self.answers(instance, method)
        result.notes["node"] = socket.gethostname()
        return result, cpu_seconds


def _failed(task: Task, reason: str) -> Result:
    return Result(None, None, "error", time.perf_counter() - task.began, notes={"reason": reason})
