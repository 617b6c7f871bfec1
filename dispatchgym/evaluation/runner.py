"""Runs instance-method pairs in worker processes, each pair on the same number of cores.

A solver that crashes, is killed for its memory or raises costs its own pair and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from dispatchgym.baselines.clock import choose
from dispatchgym.baselines.method import Method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation.results import Pair, one_line
from dispatchgym.family import Family, digest
from dispatchgym.instances.errors import InputError
from dispatchgym.own import registry

Solve = Callable[..., Result]  # (instance, Method, *, seed, workers)
Report = Callable[[Pair, Result, float], None]  # pair, answer, CPU seconds of the process while it was found
Limit = Callable[[Method], float | None]  # seconds after which a method that has not answered is ended; None = never

_SPAWN = multiprocessing.get_context("spawn")  # forked children would inherit the locks of compiled threads
WARM_UP = 1.0  # seconds that a method may use on the trivial instance, most need none
THREAD_VARIABLES = ("DISPATCHGYM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def run(
    problem: Family,
    pairs: Sequence[Pair],
    *,
    seed: int,
    processes: int,
    cores: int,
    report: Report,
    limit: Limit = lambda _: None,
    clock: str = "cpu",
) -> None:
    """Solve every pair in one of `processes` workers that use `cores` threads each; `report` is called here, as answers come.

    Limits of methods count by `clock`, see baselines/clock.py. A worker that has not answered after `limit` of its method is
    ended, and its pair is an error.

    Raises InputError when workers cannot start. KeyboardInterrupt ends the workers before it leaves.
    """
    waiting = deque(pairs)
    workers: list[_Worker] = []
    try:
        while waiting or workers:
            while len(workers) < processes and sum(not worker.ready for worker in workers) < len(waiting):
                workers.append(_Worker(problem, seed, cores, clock))
            answered = wait([worker.pipe for worker in workers], shortest_wait([worker.deadline for worker in workers]))
            for worker in [worker for worker in workers if worker.pipe in answered or worker.late()]:
                if worker.pipe in answered:
                    worker.listen(report)
                else:
                    worker.end(report)
                if worker.pipe.closed:
                    workers.remove(worker)
                elif waiting:
                    pair = waiting.popleft()
                    worker.give(pair, limit(pair.method))
                else:
                    worker.dismiss()
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.kill()


def shortest_wait(deadlines: Sequence[float | None]) -> float | None:
    """Seconds until the next worker is late; None if none can be. Deadlines are values of time.perf_counter()."""
    ends = [deadline for deadline in deadlines if deadline is not None]
    return max(0.0, min(ends) - time.perf_counter()) if ends else None


def no_answer(seconds: float) -> str:
    """Why a method that was ended has no answer."""
    return f"no answer after {seconds:.0f} s: the process was ended (longer with --patience or more seconds of its own)"


class _Worker:
    """A process as its parent sees it."""

    def __init__(self, problem: Family, seed: int, cores: int, clock: str) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(
            target=_serve, args=(theirs, problem.solve, problem.warm_up, seed, cores, clock, registry.pack()), daemon=True
        )
        self.ready = False
        self.pair: Pair | None = None
        self.deadline: float | None = None  # value of time.perf_counter()
        with _environment(cores):
            self.process.start()
        theirs.close()  # now the end of the process closes the pipe, and `wait` notices

    def give(self, pair: Pair, limit: float | None) -> None:
        self.pair, self.began = pair, time.perf_counter()
        self.deadline = None if limit is None else self.began + limit
        with contextlib.suppress(OSError):  # it has died: `listen` will find out
            self.pipe.send((pair.instance, pair.method))

    def listen(self, report: Report) -> None:
        """Pass on the answer that has come; if the process has ended instead, close the pipe and report that."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self._bury(report)
            return
        if self.pair is None:
            self.ready = True
        else:
            report(self.pair, *answer)
            self.pair = self.deadline = None

    def _bury(self, report: Report) -> None:
        self.pipe.close()
        self.process.join()
        code = self.process.exitcode or 0
        cause = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        if self.pair is None:
            raise InputError(f"a worker process {cause} before it began to work")
        seconds = time.perf_counter() - self.began
        reason = f"the process {cause}" + (" (out of memory?)" if code == -signal.SIGKILL else "")
        report(self.pair, Result(None, None, "error", seconds, notes={"reason": reason}), 0.0)

    def late(self) -> bool:
        return self.deadline is not None and time.perf_counter() > self.deadline

    def end(self, report: Report) -> None:
        """End a process that does not answer, with all that it has started, and report that."""
        assert self.pair is not None
        self.kill()
        self.pipe.close()
        seconds = time.perf_counter() - self.began
        report(self.pair, Result(None, None, "error", seconds, notes={"reason": no_answer(seconds)}), 0.0)

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid or 0, signal.SIGKILL) if self.ready else self.process.kill()
        except (AttributeError, OSError):  # no groups on this system, or the process has ended
            self.process.kill()
        self.process.join()

    def dismiss(self) -> None:
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.process.join()
        self.pipe.close()


