"""The candidate decoder and whole episodes, as kernel functions: compiled together with a problem's kernel.

A rollout needs one encoder pass an episode (in torch) and then no framework at all: the decoder scores only the legal
choices, and a step with a single legal choice costs nothing. `network.Decoder` is the same function in torch; a test
holds the two together.
"""

import math

import numpy as np

ZERO = np.float32(0.0)


def rectify(x):
    return x if x > ZERO else ZERO


def score(b, inst, s, choices, count, net, emb, work):
    """Logit of the `count` legal choices of copy `b` into work.logit[b].

    Two layers: h1 from features + context + embedding of the task, h2 from h1 and the mean h1 of all legal choices.
    """
    width = net.weight_out.shape[0]
    i = s.row[b]
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
    for c in range(count):
        one = hidden[c]
        for h in range(width):
            pool[h] = base[h]
        for g in range(width):
            x = one[g]
            if x > ZERO:
                for h in range(width):
                    pool[h] += x * net.weight_hidden[g, h]
        total = ZERO
        for h in range(width):
            total += rectify(pool[h]) * net.weight_out[h]
        logit[c] = total


def choose(b, work, count, temperature, bits):
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


def start(b, inst, s):
    reset(inst, s, b)


def weigh(b, inst, s, net, emb, work, table):
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


def push(b, inst, s, work, chosen, r):
    """Play chosen.action[b] in copy `b`."""
    legal(inst, s, b, work.choices[b])
    step(inst, s, b, chosen.action[b])
    if finished(inst, s, b):
        r.objective[b] = objective(inst, s, b)


def follow(b, inst, s, work, r, goal):
    """Play copy `b` as close to a schedule as the action set allows: the legal choice whose deed has the smallest goal.start.

    Of equal ones one is drawn. A choice whose goal is negative is to wait: it is made when nothing else is due. One on another
    resource than goal.place (unless that is negative) is the last to be made.
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
            deed = deed_of(inst, s, b, k)
            due = 2 * goal.start[b, deed]
            if due < 0:
                due = 2 * offered_at(inst, s, b, k) + 1
            elif goal.place[b, deed] >= 0 and goal.place[b, deed] != resource_of(inst, s, b, k):
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
    r.objective[b] = objective(inst, s, b)


def play(b, inst, s, net, emb, work, r, temperature):
    """One episode of copy `b` on instance s.row[b] under the policy; actions and counts into `r`.

    A negative seed plays greedily. The first r.prefix[b] actions are taken from r.actions:
    a rollout can continue a given beginning.
    """
    reset(inst, s, b)
    choices = work.choices[b]
    t = 0
    decisions = 0
    rows = 0
    while not finished(inst, s, b):
        count = legal(inst, s, b, choices)
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
    r.objective[b] = objective(inst, s, b)


def recall(b, inst, s, work, r, x):
    """Play r.actions of copy `b` again and write what the learner needs of every real decision into `x`."""
    reset(inst, s, b)
    choices = work.choices[b]
    d = x.first_decision[b] - 1
    q = x.first_row[b]
    for t in range(r.length[b]):
        count = legal(inst, s, b, choices)
        action = r.actions[b, t]
        if count > 1:
            d += 1
            x.begin[d] = q
            x.copy[d] = b
            context(inst, s, b, x.context[d])
            for c in range(count):
                k = choices[c]
                candidate(inst, s, b, k, x.features[q])
                x.task[q] = s.row[b] * x.tasks + task_of(inst, s, b, k)
                x.resource[q] = s.row[b] * x.resources + resource_of(inst, s, b, k)
                x.decision[q] = d
                if k == action:
                    x.chosen[d] = q
                q += 1
        gain = step(inst, s, b, action)
        if d >= x.first_decision[b]:
            x.reward[d] += gain


def survey(b, inst, s, o):
    """The graph of instance s.row[b] before its first decision."""
    reset(inst, s, b)
    legal(inst, s, b, o.candidate_task[b])  # as scratch
    blank(b, o)
    graph(inst, s, b, o)
