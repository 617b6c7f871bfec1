"""The policy network: a typed-graph encoder and a decoder that scores the choices of a step.

One architecture for every problem: tasks and resources are nodes; `precedes` links tasks, `runs_on` links a task to a
resource. Sizes never enter the weights. The decoder exists twice, here for learning and in `decode.py` for
playing; a test holds them equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dispatchgym.envs.core.contract import Features


class Graph(NamedTuple):
    """Disjoint union of G instance graphs, N task and R resource rows each (padding rows are all zero)."""

    tasks: Tensor  # (G*N, Ft)
    resources: Tensor  # (G*R, Fr)
    precedes: Tensor  # (2, E) task -> task
    runs_on: Tensor  # (2, L) task -> resource
    runs_on_features: Tensor  # (L, Fe)

    def part(self, instances: Tensor, place: Tensor) -> Graph:
        """The graphs of `instances`, in that order; `place` (G,) is the position of each there, -1 = left out."""
        of = len(place)
        n, r = self.tasks.shape[0] // of, self.resources.shape[0] // of

        def kept(edges: Tensor, heads: int) -> tuple[Tensor, Tensor]:
            """Edges between nodes of these instances by their new numbers, and which ones they are; `heads` nodes an instance."""
            owner = place[edges[0] // n]
            which = (owner >= 0).nonzero().squeeze(1)
            owner, (tail, head) = owner[which], edges[:, which]
            return torch.stack([owner * n + tail % n, owner * heads + head % heads]), which

        precedes, _ = kept(self.precedes, n)
        runs_on, which = kept(self.runs_on, r)
        tasks = self.tasks.view(of, n, -1)[instances].flatten(0, 1)
        resources = self.resources.view(of, r, -1)[instances].flatten(0, 1)
        return Graph(tasks, resources, precedes, runs_on, self.runs_on_features[which])


class Choices(NamedTuple):
    """Ragged decisions: row r is a legal choice of decision `decision[r]`; rows of a decision are consecutive."""

    features: Tensor  # (Q, Fc)
    task: Tensor  # (Q,) row of Graph.tasks
    resource: Tensor  # (Q,) row of Graph.resources
    decision: Tensor  # (Q,)
    context: Tensor  # (D, Fx)


@dataclass(frozen=True)
class PolicyConfig:
    """Everything that fixes the shapes of the weights, and how often the graph is encoded."""

    features: Features
    width: int = 64  # of the encoder
    layers: int = 3
    hidden: int = 64  # of the decoder
    encode_every: int = 0  # decisions after which the present graph is encoded again; 0 = once an episode


def mean_messages(source: Tensor, edges: Tensor, targets: int, features: Tensor | None = None) -> Tensor:
    """(targets, W [+ Fe]) mean over the edges into each target of the source's vector, with the edge's features appended.

    `source` (S, W), `edges` (2, E) source to target, `features` (E, Fe). A target without edges has zeros.
    """
    message = source[edges[0]] if features is None else torch.cat([source[edges[0]], features], dim=-1)
    total = message.new_zeros(targets, message.shape[1]).index_add(0, edges[1], message)
    count = torch.bincount(edges[1], minlength=targets).clamp(min=1)
    return total / count.unsqueeze(1)


class EncoderLayer(nn.Module):
    """One round: task nodes aggregate predecessors, successors and resources, resource nodes their tasks."""

    def __init__(self, width: int, edge: int) -> None:
        super().__init__()
        self.task = nn.Sequential(nn.Linear(4 * width + edge, width), nn.ReLU(), nn.Linear(width, width))
        self.resource = nn.Sequential(nn.Linear(2 * width + edge, width), nn.ReLU(), nn.Linear(width, width))
        self.task_norm, self.resource_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, tasks: Tensor, resources: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        n, back = tasks.shape[0], graph.precedes.flip(0)
        known = [
            tasks,
            mean_messages(tasks, graph.precedes, n),
            mean_messages(tasks, back, n),
            mean_messages(resources, graph.runs_on.flip(0), n, graph.runs_on_features),
        ]
        work = mean_messages(tasks, graph.runs_on, resources.shape[0], graph.runs_on_features)
        return (
            self.task_norm(tasks + self.task(torch.cat(known, dim=-1))),
            self.resource_norm(resources + self.resource(torch.cat([resources, work], dim=-1))),
        )


class Encoder(nn.Module):
    """Typed graph -> what the decoder adds for the task and the resource that a choice names."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        f, w = config.features, config.width
        self.task_in, self.resource_in = nn.Linear(f.task, w), nn.Linear(f.resource, w)
        self.rounds = nn.ModuleList(EncoderLayer(w, f.runs_on) for _ in range(config.layers))
        self.task_out, self.resource_out = nn.Linear(w, config.hidden), nn.Linear(w, config.hidden, bias=False)

    def forward(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """(G*N, hidden) and (G*R, hidden)."""
        tasks, resources = self.task_in(graph.tasks), self.resource_in(graph.resources)
        for layer in self.rounds:
            tasks, resources = layer(tasks, resources, graph)
        return self.task_out(tasks), self.resource_out(resources)


class DecoderWeights(NamedTuple):
    """The decoder's parameters as `decode.score` takes them (float32)."""

    weight_in: Any  # (Fc, H)
    weight_context: Any  # (Fx, H)
    bias_in: Any  # (H,)
    weight_hidden: Any  # (H, H)
    weight_pool: Any  # (H, H)
    bias_hidden: Any  # (H,)
    weight_out: Any  # (H,)


class Decoder(nn.Module):
    """Two layers over the legal choices of a decision; the second also sees their mean."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        f, h = config.features, config.hidden

        def weight(rows: int, scale: float = 1.0) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, h) * scale * (1.0 / rows) ** 0.5)

        self.weight_in, self.weight_context = weight(f.candidate), weight(f.context)
        self.weight_hidden, self.weight_pool = weight(h), weight(h)
        self.bias_in, self.bias_hidden = nn.Parameter(torch.zeros(h)), nn.Parameter(torch.zeros(h))
        self.weight_out = nn.Parameter(torch.randn(h) * 0.1 * h**-0.5)

    def forward(self, tasks: Tensor, resources: Tensor, c: Choices) -> tuple[Tensor, Tensor]:
        """Logits (Q,) and the mean first-layer vector of each decision (D, H)."""
        decisions = c.context.shape[0]
        first = c.features @ self.weight_in + (c.context @ self.weight_context + self.bias_in)[c.decision]
        first = torch.relu(first + tasks[c.task] + resources[c.resource])  # (Q, H)
        count = torch.bincount(c.decision, minlength=decisions).unsqueeze(1)
        mean = first.new_zeros(decisions, first.shape[1]).index_add(0, c.decision, first) / count  # (D, H)
        second = torch.relu(first @ self.weight_hidden + (mean @ self.weight_pool + self.bias_hidden)[c.decision])
        return second @ self.weight_out, mean

    def weights(self) -> DecoderWeights:
        return DecoderWeights(*(getattr(self, name).detach().float().contiguous() for name in DecoderWeights._fields))


class Policy(nn.Module):
    """Encoder, decoder and critic."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.critic = nn.Sequential(
            nn.Linear(config.hidden + config.features.context, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1)
        )

    def forward(self, graph: Graph, choices: Choices) -> tuple[Tensor, Tensor]:
        """Log-probability of every legal choice (Q,) and value of every decision (D,)."""
        tasks, resources = self.encoder(graph)
        logits, mean = self.decoder(tasks, resources, choices)
        value = self.critic(torch.cat([mean, choices.context], dim=-1)).squeeze(-1)
        return segment_log_softmax(logits, choices.decision, choices.context.shape[0]), value


def segment_log_softmax(logits: Tensor, segment: Tensor, segments: int) -> Tensor:
    """log softmax of `logits` (Q,) within each of `segments` groups."""
    top = logits.new_full((segments,), -torch.inf).scatter_reduce(0, segment, logits.detach(), "amax")
    shifted = logits - top[segment]
    total = logits.new_zeros(segments).index_add(0, segment, shifted.exp())
    return shifted - total.log()[segment]
