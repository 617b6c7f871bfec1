"""Observations as HeteroData: the documented keys, of every family."""

from __future__ import annotations

import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from dispatchgym import families
from dispatchgym.envs.core.hetero import to_hetero
from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import MissingExtra

CASES = [
    pytest.param(env_id, keywords, id=f"{env_id} {label}".strip())
    for name in families.NAMES
    for env_id in families.load(name).ids
    for label, keywords in families.load(name).variants.items()
]


def assert_same_graph(data: Any, seen: dict[str, Any]) -> None:
    assert np.array_equal(data["task"].x.numpy(), seen["tasks"])
    assert np.array_equal(data["resource"].x.numpy(), seen["resources"])
    assert np.array_equal(data["choice"].x.numpy(), seen["candidates"])
    assert np.array_equal(data["choice"].mask.numpy(), seen["action_mask"] == 1)
    assert np.array_equal(data.context.numpy()[0], seen["context"])
    precedes = [tuple(pair) for pair in seen["precedes"].tolist() if pair[0] >= 0]
    assert list(zip(*data["task", "precedes", "task"].edge_index.tolist(), strict=True)) == precedes
    runs_on = seen["runs_on"]
    edges = data["task", "runs_on", "resource"]
    assert np.array_equal(edges.edge_index.numpy().T, runs_on[runs_on[:, 0] >= 0])
    assert np.array_equal(edges.edge_attr.numpy(), seen["runs_on_features"][runs_on[:, 0] >= 0])
    for kind in ("task", "resource"):
        found = {k: x for x, k in data[kind, "offered_by", "choice"].edge_index.T.tolist()}
        assert found == {k: x for k, x in enumerate(seen[f"candidate_{kind}"].tolist()) if x >= 0}
        assert all(seen["action_mask"][k] for k in found)


@pytest.mark.parametrize(("env_id", "keywords"), CASES)
def test_every_graph_observation_becomes_hetero_data(env_id: str, keywords: dict[str, Any]) -> None:
    env = gymnasium.make(f"dispatchgym/{env_id}", device="python", observation="graph", **keywords)
    seen, info = env.reset(seed=0)
    for _ in range(3):
        data = to_hetero(seen)
        assert data.validate()
        assert_same_graph(data, seen)
        seen, _, _, _, info = env.step(int(info["action_mask"].argmax()))


def test_a_batch_is_a_list_that_torch_geometric_joins_and_a_network_reads() -> None:
    envs = gymnasium.make_vec("dispatchgym/JobShop-v0", num_envs=3, jobs=3, machines=2, pool=3, observation="graph")
    seen, _ = envs.reset(seed=0)
    graphs = to_hetero(seen)
    assert isinstance(graphs, list)
    for b, data in enumerate(graphs):
        assert_same_graph(data, {key: value[b] for key, value in seen.items()})
    from torch_geometric.data import Batch
    from torch_geometric.nn import HeteroConv, SAGEConv

    joined = Batch.from_data_list(graphs)
    torch.manual_seed(0)
    network = HeteroConv({kind: SAGEConv((-1, -1), 4) for kind in joined.edge_types})
    out = network(joined.x_dict, joined.edge_index_dict)
    assert out["task"].shape == (3 * 6, 4)
    assert torch.isfinite(out["resource"]).all()
    assert len(out["choice"]) == sum(len(mask) for mask in seen["action_mask"])


def test_what_has_no_graph_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    env = gymnasium.make("dispatchgym/JobShop-v0", jobs=3, machines=2, observation="candidates", device="python")
    with pytest.raises(InputError, match="has no 'tasks': make the environment with observation='graph'"):
        to_hetero(env.reset(seed=0)[0])
    monkeypatch.setitem(sys.modules, "torch_geometric", None)
    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    with pytest.raises(MissingExtra, match="needs the extra 'agent'"):
        to_hetero({})
