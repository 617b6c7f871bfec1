"""`dispatchgym tune FAMILY ...`: the settings of a training, chosen by many short ones in a Ray cluster."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatchgym import families, program, settings_file
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import need
from dispatchgym.instances.files import write_text
from dispatchgym.instances.names import printable
from dispatchgym.interrupts import Interrupts
from dispatchgym.tuning.budget import FIRST_TEST_SEED, RUNGS

if TYPE_CHECKING:
    from dispatchgym.tuning.search import Trial
    from dispatchgym.tuning.space import Settings
    from dispatchgym.tuning.trial import Plan

SUMMARY = "choose the settings of a training in a Ray cluster"
DESCRIPTION = """Choose the settings of a training: many are tried, and the worse ones stop early (ASHA). The best, and those that
were given, are trained again with other seeds and judged on instances that the choice has not seen.

--minutes or --steps is the budget of one training. OUT/best.toml is for train.py --config, OUT/tune.json for other programs."""
MOST = {"trials": 10_000, "seeds": 100, "test_seeds": 100, "workers": 10_000}


@dataclass(frozen=True)
class Tuning:
    """What is tried, where, and how often."""

    out: Path
    """Folder of the tuning. All machines of the cluster must see it."""
    space: Path | None = None
    """TOML file with the settings to choose from, `rate = { low = 1e-4, high = 3e-3, log = true }` or `samples = [16, 32]`;
by default rate, samples, average, widths and a few of the learner's."""
    trials: int = 20
    """Settings that are tried, those that were given first."""
    seeds: int = 2
    """Trainings of each, from --seed on."""
    test_seeds: int = 5
    """Trainings, with other seeds, by which the best settings are compared with those that were given."""
    ray: str = "local"
    """Address of the Ray cluster; "local" starts one on this machine."""
    workers: int = 1
    """Trainings at a time, each on one core."""
    resume: bool = False
    """Go on with the tuning in --out."""


@dataclass(frozen=True)
class Request:
    """Everything that the command line says."""

    family: Family
    tuning: Tuning
    config: TrainConfig
    options: Any = None


def grammar() -> Any:
    return {name: _command(families.load(name)) for name in families.NAMES}


def _command(family: Family) -> Callable[..., Any]:
    def command(tuning: Tuning, config: TrainConfig) -> Request:
        return Request(family, tuning, config)

    def with_options(options: Any, tuning: Tuning, config: TrainConfig) -> Request:
        return Request(family, tuning, config, options)

    types = {"tuning": Tuning, "config": TrainConfig}
    if family.train_options is not None:
        command, types["options"] = with_options, family.train_options.value  # type: ignore[assignment]
    program.takes(command, types)
    example = f"  dispatchgym tune {family.name} --minutes 10 --trials 20 --workers 4 --out tuned"
    command.__doc__ = f"Choose the settings of a training for the {family.title}.\n\n{example}"
    return command


def main(words: Sequence[str]) -> int:
    arguments = settings_file.expand(list(words), _keys, negative=True)
    request: Request = program.parse("tune.py", grammar(), arguments, DESCRIPTION, ("OmitArgPrefixes",))
    need("ray", what="dispatchgym tune")
    with Interrupts(at_once=True) as asked:
        try:
            tune(request)
        except KeyboardInterrupt:
            print("interrupted; what has been trained is kept: go on with the same words and --resume", file=sys.stderr)
            return 128 + (asked.number or signal.SIGINT)
    return 0


def _keys(family: str) -> list[str]:
    own = families.load(family).train_options
    return settings_file.names_of(Tuning, TrainConfig, own.value if own else None)


def tune(request: Request) -> None:
    """Search, test, write. Raises InputError for what cannot be tuned, and where a training fails."""
    from dispatchgym.tuning import results
    from dispatchgym.tuning.search import Cluster

    tuning = request.tuning
    plan, candidates, text = _planned(request)
    seeds = [plan.config.seed + i for i in range(tuning.seeds)]
    test_seeds = [plan.config.seed + FIRST_TEST_SEED + i for i in range(tuning.test_seeds)]
    cluster = Cluster(tuning.ray, tuning.workers)
    try:
        write_text(plan.out / results.PLAN, text)
        with Progress(len(candidates)) as progress:
            trials = cluster.search(plan, candidates, seeds, progress)
            best = min((x for x in trials if x.finished), key=lambda x: (x.gap, x.number))
            tested = [trials[0], *([best] if best.number else [])]
            progress.begin_test(len(tested) * len(test_seeds))
            gaps = cluster.test(plan, tested, test_seeds, progress.ended)
    finally:
        cluster.close()
    found = results.Found(trials, seeds, best, tested, test_seeds, gaps)
    results.write(tuning.out, plan, request.options, found)
    out = printable(tuning.out, 200)
    print(f"best of {len(trials)} on the instances of the tuning: trial {best.number}; on those of the test:")
    print(results.table(found))
    print(f"saved {out}/{results.FILE} and {out}/{results.BEST}; train with\n  dispatchgym train --config {out}/{results.BEST}")


def _planned(request: Request) -> tuple[Plan, list[Settings], str]:
    """What is trained with which settings, and as the folder of the tuning has it."""
    from dispatchgym.agents.checkpoint import writable
    from dispatchgym.agents.trainer import training_sizes
    from dispatchgym.train import with_defaults
    from dispatchgym.tuning import results, space
    from dispatchgym.tuning.trial import Plan

    tuning = request.tuning
    for name, most in MOST.items():
        if not 1 <= getattr(tuning, name) <= most:
            raise InputError(f"--{name.replace('_', '-')} must be between 1 and {most}, not {getattr(tuning, name)}")
    if request.config.seed + FIRST_TEST_SEED + MOST["test_seeds"] > 2**63:
        raise InputError(f"--seed {request.config.seed}: leaves no seeds for the test")
    if request.config.learner == "sb3":
        raise InputError("--learner sb3 cannot be tuned: it does not go on from a checkpoint")
    config = with_defaults(request.config, imitates=False)
    dimensions = space.read(tuning.space) if tuning.space else space.standard(config.learner)
    candidates = space.draw(dimensions, config, tuning.trials, config.seed)
    plan = Plan(request.family.name, dataclasses.asdict(request.options) if request.options else {}, config, tuning.out.resolve())
    training_sizes(plan.training(), config.sizes)
    writable(tuning.out)
    return plan, candidates, results.planned(plan, candidates, tuning.resume)


class Progress:
    """A bar on a terminal, plain lines elsewhere."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self.best: float | None = None

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        self.console = Console()
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}"))
        self.bar = Bar(*columns, console=self.console, disable=not self.console.is_terminal)
        self.bar.start()
        self.task = self.bar.add_task("settings", total=self.trials)
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def reached(self, trial: Trial) -> None:
        """A trial has reached a rung."""
        rung = max(trial.gaps)
        if trial.finished:
            self.best = trial.gap if self.best is None else min(self.best, trial.gap)
        best = "" if self.best is None else f" (best {self.best:.2f})"
        text = f"trial {trial.number} after {rung}/{RUNGS[-1]} of the budget: {trial.gap:.2f} % above bound{best}"
        self.bar.update(self.task, description=text)
        if not self.console.is_terminal:
            print(text, flush=True)

    def ended(self) -> None:
        """A trial, or a training of the test, has ended."""
        self.bar.advance(self.task)

    def begin_test(self, trainings: int) -> None:
        self.bar.reset(self.task, total=trainings, description="test with other seeds and instances")
