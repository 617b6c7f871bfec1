"""What every environment promises: the contract of Gymnasium and the suite's own, one function a rule.

A rule takes a Case, which is one registered id with keywords for small instances, and asserts. It knows no family.
test_conformance.py runs every rule for every id. A rule about batches is in conformance_vector.py.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_sb3

from dispatchgym import families
from dispatchgym.family import Family
from dispatchgym.instances.errors import InputError
from tests.core.faces import live_alike, same
from tests.core.recorded_episodes import PREFIX, VARIANTS


@dataclass(frozen=True)
class Case:
    """One registered id."""

    id: str  # without the prefix
    words: dict[str, Any]
    family: Family

    @property
    def flat(self) -> bool:
        return "Flat" in self.id

    def make(self, **words: Any) -> Any:
        return gymnasium.make(PREFIX + self.id, **(self.words | words))

    def make_vec(self, copies: int, **words: Any) -> Any:
        return gymnasium.make_vec(PREFIX + self.id, num_envs=copies, **(self.words | words))


def cases() -> Iterator[Case]:
    """Every registered id, with the keywords of its first recorded variant."""
    for name in families.NAMES:
        family = families.load(name)
        for base in family.ids:
            stem, _, version = base.rpartition("-")
            for id_ in (base, f"{stem}Flat-{version}"):
                words = next(variant.words for variant in VARIANTS.values() if variant.id == id_)
                yield Case(id_, dict(words), family)


def pick(mask: npt.NDArray[Any], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """A random legal action of each row of the mask."""
    return np.asarray((mask * (rng.random(mask.shape) + 1e-9)).argmax(axis=-1))


def play(env: Any, seed: int, options: dict[str, Any] | None = None) -> tuple[list[float], dict[str, Any]]:
    """The rewards and the last info of a random legal episode."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed, options=options)
    rewards: list[float] = []
    over = not info["action_mask"].any()
    while not over:
        _, reward, terminated, truncated, info = env.step(int(pick(info["action_mask"], rng)))
        assert not truncated, "a legal episode longer than its limit"
        rewards.append(reward)
        over = terminated
    return rewards, info


def has_steps(env: Any, seed: int) -> bool:
    """Whether the instance that `seed` draws has something to decide; reset the environment to it."""
    return bool(env.reset(seed=seed)[1]["action_mask"].any())


def first_seed(env: Any) -> int:
    """The first seed whose instance has something to decide."""
    return next(seed for seed in range(100) if has_steps(env, seed))


def row_of(env: Any, seed: int | None = None) -> int:
    """Which instance of the pool a reset draws."""
    env.reset(seed=seed)
    return int(env.unwrapped.engine.rows()[0])


def one_line(call: Any, *arguments: Any, match: str, **words: Any) -> None:
    """The call raises InputError with one line that says `match`."""
    with pytest.raises(InputError, match=match) as caught:
        call(*arguments, **words)
    assert "\n" not in str(caught.value)


