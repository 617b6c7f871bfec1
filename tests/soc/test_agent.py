"""The agent on chips: its compiled decoder is the network, it follows plans, and it trains on streams and on static graphs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dispatchgym import families
from dispatchgym.agents import checkpoint
from dispatchgym.agents.network import Policy, PolicyConfig
from dispatchgym.agents.rollout import Rollout
from dispatchgym.baselines.soc.static.methods import solve as solve_static
from dispatchgym.baselines.soc.streams.methods import solve as solve_stream
from dispatchgym.envs.soc.check import check_static, check_stream
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc.catalogue import load_static, workload
from dispatchgym.instances.soc.generate import topcuoglu
from dispatchgym.instances.soc.instance import Stream, stream
from tests.agents.trainings import trainer, training_of
from tests.soc.streams import random_stream
from tests.soc.test_static import random_dag

TINY: dict[str, Any] = {"instances": 2, "samples": 4, "width": 8, "hidden": 8, "layers": 1, "log_every": 1}
SIZES: dict[str, tuple[str, ...]] = {"soc": (), "static-dag": ("8x3", "6x2")}


def few(name: str) -> list[Any]:
    """Two different instances of a family."""
    if name == "static-dag":
        return [topcuoglu(np.random.default_rng(seed), 10, pes=3) for seed in range(2)]
    return [stream(replace(workload(x), horizon=200), seed) for seed, x in enumerate(("gym-ds3-1", "gym-ds3-5"))]


def referee(instance: Any, schedule: Any) -> int:
    return check_stream(instance, schedule) if isinstance(instance, Stream) else check_static(instance, schedule)


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.manual_seed(0)
    return Policy(PolicyConfig(training_of("soc").problem.features, width=16, layers=2, hidden=16)).eval()


@pytest.mark.parametrize("name", SIZES)
def test_the_compiled_decoder_equals_the_network(policy: Policy, name: str) -> None:
    kind, pool = training_of(name), few(name)
    rollout = Rollout(kind.problem, kind.problem.sizes(pool), 2, policy.config.hidden)
    rollout.load(pool)
    rollout.play(policy, np.arange(2), np.arange(2))
    actions, lengths = rollout.record.actions.clone(), rollout.record.length.clone()
    graph, choices, examples = rollout.recall()
    expected, _ = policy(graph, choices)
    found = []
    for b in range(2):
        single = Rollout(kind.problem, rollout.sizes, 1, policy.config.hidden)
        single.load([pool[b]])
        for t, logp in enumerate(single.expand(policy)):
            legal = logp[0][torch.isfinite(logp[0])]
            found += legal.tolist() if len(legal) > 1 else []
            single.branch(torch.zeros(1, dtype=torch.long), actions[b, t : t + 1])
        assert t + 1 == lengths[b]
    assert len(found) == len(expected) > 50
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=2e-5)
    assert (examples.chosen >= examples.begin).all()


@pytest.mark.parametrize("name", SIZES)
def test_every_episode_of_the_policy_passes_the_referee(policy: Policy, name: str) -> None:
    kind, pool = training_of(name), few(name)
    problem = replace(kind.problem, goal="latency")  # type: ignore[type-var]
    rollout = Rollout(problem, problem.sizes(pool), 8, policy.config.hidden)
    rollout.load(pool)
    rollout.play(policy, np.arange(8) % 2, np.arange(8))
    for b in range(8):
        assert referee(pool[b % 2], kind.schedule(pool[b % 2], rollout.state, b)) == rollout.record.objective[b]
    assert len(set(rollout.record.objective.tolist())) > 2


def followed(name: str, pool: list[Any], schedules: list[Any]) -> list[Any]:
    kind = training_of(name)
    sizes = kind.problem.sizes(pool)
    rollout = Rollout(kind.problem, sizes, len(pool), 8)
    rollout.load(pool)
    rollout.replay(np.arange(len(pool)), [kind.demonstration(x, s, sizes) for x, s in zip(pool, schedules, strict=True)])
    return [kind.schedule(x, rollout.state, b) for b, x in enumerate(pool)]


@pytest.mark.parametrize("method", ["etf", "heft", "cpsat:0.5s"])
def test_following_a_plan_of_a_static_graph_reproduces_it(method: str) -> None:
    pool = [load_static(f"top-{n:02}") for n in range(1, 6)] + few("static-dag")
    # Which of two tasks of one tick comes first, a schedule does not say; it matters only if one takes no time.
    drawn = [random_dag(np.random.default_rng(seed), tasks=7) for seed in range(60)]
    pool += [x for x in drawn if (x.duration != 0).all()]
    assert len(pool) > 15
    plans = [solve_static(x, method) for x in pool]
    for x, result, played in zip(pool, plans, followed("static-dag", pool, [p.schedule for p in plans]), strict=True):
        assert np.array_equal(played.pe, result.schedule.pe)
        assert (played.start <= result.schedule.start).all()  # earlier where a plan leaves slack
        assert check_static(x, played) <= result.objective


@pytest.mark.parametrize("method", ["etf", "met", "rolling-heft"])
def test_following_a_method_on_a_stream_reproduces_its_log(method: str) -> None:
    pool = [stream(replace(workload("gym-ds3-5"), horizon=400), seed) for seed in range(3)]
    logs = [solve_stream(x, method).schedule for x in pool]
    for x, log, played in zip(pool, logs, followed("soc", pool, logs), strict=True):
        assert check_stream(x, played) == check_stream(x, log)
        for field in ("arrival", "pe", "start", "level"):
            assert np.array_equal(getattr(played, field), getattr(log, field)), field


def trained(name: str, folder: Path, **changes: Any) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    words = TINY | {"problem": name, "sizes": SIZES[name], "steps": 3} | changes
    expert = words.pop("expert", None)
    lines: list[dict[str, float]] = []
    trainer(folder, expert=expert, **words).run(lines.append)
    return [{k: v for k, v in x.items() if k not in ("seconds", "rate")} for x in lines], checkpoint.load_tensors(
        folder / "policy.safetensors"
    )[0]


@pytest.mark.parametrize("name", SIZES)
def test_training_is_a_function_of_its_seed(name: str, tmp_path: Path) -> None:
    (one, left), (two, right), (three, other) = (
        trained(name, tmp_path / run, seed=seed) for run, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert json.dumps(one) == json.dumps(two)
    assert all(torch.equal(left[k], right[k]) for k in left)
    assert json.dumps(one) != json.dumps(three)
    assert any(not torch.equal(left[k], other[k]) for k in left)


@pytest.mark.parametrize("name", SIZES)
def test_imitating_a_method_makes_it_more_likely(name: str, tmp_path: Path) -> None:
    def expert(x: Any) -> Any:
        return solve_stream(x, "etf").schedule if isinstance(x, Stream) else solve_static(x, "heft").schedule

    lines, _ = trained(name, tmp_path, steps=12, imitate_steps=12, rate=1e-2, expert=expert)
    losses = [x["loss"] for x in lines]
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


def test_instances_of_a_family_are_a_function_of_the_generator() -> None:
    for name, sizes in SIZES.items():
        one, two = (training_of(name).draw(np.random.default_rng(5), 3, sizes, 0.5) for _ in range(2))
        for a, b in zip(one, two, strict=True):
            fields = ("gap", "application", "deviation") if isinstance(a, Stream) else ("duration", "edges", "bandwidth")
            assert all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields)


def test_sizes_mean_nothing_for_streams(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--sizes 5x5: streams of gym-ds3-5 .* have no sizes"):
        trained("soc", tmp_path, sizes=("5x5",))


def test_a_preset_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError, match="gym-ds9"):
        training_of("soc", preset="gym-ds9")
    with pytest.raises(InputError, match="unknown problem 'dag'; choose from jobshop"):
        training_of("dag")


def test_whatever_noise_and_arrivals_a_log_is_followed() -> None:
    pool = [
        x
        for x in map(random_stream, range(80))
        if all((a.durations(x.workload.platform) != 0).all() for a in x.workload.applications)
    ]
    assert len(pool) > 20
    logs = [solve_stream(x, "eft").schedule for x in pool]
    for x, log, played in zip(pool, logs, followed("soc", pool, logs), strict=True):
        assert np.array_equal(played.start, log.start), x.workload


def test_a_policy_on_chips_or_graphs_that_it_was_not_trained_on_says_so() -> None:
    soc, static = families.load("soc"), families.load("static-dag")
    own, other = soc.load("gym-ds3-1,queue=4/s0"), soc.load("wireless-8-six/s3")
    assert soc.remarks([own], "policy") == soc.remarks([other], "etf") == []
    policy = str(checkpoint.PRETRAINED / "soc-gym-ds3-5")
    (line,) = soc.remarks([own, other], f"policy@{policy}")
    assert "trained on streams of gym-ds3-5" in line
    assert "1 of 2 instances are unlike that (wireless-8-six/s3)" in line
    assert static.remarks([static.load("topcuoglu/v40/p8/s1")], "policy") == []
    for name in ("topcuoglu/v400/p8/s1", "topcuoglu/v40/p30/s1"):
        assert len(static.remarks([static.load(name)], "policy")) == 1


def test_a_run_keeps_in_words_what_it_was_trained_on(tmp_path: Path) -> None:
    for name, said in (("soc", "streams of gym-ds3-1"), ("static-dag", "Topcuoglu's random graphs and workflows 8x3 6x2")):
        words: dict[str, Any] = {"preset": "gym-ds3-1"} if name == "soc" else {}
        run = trainer(tmp_path / name, problem=name, steps=1, sizes=SIZES[name], **words, **TINY)
        run.run(lambda line: None)
        about = json.loads((tmp_path / name / "policy.json").read_text())
        assert about["trained_on"].startswith(said)


def test_training_on_random_chips_plays_other_sizes_in_every_batch(tmp_path: Path) -> None:
    run = trainer(tmp_path / "run", problem="soc", preset="chips", steps=3, **{**TINY, "log_every": 9})
    lines: list[Any] = []
    run.run(lines.append)
    assert run.iteration == 3
    assert lines[-1]["validation"] > 0
    assert len(run._rollouts) <= 2
