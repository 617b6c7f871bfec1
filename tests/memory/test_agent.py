"""The agent on memory: its episodes pass the referee, it follows plans, it trains, and its methods answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dispatchgym import families, policies
from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.agents.training import Training
from dispatchgym.baselines.memory.map.cpsat import plan as cpsat_plan
from dispatchgym.baselines.memory.map.methods import solve as solve_mapping
from dispatchgym.baselines.memory.pack.methods import solve as solve_packing
from dispatchgym.envs.core.engine import Device
from dispatchgym.envs.memory.map.check import check as check_program
from dispatchgym.envs.memory.pack.check import check as check_packing
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.memory.catalogue import load_packing, load_program
from dispatchgym.instances.memory.generate import layered, random_packing
from dispatchgym.instances.memory.instance import MemoryProgram, Packing, all_slow
from tests.agents.trainings import prepare, solve, trainer, training_of

TINY: dict[str, Any] = {"instances": 2, "samples": 4, "width": 8, "hidden": 8, "layers": 1, "log_every": 1}
SIZES = {"memory-pack": ("12", "20"), "memory-map": ("6", "9")}
# Compiling the mapping's whole kernel once for each way to use it takes minutes; that it is the same game in plain Python is
# what tests/memory/test_map_env.py shows.
DEVICE: dict[str, Device] = {"memory-pack": "cpu", "memory-map": "python"}


def few(name: str) -> list[Any]:
    rngs = [np.random.default_rng(seed) for seed in range(2)]
    return [random_packing(rng, 14) if name == "memory-pack" else layered(rng, 8) for rng in rngs]


def referee(instance: Packing | MemoryProgram, schedule: Any) -> int:
    return check_packing(instance, schedule) if isinstance(instance, Packing) else check_program(instance, schedule)


def network(kind: Training) -> Policy:
    torch.manual_seed(0)
    return Policy(PolicyConfig(kind.problem.features, width=8, layers=1, hidden=8)).eval()


@pytest.mark.parametrize(("name", "words"), [*((name, {}) for name in SIZES), ("memory-map", {"actions": "order"})])
def test_every_episode_of_the_policy_passes_the_referee_and_is_what_the_network_says(name: str, words: dict[str, Any]) -> None:
    kind, pool = training_of(name, **words), few(name)
    policy = network(kind)
    rollout = Rollout(kind.problem, kind.problem.sizes(pool), 8, policy.config.hidden, DEVICE[name])
    rollout.load(pool)
    rollout.play(policy, np.arange(8) % 2, [-1, -1, *range(6)])
    for b in range(8):
        assert referee(pool[b % 2], kind.schedule(pool[b % 2], rollout.state, b)) == rollout.record.objective[b]
    assert len(set(rollout.record.objective.tolist())) > 2
    graph, choices, examples = rollout.recall()
    logp, _ = policy(graph, choices)
    greedy = examples.copy[: len(examples.chosen)] < 2
    best = torch.full((len(examples.chosen),), -torch.inf).scatter_reduce(0, choices.decision, logp.detach(), "amax")
    # What was played greedily is the network's first choice, up to rounding.
    assert (logp.detach()[examples.chosen] >= best - 1e-4)[greedy].all()
    assert greedy.sum() > 5


def test_following_an_optimal_mapping_reproduces_its_latency() -> None:
    program = load_program("unet-b1")
    best = cpsat_plan(program, seconds=30.0, hint=solve_mapping(program, "xla").schedule)
    kind = training_of("memory-map")
    sizes = kind.problem.sizes([program])
    rollout = Rollout(kind.problem, sizes, 4, 8, "python")
    rollout.load([program])
    rollout.replay(np.zeros(4, np.int32), [kind.demonstration(program, best.plan, sizes)] * 4)
    assert rollout.record.objective.min() <= 1.005 * best.objective < 0.83 * all_slow(program)


def test_following_a_packing_makes_it_no_higher() -> None:
    pool = few("memory-pack")
    kind = training_of("memory-pack")
    results = [solve_packing(x, "branch:5s") for x in pool]
    sizes = kind.problem.sizes(pool)
    rollout = Rollout(kind.problem, sizes, 2, 8)
    rollout.load(pool)
    rollout.replay(np.arange(2), [kind.demonstration(x, r.schedule, sizes) for x, r in zip(pool, results, strict=True)])
    for b, (x, result) in enumerate(zip(pool, results, strict=True)):
        assert check_packing(x, kind.schedule(x, rollout.state, b)) == rollout.record.objective[b] <= result.objective


def trained(name: str, folder: Path, **changes: Any) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    words = TINY | {"problem": name, "sizes": SIZES[name], "steps": 3, "hard": 0.0, "device": DEVICE[name]} | changes
    expert = words.pop("expert", None)
    lines: list[dict[str, float]] = []
    trainer(folder, expert=expert, **words).run(lines.append)
    kept = [{k: v for k, v in x.items() if k not in ("seconds", "rate")} for x in lines]
    return kept, checkpoint.load_tensors(folder / "policy.safetensors")[0]


@pytest.mark.parametrize("name", SIZES)
def test_training_is_a_function_of_its_seed(name: str, tmp_path: Path) -> None:
    (one, left), (two, right), (three, _) = (
        trained(name, tmp_path / run, seed=seed) for run, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert json.dumps(one) == json.dumps(two) != json.dumps(three)
    assert all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize("name", SIZES)
def test_imitating_a_method_makes_it_more_likely(name: str, tmp_path: Path) -> None:
    def expert(x: Any) -> Any:
        return (solve_packing(x, "best-of-8") if isinstance(x, Packing) else solve_mapping(x, "xla")).schedule

    lines, _ = trained(name, tmp_path, steps=12, imitate_steps=12, rate=1e-2, expert=expert)
    losses = [x["loss"] for x in lines]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


def test_real_networks_are_drawn_for_training_at_several_capacities() -> None:
    drawn = training_of("memory-map").draw(np.random.default_rng(3), 12, ("6",), 1.0)
    assert len({x.capacity for x in drawn}) > 1
    assert len({x.instructions for x in drawn}) == 1
    assert not drawn[0].name.startswith(("alexnet", "unet", "gpt2", "densenet"))


def test_the_shipped_packing_policy_is_better_than_the_greedy_ones() -> None:
    packing = load_packing("C")
    answers = [solve(packing, text, seed=0) for text in ("policy", "policy:x4", "policy:x4,branch=5")]
    heights = [answer.objective for answer in answers]
    assert [check_packing(packing, x.schedule) for x in answers[2:]] == heights[2:]
    assert heights[2] <= heights[1] <= heights[0] < solve_packing(packing, "best-of-8").objective


def test_the_shipped_mapping_policy_is_better_than_the_allocator() -> None:
    program = load_program("alexnet-b8")
    policy, _ = checkpoint.load_policy(checkpoint.PRETRAINED / "memory-map", "memory-map")
    kind = training_of("memory-map")
    rollout = Rollout(kind.problem, kind.problem.sizes([program]), 2, policy.config.hidden, "python")
    rollout.load([program])
    rollout.play(policy, np.zeros(2, np.int32), [-1, 0])
    best = int(rollout.record.objective.argmin())
    latency = check_program(program, kind.schedule(program, rollout.state, best))
    assert latency == rollout.record.objective[best] < solve_mapping(program, "xla").objective


@pytest.mark.parametrize(("name", "size"), [("memory-pack", "8x3"), ("memory-map", "0"), ("memory-pack", "-5")])
def test_sizes_are_whole_numbers(name: str, size: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"size '{size}' is not a whole number"):
        trained(name, tmp_path, sizes=(size,))


def test_training_says_which_decisions_it_is_for(tmp_path: Path) -> None:
    trained("memory-map", tmp_path, actions="order")
    family = families.load("memory-map")
    _, about = policies.load(str(tmp_path), family)
    assert about["config"]["actions"] == "order"
    players = policies.players_of(family, few("memory-map")[0], prepare(f"policy@{tmp_path}", "memory-map"))
    assert [player.builder for player in players] == ["order"]
    with pytest.raises(InputError, match="a run decides as it was trained"):
        prepare(f"policy@{tmp_path}:actions=map", "memory-map")
    with pytest.raises(InputError, match="option actions=all is not one of both, order, map"):
        prepare("policy:actions=all", "memory-map")
    with pytest.raises(InputError, match="actions='all' is not one of map, order"):
        trained("memory-map", tmp_path, actions="all")
    with pytest.raises(InputError, match="does not say what was decided with --actions order"):
        trained("memory-map", tmp_path / "x", actions="order", imitate_steps=1, expert=lambda x: solve_mapping(x, "xla").schedule)
