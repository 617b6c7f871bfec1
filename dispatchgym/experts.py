"""Schedules that a training imitates: made by a method in this process, or by workers in a Ray cluster that do the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation.runner import attempt
from dispatchgym.family import Family, is_policy
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.names import printable

MOST_WORKERS = 10_000
Expert = Callable[[Sequence[Any]], list[Any]]  # instances -> a schedule worth imitating of each


@dataclass(frozen=True)
class Label:
    """An instance that needs a schedule."""

    instance: Any
    method: Method


def method_of(family: Family, text: str) -> Method:
    """The method that is imitated; InputError unless it is one of the family's that can be."""
    method = parse_method(text)
    if is_policy(method):
        raise InputError(f"--imitate {text}: only baselines can be imitated; a policy goes on by --initial")
    family.validate(method)
    return method


@contextlib.contextmanager
def chosen(family: Family, text: str | None, seed: int, ray: str | None, workers: int, processes: int) -> Iterator[Expert | None]:
    """What makes the schedules to imitate, if there are any; for a training in so many `processes`.

    Raises InputError for what cannot be imitated, and a cluster that cannot be used.
    """
    if text is None:
        if ray is not None:
            raise InputError(f"--ray {printable(ray, 100)}: only the schedules of --imitate are made in a cluster")
        yield None
        return
    method = method_of(family, text)
    if ray is None:
        yield here(family, method, seed)
        return
    if processes > 1 and ray == "local":
        raise InputError(f"--ray local: {processes} processes need the address of a cluster that they share")
    expert = InCluster(family, method, seed, ray, workers)
    try:
        yield expert
    finally:
        expert.close()


def here(family: Family, method: Method, seed: int) -> Expert:
    """An expert in this process."""

    def schedules(instances: Sequence[Any]) -> list[Any]:
        return [_schedule(method, x, attempt(family.solve, x, method, seed=seed, cores=1)[0]) for x in instances]

    return schedules


class InCluster:
    """An expert whose `processes` workers are in the Ray cluster at `address`.

    Needs Ray. Raises InputError where the cluster cannot be reached.
    """

    def __init__(self, family: Family, method: Method, seed: int, address: str, processes: int) -> None:
        from dispatchgym.evaluation.cluster import Workers

        self._method = method
        self._workers = Workers(address, family, seed=seed, processes=processes, cores=1)

    def __call__(self, instances: Sequence[Any]) -> list[Any]:
        """A schedule of each instance. Raises InputError for an instance that has none after several attempts."""
        labels = [Label(x, self._method) for x in instances]
        found: dict[int, Result] = {}

        def report(label: Label, result: Result, cpu_seconds: float) -> None:
            found[id(label)] = result

        self._workers.share(labels, report)
        return [_schedule(self._method, label.instance, found[id(label)]) for label in labels]

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def _schedule(method: Method, instance: Any, result: Result) -> Any:
    if result.schedule is None:
        reason = f": {printable(str(result.notes['reason']), 150)}" if "reason" in result.notes else ""
        raise InputError(f"--imitate {method.text} found no schedule for {instance.name}{reason}")
    return result.schedule
