"""Graph observations as torch-geometric's HeteroData, of every family."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatchgym.instances.errors import InputError
from dispatchgym.instances.extras import named

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def to_hetero(observation: Mapping[str, Any]) -> HeteroData | list[HeteroData]:
    """The graph of an observation with `observation="graph"`; of a batch's observation a list, one graph a copy.

    Nodes: `task` and `resource` with features `x`; `choice`, one for each action, with features `x` and `mask` (bool, legal).
    Edges: task `precedes` task; task `runs_on` resource, with `edge_attr`; task and resource `offered_by` choice, where a legal
    choice has them. So every kind of node is told something by another; `ToUndirected` adds the other directions.
    `context` (1, Fx) describes the state. Padding of edges is left out, nodes keep their numbers. `Batch.from_data_list` of
    torch-geometric joins several. Features are float32, indices int64, all copies of the observation.

    Raises InputError for an observation without a graph, and MissingExtra where torch-geometric is not installed.
    """
    with named(), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch, for what torch-geometric does when it is imported
        import torch_geometric.data  # noqa: F401

    missing = [key for key in ("tasks", "precedes", "runs_on") if key not in observation]
    if missing:
        raise InputError(f"the observation has no {missing[0]!r}: make the environment with observation='graph'")
    if np.ndim(observation["context"]) == 1:
        return _graph(observation)
    return [_graph({key: value[b] for key, value in observation.items()}) for b in range(len(observation["context"]))]


def _graph(seen: Mapping[str, Any]) -> HeteroData:
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data.context = torch.tensor(seen["context"])[None]
    data["task"].x = torch.tensor(seen["tasks"])
    data["resource"].x = torch.tensor(seen["resources"])
    data["choice"].x = torch.tensor(seen["candidates"])
    data["choice"].mask = torch.tensor(np.asarray(seen["action_mask"]) == 1)
    data["task", "precedes", "task"].edge_index = torch.tensor(_edges(np.asarray(seen["precedes"])))
    runs_on = np.asarray(seen["runs_on"])
    data["task", "runs_on", "resource"].edge_index = torch.tensor(_edges(runs_on))
    data["task", "runs_on", "resource"].edge_attr = torch.tensor(np.asarray(seen["runs_on_features"])[runs_on[:, 0] >= 0])
    choice = np.arange(len(seen["action_mask"]))
    for kind in ("task", "resource"):
        pairs = np.column_stack((np.asarray(seen[f"candidate_{kind}"]), choice))
        data[kind, "offered_by", "choice"].edge_index = torch.tensor(_edges(pairs))
    return data


def _edges(pairs: Any) -> Any:
    """(2, E) from (E, 2) with padding of -1."""
    return np.ascontiguousarray(pairs[(pairs >= 0).all(1)].T.astype(np.int64))
