"""Tasks of streaming jobs on unlike processing elements (PEs), event by event; a static graph is a stream of one job.

Functions of the contract in `envs/core/contract.py`. Time stands still while there is something to decide. What a choice is,
depends on the mode (`inst.mode`); in all of them WAIT, if there is one, is the last:

0  start   a ready task and an idle PE at which its data has arrived (and a frequency level), or WAIT for the next event
1  assign  a ready task and any PE that can run it; every ready task is named before time goes on; it runs there in the
           order of assignment, but a later task whose data is there overtakes (DS3)
2  task    as assign, the PE being the one with the earliest finish (DeepSoCS)
3  pe      as assign, the task being the one that has been ready for longest (SoCRATES)

Within a tick: completions, arrivals, decisions, starts. Numbers that are used together are one row of an array, with the
columns named here. A live task is slot * width + task; its template is the row `first + task` of its application.
"""

# inst.rule (W, 8): what a workload says.
HORIZON, CAP, WHEN_FULL, PREFILL, MAX_JOBS, WARMUP, FIXED, SUCCESSORS_KNOWN = range(8)
REDRAW, RETRY, QUEUE = range(3)  # WHEN_FULL
# inst.app (W, A, 3): its first template row, number of tasks, longest chain of fastest executions.
FIRST, TASKS, CHAIN = range(3)
# inst.task (W, Z, 5): number of predecessors, first of them in inst.pred; the same for successors; fastest execution.
PREDS, PRED_AT, SUCCS, SUCC_AT, FASTEST = range(5)
# inst.pe (W, P, 3): is there such a PE, number of frequency levels, power when idle (mW).
REAL, LEVELS, IDLE_POWER = range(3)
# s.clock (B, 16): now; next attempt at an arrival; gaps used, jobs arrived, let in, in the system, completed, counted;
# tasks ready, of those the ones whose data is on record, tasks assigned and not begun; decisions; over; when data arrives at
# an idle PE next (mode start); jobs still to be let in at the start; PEs idle.
NOW, ATTEMPT, GAPS, ARRIVED, LET_IN, LIVE, COMPLETED, COUNTED = range(8)
READY, KNOWN, ASSIGNED, DECISIONS, OVER, NEXT, PENDING, IDLE = range(8, 16)
# s.slot (B, S, 4): number of the job (-1 = free), its application, arrival, tasks left.
JOB, APPLICATION, ARRIVAL, LEFT = range(4)
# s.live (B, S * T, 7): predecessors not completed, status, PE, level, tick of completion or (ready) since when it is ready,
# template row, slot.
MISSING, STATUS, PLACE, LEVEL, TICK, ROW, SLOT = range(7)
OUTSTANDING, TO_START, NAMED, RUNNING, DONE = range(5)  # STATUS
# s.element (B, P, 5): live task it runs (-1 = idle), when that ends, when it will be free as the scheduler believes,
# ticks of work begun (once over: done), tasks assigned and not begun.
RUNS, END, EXPECT, BUSY, WAITING = range(5)

NEVER = 2**30


def reset(inst, s, b):
    i = s.row[b]
    w = inst.chip[i]
    clock = s.clock[b]
    for f in range(clock.shape[0]):
        clock[f] = 0
    clock[PENDING] = inst.rule[w, CAP] if inst.rule[w, PREFILL] == 1 else 0
    if inst.rule[w, FIXED] == 1:
        clock[ATTEMPT] = NEVER
    elif inst.rule[w, PREFILL] == 1:
        clock[ATTEMPT] = inst.gap[i, 0]
        clock[GAPS] = 1
    for x in range(s.slot.shape[1]):
        s.slot[b, x, JOB] = -1
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        element[RUNS] = -1
        element[END] = NEVER
        element[EXPECT] = 0
        element[BUSY] = 0
        element[WAITING] = 0
        clock[IDLE] += inst.pe[w, p, REAL]
    s.latency[b] = 0
    s.present[b] = 0
    s.energy[b] = 0.0
    s.paid[b] = 0.0
    settle(inst, s, b, 0)


def finished(inst, s, b):
    return s.clock[b, OVER] == 1


