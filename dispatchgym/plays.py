"""Episodes of the environments as lists of steps, for data sets: random play, and any method's schedules as actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np

from dispatchgym.baselines.method import parse_method
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError

RANDOM = "random"  # every legal action is equally probable


@dataclasses.dataclass
class Play:
    """One episode of T steps."""

    instance: str
    method: str
    seed: int
    objective: int  # of the schedule that the actions build, by the referee
    observations: list[Any]  # T + 1
    actions: list[int]
    rewards: list[float]
    terminations: list[bool]
    truncations: list[bool]


@dataclasses.dataclass
class Stage:
    """The environment that has room for all `instances`, and how their schedules become actions."""

    card: Family
    instances: Sequence[Any]
    observation: str = "flat"  # or "candidates", "graph"

    def __post_init__(self) -> None:
        """InputError unless one environment plays all instances."""
        agent = self.card.trained_by()
        self.training = agent.of_instance(self.instances[0])
        for instance in self.instances[1:]:
            other = agent.of_instance(instance)
            if (other.gymnasium_id, other.problem) != (self.training.gymnasium_id, self.training.problem):
                raise InputError(f"{instance.name} and {self.instances[0].name} are played by different environments")
        self.words = {key: value for key, value in self.training.keywords.items() if key != "instance"}
        flat = self.observation == "flat"
        base, _, version = self.training.gymnasium_id.partition(":")[2].rpartition("-")
        self.id = f"{base}Flat-{version}" if flat else f"{base}-{version}"
        self.words |= {} if flat else {"observation": self.observation}
        self.env = gymnasium.make(self.id, instance=list(self.instances), illegal="raise", **self.words)

    def plays(self, methods: Sequence[str], episodes: int, seed: int) -> Iterator[Play]:
        """`episodes` of each method on each instance; their seeds are counted up from `seed`."""
        for text in methods:
            for instance in self.instances:
                for own in range(seed, seed + episodes):
                    actions = None if text == RANDOM else self.actions(instance, text, own)
                    yield self._play(instance, text, own, actions)

    def actions(self, instance: Any, method: str, seed: int) -> list[int]:
        """The actions that build the method's schedule, or one as near to it as the action set allows.

        Raises InputError if the method has no answer, or if schedules of this problem do not say which actions built them.
        """
        from dispatchgym.agents.rollout import Rollout

        training = self.training
        if training.demonstration is None:
            raise InputError(f"{method}: schedules of {training.name} with {training.options} cannot be replayed")
        schedule = self.card.solve(instance, parse_method(method), seed=seed).schedule
        if schedule is None:
            raise InputError(f"{instance.name}: {method} found no schedule")
        sizes = training.problem.sizes(self.instances)
        rollout = Rollout(training.problem, sizes, 1, hidden=1)
        rollout.load([instance])
        rollout.record.seed.fill_(seed)
        record = rollout.replay(np.zeros(1, np.int64), [training.demonstration(instance, schedule, sizes)])
        found: list[int] = record.actions[0, : int(record.length[0])].tolist()
        return found

    def _play(self, instance: Any, method: str, seed: int, actions: list[int] | None) -> Play:
        rng = np.random.default_rng(seed)
        seen, info = self.env.reset(seed=seed, options={"instance": instance})
        play = Play(instance.name, method, seed, -1, [seen], [], [], [], [])
        ended = False
        while not ended:
            if actions is None:
                action = int(rng.choice(np.flatnonzero(info["action_mask"])))
            else:
                action = actions[len(play.actions)]
            seen, reward, terminated, truncated, info = self.env.step(action)
            ended = terminated or truncated
            play.observations.append(seen)
            play.actions.append(action)
            play.rewards.append(float(reward))
            play.terminations.append(terminated)
            play.truncations.append(truncated)
        if not play.terminations[-1]:
            raise InputError(f"{instance.name}: {method} has no whole schedule after {len(play.actions)} steps")
        env: Any = self.env.unwrapped
        play.objective = int(self.card.check(instance, env.schedule()))
        return play
