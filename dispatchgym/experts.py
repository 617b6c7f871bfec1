"""Schedules that a training imitates: made by a method in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation.runner import attempt
from dispatchgym.family import Family, is_policy
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

Expert = Callable[[Sequence[Any]], list[Any]]  # instances -> a schedule worth imitating of each


def method_of(family: Family, text: str) -> Method:
    """The method that is imitated; InputError unless it is one of the family's that can be."""
    method = parse_method(text)
    if is_policy(method):
        raise InputError(f"--imitate {text}: only baselines can be imitated; a policy goes on by --initial")
    family.validate(method)
    return method


def here(family: Family, method: Method, seed: int) -> Expert:
    """An expert in this process."""

    def schedules(instances: Sequence[Any]) -> list[Any]:
        return [_schedule(method, x, attempt(family.solve, x, method, seed=seed, cores=1)[0]) for x in instances]

    return schedules


def _schedule(method: Method, instance: Any, result: Result) -> Any:
    if result.schedule is None:
        reason = f": {printable(str(result.notes['reason']), 150)}" if "reason" in result.notes else ""
        raise InputError(f"--imitate {method.text} found no schedule for {instance.name}{reason}")
    return result.schedule
