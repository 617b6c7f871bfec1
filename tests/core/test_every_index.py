"""Degenerate instances of every family are played with each index checked: below an array's end, and not before its begin.

The kernels run as Python, where numpy refuses an index past the end; an array that refuses negative ones as well does what
NUMBA_BOUNDSCHECK=1 does for compiled kernels, without compiling them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

import dispatchgym  # noqa: F401
from dispatchgym.envs.core import buffers, engine
from dispatchgym.instances.cpmodel.instance import CPInstance, Lag, Mode, ModeLink, Resource, Task
from dispatchgym.instances.jobshop.instance import JobShop
from dispatchgym.instances.memory.instance import MemoryProgram, Packing
from dispatchgym.instances.soc.instance import StaticDag


class Checked(np.ndarray[Any, Any]):
    """An array that takes no negative index."""

    def __getitem__(self, key: Any) -> Any:
        self._refuse_negative(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._refuse_negative(key)
        super().__setitem__(key, value)

    @staticmethod
    def _refuse_negative(key: Any) -> None:
        for part in key if isinstance(key, tuple) else (key,):
            if isinstance(part, (int, np.integer)) and part < 0:
                raise IndexError(f"index {key} is negative")


@pytest.fixture(autouse=True)
def checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The arrays that kernels get are checked; tensors of the same memory are not."""
    place = engine.place

    def both(arrays: Any, target: Any, *, by_copy: bool = False) -> Any:
        _, tensors = place(arrays, target, by_copy=by_copy)
        return type(arrays)(*(x.view(Checked) if isinstance(x, np.ndarray) else x for x in arrays)), tensors

    monkeypatch.setattr(engine, "place", both)
    monkeypatch.setattr(buffers, "place", both)


def shop(*jobs: list[tuple[int, int]]) -> JobShop:
    """A job is a list of (machine, duration)."""
    longest = max(map(len, jobs))
    machine, duration = np.full((len(jobs), longest), -1, np.int32), np.zeros((len(jobs), longest), np.int32)
    for j, job in enumerate(jobs):
        machine[j, : len(job)], duration[j, : len(job)] = np.array(job, np.int32).T
    return JobShop(machine, duration, name=f"shop-{len(jobs)}-{longest}-{duration.sum()}")


SHOPS = [
    shop([(0, 1)]),
    shop([(0, 0)]),
    shop([(0, 0), (1, 0)], [(1, 0), (0, 0)]),
    shop(*[[(0, 2**20)]] * 4),  # one machine
    shop([(n % 3, n) for n in range(3)], [(0, 1)]),
]
GRAPHS = [
    StaticDag(np.zeros((1, 1), np.int32), np.zeros((0, 3), np.int32), name="one"),
    StaticDag(np.zeros((2, 2), np.int32), np.array([[0, 1, 0]], np.int32), name="no time"),
    StaticDag(np.full((3, 1), 2**20, np.int32), np.zeros((0, 3), np.int32), name="no edge"),
    StaticDag(np.array([[1, -1], [-1, 2], [3, 4]], np.int32), np.array([[0, 2, 2**20], [1, 2, 0]], np.int32), name="one PE each"),
]


def packing(*rows: tuple[int, int, int]) -> Packing:
    """Rows are (lower, upper, size)."""
    lower, upper, size = np.array(rows, np.int64).T
    return Packing(lower, upper, size, 64, name=f"packing-{len(rows)}-{size.sum()}")


PACKINGS = [packing((0, 1, 1)), packing((0, 1, 64), (1, 2, 64)), packing((0, 2**40, 8), (5, 6, 8), (7, 8, 48))]


def program(instructions: int, define: list[int], access: list[tuple[int, int, int, int]], compute: int = 0) -> MemoryProgram:
    """An access is (buffer, instruction, bytes, writes)."""
    return MemoryProgram(
        compute=np.full(instructions, compute, np.int64),
        size=np.full(len(define), 8, np.int64),
        define=np.array(define, np.int64),
        access=np.array(access, np.int64),
        capacity=8,
        slow_rate=10**9,
        fast_read_rate=10**10,
        fast_write_rate=10**10,
        name=f"program-{instructions}-{len(define)}-{compute}",
    )


