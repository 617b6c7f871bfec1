"""The batch engine: streams, pools, extra instances, autoreset, and what it costs."""

from __future__ import annotations

import pickle
import weakref
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pytest
import torch

from dispatchgym.envs.core import episode
from dispatchgym.envs.core.contract import Kernel
from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.core.targets import compile_entries, thread_count
from dispatchgym.envs.jobshop.problem import ACTION_SETS, JobShopProblem
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.jobshop.generate import generate
from dispatchgym.instances.jobshop.instance import JobShop
from tests.jobshop.shops import odd_shop, pick

POOL = [generate(4, 3, seed=i) for i in range(6)]


def engine(copies: int = 3, **words: Any) -> Engine:
    return Engine(JobShopProblem(), POOL, copies, **({"graph": False} | words))


def play(e: Engine, steps: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        e.step(pick(e.arrays[0].mask, rng))


def snapshot(e: Engine) -> list[np.ndarray]:
    seen, record = e.arrays
    return [np.array(x) for x in (*seen, *record._replace(choices=record.legal, shown=record.legal))]  # without the scratch


def test_a_copy_does_not_depend_on_the_size_of_its_batch() -> None:
    small, large = engine(2, seed=40), engine(1300, seed=40)
    small.reset()
    large.reset()
    for _ in range(50):
        action = large.arrays[0].mask.argmax(axis=1)
        small.step(action[:2])
        large.step(action)
        for left, right in zip(snapshot(small), snapshot(large), strict=True):
            assert left.tobytes() == right[:2].tobytes()


def test_the_rows_of_the_pool_are_drawn_evenly_and_by_stream() -> None:
    e = engine(1200)
    e.reset()
    counts = np.bincount(e.state.row.numpy(), minlength=6)
    assert counts.min() > 150
    first = e.state.row.clone()
    e.seed(np.arange(1200))
    e.reset()
    assert torch.equal(first, e.state.row)
    e.reset()
    assert not torch.equal(first, e.state.row)


def test_minus_one_leaves_a_stream_alone() -> None:
    e, other = engine(), engine()
    e.reset()
    other.reset()
    e.seed([-1, 99, -1])
    assert e.episodes.seed.tolist() == [0, 99, 2]
    assert e.episodes.episode.tolist() == [1, 0, 1]


def test_a_fixed_copy_plays_its_row_until_released() -> None:
    e = engine()
    e.assign_rows([4, -1, 2])
    for _ in range(4):
        e.reset()
        assert e.state.row[[0, 2]].tolist() == [4, 2]
    e.assign_rows(5)
    e.reset()
    assert e.state.row.tolist() == [5, 5, 5]
    for bad in (6, -2):
        with pytest.raises(InputError, match=f"instance row {bad} is not in a pool of 6"):
            e.assign_rows([0, bad, 0])


def test_guests_are_played_when_fixed_and_never_drawn() -> None:
    e = engine(400)
    e.add_instances([generate(4, 3, seed=77)])
    e.assign_rows([6] * 200 + [-1] * 200)
    for _ in range(3):
        e.reset()
        assert (e.state.row[:200] == 6).all()
        assert (e.state.row[200:] < 6).all()


def test_a_new_pool_must_be_reset_before_it_is_played() -> None:
    e = engine()
    e.reset()
    play(e, 5)
    e.set_pool(POOL[:1])
    assert e.state.row.tolist() == [0, 0, 0]
    e.step(np.array([0, 1, 2]))
    assert e.episodes.illegal.tolist() == [1, 1, 1]
    e.reset()
    play(e, 12)
    assert (e.episodes.final_objective > 0).all()


def test_autoreset_shows_the_next_episode_and_without_it_the_last() -> None:
    e, other = engine(seed=5), engine(seed=5)
    e.reset()
    other.reset()
    for step in range(40):
        action = e.arrays[0].mask.argmax(axis=1)
        e.step(action)
        other.step(torch.from_numpy(action), autoreset=False)
        over = other.arrays[1].terminated == 1
        assert over.all() == (step % 12 == 11)
        assert other.arrays[0].mask[over].sum() == 0
        other.restart()
        for left, right in zip(snapshot(e), snapshot(other), strict=True):
            assert left.tobytes() == right.tobytes()
    assert e.episodes.final_length.tolist() == [12, 12, 12]
    assert (e.episodes.final_return <= 0).all()


def test_actions_may_be_written_in_place() -> None:
    e = engine()
    e.reset()
    e.episodes.action.copy_(e.observation.mask.argmax(dim=1))
    e.step()
    assert e.episodes.illegal.tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="expected 3 values, one a copy"):
        e.step(np.zeros(2, int))


def test_an_engine_survives_pickling_in_the_middle_of_an_episode() -> None:
    e = engine()
    e.add_instances([generate(4, 3, seed=5)])
    e.reset()
    play(e, 7)
    twin = pickle.loads(pickle.dumps(e))
    play(e, 30, seed=1)
    play(twin, 30, seed=1)
    for left, right in zip(snapshot(e), snapshot(twin), strict=True):
        assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("actions", ACTION_SETS)
