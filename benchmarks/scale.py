"""Scale on paper: what one iteration of training and one answer cost here, and what that makes of more devices.

    python benchmarks/scale.py            writes the block `scale` of docs/performance.md, some CPU-minutes

The costs are measured on this machine or counted; what they make of GPUs and clusters is arithmetic with the data sheet of
a GPU and the assumptions in `ASSUMED` of benchmarks/scale_model.py. Nothing is run on a GPU or on a second machine.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: import the project from the folder above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import markdown_blocks
from benchmarks.results_file import describe_header, header
from benchmarks.scale_model import Costs, tables
from dispatchgym import evaluate, families
from dispatchgym.agents import rollout as rollouts
from dispatchgym.agents.learners import LEARNERS, optimiser_step
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.envs.core.contract import observation
from dispatchgym.instances.errors import InputError

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
FAMILY = families.load("jobshop")
SIZE = "10x10"
WARM, TIMED = 2, 8  # iterations
PAIRS = 400  # instances with one rule, for what an answer costs the process that judges


class Calls(TorchDispatchMode):
    """Counts the operations that torch would launch on a GPU; views launch nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def timed(spent: dict[str, float], places: Sequence[tuple[Any, str, str]]) -> Iterator[None]:
    """While it lasts, (owner, method, name): what a method takes is added to `spent[name]`, in CPU-seconds."""
    before = [(owner, method, getattr(owner, method)) for owner, method, _ in places]

    def wrapped(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def measured(*words: Any, **keys: Any) -> Any:
            began = time.process_time()
            try:
                return call(*words, **keys)
            finally:
                spent[name] += time.process_time() - began

        return measured

    for (owner, method, call), (_, _, name) in zip(before, places, strict=True):
        setattr(owner, method, wrapped(call, name))
    try:
        yield
    finally:
        for owner, method, call in before:
            setattr(owner, method, call)


def training(out: Path) -> dict[str, float]:
    """CPU-milliseconds of the parts of an iteration, and counts of what it does."""
    config = TrainConfig(steps=1000, sizes=(SIZE,))
    trainer = Trainer(FAMILY.trained_by().training(), config, out)
    trainer._compile()
    step = optimiser_step(trainer.policy, trainer.optimiser)
    spent: dict[str, float] = defaultdict(float)
    trainer.training = _timed(trainer.training, spent)
    rollout = rollouts.Rollout
    places = [(rollout, "play", "play"), (rollout, "recall", "recall")]
    whole = 0.0
    for i in range(WARM + TIMED):
        if i == WARM:
            spent.clear()
            whole = -time.process_time()
        with timed(spent, places):
            trainer.learn(step)
            trainer.iteration += 1
    whole += time.process_time()
    found = {name: 1000 * spent[name] / TIMED for name in ("draw", "pack", "play", "recall")}
    found["learn"] = 1000 * whole / TIMED - sum(found.values())
    return found | counted(trainer, step)


def _timed(training: Any, spent: dict[str, float]) -> Any:
    """The training, whose drawing and packing are timed."""

    def draw(*words: Any) -> Any:
        began = time.process_time()
        try:
            return training.draw(*words)
        finally:
            spent["draw"] += time.process_time() - began

    class Packing:
        def __getattr__(self, name: str) -> Any:
            return getattr(training.problem, name)

        def pack(self, *words: Any) -> Any:
            began = time.process_time()
            try:
                return training.problem.pack(*words)
            finally:
                spent["pack"] += time.process_time() - began

    return dataclasses.replace(training, draw=draw, problem=Packing())


def counted(trainer: Trainer, step: Any) -> dict[str, float]:
    """Operations, arithmetic and sizes of one iteration."""
    rng = np.random.default_rng(0)
    pool = trainer.training.draw(rng, trainer.config.instances, trainer.sizes, 0.0)
    turn = trainer._turn(pool, trainer.training.problem.sizes(pool), step, rng)
    calls, arithmetic = Calls(), FlopCounterMode(display=False)
    with arithmetic, calls:
        LEARNERS[trainer.config.learner].learn(turn)
    rollout = turn.rollout(turn.group)
    rollout.play(trainer.policy, np.repeat(np.arange(len(pool)), turn.group), np.arange(rollout.copies))
    weights = sum(p.numel() for p in trainer.policy.parameters())
    return {
        "launches": calls.count,
        "flop": float(arithmetic.get_total_flops()),
        "gradient": 4.0 * weights,
        "episodes": float(rollout.copies),
        "instances": float(len(pool)),
        "decisions": float(rollout.record.decisions.float().mean()),
        "choices": float(rollout.record.rows.float().mean()),
        "steps": float(rollout.record.length.float().mean()),
    }


def copy_bytes() -> dict[str, float]:
    """Bytes of one copy's state and observations."""
    training = FAMILY.trained_by().training()
    pool = training.draw(np.random.default_rng(0), 1, (SIZE,), 0.0)
    problem, sizes = training.problem, training.problem.sizes(pool)

    def total(arrays: Any) -> float:
        return float(sum(x.nbytes for x in arrays if isinstance(x, np.ndarray)))

    state = total(problem.state(sizes, 1))
    plain, whole = (total(observation(problem.features, sizes, 1, graph=graph)) for graph in (False, True))
    f = problem.features
    return {"state": state, "features": plain, "graph": whole, "candidate": float(f.candidate), "context": float(f.context)}


def answers() -> dict[str, float]:
    """CPU-milliseconds of the process that gives out work, judges and writes, for an answer."""
    instances = tuple(f"uniform/j10/m10/s{seed}" for seed in range(PAIRS))
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(io.StringIO()):
        began = time.process_time()
        evaluate.evaluate(FAMILY, evaluate.Options(instances, ("spt",), Path(out)))
        return {"answer": 1000 * (time.process_time() - began) / PAIRS}


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 2 for bad input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=PAGE, help="whose block `scale` is written")
    options = parser.parse_args(arguments)
    try:
        about = header(0)
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as out:
            found = training(Path(out)) | copy_bytes() | answers()
        text = f"{tables(Costs(**found))}\n\nMade by `python benchmarks/scale.py`. {describe_header(about)}\n"
        print(text)
        markdown_blocks.fill(options.page, "scale", text)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
