"""Models read backwards in time: a schedule of the one is a schedule of the other, with the same makespan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dispatchgym.instances.cpmodel.instance import CPInstance, CPSchedule, Lag, LagKind
from dispatchgym.instances.errors import InputError

# Kind of a lag -> its kind when the two tasks have changed places and ends are starts.
MIRRORED: dict[LagKind, LagKind] = {"FS": "FS", "SF": "SF", "SS": "FF", "FF": "SS"}


def reverse(instance: CPInstance) -> CPInstance:
    """The model with time running backwards.

    Raises InputError for a model that has none: one with releases, deadlines or breaks, or that minimises something else than the
    makespan and costs of modes.
    """
    o = instance.objective
    dated = any(task.release or task.deadline is not None for task in instance.tasks)
    if dated or any(resource.breaks for resource in instance.resources) or o.lateness or any((*o.completion, *o.tardiness)):
        raise InputError("a model with releases, deadlines, breaks or due dates has no time-reversed twin; use direction=forward")
    lags = tuple(
        Lag(lag.second, lag.first, MIRRORED[lag.kind], lag.least, lag.second_mode, lag.first_mode) for lag in instance.lags
    )
    return replace(instance, lags=lags, origin=None)


def unreverse(instance: CPInstance, schedule: CPSchedule) -> CPSchedule:
    """A schedule of the reversed model as one of `instance`."""
    ticks = np.array([task.modes[m].duration for task, m in zip(instance.tasks, schedule.mode.tolist(), strict=True)], np.int64)
    end = schedule.start + ticks
    return CPSchedule(end.max() - end, schedule.mode)
