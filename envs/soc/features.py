"""What the agent sees of choices, state and graph: compiled together with `rules.py`, whose columns it uses.

Nodes of the graph are the tasks of every application once (templates: a policy that encodes them once knows every job to
come; blank if successors are unknown), the live tasks of the jobs in the system, and one for WAIT; resources are the PEs, and
one for WAIT. A choice names its task's template. Nothing here is unknown to a scheduler: not the gap to the next arrival, not
the noise of a running task.
"""


def task_of(inst, s, b, k):
    if inst.mode == 0 and k == s.eft.shape[1] * s.element.shape[1] * inst.levels:
        return inst.task.shape[1] + s.live.shape[1]
    return s.live[b, s.ready[b, ready_of(inst, s, b, k)], ROW]


def resource_of(inst, s, b, k):
    if inst.mode == 0 and k == s.eft.shape[1] * s.element.shape[1] * inst.levels:
        return s.element.shape[1]
    return place_of(inst, s, b, k)


def limit(x, low, high):
    return min(max(x, low), high)


def candidate(inst, s, b, k, out):
    """Features of running a ready task on a PE, or of waiting; time is in mean executions, or in shares of the job's chain."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    now = clock[NOW]
    rate = inst.rate[w]
    pes = s.element.shape[1]
    if inst.mode == 0 and k == s.eft.shape[1] * pes * inst.levels:
        describe_waiting(inst, s, b, w, out)
        return
    r = s.choice[b, k, OF_READY]
    p = s.choice[b, k, OF_PE]
    level = s.choice[b, k, OF_LEVEL]
    x = s.ready[b, r]
    live = s.live[b, x]
    row = live[ROW]
    task = inst.task[w, row]
    slot = s.slot[b, live[SLOT]]
    app = inst.app[w, slot[APPLICATION]]
    element = s.element[b, p]
    eft = s.eft[b, r]
    outlook = s.outlook[b, r]
    run = inst.seen[w, row, p]
    ticks = at_level(inst, w, p, run, level)
    free = max(element[EXPECT], now)
    end = max(free, s.arrive[b, x, p]) + ticks
    share = 1.0 / inst.chain[w, slot[APPLICATION]]
    rest = s.rest[b, live[SLOT]]
    ahead = end + inst.oct[w, row, p]
    rank = outlook[RANK]
    rest_after = inst.oct[w, row, p] * share

    # When the job can end if this is done, by its next tasks and where the data they need besides is.
    onward = float(end)
    if inst.known == 1:
        base = live[SLOT] * inst.width
        for e in range(task[SUCC_AT], task[SUCC_AT] + task[SUCCS]):
            u = base + inst.succ[w, e]
            after = s.live[b, u, ROW]
            least = float(NEVER)
            for q in range(pes):
                if inst.seen[w, after, q] >= 0:
                    here = max(data_at(inst, s, b, w, u, q, x, p, end), s.element[b, q, EXPECT])
                    least = min(least, here + inst.seen[w, after, q] + inst.oct[w, after, q])
            onward = max(onward, least)
    soon = s.soon[b, p]

    # The other ready tasks that would end on this PE first, and what it costs them to go elsewhere.
    claim = s.claim[b, p]
    own = eft[BEST_PE] == p
    rivals = claim[CLAIMS] - (1.0 if own else 0.0)
    other = eft[SECOND] if own else eft[EARLIEST]
    loss = claim[LOSS_2] if own and claim[LOSS] <= eft[SECOND] - eft[EARLIEST] else claim[LOSS]
    urgent = claim[URGENT_2] if own and claim[URGENT] <= rank else claim[URGENT]

    out[0] = 0.0
    out[1] = limit(ticks * rate, 0.0, 8.0)
    out[2] = limit(float(ticks) / max(task[FASTEST], 1) - 1.0, 0.0, 8.0)
    out[3] = limit((end - eft[EARLIEST]) * rate, 0.0, 8.0)
    out[4] = limit((ahead - outlook[AHEAD]) * rate, 0.0, 8.0)
    out[5] = limit((other - end) * rate, -8.0, 8.0)
    out[6] = limit((outlook[LATER] - ahead) * rate, -8.0, 8.0)
    out[7] = limit(rank * rate, 0.0, 16.0) * 0.25
    out[8] = rank * share
    out[9] = limit((ahead - now) * share, 0.0, 4.0)
    out[10] = limit((now - slot[ARRIVAL]) * share, 0.0, 4.0)
    out[11] = limit(rest * share, 0.0, 4.0)
    out[12] = limit((ahead - now - rest) * share, -4.0, 4.0)
    out[13] = float(slot[LEFT]) / app[TASKS] if inst.known == 1 else 0.0
    out[14] = task[SUCCS] * 0.25 if inst.known == 1 else 0.0
    out[15] = outlook[RELEASES] * 0.25 if inst.known == 1 else 0.0
    out[16] = limit((s.arrive[b, x, p] - now) * rate, -4.0, 8.0)
    out[17] = limit((free - now) * rate, 0.0, 8.0)
    out[18] = limit((now - live[TICK]) * rate, 0.0, 8.0)
    out[19] = rivals * 0.25
    out[20] = limit(loss * rate, 0.0, 8.0)
    out[21] = limit((urgent - rank) * rate, -8.0, 8.0) * 0.5 if rivals > 0.0 else -4.0
    out[22] = limit(inst.sends[w, row] * rate, 0.0, 8.0)
    out[23] = limit(rest_after, 0.0, 4.0)
    out[24] = (slot[JOB] - (clock[LET_IN] - clock[LIVE])) * 0.25
    out[25] = 1.0 if run == task[FASTEST] else 0.0
    out[26] = 1.0 if inst.levels == 1 else float(inst.mhz[w, p, level]) / inst.mhz[w, p, inst.pe[w, p, LEVELS] - 1]
    out[27] = limit(float(inst.power[w, p, level]) * ticks * inst.worth[w, 1], 0.0, 8.0)
    out[28] = limit((eft[EARLIEST] - eft[SECOND]) * rate, -8.0, 0.0)
    out[29] = 1.0
    out[30] = limit((onward - ahead) * rate, -8.0, 8.0)
    out[31] = limit((onward - now) * share, 0.0, 4.0)
    out[32] = limit((soon[SOON] - end) * rate, -8.0, 8.0)
    out[33] = limit((soon[SOON_RANK] - rank) * rate, -8.0, 8.0) * 0.5 if soon[SOON] < NEVER else -4.0
    out[34] = limit(soon[SOON_LOSS] * rate, 0.0, 8.0) if soon[SOON] < NEVER else 0.0


def describe_waiting(inst, s, b, w, out):
    """Features of WAIT: until when, and what else could be done now."""
    clock = s.clock[b]
    now = clock[NOW]
    rate = inst.rate[w]
    for f in range(out.shape[0]):
        out[f] = 0.0
    soonest = NEVER
    for p in range(s.element.shape[1]):
        if s.element[b, p, RUNS] >= 0:
            soonest = min(soonest, max(s.element[b, p, EXPECT], now))
    # The smallest price of starting something now instead of where it would end first.
    least = float(NEVER)
    fair = 0
    for y in range(clock[READY]):
        x = s.ready[b, y]
        row = s.live[b, x, ROW]
        for p in range(s.element.shape[1]):
            if s.element[b, p, RUNS] < 0 and inst.seen[w, row, p] >= 0 and s.arrive[b, x, p] <= now:
                price = now + inst.seen[w, row, p] + inst.oct[w, row, p] - s.outlook[b, y, AHEAD]
                least = min(least, price)
                fair += price <= 0.0
    out[0] = 1.0
    out[1] = limit((soonest - now) * rate, 0.0, 8.0)
    out[3] = limit((min(soonest, clock[NEXT]) - now) * rate, 0.0, 8.0)
    out[4] = limit(least * rate, 0.0, 8.0)
    out[19] = fair * 0.25
    # The next task that will want a PE that is idle now.
    nearest = float(NEVER)
    urgency = 0.0
    stake = 0.0
    for p in range(s.element.shape[1]):
        if s.element[b, p, RUNS] < 0 and s.soon[b, p, SOON] < NEVER:
            nearest = min(nearest, s.soon[b, p, SOON])
            urgency = max(urgency, s.soon[b, p, SOON_RANK])
            stake = max(stake, s.soon[b, p, SOON_LOSS])
    out[32] = limit((nearest - now) * rate, 0.0, 8.0)
    out[33] = limit(urgency * rate, 0.0, 16.0) * 0.25
    out[34] = limit(stake * rate, 0.0, 8.0)


def context(inst, s, b, out):
    """Features of the whole state."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    rule = inst.rule[w]
    pes = max(inst.elements[w], 1)
    longest = 0.0
    total = 0.0
    for slot in range(s.slot.shape[1]):
        if s.slot[b, slot, JOB] >= 0:
            chain = inst.chain[w, s.slot[b, slot, APPLICATION]]
            share = s.rest[b, slot] / chain
            longest = max(longest, share)
            total += share
    out[0] = float(clock[LIVE]) / rule[CAP]
    out[1] = limit(float(clock[LIVE]) / pes, 0.0, 8.0)
    out[2] = limit(float(clock[READY]) / pes, 0.0, 8.0)
    out[3] = float(clock[IDLE]) / pes
    out[4] = limit(float(clock[ASSIGNED]) / pes, 0.0, 8.0)
    out[5] = limit(longest, 0.0, 4.0)
    out[6] = limit(total / max(clock[LIVE], 1), 0.0, 4.0)
    out[7] = 1.0 if rule[FIXED] == 1 else 0.0
    out[8] = limit(inst.noise[w], 0.0, 2.0)
    out[9] = limit(inst.load[w], 0.0, 4.0)
    out[10] = limit((clock[ARRIVED] - clock[LET_IN]) * 0.125, 0.0, 4.0)
    out[11] = limit(inst.spread[w], 0.0, 8.0)


