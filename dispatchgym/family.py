"""The vocabulary of family cards: what the commands, training and registration must know of a problem family.

A card (`families/NAME.py`) is data. It names heavy modules by dotted paths, which are imported when they are used, so that
`import dispatchgym` and `--help` stay quick.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dispatchgym.baselines.first import policies
from dispatchgym.baselines.method import Method, parse_method
from dispatchgym.envs.core.dotted import resolve
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dispatchgym.agents.training import Agent
    from dispatchgym.baselines.result import Result
    from dispatchgym.instances.names import Generator
    from dispatchgym.report.scene import Chart, NameChoice, Scene

Group = tuple[str, str]  # (set, size), as ("ta", "15x15"): what a column of a table averages over

POLICY_HELP = (
    "the learned policy, the shipped one or @RUN; greedy without options [SEARCH = "
    "sample|beam|stochastic-beam|gumbel|adapt, SECONDS (1s) or xSAMPLES = best of so many episodes, beam=WIDTH, "
    "temperature=1.0]"
)
DIRECTION_HELP = (
    ", direction=forward|backward|both (backward plays the time-reversed instance; both is the better of two greedy episodes, or "
    "shares the samples)"
)


@dataclasses.dataclass(frozen=True)
class Lazy:
    """A function or value by its dotted path `module:name`, imported at its first use. MissingExtra if that lacks a package."""

    path: str

    @property
    def value(self) -> Any:
        with named():
            return resolve(self.path)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        with named():
            return self.value(*arguments, **keywords)


@dataclasses.dataclass(frozen=True)
class Column:
    """A number of every answer. Its means are a column of the tables, or their cells."""

    head: str
    of: Callable[[dict[str, Any]], float | None]  # of an answered line of results.jsonl; None = there is none
    digits: int = 2
    across: bool = False  # means over unlike instances say something too
    interval: bool = False  # means with their 95 % confidence interval
    beside: Column | None = None  # what is to be read together with it: both in one cell
    note: str = ""  # what it is, for the end of a report

    @property
    def title(self) -> str:
        return self.head + (f" / {self.beside.title}" if self.beside else "")

    def values(self, rows: Sequence[dict[str, Any]]) -> list[float]:
        found = [self.of(row) for row in rows if row["objective"] is not None]
        return [value for value in found if value is not None]

    def text(self, rows: Sequence[dict[str, Any]]) -> str:
        """The mean over the answered of `rows`, as a cell has it; "-" if there is none."""
        values = self.values(rows)
        if not values:
            return "-"
        half = _half_width(values) if self.interval else None
        text = f"{fmean(values):.{self.digits}f}" + ("" if half is None else f" ±{half:.{self.digits}f}")
        return text if self.beside is None else f"{text} / {self.beside.text(rows)}"


def _half_width(values: Sequence[float]) -> float | None:
    from dispatchgym.statistics import half_width

    return half_width(values)


@dataclasses.dataclass(frozen=True)
class Disturbance:
    """How the instances of a family differ beside their set and size: means over several levels would say nothing.

    An instance may be a disturbed copy of another one: a schedule of the copy is at least as long as one of the original, so
    what is published for the original bounds the copy from below only.
    """

    title: str  # of the table with a column for each level
    of: Callable[[str], str]  # the level of the instance of that name
    original: Callable[[str], str]  # the name of the undisturbed instance, its own if it is not disturbed
    disturbed: Callable[[Any], bool]  # whether an instance differs from its original
    note: str  # what a gap of a disturbed instance means


@dataclasses.dataclass(frozen=True)
class Shelf:
    """The instances of a family that names stand for, and how an instance is told and written."""

    sets: Callable[[], Mapping[str, Sequence[str]]]  # set -> the names in it, which `expand` takes
    generators: Mapping[str, Generator]  # of generated instances, by the first word of their names
    facts: Callable[[Any], dict[str, Any]]  # of an instance: title -> number or words
    write: Callable[[Any, Path], None]  # (instance, file), as `load` reads it
    stem: Callable[[Any], str] = lambda instance: str(instance.name)  # of what is written of an instance
    suffix: Callable[[Any], str] = lambda instance: ".json"  # of the file of an instance
    what: str = "instances"  # what the names stand for
    notes: str = ""  # what a file does not keep
    examples: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)  # subcommand -> words that may follow it


@dataclasses.dataclass(frozen=True, eq=False)
class Family:
    """The card of one family. Instances have `name`, `lower_bound` and `best_known`; instances and schedules are dataclasses."""

    name: str  # what users type
    title: str
    objective: str  # what is minimised, as tables and axes call it
    unit: str
    bounds: str  # where the published bounds come from, with their date if there is one; empty = no optimum is known or proved
    ids: Mapping[str, str]  # Gymnasium id without the prefix -> "module:Class" of its Keywords
    expand: Callable[[Iterable[str], Any], list[str]]  # (what users type, the family's options or None) -> what `load` takes
    load: Callable[[str], Any]
    group: Callable[[str, Any], Group]  # of (what was loaded, instance)
    warm_up: Callable[[Any], Any]  # a trivial instance of the same kind: solving it compiles and loads what a method needs
    methods: str  # module with METHODS (name -> help), check_method(method) and solve(instance, method, *, seed, workers, play)
    check: Callable[[Any, Any], int]  # the referee: (instance, schedule) -> objective, or InvalidSchedule
    draw: Callable[..., Figure]  # (instance, schedule, title=)
    schedule: Callable[[dict[str, Any]], Any]  # the schedule that `fields` of one gave
    examples: tuple[tuple[str, str], ...]  # for the help: (what it does, the command after `evaluate.py NAME`)
    variants: Mapping[str, Mapping[str, Any]]  # of the environment, each with machine code of its own: name -> keywords, tiny
    rules: tuple[str, ...] = ()  # fast methods that a policy has to beat: training shows the best of them
    agent: Lazy | None = None  # Agent: how the family is trained and how its policies play
    policy_help: str = POLICY_HELP
    table: Callable[[Any, Any], dict[str, list[Any]]] | None = None  # (instance, accepted schedule) -> who occupies what, when
    refine: tuple[str, Callable[..., Result]] | None = None  # (method option, how it goes on)
    options: Lazy | None = None  # dataclass of the options of evaluate.py that only this family has
    train_options: Lazy | None = None  # dataclass of the options of train.py that only this family has
    train_examples: tuple[str, ...] = ()  # commands after `train.py NAME`
    sizes_help: str = "JOBSxMACHINES"
    after_training: Callable[[Family, Any, Path], str] | None = None  # (family, training, folder): what is said at the end
    disturbance: Lazy | None = None  # Disturbance
    per_unit: int = 1  # objectives are whole numbers of such parts of `unit`
    metrics: Callable[[Any, Any], dict[str, float | None]] | None = None  # (instance, accepted schedule), for results.jsonl
    cell: Lazy | None = None  # Column that tables show where no best known value is published; default: the mean objective
    columns: Lazy | None = None  # further Columns of the tables
    anytime: bool = True  # methods improve one answer over time: charts show how
    charts: Callable[[list[Any], dict[str, Any]], dict[str, Figure]] | None = None  # (lines, styles of methods): other charts
    scenes: Callable[[Any, Any], list[Scene]] | None = None  # (instance, accepted schedule) -> how a report draws it
    name_choices: Callable[[Any, Any, Any], NameChoice] | None = None  # (problem, instance, sizes): the choices of policies
    report_charts: Callable[[list[Any]], list[Chart]] | None = None  # (lines): further charts of a report
    schemas: Mapping[str, tuple[str, Lazy]] = dataclasses.field(default_factory=dict)  # JSON files: what each is, and its shape
    shelf: Lazy | None = None  # Shelf: the instances that there are by name, and those that can be drawn

    def format_objective(self, objective: float) -> str:
        """An objective as people read it, in `unit`."""
        return f"{objective}" if self.per_unit == 1 else f"{objective / self.per_unit:.2f}"

    def objective_text(self, objective: float) -> str:
        """An objective with its unit; ticks, which stand for nothing else, are not named."""
        return self.format_objective(objective) + ("" if self.per_unit == 1 else f" {self.unit}")

    def table_cell(self) -> Column | None:
        """What tables show where no best known value is published; None = the mean objective."""
        return self.cell.value if self.cell else None

    def table_columns(self) -> tuple[Column, ...]:
        """Further columns of the tables."""
        return self.columns.value if self.columns else ()

    def method_help(self) -> dict[str, str]:
        """Every method with one line of help."""
        learned = {"policy": self.policy_help} if self.agent else {}
        return {**import_module(self.methods).METHODS, **learned}

    def validate(self, method: Method | str) -> str | None:
        """A hash of the weights, function or files that the method loads, if any; InputError unless it can run."""
        method = parse_method(method)
        if self.is_own(method):
            return _own().validate(self, method)
        if is_policy(method):
            return _policies(method).fingerprint(method, self)
        import_module(self.methods).check_method(method)
        return "+".join(str(self.validate(text)) for text in policies(method)) or None

    def is_own(self, method: Method) -> bool:
        """Whether the method is the user's: no method of the suite may be replaced."""
        return method.name not in import_module(self.methods).METHODS and _own_registry().is_own(method)

    def remarks(self, instances: Sequence[Any], method: Method | str) -> list[str]:
        """What to know before the method is run on the instances, a line each: a policy may not be made for them."""
        method = parse_method(method)
        learned = is_policy(method) and not self.is_own(method)
        found: list[str] = _policies(method).remarks(self, instances, method) if learned else []
        return found

    def solve(self, instance: Any, method: Method | str, *, seed: int = 0, workers: int = 1) -> Result:
        """Run a method on one instance."""
        method = parse_method(method)
        result: Result
        if self.is_own(method):
            result = _own().solve(self, instance, method, seed=seed, workers=workers)
        elif is_policy(method):
            result = _policies(method).solve(self, instance, method, seed=seed)
        else:
            first = {"play": lambda text: self.solve(instance, text, seed=seed)} if policies(method) else {}
            result = import_module(self.methods).solve(instance, method, seed=seed, workers=workers, **first)
        return result

    def trained_by(self) -> Agent:
        """How the family is trained; InputError if it is not."""
        if self.agent is None:
            raise InputError(f"there is no training for {self.name}")
        agent: Agent = self.agent.value
        return agent


