"""The graph of a program, the same for both ways to decide: buffers, instructions and the two levels of memory."""


def clip(x, limit):
    return min(max(x, -limit), limit)


def graph(inst, s, b, o):
    """Task nodes are buffers; resource nodes are instructions, then the fast and the slow level. A buffer hangs on the
    instructions that access it and on the fast level, and precedes what an instruction makes of it."""
    i = s.row[b]
    rate = inst.rate[i]
    share = inst.share[i]
    slots = inst.slots[i]
    for j in range(inst.buffers[i]):
        row = o.tasks[b, j]
        first = inst.entry[i, j]
        row[0] = 1.0
        row[1] = clip(inst.size[i, j] * share * 4.0, 4.0)
        row[2] = clip(inst.demand[i, j] * rate, 8.0)
        row[3] = 1.0 if inst.define[i, j] < 0 else 0.0
        row[4] = 1.0 if inst.output[i, j] == 1 else 0.0
        row[5] = inst.pin[i, j] * 0.5
        row[6] = 1.0 if inst.members[i, inst.storage[i, j]] > 1 else 0.0
        if first >= 0:
            row[7] = inst.access[i, first, SLOT] / slots
            row[8] = inst.last[i, j] / slots
            worth = inst.worth[i, first] + inst.later[i, first]
            row[9] = clip(worth * rate, 8.0)
            row[10] = clip(worth / max(inst.demand[i, j], 1), 8.0)
            row[11] = clip((inst.last[i, j] - inst.access[i, first, SLOT]) / 16.0, 4.0)
        o.runs_on[b, j, 0] = j
        o.runs_on[b, j, 1] = slots
        o.runs_on_features[b, j, 3] = 1.0
    for a in range(inst.accesses[i]):
        access = inst.access[i, a]
        link = inst.buffers[i] + a
        o.runs_on[b, link, 0] = access[BUFFER]
        o.runs_on[b, link, 1] = access[SLOT]
        o.runs_on_features[b, link, 0] = clip(access[SLOW] * rate, 8.0)
        o.runs_on_features[b, link, 1] = clip(inst.worth[i, a] * rate, 8.0)
        o.runs_on_features[b, link, 2] = access[WRITES] * 1.0
    for e in range(inst.flows[i]):
        o.precedes[b, e, 0] = inst.flow[i, e, 0]
        o.precedes[b, e, 1] = inst.flow[i, e, 1]
    for t in range(slots):
        row = o.resources[b, t]
        row[0] = 1.0
        row[1] = clip(inst.compute[i, t] * rate, 8.0)
        row[2] = clip(inst.sigma[i, t] * rate, 8.0)
        row[3] = clip(inst.elapsed[i, t] * rate, 8.0)
        row[4] = 1.0 if inst.sigma[i, t] > inst.compute[i, t] else 0.0
        row[5] = t / slots
        row[6] = clip(inst.live[i, t] * share * 0.25, 4.0)
    o.resources[b, slots, 7] = 1.0
    o.resources[b, slots + 1, 8] = 1.0
