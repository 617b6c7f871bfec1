"""Where a training's numbers go beside log.jsonl: TensorBoard, Weights & Biases or MLflow, behind three methods."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

Name = Literal["tensorboard", "wandb", "mlflow"]
PROJECT = "dispatchgym"  # of the services that sort runs into projects


class Logger(Protocol):
    """What a training tells of itself."""

    def start(self, settings: Mapping[str, Any], references: Mapping[str, float]) -> None:
        """Once, before the first numbers: what the run is trained with, and what it is compared with."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """The numbers after iteration `step`."""

    def close(self) -> None:
        """Once, when the training ends or fails."""


class TensorBoard:
    """Events in OUT/tensorboard. The validation and the references share a chart under "Custom scalars"."""

    def __init__(self, out: Path) -> None:
        self.writer = import_module("torch.utils.tensorboard").SummaryWriter(str(out / "tensorboard"))

    def start(self, settings: Mapping[str, Any], references: Mapping[str, float]) -> None:
        rows = "".join(f"| {name} | {value} |\n" for name, value in settings.items())
        self.writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}")
        lines = ["validation", *(f"rule.{name}" for name in references)]
        self.writer.add_custom_scalars({"validation": {"the policy and the rules": ["Multiline", lines]}})

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()


class WandB:
    """A run of Weights & Biases, kept in OUT/wandb; WANDB_MODE=offline sends nothing."""

    def __init__(self, out: Path) -> None:
        self.run = import_module("wandb").init(project=PROJECT, name=out.name, dir=str(out))

    def start(self, settings: Mapping[str, Any], references: Mapping[str, float]) -> None:
        self.run.config.update(dict(settings))
        self.run.summary.update({f"rule.{name}": value for name, value in references.items()})

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.run.log(dict(numbers), step=step)

    def close(self) -> None:
        self.run.finish()


class MLflow:
    """A run of MLflow: at MLFLOW_TRACKING_URI, or without it in files in OUT/mlruns."""

    LONGEST = 500  # characters of a parameter

    def __init__(self, out: Path) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # recent versions want this said
        self.mlflow = import_module("mlflow")
        if "MLFLOW_TRACKING_URI" not in os.environ:
            self.mlflow.set_tracking_uri((out / "mlruns").resolve().as_uri())
        self.mlflow.set_experiment(PROJECT)
        self.mlflow.start_run(run_name=out.name)

    def start(self, settings: Mapping[str, Any], references: Mapping[str, float]) -> None:
        self.mlflow.log_params({name: str(value)[: self.LONGEST] for name, value in settings.items()})
        self.mlflow.log_params({f"rule.{name}": f"{value:.3f}" for name, value in references.items()})

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self.mlflow.log_metrics(dict(numbers), step=step)

    def close(self) -> None:
        self.mlflow.end_run()


LOGGERS: dict[str, Callable[[Path], Logger]] = {"tensorboard": TensorBoard, "wandb": WandB, "mlflow": MLflow}
