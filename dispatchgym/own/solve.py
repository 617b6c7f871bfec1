"""Running an own method as every other one: its time is taken, and its answer becomes a Result for the referee."""

from __future__ import annotations

import dataclasses
import inspect
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from dispatchgym.baselines.method import FILE, FUNCTION, Method
from dispatchgym.baselines.result import Result, Status
from dispatchgym.instances.errors import InputError
from dispatchgym.own import players, registry, solutions

if TYPE_CHECKING:
    from dispatchgym.family import Family

GIVEN = ("seed", "seconds", "workers")
# An answer may be this much later than its limit: searches look at the clock from time to time.
LATE_SHARE, LATE_SECONDS = 0.1, 1.0
_KEPT_BY_JUDGES = ("workers", "builder", "reason")  # notes that the line of a result has fields for


def validate(family: Family, method: Method) -> str:
    """A hash of the function, model or schedules that `method` loads; InputError unless it can run."""
    if method.name == FILE:
        method.accept(target=True)
        return solutions.fingerprint(family, method)
    if method.name == "policy":
        return players.validate(family, method)
    method.accept(seconds=True, keys=tuple(method.options), target=method.name == FUNCTION)
    function = registry.function_of(method)
    _keywords(function, method, 0, 1)
    return registry.source_hash(function)


def solve(family: Family, instance: Any, method: Method, *, seed: int = 0, workers: int = 1) -> Result:
    """Run `method` on one instance.

    What it returns is not judged here. TimeoutError, None, and an answer more than 10 % and one second behind the limit are
    the status "timeout"; every other exception of the method is raised.
    """
    if method.name == FILE:
        return Result(None, solutions.find(family, instance, method), "feasible", 0.0, notes={"from": "a file"})
    if method.name == "policy":
        player = players.load(family, method)
        env = player.prepare(instance)  # as for the suite's own policies, what is loaded and compiled is not counted
        began = time.perf_counter()
        schedule = player.play(env, seed)
        return Result(None, schedule, "feasible", time.perf_counter() - began, notes=player.notes)
    function = registry.function_of(method)
    keywords = _keywords(function, method, seed, workers)
    began = time.perf_counter()
    try:
        answer = function(instance, **keywords)
    except TimeoutError as error:
        return _none(time.perf_counter() - began, f"TimeoutError: {error}".removesuffix(": "))
    seconds = time.perf_counter() - began
    limit = method.seconds
    if limit is not None and seconds > (1 + LATE_SHARE) * limit + LATE_SECONDS:
        return _none(seconds, f"answered after {seconds:.2f} s; its limit was {limit:g} s")
    return as_result(family, answer, seconds)


def _none(seconds: float, reason: str) -> Result:
    return Result(None, None, "timeout", seconds, notes={"reason": reason})


def _keywords(function: Any, method: Method, seed: int, workers: int) -> dict[str, Any]:
    """What `function` is given beside the instance; InputError for an option that it does not take."""
    given = {"seed": seed, "seconds": method.seconds, "workers": workers}
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # built in C
        return {**given, **method.options}
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise method.error("the function takes no instance: it must be solve(instance, seed, seconds, workers)")
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    takes = {p.name for p in parameters[1:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for option in method.options:
        if option in GIVEN or (option not in takes and not open_ended):
            known = ", ".join(sorted(takes - set(GIVEN))) or "none"
            raise method.error(f"option {option}=... is not one of the function's own parameters ({known})")
    found = {name: value for name, value in {**given, **method.options}.items() if open_ended or name in takes}
    missing = [p.name for p in parameters[1:] if p.name in takes and p.default is p.empty and p.name not in found]
    if missing:
        raise method.error(f"the function needs '{missing[0]}', which is none of {', '.join(GIVEN)} and not given as an option")
    return found


def as_result(family: Family, answer: Any, seconds: float) -> Result:
    """The answer of an own method as a Result with the wall `seconds` that were measured.

    Raises InputError for what is no schedule, and for times that are not whole numbers.
    """
    if answer is None:
        return _none(seconds, "the method returned no schedule")
    if not isinstance(answer, Result):
        return Result(None, as_schedule(family, answer), "feasible", seconds)
    if answer.status not in get_args(Status):
        raise InputError(f"the method returned the status {answer.status!r}")
    notes = {name: value for name, value in answer.notes.items() if name not in _KEPT_BY_JUDGES}
    return Result(
        _whole(answer.objective),
        None if answer.schedule is None else as_schedule(family, answer.schedule),
        answer.status,
        seconds,
        _whole(answer.lower_bound),
        tuple((float(s), _whole(objective), _whole(bound)) for s, objective, bound in answer.curve),
        json.loads(json.dumps(notes, default=str)),
    )


def _whole(value: Any) -> int | None:
    if value is None:
        return None
    if int(value) != value:
        raise InputError(f"the method returned {value!r} where a whole number belongs")
    return int(value)


def as_schedule(family: Family, answer: Any) -> Any:
    """A schedule of `family` from one, or from a mapping of its fields to arrays or lists of whole numbers."""
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        answer = {field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)}
    if not isinstance(answer, Mapping):
        kind = type(answer).__name__
        raise InputError(f"the method returned a {kind}, which is neither a schedule nor a mapping of its fields")
    try:
        return family.schedule(_Fields(answer))
    except KeyError as error:
        raise InputError(f"the schedule has no field {error}") from None


class _Fields(dict[str, Any]):
    """What a schedule is read from: each field that is read is looked at, others may be anything."""

    def __getitem__(self, name: str) -> Any:
        return _plain(name, super().__getitem__(name))


def _plain(name: str, value: Any) -> Any:
    """Arrays of numbers as lists of whole numbers; what holds no numbers as it is."""
    if isinstance(value, str) or value is None:
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return value
    if array.dtype.kind not in "iuf" or (array.dtype.kind != "f" and isinstance(value, list)):
        return value
    if array.dtype.kind == "f":
        wrong = array[~(np.isfinite(array) & (array == np.floor(array)))]
        if wrong.size:
            raise InputError(f"field '{name}' of the schedule holds {wrong[0]}, which is not a whole number")
        array = array.astype(np.int64)
    return array.tolist()
