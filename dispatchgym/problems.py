"""What the commands know about each problem family: where its instances, solvers, referee and drawings are.

Solvers and drawings are imported when they are used, so `--help` stays quick.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym.instances.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dispatchgym.baselines.result import Result
    from dispatchgym.instances.jobshop import JobShop, Schedule

Group = tuple[str, str]  # (set, size), as ("ta", "15x15"): what a column of a table averages over


@dataclasses.dataclass(frozen=True)
class Problem:
    """One family. Instances have `name`, `lower_bound` and `best_known`; instances and schedules are flat dataclasses."""

    name: str  # what users type
    title: str
    objective: str  # what is minimised, as tables and axes call it
    unit: str
    bounds: str  # where the published bounds come from, with their date
    methods: Callable[[], dict[str, str]]  # name -> one line of help
    validate: Callable[[str], str | None]  # raise InputError unless the method text can run; a hash of the weights it loads
    expand: Callable[[Iterable[str]], list[str]]
    load: Callable[[str], Any]
    group: Callable[[str, Any], Group]  # of (what was loaded, instance)
    smallest: Callable[[], Any]  # a trivial instance: solving it compiles and loads what a method needs
    solve: Callable[..., Result]  # (instance, method text, *, seed, workers)
    check: Callable[[Any, Any], int]
    draw: Callable[[Any, Any, str], Figure]  # (instance, schedule, title)
    schedule: Callable[[dict[str, Any]], Any]  # the schedule that `fields` of one gave


def digest(instance: Any) -> str:
    """A hash of everything in an instance but its name and its published bounds."""
    state = hashlib.sha256(type(instance).__name__.encode())
    for field in dataclasses.fields(instance):
        if field.name in ("name", "lower_bound", "best_known"):
            continue
        value = getattr(instance, field.name)
        state.update(f"|{field.name} {np.shape(value)} ".encode())
        state.update(np.ascontiguousarray(value, np.int64).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return state.hexdigest()[:16]


def fields(schedule: Any) -> dict[str, Any]:
    """A schedule as plain lists and numbers, ready for JSON."""
    found = {field.name: getattr(schedule, field.name) for field in dataclasses.fields(schedule)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def is_policy(method: str) -> bool:
    from dispatchgym.baselines.method import parse_method

    return parse_method(method).name.startswith("policy")


def _validate_policy(method: str, problem: str) -> str:
    try:
        from dispatchgym.policies import load, prepare
    except ImportError as error:
        raise InputError(f"method '{method}': no policy support ({error})") from error
    policy, _ = load(prepare(method, problem).target, problem)
    state = hashlib.sha256()
    for name, weights in policy.state_dict().items():
        state.update(name.encode() + weights.numpy().tobytes())
    return state.hexdigest()[:16]


# said here because importing the policies takes seconds
POLICY_HELP = {
    "policy": "the learned policy, the shipped one or @RUN; greedy without options [xSAMPLES = best of so many, beam=WIDTH, "
    "temperature=1.0, direction=forward|backward|both (backward plays the time-reversed instance, both shares the samples)]",
}


def _jobshop_methods() -> dict[str, str]:
    from dispatchgym.baselines.jobshop import METHODS

    return {**METHODS, **POLICY_HELP}


def _jobshop_validate(method: str) -> str | None:
    if is_policy(method):
        return _validate_policy(method, "jobshop")
    from dispatchgym.baselines.jobshop import check_method

    check_method(method)
    return None


def _jobshop_expand(specs: Iterable[str]) -> list[str]:
    from dispatchgym.instances import catalogue

    return catalogue.expand(specs)


def _jobshop_load(what: str) -> JobShop:
    from dispatchgym.instances import catalogue

    return catalogue.load(what)


def _jobshop_group(what: str, instance: JobShop) -> Group:
    """The set with its halves of different character apart: in dmu41-80 every job visits one half of the machines first."""
    from dispatchgym.instances import catalogue

    size = f"{instance.jobs}x{instance.machines}"
    if what not in catalogue.names():
        return "files", size
    family = next(name for name, members in catalogue.SETS.items() if what in members)
    if family == "dmu":
        family = "dmu01-40" if what <= "dmu40" else "dmu41-80"
    return family, size


def _jobshop_smallest() -> JobShop:
    from dispatchgym.instances.jobshop import JobShop

    return JobShop(np.zeros((1, 1), np.int32), np.ones((1, 1), np.int32), name="warm-up")


def _jobshop_solve(instance: JobShop, method: str, *, seed: int, workers: int) -> Result:
    if is_policy(method):
        from dispatchgym.policies import solve as solve_by_policy

        return solve_by_policy(instance, method, seed=seed, workers=workers)
    from dispatchgym.baselines.jobshop import solve

    return solve(instance, method, seed=seed, workers=workers)


def _jobshop_check(instance: JobShop, schedule: Schedule) -> int:
    from dispatchgym.envs.jobshop.check import check

    return check(instance, schedule)


def _jobshop_draw(instance: JobShop, schedule: Schedule, title: str) -> Figure:
    from dispatchgym.envs.jobshop.render import draw

    return draw(instance, schedule, title=title)


def _jobshop_schedule(data: dict[str, Any]) -> Schedule:
    from dispatchgym.instances.jobshop import Schedule

    return Schedule(np.asarray(data["start"], np.int64))


PROBLEMS: dict[str, Problem] = {
    "jobshop": Problem(
        name="jobshop",
        title="job shop",
        objective="makespan",
        unit="ticks",
        bounds="ScheduleOpt/benchmarks, 2026-08-19",
        methods=_jobshop_methods,
        validate=_jobshop_validate,
        expand=_jobshop_expand,
        load=_jobshop_load,
        group=_jobshop_group,
        smallest=_jobshop_smallest,
        solve=_jobshop_solve,
        check=_jobshop_check,
        draw=_jobshop_draw,
        schedule=_jobshop_schedule,
    ),
}
