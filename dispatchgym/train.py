"""`python train.py FAMILY`: train a policy on generated instances."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatchgym import experts, families, program, settings_file
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named, need
from dispatchgym.instances.files import write_text
from dispatchgym.instances.names import printable
from dispatchgym.interrupts import Interrupts, Stopped
from dispatchgym.loggers import Name
from dispatchgym.output import may_be_lost
from dispatchgym.progress import Progress

if TYPE_CHECKING:
    from dispatchgym.agents.ranks import Ranks
    from dispatchgym.agents.training import Training

SHIPPED = Path("shipped")  # as --initial
MOST_SHOWN = 10_000  # characters of a command that is printed

DESCRIPTION = """Train a policy; its folder works as a method of evaluate.py (policy@OUT, policy@OUT:x128).

The run keeps policy.safetensors and policy.json (weights and what they are), training.safetensors (for --resume) and
log.jsonl (one line each --log-every) in its folder."""


@dataclass(frozen=True)
class Run:
    """Where a run goes, what it starts from, and what it imitates."""

    out: Path | None = None
    """Folder of the run; runs/NAME-LEARNER-SEED by default. NAME is the family, or its preset or variant."""
    resume: bool = False
    """Go on with the run in --out from its last checkpoint."""
    initial: Path | None = None
    """Start from the weights of another run, or from the policy that is shipped for such instances: --initial shipped."""
    imitate: str | None = None
    """First imitate this method's schedules of generated instances, e.g. tabu:0.2s, cpsat:2s or etf."""
    ray: str | None = None
    """Make the schedules to imitate in the Ray cluster at this address (extra 'cluster'); "local" starts one on this machine."""
    workers: int = 1
    """Workers of --ray, each on a core of the cluster."""
    log: tuple[Name, ...] = ()
    """Also log to tensorboard (OUT/tensorboard, extra 'log'), wandb or mlflow (OUT/mlruns), each with its extra."""
    report: bool = False
    """Write OUT/report.html at the end: the curve with the best rule, losses and settings, for a browser (extra 'report')."""


@dataclass(frozen=True)
class Request:
    """Everything that the command line says."""

    family: Family
    config: TrainConfig
    run: Run
    options: Any = None  # the family's own options, an object of its `train_options`


