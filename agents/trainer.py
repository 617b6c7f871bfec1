"""Training: draw instances, play them, learn, log, save. Everything random is a function of (seed, iteration)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from dispatchgym.agents import checkpoint
from dispatchgym.agents.bounds import validate
from dispatchgym.agents.learners import LEARNERS, Forward, Turn, accelerated, imitate, optimiser_step
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.optimisers import OPTIMISERS
from dispatchgym.agents.ranks import ALONE, Ranks, check_split
from dispatchgym.agents.resuming import equal, optimiser_state, trim_log
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.schedules import rate_at
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.training import Training
from dispatchgym.envs.core.contract import Sizes
from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.devices import check_device
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.files import append, hold
from dispatchgym.instances.json_fields import shown

VALIDATION_SEED = 2**31  # far from every training stream
KEPT_DEMONSTRATIONS = 200  # pools whose expert schedules are kept


Expert = Callable[[Sequence[Any]], list[Any]]  # instances -> a schedule worth imitating of each


class Trainer:
    """One run in the folder `out`; of the processes in `ranks` only the first writes, logs and validates."""

    def __init__(
        self,
        training: Training,
        config: TrainConfig,
        out: Path,
        *,
        resume: bool = False,
        initial: Path | None = None,
        expert: Expert | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        validate(config)
        check_split(config, ranks.count)
        self._lock: int | None = None  # until `run` ends
        self.config, self.out, self.expert, self.ranks = config, out, expert, ranks
        self.training = training
        if expert is not None and training.demonstration is None:
            chosen = " ".join(f"--{name} {value}" for name, value in training.options.items())
            raise InputError(f"--imitate: a schedule does not say what was decided with {chosen}")
        self.sizes = training_sizes(self.training, config.sizes)
        self.device = torch.device("cuda" if check_device(config.device) == "cuda" and not simulated() else "cpu")
        torch.manual_seed(config.seed)
        shape = network_shape(self.training, config)
        self.policy = Policy(shape).to(self.device)
        self.average = Policy(shape).to(self.device)
        if initial is not None:
            self._start_from(initial)
        self.average.load_state_dict(self.policy.state_dict())
        self._kind = OPTIMISERS[config.optimizer]
        self.optimiser = self._kind.make(self.policy.parameters(), config.rate, config.weight_decay)
        self.forward: Forward = ranks.forward(accelerated(self.policy, config.precision, config.compile, self.device.type))
        self.iteration, self.episodes, self.seconds = 0, 0, 0.0
        self._demonstrations: list[tuple[list[Any], Sizes, Any]] = []  # instances, their sizes, the expert's schedules of them
        self._rollouts: dict[tuple[Sizes, int], Rollout] = {}
        self.rules: dict[str, float] = {}  # the validation of rules, for the log
        self.best: float | None = None  # the least validation of the log that a resumed run goes on with
        self._logged = -1e9  # seconds or iterations of the last log line
        if ranks.leads:
            checkpoint.writable(out)
            self._lock = hold(out, f"{out}: another training is writing to it")
        exists = os.path.lexists(out / "training.safetensors")
        if exists and not resume:
            raise InputError(f"{out} holds a run already: add --resume to go on with it, or choose another --out")
        if exists:
            self._resume()
        elif ranks.leads:
            (out / "log.jsonl").unlink(missing_ok=True)  # of a run that ended before its first checkpoint

    def close(self) -> None:
        """Let others write to the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()

    def run(self, report: Callable[[dict[str, Any]], None], stopped: Callable[[], bool] = lambda: False) -> None:
        """Train to the end of the budget, or until `stopped()` after an iteration; saves then and on the way.

        `report` gets a line after every iteration; those that are logged have "validation".
        """
        try:
            self._train(report, stopped)
        finally:
            self.close()

    def _train(self, report: Callable[[dict[str, Any]], None], stopped: Callable[[], bool]) -> None:
        step = optimiser_step(self.policy, self.optimiser, ranks=self.ranks)
        with self.ranks.first():
            self._compile()
        clock = time.process_time if self.config.clock == "cpu" else time.monotonic
        began, before = clock(), self.seconds
        saved = time.monotonic()
        while (progress := self.progress()) < 1.0 and not stopped():
            for group in self.optimiser.param_groups:
                group["lr"] = self.config.rate * rate_at(progress, self.config.schedule)
            losses = self.learn(step)
            self.iteration += 1
            self._update_average()
            self.seconds = self.ranks.lead(before + clock() - began)
            now = self.seconds if self.config.steps is None else float(self.iteration)
            if not self.ranks.leads:
                continue
            if now - self._logged >= self.config.log_every or self.progress() >= 1.0:
                self._logged = now
                report(self._log(losses))
            else:
                report({"iteration": self.iteration, "episodes": self.episodes, "seconds": round(self.seconds, 1), **losses})
            if time.monotonic() - saved >= self.config.save_every:
                saved = time.monotonic()
                self.save()
        if self.ranks.leads:
            self.save()

    def _compile(self) -> None:
        """Play one tiny batch, so that compiling is not counted as training."""
        pool = self.training.draw(np.random.default_rng(0), 2, self.sizes[:1], 0.0)
        rollout = Rollout(self.training.problem, self.training.problem.sizes(pool), 2, self.config.hidden, self.config.device)
        rollout.load(pool)
        rollout.play(self.policy, np.arange(2), np.arange(2))
        rollout.recall(encode_every=self.config.encode_every)
        LEARNERS[self.config.learner].warm(rollout)

    def progress(self) -> float:
        """Share of the budget that is spent."""
        if self.config.steps is not None:
            return self.iteration / self.config.steps
        assert self.config.minutes is not None
        return self.seconds / (60.0 * self.config.minutes)

    def learn(self, step: Any) -> dict[str, float]:
        """One iteration: play a batch, or this process's part of it, update on it."""
        c = self.config
        rng = np.random.default_rng([c.seed, self.iteration])
        batch = self.training.draw(rng, c.instances, self.sizes, c.hard)
        sizes = self.training.problem.sizes(batch)
        pool = self.ranks.part(batch)
        if self.expert is not None and self.iteration < c.imitate_steps:
            return self._imitate(pool, sizes, self.expert, step, rng)
        self.episodes += c.instances * c.samples
        return LEARNERS[c.learner].learn(self._turn(pool, sizes, step, rng))

    def _turn(self, pool: list[Any], sizes: Sizes, step: Any, rng: np.random.Generator) -> Turn:
        """What a learner has on these instances, padded to `sizes`."""
        packed = self.training.problem.pack(pool, sizes)

        def loaded(each: int) -> Rollout:
            rollout = self.rollout(sizes, len(pool) * each)
            rollout.load(packed)
            return rollout

        return Turn(self.policy, self.forward, loaded, len(pool), step, self.config, rng, self.ranks)

    def _imitate(self, pool: list[Any], sizes: Sizes, expert: Expert, step: Any, rng: np.random.Generator) -> dict[str, float]:
        """Cross-entropy steps towards the expert's schedules of every instance of the pool, then of some earlier pools.

        Demonstrations are expensive, so each is used for several updates.
        """
        assert self.training.demonstration is not None
        follow = self.training.demonstration
        shown = [follow(instance, schedule, sizes) for instance, schedule in zip(pool, expert(pool), strict=True)]
        self._demonstrations.append((pool, sizes, shown))
        del self._demonstrations[:-KEPT_DEMONSTRATIONS]
        used = [-1, *rng.integers(len(self._demonstrations), size=self.config.imitate_repeats - 1).tolist()]
        for which in used:
            shops, sizes, demonstrations = self._demonstrations[which]
            rollout = self.rollout(sizes, len(shops))
            rollout.load(shops)
            seeds = self.ranks.part(rng.integers(2**62, size=self.config.instances))
            rollout.record.seed.copy_(torch.from_numpy(seeds))
            rollout.replay(np.arange(len(shops)), demonstrations)
            graph, choices, examples = rollout.recall(encode_every=self.config.encode_every)
            losses = imitate(self.forward, graph, choices, examples, step, self.ranks)
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
        """Mean ratio to the lower bound of the averaged weights, greedy, on fixed generated instances; percent above 1."""
        return self._mean_gap(lambda pool, rollout: rollout.play(self.average, np.arange(len(pool)), greedy(len(pool)), 0.0))

    def validate_rule(self, solve: Callable[[Any], Any]) -> float:
        """The same for a rule's schedules, as far as the action set can follow them; InputError if it cannot follow any."""
        follow = self.training.demonstration
        if follow is None:
            raise InputError("schedules do not say what was decided")

        def play(pool: list[Any], rollout: Rollout) -> Any:
            rollout.record.seed.zero_()
            schedules = [solve(x) for x in pool]
            if any(schedule is None for schedule in schedules):
                raise InputError("an instance was left without a schedule")
            return rollout.replay(
                np.arange(len(pool)), [follow(x, y, rollout.sizes) for x, y in zip(pool, schedules, strict=True)]
            )

        return self._mean_gap(play)

    def _mean_gap(self, play: Callable[[list[Any], Rollout], Any]) -> float:
        ratios = []
        for pool in self._fixed_pools:
            rollout = self.rollout(self.training.problem.sizes(pool), len(pool))
            rollout.load(pool)
            record = play(pool, rollout)
            bound = torch.as_tensor(np.asarray(rollout.instances.bound.cpu()))
            # Tardiness has bounds of 0, lateness those below it.
            ratios.append(1.0 + (record.objective.cpu() - bound) / bound.abs().clamp(min=1))
        ratio = torch.cat(ratios)
        mean = ratio.log().mean().exp() if self.training.geometric else ratio.mean()
        return float(100.0 * (mean - 1.0))

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
        about |= {"seconds": self.seconds, "logged": self._logged}
        checkpoint.save_tensors(self.out / "training.safetensors", tensors, about)

    def _log(self, losses: dict[str, float]) -> dict[str, Any]:
        line = {
            "iteration": self.iteration,
            "episodes": self.episodes,
            "seconds": round(self.seconds, 1),
            "validation": round(self.validate(), 3),
            **{f"rule.{name}": round(gap, 3) for name, gap in self.rules.items()},
            **{k: round(v, 6) for k, v in losses.items()},
        }
        append(self.out / "log.jsonl", (json.dumps(line) + "\n").encode())
        return line

    @torch.no_grad()
    def _update_average(self) -> None:
        if self._kind.average:
            for slow, fast in zip(self.average.parameters(), self.policy.parameters(), strict=True):
                slow.copy_(self.optimiser.state.get(fast, {}).get(self._kind.average, fast))
            return
        # A young average would remember the random start, so its memory grows with the run.
        decay = min(self.config.average, self.iteration / (self.iteration + 10.0))
        for slow, fast in zip(self.average.parameters(), self.policy.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - decay)

    def _start_from(self, where: Path) -> None:
        other, _ = checkpoint.load_policy(where, self.training.name)
        asked = self.policy.config
        attention = other.config.attention or asked.attention  # may be added: it begins with weights of zero
        if replace(other.config, encode_every=asked.encode_every, attention=attention) != asked:
            raise InputError(f"{where}: its network ({other.config}) is not the one asked for")
        self.policy.load_state_dict(self.policy.state_dict() | other.state_dict())

    def _resume(self) -> None:
        path = self.out / "training.safetensors"
        tensors, about = checkpoint.load_tensors(path)
        defaults = asdict(TrainConfig())
        old = about["config"]
        list(old.items())  # an object
        new = json.loads(json.dumps(settings(self.training, self.config)))
        budget = {"minutes", "steps", "log_every", "save_every", "device", "clock"}  # may differ between parts of a run
        held = {key: old.value.get(key, defaults.get(key)) for key in new}  # a setting that came later has its default
        differs = sorted(key for key in new if key not in budget and not equal(held[key], new[key]))
        if differs:
            raise InputError(f"{path}: was trained with other settings ({', '.join(f'{k} {shown(held[k])}' for k in differs)})")
        for prefix, network in (("policy", self.policy), ("average", self.average)):
            weights = {k.removeprefix(f"{prefix}."): v for k, v in tensors.items() if k.startswith(f"{prefix}.")}
            misfit = checkpoint.difference(network.config, weights)
            if misfit:
                raise InputError(f"{path}: not the state of this run ({prefix}: {misfit})")
            network.load_state_dict(weights)
        self.iteration = about["iterations"].whole(0, 2**53)
        self.episodes = about["episodes"].whole(0, 2**53)
        self.seconds = about["seconds"].number()
        if self.seconds < 0:
            raise about["seconds"].error(f"{self.seconds} is negative")
        self._logged = about["logged"].number() if "logged" in about else float(self.iteration)
        if not abs(self._logged) < 2**53:
            raise about["logged"].error(f"{self._logged:g} is out of range")
        state = optimiser_state(path, tensors, self._kind, [p.shape for p in self.policy.parameters()], self.iteration)
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})
        if self.ranks.leads:
            self.best = trim_log(self.out / "log.jsonl", self.iteration)


def greedy(count: int) -> npt.NDArray[np.int64]:
    """Streams of `count` copies, of which nothing is drawn at temperature 0."""
    return np.zeros(count, np.int64)


def network_shape(training: Training, config: TrainConfig) -> PolicyConfig:
    """The network that these settings ask for."""
    c = config
    return PolicyConfig(training.problem.features, c.width, c.layers, c.hidden, c.encode_every, c.attention)


def settings(training: Training, config: TrainConfig) -> dict[str, Any]:
    """What a run was trained with, as its metadata say it."""
    return {"problem": training.name, **training.options, **asdict(config)}


def training_sizes(training: Training, asked: Sequence[str]) -> tuple[str, ...]:
    """The sizes to draw from; InputError for what is no size of the family."""
    if asked and not training.default_sizes:
        raise InputError(f"--sizes {asked[0]}: {training.domain or f'instances of {training.name}'} have no sizes")
    for size in asked:
        training.size(size)
    return tuple(asked) or training.default_sizes or ("",)
