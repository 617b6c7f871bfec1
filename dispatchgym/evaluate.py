"""The command `evaluate.py`: methods against instances in one honest table.

Everything that can be wrong with the request is found before any work starts; what was found since is never lost.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from dispatchgym import families, program, settings_file
from dispatchgym.baselines.method import MAX_WORKERS, Method, parse_method
from dispatchgym.baselines.result import Result
from dispatchgym.evaluation import cluster, report, runner, tables
from dispatchgym.evaluation.bounds import read_bounds
from dispatchgym.evaluation.loading import load_instances, remark
from dispatchgym.evaluation.record import describe_run, version
from dispatchgym.evaluation.results import Pair, Results, Row, judge
from dispatchgym.evaluation.shown import Shown
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.files import write_text
from dispatchgym.instances.names import printable
from dispatchgym.instances.notes import hold, note
from dispatchgym.interrupts import Interrupts, Stopped
from dispatchgym.options import Hidden, Metavar
from dispatchgym.output import may_be_lost
from dispatchgym.own import registry
from dispatchgym.units import duration

if TYPE_CHECKING:
    from rich.console import Console

OWN = """
Methods of your own, judged alike (docs/your-own-method.md):
  FILE.py:FUNCTION[:SECONDSs,KEY=VALUE]  or package.module:FUNCTION: (instance, seed, seconds, workers) -> schedule
  file:PATTERN                           schedules in JSON files, as "file:solutions/*.json"
  policy@sb3:MODEL.zip[:xSAMPLES]        a model of Stable-Baselines3, or policy@FILE.py:FUNCTION that returns one"""


@dataclasses.dataclass(frozen=True)
class Options:
    instances: Annotated[tuple[str, ...], Metavar("INSTANCE ...")]
    """What to solve: names, ranges (FIRST..LAST), sets, files (mine.json, many.txt#3); `dispatchgym list FAMILY` shows names."""
    methods: Annotated[tuple[str, ...], Metavar("METHOD ...")]
    """Who solves it; see the list above."""
    out: Annotated[Path, Metavar("FOLDER")]
    """Where results.jsonl, table.md, run.json and schedules/ go."""
    workers: Annotated[int, Metavar("N")] = 1
    """Pairs solved at a time, each in a process of its own. More than the cores you have makes seconds dishonest."""
    solver_workers: Annotated[int, Metavar("N")] = 1
    """Cores that each method may use on a pair, the same for all."""
    ray: Annotated[str | None, Metavar("ADDRESS")] = None
    """Solve in a Ray cluster, with N workers on its machines (extra 'cluster'); "local" starts one on this machine."""
    clock: Literal["cpu", "wall"] = "cpu"
    """What limits and times count for all methods: CPU time of each core, which other work does not shorten, or wall time."""
    seed: Annotated[int, Metavar("N")] = 0
    """Seed of every pair."""
    resume: bool = False
    """Continue in a FOLDER that has results: finished pairs are skipped, errors tried again, new methods and instances added."""
    plot: bool = False
    """Draw schedules, anytime curves and gap against time, for streams latency against load, into FOLDER/plots/."""
    report: bool = False
    """Write FOLDER/report.html: tables, charts, schedules and episodes of policies in one file for a browser (extra 'report')."""
    bounds: Annotated[Path | None, Metavar("FILE.csv")] = None
    """Bounds of your own instances, lines `name,lower,upper` under that header: gaps are measured against upper."""
    patience: Annotated[float, Metavar("SECONDS")] = 60.0
    """A method of your own that has not answered so long after its own limit is ended; that is an error of its pair."""
    compare_with: Annotated[str | None, Metavar("METHOD")] = None
    """Also tabulate the paired differences of every method from this one; with interruptions always, from the first."""
    extra: Annotated[Any, Hidden()] = None
    """The options that only this family has: an object of its `Family.options`, or None for the defaults."""


def main(argv: list[str] | None = None) -> None:
    """Run the command with `argv` (default: the process's own).

    Exits with 1 if a pair ended in an error, 2 on bad input, 130 or 143 when SIGINT or SIGTERM ended it.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if program.answers_version(arguments):
        return
    try:
        problem, options = _parse(settings_file.expand(arguments, _keys, negative=False))
        with Interrupts(at_once=True), may_be_lost():  # whatever is finished is on disk at any moment
            rows = evaluate(problem, options, arguments)
    except InputError as error:
        print(printable(f"error: {error}", 300), file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt as error:
        again = shlex.join([*program.call("evaluate.py"), *arguments, *([] if "--resume" in arguments else ["--resume"])])
        print(f"interrupted; what is finished is kept; go on with\n  {printable(again, 10_000)}", file=sys.stderr)
        raise SystemExit(error.code if isinstance(error, Stopped) else 130) from None
    if any(row["status"] == "error" for row in rows):
        raise SystemExit(1)


def _parse(arguments: list[str]) -> tuple[Family, Options]:
    asked = next((name for name in arguments if name in families.NAMES), None)
    _refuse_options_of_others(arguments, asked)
    chosen: tuple[Family, Options] = program.parse(
        "evaluate.py",
        commands(asked),
        arguments,
        "Run rules, heuristics, exact solvers and learned policies on the same instances, for equal time, and "
        "print one table of means.\nEvery schedule is checked by a referee that knows none of them.",
        ("FlagCreatePairsOff",),
    )
    return chosen


def _keys(family: str) -> list[str]:
    """What a settings file for a family may hold."""
    extra = families.load(family).options
    return [name for name in settings_file.names_of(Options, extra.value if extra else None) if name != "extra"]


def commands(asked: str | None = None) -> dict[str, Callable[..., Any]]:
    """Family -> what the parser calls for it; the help of the one `asked` for lists its methods."""
    return {name: _command(families.load(name), teach=name == asked) for name in families.NAMES}


def _refuse_options_of_others(arguments: Sequence[str], asked: str | None) -> None:
    """Raise InputError for an option that some family has, but not the one `asked` for."""
    given = {word.partition("=")[0].replace("_", "-"): word for word in arguments if word.startswith("--")}
    own = _extra_options(families.load(asked)) if asked else given
    for problem in map(families.load, families.NAMES):
        for option in _extra_options(problem):
            if option in given and option not in own:
                raise InputError(f"{given[option]} is an option of '{problem.name}', not of '{asked}'")


def _extra_options(problem: Family) -> list[str]:
    found = dataclasses.fields(problem.options.value) if problem.options else ()
    return [f"--{field.name.replace('_', '-')}" for field in found]


def _command(problem: Family, *, teach: bool) -> Callable[..., Any]:
    """The subcommand of `problem`; its help lists the methods if `teach`, as that imports them."""

    def command(options: Options) -> tuple[Family, Options]:
        return problem, options

    def with_extra(options: Options, extra: Any) -> tuple[Family, Options]:
        return problem, dataclasses.replace(options, extra=extra)

    types = {"options": Options}
    if problem.options is not None:
        command, types["extra"] = with_extra, problem.options.value  # type: ignore[assignment]
    program.takes(command, types)
    command.__doc__ = _teach(problem) if teach else f"Compare methods for the {problem.title}."
    return command


def shared_options(problem: Family) -> dict[str, dict[str, str]]:
    """Options -> the methods that take them, with their meanings."""
    shared: dict[str, dict[str, str]] = {}
    for name, text in problem.method_help().items():
        meaning, _, options = text.removesuffix("]").partition(" [")
        shared.setdefault(options, {})[name] = meaning
    return shared


def _teach(problem: Family) -> str:
    shared = shared_options(problem)
    width = max(len(name) for methods in shared.values() for name in methods)
    lines = []
    for options, methods in shared.items():
        lines += [f"  {name:{width}}  {meaning}" for name, meaning in methods.items()]
        lines += [f"  {'':{width}}  options{' of these' if len(methods) > 1 else ''}: {options}"] if options else []
    listing = "\n".join(lines)
    start = " ".join(program.call("evaluate.py"))
    examples = "\n\n".join(f"{what}:\n  {start} {problem.name} {words}" for what, words in problem.examples)
    shown = f"mean gap of the {problem.objective} to the best known one" if problem.bounds else problem.objective
    return f"""Compare methods for the {problem.title}: {shown}.

METHOD is name[:option[,option]]:
{listing}
{OWN}

{examples}"""


def evaluate(problem: Family, options: Options, arguments: Sequence[str] = ()) -> list[Row]:
    """Do what the command does; returns the lines of OUT/results.jsonl.

    Raises InputError for anything wrong in `options`, before OUT is touched, and KeyboardInterrupt with all that is
    finished on disk and tabulated.
    """
    need("rich")
    if options.plot:
        need("matplotlib", what="--plot")
    if options.ray is not None:
        need("ray", what="--ray")
    from rich.console import Console

    with hold() as notes:  # a request that is refused after all gets no line but the error
        pairs = plan(problem, options)
    with Results(options.out, problem.name, resume=options.resume) as results:
        run = describe_run(options, arguments)
        done = results.keep(pairs, seed=options.seed, cores=options.solver_workers, clock=options.clock)
        write_text(options.out / "run.json", json.dumps(run, indent=2) + "\n")
        write_text(options.out / settings_file.FILE, settings_file.write(problem.name, options))
        console = Console(width=None if sys.stdout.isatty() else 200)
        for line in results.set_aside:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        if done:
            console.print(f"{len(done)} of {len(pairs)} pairs were finished before", highlight=False)
        for line in notes:
            note(line)
        _remark(problem, pairs)
        try:
            _work(problem, options, [pair for pair in pairs if pair.key not in done], results, console)
        finally:
            rows = _in_order(results.rows, pairs)
            summary = None
            if rows:
                summary = report.build(problem, rows, report.header(problem, run, rows), options.compare_with)
                write_text(options.out / "table.md", tables.markdown(summary))
                tables.show(summary, console)
        shown = Shown(problem, pairs, rows, results, console)
        if options.plot:
            shown.plot()
        if options.report and summary is not None:
            shown.report(summary, run)
    return rows


def _remark(problem: Family, pairs: list[Pair]) -> None:
    """Say, on stderr, which instances have other names than in their files, and which policies were not made for theirs."""
    if line := remark(list(dict.fromkeys(pair.instance.name for pair in pairs if pair.renamed))):
        print(printable(f"note: {line}", 300), file=sys.stderr)
    asked: dict[str, list[Any]] = {}
    for pair in pairs:
        asked.setdefault(pair.method.text, []).append(pair.instance)
    for method, instances in asked.items():
        for line in problem.remarks(instances, method):
            print(f"note: {line}", file=sys.stderr)


def plan(problem: Family, options: Options, objects: Sequence[Any] = ()) -> list[Pair]:
    """Every pair that `options` ask for, method by method, on the instances in `objects` too.

    Raises InputError for whatever could not run.
    """
    for name, value in (("--workers", options.workers), ("--solver-workers", options.solver_workers)):
        if not 1 <= value <= MAX_WORKERS:
            raise InputError(f"{name} {value} is not between 1 and {MAX_WORKERS}")
    if options.report:
        from dispatchgym.report.page import require

        require()
    if not 0 <= options.patience <= 10**6:
        raise InputError(f"--patience {options.patience:g} is not between 0 and {10**6}")
    if not 0 <= options.seed < 2**31:
        raise InputError(f"--seed {options.seed} is not between 0 and 2**31 - 1")
    for name, given in (("--instances", (*options.instances, *objects)), ("--methods", options.methods)):
        if not given:
            raise InputError(f"{name}: nothing is given")
    methods = [parse_method(text) for text in dict.fromkeys(options.methods)]
    weights = {method.text: _check_method(problem, method) for method in methods}
    if options.compare_with is not None and options.compare_with not in weights:
        raise InputError(f"--compare-with {options.compare_with} is not one of --methods {', '.join(weights)}")
    loaded = load_instances(problem, [*problem.expand(options.instances, options.extra), *objects])
    own = read_bounds(options.bounds, loaded) if options.bounds else {}
    for name, (lower, upper) in own.items():
        loaded[name].instance = dataclasses.replace(loaded[name].instance, lower_bound=lower, best_known=upper)
    return [
        Pair(one.instance, one.digest, problem.group(one.what, one.instance), method, weights[method.text], one.what, one.renamed)
        for method in methods
        for one in loaded.values()
    ]


def _check_method(problem: Family, method: Method) -> str | None:
    """The hash of what `method` loads, if anything; raises InputError when it cannot run."""
    name = method.name
    suite, own = problem.method_help(), registry.names()
    if name in suite and name in own:
        raise method.error(f"'{name}' is a method of the suite, and one of your own is called so too; rename yours")
    known = [*suite, *own]
    if name not in known and not name.startswith("policy") and not problem.is_own(method):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}"
        raise method.error(f"unknown '{name}'; {hint}")
    return problem.validate(method)


def _work(problem: Family, options: Options, todo: list[Pair], results: Results, console: Console) -> None:
    """Solve `todo`, storing and announcing every answer as it comes."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    own = version("dispatchgym")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(problem.title, total=len(todo))
        finished = 0

        def answer(pair: Pair, result: Result, cpu_seconds: float) -> None:
            nonlocal finished
            row = judge(
                problem,
                pair,
                result,
                cpu_seconds=cpu_seconds,
                seed=options.seed,
                cores=options.solver_workers,
                version=own,
                clock=options.clock,
            )
            accepted = row["objective"] is not None
            table = problem.table(pair.instance, result.schedule) if accepted and problem.table else None
            results.add(row, result.schedule, result.curve, table)
            finished += 1
            progress.update(bar, advance=1, description=f"{pair.method.text} {pair.instance.name}")
            if not console.is_terminal or row["status"] == "error":
                console.print(f"[{finished}/{len(todo)}] {_said(problem, row)}", markup=False, highlight=False, soft_wrap=True)
                console.file.flush()

        run = runner.run if options.ray is None else partial(cluster.run, address=options.ray)
        run(
            problem,
            todo,
            seed=options.seed,
            processes=options.workers,
            cores=options.solver_workers,
            report=answer,
            limit=limit(problem, options.patience),
            clock=options.clock,
        )


def limit(problem: Family, patience: float) -> runner.Limit:
    """How long the runner waits for a method: for the suite's own as long as it takes."""
    return lambda method: patience + (method.seconds or 0.0) if problem.is_own(method) else None


def _said(problem: Family, row: Row) -> str:
    if row["objective"] is None:
        return f"{row['instance']} {row['method']}: {row['status']}{': ' if row['reason'] else ''}{row['reason'] or ''}"
    gap = "" if row["gap"] is None else f", gap {row['gap']:.2f} %"
    objective = problem.objective_text(row["objective"])
    return f"{row['instance']} {row['method']}: {objective} ({row['status']}{gap}) in {duration(row['seconds'])}"


def _in_order(rows: Sequence[Row], pairs: Sequence[Pair]) -> list[Row]:
    """`rows` as the request lists their instances and methods; those of earlier requests come first."""
    methods = {pair.method.text: i for i, pair in enumerate(pairs)}
    instances = {pair.instance.name: i for i, pair in enumerate(pairs)}
    return sorted(rows, key=lambda row: (methods.get(row["method"], -1), instances.get(row["instance"], -1)))


if __name__ == "__main__":
    main()
