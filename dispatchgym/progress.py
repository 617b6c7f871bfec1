"""How a training goes: a progress bar on a terminal, plain lines elsewhere, and the loggers asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from dispatchgym.loggers import LOGGERS


class Progress:
    """A progress bar on a terminal, plain lines elsewhere, and the loggers asked for."""

    def __init__(self, trainer: Any, family: Family, log: Sequence[str]) -> None:
        self.trainer, self.family = trainer, family
        self.rule = ""
        self.best: float | None = trainer.best
        self.loggers = [LOGGERS[name](trainer.out) for name in dict.fromkeys(log)]

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.console = Console()
        self.bar = Bar(
            BarColumn(20),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.bar.start()
        self.task = self.bar.add_task("compiling (first time only)", total=1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        for logger in self.loggers:
            logger.close()

    def show_rules(self) -> None:
        """Play the family's rules on the validation instances, and say how the best of them does."""
        from dispatchgym.agents.trainer import settings
        from dispatchgym.instances.errors import InvalidSchedule

        gaps: dict[str, float] = {}
        for rule in self.family.rules:
            try:
                gaps[rule] = self.trainer.validate_rule(lambda x, rule=rule: self.family.solve(x, rule).schedule)
            except (InputError, InvalidSchedule):
                continue  # schedules of this rule do not say what the policy decides
        self.trainer.rules = gaps
        for logger in self.loggers:
            logger.start(settings(self.trainer.training, self.trainer.config), gaps)
        if gaps:
            rule = min(gaps, key=lambda name: gaps[name])
            self.rule = f"{rule} {gaps[rule]:.2f}"
            self.console.print(f"validation instances: {rule} is {gaps[rule]:.2f} % above the lower bound", highlight=False)

    def __call__(self, line: dict[str, Any]) -> None:
        """A line of the trainer: after every iteration, with "validation" if it is logged."""
        done = min(1.0, self.trainer.progress())
        if "validation" not in line:
            self.bar.update(self.task, completed=done)
            return
        self.best = line["validation"] if self.best is None else min(self.best, line["validation"])
        now = f"{line['validation']:.2f} % above bound (best {self.best:.2f}{', ' + self.rule if self.rule else ''})"
        self.bar.update(self.task, completed=done, description=f"{now}, {line['episodes']} episodes")
        if not self.console.is_terminal:
            text = f"iteration {line['iteration']}, {line['episodes']} episodes, {now}"
            print(f"{line['seconds']:7.0f} s  {text}", flush=True)
        for logger in self.loggers:
            logger.log(line["iteration"], {name: value for name, value in line.items() if name != "iteration"})
