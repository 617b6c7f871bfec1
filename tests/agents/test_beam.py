"""Beam search is never worse than the greedy episode, of whatever family, and compares episodes of different lengths fairly."""

from __future__ import annotations

import pytest
import torch

from dispatchgym import families
from dispatchgym.agents.network import Policy, PolicyConfig
from tests.agents.trainings import beam_of, beams_are_never_above_greedy, greedy_of, training_of

SMALL = {  # the shipped policies lost to their own greedy episodes on most of these when the beam dropped them
    "static-dag": ("topcuoglu-10", "peft-10", "top-03", "top-07"),
    "jobshop": ("ft06", "la01"),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_wider_beam_of_a_shipped_policy_is_never_above_greedy(name: str) -> None:
    for what in SMALL[name]:
        beams_are_never_above_greedy(name, what)


def test_episodes_that_end_early_stay_answers_and_their_schedule_is_the_one_returned() -> None:
    torch.manual_seed(3)
    family, training = families.load("static-dag"), training_of("static-dag")
    policy = Policy(PolicyConfig(training.problem.features, width=8, layers=1, hidden=8)).eval()
    better = 0
    for what in ("top-01", "top-02", "top-03", "top-04"):
        instance = family.load(what)
        greedy = greedy_of(training.problem, policy, instance)
        found = beam_of(training.problem, policy, instance, 32)
        assert found.objective is not None
        assert family.check(instance, training.schedule(instance, found.state, 0)) == found.objective <= greedy
        better += found.objective < greedy
    assert better >= 2  # a beam that only gave back the greedy episode would be none


@pytest.mark.parametrize("every", [0, 3])
def test_a_beam_plays_as_its_policy_does(every: int) -> None:
    torch.manual_seed(4)
    family, training = families.load("static-dag"), training_of("static-dag")
    policy = Policy(PolicyConfig(training.problem.features, 8, 1, 8, every)).eval()
    instance = family.load("peft-10")
    found = beam_of(training.problem, policy, instance, 4)
    assert family.check(instance, training.schedule(instance, found.state, 0)) == found.objective
