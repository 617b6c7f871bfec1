"""What every vector environment promises: row b is the single environment, and Gymnasium's own SAME_STEP batch is the model."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from dispatchgym.envs.core.masked import MaskedObservation
from dispatchgym.instances.errors import InputError
from tests.core.conformance import Case, first_seed, one_line, pick
from tests.core.faces import assert_same, same

COPIES = 4


def greedy(info: dict[str, Any]) -> Any:
    return info["action_mask"].argmax(axis=1)


def started(case: Case, copies: int, **words: Any) -> tuple[Any, Any, dict[str, Any]]:
    """A batch, reset with a seed that gives its first copy something to decide; with its observation and info."""
    envs = case.make_vec(copies, **words)
    return envs, *envs.reset(seed=first_seed(case.make()))


def a_batch_equals_gymnasiums_own_batch_of_single_environments(case: Case) -> None:
    for mode in AutoresetMode:
        equals_gymnasiums_batch(case, mode, "ignore")
    equals_gymnasiums_batch(case, AutoresetMode.SAME_STEP, "substitute")


def equals_gymnasiums_batch(case: Case, mode: AutoresetMode, illegal: str) -> None:
    limit = 40  # so that episodes of every family end in both ways
    words = {"max_episode_steps": limit, "illegal": illegal}
    model = SyncVectorEnv([lambda: case.make(**words)] * COPIES, autoreset_mode=mode)
    envs = case.make_vec(COPIES, names=True, autoreset_mode=mode, **words)
    assert envs.observation_space == model.observation_space
    assert envs.action_space == model.action_space
    assert_same(envs.reset(seed=7), model.reset(seed=7))
    rng = np.random.default_rng(0)
    ended = 0
    returns = np.zeros(COPIES)
    for _ in range(2 * limit + 10):
        action = pick(envs.unwrapped.action_masks(), rng)
        wild = rng.random(COPIES) < 0.15
        action = np.where(wild, rng.integers(0, envs.single_action_space.n, COPIES), action)
        left, right = envs.step(action), list(model.step(action))
        # An episode that ends by itself in its last permitted step is not truncated here; Gymnasium's TimeLimit says both.
        right[3] = right[3] & ~right[2]
        for i, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same(a, b, str(i))
        assert ("final_obs" in left[4]) == (mode is AutoresetMode.SAME_STEP and (left[2] | left[3]).any())
        over = left[2] | left[3]
        returns += left[1]
        last = left[4]["final_info"] if "final_info" in left[4] else left[4]
        assert last["episode_return"][over].tolist() == returns[over].tolist()
        ended += int(over.sum())
        returns = np.where(over, 0.0, returns)
        if mode is AutoresetMode.DISABLED and over.any():
            one_line(envs.step, action, match="are over; reset them")
            assert_same(envs.reset(options={"reset_mask": over}), model.reset(options={"reset_mask": over}))
    assert ended > 1


def every_schedule_of_a_batch_satisfies_the_referee(case: Case) -> None:
    envs = case.make_vec(3, illegal="raise").unwrapped
    envs.reset(seed=first_seed(case.make()))
    objective = np.full(3, -1)
    rng = np.random.default_rng(1)
    while (objective < 0).any():
        envs.engine.step(pick(envs.action_masks(), rng), autoreset=False)
        record = envs.engine.arrays[1]
        objective = np.where(record.terminated == 1, record.final_objective, objective)
    for b, value in enumerate(objective.tolist()):
        instance = envs._played(b)[0]
        assert case.family.check(instance, envs.schedule(b)) == value


def worker_processes_can_host_it(case: Case) -> None:
    envs = case.make_vec(2, names=True)
    workers = AsyncVectorEnv([lambda: case.make()] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        assert_same(workers.reset(seed=5), envs.reset(seed=5))
        for _ in range(6):
            action = envs.unwrapped.action_masks().argmax(axis=1)
            for a, b in zip(workers.step(action), envs.step(action), strict=True):
                assert_same(a, b)
    finally:
        workers.close()


def make_vec_knows_the_batch_in_both_ways(case: Case) -> None:
    for mode in (None, "vector_entry_point"):
        envs = case.make_vec(3, vectorization_mode=mode)
        assert type(envs.unwrapped).__name__ == "DispatchVectorEnv"
        assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        assert envs.unwrapped.autoreset_mode is AutoresetMode.SAME_STEP
        observation, _ = envs.reset(seed=0)
        assert observation in envs.observation_space
        envs.close()
    for mode in AutoresetMode:
        for given in (mode, mode.value):
            envs = case.make_vec(2, autoreset_mode=given)
            assert envs.metadata["autoreset_mode"] is envs.unwrapped.autoreset_mode is mode
    assert type(envs.unwrapped).metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    one_line(case.make_vec, 2, autoreset_mode="same_step", match="autoreset_mode='same_step' is not one of NextStep, SameStep")


def infos_hold_numbers_alone_unless_names_are_asked_for(case: Case) -> None:
    plain, named = (case.make_vec(3, max_episode_steps=2, names=names) for names in (False, True))
    left, right = plain.reset(seed=1)[1], named.reset(seed=1)[1]
    for _ in range(4):
        assert right["instance"].tolist() == plain.unwrapped.instance_names().tolist()
        infos = [left, left.get("final_info", {})]
        for info in infos:
            numbers = {key: value for key, value in info.items() if key not in ("final_obs", "final_info")}
            assert all(value.dtype.kind in "bif" for value in numbers.values())
            assert "instance" not in numbers
        left, right = plain.step(greedy(left))[4], named.step(greedy(right))[4]
        assert right.keys() - left.keys() == {"instance", "_instance"}


def observations_that_are_held_never_change(case: Case) -> None:
    envs, observation, info = started(case, 3)
    held = []
    for _ in range(12):
        held.append((observation, pickle.loads(pickle.dumps(observation))))
        observation, _, _, _, info = envs.step(greedy(info))
    for current, before in held:
        assert_same(current, before)


def an_observation_that_is_spoilt_and_dropped_spoils_nothing_else(case: Case) -> None:
    (envs, observation, info), (clean, expected, _) = started(case, 3), started(case, 3)
    for _ in range(20):
        action = greedy(info)
        for value in observation.values() if isinstance(observation, dict) else [observation]:
            value.fill(7)
        info["action_mask"].fill(0)
        del value
        observation, _, _, _, info = envs.step(action)
        expected, _, _, _, _ = clean.step(action)
        assert_same(observation, expected)
    assert len(envs.unwrapped._buffers.kept) <= 3


def a_view_keeps_its_observation_alive(case: Case) -> None:
    envs, observation, info = started(case, 3)
    view = observation[1:, 2:9] if case.flat else observation["candidates"][1:, 0]
    then = view.copy()
    del observation
    for _ in range(10):
        _, _, _, _, info = envs.step(greedy(info))
    assert np.array_equal(view, then)


def without_copies_observations_are_the_same_and_read_only(case: Case) -> None:
    (shared, seen, info), (clean, expected, _) = started(case, 3, copy=False), started(case, 3)
    for _ in range(20):
        assert_same(seen, expected)
        for value in seen.values() if isinstance(seen, dict) else ():
            with pytest.raises(ValueError, match="read-only"):
                value[:] = 7
        action, before = greedy(info), seen
        (seen, *rest, info), (expected, *others, _) = shared.step(action), clean.step(action)
        for one, other in zip(rest, others, strict=True):
            np.testing.assert_array_equal(one, other)
        if isinstance(seen, dict):
            assert all(np.shares_memory(seen[key], before[key]) for key in seen)


def what_is_written_into_an_observation_does_not_show_later(case: Case) -> None:
    (envs, seen, _), (clean, expected, info) = started(case, 3), started(case, 3)
    for _ in range(10):
        for value in seen.values() if isinstance(seen, dict) else (seen,):
            value[...] = 7
        action = greedy(info)
        (seen, *_), (expected, *_, info) = envs.step(action), clean.step(action)
        assert_same(seen, expected)


def the_engine_shows_the_same_numbers_as_tensors(case: Case) -> None:
    envs, observation, info = started(case, 3)
    if case.flat:
        return
    for _ in range(3):
        seen = envs.unwrapped.engine.observation
        assert seen.candidates.data_ptr() == observation["candidates"].ctypes.data
        assert np.array_equal(seen.mask.numpy(), observation["action_mask"])
        observation, _, _, _, info = envs.step(greedy(info))


def a_limit_of_steps_shows_the_last_observation(case: Case) -> None:
    envs = case.make_vec(COPIES, max_episode_steps=2)
    envs.reset(seed=first_seed(case.make()))
    length = np.zeros(COPIES, int)
    for _ in range(6):
        at_once = ~envs.unwrapped.action_masks().any(axis=1)  # nothing to decide
        length += 1
        _, _, terminated, truncated, info = envs.step(np.full(COPIES, -1))
        assert terminated.tolist() == at_once.tolist()
        assert truncated.tolist() == (~at_once & (length == 2)).tolist()
        over = terminated | truncated
        assert ("final_obs" in info) == over.any()
        assert not truncated.any() or (info["final_info"]["objective"][truncated] == -1).all()
        length[over] = 0
    for limit in (0, 2.5, "3"):
        one_line(case.make_vec, 2, max_episode_steps=limit, match=f"max_episode_steps={limit!r} is not a positive whole number")
    for count in (2.0, "2", 0, True):
        one_line(case.make_vec, count, match=f"num_envs={count!r} is not a positive whole number")


def seeds_may_be_given_for_each_copy(case: Case) -> None:
    envs, other = case.make_vec(4), case.make_vec(4)
    assert_same(envs.reset(seed=20)[0], other.reset(seed=[20, 21, 22, 23])[0])
    assert_same(envs.reset(seed=[1, None, 2, None]), other.reset(seed=np.array([1, None, 2, None], object)))
    one_line(envs.reset, seed=[1, 2], match="2 seeds for 4 copies")
    one_line(envs.reset, seed=[1, 2, -3, 4], match="seed -3 is negative")
    for seed in (1.5, [1, 2, 2.5, 3]):
        one_line(envs.reset, seed=seed, match="seed must be a whole number")
    fresh = [case.make_vec(4).unwrapped for _ in range(6)]
    for one in fresh:
        one.reset()
    assert len({tuple(one.engine.rows().tolist()) for one in fresh}) > 1


def a_reset_mask_restarts_only_the_copies_it_names(case: Case) -> None:
    envs, before, info = started(case, 4)
    for _ in range(3):
        before, _, _, _, info = envs.step(greedy(info))
    mask = np.array([True, False, False, True])
    after, info = envs.reset(seed=3, options={"reset_mask": mask})
    assert info["_objective"].tolist() == mask.tolist()
    expected = case.make_vec(4).reset(seed=3)[0]
    for key in after if isinstance(after, dict) else [...]:
        assert np.array_equal(after[key][~mask], before[key][~mask])
        assert np.array_equal(after[key][mask], expected[key][mask])
    for bad in ([True] * 4, np.zeros(4, bool), np.ones(3, bool), np.ones(4)):
        one_line(envs.reset, options={"reset_mask": bad}, match="reset_mask must be a bool array")
    one_line(case.make_vec(4).reset, options={"reset_mask": mask}, match="the first reset starts every copy")


def a_masked_observation_is_the_same_numbers_under_two_keys(case: Case) -> None:
    for words in ({}, {"observation": "candidates"}) if not case.flat else ({},):
        single = MaskedObservation(case.make(max_episode_steps=3, **words), "obs", "mask", np.bool_)
        many = MaskedObservation(case.make_vec(3, max_episode_steps=3, **words))
        plain = case.make_vec(3, max_episode_steps=3, **words)
        assert many.autoreset_mode is many.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        (seen, info), (one, _), (bare, _) = many.reset(seed=5), single.reset(seed=6), plain.reset(seed=5)
        for _ in range(5):
            assert seen in many.observation_space
            assert one in single.observation_space
            assert np.array_equal(seen["action_mask"], info["action_mask"])
            parts = bare[:, : -seen["action_mask"].shape[1]] if case.flat else [v for k, v in bare.items() if k != "action_mask"]
            numbers = parts if case.flat else np.concatenate([part.reshape(3, -1) for part in parts], axis=1)
            assert np.array_equal(seen["observations"], numbers.astype(np.float32))
            if one is not None:
                assert_same(one, {"obs": seen["observations"][1], "mask": seen["action_mask"][1].astype(bool)})
            action = greedy(info)
            (seen, _, _, _, info), (bare, *_) = many.step(action), plain.step(action)
            one, _, *over, _ = single.step(int(action[1]))
            if any(over):
                last = info["final_obs"][1]
                assert_same(one, {"obs": last["observations"], "mask": last["action_mask"].astype(bool)})
                one, _ = single.reset()
    one_line(MaskedObservation, case.make(), "mask", "mask", match="both called 'mask'")
    one_line(MaskedObservation, gymnasium.make("CartPole-v1"), match="CartPoleEnv is not an environment of dispatchgym")


def substituted_actions_are_legal_and_said_to_be_illegal(case: Case) -> None:
    envs, plain = (case.make_vec(COPIES, illegal=word) for word in ("substitute", "raise"))
    (_, info), _ = envs.reset(seed=4), plain.reset(seed=4)
    rng = np.random.default_rng(3)
    for _ in range(30):
        mask = info["action_mask"] == 1
        wild = rng.integers(-5, 3 * mask.shape[1], COPIES)
        played = wild.copy()
        for b in np.flatnonzero(mask.any(axis=1)):
            if not (0 <= wild[b] < mask.shape[1] and mask[b, wild[b]]):
                legal = envs.unwrapped.engine.arrays[1].choices[b, : mask[b].sum()]
                assert sorted(legal.tolist()) == np.flatnonzero(mask[b]).tolist()
                played[b] = legal[wild[b] % len(legal)]
        (*left, info), (*right, _) = envs.step(wild), plain.step(played)
        for a, b in zip(left, right, strict=True):
            assert_same(a, b)
        over = left[2] | left[3]
        said = np.where(over, info["final_info"]["illegal"], info["illegal"]) if over.any() else info["illegal"]
        assert said.tolist() == (wild != played).tolist()


def actions_of_another_shape_or_kind_are_refused(case: Case) -> None:
    envs, _, info = started(case, 3, illegal="raise")
    for actions in ([0, 1], np.zeros((3, 1), int), np.zeros(3), np.zeros(3, bool), 0, None, ["0"] * 3):
        one_line(envs.step, actions, match="actions must be 3 whole numbers")
    action = greedy(info)
    action[0] = 10**6
    with pytest.raises(InputError, match=r"action 1000000 is illegal; legal are \["):
        envs.step(action)


def calls_out_of_order_are_refused(case: Case) -> None:
    envs = case.make_vec(2, render_mode="rgb_array").unwrapped
    one_line(envs.step, np.zeros(2, int), match="step: call reset first")
    one_line(envs.render, match="render: call reset first")
    envs.reset(seed=0)
    envs.close()
    one_line(envs.step, np.zeros(2, int), match="step: the environment is closed")
    one_line(envs.reset, match="reset: the environment is closed")


def a_pickled_batch_goes_on_where_it_was(case: Case) -> None:
    envs, _, info = started(case, 3)
    for _ in range(3):
        _, _, _, _, info = envs.step(greedy(info))
    twin = pickle.loads(pickle.dumps(envs))
    for _ in range(12):
        action = greedy(info)
        left, right = envs.step(action), twin.step(action)
        for a, b in zip(left, right, strict=True):
            assert_same(a, b)
        info = left[4]


def every_copy_has_a_picture(case: Case) -> None:
    envs = case.make_vec(2, render_mode="rgb_array")
    envs.reset(seed=0)
    left, right = envs.render()
    assert left.dtype == right.dtype == np.uint8
    assert left.shape[-1] == 3
    assert case.make_vec(2).render() is None


def row_b_with_its_seed_is_the_single_environment(case: Case) -> None:
    many, single = case.make_vec(3), case.make()
    observation, info = many.reset(seed=7)
    one, alone = single.reset(seed=9)
    for _ in range(8):
        assert same(one, {k: v[2] for k, v in observation.items()} if isinstance(observation, dict) else observation[2])
        assert np.array_equal(alone["action_mask"], info["action_mask"][2])
        action = greedy(info)
        observation, _, _, _, info = many.step(action)
        one, _, over, _, alone = single.step(int(action[2]))
        if over:
            break


RULES = (
    a_batch_equals_gymnasiums_own_batch_of_single_environments,
    every_schedule_of_a_batch_satisfies_the_referee,
    worker_processes_can_host_it,
    make_vec_knows_the_batch_in_both_ways,
    infos_hold_numbers_alone_unless_names_are_asked_for,
    observations_that_are_held_never_change,
    an_observation_that_is_spoilt_and_dropped_spoils_nothing_else,
    a_view_keeps_its_observation_alive,
    without_copies_observations_are_the_same_and_read_only,
    what_is_written_into_an_observation_does_not_show_later,
    the_engine_shows_the_same_numbers_as_tensors,
    a_limit_of_steps_shows_the_last_observation,
    seeds_may_be_given_for_each_copy,
    a_reset_mask_restarts_only_the_copies_it_names,
    a_masked_observation_is_the_same_numbers_under_two_keys,
    substituted_actions_are_legal_and_said_to_be_illegal,
    actions_of_another_shape_or_kind_are_refused,
    calls_out_of_order_are_refused,
    a_pickled_batch_goes_on_where_it_was,
    every_copy_has_a_picture,
    row_b_with_its_seed_is_the_single_environment,
)