def objective(inst, s, b):
    """Mean latency of the counted jobs (ns), or the makespan of a static graph; energy a job (nJ); or their product (nJ ms).

    Goal 3: jobs in the system integrated over time, by jobs done (ns). Mean latency improves for whoever lets some jobs
    starve and thereby keeps others out; this does not.
    """
    i = s.row[b]
    w = inst.chip[i]
    clock = s.clock[b]
    fixed = inst.rule[w, FIXED] == 1
    late = clock[NOW] if fixed else 1000 * inst.rule[w, HORIZON]
    if not fixed and clock[COUNTED] > 0:
        late = (1000 * s.latency[b]) // clock[COUNTED]
    if inst.goal == 0:
        return late
    if inst.goal == 3:
        return int(min(1000.0 * s.present[b] / max(progress(inst, s, b), 1e-3), 2147483647.0))
    spent = energy_by(inst, s, b) / max(clock[COMPLETED], 1)
    if inst.goal == 2:
        spent = spent * late * (1e-3 if fixed else 1e-6)
    return int(min(spent, 2147483647.0))


def progress(inst, s, b):
    """Jobs completed, and of those in the system the share of tasks that are done."""
    w = inst.chip[s.row[b]]
    done = float(s.clock[b, COMPLETED])
    for x in range(s.slot.shape[1]):
        slot = s.slot[b, x]
        if slot[JOB] >= 0:
            done += 1.0 - float(slot[LEFT]) / inst.app[w, slot[APPLICATION], TASKS]
    return done


def energy_by(inst, s, b):
    """Nanojoules (mW * us) spent up to now: what running tasks still have to run does not count."""
    if s.clock[b, OVER] == 1:
        return s.energy[b]
    w = inst.chip[s.row[b]]
    now = s.clock[b, NOW]
    spent = s.energy[b]
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        spent += float(inst.pe[w, p, IDLE_POWER]) * now
        if element[RUNS] >= 0 and element[END] > now:
            draws = inst.power[w, p, s.live[b, element[RUNS], LEVEL]] - inst.pe[w, p, IDLE_POWER]
            spent -= float(draws) * (element[END] - now)
    return spent


def value(inst, s, b):
    """What rewards add up to, negative: jobs in the system integrated over time, energy, or their product, in units."""
    w = inst.chip[s.row[b]]
    jobs = s.present[b] * inst.worth[w, 0]
    if inst.goal == 0 or inst.goal == 3:
        return jobs
    spent = energy_by(inst, s, b) * inst.worth[w, 1]
    if inst.goal == 1:
        return spent
    return jobs * spent


def step(inst, s, b, action):
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    clock[DECISIONS] += 1
    wait = inst.mode == 0 and action == s.eft.shape[1] * s.element.shape[1] * inst.levels
    if not wait:
        r = ready_of(inst, s, b, action)
        p = place_of(inst, s, b, action)
        x = s.ready[b, r]
        live = s.live[b, x]
        live[STATUS] = NAMED
        live[PLACE] = p
        live[LEVEL] = level_of(inst, s, b, action)
        element = s.element[b, p]
        ticks = at_level(inst, w, p, inst.seen[w, live[ROW], p], live[LEVEL])
        element[EXPECT] = max(element[EXPECT], clock[NOW], s.arrive[b, x, p]) + ticks
        element[WAITING] += 1
        s.line[b, clock[ASSIGNED]] = x
        clock[ASSIGNED] += 1
        clock[READY] -= 1
        clock[KNOWN] -= 1
        for y in range(r, clock[READY]):
            s.ready[b, y] = s.ready[b, y + 1]
    settle(inst, s, b, 2 if wait else 0)
    before = s.paid[b]
    s.paid[b] = value(inst, s, b)
    return before - s.paid[b]


def at_level(inst, w, p, ticks, level):
    """An execution time at a lower frequency, rounded up."""
    top = inst.mhz[w, p, inst.pe[w, p, LEVELS] - 1]
    mhz = inst.mhz[w, p, level]
    return ticks if mhz == top else (ticks * top + mhz - 1) // mhz


