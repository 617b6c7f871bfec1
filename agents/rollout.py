"""Playing whole episodes with a policy: encode in torch, then play all copies in one compiled call.

A policy encodes the graph once an episode, or again after every `encode_every` decisions on the graph as it stands. `Rollout`
owns the arrays for B copies of one padded size; `play` writes actions and objectives, `recall` turns played actions (the
policy's, or any schedule's) into what the learners need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dispatchgym.agents import attention, decode
from dispatchgym.agents.network import Choices, DecoderWeights, Graph, Policy
from dispatchgym.agents.records import Actions, Demonstration, Embeddings, Examples, LogProbabilities, Record, Workspace
from dispatchgym.envs.core.contract import Array, Problem, Sizes, observation
from dispatchgym.envs.core.cuda_launch import simulated
from dispatchgym.envs.core.devices import Device, check_device, used_gpu
from dispatchgym.envs.core.placing import place_tensors
from dispatchgym.envs.core.targets import compile_entries

ENTRIES = (
    decode.first_graph,
    decode.present_graph,
    decode.play,
    decode.recall,
    decode.log_probabilities,
    decode.apply,
    decode.replay,
    decode.start_over,
)
RELAXED = frozenset({decode.__name__, attention.__name__})  # a network may be summed in any order; a problem's rules may not
ALL = 2**30  # more decisions than an episode has


class Rollout:
    """Arrays and kernels for `copies` episodes of `problem` at the padded `sizes`."""

    def __init__(self, problem: Problem, sizes: Sizes, copies: int, hidden: int, device: Device = "cpu") -> None:
        self.problem, self.sizes, self.copies, self.hidden = problem, sizes, copies, hidden
        self._seen: tuple[Any, Any] | None = None  # observations of the graphs of all copies
        self.target = check_device(device)
        self.torch_device = f"cuda:{used_gpu()}" if self.target == "cuda" and not simulated() else "cpu"
        self._launch = compile_entries(ENTRIES, self.target, kernel=problem.kernel, relaxed=RELAXED)
        self._work, self._attends = self._workspace(attends=False), False
        self._state, self.state = place_tensors(problem.state(sizes, copies), self.target, by_copy=True)
        counts = {name: np.zeros(copies, np.int32) for name in ("prefix", "length", "decisions", "rows", "over")}
        long = {name: np.zeros(copies, np.int64) for name in ("seed", "objective")}
        record = Record(actions=np.zeros((copies, sizes.steps), np.int32), **counts, **long)
        self._record, self.record = place_tensors(record, self.target, by_copy=True)

    def _workspace(self, *, attends: bool) -> Any:
        """Scratch of the decoder, with room for attention if the choices attend to each other."""
        f, k, hidden = self.problem.features, self.sizes.actions, self.hidden

        def zeros(*shape: int) -> Array:
            return np.zeros((self.copies, *shape), np.float32)

        rows, logits = (3 * k + 2, 2 * k) if attends else (k, k)
        floats = (zeros(f.context), zeros(hidden), zeros(hidden), zeros(rows, hidden), zeros(f.candidate), zeros(logits))
        return place_tensors(Workspace(*floats, np.zeros((self.copies, k), np.int64)), self.target, by_copy=True)[0]

    def _table(self) -> tuple[Any, Any]:
        """(B, K) log-probabilities, as kernels and as torch take them."""
        table = LogProbabilities(np.zeros((self.copies, self.sizes.actions), np.float32))
        return place_tensors(table, self.target, by_copy=True)

    def _weights(self, policy: Policy) -> Any:
        """The decoder's weights as kernels take them; makes room for what they need."""
        if policy.config.attention and not self._attends:
            self._work, self._attends = self._workspace(attends=True), True
        return self._share(policy.decoder.weights())[0]

    def load(self, pool: Sequence[Any] | Any) -> None:
        """Use these instances: a list, or what `problem.pack` returns."""
        packed = pool if isinstance(pool, tuple) else self.problem.pack(pool, self.sizes)
        self._instances, self.instances = place_tensors(packed, self.target)

    def graph(self) -> Graph:
        """The typed graphs of all loaded instances before their first decision."""
        g = self._instances.pool
        state, tensors = place_tensors(self.problem.state(self.sizes, g), self.target, by_copy=True)
        tensors.row.copy_(torch.arange(g))
        seen, o = place_tensors(observation(self.problem.features, self.sizes, g, graph=True), self.target, by_copy=True)
        self._launch["first_graph"](g, self._instances, state, seen)
        return flatten(o)

    def present(self, copies: Tensor) -> Graph:
        """The typed graphs of these copies as they stand."""
        if self._seen is None:
            self._seen = place_tensors(
                observation(self.problem.features, self.sizes, self.copies, graph=True), self.target, by_copy=True
            )
        seen, o = self._seen
        self._launch["present_graph"](int(copies.max()) + 1, self._instances, self._state, seen)
        return flatten(o, copies)

    def play(self, policy: Policy, rows: Any, seeds: Any, temperature: float = 1.0, encoded: Embeddings | None = None) -> Any:
        """One episode of every copy on instance rows[b]; temperature 0 is greedy. Returns the record.

        `encoded` is what `embed` returned, if it is known already and the policy encodes once an episode.
        """
        self.state.row.copy_(torch.as_tensor(rows))
        self._start_over()
        if policy.config.encode_every:
            self._launch_play(policy, self._no_embeddings(), temperature, 0)  # up to the first decision
        return self.go_on(policy, seeds, temperature, encoded)

    def go_on(
        self, policy: Policy, seeds: Any, temperature: float = 1.0, encoded: Embeddings | None = None, decisions: int = ALL
    ) -> Any:
        """Every copy plays on from where it is, to the end or for so many decisions. Returns the record."""
        self.record.seed.copy_(torch.as_tensor(seeds))
        every = policy.config.encode_every
        if not every:
            self._launch_play(policy, self.embed(policy) if encoded is None else encoded, temperature, decisions)
            return self.record
        while decisions > 0 and not bool(self.record.over.all()):
            self._launch_play(policy, self._embed_present(policy), temperature, min(every, decisions))
            decisions -= every
        return self.record

    def _launch_play(self, policy: Policy, embeddings: Embeddings, temperature: float, decisions: int) -> None:
        net = self._weights(policy)
        emb, _ = self._share(embeddings)
        arrays = (self._instances, self._state, net, emb, self._work, self._record)
        self._launch["play"](self.copies, *arrays, float(temperature), decisions)

    def embed(self, policy: Policy) -> Embeddings:
        """The encoder's vectors for every loaded instance before its first decision."""
        return self._embed(policy, self.graph(), self.state.row.long())

    def _embed_present(self, policy: Policy) -> Embeddings:
        """The encoder's vectors for the present graph of every copy whose episode goes on."""
        going = (self.record.over == 0).nonzero().squeeze(1)
        if not len(going):
            return self._no_embeddings()
        return self._embed(policy, self.present(going), position(going, self.copies))

    def _no_embeddings(self) -> Embeddings:
        """Zeros, one graph for each copy."""
        tasks, resources = (
            torch.zeros(self.copies, nodes, self.hidden, device=self.torch_device)
            for nodes in (self.sizes.tasks, self.sizes.resources)
        )
        return Embeddings(tasks, resources, torch.arange(self.copies, device=self.torch_device))

    @torch.no_grad()
    def _embed(self, policy: Policy, graph: Graph, which: Tensor) -> Embeddings:
        tasks, resources = policy.encoder(graph)
        n, r = self.sizes.tasks, self.sizes.resources
        return Embeddings(tasks.float().view(-1, n, tasks.shape[1]), resources.float().view(-1, r, resources.shape[1]), which)

    def expand(self, policy: Policy, encoded: Embeddings | None = None) -> Iterator[Tensor]:
        """Step all copies of instance 0 in lockstep: yields log-probabilities (B, K); `branch` plays before the next.

        `encoded` as in `play`.
        """
        net = self._weights(policy)
        table, logp = self._table()
        self.start()
        every = policy.config.encode_every
        # Copies have embeddings of their own if they are to be encoded again.
        self._embeddings = self._no_embeddings() if every else self.embed(policy) if encoded is None else encoded
        for _ in range(self.sizes.steps):
            if every:
                self._renew(policy, every)
            emb, _ = self._share(self._embeddings)
            self._launch["log_probabilities"](self.copies, self._instances, self._state, net, emb, self._work, table)
            if not torch.isfinite(logp.logp).any():
                return
            yield logp.logp

    def branch(self, parents: Tensor, actions: Tensor) -> None:
        """Copy b becomes a copy of parents[b] and plays actions[b]."""
        for tensor in (*self.state, self.record.decisions, self.record.over):
            tensor.copy_(tensor[parents.to(tensor.device)])
        if len(self._embeddings.task) == self.copies:
            own = torch.arange(self.copies, device=self.torch_device)
            of = self._embeddings.graph[parents.to(own.device)]
            self._embeddings = Embeddings(self._embeddings.task[of], self._embeddings.resource[of], own)
        self._apply(actions)

    def branch_from(self, other: Rollout, parents: Tensor, actions: Tensor) -> None:
        """Copy b becomes a copy of parents[b] of `other`, which plays the same instance, and plays actions[b]."""
        own, theirs = self.record, other.record
        of = ((*self.state, own.length, own.decisions, own.over), (*other.state, theirs.length, theirs.decisions, theirs.over))
        for tensor, source in zip(*of, strict=True):
            tensor.copy_(source[parents.to(source.device)])
        self._apply(actions)

    def _apply(self, actions: Tensor) -> None:
        chosen, _ = place_tensors(Actions(actions.cpu().numpy().astype(np.int64)), self.target, by_copy=True)
        self._launch["apply"](self.copies, self._instances, self._state, self._work, chosen, self._record)

    def choices(self, policy: Policy, encoded: Embeddings | None = None) -> Tensor:
        """(B, K) log-probability of every choice that the copies have now; -inf where illegal, and of ended episodes."""
        table, logp = self._table()
        if policy.config.encode_every:
            encoded = self._embed_present(policy)
        net = self._weights(policy)
        emb, _ = self._share(self.embed(policy) if encoded is None else encoded)
        self._launch["log_probabilities"](self.copies, self._instances, self._state, net, emb, self._work, table)
        return logp.logp

    def _renew(self, policy: Policy, every: int) -> None:
        """Encode the present graph of the copies in `expand` that have made `every` decisions since the last time."""
        due = ((self.record.decisions % every == 0) & (self.record.over == 0)).nonzero().squeeze(1)
        if len(due):
            new = self._embed(policy, self.present(due), due)
            self._embeddings.task[due], self._embeddings.resource[due] = new.task, new.resource

    def replay(self, rows: Any, demonstrations: Sequence[Demonstration]) -> Any:
        """Play copy b on instance rows[b] like demonstrations[b], whose arrays have no first axis. Returns the record."""
        self.state.row.copy_(torch.as_tensor(rows))
        stacked = Demonstration(*(np.stack(arrays) for arrays in zip(*demonstrations, strict=True)))
        shown, _ = place_tensors(stacked, self.target, by_copy=True)
        self._launch["replay"](self.copies, self._instances, self._state, self._work, self._record, shown)
        return self.record

    def recall(self, copies: Tensor | None = None, encode_every: int = 0) -> tuple[Graph, Choices, Any]:
        """The recorded episodes as network input: graphs, decisions, and the Examples (torch).

        With `copies` (their indices) only those: they are moved to the front first, so the record changes. Every
        `encode_every` decisions a copy gets a graph as it stands then; 0 = its instance's first graph.
        """
        count = self.copies
        if copies is not None:
            count = len(copies)
            for tensor in self.record:
                tensor[:count] = tensor[copies].clone()
            self.state.row[:count] = self.state.row[copies].clone()
        decisions, rows = self.record.decisions[:count].long(), self.record.rows[:count].long()
        examples = self._examples(decisions.cpu(), rows.cpu())
        raw, x = place_tensors(examples, self.target)
        self._launch["start_over"](count, self._instances, self._state)
        x.graph.copy_(self.state.row[:count])
        arrays = (self._instances, self._state, self._work, self._record, raw)
        self._launch["recall"](count, *arrays, 0 if encode_every else ALL)
        graphs: list[Graph] = []
        shown = 0
        while len(going := (x.step < self.record.length[:count]).nonzero().squeeze(1)):
            graphs.append(self.present(going))
            x.graph[going] = shown + torch.arange(len(going), device=going.device)
            shown += len(going)
            self._launch["recall"](count, *arrays, encode_every)
        graph = union(graphs, self.sizes) if graphs else self.graph()
        return graph, Choices(x.features, x.task, x.resource, x.decision, x.context), x

    def run(self, entry: Callable[..., None], arrays: Any) -> None:
        """Call another kernel function, of (b, instances, state, workspace, record, arrays), for all copies."""
        launch = compile_entries((entry,), self.target, kernel=self.problem.kernel)[entry.__name__]
        launch(self.copies, self._instances, self._state, self._work, self._record, arrays)

    def start(self) -> None:
        """All copies before their first decision of instance 0."""
        self.state.row.zero_()
        self._start_over()

    def _start_over(self) -> None:
        """All copies in their first state, with an empty record."""
        self._launch["start_over"](self.copies, self._instances, self._state)
        for counter in (self.record.length, self.record.decisions, self.record.rows, self.record.over):
            counter.zero_()

    def _examples(self, decisions: Tensor, rows: Tensor) -> Examples:
        d, q, f = int(decisions.sum()), int(rows.sum()), self.problem.features

        def integers(count: int) -> Array:
            return np.zeros(count, np.int64)

        copies = len(decisions)
        first_row = (rows.cumsum(0) - rows).numpy()

        return Examples(
            tasks=self.sizes.tasks,
            resources=self.sizes.resources,
            graph=integers(copies),
            step=np.zeros(copies, np.int32),
            seen=integers(copies),
            row=first_row,
            first_decision=(decisions.cumsum(0) - decisions).numpy(),
            begin=integers(d),
            copy=integers(d),
            graph_of=integers(d),
            chosen=integers(d),
            reward=np.zeros(d),
            context=np.zeros((d, f.context), np.float32),
            features=np.zeros((q, f.candidate), np.float32),
            task=integers(q),
            resource=integers(q),
            decision=integers(q),
        )

    def _share(self, tensors: Embeddings | DecoderWeights) -> tuple[Any, Any]:
        """Tensors, and numbers beside them, as kernels take them; and what was given, which must live as long."""

        def shared(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            if self.torch_device != "cpu":
                from numba import cuda

                return cuda.as_cuda_array(value.contiguous(), sync=False)
            return value.contiguous().numpy()

        return type(tensors)(*map(shared, tensors)), tensors


def position(copies: Tensor, of: int) -> Tensor:
    """(of,): where each copy stands in `copies`, -1 if it does not."""
    where = torch.full((of,), -1, dtype=torch.int64, device=copies.device)
    where[copies] = torch.arange(len(copies), device=copies.device)
    return where


def union(graphs: Sequence[Graph], sizes: Sizes) -> Graph:
    """Disjoint unions as one, in order."""
    precedes, runs_on = [], []
    shown = 0
    for graph in graphs:
        precedes.append(graph.precedes + shown * sizes.tasks)
        runs_on.append(graph.runs_on + shown * torch.tensor([[sizes.tasks], [sizes.resources]], device=graph.runs_on.device))
        shown += graph.tasks.shape[0] // sizes.tasks
    tasks, resources, features = (torch.cat([g[i] for g in graphs]) for i in (0, 1, 4))
    return Graph(tasks, resources, torch.cat(precedes, dim=1), torch.cat(runs_on, dim=1), features)


def flatten(o: Any, copies: Tensor | None = None) -> Graph:
    """Observation tensors (G, ...), of these copies if given, as one disjoint union; padded edges dropped."""
    if copies is not None:
        kept = ("tasks", "resources", "precedes", "runs_on", "runs_on_features")
        o = o._replace(**{name: getattr(o, name)[copies] for name in kept})
    n, r = o.tasks.shape[1], o.resources.shape[1]
    shift = torch.arange(o.tasks.shape[0], device=o.tasks.device).view(-1, 1)
    chain = (o.precedes + (shift * n).unsqueeze(-1))[o.precedes[..., 0] >= 0]
    real = o.runs_on[..., 0] >= 0
    link = torch.stack([o.runs_on[..., 0] + shift * n, o.runs_on[..., 1] + shift * r], dim=-1)[real]
    return Graph(o.tasks.flatten(0, 1), o.resources.flatten(0, 1), chain.t(), link.t(), o.runs_on_features[real])
