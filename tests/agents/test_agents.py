"""The agent: network, decoder kernel, learners, checkpoints and decodings agree with each other and with the referee."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from dispatchgym.agents import checkpoint
from dispatchgym.agents.advantages import extremes, generalised, relative
from dispatchgym.agents.jobshop import reverse, unreverse
from dispatchgym.agents.learners import minibatches
from dispatchgym.agents.learners.turn import Shuffled
from dispatchgym.agents.network import Policy, PolicyConfig, mean_messages, segment_log_softmax
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.schedules import rate_at
from dispatchgym.agents.settings import PPOConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.agents.training import parse_pair
from dispatchgym.baselines.jobshop.methods import solve as baseline
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from tests.agents.trainings import prepare, solve, trainer, training_of

KIND = training_of("jobshop")


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(PolicyConfig(KIND.problem.features, width=16, layers=2, hidden=16)).eval()


@pytest.fixture(scope="module")
def saved(policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    checkpoint.save_policy(folder, policy, policy.state_dict(), {"problem": "jobshop", "minutes": 0.0})
    return folder


def played(policy: Policy, pool: list[JobShop], copies: int, temperature: float = 1.0) -> Rollout:
    rollout = Rollout(KIND.problem, KIND.problem.sizes(pool), copies, policy.config.hidden)
    rollout.load(pool)
    rollout.play(policy, np.arange(copies) % len(pool), np.arange(copies), temperature)
    return rollout


def encoding_again(policy: Policy, every: int, heads: int = 0) -> Policy:
    """The same weights, encoding again after so many decisions; with attention of other weights if there are heads."""
    torch.manual_seed(1)
    other = Policy(dataclasses.replace(policy.config, encode_every=every, attention=heads)).eval()
    other.load_state_dict(other.state_dict() | policy.state_dict())
    if heads:
        torch.nn.init.normal_(other.decoder.weight_seen)
    return other


def test_encoding_again_shows_the_graph_that_the_environment_shows(policy: Policy) -> None:
    rollout = played(encoding_again(policy, 2), shops()[:1], 1, temperature=0.0)
    actions, length = rollout.record.actions[0].tolist(), int(rollout.record.length[0])
    graph, _, _ = rollout.recall(encode_every=2)
    env = gymnasium.make("dispatchgym:dispatchgym/JobShop-v0", instance=shops()[0])
    observation, info = env.reset(seed=0)
    shown = []
    decisions = 0
    for action in actions[:length]:
        if info["action_mask"].sum() > 1:
            if decisions % 2 == 0:
                shown.append(observation["tasks"])
            decisions += 1
        observation, _, _, _, info = env.step(action)
    np.testing.assert_array_equal(graph.tasks.numpy(), np.concatenate(shown))


def shops() -> list[JobShop]:
    ragged = JobShop([[0, 1, 0], [1, 2, -1]], [[3, 0, 2], [4, 5, 0]], release=np.array([0, 7]))
    return [
        generate(5, 4, seed=1),
        generate(3, 6, routing="two-set", seed=2),
        ragged,
        generate(4, 3, operations=6, recirculation=True, seed=3),
    ]


def test_every_episode_of_the_policy_is_a_valid_schedule_of_its_instance(policy: Policy) -> None:
    pool = shops()
    rollout = played(policy, pool, 40)
    for b in range(40):
        instance = pool[b % len(pool)]
        assert check(instance, KIND.schedule(instance, rollout.state, b)) == rollout.record.objective[b]


@pytest.mark.parametrize(("every", "heads"), [(0, 0), (1, 0), (3, 0), (0, 1), (0, 4), (3, 2)])
def test_the_compiled_decoder_equals_the_network(policy: Policy, every: int, heads: int) -> None:
    pool = shops()
    policy = encoding_again(policy, every, heads)
    rollout = played(policy, pool, 4)
    graph, choices, examples = rollout.recall(encode_every=every)
    encodings = [-(-d // every) if every else 1 for d in rollout.record.decisions.tolist()]
    assert graph.tasks.shape[0] == sum(encodings) * rollout.sizes.tasks
    expected, _ = policy(graph, choices)
    found = []
    rollout.play(policy, np.arange(4), np.arange(4))
    lengths, actions = rollout.record.length.clone(), rollout.record.actions.clone()
    logps: list[list[float]] = [[] for _ in range(4)]
    for b in range(4):
        single = Rollout(KIND.problem, KIND.problem.sizes(pool), 1, policy.config.hidden)
        single.load([pool[b]])
        for t, logp in enumerate(single.expand(policy)):
            legal = logp[0][torch.isfinite(logp[0])]
            if len(legal) > 1:
                logps[b] += legal.tolist()
            single.branch(torch.zeros(1, dtype=torch.long), actions[b, t : t + 1])
        assert t + 1 == lengths[b]
        found += logps[b]
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=2e-5)
    assert (examples.chosen >= examples.begin).all()


@pytest.mark.parametrize("heads", [0, 2])
def test_the_interpreted_and_the_compiled_kernels_play_the_same_episodes(policy: Policy, heads: int) -> None:
    pool = shops()
    policy = encoding_again(policy, 0, heads)
    compiled = played(policy, pool, 8)
    interpreted = Rollout(KIND.problem, KIND.problem.sizes(pool), 8, policy.config.hidden, "python")
    interpreted.load(pool)
    interpreted.play(policy, np.arange(8) % 4, np.arange(8))
    assert torch.equal(interpreted.record.objective, compiled.record.objective)
    assert torch.equal(interpreted.record.actions, compiled.record.actions)


def test_rewards_of_an_episode_sum_to_the_rise_over_the_bound(policy: Policy) -> None:
    pool = [generate(6, 5, seed=s) for s in range(4)]
    rollout = played(policy, pool, 4)
    _, _, x = rollout.recall()
    for b in range(4):
        bound = simple_lower_bound(pool[b])
        # Forced moves before the first decision belong to no decision, hence the inequality.
        assert x.reward[x.copy == b].sum() >= 1.0 - int(rollout.record.objective[b]) / bound - 1e-9


def test_following_an_active_schedule_reproduces_it() -> None:
    instance = generate(6, 6, seed=7)
    goal = baseline(instance, "spt:builder=active")
    sizes = KIND.problem.sizes([instance])
    rollout = Rollout(KIND.problem, sizes, 1, 8)
    rollout.load([instance])
    rollout.replay(np.zeros(1), [KIND.demonstration(instance, goal.schedule, sizes)])
    assert rollout.record.objective[0] == goal.objective


def test_a_schedule_of_the_reversed_instance_comes_back_no_longer() -> None:
    for instance in (generate(7, 5, seed=8), shops()[3], JobShop([[0, 1], [1, 0]], [[0, 4], [0, 3]])):
        mirrored = baseline(reverse(instance), "mwkr")
        assert mirrored.objective is not None
        assert check(instance, unreverse(instance, mirrored.schedule)) <= mirrored.objective
    assert reverse(reverse(instance)) == instance


def test_policy_methods_return_checked_results(saved: Path) -> None:
    instance = generate(6, 6, seed=9)
    values = {}
    for option in (
        "", ":x8", ":beam=3", ":x8,direction=both", ":direction=backward", ":x8,temperature=0.5", ":gumbel,x20,direction=both",
        ":adapt,0.05s", ":0.05s",
    ):  # fmt: skip
        result = solve(instance, f"policy@{saved}{option}")
        assert result.schedule is not None
        assert check(instance, result.schedule) == result.objective
        values[option] = result.objective
    assert values[":x8"] <= values[""]


@pytest.mark.parametrize(
    "option",
    [
        ":temperature=-1",
        ":temperature=hot",
        ":beam=0",
        ":x4,beam=2",
        ":direction=up",
        ":2s,x4",
        ":gumbel,beam=2",
        ":dive,1s",
        ":colour=red",
    ],
)
def test_wrong_policy_options_are_refused(saved: Path, option: str) -> None:
    with pytest.raises(InputError, match="policy"):
        prepare(f"policy@{saved}{option}")


def test_backward_play_refuses_release_dates(saved: Path) -> None:
    with pytest.raises(InputError, match="release"):
        solve(shops()[2], f"policy@{saved}:direction=backward")


def test_gae_with_full_decay_is_the_return_minus_the_value() -> None:
    reward, value = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]), torch.tensor([0.5, 0.25, 0.0, 1.0, 2.0])
    advantage, returns = generalised(reward, value, torch.tensor([3, 2]), 1.0)
    np.testing.assert_allclose(returns, [6.0, 5.0, 3.0, 9.0, 5.0])
    np.testing.assert_allclose(advantage, returns - value)
    one_step, _ = generalised(reward, value, torch.tensor([3, 2]), 0.0)
    np.testing.assert_allclose(one_step, [1.0 + 0.25 - 0.5, 2.0 - 0.25, 3.0, 4.0 + 2.0 - 1.0, 3.0])


def test_relative_advantages_are_centred_and_better_is_positive() -> None:
    advantage = relative(torch.tensor([10, 20, 30, 7, 7, 7]), 3)
    assert advantage[0] > 0 > advantage[2]
    assert advantage[:3].sum().abs() < 1e-5
    assert (advantage[3:] == 0).all()


def test_extremes_are_the_best_and_the_worst_of_each_group() -> None:
    assert extremes(torch.tensor([5, 1, 9, 3, 8, 2, 4, 6]), 4, 2).tolist() == [1, 2, 5, 4]


def test_minibatches_cut_between_instances_and_lose_nothing(policy: Policy) -> None:
    pool = [generate(4, 4, seed=s) for s in range(6)]
    rollout = played(policy, pool, 6)
    graph, choices, x = rollout.recall()
    logp, _ = policy(graph, choices)
    seen = []
    graphs = Shuffled(6, 3, torch.Generator().manual_seed(0))
    for nodes, part, decisions, at in minibatches(graph, choices, x.chosen, x.copy, graphs):
        assert len(nodes.tasks) == len(graph.tasks) / 3
        again, _ = policy(nodes, part)
        torch.testing.assert_close(again[at], logp[x.chosen[decisions]])
        seen += decisions.tolist()
    assert sorted(seen) == list(range(len(x.chosen)))


def test_messages_are_means_over_the_edges_into_each_node() -> None:
    source = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 8.0]])
    edges = torch.tensor([[0, 1, 2, 0], [0, 0, 2, 2]])  # node 1 hears nothing
    assert mean_messages(source, edges, 3).tolist() == [[2.0, 3.0], [0.0, 0.0], [3.0, 5.0]]
    features = torch.tensor([[1.0], [2.0], [3.0], [5.0]])
    assert mean_messages(source, edges, 3, features)[:, 2].tolist() == [1.5, 0.0, 4.0]


def test_segments_are_normalised_each_for_itself() -> None:
    logp = segment_log_softmax(torch.tensor([1.0, 2.0, 3.0, -5.0]), torch.tensor([0, 0, 1, 1]), 2)
    torch.testing.assert_close(logp.exp()[:2].sum(), torch.tensor(1.0))
    torch.testing.assert_close(logp.exp()[2:].sum(), torch.tensor(1.0))


def tiny(folder: Path, *, expert: Any = None, resume: bool = False, **changes: Any) -> Trainer:
    settings: dict[str, Any] = {
        "steps": 6, "sizes": ("4x3", "3x4"), "instances": 4, "samples": 8, "width": 16, "layers": 1, "hidden": 16,
        "log_every": 2.0,
    }  # fmt: skip
    return trainer(folder, expert=expert, resume=resume, **{**settings, **changes})


LEARNERS = {
    "ppo": {},
    "gae": {"ppo": PPOConfig(advantage="gae", minibatches=2, value_clip=0.2, entropy=0.01, keep=0)},
    "self-label": {"learner": "self-label"},
    "bfloat16": {"precision": "bfloat16", "schedule": "linear"},
}


@pytest.mark.parametrize("name", LEARNERS)
def test_the_same_seed_gives_the_same_training_log_and_weights(name: str, tmp_path: Path) -> None:
    weights, logs = [], []
    for run in ("a", "b"):
        lines: list[dict[str, float]] = []
        tiny(tmp_path / run, **LEARNERS[name]).run(lines.append)
        weights.append(checkpoint.load_tensors(tmp_path / run / "policy.safetensors")[0])
        logs.append([{k: v for k, v in line.items() if k != "seconds"} for line in lines])
    assert logs[0] == logs[1]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    tiny(tmp_path / "whole").run(lambda _: None)

    def stop(line: dict[str, float]) -> None:
        if line["iteration"] >= 5:
            raise KeyboardInterrupt  # after the last save at iteration 3

    broken = tiny(tmp_path / "broken", save_every=0.0)
    save, broken.save = broken.save, lambda: save() if broken.iteration <= 3 else None  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        broken.run(stop)
    with open(tmp_path / "broken" / "log.jsonl", "a") as file:
        file.write('{"iteration": 99, "tor')  # torn by a kill
    resumed = tiny(tmp_path / "broken", resume=True)
    assert resumed.iteration == 3
    resumed.run(lambda _: None)
    a, b = (checkpoint.load_tensors(tmp_path / run / "policy.safetensors")[0] for run in ("whole", "broken"))
    assert all(torch.equal(a[k], b[k]) for k in a)
    steps = [json.loads(line)["iteration"] for line in (tmp_path / "broken" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))


def test_ppo_learns_a_tiny_task(tmp_path: Path) -> None:
    run = tiny(tmp_path, steps=40, sizes=("5x3",), instances=8, samples=16, log_every=100.0, rate=3e-3)
    before = run.validate()
    run.run(lambda _: None)
    assert run.validate() < 0.8 * before


def test_imitation_makes_the_expert_more_likely(tmp_path: Path) -> None:
    def expert(instance: JobShop) -> object:
        return baseline(instance, "mwkr:builder=active").schedule

    losses: list[float] = []
    run = tiny(tmp_path, expert=expert, steps=30, imitate_steps=30, rate=3e-3)
    run.run(lambda line: losses.append(line["loss"]))
    assert np.mean(losses[-4:]) < 0.9 * np.mean(losses[:4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": None}, "either --minutes or --steps"),
        ({"minutes": 1.0}, "either --minutes or --steps"),
        ({"steps": -1}, "--steps must be between 1 and 1e.09, not -1"),
        ({"samples": 1}, "--samples"),
        ({"hard": 1.5}, "--hard"),
        ({"seed": -1}, "--seed"),
        ({"sizes": ("4by3",)}, "4by3"),
        ({"problem": "chess"}, "chess"),
        ({"ppo": PPOConfig(advantage="luck")}, "luck"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        tiny(tmp_path, **changes)


def test_unreadable_checkpoints_are_refused(saved: Path, tmp_path: Path) -> None:
    whole = (saved / "policy.safetensors").read_bytes()
    for name, content in {"truncated": whole[: len(whole) // 2], "empty": b"", "text": b"not weights"}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "policy.safetensors").write_bytes(content)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            checkpoint.load_policy(folder, "jobshop")
    with pytest.raises(InputError, match="no such checkpoint"):
        checkpoint.load_policy(tmp_path / "nowhere", "jobshop")
    with pytest.raises(InputError, match="not for 'memory'"):
        checkpoint.load_policy(saved, "memory")


def test_a_checkpoint_whose_weights_do_not_fit_is_refused(saved: Path, tmp_path: Path) -> None:
    weights, about = checkpoint.load_tensors(saved / "policy.safetensors")
    about.value["network"]["hidden"] = 32
    checkpoint.save_tensors(tmp_path / "policy.safetensors", weights, about.value)
    with pytest.raises(InputError, match="do not fit"):
        checkpoint.load_policy(tmp_path, "jobshop")


def test_an_unwritable_folder_is_an_input_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        checkpoint.save_tensors(tmp_path / "file" / "x", {}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_existing_run_is_not_overwritten_nor_resumed_with_other_settings(tmp_path: Path) -> None:
    tiny(tmp_path, steps=1).run(lambda _: None)
    with pytest.raises(InputError, match="--resume"):
        tiny(tmp_path)
    with pytest.raises(InputError, match="hidden"):
        tiny(tmp_path, resume=True, hidden=8)


def test_the_learning_rate_warms_up_stays_and_decays() -> None:
    assert rate_at(0.0, "wsd") < 0.2 < rate_at(0.3, "wsd") == 1.0 > rate_at(0.9, "wsd") > rate_at(0.999, "wsd")
    assert rate_at(0.5, "linear") == 0.5
    with pytest.raises(InputError, match="JOBSxMACHINES"):
        parse_pair("10")
