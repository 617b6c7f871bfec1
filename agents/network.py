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
from torch.nn.functional import scaled_dot_product_attention

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
    attention: int = 0  # heads by which the choices of a decision attend to each other; 0 = they see their mean alone


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
    weight_query: Any  # (H, H); this one and those below (0, H) without attention
    weight_key: Any  # (H, H)
    weight_value: Any  # (H, H)
    weight_seen: Any  # (H, H)
    heads: int  # 0 = no attention


ATTENTION = ("weight_query", "weight_key", "weight_value", "weight_seen")  # parameters of a decoder with attention alone


class Decoder(nn.Module):
    """Two layers over the legal choices of a decision; the second also sees their mean, and by attention each other.

    Attention is that of Vaswani et al. (2017, section 3.2.2). What a choice sees starts with weights of zero, so a network
    that begins with the weights of one without attention begins as the same function.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        f, h = config.features, config.hidden

        def weight(rows: int, scale: float = 1.0) -> nn.Parameter:
            return nn.Parameter(torch.randn(rows, h) * scale * (1.0 / rows) ** 0.5)

        self.weight_in, self.weight_context = weight(f.candidate), weight(f.context)
        self.weight_hidden, self.weight_pool = weight(h), weight(h)
        self.bias_in, self.bias_hidden = nn.Parameter(torch.zeros(h)), nn.Parameter(torch.zeros(h))
        self.weight_out = nn.Parameter(torch.randn(h) * 0.1 * h**-0.5)
        self.heads = config.attention
        if self.heads:
            self.weight_query, self.weight_key, self.weight_value = weight(h), weight(h), weight(h)
            self.weight_seen = nn.Parameter(torch.zeros(h, h))

    def forward(self, tasks: Tensor, resources: Tensor, c: Choices) -> tuple[Tensor, Tensor]:
        """Logits (Q,) and the mean first-layer vector of each decision (D, H)."""
        decisions = c.context.shape[0]
        first = c.features @ self.weight_in + (c.context @ self.weight_context + self.bias_in)[c.decision]
        first = torch.relu(first + tasks[c.task] + resources[c.resource])  # (Q, H)
        count = torch.bincount(c.decision, minlength=decisions).unsqueeze(1)
        mean = first.new_zeros(decisions, first.shape[1]).index_add(0, c.decision, first) / count  # (D, H)
        second = first @ self.weight_hidden + (mean @ self.weight_pool + self.bias_hidden)[c.decision]
        if self.heads and len(first):
            second = second + self.seen(first, c.decision, count.squeeze(1)) @ self.weight_seen
        return torch.relu(second) @ self.weight_out, mean

    def seen(self, first: Tensor, decision: Tensor, count: Tensor) -> Tensor:
        """(Q, H) what each choice sees of all choices of its decision; `count` (D,) is how many those are."""
        place = torch.arange(len(decision), device=decision.device) - (count.cumsum(0) - count)[decision]
        most = int(count.max())

        def padded(weight: Tensor) -> Tensor:
            """(D, heads, most, H / heads)"""
            rows = first @ weight
            table = rows.new_zeros(len(count), most, rows.shape[1]).index_put((decision, place), rows)
            return table.unflatten(2, (self.heads, -1)).transpose(1, 2)

        exists = (torch.arange(most, device=count.device) < count.unsqueeze(1))[:, None, None]
        query, key, value = padded(self.weight_query), padded(self.weight_key), padded(self.weight_value)
        found = scaled_dot_product_attention(query, key, value, exists)
        return found.transpose(1, 2).flatten(2)[decision, place]

    def weights(self) -> DecoderWeights:
        """Copies of the parameters."""
        none = self.weight_out.new_zeros(0, len(self.weight_out))
        found = {name: getattr(self, name, none) for name in DecoderWeights._fields if name != "heads"}
        return DecoderWeights(**{name: x.detach().float().contiguous() for name, x in found.items()}, heads=self.heads)


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
