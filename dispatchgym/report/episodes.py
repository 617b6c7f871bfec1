"""Episodes of policies for the player of a report: what was chosen, among what, with which probabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from dispatchgym.baselines.method import parse_method
from dispatchgym.family import Family, is_policy
from dispatchgym.instances.errors import InputError
from dispatchgym.report.scene import Scene

EPISODES = 6  # in a report
STEPS = 600  # of an episode; longer ones are not shown
CHOICES = 12  # of a step


@dataclasses.dataclass
class Played:
    """One episode, ready to be shown."""

    instance: str
    method: str
    objective: int
    scene: Scene
    steps: list[dict[str, Any]]  # keys: choices [[text, probability], ...], key, time, legal
    shown: str = ""  # the objective in words


def episodes(problem: Family, pairs: Sequence[tuple[Any, str]]) -> tuple[list[Played], list[str]]:
    """The greedy episodes of the policies among `pairs` (instance, method), and lines that say which are left out."""
    found: list[Played] = []
    notes: list[str] = []
    shown: set[tuple[str, str]] = set()  # a policy plays greedily whatever its number of samples is
    for instance, text in pairs:
        method = parse_method(text)
        who = (instance.name, method.target or "")
        if not is_policy(method) or problem.is_own(method) or who in shown or problem.name_choices is None:
            continue
        if len(found) == EPISODES:
            notes.append(f"Episodes: the first {EPISODES} only.")
            break
        shown.add(who)
        try:
            played = _play(problem, instance, text)
        except (InputError, RuntimeError) as error:
            notes.append(f"{instance.name}: no episode of {text}: {error}")
            continue
        if played is None:
            notes.append(f"{instance.name}: the episode of {text} has more than {STEPS} steps, so it is not shown.")
        else:
            found.append(played)
    return found, notes


def _play(problem: Family, instance: Any, text: str) -> Played | None:
    from dispatchgym.agents.steps import greedy_steps
    from dispatchgym.policies import players_of

    player = players_of(problem, instance, parse_method(text))[0]
    training, played = player.way.training, player.way.instance
    episode = greedy_steps(training, player.policy, played, most=STEPS, kept=CHOICES)
    if episode is None or problem.scenes is None or problem.name_choices is None:
        return None
    name = problem.name_choices(training.problem, played, episode.sizes)
    steps = []
    for step in episode.steps:
        named = [(name(c.number, c.task, c.resource, c.start), c) for c in step.choices]
        choices = [[words, round(c.probability, 4)] for (_, words), c in named]
        steps.append({"choices": choices, "key": named[0][0][0], "time": step.choices[0].start, "legal": step.legal})
    objective = int(problem.check(played, episode.schedule))
    return Played(instance.name, text, objective, problem.scenes(played, episode.schedule)[0], steps)
