"""The job shop's environments: instances by name, object and file, the words of the generator, sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from dispatchgym.instances.jobshop.files import write
from dispatchgym.instances.jobshop.instance import JobShop, simple_lower_bound
from tests.core.conformance import one_line, pick, play
from tests.jobshop.shops import ID, SMALL


def make(**words: Any) -> Any:
    return gymnasium.make(ID, **(SMALL | {"observation": "candidates"} | words))


def test_the_return_is_the_gap_to_the_simple_lower_bound() -> None:
    env = make(illegal="raise")
    for seed in range(12):
        rewards, info = play(env, seed)
        instance = next(x for x in env.unwrapped.engine.pool if x.name == info["instance"])
        assert check(instance, env.unwrapped.schedule()) == info["objective"]
        assert info["lower_bound"] == simple_lower_bound(instance)
        assert sum(rewards) == pytest.approx((info["lower_bound"] - info["objective"]) / info["lower_bound"], abs=1e-9)


def test_no_schedule_costs_as_much_as_one_illegal_action_for_each_operation() -> None:
    for words in ({"jobs": 3, "machines": 2}, {"jobs": 2, "machines": 1, "duration": (0, 1)}, {"release": (0, 99)}):
        env = make(actions="semi-active", **words)
        for seed in range(20):
            assert sum(play(env, seed)[0]) > -env.unwrapped.engine.sizes.steps


def test_a_finished_job_cannot_be_chosen() -> None:
    env = make(actions="semi-active", jobs=2, machines=1, release=(0, 0))
    env.reset(seed=0)
    _, _, _, _, info = env.step(0)
    assert info["action_mask"].tolist() == [0, 1]
    assert env.step(0)[4]["illegal"]


def test_instances_come_by_name_by_object_by_file_and_in_lists(tmp_path: Path) -> None:
    ft06 = catalogue.load("ft06")
    write(ft06, tmp_path / "mine.json")
    for what in ("ft06", ft06, str(tmp_path / "mine.json"), tmp_path / "mine.json"):
        info = make_named(what).reset(seed=0)[1]
        del info["action_mask"]
        so_far = {"episode_return": 0.0, "episode_length": 0}
        assert info == {"illegal": False, "objective": -1, "instance": "ft06", "lower_bound": 52, **so_far}
    many = make_named(["ft06", "la01"])
    assert {many.reset(seed=s)[1]["instance"] for s in range(10)} == {"ft06", "la01"}


def make_named(instance: Any, **words: Any) -> Any:
    return gymnasium.make(ID, instance=instance, observation="candidates", **words)


def test_an_instance_asked_for_at_reset_must_fit() -> None:
    env = make_named("la01", illegal="raise", disable_env_checker=True)
    for name in ("la02", "la01"):
        _, info = play(env, 0, {"instance": name})
        assert info["instance"] == name
        assert check(catalogue.load(name), env.unwrapped.schedule()) == info["objective"]
    one_line(env.reset, options={"instance": "ft06"}, match="6 machines, this environment was made for 5")
    long = JobShop(np.zeros((2, 9), int) + np.arange(9) % 2, np.ones((2, 9), int), 2)
    one_line(env.reset, options={"instance": long}, match="9 operations in one job")


def test_an_instance_asked_for_at_reset_is_played_once_and_others_go_on() -> None:
    words = {"instance": ["la01", "la02"], "observation": "candidates", "illegal": "raise", "names": True}
    envs = gymnasium.make_vec(ID, num_envs=3, **words)
    inner: Any = envs.unwrapped
    _, info = envs.reset(seed=0, options={"instance": "la03"})
    assert info["instance"].tolist() == ["la03"] * 3
    _, info = envs.reset(options={"instance": "la04", "reset_mask": np.array([False, True, False])})
    assert info["instance"].tolist() == [None, "la04", None]
    rng = np.random.default_rng(0)
    plans: list[Any] = []
    for _ in range(50):
        assert inner.instance_names().tolist() == ["la03", "la04", "la03"]
        plans = [inner.schedule(b).start.copy() for b in range(3)]
        _, _, terminated, _, info = envs.step(pick(inner.action_masks(), rng))
    assert terminated.all()
    assert info["final_info"]["instance"].tolist() == ["la03", "la04", "la03"]
    assert all((plan == -1).sum() == 1 for plan in plans)
    for b, name in enumerate(("la03", "la04", "la03")):
        assert info["final_info"]["objective"][b] >= catalogue.load(name).lower_bound  # type: ignore[operator]
    assert set(info["instance"]) <= {"la01", "la02"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"job": 3}, "unexpected keyword argument 'job'; known are instance, jobs"),
        ({"actions": "all"}, "actions='all' is not one of active, semi-active, non-delay"),
        ({"instance": "ta01"}, "either instance or"),
        ({"routing": "spiral"}, "unknown routing 'spiral'"),
        ({"jobs": 0}, "jobs must be positive"),
        ({"jobs": "3"}, "jobs='3' is not a whole number"),
        ({"machines": 2.5}, "machines=2.5 is not a whole number"),
        ({"duration": 7}, r"duration=7 is not a range \(low, high\) of whole numbers"),
        ({"duration": (1, 2, 3)}, r"duration=\(1, 2, 3\) is not a range"),
        ({"release": ("a", "b")}, r"release=\('a', 'b'\) is not a range"),
        ({"recirculation": 3}, "recirculation=3 is neither True nor False"),
    ],
)
def test_a_wrong_keyword_is_named_together_with_the_right_ones(words: dict[str, Any], message: str) -> None:
    for maker in (gymnasium.make, gymnasium.make_vec):
        one_line(maker, ID, **({"jobs": 3, "machines": 3} | words), match=message)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="5 is not a name, a file or a JobShop"):
        gymnasium.make(ID, instance=5)


def test_a_hundred_by_twenty_copy_stays_under_250_kilobytes() -> None:
    env: Any = gymnasium.make(ID, instance="ta71", disable_env_checker=True)
    assert env.unwrapped.engine.bytes_per_copy() < 250_000
