"""What the commands know about each problem family: where its instances, solvers, referee and drawings are.

Families keep solvers, referee and drawing in modules of the same names (`of_modules`), which are imported when they are used,
so that `--help` stays quick.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym import problems_memory as memory
from dispatchgym import problems_shops as shops
from dispatchgym import problems_soc as soc
from dispatchgym.instances.blocking import catalogue as blocking_catalogue
from dispatchgym.instances.blocking.instance import BlockingSchedule
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import Schedule
from dispatchgym.instances.memory import catalogue as memory_catalogue
from dispatchgym.instances.memory.instance import PackingPlan
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.instance import StaticSchedule, StreamLog
from dispatchgym.measure import Measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dispatchgym.baselines.result import Result

Group = tuple[str, str]  # (set, size), as ("ta", "15x15"): what a column of a table averages over


@dataclasses.dataclass(frozen=True)
class Levels:
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
class Problem:
    """One family. Instances have `name`, `lower_bound` and `best_known`; instances and schedules are dataclasses."""

    name: str  # what users type
    title: str
    objective: str  # what is minimised, as tables and axes call it
    unit: str
    bounds: str  # where the published bounds come from, with their date if there is one; empty = no optimum is known or proved
    methods: Callable[[], dict[str, str]]  # name -> one line of help
    validate: Callable[[str], str | None]  # raise InputError unless the method text can run; a hash of the weights it loads
    expand: Callable[[Iterable[str], Any], list[str]]  # (what users type, a `request` or None) -> what `load` takes
    load: Callable[[str], Any]
    group: Callable[[str, Any], Group]  # of (what was loaded, instance)
    smallest: Callable[[Any], Any]  # a trivial instance of the same kind: solving it compiles and loads what a method needs
    solve: Callable[..., Result]  # (instance, method text, *, seed, workers)
    check: Callable[[Any, Any], int]
    draw: Callable[[Any, Any, str], Figure]  # (instance, schedule, title)
    schedule: Callable[[dict[str, Any]], Any]  # the schedule that `fields` of one gave
    examples: tuple[tuple[str, str], ...]  # for the help: (what it does, the command after `evaluate.py NAME`)
    request: type[Any] | None = None  # dataclass of the options that only this family has
    levels: Levels | None = None
    per_unit: int = 1  # objectives are whole numbers of such parts of `unit`
    metrics: Callable[[Any, Any], dict[str, float | None]] | None = None  # (instance, accepted schedule), for results.jsonl
    cell: Measure | None = None  # what tables show where no best known value is published; default: the mean objective
    columns: tuple[Measure, ...] = ()  # further columns of the tables
    anytime: bool = True  # methods improve one answer over time: charts show how
    charts: Callable[[list[Any], dict[str, Any]], dict[str, Figure]] | None = None  # (lines, styles of methods): other charts

    def said(self, objective: float) -> str:
        """An objective as people read it, in `unit`."""
        return f"{objective}" if self.per_unit == 1 else f"{objective / self.per_unit:.2f}"


def digest(instance: Any) -> str:
    """A hash of everything in an instance but its name and its published bounds."""
    state = hashlib.sha256(type(instance).__name__.encode())
    for field in dataclasses.fields(instance):
        if field.name in ("name", "lower_bound", "best_known"):
            continue
        value = getattr(instance, field.name)
        if dataclasses.is_dataclass(value):
            value = digest(value)
        elif isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
            value = "".join(map(digest, value))
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
    found = {field.name: getattr(schedule, field.name) for field in dataclasses.fields(schedule)}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def _schedule(kind: type[Any], data: dict[str, Any]) -> Any:
    """The schedule of that kind, all of whose fields are arrays of ticks, that `fields` was given; `data` may hold more."""
    return kind(**{field.name: np.asarray(data[field.name], np.int64) for field in dataclasses.fields(kind)})


def is_policy(method: str) -> bool:
    from dispatchgym.baselines.method import parse_method

    return parse_method(method).name.startswith("policy")


# said here because importing the policies takes seconds
POLICY_HELP = {
    "policy": "the learned policy, the shipped one or @RUN; greedy without options [xSAMPLES = best of so many, beam=WIDTH, "
    "temperature=1.0]",
}
DIRECTED_HELP = {
    "policy": POLICY_HELP["policy"].removesuffix("]")
    + ", direction=forward|backward|both (backward plays the time-reversed instance, both shares the samples)]",
}
GUIDED_HELP = {
    "policy": POLICY_HELP["policy"].removesuffix("]")
    + ", branch=SECONDS of CPU time (branch and bound that goes on from the policy's packing)]",
}
MAPPED_HELP = {
    "policy": POLICY_HELP["policy"].removesuffix("]")
    + ", actions=both|order|map (decides the order in which storages are served, or every access; both shares the samples)]",
}
GREEDY_HELP = {"policy": "the learned policy, the shipped one or @RUN, greedy"}


def _methods(solvers: str, policies: dict[str, str]) -> dict[str, str]:
    return {**import_module(f"dispatchgym.baselines.{solvers}").METHODS, **policies}


def _validate(family: str, solvers: str, method: str) -> str | None:
    if is_policy(method):
        try:
            from dispatchgym.policies import fingerprint
        except ImportError as error:
            raise InputError(f"method '{method}': no policy support ({error})") from error
        return fingerprint(method, family)
    import_module(f"dispatchgym.baselines.{solvers}").check_method(method)
    return None


def _solve(solvers: str, instance: Any, method: str, *, seed: int, workers: int) -> Result:
    source = "dispatchgym.policies" if is_policy(method) else f"dispatchgym.baselines.{solvers}"
    result: Result = import_module(source).solve(instance, method, seed=seed, workers=workers)
    return result


def _check(referee: str, instance: Any, schedule: Any) -> int:
    module, _, function = referee.rpartition(".")
    return int(getattr(import_module(f"dispatchgym.envs.{module}"), function)(instance, schedule))


def _draw(drawing: str, instance: Any, schedule: Any, title: str) -> Figure:
    module, _, function = drawing.rpartition(".")
    figure: Figure = getattr(import_module(f"dispatchgym.envs.{module}"), function)(instance, schedule, title=title)
    return figure


def of_modules(
    family: str,
    *,
    policies: dict[str, str] = POLICY_HELP,
    solvers: str | None = None,
    referee: str | None = None,
    drawing: str | None = None,
) -> dict[str, Any]:
    """The fields of a Problem that a module of dispatchgym.baselines, two functions of dispatchgym.envs and the policies give."""
    solvers = solvers or family
    found: dict[str, Callable[..., Any]] = {
        "methods": partial(_methods, solvers, policies),
        "validate": partial(_validate, family, solvers),
        "solve": partial(_solve, solvers),
        "check": partial(_check, referee or f"{family}.check.check"),
        "draw": partial(_draw, drawing or f"{family}.render.draw"),
    }
    return {"name": family, **found}


PROBLEMS: dict[str, Problem] = {
    "jobshop": Problem(
        **of_modules("jobshop", policies=DIRECTED_HELP),
        title="job shop",
        objective="makespan",
        unit="ticks",
        bounds="ScheduleOpt/benchmarks, 2026-08-19",
        expand=lambda specs, _: catalogue.expand(specs),
        load=catalogue.load,
        group=shops.jobshop_group,
        smallest=shops.jobshop_smallest,
        schedule=partial(_schedule, Schedule),
        examples=(
            (
                "Rules against search on ten instances, in half a minute",
                '--instances "ta01..ta10" --methods spt fdd-mwkr fdd-mwkr:x128 tabu:1s --out results/first',
            ),
            (
                "Four at a time, with pictures, adding to the folder if it exists",
                "--instances la ta01 mine.txt --methods policy policy:x128 cpsat:10s --out results/all\n"
                "      --workers 4 --plot --resume",
            ),
        ),
    ),
    "blocking": Problem(
        **of_modules("blocking"),
        title="blocking job shop",
        objective="makespan",
        unit="ticks",
        bounds="published values, collected without a date (sources: instances/data/blocking)",
        expand=shops.blocking_expand,
        load=blocking_catalogue.load,
        group=shops.blocking_group,
        smallest=shops.blocking_smallest,
        schedule=partial(_schedule, BlockingSchedule),
        examples=(
            (
                "Rules against CP-SAT on small shops without swaps",
                '--instances "la01..la05" --variant bns --methods spt mwkr random:x32 cpsat:10s --out results/bns',
            ),
            (
                "Machines that are down 5 and 10 % of the time, twenty traces each, paired with mwkr",
                '--instances "la01..la20" --down-share 0 0.05 0.1 --methods spt mwkr\n'
                "      --compare-with mwkr --out results/down",
            ),
        ),
        request=shops.BlockingRequest,
        levels=Levels(
            title="by down share",
            of=shops.blocking_level,
            original=shops.blocking_original,
            disturbed=lambda instance: bool(instance.interrupted),
            note="p: long-run share of time that machines are down. Gaps are measured against the best known makespan without "
            "interruptions, for reference only: where that is optimal no trace allows less, and many do not allow as little.",
        ),
    ),
    "soc": Problem(
        **of_modules(
            "soc",
            policies=GREEDY_HELP,
            solvers="soc.streaming",
            referee="soc.check.check_stream",
            drawing="soc.render.draw",
        ),
        title="streams of jobs on a chip",
        objective="mean latency",
        unit="us",
        per_unit=1000,
        bounds="",
        expand=soc.expand_streams,
        load=soc_catalogue.load_stream,
        group=soc.stream_group,
        smallest=soc.smallest_stream,
        schedule=partial(_schedule, StreamLog),
        examples=(
            (
                "DS3's rules on twenty streams of the gym-ds3 mix, at two loads, with a picture of latency against load",
                "--instances gym-ds3-5 --scale 25 50 --methods met eft etf --compare-with etf --out results/mix --plot",
            ),
            (
                "Planning ahead, where jobs wait outside when there is no room",
                "--instances gym-ds3-5,uncapped --scale 60 --streams 5 --methods etf rolling-heft rolling-cpsat:0.1s\n"
                "      --out results/plans",
            ),
        ),
        request=soc.SocRequest,
        levels=Levels(
            title="by workload",
            of=soc.workload_of,
            original=lambda name: name,
            disturbed=lambda instance: False,
            note="",
        ),
        metrics=soc.stream_metrics,
        cell=soc.LATENCY,
        columns=soc.STREAM_COLUMNS,
        anytime=False,
        charts=soc.draw_sweeps,
    ),
    "static-dag": Problem(
        **of_modules("static-dag", solvers="soc.static", referee="soc.check.check_static", drawing="soc.render.draw_static"),
        title="static task graphs",
        objective="makespan",
        unit="ticks",
        bounds="proved by CP-SAT for this suite",
        expand=lambda specs, _: soc_catalogue.expand(specs),
        load=soc_catalogue.load_static,
        group=soc.graph_group,
        smallest=soc.smallest_graph,
        schedule=partial(_schedule, StaticSchedule),
        examples=(
            (
                "List schedulers against CP-SAT where the optimum is known",
                "--instances worked top own --methods heft cpop peft lookahead cpsat:5s --out results/known",
            ),
            (
                "Topcuoglu's random graphs of 40 tasks on 8 PEs",
                '--instances "topcuoglu/v40/ccr1/s0..s9" --methods heft peft policy:x32 --compare-with heft --out results/random',
            ),
        ),
        metrics=soc.graph_metrics,
        cell=soc.SLR,
        columns=soc.GRAPH_COLUMNS,
    ),
    "memory-pack": Problem(
        **{
            **of_modules("memory-pack", policies=GUIDED_HELP, solvers="memory.packing", drawing="memory.render.draw_packing"),
            "check": memory.check_height,
        },
        title="packing of buffers",
        objective="height",
        unit="KiB",
        per_unit=1024,
        bounds="peak of live bytes; heights as in instances/data/memory",
        expand=memory.expand_packings,
        load=memory_catalogue.load_packing,
        group=memory.group_of,
        smallest=memory.smallest_packing,
        schedule=partial(_schedule, PackingPlan),
        examples=(
            (
                "Greedy packings against the policy and branch and bound on MiniMalloc's benchmark",
                "--instances minimalloc --methods size best-of-8 policy policy:x128 branch:60s --out results/packing",
            ),
            (
                "A file of your own in 4 MiB, with pictures",
                "--instances mine.csv --capacity 4MiB --methods policy:x128 branch:30s --out results/mine --plot",
            ),
        ),
        request=memory.MemoryRequest,
        metrics=memory.packing_metrics,
        cell=memory.RATIO,
        columns=memory.PACKING_COLUMNS,
    ),
    "memory-map": Problem(
        **of_modules(
            "memory-map",
            policies=MAPPED_HELP,
            solvers="memory.mapping",
            referee="memory.check.check_program",
            drawing="memory.render.draw",
        ),
        title="memory mapping of programs",
        objective="latency",
        unit="us",
        per_unit=1_000_000,
        bounds="proved by CP-SAT for this suite",
        expand=memory.expand_programs,
        load=memory_catalogue.load_program,
        group=memory.group_of,
        smallest=memory.smallest_program,
        schedule=memory.read_plan,
        examples=(
            (
                "The allocator in the manner of XLA against search and the policy on networks of unseen families",
                "--instances programs-test --methods all-slow xla hill:10s policy:x64 --compare-with xla --out results/mapping",
            ),
            (
                "How much a larger fast memory would help, with memory maps",
                "--instances resnet50-b8 --capacity 4MiB 16MiB 64MiB --methods xla policy:x64 --out results/sizes --plot",
            ),
        ),
        request=memory.MemoryRequest,
        metrics=memory.program_metrics,
        cell=memory.RELATIVE,
        columns=(memory.RELATIVE, *memory.PROGRAM_COLUMNS),
    ),
}
