"""Priority rules: which of several tasks that could be placed goes first.

A rule gives every task a score; the task with the smallest score goes first, ties go to the lower number. Where nothing else is
said, a task's time is its shortest duration. Kolisch & Hartmann (in Weglarz (ed.), Project Scheduling, 1999) survey the rules of
projects, Haupt (OR Spektrum 11, 1989) those of shops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, placing_order

Scores = npt.NDArray[np.float64]
STATIC, BY_START, ATC = range(3)  # how a score depends on the time at which a task could start
FAR = float(2**40)  # the due date of a task without one


class Rule(NamedTuple):
    score: Callable[[CPInstance], Scores]  # (N,) static part
    kind: int = STATIC
    meaning: str = ""


def shortest(x: CPInstance) -> Scores:
    """Each task's shortest duration."""
    return np.array([min(mode.duration for mode in task.modes) for task in x.tasks], np.float64)


def tails(x: CPInstance) -> Scores:
    """Time from the start of each task to the end of all, at least: longest paths of shortest durations."""
    ticks = shortest(x)
    tail = ticks.copy()
    out = _out(x)
    for i in reversed(placing_order(x)):
        for lag in out[i]:
            back = ticks[lag.second] if lag.kind[1] == "F" else 0.0
            ahead = ticks[i] if lag.kind[0] == "F" else 0.0
            tail[i] = max(tail[i], ahead + lag.least + tail[lag.second] - back)
    return tail


def latest_finish(x: CPInstance) -> Scores:
    """Latest end of each task, if the whole is to end as early as its longest path allows, or its deadline."""
    tail, ticks = tails(x), shortest(x)
    latest = tail.max() - tail + ticks
    limits = np.array([FAR if task.deadline is None else task.deadline for task in x.tasks], np.float64)
    return np.minimum(latest, limits)


def due_dates(x: CPInstance) -> Scores:
    """Due date of each task; without one, that of the first task after it that has one less the time in between."""
    tail, ticks = tails(x), shortest(x)
    due = np.array([FAR if task.due is None else task.due for task in x.tasks], np.float64)
    out = _out(x)
    for i in reversed(placing_order(x)):
        for lag in out[i]:
            due[i] = min(due[i], due[lag.second] - ticks[lag.second])
    return np.where(due >= FAR / 2, FAR + tail.max() - tail, due)


def after(x: CPInstance) -> list[set[int]]:
    """The tasks that wait for each task, directly or not."""
    found: list[set[int]] = [set() for _ in x.tasks]
    out = _out(x)
    for i in reversed(placing_order(x)):
        for lag in out[i]:
            found[i] |= found[lag.second] | {lag.second}
    return found


def work_remaining(x: CPInstance) -> Scores:
    """Work of each task and of all that wait for it."""
    ticks = shortest(x)
    return np.array([ticks[i] + sum(ticks[j] for j in tasks) for i, tasks in enumerate(after(x))])


def rank_weight(x: CPInstance) -> Scores:
    """Time of each task and of those that wait for it directly (Alvarez-Valdes & Tamarit 1989)."""
    ticks = shortest(x)
    return np.array([ticks[i] + sum(ticks[j] for j in {lag.second for lag in lags}) for i, lags in enumerate(_out(x))])


def weights(x: CPInstance) -> Scores:
    """Weight of each task and of all that wait for it, at least a little."""
    own = np.zeros(len(x.tasks))
    for part in (x.objective.completion, x.objective.tardiness):
        own += np.array(part or np.zeros(len(x.tasks)))
    return np.array([own[i] + sum(own[j] for j in tasks) for i, tasks in enumerate(after(x))]) + 1e-3


def _out(x: CPInstance) -> Sequence[Sequence[Lag]]:
    out: list[list[Lag]] = [[] for _ in x.tasks]
    for lag in x.lags:
        out[lag.first].append(lag)
    return out


RULES: dict[str, Rule] = {
    "spt": Rule(shortest, meaning="shortest processing time"),
    "mwkr": Rule(lambda x: -work_remaining(x), meaning="most work remaining, with all that waits for the task"),
    "mopnr": Rule(lambda x: -np.array([float(len(t)) for t in after(x)]), meaning="most tasks remaining"),
    "lft": Rule(latest_finish, meaning="earliest latest finish time"),
    "lst": Rule(lambda x: latest_finish(x) - shortest(x), meaning="earliest latest start time"),
    "minslk": Rule(lambda x: latest_finish(x) - shortest(x), BY_START, meaning="least slack"),
    "grpw": Rule(lambda x: -rank_weight(x), meaning="greatest rank positional weight"),
    "edd": Rule(due_dates, meaning="earliest due date"),
    "atc": Rule(due_dates, ATC, meaning="apparent tardiness cost (Vepsalainen & Morton 1987)"),
    "random": Rule(lambda x: np.zeros(len(x.tasks)), meaning="any task that could be placed, with equal chance"),
}
