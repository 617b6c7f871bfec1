"""Generators of the SoC family: published sizes and distributions, and graphs whose every order is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc import generate as soc_generate
from dispatchgym.instances.soc.graph import topological
from dispatchgym.instances.soc.instance import StaticDag, Workload


def heights(dag: StaticDag) -> np.ndarray:
    """(N,) number of edges on the longest path to each task."""
    depth = np.zeros(len(dag.duration), int)
    for task in topological(len(depth), dag.edges):
        for _, after, _ in dag.edges[dag.edges[:, 0] == task].tolist():
            depth[after] = max(depth[after], depth[task] + 1)
    return depth


@pytest.mark.parametrize(("v", "alpha"), [(40, 1.0), (60, 0.5), (100, 2.0)])
def test_heights_and_widths_have_the_published_means(v: int, alpha: float) -> None:
    rng = np.random.default_rng(1)
    tall = [heights(soc_generate.topcuoglu(rng, v, alpha=alpha, pes=2)).max() + 1 for _ in range(150)]
    spread = np.std(tall) / np.sqrt(len(tall))
    assert abs(np.mean(tall) - v**0.5 / alpha) < 4 * spread
    assert v / np.mean(tall) == pytest.approx(alpha * v**0.5, rel=0.25)


@given(
    v=st.integers(1, 50),
    alpha=st.sampled_from([0.5, 1.0, 2.0]),
    out=st.integers(1, 60),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_a_random_graph_has_one_entry_and_the_out_degrees_asked_for(v: int, alpha: float, out: int, seed: int) -> None:
    dag = soc_generate.topcuoglu(np.random.default_rng(seed), v, alpha=alpha, out_degree=out)
    assert len(dag.duration) == v
    assert set(range(v)) - set(dag.edges[:, 1].tolist()) == {0}
    level = heights(dag)
    degree = np.bincount(dag.edges[:, 0], minlength=v)
    width = np.bincount(level)
    later = v - np.cumsum(width)[level]
    assert (degree >= np.minimum(out, later)).all()
    # more than asked for only where a level is wider than the one above it can feed
    needed = np.array([-(-width[x + 1] // width[x]) if x + 1 < len(width) else 0 for x in level])
    assert (degree <= np.maximum(np.minimum(out, later), needed)).all()


def test_costs_have_the_published_distribution() -> None:
    rng = np.random.default_rng(2)
    for ccr, beta in ((0.1, 0.25), (5.0, 1.0)):
        dags = [soc_generate.topcuoglu(rng, 80, ccr=ccr, beta=beta, mean_cost=1000) for _ in range(40)]
        duration = np.concatenate([d.duration for d in dags])
        assert duration.mean() == pytest.approx(1000, rel=0.05)
        assert duration.max() <= 2000 * (1 + beta / 2) + 1
        assert np.concatenate([d.edges[:, 2] for d in dags]).mean() == pytest.approx(ccr * 1000, rel=0.05)
        large = duration[duration.min(axis=1) > 100]
        ratio = large.max(axis=1) / large.min(axis=1)
        limit = (1 + beta / 2) / (1 - beta / 2)
        assert 0.8 * limit < ratio.max() <= limit * 1.02


def test_the_same_seed_gives_the_same_graph_at_every_ccr() -> None:
    low, high = (soc_catalogue.load_static(f"topcuoglu/v30/ccr{ccr}/s5") for ccr in (0.5, 5))
    assert np.array_equal(low.duration, high.duration)
    assert np.array_equal(low.edges[:, :2], high.edges[:, :2])
    assert not np.array_equal(low.duration, soc_catalogue.load_static("topcuoglu/v30/s6").duration)


def test_gaussian_elimination_has_its_tasks_and_its_longest_path() -> None:
    for n in (2, 5, 9):
        dag = soc_generate.gauss(np.random.default_rng(0), n)
        assert len(dag.duration) == (n * n + n - 2) // 2
        assert heights(dag).max() + 1 == 2 * (n - 1)
        assert set(range(len(dag.duration))) - set(dag.edges[:, 1].tolist()) == {0}


def test_every_path_of_a_transform_is_critical() -> None:
    for n in (2, 8, 16):
        dag = soc_generate.fft(np.random.default_rng(0), n)
        depth = n.bit_length() - 1
        assert len(dag.duration) == 2 * n - 1 + n * depth
        level = heights(dag)
        assert np.array_equal(level[dag.edges[:, 1]], level[dag.edges[:, 0]] + 1)
        for i in range(2 * depth + 1):
            assert len(np.unique(dag.duration[level == i], axis=0)) == 1
            assert len(np.unique(dag.edges[level[dag.edges[:, 0]] == i, 2])) == (i < 2 * depth)
        # every output depends on every one of the last calls
        reach = np.eye(len(level), dtype=bool)
        for task in topological(len(level), dag.edges):
            for before in dag.edges[dag.edges[:, 1] == task, 0]:
                reach[task] |= reach[before]
        assert reach[level == 2 * depth][:, level == depth].all()


def any_order(dag: StaticDag, rng: np.random.Generator) -> list[str]:
    """The names of the tasks in a random order that the edges allow."""
    missing = np.bincount(dag.edges[:, 1], minlength=len(dag.tasks))
    ready, order = list(np.flatnonzero(missing == 0)), []
    while ready:
        task = ready.pop(int(rng.integers(len(ready))))
        order.append(dag.tasks[task])
        for after in dag.edges[dag.edges[:, 0] == task, 1]:
            missing[after] -= 1
            if missing[after] == 0:
                ready.append(after)
    return order


def rotate(a: np.ndarray, k: int, i: int, j: int, turn: dict[tuple[int, int], tuple[float, float]]) -> None:
    c, s = turn[i, k]
    a[k, j], a[i, j] = c * a[k, j] + s * a[i, j], c * a[i, j] - s * a[k, j]


def execute(a: np.ndarray, task: str, turn: dict[tuple[int, int], tuple[float, float]]) -> None:
    """One kernel on tiles of one number, in place."""
    kernel = task.rstrip("0123456789,")
    x = [int(i) for i in task[len(kernel) :].split(",")]
    if kernel == "POTRF":
        a[x[0], x[0]] **= 0.5
    elif kernel == "TRSM" and x[0] > x[1]:
        a[x[0], x[1]] /= a[x[1], x[1]]
    elif kernel == "SYRK":
        a[x[0], x[0]] -= a[x[0], x[1]] ** 2
    elif kernel == "TSQRT":
        i, k = x
        size = np.hypot(a[k, k], a[i, k])
        turn[i, k] = (a[k, k] / size, a[i, k] / size)
        rotate(a, k, i, k, turn)
    elif kernel == "TSMQR":
        rotate(a, x[2], x[0], x[1], turn)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_factorisations_are_right_in_every_order_that_the_graph_allows(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(5):
        square = rng.random((n, n)) + n * np.eye(n)
        a = square @ square.T
        for task in any_order(soc_generate.tiled("cholesky", n), rng):
            if task.startswith("GEMM"):
                i, j, k = (int(x) for x in task[4:].split(","))
                a[i, j] -= a[i, k] * a[j, k]
            execute(a, task, {})
        assert np.allclose(np.tril(a), np.linalg.cholesky(square @ square.T))
        a = square.copy()
        for task in any_order(soc_generate.tiled("lu", n), rng):
            if task.startswith("GEMM"):
                i, j, k = (int(x) for x in task[4:].split(","))
                a[i, j] -= a[i, k] * a[k, j]
            execute(a, task, {})
        assert np.allclose((np.tril(a, -1) + np.eye(n)) @ np.triu(a), square)
        a, turn = square.copy(), {}
        for task in any_order(soc_generate.tiled("qr", n), rng):
            execute(a, task, turn)
        assert np.allclose(np.triu(a).T @ np.triu(a), square.T @ square)


def test_the_qr_graph_of_two_by_two_tiles_is_the_published_one() -> None:
    dag = soc_generate.tiled("qr", 2)
    assert {(dag.tasks[a], dag.tasks[b]) for a, b, _ in dag.edges} == {
        ("GEQRT0", "UNMQR0,1"),
        ("GEQRT0", "TSQRT1,0"),
        ("UNMQR0,1", "TSMQR1,1,0"),
        ("TSQRT1,0", "TSMQR1,1,0"),
        ("TSMQR1,1,0", "GEQRT1"),
    }


def test_tiled_graphs_have_their_kernels_times_and_transfers() -> None:
    dag = soc_catalogue.load_static("cholesky/n4/p2+1/c6")
    kernels = [name.rstrip("0123456789,") for name in dag.tasks]
    assert {k: kernels.count(k) for k in set(kernels)} == {"POTRF": 4, "TRSM": 6, "SYRK": 6, "GEMM": 4}
    assert dag.duration[kernels.index("SYRK")].tolist() == [57, 57, 2]
    assert len(dag.edges) == 30
    assert dag.transfer[0].tolist() == [[0, 0, 6], [0, 0, 6], [6, 6, 0]]
    assert len(soc_catalogue.load_static("lu/n4/p1+1").tasks) == len(soc_catalogue.load_static("qr/n4/p0+2").tasks) == 30


def contents(made: Workload) -> list[Any]:
    chip = [(c.name, c.pes, dict(c.duration)) for c in made.platform.clusters]
    jobs = [(a.tasks, a.edges.tolist()) for a in made.applications]
    return [chip, made.platform.between.tolist(), jobs, made.scale, made.cap, made.probabilities]


@pytest.mark.parametrize("seed", range(8))
def test_a_random_workload_is_runnable_and_the_same_for_a_seed(seed: int) -> None:
    made = [
        soc_generate.random_workload(np.random.default_rng(seed), applications=(2, 3), tasks=(1, 12), pes=(2, 9))
        for _ in range(2)
    ]
    assert contents(made[0]) == contents(made[1])
    assert 2 <= len(made[0].applications) <= 3
    assert 2 <= made[0].platform.pes <= 9
    for job in made[0].applications:
        ends = [set(range(len(job.tasks))) - set(job.edges[:, column].tolist()) for column in (0, 1)]
        assert [len(x) for x in ends] == [1, 1]  # one tail, one head


def test_the_load_of_a_random_workload_is_the_share_of_the_chip_that_its_jobs_take() -> None:
    made = soc_generate.random_workload(np.random.default_rng(3), load=(0.8, 0.8))
    work = 0.0
    for job, chance in zip(made.applications, made.probabilities, strict=True):
        for row in job.durations(made.platform):
            work += chance * row[row >= 0].mean()
    assert work / made.scale / made.platform.pes == pytest.approx(0.8)


BAD_ARGUMENTS = [
    (lambda rng: soc_generate.topcuoglu(rng, 0), "0 tasks"),
    (lambda rng: soc_generate.topcuoglu(rng, 10, alpha=0), "shape alpha 0"),
    (lambda rng: soc_generate.topcuoglu(rng, 10, out_degree=0), "0 successors"),
    (lambda rng: soc_generate.topcuoglu(rng, 10, beta=2.5), "beta 2.5"),
    (lambda rng: soc_generate.topcuoglu(rng, 10, ccr=-1), "ccr -1"),
    (lambda rng: soc_generate.topcuoglu(rng, 10, pes=0), "0 PEs"),
    (lambda rng: soc_generate.topcuoglu(rng, 10, mean_cost=0), "mean cost 0"),
    (lambda rng: soc_generate.gauss(rng, 1), "matrix size 1"),
    (lambda rng: soc_generate.fft(rng, 12), "12 points is not a power of two"),
    (lambda rng: soc_generate.tiled("cholesky", 0), "0 tiles"),
    (lambda rng: soc_generate.tiled("svd", 3), "factorisation 'svd'"),
    (lambda rng: soc_generate.tiled("lu", 3, cpus=0, gpus=0), "0 CPUs, 0 GPUs"),
    (lambda rng: soc_generate.random_application(rng, 0, 3), "0 tasks of 3 kinds"),
    (lambda rng: soc_generate.random_platform(rng, 3, 1), "1 PEs"),
    (lambda rng: soc_generate.random_workload(rng, tasks=(5, 4)), r"tasks range \(5, 4\) is reversed"),
]


@pytest.mark.parametrize(("make", "message"), BAD_ARGUMENTS, ids=[x[1] for x in BAD_ARGUMENTS])
def test_arguments_that_make_no_instance_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(np.random.default_rng(0))