def settle(inst, s, b, passing):
    """Let time run until there is a choice or the end.

    `passing`: 0 = stop at the first choice; 2 = time must go on first; 1 = a choice counts once something has changed.
    """
    i = s.row[b]
    w = inst.chip[i]
    rule = inst.rule[w]
    clock = s.clock[b]
    while True:
        changed = complete_due(inst, s, b, w)
        if clock[COMPLETED] >= rule[MAX_JOBS]:
            break
        changed = let_in(inst, s, b, i, w) or changed
        passing = min(passing, 1) if changed else passing
        note_arrivals(inst, s, b, w)
        if inst.mode > 0 and clock[READY] > 0:
            return
        start_named(inst, s, b, i, w)
        if inst.mode == 0:
            found = look_ahead(inst, s, b)
            if found > 0 and (passing == 0 or (passing == 1 and (changed or found == 2))):
                return
        passing = min(passing, 1)
        tick = next_event(inst, s, b, w)
        over = tick >= rule[HORIZON]
        if over:
            tick = clock[NOW] if rule[FIXED] == 1 else rule[HORIZON]
        # Jobs that wait outside have arrived all the same.
        jobs = clock[LIVE] + (clock[ARRIVED] - clock[LET_IN] if rule[WHEN_FULL] == QUEUE else 0)
        s.present[b] += (tick - clock[NOW]) * jobs
        clock[NOW] = tick
        if over:
            break
    s.energy[b] = energy_by(inst, s, b)
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        if element[RUNS] >= 0:
            element[BUSY] -= element[END] - clock[NOW]
    clock[OVER] = 1


def start_named(inst, s, b, i, w):
    """Begin assigned tasks, in that order, on idle PEs at which their data has arrived."""
    clock = s.clock[b]
    now = clock[NOW]
    kept = 0
    for y in range(clock[ASSIGNED]):
        x = s.line[b, y]
        live = s.live[b, x]
        p = live[PLACE]
        element = s.element[b, p]
        if element[RUNS] >= 0 or s.arrive[b, x, p] > now:
            s.line[b, kept] = x
            kept += 1
            continue
        slot = live[SLOT]
        t = x - slot * inst.width
        job = s.slot[b, slot, JOB]
        level = live[LEVEL]
        mean = inst.mean[w, live[ROW], p]
        ticks = at_level(inst, w, p, mean, level)
        if inst.noise[w] > 0.0 and mean > 0:
            ticks = max(1, int(ticks * (1.0 + inst.noise[w] * inst.deviation[i, job, t]) + 0.5))
        live[STATUS] = RUNNING
        live[TICK] = now + ticks
        element[RUNS] = x
        element[END] = now + ticks
        element[BUSY] += ticks
        element[WAITING] -= 1
        clock[IDLE] -= 1
        s.energy[b] += float(inst.power[w, p, level] - inst.pe[w, p, IDLE_POWER]) * ticks
        s.start[b, job, t] = now
        s.pe[b, job, t] = p
        s.level[b, job, t] = level
    clock[ASSIGNED] = kept


def complete_due(inst, s, b, w):
    """Complete what ends now; True if anything does."""
    clock = s.clock[b]
    now = clock[NOW]
    changed = False
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        if element[END] > now:
            continue
        x = element[RUNS]
        slot = s.live[b, x, SLOT]
        base = slot * inst.width
        row = inst.task[w, s.live[b, x, ROW]]
        element[RUNS] = -1
        element[END] = NEVER
        clock[IDLE] += 1
        if element[WAITING] == 0:
            element[EXPECT] = now
        s.live[b, x, STATUS] = DONE
        for e in range(row[SUCC_AT], row[SUCC_AT] + row[SUCCS]):
            y = base + inst.succ[w, e]
            s.live[b, y, MISSING] -= 1
            if s.live[b, y, MISSING] == 0:
                s.ready[b, clock[READY]] = y
                clock[READY] += 1
        s.slot[b, slot, LEFT] -= 1
        if s.slot[b, slot, LEFT] == 0:
            clock[COMPLETED] += 1
            clock[LIVE] -= 1
            s.done[b, s.slot[b, slot, JOB]] = now
            if now >= inst.rule[w, WARMUP]:
                clock[COUNTED] += 1
                s.latency[b] += now - s.slot[b, slot, ARRIVAL]
            s.slot[b, slot, JOB] = -1
        changed = True
    return changed