def test_candidate_rows_are_zero_where_illegal_and_never_all_zero_where_legal(actions: Any) -> None:
    rng = np.random.default_rng(0)
    e = Engine(JobShopProblem(actions), [odd_shop(rng) for _ in range(9)], 20)
    e.reset()
    for _ in range(60):
        o = e.arrays[0]
        assert (o.candidates[o.mask == 0] == 0).all()
        assert (o.candidates[o.mask == 1] != 0).any(axis=1).mean() > 0.8
        assert (o.candidate_task[o.mask == 0] == -1).all()
        assert (o.candidate_task[o.mask == 1] >= 0).all()
        assert np.isfinite(o.candidates).all()
        assert np.isfinite(o.context).all()
        assert np.isfinite(o.tasks).all()
        play(e, 1)


def test_the_graph_has_each_operation_on_its_machine_and_each_job_in_a_chain() -> None:
    shop = JobShop(np.array([[2, 0, -1], [1, -1, -1], [0, 2, 0]]), np.array([[3, 1, 0], [4, 0, 0], [1, 5, 9]]), 3)
    e = Engine(JobShopProblem(), [shop], 1)
    e.reset()
    o = e.observation
    assert o.runs_on[0].tolist() == [[0, 2], [1, 0], [3, 1], [6, 0], [7, 2], [8, 0]]
    assert [x for x in o.precedes[0].tolist() if x[0] >= 0] == [[0, 1], [6, 7], [7, 8]]
    assert o.tasks[0, :, 0].tolist() == [1, 1, 0, 1, 0, 0, 1, 1, 1]
    assert o.resources[0, :, 0].tolist() == [1, 1, 1]
    legal = int(o.mask[0].argmax())
    assert o.candidate_task[0, legal] in (0, 3, 6)
    assert o.candidate_resource[0, legal] == shop.machine[legal, 0]


def test_impossible_requests_are_refused_with_the_value() -> None:
    for words, message in (
        ({"device": "tpu"}, "device 'tpu' is not one of cpu, cuda, python"),
        ({"copies": 0}, "number of copies must be at least 1, not 0"),
        ({"pool": []}, "needs at least one instance"),
    ):
        given = {"pool": POOL, "copies": 1, "device": "cpu"} | words
        with pytest.raises(InputError, match=message):
            Engine(JobShopProblem(), given.pop("pool"), given.pop("copies"), **given)
    with pytest.raises(InputError, match="actions 'any' is not one of"):
        JobShopProblem("any")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="5 jobs, this environment was made for 4"):
        engine().set_pool([generate(5, 3, seed=0)])
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="device 'cuda' needs an NVIDIA GPU"):
            engine(device="cuda")


def test_memory_is_counted_and_the_thread_count_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    e = Engine(JobShopProblem(), [generate(100, 20, seed=0)], 2)
    assert 100_000 < e.bytes_per_copy() < 250_000
    monkeypatch.setenv("DISPATCHGYM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.setenv("DISPATCHGYM_THREADS", "many")
    assert thread_count() >= 1


def test_large_batches_may_be_split_over_threads_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("DISPATCHGYM_THREADS", threads)
        e = engine(1000, seed=2)
        e.reset()
        for _ in range(30):
            e.step(e.arrays[0].mask.argmax(axis=1))
        results.append(snapshot(e))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*results, strict=True))


def test_kernels_are_compiled_once_for_a_target() -> None:
    kernel = JobShopProblem.kernel
    assert compile_entries((episode.advance,), "python", kernel=kernel) is compile_entries(
        (episode.advance,), "python", kernel=kernel
    )


class Numbers(NamedTuple):
    values: np.ndarray
    which: np.ndarray
    found: np.ndarray


def look(b: int, x: Numbers) -> None:
    x.found[b] = x.values[x.which[b]]


def test_kernels_index_without_wraparound() -> None:
    numbers = Numbers(np.arange(10)[5:], np.array([-1, 2]), np.zeros(2, np.int64))
    compile_entries((look,), "cpu")["look"](2, numbers)
    assert numbers.found.tolist() == [4, 7]  # the element before the array: indices are not tested


class SmallNumbers(NamedTuple):
    values: np.ndarray


def twice(n: int) -> int:
    return n + n


def call_twice(b: int, x: SmallNumbers) -> None:
    x.values[b] = twice(x.values[b]) + twice(1) + twice(-1) + twice(b)


def test_a_function_is_compiled_once_whatever_whole_numbers_it_is_given() -> None:
    from numba.core import event

    numbers = SmallNumbers(np.array([3, 4], np.int16))
    with event.install_recorder("numba:compile") as recorder:
        launch = compile_entries((call_twice,), "cpu", kernel=Kernel(JobShopProblem.kernel.modules, compiled_once=True))[
            "call_twice"
        ]
        launch._compile((numbers,))  # type: ignore[attr-defined]
    launch(2, numbers)
    begun = [e.data for _, e in recorder.buffer if e.is_start and e.data["dispatcher"].py_func.__name__ == "twice"]
    assert numbers.values.tolist() == [6, 10]
    assert len(begun) <= 1  # none where the machine code was kept


def test_observations_that_a_caller_kept_and_dropped_do_not_live_on_in_the_engine() -> None:
    envs = gymnasium.make_vec("dispatchgym:dispatchgym/JobShop-v0", num_envs=2, instance=POOL, observation="candidates")
    observation, info = envs.reset(seed=0)
    kept = [observation]
    for _ in range(10):
        observation, *_, info = envs.step(info["action_mask"].argmax(axis=1))
        kept.append(observation)
    first = weakref.ref(kept[0]["candidates"])
    assert first() is not None
    del kept
    assert first() is None
