"""Gives inputs to the commands within one process of bounded memory, and says how each was answered."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

MEMORY = 8 * 2**30
SECONDS = 20.0  # of processor time, so that a busy machine does not matter
WAIT = 120  # seconds, for what waits for ever
MOST = 300  # characters of an answer


class TooLong(BaseException):
    """An input took too long; nothing that is under test catches this."""


@dataclass(frozen=True)
class Answer:
    """What a command said of an input."""

    code: int | None  # exit status, None = an exception
    said: str  # standard error, or the exception
    changed: tuple[str, ...] = ()  # files and folders that were made, changed or removed
    reached: bool = False  # the work would have begun

    @property
    def fault(self) -> str:
        """Why this is no good answer to a malformed input; "" if it is one."""
        if self.code is None:
            return f"an exception: {self.said[-600:]}"
        if self.reached or self.code == 0:
            return "accepted"
        if self.code != 2:
            return f"exit code {self.code}"
        if self.said.count("\n") != 1 or not self.said.endswith("\n") or len(self.said) > MOST + 1:
            return f"not one line of at most {MOST} characters: {self.said[:400]!r}"
        if not self.said[:-1].isprintable():
            return f"a line that is not printable: {self.said!r}"
        return f"written: {', '.join(self.changed)}" if self.changed else ""


def bound() -> None:
    """Take no more memory than is allowed; called in a process of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@contextlib.contextmanager
def deadline(seconds: float = SECONDS) -> Iterator[None]:
    """Raise TooLong after so much processor time, or a long wait; deadlines within another one end it."""

    def late(number: int, _: object) -> None:
        raise TooLong(f"more than {seconds} s of processor time" if number == signal.SIGPROF else f"waited {WAIT} s")

    before = [signal.signal(number, late) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(WAIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for number, handler in zip((signal.SIGPROF, signal.SIGALRM), before, strict=True):
            signal.signal(number, handler)


def entries(folder: Path) -> dict[str, Any]:
    """What stands below a folder; folders themselves by name only, as a probe whether one can write changes their time."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        found[str(path.relative_to(folder))] = None if path.is_dir() else (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


_parsers: dict[str, Callable[[list[str]], Any]] = {}


def parser(name: str, parse: Callable[[list[str]], Any]) -> Callable[[list[str]], Any]:
    """The command's own parser, but that it parses the same words once: that is most of the time of a refused file."""
    if name not in _parsers:
        kept = lru_cache(maxsize=64)(lambda words: parse(list(words)))
        _parsers[name] = lambda arguments: kept(tuple(arguments))
    return _parsers[name]


def ask(command: tuple[str, ...], folder: Path, then: Callable[..., None] = lambda *_: None) -> Answer:
    """Run a command in `folder` up to where its work would begin; `then` gets what evaluate's work would."""
    from dispatchgym import evaluate, policies, train
    from dispatchgym.agents.trainer import Trainer

    began: list[bool] = []
    policies.load.cache_clear()  # it knows a policy by its folder

    def work(*arguments: Any, **_: Any) -> None:
        began.append(True)
        if command[0] == "evaluate":
            then(*arguments)

    program = {"evaluate": evaluate, "train": train}[command[0]]
    before = entries(folder)
    out, error, here = io.StringIO(), io.StringIO(), Path.cwd()
    code: int | None = 0
    os.chdir(folder)
    try:
        with (
            deadline(),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
            mock.patch.object(program, "_parse", parser(command[0], program._parse)),
            mock.patch.object(evaluate, "_work", work),
            mock.patch.object(Trainer, "run", work),
            mock.patch.object(train.Progress, "show_rules", return_value=None),
        ):
            program.main(list(command[1:]))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    except (Exception, TooLong):
        code, error = None, io.StringIO(traceback.format_exc())
    finally:
        os.chdir(here)
    after = entries(folder)
    changed = tuple(sorted(name for name in {*before, *after} if before.get(name, 0) != after.get(name, 0)))
    return Answer(code, error.getvalue(), changed, bool(began))


def make(environment: str, words: dict[str, Any]) -> Answer:
    """Ask for an environment with keywords."""
    import gymnasium

    import dispatchgym  # noqa: F401
    from dispatchgym.instances.errors import InputError

    try:
        with deadline():
            (gymnasium.make_vec if "num_envs" in words else gymnasium.make)(f"dispatchgym/{environment}", **words)
    except InputError as error:
        said = str(error).partition(" was raised from the environment creator")[0]  # Gymnasium adds this to a TypeError
        return Answer(2, f"{said}\n")
    except (Exception, TooLong):
        return Answer(None, traceback.format_exc())
    return Answer(0, "")
