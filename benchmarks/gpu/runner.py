"""Runs parts as processes with a time limit, so that a part that fails, hangs or breaks the device does not end the others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.gpu.parts import PARTS, load
from benchmarks.gpu.worker import MARK
from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.instances.files import write_text

FORMAT = 1
ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 16  # at most: each has a compiler and a context on the device
LOG = 1500  # characters of a failed process that are kept
Entry = dict[str, Any]


@dataclass
class Job:
    """A process with its cases."""

    part: str
    cases: list[str]
    log: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("w+", encoding="utf-8"))  # noqa: SIM115
    process: subprocess.Popen[str] | None = None

    def start(self, tiny: bool, lock: str) -> None:
        from benchmarks.gpu.device import LOCK

        words = [sys.executable, "-m", "benchmarks.gpu.worker", self.part, "tiny" if tiny else "full", *self.cases]
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        own = {LOCK: lock, "PYTHONPATH": paths}
        self.process = subprocess.Popen(
            words, stdout=self.log, stderr=subprocess.STDOUT, cwd=ROOT, env=os.environ | own, text=True, process_group=0
        )

    def stop(self) -> None:
        """End the process and what it started."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def entries(self, late: bool) -> list[Entry]:
        """What its cases gave. A case that was not finished has a reason: the time, or the last words of the process."""
        self.log.seek(0)
        lines = self.log.read().splitlines()
        self.log.close()
        told = [json.loads(line[len(MARK) :]) for line in lines if line.startswith(MARK)]
        rest = "\n".join(line for line in lines if not line.startswith(MARK))[-LOG:]
        found = []
        for case in self.cases:
            own = [x for x in told if x["case"] == case]
            entry: Entry = {"part": self.part, "case": case, "rows": [x["row"] for x in own if "row" in x]}
            end = next((x for x in own if "status" in x), None)
            if end is not None:
                entry |= {name: end[name] for name in ("status", "reason", "seconds")}
            elif late:
                entry |= {"status": "late", "reason": "ran over its time" if own else "no time left for it"}
            else:
                code = self.process.returncode if self.process else None
                entry |= {"status": "failed", "reason": f"its process ended with status {code}"}
            if entry["status"] in ("failed", "late") and rest:
                entry["log"] = rest
            found.append(entry)
        return found


class Run:
    """One run: entries are written to `out` whenever a process ends."""

    def __init__(self, out: Path, about: dict[str, Any], tiny: bool, report: Callable[[Entry], None]) -> None:
        self.out, self.about, self.tiny, self.report = out, about, tiny, report
        self.results: list[Entry] = []
        self.running: list[Job] = []
        self.save()

    def save(self) -> None:
        about = {"format": FORMAT, "header": self.about, "tiny": self.tiny, "simulated": simulated()}
        write_text(self.out, json.dumps(about | {"entries": self.results}, indent=1) + "\n")

    def parts(self, names: Sequence[str], budget: float) -> None:
        """Run these parts one after another; what a part leaves of its share of the budget goes to the later ones."""
        end = time.monotonic() + budget
        shares = [PARTS[name].share for name in names]
        with tempfile.NamedTemporaryFile() as lock:
            try:
                for n, name in enumerate(names):
                    left = max(0.0, end - time.monotonic())
                    self.part(name, left * shares[n] / sum(shares[n:]), lock.name)
            finally:
                for job in self.running:
                    job.stop()

    def part(self, name: str, seconds: float, lock: str) -> None:
        """All cases of one part, within so many seconds."""
        until = time.monotonic() + seconds
        cases = load(name).cases(self.tiny)
        # In the simulator starting processes would cost more than what they do.
        together = PARTS[name].together and not self.tiny
        waiting = [Job(name, [case]) for case in cases] if together else [Job(name, cases)]
        width = max(1, min(PROCESSES, len(os.sched_getaffinity(0)) - 1))
        while waiting or self.running:
            late = time.monotonic() > until
            for job in list(self.running):
                assert job.process is not None
                if late:
                    job.stop()
                if job.process.poll() is not None:
                    self.running.remove(job)
                    self.add(job.entries(late))
            if late:
                for job in waiting:
                    self.add(job.entries(late=True))
                return
            while waiting and len(self.running) < width:
                self.running.append(waiting.pop(0))
                self.running[-1].start(self.tiny, lock)
            time.sleep(0.05)

    def add(self, entries: list[Entry]) -> None:
        self.results += entries
        self.save()
        for entry in entries:
            self.report(entry)
