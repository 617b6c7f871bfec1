"""What can be chosen, and where each ready task would end: compiled together with `rules.py`, whose columns it uses."""

# s.eft (B, R, 3) of each ready task: earliest finish on any PE, on any other than that, and the PE.
EARLIEST, SECOND, BEST_PE = range(3)
# s.outlook (B, R, 4) of each ready task: earliest end of the job's chain from here on, over all PEs; over busy PEs only; upward
# rank; successors that wait for this task alone.
AHEAD, LATER, RANK, RELEASES = range(4)
# s.claim (B, P, 5) of each PE: ready tasks that would end there first; the largest price one of them would pay for going
# elsewhere, and the second; the largest rank among them, and the second.
CLAIMS, LOSS, LOSS_2, URGENT, URGENT_2 = range(5)
# s.soon (B, P, 3) of each PE: when the first task that will be ready once a running one ends, and is best off here, could start
# (NEVER = there is none); its upward rank; what it costs it to go elsewhere.
SOON, SOON_RANK, SOON_LOSS = range(3)
# s.choice (B, K, 3) of each legal choice but WAIT: place in the list of ready tasks, PE, level; a division would cost more.
OF_READY, OF_PE, OF_LEVEL = range(3)


def ready_of(inst, s, b, k):
    """Place of choice k's task in the list of ready tasks."""
    if inst.mode == 2:
        return k
    if inst.mode == 3:
        return 0
    return k // (s.element.shape[1] * inst.levels)