def main(argv: Sequence[str] | None = None) -> None:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if program.answers_version(arguments):
        return
    try:
        with named():
            with _said_once():
                request = _parse(settings_file.expand(arguments, _keys, negative=True))
            with may_be_lost():
                train(request, arguments)
    except InputError as error:
        print(printable(f"error: {error}", 300), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        print(str(error) if isinstance(error, Stopped) and error.said else "interrupted", file=sys.stderr)
        sys.exit(error.code if isinstance(error, Stopped) else 130)


@contextlib.contextmanager
def _said_once() -> Iterator[None]:
    """Of the processes that torchrun has started only the first prints a help, or why the command line cannot be read."""
    if os.environ.get("RANK", "0") == "0":
        yield
        return
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except InputError:
        raise SystemExit(2) from None


def _parse(arguments: list[str]) -> Request:
    request: Request = program.parse("train.py", commands(), arguments, DESCRIPTION, ("OmitArgPrefixes",))
    return request


def _keys(family: str) -> list[str]:
    """What a settings file for a family may hold."""
    own = families.load(family).train_options
    return settings_file.names_of(Run, TrainConfig, own.value if own else None)


def commands() -> dict[str, Callable[..., Any]]:
    """Family -> what the parser calls for it."""
    return {name: _command(families.load(name)) for name in families.NAMES}


def _command(family: Family) -> Callable[..., Any]:
    """The subcommand of `family`, with the options that only this family has."""

    def command(run: Run, config: TrainConfig) -> Request:
        return Request(family, config, run)

    def with_options(options: Any, run: Run, config: TrainConfig) -> Request:
        return Request(family, config, run, options)

    types = {"run": Run, "config": TrainConfig}
    if family.train_options is not None:
        command, types["options"] = with_options, family.train_options.value  # type: ignore[assignment]
    program.takes(command, types)
    start = " ".join(program.call("train.py"))
    examples = "\n".join(f"  {start} {family.name} {words}" for words in family.train_examples)
    command.__doc__ = f"Train a policy for the {family.title}.\n\n--sizes are {family.sizes_help}.\n\n{examples}"
    return command


def train(request: Request, arguments: Sequence[str] = ()) -> Path:
    """Run what the command line says, in this process or with those that torchrun has started; returns the folder of the run.

    Raises Stopped when SIGINT or SIGTERM ended the run early, after everything is saved.
    """
    family, run = request.family, request.run
    for name in run.log:
        need(name, what=f"--log {name}")
    if run.report:
        need("jinja2", "plotly", what="--report")
    if not 1 <= run.workers <= experts.MOST_WORKERS:
        raise InputError(f"--workers must be between 1 and {experts.MOST_WORKERS}, not {run.workers}")
    if run.ray is not None:
        need("ray", what="--ray")
    from dispatchgym.agents.ranks import check_split, joined

    with joined(request.config.device) as ranks:
        with ranks.agreed():
            training = family.trained_by().training(**(dataclasses.asdict(request.options) if request.options else {}))
            config = with_defaults(request.config, imitates=run.imitate is not None)
            check_split(config, ranks.count)
            out = run.out or Path("runs") / f"{training.run_name or training.name}-{config.learner}-{config.seed}"
        if config.learner == "sb3":
            _train_sb3(request, training, config, out)
        else:
            _train(request, arguments, training, config, out, ranks)
    return out


def _train(request: Request, arguments: Sequence[str], training: Training, config: TrainConfig, out: Path, ranks: Ranks) -> None:
    from dispatchgym.agents.trainer import Trainer

    family, run = request.family, request.run
    with contextlib.ExitStack() as stack:
        with ranks.agreed():
            expert = stack.enter_context(experts.chosen(family, run.imitate, config.seed, run.ray, run.workers, ranks.count))
            trainer = Trainer(
                training, config, out, resume=run.resume, initial=_initial(run, training), expert=expert, ranks=ranks
            )
            if ranks.leads:
                _keep_settings(request, out)
        with ranks.agreed():
            if ranks.lead(trainer.iteration) != trainer.iteration:
                found = f"process {ranks.rank} of {ranks.count} finds another checkpoint there than the first"
                raise InputError(f"{printable(out, 200)}: {found}; --out must be a folder that all machines see")
        asked = stack.enter_context(Interrupts())

        def stopped() -> bool:
            found = int(ranks.most(asked.number))  # a signal to one process stops all
            asked.number = asked.number or found  # another signal may have come since
            return found != 0

        if ranks.leads:
            progress = stack.enter_context(Progress(trainer, family, run.log))
            progress.show_rules()
            trainer.run(progress, stopped)
        else:
            trainer.run(lambda line: None, stopped)
    ends_early = asked() and trainer.progress() < 1.0
    if not ranks.leads:
        if ends_early:
            raise SystemExit(128 + asked.number)  # the first process says why
        return
    if run.report:
        from dispatchgym.report.training import write_report

        command = shlex.join([*_call(ranks.count), *arguments])
        print(f"{printable(write_report(family.title, out, command), 200)}: open it in a browser")
    saved = f"{printable(out / 'policy.safetensors', 200)}: {trainer.iteration} iterations, {trainer.episodes} episodes"
    if ends_early:
        given = [*arguments, *([] if run.out else ["--out", str(out)]), *([] if run.resume else ["--resume"])]
        command = printable(shlex.join([*_call(ranks.count), *given]), MOST_SHOWN)
        raise Stopped(asked.number, f"interrupted; saved {saved}; go on with\n  {command}")
    _say_saved(family, training, out, saved)


def _call(processes: int) -> list[str]:
    """The words that start this command, in so many processes."""
    words = program.call("train.py")
    if processes == 1:
        return words
    start = ["torchrun", "--nproc-per-node", str(processes)]
    return [*start, *words[1:]] if words[0] == "python" else [*start, "--no-python", *words]


def _train_sb3(request: Request, training: Training, config: TrainConfig, out: Path) -> None:
    from dispatchgym.agents.sb3_policy import train as train_sb3

    family, run = request.family, request.run
    if run.resume:
        raise InputError("--learner sb3 cannot resume; begin another run with --initial")
    if run.log or run.report:
        raise InputError(f"{'--log' if run.log else '--report'}: --learner sb3 writes no log")
    with Interrupts() as asked:
        begun = partial(_keep_settings, request, out)
        steps = train_sb3(training, config, out, initial=_initial(run, training), stopped=asked, begun=begun)
    saved = f"{printable(out / 'policy.safetensors', 200)}: {steps} environment steps"
    if asked():
        raise Stopped(
            asked.number,
            f"interrupted; saved {saved}; this learner cannot resume, another run may begin from it:\n"
            f"  --initial {printable(shlex.quote(str(out)), MOST_SHOWN)}",
        )
    _say_saved(family, training, out, saved)


def _say_saved(family: Family, training: Training, out: Path, saved: str) -> None:
    """What there is now, how the policy does if that is told at once, and how to compare it."""
    told = family.after_training(family, training, out) if family.after_training else ""
    print(f"{told}saved {saved}; compare it with\n  {printable(comparison(family, out, training.instance), MOST_SHOWN)}")


def _initial(run: Run, training: Training) -> Path | None:
    """The weights to start from. Raises InputError if none are shipped for such instances."""
    if run.initial != SHIPPED:
        return run.initial
    from dispatchgym.agents.checkpoint import PRETRAINED

    if not (PRETRAINED / training.pretrained).is_dir():
        raise InputError(f"--initial {SHIPPED}: no policy '{training.pretrained}' is shipped; train one without --initial first")
    return PRETRAINED / training.pretrained


def _keep_settings(request: Request, out: Path) -> None:
    """Write what was asked for into the folder of the run, for --config."""
    out.mkdir(parents=True, exist_ok=True)
    run = dataclasses.replace(request.run, out=out)
    text = settings_file.write(request.family.name, request.options, run, request.config)
    write_text(out / settings_file.FILE, text)


def comparison(family: Family, out: Path, instance: str = "") -> str:
    """The command that compares the trained policy with the family's rules, on an instance or those of its first example."""
    words = ["--instances", instance] if instance else shlex.split(family.examples[0][1])
    first = words.index("--instances") + 1
    last = next((i for i in range(first, len(words)) if words[i].startswith("--")), len(words))
    policy = f"policy@{out}"
    start = [*program.call("evaluate.py"), family.name, *words[:last]]
    return shlex.join([*start, "--methods", *family.rules, policy, "--out", f"results/{out.name}"])


def with_defaults(config: TrainConfig, *, imitates: bool) -> TrainConfig:
    """Ten minutes if no budget is given; no iterations of imitation if nothing is imitated. InputError as `validate`."""
    from dispatchgym.agents.bounds import validate

    minutes = 10.0 if config.minutes is None and config.steps is None else config.minutes
    config = dataclasses.replace(config, minutes=minutes)
    validate(config)  # what has no effect, too
    return dataclasses.replace(config, imitate_steps=config.imitate_steps if imitates else 0)


if __name__ == "__main__":
    main()
