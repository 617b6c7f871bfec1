"""Playing a stream by a rule or by a plan, as kernel functions: compiled together with the kernel of streams.

A rule plays in the mode `assign`, in which every ready task is named at once: it says which task is next, and which PE it
gets. A plan is carried out in the mode `start`: each PE runs its tasks in the planned order, each as soon as its data is there.
"""

MET, EFT, ETF, STF, HEFT_RT, ROUND_ROBIN, RANDOM, PLAN = range(8)


def play(b, inst, s, r):
    """An episode of copy `b` by rule r.rule[0], on instance s.row[b]; by PLAN up to the next decision after an arrival.

    It begins anew if r.jobs[b], the number of jobs that the plan knows, is negative.
    """
    if r.jobs[b] < 0:
        reset(inst, s, b)
    rule = r.rule[0]
    while not finished(inst, s, b) and (rule != PLAN or s.clock[b, LET_IN] == r.jobs[b]):
        step(inst, s, b, by_plan(inst, s, b, r) if rule == PLAN else by_rule(inst, s, b, r, rule))
    r.objective[b] = objective(inst, s, b)


def by_plan(inst, s, b, r):
    """The start of a task that is the next of its PE, or WAIT."""
    pes = s.element.shape[1]
    for y in range(s.clock[b, READY]):
        x = s.ready[b, y]
        slot = s.live[b, x, SLOT]
        name = s.slot[b, slot, JOB] * inst.width + x - slot * inst.width
        for p in range(pes):
            if s.element[b, p, RUNS] < 0 and s.arrive[b, x, p] <= s.clock[b, NOW] and r.queue[b, p, r.head[b, p]] == name:
                r.head[b, p] += 1
                return y * pes + p
    return s.eft.shape[1] * pes


def by_rule(inst, s, b, r, rule):
    """The assignment of a ready task to a PE."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    pes = s.element.shape[1]
    if rule == HEFT_RT:
        expect_work(inst, s, b, w, r)
    best = -1
    lowest = 0.0
    tie = 0.0
    in_order = rule == MET or rule == EFT or rule == ROUND_ROBIN
    for y in range(1 if in_order else clock[READY]):
        x = s.ready[b, y]
        row = s.live[b, x, ROW]
        for p in range(pes):
            if inst.seen[w, row, p] < 0:
                continue
            begin = max(s.element[b, p, EXPECT], clock[NOW], s.arrive[b, x, p])
            first = 0.0
            second = 0.0
            if rule == ROUND_ROBIN:
                first = float((p + pes - r.head[b, 0]) % pes)
            elif rule == RANDOM:
                first = float(draw(r.seed[b], (clock[DECISIONS] * s.eft.shape[1] + y) * pes + p))
            elif rule == HEFT_RT:
                first = -inst.work[w, row]
                second = float(max(r.free[b, p], clock[NOW]) + inst.seen[w, row, p])
            elif rule == EFT or rule == ETF:
                first = float(begin + inst.seen[w, row, p])
            else:
                first = float(inst.seen[w, row, p])
                second = float(begin)
            if best < 0 or first < lowest or (first == lowest and second < tie):
                best = y * pes + p
                lowest = first
                tie = second
    r.head[b, 0] = best % pes + 1
    if rule == HEFT_RT:
        keep_order(s, b, s.ready[b, best // pes], best % pes)
    return best


def expect_work(inst, s, b, w, r):
    """When each PE would have done what it was given, one task after another, if all data were there: to r.free[b]."""
    for p in range(s.element.shape[1]):
        x = s.element[b, p, RUNS]
        r.free[b, p] = s.clock[b, NOW]
        if x >= 0:
            slot = s.live[b, x, SLOT]
            begun = s.start[b, s.slot[b, slot, JOB], x - slot * inst.width]
            r.free[b, p] = begun + inst.seen[w, s.live[b, x, ROW], p]
    for y in range(s.clock[b, ASSIGNED]):
        x = s.line[b, y]
        p = s.live[b, x, PLACE]
        r.free[b, p] += inst.seen[w, s.live[b, x, ROW], p]


def keep_order(s, b, x, p):
    """Let ready task x not overtake what PE p was given before: its data counts as arrived when theirs has, not earlier."""
    for y in range(s.clock[b, ASSIGNED]):
        before = s.line[b, y]
        if s.live[b, before, PLACE] == p:
            s.arrive[b, x, p] = max(s.arrive[b, x, p], s.arrive[b, before, p])