def checkers_have_no_complaints(case: Case) -> None:
    """Gymnasium's and Stable-Baselines3's own checkers pass without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(case.make(render_mode="rgb_array").unwrapped)
        # It would rather flatten matrices itself than meet them.
        warnings.filterwarnings("ignore", "Your observation .* has an unconventional shape")
        check_sb3((case if case.flat else replace(case, words=case.words | {"observation": "candidates"})).make().unwrapped)


def observations_are_in_the_space(case: Case) -> None:
    env = case.make()
    rng = np.random.default_rng(0)
    observation, info = env.reset(seed=first_seed(env))
    for _ in range(30):
        assert observation in env.observation_space
        action = int(pick(info["action_mask"], rng)) if rng.random() < 0.9 else -1
        observation, _, terminated, _, info = env.step(action)
        if terminated:
            break
    assert observation in env.observation_space


def legal_play_ends_in_a_schedule_that_the_referee_accepts(case: Case) -> None:
    env = case.make(illegal="raise")
    met = set()
    for seed in range(6):
        _, first = env.reset(seed=seed)
        metrics = env.unwrapped.family.metrics
        assert [first[name] for name in ("objective", *metrics)] == [-1] * (1 + len(metrics))
        rewards, info = play(env, seed)
        if not rewards:
            continue
        instance, schedule = env.unwrapped._played(0)
        assert info["objective"] == case.family.check(instance, schedule) >= info["lower_bound"]
        assert not info["illegal"]
        assert not info["action_mask"].any()
        assert info.keys() == first.keys()
        assert instance.name == info["instance"] == first["instance"]
        met.add(int(env.unwrapped.engine.rows()[0]))
    assert len(met) > 1


def the_same_seed_gives_the_same_episode_and_no_seed_goes_on(case: Case) -> None:
    left, right = case.make(), case.make()
    assert same(left.reset(seed=9), right.reset(seed=9))
    assert [row_of(left) for _ in range(6)] == [row_of(right) for _ in range(6)]
    assert len({row_of(left, seed) for seed in range(40)}) > 1
    assert play(left, 3)[0] == play(right, 3)[0]


def a_terminal_reward_is_the_same_return_at_the_end(case: Case) -> None:
    dense, late = case.make(), case.make(reward="terminal")
    for seed in range(3):
        expected, rewards = play(dense, seed)[0], play(late, seed)[0]
        assert len(rewards) == len(expected)
        assert set(rewards[:-1]) <= {0.0}
        assert sum(rewards) == pytest.approx(sum(expected))


def the_mask_is_the_same_wherever_it_is(case: Case) -> None:
    env = case.make()
    observation, info = env.reset(seed=first_seed(env))
    mask = info["action_mask"]
    assert mask.dtype == np.int8
    assert mask.shape == (env.action_space.n,)
    assert env.unwrapped.action_masks().dtype == np.bool_
    assert np.array_equal(mask == 1, env.unwrapped.action_masks())
    shown = observation[-mask.size :] if case.flat else observation["action_mask"]
    assert np.array_equal(mask, shown)
    # The user's copies are the user's.
    mask[:] = 0
    shown[:] = 0
    assert env.unwrapped.action_masks().any()


def the_flat_observation_holds_the_parts_in_order(case: Case) -> None:
    if not case.flat:
        return
    plain = replace(case, id=case.id.replace("Flat", ""), words=case.words | {"observation": "candidates"}).make()
    parts, box = plain.reset(seed=3)[0], case.make().reset(seed=3)[0]
    assert np.array_equal(np.concatenate([parts["candidates"].ravel(), parts["context"], parts["action_mask"]]), box)


def an_illegal_action_changes_nothing_and_costs(case: Case) -> None:
    env, strict = case.make(), case.make(illegal="raise")
    seed = first_seed(env)
    before, info = env.reset(seed=seed)
    strict.reset(seed=seed)
    size = info["action_mask"].size
    closed = np.flatnonzero(info["action_mask"] == 0)[:1].tolist()
    for action in (-1, size, 10**6, -(2**40), 10**30, *closed):
        after, reward, terminated, truncated, info = env.step(action)
        assert same(before, after)
        assert reward == -1.0
        assert info["illegal"] is True
        assert not terminated
        assert not truncated
        one_line(strict.step, action, match=f"action {action} is illegal; legal are")
    assert same(strict.unwrapped.action_masks(), env.unwrapped.action_masks())


def illegal_play_is_truncated_and_earns_less_than_legal_play(case: Case) -> None:
    env = case.make()
    worst = min(sum(play(env, seed)[0]) for seed in range(4))
    env.reset(seed=first_seed(env))
    limit = env.unwrapped.engine.max_steps
    assert limit == 2 * env.unwrapped.engine.sizes.steps
    total = 0.0
    for step in range(1, limit + 1):
        _, reward, terminated, truncated, info = env.step(-1)
        total += reward
        assert (terminated, truncated) == (False, step == limit)
    assert info["objective"] == -1
    # Half of these actions are more than a finished episode can leave room for.
    assert total / 2 < worst


def max_episode_steps_truncates(case: Case) -> None:
    env = case.make(max_episode_steps=5)
    env.reset(seed=first_seed(env))
    assert [env.step(-1)[3] for _ in range(5)] == [False] * 4 + [True]


def an_episode_without_a_decision_ends_with_its_first_step(case: Case) -> None:
    for illegal in ("ignore", "raise"):
        env = case.make(illegal=illegal).unwrapped
        play(env, first_seed(env))
        env.engine.episodes.length.zero_()  # as after the reset to an instance that is finished when it begins
        _, reward, terminated, truncated, info = env.step(0)
        assert (reward, terminated, truncated, info["illegal"]) == (0.0, True, False, False)
        assert info["objective"] >= 0


def arrays_are_fresh_every_time(case: Case) -> None:
    env = case.make()
    first, info = env.reset(seed=first_seed(env))
    arrays = [*(first.values() if isinstance(first, dict) else [first]), info["action_mask"]]
    then = [x.copy() for x in arrays]
    second, _, _, _, other = env.step(int(info["action_mask"].argmax()))
    assert all(np.array_equal(x, y) for x, y in zip(arrays, then, strict=True))
    later = [*(second.values() if isinstance(second, dict) else [second]), other["action_mask"]]
    assert not any(np.shares_memory(x, y) for x in arrays for y in later)


def a_copy_made_midway_lives_the_same_life(case: Case) -> None:
    for clone in (copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))):
        env = case.make()
        twin = live_alike(env, clone, 2)
        assert same(env.reset(), twin.reset())


def reset_options_choose_the_instance_of_one_episode(case: Case) -> None:
    env = case.make(illegal="raise")
    pool = env.unwrapped.engine.pool
    guest = replace(pool[0], name="guest")
    _, info = play(env, 0, {"instance": guest})
    assert info["instance"] == "guest"
    assert env.reset()[1]["instance"] in {x.name for x in pool}
    one_line(env.reset, options={"instanc": guest}, match="unknown reset option 'instanc'")
    one_line(env.reset, options={"instance": 7}, match="instance 7 is not a name, a file")


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"observation": "pixels"}, "observation='pixels' is not one of graph, candidates"),
    ({"observation": 3}, "observation=3 is not one of"),
    ({"reward": "sparse"}, "reward='sparse' is not one of dense, terminal"),
    ({"reward": []}, "reward=a list is not one of"),
    ({"illegal": "allow"}, "illegal='allow' is not one of ignore, raise"),
    ({"illegal": None}, "illegal=None is not one of"),
    ({"device": "tpu"}, "device 'tpu' is not one of cpu, cuda, python"),
    ({"instance": []}, r"instance=\[\] is empty"),
    ({"instance": ()}, r"instance=\(\) is empty"),
    ({"instance": 3.5}, "instance 3.5 is not a name, a file"),
    ({"instance": ["no-such-instance"]}, "no-such-instance"),
    ({"pool": 0}, "pool=0 is not a positive whole number"),
    ({"pool": "3"}, "pool='3' is not a positive whole number"),
    ({"pool": 2.5}, "pool=2.5 is not a positive whole number"),
    ({"pool_seed": -1}, "pool_seed=-1"),
    ({"pool_seed": "x"}, "pool_seed='x'"),
    ({"frameskip": 4}, "unexpected keyword argument 'frameskip'; known are instance"),
)


def wrong_keywords_are_named_in_one_line(case: Case) -> None:
    for words, match in WRONG:
        given = {} if "instance" in words else case.words
        for make in (gymnasium.make, gymnasium.make_vec):
            one_line(make, PREFIX + case.id, **given | words, match=match)
    with pytest.raises(TypeError, match="unexpected keyword argument 'frameskip'"):  # what other libraries try and catch
        case.make(frameskip=4)


def actions_and_seeds_of_a_wrong_kind_are_refused(case: Case) -> None:
    env = case.make()
    for seed in (1.5, "1", [1], True, np.array([1])):
        one_line(env.unwrapped.reset, seed=seed, match="seed must be a whole number, not")
    one_line(env.unwrapped.reset, seed=-1, match="seed -1 is negative")
    env.reset(seed=np.int64(first_seed(env)))
    for action in (0.7, "0", None, True, np.array([1]), np.array(0.5), [0]):
        one_line(env.unwrapped.step, action, match="the action must be a whole number, not")
    for action in (np.int64(-1), np.array(-1)):
        assert env.step(action)[4]["illegal"]


def calls_out_of_order_are_refused(case: Case) -> None:
    env = case.make(render_mode="rgb_array").unwrapped
    one_line(env.step, 0, match="step: call reset first")
    one_line(env.render, match="render: call reset first")
    one_line(env.schedule, match="schedule: call reset first")
    env.reset(seed=0)
    env.close()
    env.close()
    one_line(env.step, 0, match="step: the environment is closed")
    one_line(env.reset, match="reset: the environment is closed")
    one_line(env.render, match="render: the environment is closed")


def pictures_can_be_drawn_at_any_moment(case: Case) -> None:
    env = case.make(render_mode="rgb_array")
    _, info = env.reset(seed=first_seed(env))
    first = env.render()
    env.step(int(info["action_mask"].argmax()))
    for picture in (first, env.render()):
        assert picture.dtype == np.uint8
        assert picture.shape[-1] == 3
        assert picture.std() > 0
    plain = case.make().unwrapped
    plain.reset(seed=0)
    assert plain.render() is None
    entry = gymnasium.spec(f"dispatchgym/{case.id}").kwargs
    one_line(type(plain), **entry, render_mode="ascii", match="render_mode='ascii' is not one of None, rgb_array")


RULES = (
    checkers_have_no_complaints,
    observations_are_in_the_space,
    legal_play_ends_in_a_schedule_that_the_referee_accepts,
    the_same_seed_gives_the_same_episode_and_no_seed_goes_on,
    a_terminal_reward_is_the_same_return_at_the_end,
    the_mask_is_the_same_wherever_it_is,
    the_flat_observation_holds_the_parts_in_order,
    an_illegal_action_changes_nothing_and_costs,
    illegal_play_is_truncated_and_earns_less_than_legal_play,
    max_episode_steps_truncates,
    an_episode_without_a_decision_ends_with_its_first_step,
    arrays_are_fresh_every_time,
    a_copy_made_midway_lives_the_same_life,
    reset_options_choose_the_instance_of_one_episode,
    wrong_keywords_are_named_in_one_line,
    actions_and_seeds_of_a_wrong_kind_are_refused,
    calls_out_of_order_are_refused,
    pictures_can_be_drawn_at_any_moment,
)