@contextlib.contextmanager
def _environment(cores: int) -> Iterator[None]:
    """Start a process with `cores` threads and without the caller's script.

    Numerical libraries read the variables when they are loaded, so a child must be born with them. A spawned child
    would also run the caller's script again; ours need nothing from it, and so work from any script or notebook.
    """
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    script = sys.modules["__main__"]
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(cores)))
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _serve(
    pipe: Connection, solve: Solve, smallest: Callable[[Any], Any], seed: int, cores: int, clock: str, packed: bytes
) -> None:
    """A worker's life: say that it is ready, then answer pairs until told to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the parent decides
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # so that programs which a method has started end with it
    _end_with_parent()
    registry.unpack(packed)
    choose(clock)
    with contextlib.suppress(EOFError, OSError):  # of the pipe: the parent has died, and nobody waits for an answer
        _answer(pipe, solve, smallest, seed, cores)


def _answer(pipe: Connection, solve: Solve, smallest: Callable[[Any], Any], seed: int, cores: int) -> None:
    answers = Answers(solve, smallest, seed, cores)
    pipe.send(None)
    while (task := pipe.recv()) is not None:
        pipe.send(answers(*task))


class Answers:
    """What a worker does with a pair. A method is warmed up before its first: compiling and loading belong to no instance."""

    def __init__(self, solve: Solve, smallest: Callable[[Any], Any], seed: int, cores: int) -> None:
        self.solve, self.smallest, self.seed, self.cores = solve, smallest, seed, cores
        self.warm: set[tuple[Method, str]] = set()  # method, digest of the trivial instance that it was tried on

    def __call__(self, instance: Any, method: Method) -> tuple[Result, float]:
        trivial = self.smallest(instance)
        if (method, digest(trivial)) not in self.warm:
            short = dataclasses.replace(method, seconds=min(method.seconds, WARM_UP)) if method.seconds else method
            attempt(self.solve, trivial, short, seed=self.seed, cores=self.cores)
            self.warm.add((method, digest(trivial)))
        return attempt(self.solve, instance, method, seed=self.seed, cores=self.cores)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def attempt(solve: Solve, instance: Any, method: Method | str, *, seed: int, cores: int) -> tuple[Result, float]:
    """The answer of `method` and the CPU seconds it took; an exception becomes a Result with status error."""
    # a re-validated copy has its read-only arrays back, which pickling loses and compiled code tells apart
    copy = dataclasses.replace(instance)
    began, cpu = time.perf_counter(), time.process_time()
    try:
        result = solve(copy, method, seed=seed, workers=cores)
    except Exception as error:  # one bad pair must not end an evaluation of hours
        reason = f"{type(error).__name__}: {one_line(error)}"
        result = Result(None, None, "error", time.perf_counter() - began, notes={"reason": reason})
    return result, time.process_time() - cpu
