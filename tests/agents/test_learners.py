"""The learners: losses by hand, samples without replacement, learning on a tiny task, resuming to the last bit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from torch import Tensor

from dispatchgym.agents import checkpoint
from dispatchgym.agents.learners import LEARNERS, Turn
from dispatchgym.agents.learners.positions import positions_of
from dispatchgym.agents.learners.preference import preference, preference_loss, ranked
from dispatchgym.agents.learners.reinforce import against_greedy, reinforce
from dispatchgym.agents.learners.trie import Episode, Tried, pick
from dispatchgym.agents.learners.turn import mean_log_probability, play_samples
from dispatchgym.agents.learners.without_replacement import best_of_rounds, write
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.settings import PreferenceConfig, TrainConfig, WithoutReplacementConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.agents.trainings import trainer, training_of

PROBLEM = training_of("jobshop").problem


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(3)
    return Policy(PolicyConfig(PROBLEM.features, width=8, layers=1, hidden=8)).eval()


def turn_of(policy: Policy, pool: list[JobShop], losses: list[float], seed: int = 0, **settings: Any) -> Turn:
    """A turn whose steps note the loss and change nothing."""
    sizes = PROBLEM.sizes(pool)

    def loaded(each: int) -> Rollout:
        rollout = Rollout(PROBLEM, sizes, len(pool) * each, policy.config.hidden)
        rollout.load(pool)
        return rollout

    def step(loss: Tensor) -> float:
        losses.append(float(loss.detach()))
        return 0.0

    config = TrainConfig(steps=1, encode_every=policy.config.encode_every, **settings)
    return Turn(policy, policy, loaded, len(pool), step, config, np.random.default_rng(seed))


def test_every_learner_of_the_command_is_listed() -> None:
    assert set(get_args(get_type_hints(TrainConfig)["learner"])) == {*LEARNERS, "sb3"}


def test_the_preference_loss_is_the_one_of_the_paper() -> None:
    objective, logp = torch.tensor([[10, 20, 10, 15]]), torch.tensor([[-0.5, -1.0, -2.0, -0.1]])
    pairs = [2.0 * (1.0 - 0.5), 1.5 * (0.1 - 0.5)]  # that with an equal objective is left out
    expected = sum(math.log(1 + math.exp(-x)) for x in pairs) / 2
    assert float(preference_loss(objective, logp)) == pytest.approx(expected)
    assert float(preference_loss(objective[:, [0, 2]], logp[:, [0, 2]])) == 0.0


def test_the_best_is_paired_with_others_at_even_ranks_down_to_the_worst() -> None:
    objective = torch.tensor([5, 1, 9, 3, 7, 8, 2, 4, 6, 10])
    assert ranked(objective, 5, 2).tolist() == [1, 0, 2, 6, 8, 9]
    assert ranked(objective, 5, 4).tolist() == [1, 3, 0, 4, 2, 6, 7, 8, 5, 9]
    assert ranked(objective, 5, 1).tolist() == [1, 2, 6, 9]


def test_the_greedy_baseline_is_the_first_of_each_group() -> None:
    copies, advantage = against_greedy(torch.tensor([10, 8, 12, 20, 20, 10]), 3)
    assert copies.tolist() == [1, 2, 4, 5]
    assert advantage.tolist() == [20.0, -20.0, 0.0, 50.0]


def test_the_loss_of_reinforce_weighs_every_decision_by_the_advantage_of_its_episode(policy: Policy) -> None:
    pool, losses = [generate(3, 3, seed=s) for s in range(2)], []
    reinforce(turn_of(policy, pool, losses, samples=3))
    rollout = play_samples(turn_of(policy, pool, [], samples=3), greedy_first=True)
    objective = rollout.record.objective.tolist()
    graph, choices, x = rollout.recall()
    chosen = policy(graph, choices)[0][x.chosen].tolist()
    terms = []
    for copy, logp in zip(x.copy.tolist(), chosen, strict=True):
        first = copy // 3 * 3
        if copy != first:
            terms.append(-logp * 100.0 * (objective[first] - objective[copy]) / objective[first])
    assert losses == [pytest.approx(np.mean(terms), rel=1e-4)]
    assert any(terms)


def test_several_updates_are_made_from_one_batch(policy: Policy) -> None:
    pool = [generate(3, 3, seed=s) for s in range(2)]
    for name in ("self-label", "preference", "without-replacement"):
        losses: list[float] = []
        LEARNERS[name].learn(turn_of(policy, pool, losses, samples=4, reuse=3))
        assert len(losses) == 3
        assert losses[0] == losses[1] == losses[2]  # the same batch, and steps that change nothing


def test_preference_compares_no_more_samples_than_there_are(policy: Policy) -> None:
    losses: list[float] = []
    preference(turn_of(policy, [generate(3, 3, seed=1)], losses, samples=3, preference=PreferenceConfig(pairs=8)))
    assert len(losses) == 1


def test_the_mean_log_probability_is_that_of_each_episode(policy: Policy) -> None:
    rollout = play_samples(turn_of(policy, [generate(3, 2, seed=4)], [], samples=3))
    graph, choices, x = rollout.recall()
    logp, _ = policy(graph, choices)
    found = mean_log_probability(logp, x, 3)
    for copy in range(3):
        torch.testing.assert_close(found[copy], logp[x.chosen][x.copy == copy].mean())


def episode(taken: tuple[int, ...], objective: int) -> Episode:
    """Two decisions with probabilities 3/4, 1/4 and then 1/2, 1/2, after and between forced steps."""
    logp = [[math.log(0.75), math.log(0.25)], [math.log(0.5)] * 2]
    actions = [9, 5 + taken[0], 8, 5 + taken[1]]
    return Episode(actions, [1, 3], [[5, 6], [5, 6]], logp, list(taken), objective)


def test_what_was_played_keeps_only_the_probability_of_what_was_not() -> None:
    tried = Tried()
    assert tried.beginning(0.0, np.random.default_rng(0)) == []
    for _ in range(2):
        tried.add(episode((0, 0), 10))  # once
    assert len(tried.episodes) == 1
    weights = tried._weights(0, [0], 0.0, [0.0])
    assert weights[1] / weights[0] == pytest.approx(0.25 / (0.75 * 0.5))
    begun = {tuple(tried.beginning(0.0, np.random.default_rng(s)) or ()) for s in range(30)}
    assert begun == {(9, 6), (9, 5, 8, 6)}
    for taken in ((0, 1), (1, 0), (1, 1)):
        tried.add(episode(taken, 10))
    assert tried.beginning(0.0, np.random.default_rng(0)) is None


def test_better_episodes_are_followed_more_often() -> None:
    tried = Tried()
    tried.add(episode((0, 0), 20))
    tried.add(episode((1, 0), 10))
    assert tried.advantages() == pytest.approx([-1.0, 1.0], rel=1e-4)
    weights = tried._weights(0, [0, 1], math.log(2.0), [-1.0, 1.0])
    assert weights[1] / weights[0] == pytest.approx(0.25 * 2.0 / (0.75 * 0.5))


def test_picks_are_in_proportion_and_never_of_weight_zero() -> None:
    weights = [0.0, 1.0, 0.0, 3.0, 0.0]
    assert [pick(weights, u) for u in (0.0, 0.24, 0.26, 0.999999999)] == [1, 1, 3, 3]
    assert pick([0.0, 0.0], 0.5) == -1


def sequences(instance: JobShop) -> set[tuple[int, ...]]:
    """Every sequence of actions of an instance, by playing all of them."""
    found: set[tuple[int, ...]] = set()
    rollout = Rollout(PROBLEM, PROBLEM.sizes([instance]), 1, 8, "python")
    torch.manual_seed(0)
    flat = Policy(PolicyConfig(PROBLEM.features, width=8, layers=1, hidden=8))
    rollout.load([instance])
    for seed in range(300):
        rollout.play(flat, [0], [seed], 5.0)
        found.add(tuple(rollout.record.actions[0][: int(rollout.record.length[0])].tolist()))
    return found


@pytest.mark.parametrize("every", [0, 1])
def test_rounds_of_one_sample_play_every_sequence_once(every: int, policy: Policy) -> None:
    instance = generate(2, 2, seed=5)
    everything = sequences(instance)
    assert 2 <= len(everything) <= 20
    again = Policy(PolicyConfig(PROBLEM.features, 8, 1, 8, encode_every=every)).eval()
    again.load_state_dict(policy.state_dict())
    count = len(everything)
    settings = WithoutReplacementConfig(rounds=count + 1, shift=0.0)
    turn = turn_of(again, [instance], [], samples=count + 1, without_replacement=settings)
    best, distinct = best_of_rounds(turn)
    assert distinct == count
    rollout = turn.rollout(1)
    write(rollout, best)
    rollout.recall()
    lengths = {len(x) for x in everything}
    assert int(best[0].length) in lengths
    assert tuple(best[0].actions[: int(best[0].length)].tolist()) in everything


def test_the_best_of_the_rounds_is_the_smallest_objective_of_its_actions(policy: Policy) -> None:
    pool = [generate(4, 3, seed=s) for s in range(3)]
    turn = turn_of(policy, pool, [], samples=12)
    best, distinct = best_of_rounds(turn)
    assert 3 <= distinct <= 9  # the last round is not kept
    rollout = turn.rollout(1)
    write(rollout, best)
    _, _, x = rollout.recall()
    assert PROBLEM is rollout.problem
    objectives = [int(record.objective) for record in best]
    again = turn.rollout(1)
    for i, record in enumerate(best):
        again.record.actions[i] = record.actions
        again.record.prefix[i] = int(record.length)
    again.play(policy, np.arange(3), np.arange(3))
    assert again.record.objective.tolist() == objectives
    assert len(x.chosen) == sum(int(record.decisions) for record in best)


def test_positions_name_the_action_of_every_row_and_the_step_of_every_decision(policy: Policy) -> None:
    rollout = play_samples(turn_of(policy, [generate(4, 3, seed=7)], [], samples=3))
    _, _, x = rollout.recall()
    step, action = positions_of(rollout)
    copy = x.copy.tolist()
    assert action[x.chosen.numpy()].tolist() == [int(rollout.record.actions[b, t]) for b, t in zip(copy, step, strict=True)]


def tiny(folder: Path, *, resume: bool = False, **changes: Any) -> Trainer:
    settings: dict[str, Any] = {
        "steps": 6, "sizes": ("4x3", "3x4"), "instances": 4, "samples": 8, "width": 16, "layers": 1, "hidden": 16,
        "log_every": 2.0,
    }  # fmt: skip
    return trainer(folder, resume=resume, **{**settings, **changes})


RUNS: list[dict[str, Any]] = [
    *({"learner": name} for name in LEARNERS),
    {"learner": "preference", "optimizer": "schedulefree", "schedule": "constant", "reuse": 2, "weight_decay": 0.01},
    {"learner": "self-label", "schedule": "rex", "weight_decay": 0.01, "reuse": 2},
    {"learner": "without-replacement", "optimizer": "schedulefree", "schedule": "cosine", "encode_every": 4},
]


@pytest.mark.parametrize("changes", RUNS, ids=lambda x: "-".join(str(v) for v in x.values()))
def test_a_stopped_and_resumed_run_ends_with_the_weights_of_an_unbroken_one(changes: dict[str, Any], tmp_path: Path) -> None:
    tiny(tmp_path / "whole", **changes).run(lambda _: None)
    first = tiny(tmp_path / "broken", **changes)
    first.run(lambda _: None, lambda: first.iteration == 3)
    second = tiny(tmp_path / "broken", resume=True, **changes)
    assert second.iteration == 3
    second.run(lambda _: None)
    for name in ("policy", "training"):
        a, b = (checkpoint.load_tensors(tmp_path / run / f"{name}.safetensors")[0] for run in ("whole", "broken"))
        assert a.keys() == b.keys()
        assert all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", LEARNERS)
def test_instances_without_anything_to_decide_teach_nothing(name: str, tmp_path: Path) -> None:
    run = tiny(tmp_path, learner=name, sizes=("1x3",), steps=2, log_every=1.0)
    before = [p.detach().clone() for p in run.policy.parameters()]
    run.run(lambda _: None)
    assert all(torch.equal(a, b) for a, b in zip(before, run.policy.parameters(), strict=True))
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        assert "NaN" not in line


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "ppo"])
def test_a_learner_learns_a_tiny_task(name: str, tmp_path: Path) -> None:
    settings = {"sizes": ("5x3",), "instances": 8, "samples": 16, "log_every": 100.0, "rate": 3e-3, "reuse": 2}
    run = tiny(tmp_path, steps=60, learner=name, **settings)
    before = run.validate()
    run.run(lambda _: None)
    assert run.validate() < 0.8 * before
