"""Workflows: every shape is what its name says, and times between machines are as consistent as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.soc import catalogue as soc_catalogue
from dispatchgym.instances.soc.shapes import SHAPES, Shape, shaped


def degrees(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Predecessors and successors of every task."""
    v = len(shape.stage)
    return np.bincount(shape.pairs[:, 1], minlength=v), np.bincount(shape.pairs[:, 0], minlength=v)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("v", [1, 2, 3, 7, 40, 173])
def test_a_shape_has_as_many_tasks_as_asked_for_in_order(name: str, v: int) -> None:
    for seed in range(20):
        shape = SHAPES[name](np.random.default_rng(seed), v)
        assert len(shape.stage) == v
        assert (shape.pairs[:, 0] < shape.pairs[:, 1]).all()
        assert len({tuple(pair) for pair in shape.pairs.tolist()}) == len(shape.pairs)
        before, after = degrees(shape)
        if v > 1:
            assert ((before > 0) | (after > 0)).all()  # nothing stands apart


def test_each_shape_is_what_its_name_says() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        before, after = degrees(SHAPES["fork-join"](rng, 50))
        assert (before == 0).sum() == (after == 0).sum() == 1
        middle = (before == 1) & (after == 1)
        assert middle.sum() > 20
        before, after = degrees(SHAPES["in-tree"](rng, 50))
        assert (after[:-1] == 1).all()
        assert after[-1] == 0
        assert before.max() in (2, 3, 4)
        before, after = degrees(SHAPES["pipelines"](rng, 50))
        assert (before > 1).sum() <= 1
        assert (after > 1).sum() <= 1


def test_machines_are_as_consistent_as_asked_for() -> None:
    def order(dag_seed: int, **words: float) -> set[tuple[int, ...]]:
        dag = shaped("fork-join", np.random.default_rng(dag_seed), 60, beta=1.5, pes=4, mean_cost=5000, **words)  # type: ignore[arg-type]
        return {tuple(np.argsort(row)) for row in dag.duration.tolist() if min(row) > 50}

    assert all(len(order(seed, consistent=1.0)) == 1 for seed in range(10))
    assert all(len(order(seed, consistent=0.0)) > 8 for seed in range(10))
    plain = shaped("in-tree", np.random.default_rng(0), 60, beta=0.0, pes=4, mean_cost=5000)
    fast = shaped("in-tree", np.random.default_rng(0), 60, beta=0.0, pes=4, mean_cost=5000, fast=1)
    ratio = plain.duration[:, 0] / fast.duration[:, 0]
    assert 2.9 < np.median(ratio) < 10.1
    assert (fast.duration[:, 1:] == plain.duration[:, 1:]).all()


def test_data_take_their_share_of_the_times() -> None:
    for ccr in (0.0, 0.5, 5.0):
        dags = [shaped("scatter-gather", np.random.default_rng(s), 100, ccr=ccr, mean_cost=1000) for s in range(30)]
        assert np.mean([d.edges[:, 2].mean() for d in dags]) == pytest.approx(ccr * 1000, rel=0.35)


def test_names_of_workflows_are_written_in_full() -> None:
    assert soc_catalogue.expand(["fork-join/v20/s1..s2"]) == [f"fork-join/v20/ccr0.5/beta0.5/con1/fast0/p4/s{i}" for i in (1, 2)]
    assert soc_catalogue.load_static("in-tree/v20/con0.5/s3").duration.shape == (20, 4)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("in-tree/v20/con2", "consistency 2 is not between 0 and 1"),
        ("pipelines/v20/p4/fast5", "4 PEs, 5 of them fast"),
        ("fork-join/v0", "0 tasks is not between 1 and 2000"),
        ("scatter-gather/v20/beta2", "beta 2 is not between 0 and 1.9"),
        ("in-tree/v20/ccr2000", "ccr 2000 is not between 0 and 1000"),
    ],
)
def test_a_bad_number_says_what_is_wrong(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        soc_catalogue.load_static(name)
