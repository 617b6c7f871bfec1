"""Playing whole episodes with a policy: encode once in torch, then one compiled call for all copies.

`Rollout` owns the arrays for B copies of one padded size; `play` writes actions and objectives, `recall` turns played
actions (the policy's, or any schedule's) into what the learners need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dispatchgym.agents import decode
from dispatchgym.agents.network import Choices, DecoderWeights, Graph, Policy
from dispatchgym.agents.records import Actions, Demonstration, Embeddings, Examples, LogProbabilities, Record, Workspace
from dispatchgym.envs.core.contract import Array, Problem, Sizes, observation
from dispatchgym.envs.core.engine import Device, check_device
from dispatchgym.envs.core.targets import compile_entries, place

ENTRIES = (
    decode.first_graph,
    decode.play,
    decode.recall,
    decode.log_probabilities,
    decode.apply,
    decode.replay,
    decode.start_over,
)
RELAXED = frozenset({decode.__name__})  # a network may be summed in any order; a problem's rules may not


class Rollout:
    """Arrays and kernels for `copies` episodes of `problem` at the padded `sizes`."""

    def __init__(self, problem: Problem, sizes: Sizes, copies: int, hidden: int, device: Device = "cpu") -> None:
        self.problem, self.sizes, self.copies = problem, sizes, copies
        self.target = check_device(device)
        self.torch_device = "cuda" if device == "cuda" and torch.cuda.is_available() else "cpu"
        self._launch = compile_entries(ENTRIES, self.target, kernel=problem.kernel, relaxed=RELAXED)
        f, k = problem.features, sizes.actions

        def zeros(*shape: int) -> Array:
            return np.zeros((copies, *shape), np.float32)

        floats = (zeros(f.context), zeros(hidden), zeros(hidden), zeros(k, hidden), zeros(f.candidate), zeros(k))
        work = Workspace(*floats, np.zeros((copies, k), np.int64))
        self._work, _ = place(work, self.target)
        self._state, self.state = place(problem.state(sizes, copies), self.target)
        counts = {name: np.zeros(copies, np.int32) for name in ("prefix", "length", "decisions", "rows")}
        long = {name: np.zeros(copies, np.int64) for name in ("seed", "objective")}
        record = Record(actions=np.zeros((copies, sizes.steps), np.int32), **counts, **long)
        self._record, self.record = place(record, self.target)

    def load(self, pool: Sequence[Any] | Any) -> None:
        """Use these instances: a list, or what `problem.pack` returns."""
        packed = pool if isinstance(pool, tuple) else self.problem.pack(pool, self.sizes)
        self._instances, self.instances = place(packed, self.target)

    def graph(self) -> Graph:
        """The typed graphs of all loaded instances before their first decision."""
        g = self._instances.pool
        state, tensors = place(self.problem.state(self.sizes, g), self.target)
        tensors.row.copy_(torch.arange(g))
        seen, o = place(observation(self.problem.features, self.sizes, g, graph=True), self.target)
        self._launch["first_graph"](g, self._instances, state, seen)
        return flatten(o)

    def play(self, policy: Policy, rows: Any, seeds: Any, temperature: float = 1.0, embeddings: Embeddings | None = None) -> Any:
        """One episode of every copy on instance rows[b]; temperature 0 is greedy. Returns the record."""
        self.state.row.copy_(torch.as_tensor(rows))
        self.record.seed.copy_(torch.as_tensor(seeds))
        if embeddings is None:
            embeddings = self.embed(policy)
        emb, _ = self._share(embeddings)
        net, _ = self._share(policy.decoder.weights())
        self._launch["play"](self.copies, self._instances, self._state, net, emb, self._work, self._record, float(temperature))
        return self.record

    @torch.no_grad()
    def embed(self, policy: Policy) -> Embeddings:
        """The encoder's vectors for every loaded instance."""
        tasks, resources = policy.encoder(self.graph())
        g = self._instances.pool
        return Embeddings(tasks.float().view(g, self.sizes.tasks, -1), resources.float().view(g, self.sizes.resources, -1))

    def expand(self, policy: Policy) -> Iterator[Tensor]:
        """Step all copies of instance 0 in lockstep: yields log-probabilities (B, K); `branch` plays before the next."""
        emb, _ = self._share(self.embed(policy))
        net, _ = self._share(policy.decoder.weights())
        table, logp = place(LogProbabilities(np.zeros((self.copies, self.sizes.actions), np.float32)), self.target)
        self.state.row.zero_()
        self._launch["start_over"](self.copies, self._instances, self._state)
        for _ in range(self.sizes.steps):
            self._launch["log_probabilities"](self.copies, self._instances, self._state, net, emb, self._work, table)
            if not torch.isfinite(logp.logp).any():
                return
            yield logp.logp

    def branch(self, parents: Tensor, actions: Tensor) -> None:
        """Copy b becomes a copy of parents[b] and plays actions[b]."""
        for tensor in self.state:
            tensor.copy_(tensor[parents.to(tensor.device)])
        chosen, _ = place(Actions(actions.cpu().numpy().astype(np.int64)), self.target)
        self._launch["apply"](self.copies, self._instances, self._state, self._work, chosen, self._record)

    def replay(self, rows: Any, demonstrations: Sequence[Demonstration]) -> Any:
        """Play copy b on instance rows[b] like demonstrations[b], whose arrays have no first axis. Returns the record."""
        self.state.row.copy_(torch.as_tensor(rows))
        stacked = Demonstration(*(np.stack(arrays) for arrays in zip(*demonstrations, strict=True)))
        shown, _ = place(stacked, self.target)
        self._launch["replay"](self.copies, self._instances, self._state, self._work, self._record, shown)
        return self.record

    def recall(self, copies: Tensor | None = None) -> tuple[Choices, Any]:
        """Decisions of the recorded episodes as network input, and the Examples (torch).

        With `copies` (their indices) only those: they are moved to the front first, so the record changes.
        """
        count = self.copies
        if copies is not None:
            count = len(copies)
            for tensor in self.record:
                tensor[:count] = tensor[copies].clone()
            self.state.row[:count] = self.state.row[copies].clone()
        decisions, rows = self.record.decisions[:count].long(), self.record.rows[:count].long()
        examples = self._examples(decisions.cpu(), rows.cpu())
        raw, x = place(examples, self.target)
        self._launch["recall"](count, self._instances, self._state, self._work, self._record, raw)
        return Choices(x.features, x.task, x.resource, x.decision, x.context), x

    def _examples(self, decisions: Tensor, rows: Tensor) -> Examples:
        d, q, f = int(decisions.sum()), int(rows.sum()), self.problem.features

        def integers(count: int) -> Array:
            return np.zeros(count, np.int64)

        return Examples(
            tasks=self.sizes.tasks,
            resources=self.sizes.resources,
            first_decision=(decisions.cumsum(0) - decisions).numpy(),
            first_row=(rows.cumsum(0) - rows).numpy(),
            begin=integers(d),
            copy=integers(d),
            chosen=integers(d),
            reward=np.zeros(d),
            context=np.zeros((d, f.context), np.float32),
            features=np.zeros((q, f.candidate), np.float32),
            task=integers(q),
            resource=integers(q),
            decision=integers(q),
        )

    def _share(self, tensors: Embeddings | DecoderWeights) -> tuple[Any, Any]:
        if self.torch_device == "cuda":
            from numba import cuda

            return type(tensors)(*(cuda.as_cuda_array(t.contiguous(), sync=False) for t in tensors)), tensors
        return type(tensors)(*(t.contiguous().numpy() for t in tensors)), tensors


def flatten(o: Any) -> Graph:
    """Observation tensors (G, ...) as one disjoint union; padded edges dropped."""
    n, r = o.tasks.shape[1], o.resources.shape[1]
    shift = torch.arange(o.tasks.shape[0], device=o.tasks.device).view(-1, 1)
    chain = (o.precedes + (shift * n).unsqueeze(-1))[o.precedes[..., 0] >= 0]
    real = o.runs_on[..., 0] >= 0
    link = torch.stack([o.runs_on[..., 0] + shift * n, o.runs_on[..., 1] + shift * r], dim=-1)[real]
    return Graph(o.tasks.flatten(0, 1), o.resources.flatten(0, 1), chain.t(), link.t(), o.runs_on_features[real])