def is_policy(method: Method) -> bool:
    return method.name.startswith("policy")


def _policies(method: Method) -> Any:
    with named(f"method '{method.text}'"):
        return import_module("dispatchgym.policies")


def _own() -> Any:
    return import_module("dispatchgym.own.solve")


def _own_registry() -> Any:
    return import_module("dispatchgym.own.registry")


@dataclasses.dataclass(frozen=True)
class ScheduleOf:
    """Reads a schedule whose fields are arrays of whole numbers from what `fields` of one gave; the data may hold more.

    Raises InputError for a field that is no such array, and KeyError for one that is missing.
    """

    path: str  # "module:Class"

    def __call__(self, data: dict[str, Any]) -> Any:
        kind = resolve(self.path)
        return kind(**{field.name: whole_numbers(field.name, data[field.name]) for field in dataclasses.fields(kind)})


def whole_numbers(name: str, value: Any) -> Any:
    """A field of a schedule as an array of int64; InputError for what is none, such as rows of different lengths, or texts."""
    import numpy as np

    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"field '{name}' of the schedule has rows of different lengths, or is nested too deeply") from None
    too_large = array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max
    if too_large or (array.size and (array.dtype.kind not in "iu" or _has_truths(value))):
        raise InputError(f"field '{name}' of the schedule is not an array of whole numbers of at most 64 bits")
    return array.astype(np.int64)


