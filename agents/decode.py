"""The candidate decoder and whole episodes, as kernel functions around the functions of a problem.

Between two passes of the encoder (in torch) no framework is needed: the decoder scores only the legal choices, and a step
with a single legal choice costs nothing. `network.Decoder` is the same function in torch; a test compares the two.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dispatchgym.agents.attention import look, show
from dispatchgym.agents.records import Actions, Demonstration, Embeddings, Examples, LogProbabilities, Record, Workspace
from dispatchgym.envs.core.contract import Array, Observation
from dispatchgym.envs.core.episode import blank
from dispatchgym.envs.core.random import draw
from dispatchgym.envs.core.rules import (
    Instances,
    State,
    candidate,
    context,
    finished,
    graph,
    legal,
    objective,
    reset,
    resource_of,
    schedule_index,
    start_if_chosen,
    step,
    task_of,
)

if TYPE_CHECKING:
    from dispatchgym.agents.network import DecoderWeights

ZERO = np.float32(0.0)


def rectify(x: np.float32) -> np.float32:
    return x if x > ZERO else ZERO


def score(
    b: int, inst: Instances, s: State, choices: Array, count: int, net: DecoderWeights, emb: Embeddings, work: Workspace
) -> None:
    """Logit of the `count` legal choices of copy `b` into work.logit[b].

    Two layers: h1 from features + context + embedding of the task, h2 from h1, the mean h1 of all legal choices and what a
    choice sees of them by attention.
    """
    width = net.weight_out.shape[0]
    i = emb.graph[b]
    ctx = work.context[b]
    base = work.base[b]
    pool = work.pool[b]
    hidden = work.hidden[b]
    raw = work.raw[b]
    logit = work.logit[b]
    context(inst, s, b, ctx)
    for h in range(width):
        base[h] = net.bias_in[h]
        pool[h] = ZERO
    for f in range(ctx.shape[0]):
        x = ctx[f]
        for h in range(width):
            base[h] += x * net.weight_context[f, h]
    for c in range(count):
        k = choices[c]
        candidate(inst, s, b, k, raw)
        one = hidden[c]
        task = emb.task[i, task_of(inst, s, b, k)]
        resource = emb.resource[i, resource_of(inst, s, b, k)]
        for h in range(width):
            one[h] = base[h] + task[h] + resource[h]
        for f in range(raw.shape[0]):
            x = raw[f]
            for h in range(width):
                one[h] += x * net.weight_in[f, h]
        for h in range(width):
            one[h] = rectify(one[h])
            pool[h] += one[h]
    share = np.float32(1.0) / np.float32(count)
    for h in range(width):
        base[h] = net.bias_hidden[h]
    for g in range(width):
        x = pool[g] * share
        for h in range(width):
            base[h] += x * net.weight_pool[g, h]
    if net.heads > 0:
        show(b, count, net, work)
    for c in range(count):
        one = hidden[c]
        for h in range(width):
            pool[h] = base[h]
        for g in range(width):
            x = one[g]
            if x > ZERO:
                for h in range(width):
                    pool[h] += x * net.weight_hidden[g, h]
        if net.heads > 0:
            look(b, c, count, net, work)
        total = ZERO
        for h in range(width):
            total += rectify(pool[h]) * net.weight_out[h]
        logit[c] = total


def choose(b: int, work: Workspace, count: int, temperature: float, bits: int) -> int:
    """Where the choice with the largest logit is listed (temperature 0), or one drawn from softmax(logit / temperature)."""
    logit = work.logit[b]
    best = 0
    for c in range(1, count):
        if logit[c] > logit[best]:
            best = c
    picked = best
    if temperature > 0.0:
        total = 0.0
        for c in range(count):
            total += math.exp((logit[c] - logit[best]) / temperature)
        left = total * (bits / 4294967296.0)
        for c in range(count):
            left -= math.exp((logit[c] - logit[best]) / temperature)
            if left < 0.0:
                picked = c
                break
    return picked


def start_over(b: int, inst: Instances, s: State) -> None:
    """The first state of copy `b`."""
    reset(inst, s, b)


def log_probabilities(
    b: int, inst: Instances, s: State, net: DecoderWeights, emb: Embeddings, work: Workspace, table: LogProbabilities
) -> None:
    """Log-probability of every choice of copy `b` into table.logp[b] (-inf where illegal)."""
    choices = work.choices[b]
    logp = table.logp[b]
    for k in range(logp.shape[0]):
        logp[k] = -math.inf
    if finished(inst, s, b):
        return
    count = legal(inst, s, b, choices)
    score(b, inst, s, choices, count, net, emb, work)
    logit = work.logit[b]
    top = logit[0]
    for c in range(1, count):
        top = max(top, logit[c])
    total = 0.0
    for c in range(count):
        total += math.exp(logit[c] - top)
    for c in range(count):
        logp[choices[c]] = logit[c] - top - math.log(total)


def apply(b: int, inst: Instances, s: State, work: Workspace, chosen: Actions, r: Record) -> None:
    """Play chosen.action[b] in copy `b`."""
    if legal(inst, s, b, work.choices[b]) > 1:
        r.decisions[b] += 1
    step(inst, s, b, chosen.action[b])
    if finished(inst, s, b):
        r.over[b] = 1
        r.objective[b] = objective(inst, s, b)


def replay(b: int, inst: Instances, s: State, work: Workspace, r: Record, shown: Demonstration) -> None:
    """Play copy `b` as close to a schedule as the action set allows: the legal choice whose demonstrated start is smallest.

    Ties are drawn. A negative start marks waiting, chosen only if nothing else is due. Choices on a resource other than the
    demonstrated one are tried last.
    """
    reset(inst, s, b)
    choices = work.choices[b]
    t = 0
    decisions = 0
    rows = 0
    while not finished(inst, s, b):
        count = legal(inst, s, b, choices)
        action = -1
        first = 0
        equal = 0
        for c in range(count):
            k = choices[c]
            index = schedule_index(inst, s, b, k)
            due = 2 * shown.start[b, index]
            if due < 0:
                due = 2 * start_if_chosen(inst, s, b, k) + 1
            elif shown.resource[b, index] >= 0 and shown.resource[b, index] != resource_of(inst, s, b, k):
                due += 2**40
            equal = equal + 1 if action >= 0 and due == first else 1 if action < 0 or due < first else equal
            if action < 0 or due < first or (due == first and draw(r.seed[b], t * choices.shape[0] + k) % equal == 0):
                action = k
                first = due
        if count > 1:
            decisions += 1
            rows += count
        r.actions[b, t] = action
        step(inst, s, b, action)
        t += 1
    r.length[b] = t
    r.decisions[b] = decisions
    r.rows[b] = rows
    r.over[b] = 1
    r.objective[b] = objective(inst, s, b)


def play(
    b: int,
    inst: Instances,
    s: State,
    net: DecoderWeights,
    emb: Embeddings,
    work: Workspace,
    r: Record,
    temperature: float,
    limit: int,
) -> None:
    """Go on with the episode of copy `b` for `limit` decisions under the policy; actions and counts into `r`.

    A negative seed plays greedily. The first r.prefix[b] actions are taken from r.actions:
    a rollout can continue a given beginning.
    """
    choices = work.choices[b]
    t = r.length[b]
    decisions = r.decisions[b]
    rows = r.rows[b]
    last = decisions + limit
    while not finished(inst, s, b):
        count = legal(inst, s, b, choices)
        if count > 1 and decisions == last:
            break
        if t < r.prefix[b]:
            action = r.actions[b, t]
        elif count == 1:
            action = choices[0]
        else:
            score(b, inst, s, choices, count, net, emb, work)
            heat = temperature if r.seed[b] >= 0 else 0.0
            action = choices[choose(b, work, count, heat, draw(r.seed[b], t))]
        if count > 1:
            decisions += 1
            rows += count
        r.actions[b, t] = action
        step(inst, s, b, action)
        t += 1
    r.length[b] = t
    r.decisions[b] = decisions
    r.rows[b] = rows
    if finished(inst, s, b):
        r.over[b] = 1
        r.objective[b] = objective(inst, s, b)


def recall(b: int, inst: Instances, s: State, work: Workspace, r: Record, x: Examples, limit: int) -> None:
    """Replay the next `limit` decisions of r.actions of copy `b` and write what the learner needs of each into `x`."""
    choices = work.choices[b]
    t = x.step[b]
    d = x.first_decision[b] + x.seen[b] - 1
    q = x.row[b]
    last = d + limit
    while t < r.length[b]:
        count = legal(inst, s, b, choices)
        if count > 1 and d == last:
            break
        action = r.actions[b, t]
        if count > 1:
            d += 1
            x.begin[d] = q
            x.copy[d] = b
            x.graph_of[d] = x.graph[b]
            context(inst, s, b, x.context[d])
            for c in range(count):
                k = choices[c]
                candidate(inst, s, b, k, x.features[q])
                x.task[q] = x.graph[b] * x.tasks + task_of(inst, s, b, k)
                x.resource[q] = x.graph[b] * x.resources + resource_of(inst, s, b, k)
                x.decision[q] = d
                if k == action:
                    x.chosen[d] = q
                q += 1
        gain = step(inst, s, b, action)
        if d >= x.first_decision[b]:
            x.reward[d] += gain
        t += 1
    x.step[b] = t
    x.seen[b] = d + 1 - x.first_decision[b]
    x.row[b] = q


def first_graph(b: int, inst: Instances, s: State, o: Observation) -> None:
    """The graph of instance s.row[b] before its first decision."""
    reset(inst, s, b)
    present_graph(b, inst, s, o)


def present_graph(b: int, inst: Instances, s: State, o: Observation) -> None:
    """The graph of copy `b` as it stands."""
    if not finished(inst, s, b):
        legal(inst, s, b, o.candidate_task[b])  # as scratch
    blank(b, o)
    graph(inst, s, b, o)
