"""Searches with a policy: budgets, the best so far, and what each of them promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.search import SEARCHES, adaptive
from dispatchgym.agents.search.gumbel import transformed
from dispatchgym.agents.search.loop import Budget, Run, run
from dispatchgym.agents.search.stochastic_beam import conditioned, stochastic_beam
from dispatchgym.envs.jobshop.check import check
from dispatchgym.family import POLICY_HELP
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.agents.trainings import greedy_of, training_of

KIND = training_of("jobshop")
SHOP = generate(8, 6, seed=5)


def network(every: int = 0) -> Policy:
    torch.manual_seed(0)
    return Policy(PolicyConfig(KIND.problem.features, 16, 2, 16, every)).eval()


def searched(name: str, budget: Budget, instance: JobShop = SHOP, seed: int = 0, every: int = 0) -> Run:
    return run(SEARCHES[name], Run(KIND.problem, network(every), instance, budget, seed))


def test_the_help_names_every_search() -> None:
    assert "|".join(SEARCHES) in POLICY_HELP


@pytest.mark.parametrize("every", [0, 7])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_better_than_greedy_within_its_episodes_and_repeats_itself(name: str, every: int) -> None:
    found, again = (searched(name, Budget(rollouts=90), every=every) for _ in range(2))
    assert check(SHOP, KIND.schedule(SHOP, found.state, 0)) == found.objective == again.objective
    objectives = [x for _, x in found.curve]
    assert objectives == sorted(set(objectives), reverse=True)
    greedy = run(SEARCHES["sample"], Run(KIND.problem, network(every), SHOP, Budget(rollouts=1))).objective
    assert objectives[0] <= greedy  # type: ignore[operator]
    assert objectives[-1] < greedy  # type: ignore[operator]
    assert 90 <= found.played < 90 + 8  # the last round of a search may be played to its end


@pytest.mark.parametrize("name", SEARCHES)
def test_seconds_end_a_search_and_a_shop_without_decisions_ends_it_at_once(name: str) -> None:
    assert searched(name, Budget(rollouts=2)).objective  # compiled and loaded
    found = searched(name, Budget(seconds=0.05))
    assert 0.05 <= found.spent() < 1.0
    chain = JobShop(np.array([[0, 1]]), np.array([[3, 4]]))
    assert searched(name, Budget(seconds=60.0), chain).played == 1


def test_samples_are_the_same_in_any_rounds_and_the_first_is_greedy() -> None:
    whole = searched("sample", Budget(rollouts=40), seed=3)
    timed = Run(KIND.problem, network(), SHOP, Budget(seconds=1e9), 3)
    for rollout, ended in SEARCHES["sample"](timed):  # 1, 2, 4, ... episodes
        timed.keep(rollout, ended)
        if timed.played >= 40:
            break
    assert timed.curve[0][1] == greedy_of(KIND.problem, network(), SHOP)
    assert [x for _, x in timed.curve][-1] <= whole.objective  # type: ignore[operator]


def test_a_stochastic_beam_draws_every_episode_once() -> None:
    shop = JobShop(np.array([[0, 1], [1, 0], [0, 1]]), np.array([[2, 3], [3, 1], [4, 2]]))
    wide = Run(KIND.problem, network(), shop, Budget())
    states = [
        tuple(rollout.state.start[copy].flatten().tolist())
        for rollout, ended in stochastic_beam(wide, 64)
        for copy in ended.tolist()
    ]
    sampled = Run(KIND.problem, network(), shop, Budget())
    rollout, _ = sampled.play(sampled.rollout(256), np.arange(256))
    assert {tuple(x.flatten().tolist()) for x in rollout.state.start} <= set(states)
    actions = {tuple(x) for x in rollout.record.actions.tolist()}
    assert len(actions) <= len(states) <= 64  # sequences, of which several may be one schedule


def test_the_largest_noise_of_the_children_is_their_parents_and_follows_the_probabilities() -> None:
    logp = torch.log(torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)).repeat(4000, 1)
    logp = torch.cat([logp, torch.full((4000, 1), -torch.inf, dtype=torch.float64)], dim=1)
    noisy = conditioned(logp, torch.full((4000, 1), 1.5, dtype=torch.float64), torch.Generator().manual_seed(1))
    assert torch.allclose(noisy.amax(dim=1), torch.tensor(1.5, dtype=torch.float64))
    assert (noisy[:, 3] == -torch.inf).all()
    shares = torch.bincount(noisy.argmax(dim=1), minlength=4) / 4000
    assert torch.allclose(shares, torch.tensor([0.7, 0.2, 0.1, 0.0]), atol=0.03)


def test_active_search_trains_the_last_layer_alone_and_its_samples_get_better() -> None:
    before = network()
    after, optimiser = adaptive.trainable(before)
    what = Run(KIND.problem, before, SHOP, Budget())
    rollout, _ = what.play(what.rollout(64), np.arange(64))
    first = float(rollout.record.objective.double().mean())
    for step in range(15):
        what.play(rollout, np.arange(64) + 1000 * step, after)
        best = adaptive.record_of(rollout, int(rollout.record.objective.argmin()))
        for tensor, own in zip(rollout.record, best, strict=True):
            tensor[0] = own
        adaptive.update(rollout, after, optimiser)
    what.play(rollout, np.arange(64), after)
    assert float(rollout.record.objective.double().mean()) < first
    changed = {name for name, weights in after.state_dict().items() if not torch.equal(weights, before.state_dict()[name])}
    assert changed == {f"decoder.{name}" for name in adaptive.TRAINED}


def test_values_count_more_the_more_often_they_were_seen() -> None:
    few, many = (transformed(np.array([10.0, 15.0, 20.0]), [10, 20], visits) for visits in (1, 9))
    assert few.tolist() == sorted(few, reverse=True)
    assert few[2] == many[2] == 0.0
    assert many[0] > few[0] > 0.0
