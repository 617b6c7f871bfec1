"""The batch that returns torch tensors: the same episodes as the batch of numpy arrays, in the engine's own memory.

With NUMBA_ENABLE_CUDASIM=1 in the environment of pytest they are played on the simulated GPU.
"""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest

from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.placing import column_major, on_gpu
from dispatchgym.instances.errors import InputError

torch = pytest.importorskip("torch")


class SimpleTuple(NamedTuple):
    x: Any


FLAT = ("illegal", "objective", "episode_return", "episode_length", "lower_bound")  # infos of one number a copy
WORDS: dict[str, Any] = {
    "jobs": 3,
    "machines": 2,
    "pool": 8,
    "max_episode_steps": 7,
    "device": "cuda" if simulated() else "python",
}


def make(name: str = "JobShop-v0", copies: int = 5, **words: Any) -> Any:
    return gymnasium.make_vec(f"dispatchgym:dispatchgym/{name}", num_envs=copies, **(WORDS | words)).unwrapped


def chosen(mask: Any, rng: np.random.Generator) -> Any:
    """A random legal action of each copy, and now and then an illegal one."""
    return torch.as_tensor(np.where(rng.random(len(mask)) < 0.2, -1, (mask.numpy() * rng.random(mask.shape)).argmax(1)))


def equal(seen: Any, expected: Any) -> bool:
    if not isinstance(expected, dict):
        return bool((seen.numpy() == expected).all())
    return seen.keys() == expected.keys() and all((seen[key].numpy() == expected[key]).all() for key in expected)


@pytest.mark.parametrize("mode", ["SameStep", "Disabled"])
@pytest.mark.parametrize("name", ["JobShop-v0", "JobShopFlat-v0"])
def test_episodes_equal_those_of_the_batch_of_arrays(name: str, mode: str) -> None:
    tensors, arrays = (make(name, output=output, autoreset_mode=mode) for output in ("torch", "numpy"))
    rng = np.random.default_rng(0)
    (seen, info), (expected, told) = tensors.reset(seed=3), arrays.reset(seed=3)
    ended = 0
    for _ in range(40):
        assert equal(seen, expected)
        for key in ("action_mask", *FLAT):
            assert (info[key].numpy() == told[key]).all(), key
        actions = chosen(info["action_mask"], rng)
        seen, *outcome, info = tensors.step(actions)
        expected, *known, told = arrays.step(actions.numpy())
        assert all((a.numpy() == b).all() for a, b in zip(outcome, known, strict=True))
        over = known[1] | known[2]
        ended += int(over.sum())
        if mode == "Disabled" and over.any():
            seen, info = tensors.reset(options={"reset_mask": outcome[1] | outcome[2]})
            expected, told = arrays.reset(options={"reset_mask": over})
            # The info of such a reset is blank for the copies that go on.
            told = {key: np.where(over, told[key], info[key].numpy()) for key in FLAT} | {"action_mask": arrays.action_masks()}
        elif over.any():
            final = told["final_info"]
            told |= {key: np.where(over, final[key], told[key]) for key in FLAT if key != "lower_bound"}
    assert ended > 20


@pytest.mark.parametrize("shape", [(5,), (5, 3), (4, 3, 2), (1, 6), (7, 0, 2)])
def test_tensors_on_a_gpu_are_ordered_as_arrays_in_the_simulator_are(shape: tuple[int, ...]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape)
    found = column_major(torch.from_numpy(array))
    assert (found.numpy() == array).all()
    assert found.numpy().flags.f_contiguous
    assert on_gpu(SimpleTuple(array), by_copy=True).x.flags.f_contiguous


def test_nothing_is_copied_unless_it_is_asked_for() -> None:
    for copied in (False, True):
        envs = make(output="torch", copy=copied)
        seen, info = envs.reset(seed=0)
        for shown, memory in ((seen["tasks"], envs.engine.observation.tasks), (info["action_mask"], envs.engine.episodes.legal)):
            assert (shown.data_ptr() == memory.data_ptr()) is not copied
        assert seen["action_mask"].dtype == info["action_mask"].dtype == torch.bool


def test_returns_stay_in_the_same_memory_so_that_a_replayed_graph_of_steps_goes_on() -> None:
    envs = make(output="torch")
    _, info = envs.reset(seed=2)
    where = envs._returns.data_ptr()
    total = torch.zeros(5, dtype=torch.float64)
    for _ in range(9):
        _, reward, terminated, truncated, info = envs.step(info["action_mask"].int().argmax(1))
        assert torch.equal(info["episode_return"], total + reward)
        total = (total + reward).masked_fill(terminated | truncated, 0.0)
        assert envs._returns.data_ptr() == where
    envs.reset(seed=3)
    assert (envs._returns.data_ptr(), envs._returns.abs().sum()) == (where, 0)


def test_a_batch_goes_on_after_it_was_pickled() -> None:
    envs = make(output="torch")
    _, info = envs.reset(seed=1)
    envs.step(info["action_mask"].int().argmax(1))
    other = pickle.loads(pickle.dumps(envs))
    actions = envs.action_masks().int().argmax(1)
    for a, b in zip(envs.step(actions)[1:4], other.step(actions)[1:4], strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"output": "jax"}, "output='jax' is not one of numpy, torch"),
        ({"autoreset_mode": "NextStep"}, "autoreset_mode=NextStep: with output='torch' there are SameStep and Disabled"),
        ({"illegal": "raise"}, "illegal='raise': with output='torch' there is 'ignore'"),
        ({"names": True}, "names=True: with output='torch' infos hold numbers alone"),
    ],
)
def test_what_it_cannot_do_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**({"output": "torch"} | words))
    assert str(caught.value) == message


def test_actions_of_another_kind_are_refused() -> None:
    envs = make(output="torch")
    with pytest.raises(InputError, match="step: call reset first"):
        envs.step(torch.zeros(5, dtype=torch.int64))
    envs.reset(seed=0)
    for actions in (torch.zeros(5), torch.zeros(4, dtype=torch.int64), torch.zeros((5, 1), dtype=torch.int64)):
        with pytest.raises(InputError, match="actions must be 5 whole numbers, not torch"):
            envs.step(actions)