def _has_truths(value: Any) -> bool:
    """Whether true or false is among the members of a list, which numpy would take for 1 and 0."""
    return isinstance(value, bool) or (isinstance(value, list) and any(map(_has_truths, value)))


def digest(instance: Any) -> str:
    """A hash of everything in an instance but its name and its published bounds."""
    import numpy as np

    state = hashlib.sha256(type(instance).__name__.encode())
    for field in dataclasses.fields(instance):
        if field.name in ("name", "lower_bound", "best_known"):
            continue
        value = getattr(instance, field.name)
        if dataclasses.is_dataclass(value):
            value = digest(value)
        elif isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            value = "".join(digest(x) if dataclasses.is_dataclass(x) else repr(x) for x in value)
        shape = (len(value),) if isinstance(value, tuple) else np.shape(value)
        state.update(f"|{field.name} {shape} ".encode())
        if isinstance(value, np.ndarray):
            kind = np.float64 if np.issubdtype(value.dtype, np.floating) else np.int64
            state.update(np.ascontiguousarray(value, kind).tobytes())
        else:
            state.update(repr(value).encode())
    return state.hexdigest()[:16]


def fields(schedule: Any) -> dict[str, Any]:
    """A schedule as plain lists and numbers, ready for JSON."""
    import numpy as np

    found = {field.name: getattr(schedule, field.name) for field in dataclasses.fields(schedule)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}
