"""The episode player shows the episode that the method plays."""

from __future__ import annotations

import pytest

from dispatchgym import families
from dispatchgym.agents.steps import greedy_steps, name_choices
from dispatchgym.baselines.method import parse_method
from dispatchgym.envs.core.targets import compile_entries
from dispatchgym.policies import players_of
from dispatchgym.report import episodes

INSTANCES = {
    "jobshop": "ft06",
    "blocking": "la01/bws",
    "soc": "gym-ds3-5",
    "static-dag": "top-01",
    "memory-pack": "minimalloc-example",
    "memory-map": "alexnet-b1",
    "cpmodel": "mk01",
}


@pytest.mark.parametrize("family", families.NAMES)
def test_every_problem_can_say_what_its_choices_are(family: str) -> None:
    card = families.load(family)
    problem = card.trained_by().of_instance(card.load(INSTANCES[family])).problem
    assert list(compile_entries((name_choices,), "python", kernel=problem.kernel)) == ["name_choices"]


def test_steps_are_the_greedy_episode_with_its_probabilities() -> None:
    card = families.load("jobshop")
    instance = card.load("ft06")
    player = players_of(card, instance, parse_method("policy"))[0]
    episode = greedy_steps(player.way.training, player.policy, instance, most=100, kept=4)
    assert episode is not None
    assert card.check(instance, episode.schedule) == card.solve(instance, "policy").objective
    assert len(episode.steps) == 36
    for step in episode.steps:
        shares = [choice.probability for choice in step.choices]
        assert shares == sorted(shares, reverse=True)
        assert len(step.choices) == min(step.legal, 4)
        assert sum(shares) == pytest.approx(1.0, abs=1e-5) or step.legal > 4
    assert greedy_steps(player.way.training, player.policy, instance, most=35, kept=4) is None


def test_each_policy_is_played_once_and_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    card = families.load("jobshop")
    six, ten = card.load("ft06"), card.load("ft10")
    found, notes = episodes.episodes(card, [(six, "spt"), (six, "policy"), (six, "policy:x8"), (ten, "policy")])
    assert [(one.instance, one.method, len(one.steps)) for one in found] == [("ft06", "policy", 36), ("ft10", "policy", 100)]
    assert notes == []
    scene = found[0].scene
    assert scene.key is not None
    assert sorted(step["key"] for step in found[0].steps) == sorted(scene.key)
    assert found[0].steps[0]["choices"][0][0].startswith("job ")
    monkeypatch.setattr(episodes, "STEPS", 50)
    found, notes = episodes.episodes(card, [(six, "policy"), (ten, "policy")])
    assert len(found) == 1
    assert notes == ["ft10: the episode of policy has more than 50 steps, so it is not shown."]
