"""Memory mapping by priorities: a choice is the storage that the allocator of `allocator.py` serves next.

Functions of the contract in `envs/core/contract.py`. The reward is what the storage saves of the latency, as a share of all-slow
latency. The choices are the first few storages, by XLA's priority, of those that are left: what is far behind can wait, and a
program has hundreds. Storages that could save nothing, or that are pinned, are no choices at all.
"""

WINDOW = 16  # choices

# s.cursor counts decisions, s.crowd what is left to decide.


def reset(inst, s, b):
    i = s.row[b]
    begin_plan(inst, s, b)
    s.crowd[b] = 0
    for j in range(inst.buffers[i]):
        s.open[b, j] = 0
    for x in range(inst.buffers[i]):
        if inst.ranking[i, x] >= 0:
            s.open[b, inst.ranking[i, x]] = 1
            s.crowd[b] += 1
    s.cursor[b] = 0
    s.backups[b] = 0
    s.latency[b] = latency_now(inst, s, b)


def finished(inst, s, b):
    return s.crowd[b] == 0


def objective(inst, s, b):
    return s.latency[b]


def legal(inst, s, b, choices):
    i = s.row[b]
    count = 0
    for x in range(inst.buffers[i]):
        j = inst.ranking[i, x]
        if j >= 0 and s.open[b, j] == 1:
            n = count
            while n > 0 and choices[n - 1] > j:
                choices[n] = choices[n - 1]
                n -= 1
            choices[n] = j
            count += 1
            if count == WINDOW:
                break
    return count


def step(inst, s, b, action):
    before = s.latency[b]
    s.open[b, action] = 0
    s.crowd[b] -= 1
    s.cursor[b] += 1
    serve_storage(inst, s, b, action)
    return (before - s.latency[b]) * inst.gain[s.row[b]]


def task_of(inst, s, b, k):
    return k


def resource_of(inst, s, b, k):
    return inst.slots[s.row[b]]


def deed_of(inst, s, b, k):
    return k


def offered_at(inst, s, b, k):
    return max(inst.define[s.row[b], k], 0)


def candidate(inst, s, b, k, out):
    """Features of serving storage k next; ticks are in mean times of an instruction, bytes in shares of the capacity."""
    i = s.row[b]
    rate = inst.rate[i]
    size = inst.size[i, k]
    demand = inst.demand[i, k]
    first = inst.entry[i, k]
    worth = inst.worth[i, first] + inst.later[i, first] if first >= 0 else 0
    begin = max(inst.define[i, k], 0)
    end = inst.last[i, k]
    out[0] = clip(worth * rate, 8.0)
    out[1] = clip(worth / max(demand, 1), 8.0)
    out[2] = clip(size * inst.share[i] * 4.0, 4.0)
    out[3] = clip(demand * rate, 8.0)
    out[4] = inst.priority[i, k] * inst.best[i]
    out[5] = begin / inst.slots[i]
    out[6] = clip((end - begin) / 16.0, 4.0)
    out[7] = 1.0 if inst.define[i, k] < 0 else 0.0
    out[8] = 1.0 if inst.output[i, k] == 1 else 0.0
    out[9] = 1.0 if inst.members[i, k] > 1 else 0.0
    least = inst.capacity[i]
    spare = 0
    for t in range(begin, end):
        least = min(least, inst.capacity[i] - s.due[b, t])
        spare = max(spare, s.spare[b, t])
    out[10] = clip((least - size) * inst.share[i], 1.0)
    out[11] = clip(spare / max(demand, 1), 4.0)


def context(inst, s, b, out):
    """Features of the whole state; s.due is filled with the bytes in use in each slot."""
    i = s.row[b]
    slots = inst.slots[i]
    for t in range(slots + 1):
        s.due[b, t] = 0
    for n in range(s.stays[b]):
        stay = s.stay[b, n]
        for t in range(stay[BEGIN], stay[END]):
            s.due[b, t] += stay[TOP] - stay[OFFSET]
    used = 0.0
    for t in range(slots):
        used += s.due[b, t] * inst.share[i]
    out[0] = s.crowd[b] / inst.buffers[i]
    out[1] = s.latency[b] * inst.gain[i]
    out[2] = (s.latency[b] - inst.bound[i]) * inst.gain[i]
    out[3] = used / slots
    out[4] = inst.pressure[i]
    out[5] = clip(s.repacks[b] / 4.0, 4.0)
