"""The single environments, under every id: Gymnasium's and SB3's checkers, masks, rewards, instances, copies."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import dispatchgym
from dispatchgym.envs.core.env import DispatchEnv
from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from tests.blocking.shops import IDS as BLOCKING_IDS
from tests.core.faces import live_alike, same
from tests.jobshop.shops import ID, IDS, SMALL, pick
from tests.memory.play import IDS as MEMORY_IDS
from tests.soc.play import IDS as SOC_IDS

WAYS = [(name, kind) for name in IDS for kind in ("graph", "candidates")][:3]


def make(name: str = ID, **words: Any) -> Any:
    return gymnasium.make(name, **(SMALL | {"observation": "candidates"} | words))


def rollout(env: Any, seed: int, options: dict[str, Any] | None = None) -> tuple[float, dict[str, Any]]:
    """Return and last info of a random legal episode."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed, options=options)
    total, over = 0.0, False
    while not over:
        assert info["action_mask"].any()
        _, reward, terminated, truncated, info = env.step(pick(info["action_mask"], rng))
        assert not info["illegal"]
        total += reward
        over = terminated or truncated
    assert terminated
    assert not info["action_mask"].any()
    return total, info


def test_every_registered_id_is_tested() -> None:
    tested = {x.split(":")[1] for x in (*IDS, *BLOCKING_IDS, *SOC_IDS, *MEMORY_IDS)}
    assert tested == {x for x in gymnasium.registry if x.startswith("dispatchgym/")}


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ("numba", "torch", "ortools", "torch_geometric", "stable_baselines3", "matplotlib")
    script = f"import sys, dispatchgym; print([m for m in {heavy} if m in sys.modules])"
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert run.stdout.strip() == "[]"
    assert dispatchgym.__version__


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_gymnasium_has_no_complaints(name: str, kind: str) -> None:
    env = make(name, observation=kind, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_stable_baselines_has_no_complaints(name: str, kind: str) -> None:
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # It would rather flatten matrices itself than meet them.
        warnings.filterwarnings("ignore", "Your observation .* has an unconventional shape")
        sb3.check_env(make(name, observation=kind).unwrapped)


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_legal_actions_lead_to_a_schedule_the_referee_accepts(name: str, kind: str) -> None:
    env = make(name, observation=kind, illegal="raise")
    met = set()
    for seed in range(12):
        total, info = rollout(env, seed)
        instance = next(x for x in env.unwrapped.engine.pool if x.name == info["instance"])
        met.add(info["instance"])
        assert check(instance, env.unwrapped.schedule()) == info["objective"]
        assert info["lower_bound"] == simple_lower_bound(instance)
        assert total == pytest.approx((info["lower_bound"] - info["objective"]) / info["lower_bound"], abs=1e-9)
    assert len(met) > 1


def test_a_terminal_reward_is_the_same_return_at_the_end() -> None:
    dense, late = make(), make(reward="terminal")
    for seed in range(4):
        assert rollout(late, seed)[0] == pytest.approx(rollout(dense, seed)[0])
    _, info = late.reset(seed=0)
    rewards = []
    over = False
    while not over:
        _, reward, over, _, info = late.step(int(info["action_mask"].argmax()))
        rewards.append(reward)
    assert set(rewards[:-1]) == {0.0}
    assert rewards[-1] < 0.0


@pytest.mark.parametrize("action", [-1, 4, 10**6, -(2**40)])
def test_an_action_out_of_range_changes_nothing_and_costs(action: int) -> None:
    env = make()
    before, _ = env.reset(seed=1)
    after, reward, terminated, truncated, info = env.step(action)
    assert same(before, after)
    assert reward < 0
    assert info["illegal"] is True
    assert not terminated
    assert not truncated
    strict = make(illegal="raise")
    strict.reset(seed=1)
    with pytest.raises(InputError, match=f"action {action} is illegal; legal are"):
        strict.step(action)


def test_a_finished_job_cannot_be_chosen() -> None:
    env = make(actions="semi-active", jobs=2, machines=1, release=(0, 0))
    env.reset(seed=0)
    _, _, _, _, info = env.step(0)
    assert info["action_mask"].tolist() == [0, 1]
    _, reward, _, _, info = env.step(0)
    assert info["illegal"]
    assert reward < 0


def test_an_episode_of_refusals_is_truncated() -> None:
    env = make()
    env.reset(seed=0)
    for step in range(1, 25):
        _, _, terminated, truncated, info = env.step(-1)
        assert (terminated, truncated) == (False, step == 24)
    assert info["objective"] == -1
    short = make(max_episode_steps=5)
    short.reset(seed=0)
    assert [short.step(-1)[3] for _ in range(5)] == [False] * 4 + [True]


def test_arrays_are_fresh_every_time() -> None:
    env = make(observation="graph")
    first, info = env.reset(seed=0)
    held = [(x, x.copy()) for x in (*first.values(), info["action_mask"])]
    second, _, _, _, other = env.step(int(info["action_mask"].argmax()))
    assert all(np.array_equal(current, before) for current, before in held)
    assert not any(np.shares_memory(x, y) for x, _ in held for y in (*second.values(), other["action_mask"]))
    first["action_mask"][:] = 0
    info["action_mask"][:] = 0
    assert env.unwrapped.action_masks().any()


def test_the_mask_is_the_same_wherever_it_is_asked_for() -> None:
    env, flat = make(), make(IDS[1])
    observation, info = env.reset(seed=3)
    box, _ = flat.reset(seed=3)
    assert observation["action_mask"].dtype == info["action_mask"].dtype == np.int8
    assert env.unwrapped.action_masks().dtype == np.bool_
    for mask in (observation["action_mask"], info["action_mask"], box[-4:]):
        assert np.array_equal(mask == 1, env.unwrapped.action_masks())
    parts = [observation["candidates"].ravel(), observation["context"], observation["action_mask"]]
    assert np.array_equal(np.concatenate(parts), box)


def test_the_seed_decides_everything_and_no_seed_goes_on() -> None:
    left, right = make(), make()
    assert same(left.reset(seed=9), right.reset(seed=9))
    assert [left.reset()[1]["instance"] for _ in range(6)] == [right.reset()[1]["instance"] for _ in range(6)]
    assert len({left.reset(seed=s)[1]["instance"] for s in range(60)}) == 5
    with pytest.raises(InputError, match="seed -1 is negative"):
        left.unwrapped._streams([-1])


def test_instances_come_by_name_by_object_by_file_and_in_lists(tmp_path: Path) -> None:
    from dispatchgym.instances.jobshop.files import write

    ft06 = catalogue.load("ft06")
    write(ft06, tmp_path / "mine.json")
    for what in ("ft06", ft06, str(tmp_path / "mine.json"), tmp_path / "mine.json"):
        env = gymnasium.make(ID, instance=what, observation="candidates")
        assert env.reset(seed=0)[1] | {"action_mask": 0} == {
            "action_mask": 0,
            "illegal": False,
            "objective": -1,
            "instance": "ft06",
            "lower_bound": 52,
        }
    many = gymnasium.make(ID, instance=["ft06", "la01"], observation="candidates")
    assert {many.reset(seed=s)[1]["instance"] for s in range(10)} == {"ft06", "la01"}


def test_reset_options_choose_the_instance_of_one_episode() -> None:
    env = gymnasium.make(ID, instance="la01", observation="candidates", illegal="raise", disable_env_checker=True)
    for name in ("ft06", "la02", "la01"):
        if name == "ft06":
            with pytest.raises(InputError, match="6 machines, this environment was made for 5"):
                env.reset(options={"instance": name})
            continue
        _, info = rollout(env, 0, {"instance": name})
        assert info["instance"] == name
        assert check(catalogue.load(name), env.unwrapped.schedule()) == info["objective"]
    assert env.reset()[1]["instance"] == "la01"
    long = JobShop(np.zeros((2, 9), int) + np.arange(9) % 2, np.ones((2, 9), int), 2)
    with pytest.raises(InputError, match="9 operations in one job"):
        env.reset(options={"instance": long})
    with pytest.raises(InputError, match="unknown reset option 'instanc'"):
        env.reset(options={"instanc": "la01"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"job": 3}, "unknown keyword 'job'; known are instance, jobs"),
        ({"actions": "all"}, "actions='all' is not one of active, semi-active, non-delay"),
        ({"observation": "pixels"}, "observation='pixels' is not one of graph, candidates"),
        ({"reward": "sparse"}, "reward='sparse' is not one of dense, terminal"),
        ({"illegal": "allow"}, "illegal='allow' is not one of ignore, raise"),
        ({"device": "tpu"}, "device 'tpu' is not one of cpu, cuda, python"),
        ({"instance": "ta01"}, "either instance or"),
        ({"pool": 0}, "pool=0 is not"),
        ({"routing": "spiral"}, "unknown routing 'spiral'"),
        ({"jobs": 0}, "jobs must be positive"),
    ],
)
def test_a_wrong_keyword_is_named_together_with_the_right_ones(words: dict[str, Any], message: str) -> None:
    for maker in (gymnasium.make, gymnasium.make_vec):
        with pytest.raises(InputError, match=message):
            maker(ID, **({"jobs": 3, "machines": 3} | words))
    with pytest.raises(InputError, match="render_mode='ascii' is not one of"):
        DispatchEnv(family="dispatchgym.envs.jobshop.env:JobShopKeywords", render_mode="ascii")
    with pytest.raises(InputError, match="5 is not a name, a file or a JobShop"):
        gymnasium.make(ID, instance=5)


@pytest.mark.parametrize(("name", "kind"), WAYS)
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_made_midway_lives_the_same_life(name: str, kind: str, clone: Any) -> None:
    env = make(name, observation=kind)
    twin = live_alike(env, clone, 5)
    assert np.array_equal(env.unwrapped.schedule().start, twin.unwrapped.schedule().start)
    assert same(env.reset(), twin.reset())


def test_two_environments_do_not_disturb_each_other() -> None:
    lone, left, right = make(), make(), make()
    _, info = lone.reset(seed=4)
    left.reset(seed=4)
    right.reset(seed=5)
    for _ in range(8):
        action = int(info["action_mask"].argmax())
        step, other = lone.step(action), left.step(action)
        right.step(0)
        assert same(step[0], other[0])
        info = step[4]


def test_a_hundred_by_twenty_copy_stays_under_250_kilobytes() -> None:
    env = gymnasium.make(ID, instance="ta71", disable_env_checker=True)
    assert env.unwrapped.engine.bytes_per_copy() < 250_000
