"""Training: draw instances, play them, learn, log, save. Everything random is a function of (seed, iteration)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dispatchgym.agents import checkpoint
from dispatchgym.agents.learners import Batch, Forward, accelerated, imitate, optimiser_step, ppo, self_label
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.training import Training
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import write_text

VALIDATION_SEED = 2**31  # far from every training stream
KEPT_DEMONSTRATIONS = 200  # pools whose expert schedules are kept


Expert = Callable[[Any], Any]  # instance -> a schedule worth imitating


class Trainer:
    """One run in the folder `out`."""

    def __init__(
        self,
        training: Training,
        config: TrainConfig,
        out: Path,
        *,
        resume: bool = False,
        initial: Path | None = None,
        expert: Expert | None = None,
    ) -> None:
        validate(config)
        checkpoint.writable(out)
        self.config, self.out, self.expert = config, out, expert
        self.training = training
        if expert is not None and training.demonstration is None:
            chosen = " ".join(f"--{name} {value}" for name, value in training.options.items())
            raise InputError(f"--imitate: a schedule does not say what was decided with {chosen}")
        self.sizes = training_sizes(self.training, config.sizes)
        self.device = torch.device("cuda" if config.device == "cuda" and torch.cuda.is_available() else "cpu")
        torch.manual_seed(config.seed)
        shape = PolicyConfig(self.training.problem.features, config.width, config.layers, config.hidden, config.encode_every)
        self.policy = Policy(shape).to(self.device)
        self.average = Policy(shape).to(self.device)
        if initial is not None:
            self._start_from(initial)
        self.average.load_state_dict(self.policy.state_dict())
        self.optimiser = torch.optim.Adam(self.policy.parameters(), config.rate)
        self.forward: Forward = accelerated(self.policy, config.precision, config.compile, self.device.type)
        self.iteration, self.episodes, self.seconds = 0, 0, 0.0
        self._demonstrations: list[tuple[list[Any], Any]] = []  # instances and the expert's schedules of them
        self._rollouts: dict[tuple[Sizes, int], Rollout] = {}
        if resume:
            self._resume()
        elif (out / "training.safetensors").exists():
            raise InputError(f"{out} holds a run already: add --resume to go on with it, or choose another --out")
        else:
            (out / "log.jsonl").unlink(missing_ok=True)  # of a run that ended before its first checkpoint

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Train to the end of the budget; `report` gets every log line. Saves at the end and on the way."""
        step = optimiser_step(self.policy, self.optimiser)
        self._compile()
        clock = time.process_time if self.config.clock == "cpu" else time.monotonic
        began, before = clock(), self.seconds
        logged, saved = -1e9, time.monotonic()
        while (progress := self.progress()) < 1.0:
            for group in self.optimiser.param_groups:
                group["lr"] = self.config.rate * rate_at(progress, self.config.schedule)
            losses = self.learn(step)
            self.iteration += 1
            self._update_average()
            self.seconds = before + clock() - began
            now = self.seconds if self.config.steps is None else float(self.iteration)
            if now - logged >= self.config.log_every or self.progress() >= 1.0:
                logged = now
                report(self._log(losses))
            if time.monotonic() - saved >= self.config.save_every:
                saved = time.monotonic()
                self.save()
        self.save()

    def _compile(self) -> None:
        """Play one tiny batch, so that compiling is not counted as training."""
        pool = self.training.draw(np.random.default_rng(0), 2, self.sizes[:1], 0.0)
        rollout = Rollout(self.training.problem, self.training.problem.sizes(pool), 2, self.config.hidden, self.config.device)
        rollout.load(pool)
        rollout.play(self.policy, np.arange(2), np.arange(2))
        rollout.recall(encode_every=self.config.encode_every)

    def progress(self) -> float:
        """Share of the budget that is spent."""
        if self.config.steps is not None:
            return self.iteration / self.config.steps
        assert self.config.minutes is not None
        return self.seconds / (60.0 * self.config.minutes)

    def learn(self, step: Any) -> dict[str, float]:
        """One iteration: play a batch, update on it."""
        c = self.config
        rng = np.random.default_rng([c.seed, self.iteration])
        pool = self.training.draw(rng, c.instances, self.sizes, c.hard)
        if self.expert is not None and self.iteration < c.imitate_steps:
            return self._imitate(pool, self.expert, step, rng)
        rollout = self.rollout(self.training.problem.sizes(pool), c.instances * c.samples)
        rollout.load(pool)
        rows = np.repeat(np.arange(c.instances), c.samples)
        rollout.play(self.policy, rows, rng.integers(2**62, size=rollout.copies))
        self.episodes += rollout.copies
        batch = Batch(rollout, c.samples, c.encode_every)
        if c.learner == "self-label":
            return self_label(self.forward, batch, step)
        order = torch.Generator().manual_seed(int(rng.integers(2**31)))
        return ppo(self.forward, batch, step, c.ppo, order)

    def _imitate(self, pool: list[Any], expert: Expert, step: Any, rng: np.random.Generator) -> dict[str, float]:
        """Cross-entropy steps towards the expert's schedules of every instance of the pool, then of some earlier pools.

        Demonstrations are expensive, so each is used for several updates.
        """
        sizes = self.training.problem.sizes(pool)
        assert self.training.demonstration is not None
        shown = [self.training.demonstration(instance, expert(instance), sizes) for instance in pool]
        self._demonstrations.append((pool, shown))
        del self._demonstrations[:-KEPT_DEMONSTRATIONS]
        used = [-1, *rng.integers(len(self._demonstrations), size=self.config.imitate_repeats - 1).tolist()]
        for which in used:
            shops, demonstrations = self._demonstrations[which]
            rollout = self.rollout(self.training.problem.sizes(shops), len(shops))
            rollout.load(shops)
            rollout.record.seed.copy_(torch.from_numpy(rng.integers(2**62, size=len(shops))))
            rollout.replay(np.arange(len(shops)), demonstrations)
            graph, choices, examples = rollout.recall(encode_every=self.config.encode_every)
            losses = imitate(self.forward, graph, choices, examples, step)
        return losses

    def rollout(self, sizes: Sizes, copies: int) -> Rollout:
        """Buffers for this size, the last ones kept: there are few sizes and many iterations."""
        key = (sizes, copies)
        if key not in self._rollouts:
            while len(self._rollouts) >= self.training.kept_shapes:
                del self._rollouts[next(iter(self._rollouts))]
            self._rollouts[key] = Rollout(self.training.problem, sizes, copies, self.config.hidden, self.config.device)
        return self._rollouts[key]

    def validate(self) -> float:
        """Mean objective over lower bound of the averaged weights, greedy, on fixed generated instances; percent above."""
        gaps = []
        for pool in self._fixed_pools:
            rollout = self.rollout(self.training.problem.sizes(pool), len(pool))
            rollout.load(pool)
            record = rollout.play(self.average, np.arange(len(pool)), np.zeros(len(pool), np.int64), 0.0)
            bound = torch.as_tensor(np.asarray(rollout.instances.bound.cpu()))
            gaps.append(record.objective.cpu() / bound - 1.0)
        return float(100.0 * torch.cat(gaps).mean())

    @cached_property
    def _fixed_pools(self) -> list[list[Any]]:
        """The instances to validate on, in pools that are played together."""
        if self.training.fixed is not None:
            found = self.training.fixed()
            return [found[i : i + 8] for i in range(0, len(found), 8)]
        rng = np.random.default_rng(VALIDATION_SEED)
        return [self.training.draw(rng, 8, [size], 0.0) for size in dict.fromkeys(self.sizes)]

    def save(self) -> None:
        """Write the averaged policy, then the training state: each file is whole or old."""
        about = {
            "problem": self.training.name,
            "config": settings(self.training, self.config),
            "iterations": self.iteration,
            "episodes": self.episodes,
            "minutes": round(self.seconds / 60.0, 2),
            "trained_on": f"{self.training.domain or 'generated instances'} {' '.join(self.sizes)}".strip(),
        }
        checkpoint.save_policy(self.out, self.average, self.average.state_dict(), about)
        tensors = {f"policy.{k}": v for k, v in self.policy.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for i, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{k}": v for k, v in state.items()}
        about |= {"seconds": self.seconds}
        checkpoint.save_tensors(self.out / "training.safetensors", tensors, about)

    def _log(self, losses: dict[str, float]) -> dict[str, Any]:
        line = {
            "iteration": self.iteration,
            "episodes": self.episodes,
            "seconds": round(self.seconds, 1),
            "validation": round(self.validate(), 3),
            **{k: round(v, 6) for k, v in losses.items()},
        }
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            with open(self.out / "log.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise InputError(f"{self.out}: cannot be written ({error.strerror})") from None
        return line

    @torch.no_grad()
    def _update_average(self) -> None:
        # A young average would remember the random start, so its memory grows with the run.
        decay = min(self.config.average, self.iteration / (self.iteration + 10.0))
        for slow, fast in zip(self.average.parameters(), self.policy.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - decay)

    def _start_from(self, where: Path) -> None:
        other, _ = checkpoint.load_policy(where, self.training.name)
        if replace(other.config, encode_every=self.config.encode_every) != self.policy.config:
            raise InputError(f"{where}: its network ({other.config}) is not the one asked for")
        self.policy.load_state_dict(other.state_dict())

    def _resume(self) -> None:
        path = self.out / "training.safetensors"
        tensors, about = checkpoint.load_tensors(path)
        old, new = about.get("config", {}), json.loads(json.dumps(settings(self.training, self.config)))
        budget = {"minutes", "steps", "log_every", "save_every", "device", "clock"}  # may differ between parts of a run
        differs = sorted(k for k in new if k not in budget and old.get(k) != new[k])
        if differs:
            raise InputError(f"{path}: was trained with other settings ({', '.join(f'{k} {old.get(k)!r}' for k in differs)})")
        try:
            self.policy.load_state_dict({k[7:]: v for k, v in tensors.items() if k.startswith("policy.")})
            self.average.load_state_dict({k[8:]: v for k, v in tensors.items() if k.startswith("average.")})
            state: dict[int, dict[str, Any]] = {}
            for name, tensor in tensors.items():
                if name.startswith("optimiser."):
                    _, index, key = name.split(".")
                    state.setdefault(int(index), {})[key] = tensor
            self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})
            self.iteration, self.episodes, self.seconds = about["iterations"], about["episodes"], about["seconds"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(f"{path}: not the state of this run ({str(error).splitlines()[0]})") from None
        self._trim_log()

    def _trim_log(self) -> None:
        """Drop log lines after the saved state: they are about to be written again."""
        path = self.out / "log.jsonl"
        if not path.exists():
            return
        kept = []
        for text in path.read_text().splitlines():
            try:
                if json.loads(text)["iteration"] <= self.iteration:
                    kept.append(text + "\n")
            except (json.JSONDecodeError, KeyError):
                continue  # torn by a kill
        write_text(path, "".join(kept))


def settings(training: Training, config: TrainConfig) -> dict[str, Any]:
    """What a run was trained with, as its metadata say it."""
    return {"problem": training.name, **training.options, **asdict(config)}


def training_sizes(training: Training, asked: Sequence[str]) -> tuple[str, ...]:
    """The sizes to draw from; InputError for what is no size of the family."""
    if asked and not training.default_sizes:
        raise InputError(f"--sizes {asked[0]}: instances of {training.name} have no sizes; choose a --preset")
    for size in asked:
        training.size(size)
    return tuple(asked) or training.default_sizes or ("",)


def rate_at(progress: float, schedule: str) -> float:
    """Factor of the learning rate at `progress` in [0, 1)."""
    if schedule == "linear":
        return max(1.0 - progress, 0.02)
    return min(1.0, (progress + 0.002) / 0.02, max((1.0 - progress) / 0.4, 0.02))


def validate(config: TrainConfig) -> None:
    """InputError for settings that cannot be trained with."""
    if (config.minutes is None) == (config.steps is None):
        raise InputError("give either --minutes or --steps")
    for name in ("minutes", "steps", "instances", "samples", "imitate_repeats", "rate", "width", "layers", "hidden"):
        value = getattr(config, name)
        if value is not None and value <= 0:
            raise InputError(f"--{name} must be positive, not {value}")
    if config.samples < 2:
        raise InputError(f"--samples must be at least 2, not {config.samples}: episodes are compared with each other")
    if not 0.0 <= config.hard <= 1.0:
        raise InputError(f"--hard must be a share between 0 and 1, not {config.hard}")
    if config.seed < 0:
        raise InputError(f"--seed must not be negative, not {config.seed}")
    if config.ppo.advantage not in ("group", "gae"):
        raise InputError(f"--advantage must be group or gae, not {config.ppo.advantage!r}")