def place_of(inst, s, b, k):
    """The PE of choice k."""
    if inst.mode == 2:
        return s.eft[b, k, BEST_PE]
    return (k // inst.levels) % s.element.shape[1]


def level_of(inst, s, b, k):
    """The frequency level of choice k."""
    if inst.mode == 2 or inst.levels == 1:
        w = inst.chip[s.row[b]]
        return inst.pe[w, place_of(inst, s, b, k), LEVELS] - 1
    return k % inst.levels


def legal(inst, s, b, choices):
    clock = s.clock[b]
    w = inst.chip[s.row[b]]
    now = clock[NOW]
    pes = s.element.shape[1]
    for slot in range(s.rest.shape[1]):
        s.rest[b, slot] = 0.0
    for p in range(pes):
        for f in range(s.claim.shape[2]):
            s.claim[b, p, f] = 0.0
        s.soon[b, p, SOON] = float(NEVER)
    count = 0
    for y in range(clock[READY]):
        x = s.ready[b, y]
        live = s.live[b, x]
        row = live[ROW]
        best = NEVER
        second = NEVER
        at = 0
        ahead = float(NEVER)
        later = float(NEVER)
        for p in range(pes):
            ticks = inst.seen[w, row, p]
            if ticks < 0:
                continue
            element = s.element[b, p]
            arrived = s.arrive[b, x, p]
            end = max(element[EXPECT], now, arrived) + ticks
            through = end + inst.oct[w, row, p]
            ahead = min(ahead, through)
            second = min(second, max(end, best))
            if end < best:
                at = p
                best = end
            if element[RUNS] >= 0:
                later = min(later, through)
            if inst.mode == 1 or (inst.mode == 0 and element[RUNS] < 0 and arrived <= now) or (inst.mode == 3 and y == 0):
                k = (y * pes + p) * inst.levels
                for level in range(inst.pe[w, p, LEVELS] if inst.levels > 1 else 1):
                    choices[count] = k + level
                    count += 1
                    choice = s.choice[b, k + level]
                    choice[OF_READY] = y
                    choice[OF_PE] = p
                    choice[OF_LEVEL] = level if inst.levels > 1 else inst.pe[w, p, LEVELS] - 1
        if inst.mode == 2:
            choices[count] = y
            count += 1
            s.choice[b, y, OF_READY] = y
            s.choice[b, y, OF_PE] = at
            s.choice[b, y, OF_LEVEL] = inst.pe[w, at, LEVELS] - 1
        eft = s.eft[b, y]
        eft[EARLIEST] = best
        eft[SECOND] = second
        eft[BEST_PE] = at
        outlook = s.outlook[b, y]
        outlook[AHEAD] = ahead
        outlook[LATER] = later
        outlook[RANK] = inst.rank[w, row]
        outlook[RELEASES] = 0.0
        base = live[SLOT] * inst.width
        for e in range(inst.task[w, row, SUCC_AT], inst.task[w, row, SUCC_AT] + inst.task[w, row, SUCCS]):
            outlook[RELEASES] += 1.0 if s.live[b, base + inst.succ[w, e], MISSING] == 1 else 0.0
        s.rest[b, live[SLOT]] = max(s.rest[b, live[SLOT]], ahead - now)
        claim = s.claim[b, at]
        loss = float(min(second - best, 1000000))
        claim[CLAIMS] += 1.0
        claim[LOSS_2] = max(claim[LOSS_2], min(claim[LOSS], loss))
        claim[LOSS] = max(claim[LOSS], loss)
        claim[URGENT_2] = max(claim[URGENT_2], min(claim[URGENT], outlook[RANK]))
        claim[URGENT] = max(claim[URGENT], outlook[RANK])
    for p in range(pes):
        element = s.element[b, p]
        if element[RUNS] >= 0:
            live = s.live[b, element[RUNS]]
            left = float(max(element[EXPECT] - now, 0)) + inst.oct[w, live[ROW], p]
            s.rest[b, live[SLOT]] = max(s.rest[b, live[SLOT]], left)
            if inst.known == 1:
                foresee(inst, s, b, w, element[RUNS])
    if inst.mode == 0 and (inst.rule[w, FIXED] == 0 or next_event(inst, s, b, w) < NEVER):
        choices[count] = choices.shape[0] - 1
        count += 1
    return count


def foresee(inst, s, b, w, x):
    """Note the tasks that wait for the running task x alone at the PEs that they will want."""
    row = inst.task[w, s.live[b, x, ROW]]
    base = s.live[b, x, SLOT] * inst.width
    for e in range(row[SUCC_AT], row[SUCC_AT] + row[SUCCS]):
        u = base + inst.succ[w, e]
        if s.live[b, u, MISSING] != 1:
            continue
        best = float(NEVER)
        second = float(NEVER)
        at = 0
        first = 0
        for q in range(s.element.shape[1]):
            ticks = inst.seen[w, s.live[b, u, ROW], q]
            if ticks >= 0:
                free = max(s.element[b, q, EXPECT], s.clock[b, NOW])
                begins = max(free, data_at(inst, s, b, w, u, q, -1, 0, 0))
                through = begins + ticks + inst.oct[w, s.live[b, u, ROW], q]
                second = min(second, max(through, best))
                if through < best:
                    best = through
                    at = q
                    first = begins
        soon = s.soon[b, at]
        if first < soon[SOON]:
            soon[SOON] = first
            soon[SOON_RANK] = inst.rank[w, s.live[b, u, ROW]]
            soon[SOON_LOSS] = min(second - best, 1000000.0)


def data_at(inst, s, b, w, u, q, x, p, end):
    """When the data of task u is at PE q, as far as its predecessors have begun; x is taken to end on PE p at `end`."""
    live = s.live[b, u]
    base = live[SLOT] * inst.width
    row = inst.task[w, live[ROW]]
    tick = s.clock[b, NOW]
    for e in range(row[PRED_AT], row[PRED_AT] + row[PREDS]):
        y = base + inst.pred[w, e, 0]
        before = s.live[b, y]
        place = p
        ends = end
        if y != x:
            if before[STATUS] < RUNNING:
                continue
            place = before[PLACE]
            ends = before[TICK] if before[STATUS] == DONE else max(s.element[b, place, EXPECT], s.clock[b, NOW])
        tick = max(tick, ends + int(min(float(inst.pred[w, e, 1]) / inst.bandwidth[w, place, q], 1e9)))
    return tick


def deed_of(inst, s, b, k):
    """Entry job * width + task of a StreamLog; WAIT is the one after the last."""
    if inst.mode == 0 and k == s.eft.shape[1] * s.element.shape[1] * inst.levels:
        return s.start.shape[1] * inst.width
    x = s.ready[b, ready_of(inst, s, b, k)]
    slot = s.live[b, x, SLOT]
    return s.slot[b, slot, JOB] * inst.width + x - slot * inst.width


def offered_at(inst, s, b, k):
    """The tick at which choice k would start or be made: now."""
    return s.clock[b, NOW]