PROGRAMS = [
    program(1, [-1], [(0, 0, 8, 0)]),
    program(1, [0], [(0, 0, 8, 1)], compute=10**9),
    program(2, [-1, 0], [(0, 0, 8, 0), (1, 0, 8, 1), (1, 1, 8, 0)]),
]
TWO = (Mode(0), Mode(2, ((0, 1), (1, 3))))
MODELS = [
    CPInstance((Task("one", (Mode(0),)),), name="no resource"),
    CPInstance((Task("a", TWO), Task("b", TWO)), (Resource("x", 1), Resource("y", 3, ((0, 1, 3),))), name="no lag"),
    CPInstance(
        tuple(Task(name, TWO, deadline=9) for name in "abc"),
        (Resource("x", 1), Resource("y", 3)),
        (Lag(0, 2, "FF", -5), Lag(1, 2, "SS", 2, 1, 0)),
        (ModeLink(0, 1, 2, (1,)), ModeLink(1, 0, 2, (0,))),
        name="links",
    ),
]
STREAM = {"instance": "gym-ds3-1", "pool": 1}
CASES: dict[str, list[dict[str, Any]]] = {
    "JobShop-v0": [{"instance": SHOPS, "actions": x} for x in ("active", "semi-active", "non-delay")],
    "JobShopImprove-v0": [{"instance": SHOPS, "moves": 9, "neighbourhood": x} for x in ("n5", "n7")],
    "BlockingJobShop-v0": [
        {"instance": SHOPS, **x}
        for x in ({}, {"swap": False}, {"no_wait": True}, {"interruptions": 0.5, "traces": 1}, {"outlook": True})
    ],
    "SoC-v0": [
        {**STREAM, "horizon": 1},
        {**STREAM, "horizon": 60, "max_jobs": 1, "noise": 2.0},
        {**STREAM, "horizon": 30, "cap": 1},
    ],
    "StaticDag-v0": [{"instance": GRAPHS, "mode": x} for x in ("start", "assign", "task", "pe")],
    "MemoryPack-v0": [{"instance": PACKINGS}],
    "MemoryMap-v0": [{"instance": PROGRAMS, "actions": x} for x in ("map", "order")],
    "CPModel-v0": [{"instance": MODELS, "actions": x} for x in ("serial", "parallel")],
    "FlexibleJobShop-v0": [{"jobs": 2, "machines": 2, "pool": 3}],
}


def plays() -> Iterator[Any]:
    for name, cases in CASES.items():
        yield from (pytest.param(name, words, id=f"{name}-{n}") for n, words in enumerate(cases))


@pytest.mark.parametrize(("name", "words"), list(plays()))
def test_every_index_is_inside_its_array(name: str, words: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    env = gymnasium.make_vec(f"dispatchgym/{name}", num_envs=6, device="python", **words)
    _, info = env.reset(seed=3)
    batch = env.unwrapped.engine  # type: ignore[attr-defined]
    for arrays in (batch._state, batch._instances, batch._episodes, batch._observation):
        assert all(isinstance(x, (Checked, int, float)) for x in arrays)
    ended = 0
    for _ in range(60):
        mask = np.asarray(info["action_mask"])
        actions = np.array([rng.choice(np.flatnonzero(row)) if row.any() else 0 for row in mask])
        if rng.random() < 0.02:
            actions[0] = 0  # legal or not
        _, _, terminated, truncated, info = env.step(actions)
        ended += int((terminated | truncated).sum())
        if ended >= 30:
            break
    assert ended > 0
    env.close()


def test_a_negative_index_would_be_found() -> None:
    array = np.zeros((2, 2)).view(Checked)
    for key in (-1, (0, -1), (np.int64(-2), 0)):
        with pytest.raises(IndexError, match="is negative"):
            array[key]
        with pytest.raises(IndexError, match="is negative"):
            array[key] = 1.0
