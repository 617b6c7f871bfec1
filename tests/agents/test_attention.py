"""Choices that attend to each other: what the torch decoder computes, where its weights come from, and what is refused.

`test_agents.py` and `test_cuda_training.py` hold the compiled decoder equal to it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import ATTENTION, Choices, Decoder, Policy, PolicyConfig
from dispatchgym.agents.settings import TrainConfig
from dispatchgym.agents.trainer import Trainer
from dispatchgym.instances.errors import InputError
from tests.agents.trainings import training_of

KIND = training_of("jobshop")
FEATURES = KIND.problem.features


def decoder(heads: int, hidden: int = 8) -> Decoder:
    torch.manual_seed(heads)
    made = Decoder(PolicyConfig(FEATURES, 8, 1, hidden, attention=heads))
    if heads:
        torch.nn.init.normal_(made.weight_seen)
    return made


def decisions(*counts: int) -> tuple[torch.Tensor, torch.Tensor, Choices]:
    """Random embeddings of five tasks and three resources, and decisions with so many choices."""
    torch.manual_seed(9)
    rows = sum(counts)
    decision = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    nodes = torch.randint(5, (rows,)), torch.randint(3, (rows,))
    choices = Choices(torch.randn(rows, FEATURES.candidate), *nodes, decision, torch.randn(len(counts), FEATURES.context))
    return torch.randn(5, 8), torch.randn(3, 8), choices


def part(choices: Choices, d: int) -> Choices:
    """Decision `d` alone."""
    rows = choices.decision == d
    zero = torch.zeros(int(rows.sum()), dtype=torch.int64)
    return Choices(choices.features[rows], choices.task[rows], choices.resource[rows], zero, choices.context[d : d + 1])


def test_a_choice_sees_the_choices_of_its_own_decision_as_the_formula_says() -> None:
    made = decoder(heads=2)
    first, count = torch.randn(5, 8).relu(), torch.tensor([2, 3])
    found = made.seen(first, torch.tensor([0, 0, 1, 1, 1]), count)
    for rows in (slice(0, 2), slice(2, 5)):
        for head in (slice(0, 4), slice(4, 8)):
            query, key, value = ((first[rows] @ w)[:, head] for w in (made.weight_query, made.weight_key, made.weight_value))
            expected = torch.softmax(query @ key.T / math.sqrt(4), dim=1) @ value
            torch.testing.assert_close(found[rows, head], expected)


def test_decisions_of_one_batch_do_not_see_each_other() -> None:
    made = decoder(heads=4)
    tasks, resources, choices = decisions(3, 1, 6, 2)
    together, _ = made(tasks, resources, choices)
    alone = torch.cat([made(tasks, resources, part(choices, d))[0] for d in range(4)])
    torch.testing.assert_close(together, alone)


def test_the_order_of_the_choices_changes_nothing_and_another_choice_changes_all() -> None:
    made = decoder(heads=2)
    tasks, resources, choices = decisions(4)
    before, _ = made(tasks, resources, choices)
    order = torch.tensor([2, 0, 3, 1])
    turned = choices._replace(features=choices.features[order], task=choices.task[order], resource=choices.resource[order])
    torch.testing.assert_close(made(tasks, resources, turned)[0], before[order])
    choices.features[3] += 1.0
    assert bool((made(tasks, resources, choices)[0] != before).all())


def test_no_decision_has_no_logits() -> None:
    tasks, resources, choices = decisions(2)
    nothing = Choices(*(x[:0] for x in choices))
    logits, mean = decoder(heads=2)(tasks, resources, nothing)
    assert logits.shape == (0,)
    assert mean.shape == (0, 8)


def trainer(out: Path, initial: Path | None = None, **settings: Any) -> Trainer:
    small = {"steps": 2, "sizes": ("4x3",), "instances": 2, "samples": 8, "width": 8, "layers": 1, "hidden": 8, "rate": 0.01}
    return Trainer(KIND, TrainConfig(**{**small, "learner": "self-label", **settings}), out, initial=initial)


def logits(policy: Policy) -> torch.Tensor:
    tasks, resources, choices = decisions(3, 4)
    return policy.decoder(tasks, resources, choices)[0].detach()


def test_attention_is_added_to_weights_without_it_and_begins_as_the_same_function(tmp_path: Path) -> None:
    torch.manual_seed(3)
    plain = Policy(PolicyConfig(FEATURES, 8, 1, 8))
    checkpoint.save_policy(tmp_path / "plain", plain, plain.state_dict(), {"problem": "jobshop"})
    run = trainer(tmp_path / "run", tmp_path / "plain", attention=2)
    assert torch.equal(logits(run.policy), logits(plain))
    run.run(lambda _: None)
    assert all(bool(getattr(run.policy.decoder, name).any()) for name in ATTENTION)
    saved, _ = checkpoint.load_policy(tmp_path / "run", "jobshop")
    assert saved.config.attention == 2
    torch.testing.assert_close(logits(saved), logits(run.average))
    with pytest.raises(InputError, match="is not the one asked for"):
        trainer(tmp_path / "four", tmp_path / "run", attention=4)
    with pytest.raises(InputError, match="is not the one asked for"):
        trainer(tmp_path / "off", tmp_path / "run")


def test_without_attention_the_weights_are_those_of_earlier_versions() -> None:
    about = checkpoint.PRETRAINED / "jobshop" / "policy.safetensors"
    policy, header = checkpoint.load_policy(about, "jobshop")
    assert "attention" not in header["network"]
    assert policy.config.attention == 0
    assert not any(name.endswith(ATTENTION) for name in policy.state_dict())


def test_heads_that_do_not_divide_the_width_of_the_decoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--attention 3 does not divide --hidden 8$"):
        trainer(tmp_path / "run", attention=3)
    policy = Policy(PolicyConfig(FEATURES, 8, 1, 8, attention=4))
    checkpoint.save_policy(tmp_path, policy, policy.state_dict(), {"problem": "jobshop"})
    weights, about = checkpoint.load_tensors(tmp_path / "policy.safetensors")
    about.value["network"]["attention"] = 3
    checkpoint.save_tensors(tmp_path / "policy.safetensors", weights, about.value)
    with pytest.raises(InputError, match=r"metadata: network\.attention: 3 does not divide hidden, 8$"):
        checkpoint.load_policy(tmp_path, "jobshop")
