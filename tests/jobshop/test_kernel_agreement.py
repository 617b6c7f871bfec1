"""Plain Python, compiled code and CUDA play the same game to the last bit, and it is the job shop."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.envs.core.engine import Engine
from dispatchgym.envs.jobshop.check import check
from dispatchgym.envs.jobshop.problem import ACTION_SETS, JobShopProblem
from dispatchgym.instances.jobshop.instance import JobShop, Schedule, simple_lower_bound
from tests.jobshop.shops import odd_shop, pick, record, shops

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compiled() -> dict[str, np.ndarray]:
    return record("cpu")


def assert_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert value.dtype == right[name].dtype, name
        assert value.tobytes() == right[name].tobytes(), name


def test_two_hundred_episodes_are_enough_to_compare(compiled: dict[str, np.ndarray]) -> None:
    assert sum(int(compiled[f"{actions}.episodes"]) for actions in ACTION_SETS) >= 200


def test_compiled_code_equals_plain_python(compiled: dict[str, np.ndarray]) -> None:
    assert_same(compiled, record("python"))


def test_compiled_code_equals_the_cuda_simulator(compiled: dict[str, np.ndarray], tmp_path: Path) -> None:
    file = tmp_path / "simulated.npz"
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", "tests.jobshop.shops", "cuda", str(file)], env=environment, cwd=ROOT, check=True)
    with np.load(file) as simulated:
        assert_same(compiled, dict(simulated))


def finish(instance: JobShop, actions: str, seed: int, device: str = "cpu") -> tuple[Schedule, int, float]:
    """A random episode: its schedule, the objective that the engine claims, and the return."""
    engine = Engine(JobShopProblem(actions), [instance], 1, graph=False, device=device)  # type: ignore[arg-type]
    engine.reset()
    rng = np.random.default_rng(seed)
    seen, episodes = engine.arrays
    total = 0.0
    bound = int(engine.state.bound[0])
    for _ in range(int(instance.operations.sum())):
        assert seen.mask.any()
        engine.step(pick(seen.mask, rng), autoreset=False)
        total += float(episodes.reward[0])
        assert bound <= int(engine.state.bound[0])
        bound = int(engine.state.bound[0])
    assert episodes.terminated[0] == 1
    assert not seen.mask.any()
    start = engine.state.start[0, : instance.jobs, : instance.machine.shape[1]].numpy()
    return Schedule(start.astype(np.int64)), int(episodes.final_objective[0]), total


@settings(max_examples=80)
@given(shops(), st.sampled_from(ACTION_SETS), st.integers(0, 99))
def test_every_legal_rollout_is_a_schedule_that_the_referee_accepts(instance: JobShop, actions: str, seed: int) -> None:
    schedule, objective, total = finish(instance, actions, seed)
    assert check(instance, schedule) == objective
    bound = simple_lower_bound(instance)
    assert total == pytest.approx((bound - objective) / max(bound, 1), abs=1e-9)


@settings(max_examples=15)
@given(shops(), st.sampled_from(ACTION_SETS), st.integers(0, 99))
def test_plain_python_meets_the_referee_too(instance: JobShop, actions: str, seed: int) -> None:
    schedule, objective, _ = finish(instance, actions, seed, "python")
    assert check(instance, schedule) == objective


def best_by_sequences(instance: JobShop) -> int:
    """The optimum by trying every order of operations, each started as early as possible."""
    routes = [
        [(int(m), int(d)) for m, d in zip(ms, ds, strict=True) if m >= 0]
        for ms, ds in zip(instance.machine, instance.duration, strict=True)
    ]
    order = [j for j, route in enumerate(routes) for _ in route]
    best = 2**31
    for sequence in set(itertools.permutations(order)):
        job_free, machine_free, done = instance.release.tolist(), [0] * instance.machines, [0] * len(routes)
        for j in sequence:
            m, d = routes[j][done[j]]
            done[j] += 1
            job_free[j] = machine_free[m] = max(job_free[j], machine_free[m]) + d
        best = min(best, max(job_free))
    return best


def leaves(instance: JobShop, actions: str) -> set[int]:
    """Makespans of all complete action sequences, walked in lockstep through the engine."""
    problem = JobShopProblem(actions)  # type: ignore[arg-type]
    frontier: list[tuple[int, ...]] = [()]
    total = int(instance.operations.sum())
    for depth in range(total):
        engine = Engine(problem, [instance], len(frontier), graph=False)
        engine.reset()
        for t in range(depth):
            engine.step(np.array([prefix[t] for prefix in frontier]), autoreset=False)
        mask = engine.arrays[0].mask
        assert mask.any(axis=1).all()
        frontier = [prefix + (int(k),) for prefix, row in zip(frontier, mask, strict=True) for k in np.flatnonzero(row)]
    engine = Engine(problem, [instance], len(frontier), graph=False)
    engine.reset()
    for t in range(total):
        engine.step(np.array([prefix[t] for prefix in frontier]), autoreset=False)
    return set(engine.arrays[1].final_objective.tolist())


@pytest.mark.parametrize("seed", range(12))
def test_active_and_semi_active_choices_reach_an_optimal_schedule(seed: int) -> None:
    instance = odd_shop(np.random.default_rng(seed), jobs=3, machines=2, width=2)
    optimum = best_by_sequences(instance)
    assert min(leaves(instance, "active")) == optimum
    assert min(leaves(instance, "semi-active")) == optimum
    assert min(leaves(instance, "non-delay")) >= optimum


def test_non_delay_choices_can_miss_the_optimum() -> None:
    # Job 0 is better served by leaving machine 0 idle for one tick.
    instance = JobShop(np.array([[0, -1], [1, 0]]), np.array([[9, 0], [1, 1]]), 2)
    assert min(leaves(instance, "active")) == 10
    late = JobShop(np.array([[0, -1, -1], [1, 0, 1]]), np.array([[5, 0, 0], [1, 1, 9]]), 2)
    assert min(leaves(late, "active")) == 11 == best_by_sequences(late)
    assert min(leaves(late, "non-delay")) == 15


def test_a_hand_worked_episode() -> None:
    """Two jobs on two machines: 0 -> 1 of 3 and 2 ticks, 1 -> 0 of 2 and 4 ticks."""
    instance = JobShop(np.array([[0, 1], [1, 0]]), np.array([[3, 2], [2, 4]]), 2)
    engine = Engine(JobShopProblem("semi-active"), [instance], 1, graph=False)
    engine.reset()
    assert simple_lower_bound(instance) == 7
    gains = []
    for action in (0, 1, 1, 0):
        engine.step(np.array([action]), autoreset=False)
        gains.append(float(engine.arrays[1].reward[0]))
    assert engine.state.start[0].tolist() == [[0, 3], [0, 3]]
    assert int(engine.arrays[1].final_objective[0]) == 7
    assert gains == [0.0, 0.0, 0.0, 0.0]
