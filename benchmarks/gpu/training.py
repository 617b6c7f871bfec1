"""Part 5: training from the same start for the same seconds on the GPU and on the machine's CPU, and how good each is then."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.device import Plan, alone
from dispatchgym.agents.jobshop import TRAINING
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer

SECONDS = 20.0
LARGE = {"instances": 64, "samples": 128}  # a batch that fills a GPU better than the default
TINY: dict[str, Any] = {"steps": 1, "sizes": ("2x2",), "instances": 2, "samples": 2, "width": 8, "layers": 1, "hidden": 8}


def cases(tiny: bool) -> list[str]:
    return ["cuda"] if tiny else ["cuda", "cpu", "cuda, large batch"]


def measure(case: str, plan: Plan) -> Iterator[dict[str, Any]]:
    """One row."""
    device = case.split(",")[0]
    words = TINY if plan.tiny else {"minutes": SECONDS / 60, "sizes": ("6x6", "10x10"), "log_every": SECONDS}
    if "large" in case and not plan.tiny:
        words = words | LARGE
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, alone():
        began = time.perf_counter()
        trainer = Trainer(TRAINING, TrainConfig(device=device, **words), Path(folder) / "run")  # type: ignore[arg-type]
        trainer.run(lines.append)
        whole = time.perf_counter() - began
    gaps = [line["validation"] for line in lines if "validation" in line]
    yield {
        "batch": f"{trainer.config.instances}x{trainer.config.samples}",
        "iterations": trainer.iteration,
        "episodes": trainer.episodes,
        "seconds": round(trainer.seconds, 1),
        "episodes/s": round(trainer.episodes / max(trainer.seconds, 1e-9)),
        "with start s": round(whole, 1),
        "% above bound": gaps[-1],
    }