def let_in(inst, s, b, i, w):
    """Attempt the arrivals that are due; True if a job was let in."""
    clock = s.clock[b]
    rule = inst.rule[w]
    now = clock[NOW]
    changed = False
    while True:
        room = clock[LIVE] < rule[CAP]
        enter = False
        if clock[PENDING] > 0:
            clock[PENDING] -= 1
            s.arrival[b, clock[ARRIVED]] = 0
            clock[ARRIVED] += 1
            enter = True
        elif clock[ATTEMPT] <= now and (room or rule[WHEN_FULL] != RETRY):
            gap = inst.gap[i, clock[GAPS]] if clock[GAPS] < inst.gap.shape[1] else NEVER
            clock[GAPS] += 1
            if rule[WHEN_FULL] == REDRAW and not room:
                clock[ATTEMPT] = min(now + 1 + gap, NEVER)
                continue
            s.arrival[b, clock[ARRIVED]] = now
            clock[ARRIVED] += 1
            clock[ATTEMPT] = min(now + gap, NEVER)
            enter = rule[WHEN_FULL] != QUEUE
        elif clock[ARRIVED] > clock[LET_IN] and room:
            enter = True
        else:
            return changed
        if enter:
            job = clock[LET_IN]
            clock[LET_IN] += 1
            clock[LIVE] += 1
            changed = True
            slot = 0
            while s.slot[b, slot, JOB] >= 0:
                slot += 1
            kind = inst.application[i, job]
            app = inst.app[w, kind]
            s.slot[b, slot, JOB] = job
            s.slot[b, slot, APPLICATION] = kind
            s.slot[b, slot, ARRIVAL] = s.arrival[b, job]
            s.slot[b, slot, LEFT] = app[TASKS]
            s.done[b, job] = -1
            for t in range(inst.width):
                s.start[b, job, t] = -1
                s.pe[b, job, t] = -1
                s.level[b, job, t] = -1
            for t in range(app[TASKS]):
                x = slot * inst.width + t
                s.live[b, x, MISSING] = inst.task[w, app[FIRST] + t, PREDS]
                s.live[b, x, STATUS] = OUTSTANDING
                s.live[b, x, PLACE] = -1
                s.live[b, x, ROW] = app[FIRST] + t
                s.live[b, x, SLOT] = slot
                if s.live[b, x, MISSING] == 0:
                    s.ready[b, clock[READY]] = x
                    clock[READY] += 1


def note_arrivals(inst, s, b, w):
    """When the data of tasks that have just become ready is where: the one place where transfers are computed."""
    clock = s.clock[b]
    now = clock[NOW]
    for y in range(clock[KNOWN], clock[READY]):
        x = s.ready[b, y]
        base = s.live[b, x, SLOT] * inst.width
        row = inst.task[w, s.live[b, x, ROW]]
        arrive = s.arrive[b, x]
        s.live[b, x, STATUS] = TO_START
        s.live[b, x, TICK] = now
        for p in range(s.element.shape[1]):
            arrive[p] = now
        for e in range(row[PRED_AT], row[PRED_AT] + row[PREDS]):
            before = s.live[b, base + inst.pred[w, e, 0]]
            volume = float(inst.pred[w, e, 1])
            for p in range(s.element.shape[1]):
                transfer = int(min(volume / inst.bandwidth[w, before[PLACE], p], 1e9))
                arrive[p] = max(arrive[p], before[TICK] + transfer)
    clock[KNOWN] = clock[READY]


def look_ahead(inst, s, b):
    """0 if no task can start now, 2 if one can whose data came to an idle PE right now, else 1; notes when the next comes."""
    clock = s.clock[b]
    w = inst.chip[s.row[b]]
    now = clock[NOW]
    found = 0
    soonest = NEVER
    if clock[IDLE] > 0:
        for y in range(clock[READY]):
            x = s.ready[b, y]
            row = s.live[b, x, ROW]
            for p in range(s.element.shape[1]):
                if s.element[b, p, RUNS] < 0 and inst.seen[w, row, p] >= 0:
                    tick = s.arrive[b, x, p]
                    if tick > now:
                        soonest = min(soonest, tick)
                    else:
                        found = max(found, 2 if tick == now else 1)
    clock[NEXT] = soonest
    return found


def next_event(inst, s, b, w):
    """The next tick at which anything happens, NEVER if nothing will."""
    clock = s.clock[b]
    tick = clock[NEXT] if inst.mode == 0 else NEVER
    for p in range(s.element.shape[1]):
        tick = min(tick, s.element[b, p, END])
    if clock[ATTEMPT] < tick and (inst.rule[w, WHEN_FULL] != RETRY or clock[LIVE] < inst.rule[w, CAP]):
        tick = max(clock[ATTEMPT], clock[NOW])
    for y in range(clock[ASSIGNED]):
        x = s.line[b, y]
        p = s.live[b, x, PLACE]
        if s.element[b, p, RUNS] < 0:
            tick = min(tick, max(s.arrive[b, x, p], clock[NOW]))
    return tick
