"""The vector environments: row b is the single environment, and Gymnasium's own SAME_STEP batch is the model."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from dispatchgym.envs.jobshop.check import check
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop import catalogue
from tests.jobshop.shops import ID, IDS, SMALL, pick

WAYS = [(name, kind) for name in IDS for kind in ("graph", "candidates")][:3]
COPIES = 5


def make(name: str = ID, copies: int = COPIES, **words: Any) -> Any:
    return gymnasium.make_vec(name, num_envs=copies, **(SMALL | {"observation": "candidates"} | words))


def assert_same(left: Any, right: Any, where: str = "") -> None:
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert list(left) == list(right) or sorted(left) == sorted(right), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, tuple) or (isinstance(left, np.ndarray) and left.dtype == object):
        assert len(left) == len(right), where
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype, where
        assert left.shape == right.shape, where
        assert left.tobytes() == right.tobytes(), where
    else:
        assert left == right, where


@pytest.mark.parametrize(("name", "kind"), WAYS)
def test_the_batch_equals_gymnasiums_own_batch_of_single_environments(name: str, kind: str) -> None:
    words = SMALL | {"observation": kind}
    model = SyncVectorEnv([lambda: gymnasium.make(name, **words)] * COPIES, autoreset_mode=AutoresetMode.SAME_STEP)
    envs = make(name, observation=kind)
    assert envs.observation_space == model.observation_space
    assert envs.action_space == model.action_space
    assert_same(envs.reset(seed=7), model.reset(seed=7))
    rng = np.random.default_rng(0)
    ended = 0
    for _ in range(90):
        action = pick(envs.unwrapped.action_masks(), rng)
        wild = rng.random(COPIES) < 0.15
        action = np.where(wild, rng.integers(0, 4, COPIES), action)
        left, right = envs.step(action), model.step(action)
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same(a, b, str(i))
        ended += "final_obs" in left[4]
    assert ended > 5


def test_make_vec_knows_the_batch_in_both_ways() -> None:
    for mode in (None, "vector_entry_point"):
        envs = gymnasium.make_vec(ID, num_envs=3, vectorization_mode=mode, **SMALL)
        assert type(envs.unwrapped).__name__ == "DispatchVectorEnv"
        assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        assert envs.unwrapped.autoreset_mode is AutoresetMode.SAME_STEP
        observation, _ = envs.reset(seed=0)
        assert observation in envs.observation_space
        envs.close()


def test_truncation_by_max_episode_steps_shows_the_last_observation() -> None:
    envs = make(max_episode_steps=3)
    _, info = envs.reset(seed=0)
    for step in range(1, 7):
        _, _, terminated, truncated, info = envs.step(info["action_mask"].argmax(axis=1))
        assert truncated.all() == (step % 3 == 0)
        assert not terminated.any()
        assert ("final_obs" in info) == (step % 3 == 0)
    assert (info["final_info"]["objective"] == -1).all()
    with pytest.raises(InputError, match="max_episode_steps=0 is not positive"):
        make(max_episode_steps=0)


def test_observations_that_are_held_never_change() -> None:
    envs = make(observation="graph")
    observation, info = envs.reset(seed=0)
    held = []
    for _ in range(30):
        held.append((observation, {k: v.copy() for k, v in observation.items()}))
        observation, _, _, _, info = envs.step(info["action_mask"].argmax(axis=1))
    for current, before in held:
        assert_same(current, before)


def test_changing_a_dropped_observation_changes_nothing_else() -> None:
    envs, clean = make(), make()
    observation, info = envs.reset(seed=0)
    expected, _ = clean.reset(seed=0)
    for _ in range(40):
        action = info["action_mask"].argmax(axis=1)
        for value in observation.values():
            value.fill(7)
        info["action_mask"].fill(0)
        del value
        observation, _, _, _, info = envs.step(action)
        expected, _, _, _, _ = clean.step(action)
        assert_same(observation, expected)
    assert len(envs.unwrapped._buffers) <= 3


@pytest.mark.parametrize("observation", ["candidates", "graph", "flat"])
def test_without_copies_observations_are_the_same_and_nobody_can_spoil_them(observation: str) -> None:
    name, words = (IDS[1], {}) if observation == "flat" else (ID, {"observation": observation})
    shared, clean = make(name, copy=False, **words), make(name, **words)
    (seen, info), (expected, _) = shared.reset(seed=0), clean.reset(seed=0)
    for _ in range(60):
        assert_same(seen, expected) if isinstance(seen, dict) else np.testing.assert_array_equal(seen, expected)
        for value in seen.values() if isinstance(seen, dict) else ():
            with pytest.raises(ValueError, match="read-only"):
                value[:] = 7
        action = info["action_mask"].argmax(axis=1)
        before = seen
        (seen, *rest, info), (expected, *others, _) = shared.step(action), clean.step(action)
        for one, other in zip(rest, others, strict=True):
            np.testing.assert_array_equal(one, other)
        if isinstance(seen, dict):
            assert all(np.shares_memory(seen[key], before[key]) for key in seen)


def test_a_view_keeps_its_observation_alive() -> None:
    envs = make()
    observation, info = envs.reset(seed=0)
    view = observation["candidates"][1:, 2]
    then = view.copy()
    del observation
    for _ in range(10):
        _, _, _, _, info = envs.step(info["action_mask"].argmax(axis=1))
    assert np.array_equal(view, then)


def test_the_engine_underneath_shows_the_same_numbers_as_tensors() -> None:
    envs = make()
    observation, info = envs.reset(seed=0)
    for _ in range(5):
        seen = envs.unwrapped.engine.observation
        assert np.array_equal(seen.candidates.numpy(), observation["candidates"])
        assert seen.candidates.data_ptr() == observation["candidates"].ctypes.data
        observation, _, _, _, info = envs.step(info["action_mask"].argmax(axis=1))


def test_seeds_may_be_given_for_each_copy() -> None:
    envs, other = make(), make()
    whole, _ = envs.reset(seed=20)
    assert_same(whole, other.reset(seed=[20, 21, 22, 23, 24])[0])
    assert_same(envs.reset(seed=[1, None, 2, None, 3]), other.reset(seed=[1, None, 2, None, 3]))
    with pytest.raises(InputError, match="2 seeds for 5 copies"):
        envs.reset(seed=[1, 2])
    with pytest.raises(InputError, match="seed -3 is negative"):
        envs.reset(seed=[1, 2, -3, 4, 5])
    fresh = [make().reset()[1]["instance"].tolist() for _ in range(6)]
    assert len({tuple(x) for x in fresh}) > 1


def test_a_reset_mask_restarts_only_the_copies_it_names() -> None:
    envs = make()
    before, info = envs.reset(seed=0)
    for _ in range(4):
        before, _, _, _, info = envs.step(info["action_mask"].argmax(axis=1))
    mask = np.array([True, False, False, True, False])
    after, info = envs.reset(seed=3, options={"reset_mask": mask})
    assert info["_instance"].tolist() == mask.tolist()
    assert (after["context"][mask, 0] == 0).all()
    for key in after:
        assert np.array_equal(after[key][~mask], before[key][~mask])
    for bad in ([True] * 5, np.zeros(5, bool), np.ones(4, bool), np.ones(5)):
        with pytest.raises(InputError, match="reset_mask must be a bool array"):
            envs.reset(options={"reset_mask": bad})


def test_an_instance_asked_for_at_reset_is_played_once_and_others_go_on() -> None:
    envs = gymnasium.make_vec(ID, num_envs=3, instance=["la01", "la02"], observation="candidates", illegal="raise")
    _, info = envs.reset(seed=0, options={"instance": "la03"})
    assert info["instance"].tolist() == ["la03"] * 3
    mask = np.array([False, True, False])
    _, info = envs.reset(options={"instance": "la04", "reset_mask": mask})
    assert info["instance"].tolist() == [None, "la04", None]
    rng = np.random.default_rng(0)
    plans = None
    for _ in range(50):
        assert [x for x in (envs.unwrapped._played(b)[0].name for b in range(3))] == ["la03", "la04", "la03"]
        plans = [envs.unwrapped.schedule(b).start.copy() for b in range(3)]
        _, _, terminated, _, info = envs.step(pick(envs.unwrapped.action_masks(), rng))
    assert terminated.all()
    assert plans is not None
    assert info["final_info"]["instance"].tolist() == ["la03", "la04", "la03"]
    assert all((plan == -1).sum() == 1 for plan in plans)
    for b, name in enumerate(("la03", "la04", "la03")):
        # The move that was left is the only one, so it starts when its job and machine are free.
        assert info["final_info"]["objective"][b] >= catalogue.load(name).lower_bound
    assert set(info["instance"]) <= {"la01", "la02"}


def test_every_schedule_of_a_batch_satisfies_the_referee() -> None:
    envs = make(illegal="raise", copies=4, pool=3)
    inner = envs.unwrapped
    inner.engine.reset()
    rng = np.random.default_rng(1)
    for _ in range(12):
        inner.engine.step(pick(inner.action_masks(), rng), autoreset=False)
    for b in range(4):
        instance, schedule = inner._played(b)
        assert check(instance, schedule) == inner.engine.arrays[1].final_objective[b]


@pytest.mark.parametrize("actions", [[0, 1], np.zeros((5, 1), int), np.zeros(5), np.zeros(5, bool)])
def test_actions_of_another_shape_or_kind_are_refused(actions: Any) -> None:
    envs = make()
    envs.reset(seed=0)
    with pytest.raises(InputError, match="actions must be 5 whole numbers"):
        envs.step(actions)


def test_an_illegal_action_in_a_batch_is_named() -> None:
    envs = make(illegal="raise")
    _, info = envs.reset(seed=0)
    action = info["action_mask"].argmax(axis=1)
    action[3] = 9
    with pytest.raises(InputError, match="action 9 is illegal; legal are"):
        envs.step(action)


def test_gymnasiums_worker_processes_can_host_it() -> None:
    words = SMALL | {"observation": "candidates"}
    workers = AsyncVectorEnv([lambda: gymnasium.make(ID, **words)] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    envs = make(copies=2)
    try:
        assert_same(workers.reset(seed=5), envs.reset(seed=5))
        for _ in range(15):
            action = envs.unwrapped.action_masks().argmax(axis=1)
            for a, b in zip(workers.step(action), envs.step(action), strict=True):
                assert_same(a, b)
    finally:
        workers.close()


def test_a_pickled_batch_goes_on_where_it_was() -> None:
    envs = make()
    _, info = envs.reset(seed=0)
    for _ in range(4):
        _, _, _, _, info = envs.step(info["action_mask"].argmax(axis=1))
    twin = pickle.loads(pickle.dumps(envs))
    for _ in range(20):
        action = info["action_mask"].argmax(axis=1)
        left, right = envs.step(action), twin.step(action)
        for a, b in zip(left, right, strict=True):
            assert_same(a, b)
        info = left[4]


def test_pictures_of_every_copy() -> None:
    envs = make(copies=2, render_mode="rgb_array")
    envs.reset(seed=0)
    left, right = envs.render()
    assert left.dtype == right.dtype == np.uint8
    assert left.shape[-1] == 3
    assert make(copies=2).render() is None
