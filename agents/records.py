"""Arrays that the decoder's kernel functions read and write."""

from __future__ import annotations

from typing import NamedTuple

from dispatchgym.envs.core.contract import Array


class Embeddings(NamedTuple):
    """The encoder's vectors of G graphs: of the loaded instances, or of what the copies had before them when it ran."""

    task: Array  # (G, N, H) float32
    resource: Array  # (G, R, H) float32
    graph: Array  # (B,) int64 the graph of each copy


class Workspace(NamedTuple):
    """Scratch of the kernel, one row a copy."""

    context: Array  # (B, Fx) float32
    base: Array  # (B, H) float32
    pool: Array  # (B, H) float32
    hidden: Array  # (B, K, H) float32; with attention (B, 3 K + 2, H): then come keys, values, a query and what it finds
    raw: Array  # (B, Fc) float32
    logit: Array  # (B, K) float32; with attention (B, 2 K): then come the shares of a query
    choices: Array  # (B, K) int64 the legal ones


class Record(NamedTuple):
    """What was played."""

    seed: Array  # (B,) int64 stream of the sampling; negative = greedy
    prefix: Array  # (B,) int32 actions that are given, the policy continues
    actions: Array  # (B, T) int32
    length: Array  # (B,) int32
    decisions: Array  # (B,) int32 steps with more than one legal choice
    rows: Array  # (B,) int32 legal choices in those
    over: Array  # (B,) int32 1 = the episode has ended
    objective: Array  # (B,) int64


class LogProbabilities(NamedTuple):
    logp: Array  # (B, K) float32


class Actions(NamedTuple):
    action: Array  # (B,) int64


class Demonstration(NamedTuple):
    """A reference schedule, flattened: `schedule_index` of the kernel gives the position of each choice."""

    start: Array  # (B, D) int64 start of each operation; negative = waiting
    resource: Array  # (B, D) int64 its resource, -1 = any


class Examples(NamedTuple):
    """Every real decision of the recalled episodes: D decisions, Q choices in all."""

    tasks: int  # N, so that task = graph * N + node
    resources: int  # R
    graph: Array  # (B,) int64 the graph that the copy's next decisions refer to
    step: Array  # (B,) int32 how far the copy has been recalled: steps,
    seen: Array  # (B,) int64 decisions,
    row: Array  # (B,) int64 and its next row
    first_decision: Array  # (B,) int64
    begin: Array  # (D,) int64 first row of the decision
    copy: Array  # (D,) int64
    graph_of: Array  # (D,) int64 graph of the decision
    chosen: Array  # (D,) int64 row that was played
    reward: Array  # (D,) float64 from this decision up to the next
    context: Array  # (D, Fx) float32
    features: Array  # (Q, Fc) float32
    task: Array  # (Q,) int64
    resource: Array  # (Q,) int64
    decision: Array  # (Q,) int64