def graph(inst, s, b, o):
    """Templates, live tasks and PEs; the arrays are blank when called."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    now = clock[NOW]
    rate = inst.rate[w]
    pes = s.element.shape[1]
    rows = inst.task.shape[1]
    chains = 0
    links = 0
    # With unknown successors a task does not exist before its predecessors are done.
    for a in range(inst.app.shape[1] if inst.known == 1 else 0):
        app = inst.app[w, a]
        for t in range(app[TASKS]):
            row = app[FIRST] + t
            node = o.tasks[b, row]
            node[0] = 1.0
            node[7] = limit(inst.task[w, row, FASTEST] * rate, 0.0, 8.0)
            node[8] = limit(inst.rank[w, row] * rate, 0.0, 16.0) * 0.25
            node[9] = inst.rank[w, row] / inst.chain[w, a]
            node[10] = inst.task[w, row, PREDS] * 0.25
            node[11] = inst.task[w, row, SUCCS] * 0.25
            node[12] = limit(inst.sends[w, row] * rate, 0.0, 8.0)
            at = inst.task[w, row, SUCC_AT]
            for e in range(at, at + inst.task[w, row, SUCCS]):
                o.precedes[b, chains, 0] = row
                o.precedes[b, chains, 1] = app[FIRST] + inst.succ[w, e]
                chains += 1
            for p in range(pes):
                ticks = inst.seen[w, row, p]
                if ticks >= 0:
                    o.runs_on[b, links, 0] = row
                    o.runs_on[b, links, 1] = p
                    edge = o.runs_on_features[b, links]
                    edge[0] = limit(ticks * rate, 0.0, 8.0)
                    edge[1] = limit(float(ticks) / max(inst.task[w, row, FASTEST], 1) - 1.0, 0.0, 8.0)
                    edge[2] = limit(inst.oct[w, row, p] / inst.chain[w, a], 0.0, 4.0)
                    links += 1
    for slot in range(s.slot.shape[1]):
        if s.slot[b, slot, JOB] < 0:
            continue
        a = s.slot[b, slot, APPLICATION]
        for t in range(inst.app[w, a, TASKS]):
            x = slot * inst.width + t
            live = s.live[b, x]
            row = live[ROW]
            if live[STATUS] == OUTSTANDING and inst.known == 0:
                continue
            node = o.tasks[b, rows + x]
            node[1 + live[STATUS]] = 1.0
            node[6] = live[MISSING] * 0.25
            node[7] = limit(inst.task[w, row, FASTEST] * rate, 0.0, 8.0)
            node[8] = limit(inst.rank[w, row] * rate, 0.0, 16.0) * 0.25
            node[9] = inst.rank[w, row] / inst.chain[w, a]
            node[10] = limit((now - s.slot[b, slot, ARRIVAL]) / inst.chain[w, a], 0.0, 4.0)
            node[13] = limit((now - live[TICK]) * rate, 0.0, 8.0) if live[STATUS] == TO_START else 0.0
            if inst.known == 1:
                at = inst.task[w, row, SUCC_AT]
                for e in range(at, at + inst.task[w, row, SUCCS]):
                    o.precedes[b, chains, 0] = rows + x
                    o.precedes[b, chains, 1] = rows + slot * inst.width + inst.succ[w, e]
                    chains += 1
            if live[STATUS] == NAMED or live[STATUS] == RUNNING:
                o.runs_on[b, links, 0] = rows + x
                o.runs_on[b, links, 1] = live[PLACE]
                o.runs_on_features[b, links, 3] = 1.0
                links += 1
            elif live[STATUS] == TO_START:
                for p in range(pes):
                    if inst.seen[w, row, p] >= 0:
                        o.runs_on[b, links, 0] = rows + x
                        o.runs_on[b, links, 1] = p
                        edge = o.runs_on_features[b, links]
                        edge[0] = limit(inst.seen[w, row, p] * rate, 0.0, 8.0)
                        edge[4] = limit((s.arrive[b, x, p] - now) * rate, -4.0, 8.0)
                        links += 1
    for p in range(pes):
        if inst.pe[w, p, REAL] == 1:
            element = s.element[b, p]
            node = o.resources[b, p]
            node[0] = 1.0
            node[1] = 1.0 if element[RUNS] < 0 else 0.0
            node[2] = limit((max(element[EXPECT], now) - now) * rate, 0.0, 8.0)
            node[3] = element[WAITING] * 0.25
            # Up to now: when a running task ends is not known.
            busy = element[BUSY] - max(element[END] - now, 0) if element[RUNS] >= 0 else element[BUSY]
            node[4] = float(busy) / max(now, 1)
            node[5] = inst.power[w, p, inst.pe[w, p, LEVELS] - 1] * 0.001
    o.resources[b, pes, 6] = 1.0
    o.tasks[b, rows + s.live.shape[1], 13] = -1.0
