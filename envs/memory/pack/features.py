"""What the agent sees of packing: features of choices and of the state, and the graph of buffers and sections."""

TRAITS = 5  # features of a buffer that do not change: columns of inst.traits
LENGTHS = 4096.0  # sum of the lengths of all sections


def task_of(inst, s, b, k):
    return k


def deed_of(inst, s, b, k):
    return k


def resource_of(inst, s, b, k):
    """The section that is fullest before any decision, of those in which the buffer lives."""
    return inst.busiest[s.row[b], k]


def offered_at(inst, s, b, k):
    return s.floor[b, k]


def clip(x, limit):
    return min(max(x, -limit), limit)


def candidate(inst, s, b, k, out):
    """Features of putting buffer k onto the skyline; bytes are in mean sizes or shares of the bound, areas in mean areas."""
    i = s.row[b]
    size = inst.size[i, k]
    floor = s.floor[b, k]
    unit = inst.unit[i]
    share = inst.share[i]
    bound = s.bound[b]
    excess = s.move[b, k, REACH] - bound
    top = floor + size
    buried = s.move[b, k, BURIED]
    for f in range(TRAITS):
        out[f] = inst.traits[i, k, f]
    out[5] = clip((floor - s.base[b]) * unit, 4.0)
    out[6] = clip((top - s.lowest[b]) * unit, 8.0) * 0.25
    out[7] = clip(excess * share * 16.0, 4.0)
    out[8] = clip(excess * unit, 4.0)
    out[9] = clip((s.move[b, k, HEAVIEST] - bound) * share * 16.0, 4.0)
    out[10] = clip(buried * inst.acre[i], 8.0) * 0.5
    out[11] = clip(buried * inst.acres[i, k], 4.0)
    out[12] = 1.0 if buried == 0 else 0.0
    # The steps of the skyline at both ends of its life: whether it fills a valley, and how evenly.
    section = inst.left[i, k]
    beside = s.top[b, section - 1] if section > 0 else bound
    out[13] = clip((beside - floor) * unit, 4.0)
    out[14] = clip((beside - top) * unit, 4.0)
    out[15] = 1.0 if beside == top else 0.0
    section = inst.right[i, k]
    beside = s.top[b, section] if section < inst.sections[i] else bound
    out[16] = clip((beside - floor) * unit, 4.0)
    out[17] = clip((beside - top) * unit, 4.0)
    out[18] = 1.0 if beside == top else 0.0
    out[19] = 1.0 if excess == 0 else 0.0


def context(inst, s, b, out):
    """Features of the whole state: how far it is, and how much space is left."""
    i = s.row[b]
    bound = s.bound[b]
    share = inst.share[i]
    left = s.left[b]
    out[0] = left / inst.buffers[i]
    out[1] = s.filled[b] / inst.total[i]
    out[2] = clip((bound * share - 1.0) * 4.0, 4.0)
    out[3] = s.height[b] * share
    out[4] = s.base[b] * share if left > 0 else 1.0
    out[5] = clip((s.lowest[b] - s.base[b]) * inst.unit[i], 8.0) if left > 0 else 0.0
    out[6] = clip(s.choices[b] / 32.0, 4.0)
    out[7] = inst.density[i]


def graph(inst, s, b, o):
    """Task nodes are buffers, resource nodes sections; placed buffers stay, marked. A buffer hangs on its first and last
    section and on its fullest one, and precedes the largest buffer that begins when it ends."""
    i = s.row[b]
    share = inst.share[i]
    chain = 0
    for j in range(inst.buffers[i]):
        size = inst.size[i, j]
        row = o.tasks[b, j]
        placed = s.offset[b, j] >= 0
        row[0] = 1.0
        row[1] = 1.0 if placed else 0.0
        for f in range(TRAITS):
            row[2 + f] = inst.traits[i, j, f]
        row[7] = (s.offset[b, j] if placed else s.floor[b, j]) * share
        row[8] = inst.left[i, j] / inst.sections[i]
        row[9] = inst.right[i, j] / inst.sections[i]
        for n in range(3):
            section = inst.left[i, j] if n == 0 else inst.right[i, j] - 1 if n == 1 else inst.busiest[i, j]
            link = 3 * j + n
            o.runs_on[b, link, 0] = j
            o.runs_on[b, link, 1] = section
            o.runs_on_features[b, link, 0] = 1.0 if n == 0 else 0.0
            o.runs_on_features[b, link, 1] = 1.0 if n == 1 else 0.0
            o.runs_on_features[b, link, 2] = size * share
        if inst.successor[i, j] >= 0:
            o.precedes[b, chain, 0] = j
            o.precedes[b, chain, 1] = inst.successor[i, j]
            chain += 1
    for c in range(inst.sections[i]):
        row = o.resources[b, c]
        row[0] = 1.0
        row[1] = s.top[b, c] * share
        row[2] = s.load[b, c] * share
        row[3] = (s.top[b, c] + s.load[b, c]) * share
        row[4] = (inst.reached[i, c + 1] - inst.reached[i, c]) * inst.sections[i] / LENGTHS
