"""The rules of task graphs on a chip, event by event: jobs arrive in a stream, or one static graph is a stream of one job.

The processing elements (PEs) differ in speed. Time stands still while there is something to decide. What a choice is depends
on the mode (`inst.mode`). WAIT, where it exists, is the last choice of all.

START      a ready task and an idle PE at which its data has arrived (and a frequency level), or WAIT for the next event
ASSIGN     a ready task and any PE that can run it. Every ready task is assigned before time goes on. A PE runs its tasks in
           the order of assignment, but a later task whose data is there overtakes (DS3)
TASK_ONLY  as ASSIGN, on the PE with the earliest finish (DeepSoCS)
PE_ONLY    as ASSIGN, with the task that has been ready for longest (SoCRATES)

Within a tick, completions come first, then arrivals, then decisions, then starts.
"""

from __future__ import annotations

from dispatchgym.envs.soc.layout import (
    ASSIGNED,
    DONE,
    EDP,
    ENERGY,
    FLOW,
    LATENCY,
    NEVER,
    OUTSTANDING,
    PE_ONLY,
    QUEUE,
    READY,
    REDRAW,
    RETRY,
    RUNNING,
    START,
    TASK_ONLY,
    App,
    Clock,
    Element,
    Finish,
    Instances,
    Live,
    Pe,
    Pred,
    Rule,
    Slot,
    State,
    TaskData,
    Worth,
)


def is_wait(inst: Instances, s: State, k: int) -> bool:
    """Whether choice k is WAIT."""
    return inst.mode == START and k == s.eft.shape[1] * s.element.shape[1] * inst.levels


def ready_of(inst: Instances, s: State, b: int, k: int) -> int:
    """Place of choice k's task in the list of ready tasks."""
    if inst.mode == TASK_ONLY:
        return k
    if inst.mode == PE_ONLY:
        return 0
    return k // (s.element.shape[1] * inst.levels)


def place_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The PE of choice k."""
    if inst.mode == TASK_ONLY:
        return s.eft[b, k, Finish.BEST_PE]
    return (k // inst.levels) % s.element.shape[1]


def level_of(inst: Instances, s: State, b: int, k: int) -> int:
    """The frequency level of choice k."""
    if inst.mode == TASK_ONLY or inst.levels == 1:
        w = inst.chip[s.row[b]]
        return inst.pe[w, place_of(inst, s, b, k), Pe.LEVELS] - 1
    return k % inst.levels


def reset(inst: Instances, s: State, b: int) -> None:
    """Write the first state, and let time run to the first choice."""
    i = s.row[b]
    w = inst.chip[i]
    clock = s.clock[b]
    for f in range(clock.shape[0]):
        clock[f] = 0
    clock[Clock.PENDING] = inst.rule[w, Rule.CAP] if inst.rule[w, Rule.PREFILL] == 1 else 0
    if inst.rule[w, Rule.FIXED] == 1:
        clock[Clock.ATTEMPT] = NEVER
    elif inst.rule[w, Rule.PREFILL] == 1:
        clock[Clock.ATTEMPT] = inst.gap[i, 0]
        clock[Clock.GAPS] = 1
    for x in range(s.slot.shape[1]):
        s.slot[b, x, Slot.JOB] = -1
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        element[Element.RUNS] = -1
        element[Element.END] = NEVER
        element[Element.EXPECT] = 0
        element[Element.BUSY] = 0
        element[Element.WAITING] = 0
        clock[Clock.IDLE] += inst.pe[w, p, Pe.EXISTS]
    s.latency[b] = 0
    s.present[b] = 0
    s.energy[b] = 0.0
    s.paid[b] = 0.0
    settle(inst, s, b, 0)


def finished(inst: Instances, s: State, b: int) -> bool:
    """Whether the run is over."""
    return s.clock[b, Clock.OVER] == 1


def objective(inst: Instances, s: State, b: int) -> int:
    """The value of the goal.

    LATENCY  mean latency of the counted jobs (ns), or the makespan of a static graph
    ENERGY   energy for each completed job (nJ)
    EDP      the product of these two (nJ ms)
    FLOW     jobs in the system, integrated over time, for each job done (ns). Unlike mean latency, this cannot be improved by
             starving jobs to keep others out.
    """
    i = s.row[b]
    w = inst.chip[i]
    clock = s.clock[b]
    fixed = inst.rule[w, Rule.FIXED] == 1
    late = clock[Clock.NOW] if fixed else 1000 * inst.rule[w, Rule.HORIZON]
    if not fixed and clock[Clock.COUNTED] > 0:
        late = (1000 * s.latency[b]) // clock[Clock.COUNTED]
    if inst.goal == LATENCY:
        return late
    if inst.goal == FLOW:
        return int(min(1000.0 * s.present[b] / max(progress(inst, s, b), 1e-3), 2147483647.0))
    spent = energy_by(inst, s, b) / max(clock[Clock.COMPLETED], 1)
    if inst.goal == EDP:
        spent = spent * late * (1e-3 if fixed else 1e-6)
    return int(min(spent, 2147483647.0))


def progress(inst: Instances, s: State, b: int) -> float:
    """Jobs completed, and the share of tasks done of each job in the system."""
    w = inst.chip[s.row[b]]
    done = float(s.clock[b, Clock.COMPLETED])
    for x in range(s.slot.shape[1]):
        slot = s.slot[b, x]
        if slot[Slot.JOB] >= 0:
            done += 1.0 - float(slot[Slot.LEFT]) / inst.app[w, slot[Slot.APPLICATION], App.TASKS]
    return done


def energy_by(inst: Instances, s: State, b: int) -> float:
    """Nanojoules (mW * us) spent up to now; the time that running tasks still need does not count."""
    if s.clock[b, Clock.OVER] == 1:
        return s.energy[b]
    w = inst.chip[s.row[b]]
    now = s.clock[b, Clock.NOW]
    spent = s.energy[b]
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        spent += float(inst.pe[w, p, Pe.IDLE_POWER]) * now
        if element[Element.RUNS] >= 0 and element[Element.END] > now:
            draws = inst.power[w, p, s.live[b, element[Element.RUNS], Live.LEVEL]] - inst.pe[w, p, Pe.IDLE_POWER]
            spent -= float(draws) * (element[Element.END] - now)
    return spent


def value(inst: Instances, s: State, b: int) -> float:
    """Minus the sum of the rewards so far: jobs in the system integrated over time, energy, or their product, in units."""
    w = inst.chip[s.row[b]]
    jobs = s.present[b] * inst.worth[w, Worth.PRESENCE]
    if inst.goal == LATENCY or inst.goal == FLOW:
        return jobs
    spent = energy_by(inst, s, b) * inst.worth[w, Worth.ENERGY]
    if inst.goal == ENERGY:
        return spent
    return jobs * spent


def step(inst: Instances, s: State, b: int, action: int) -> float:
    """Assign a task, or wait; then let time run to the next choice. Returns the reward."""
    w = inst.chip[s.row[b]]
    clock = s.clock[b]
    clock[Clock.DECISIONS] += 1
    wait = is_wait(inst, s, action)
    if not wait:
        r = ready_of(inst, s, b, action)
        p = place_of(inst, s, b, action)
        x = s.ready[b, r]
        live = s.live[b, x]
        live[Live.STATUS] = ASSIGNED
        live[Live.PLACE] = p
        live[Live.LEVEL] = level_of(inst, s, b, action)
        element = s.element[b, p]
        ticks = at_level(inst, w, p, inst.seen[w, live[Live.ROW], p], live[Live.LEVEL])
        element[Element.EXPECT] = max(element[Element.EXPECT], clock[Clock.NOW], s.arrive[b, x, p]) + ticks
        element[Element.WAITING] += 1
        s.line[b, clock[Clock.ASSIGNED]] = x
        clock[Clock.ASSIGNED] += 1
        clock[Clock.READY] -= 1
        clock[Clock.KNOWN] -= 1
        for y in range(r, clock[Clock.READY]):
            s.ready[b, y] = s.ready[b, y + 1]
    settle(inst, s, b, 2 if wait else 0)
    before = s.paid[b]
    s.paid[b] = value(inst, s, b)
    return before - s.paid[b]


def at_level(inst: Instances, w: int, p: int, ticks: int, level: int) -> int:
    """The execution time `ticks` at frequency `level` of PE p, rounded up."""
    top = inst.mhz[w, p, inst.pe[w, p, Pe.LEVELS] - 1]
    mhz = inst.mhz[w, p, level]
    return ticks if mhz == top else (ticks * top + mhz - 1) // mhz


def settle(inst: Instances, s: State, b: int, passing: int) -> None:
    """Let time run until there is a choice, or to the end.

    `passing` says which choices count: 0 = any; 1 = those that exist after something has changed; 2 = none before time goes on.
    """
    i = s.row[b]
    w = inst.chip[i]
    rule = inst.rule[w]
    clock = s.clock[b]
    while True:
        changed = complete_due(inst, s, b, w)
        if clock[Clock.COMPLETED] >= rule[Rule.MAX_JOBS]:
            break
        changed = let_in(inst, s, b, i, w) or changed
        passing = min(passing, 1) if changed else passing
        note_arrivals(inst, s, b, w)
        if inst.mode != START and clock[Clock.READY] > 0:
            return
        start_assigned(inst, s, b, i, w)
        if inst.mode == START:
            offer = look_ahead(inst, s, b)
            if offer > 0 and (passing == 0 or (passing == 1 and (changed or offer == 2))):
                return
        passing = min(passing, 1)
        tick = next_event(inst, s, b, w)
        over = tick >= rule[Rule.HORIZON]
        if over:
            tick = clock[Clock.NOW] if rule[Rule.FIXED] == 1 else rule[Rule.HORIZON]
        # Jobs that wait outside count as in the system.
        jobs = clock[Clock.LIVE] + (clock[Clock.ARRIVED] - clock[Clock.LET_IN] if rule[Rule.WHEN_FULL] == QUEUE else 0)
        s.present[b] += (tick - clock[Clock.NOW]) * jobs
        clock[Clock.NOW] = tick
        if over:
            break
    s.energy[b] = energy_by(inst, s, b)
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        if element[Element.RUNS] >= 0:
            element[Element.BUSY] -= element[Element.END] - clock[Clock.NOW]
    clock[Clock.OVER] = 1


def start_assigned(inst: Instances, s: State, b: int, i: int, w: int) -> None:
    """Start assigned tasks on idle PEs at which their data has arrived, in the order of assignment."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    kept = 0
    for y in range(clock[Clock.ASSIGNED]):
        x = s.line[b, y]
        live = s.live[b, x]
        p = live[Live.PLACE]
        element = s.element[b, p]
        if element[Element.RUNS] >= 0 or s.arrive[b, x, p] > now:
            s.line[b, kept] = x
            kept += 1
            continue
        slot = live[Live.SLOT]
        t = x - slot * inst.width
        job = s.slot[b, slot, Slot.JOB]
        level = live[Live.LEVEL]
        mean = inst.mean[w, live[Live.ROW], p]
        ticks = at_level(inst, w, p, mean, level)
        if inst.noise[w] > 0.0 and mean > 0:
            ticks = max(1, int(ticks * (1.0 + inst.noise[w] * inst.deviation[i, job, t]) + 0.5))
        live[Live.STATUS] = RUNNING
        live[Live.TICK] = now + ticks
        element[Element.RUNS] = x
        element[Element.END] = now + ticks
        element[Element.BUSY] += ticks
        element[Element.WAITING] -= 1
        clock[Clock.IDLE] -= 1
        s.energy[b] += float(inst.power[w, p, level] - inst.pe[w, p, Pe.IDLE_POWER]) * ticks
        s.start[b, job, t] = now
        s.pe[b, job, t] = p
        s.level[b, job, t] = level
    clock[Clock.ASSIGNED] = kept


def complete_due(inst: Instances, s: State, b: int, w: int) -> bool:
    """Complete what ends now; True if anything does."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    changed = False
    for p in range(s.element.shape[1]):
        element = s.element[b, p]
        if element[Element.END] > now:
            continue
        x = element[Element.RUNS]
        slot = s.live[b, x, Live.SLOT]
        base = slot * inst.width
        row = inst.task[w, s.live[b, x, Live.ROW]]
        element[Element.RUNS] = -1
        element[Element.END] = NEVER
        clock[Clock.IDLE] += 1
        if element[Element.WAITING] == 0:
            element[Element.EXPECT] = now
        s.live[b, x, Live.STATUS] = DONE
        for e in range(row[TaskData.SUCC_AT], row[TaskData.SUCC_AT] + row[TaskData.SUCCS]):
            y = base + inst.succ[w, e]
            s.live[b, y, Live.MISSING] -= 1
            if s.live[b, y, Live.MISSING] == 0:
                s.ready[b, clock[Clock.READY]] = y
                clock[Clock.READY] += 1
        s.slot[b, slot, Slot.LEFT] -= 1
        if s.slot[b, slot, Slot.LEFT] == 0:
            clock[Clock.COMPLETED] += 1
            clock[Clock.LIVE] -= 1
            s.done[b, s.slot[b, slot, Slot.JOB]] = now
            if now >= inst.rule[w, Rule.WARMUP]:
                clock[Clock.COUNTED] += 1
                s.latency[b] += now - s.slot[b, slot, Slot.ARRIVAL]
            s.slot[b, slot, Slot.JOB] = -1
        changed = True
    return changed


def let_in(inst: Instances, s: State, b: int, i: int, w: int) -> bool:
    """Attempt the arrivals that are due; True if a job was let in."""
    clock = s.clock[b]
    rule = inst.rule[w]
    now = clock[Clock.NOW]
    changed = False
    while True:
        room = clock[Clock.LIVE] < rule[Rule.CAP]
        enter = False
        if clock[Clock.PENDING] > 0:
            clock[Clock.PENDING] -= 1
            s.arrival[b, clock[Clock.ARRIVED]] = 0
            clock[Clock.ARRIVED] += 1
            enter = True
        elif clock[Clock.ATTEMPT] <= now and (room or rule[Rule.WHEN_FULL] != RETRY):
            gap = inst.gap[i, clock[Clock.GAPS]] if clock[Clock.GAPS] < inst.gap.shape[1] else NEVER
            clock[Clock.GAPS] += 1
            if rule[Rule.WHEN_FULL] == REDRAW and not room:
                clock[Clock.ATTEMPT] = min(now + 1 + gap, NEVER)
                continue
            s.arrival[b, clock[Clock.ARRIVED]] = now
            clock[Clock.ARRIVED] += 1
            clock[Clock.ATTEMPT] = min(now + gap, NEVER)
            enter = rule[Rule.WHEN_FULL] != QUEUE
        elif clock[Clock.ARRIVED] > clock[Clock.LET_IN] and room:
            enter = True
        else:
            return changed
        if enter:
            job = clock[Clock.LET_IN]
            clock[Clock.LET_IN] += 1
            clock[Clock.LIVE] += 1
            changed = True
            slot = 0
            while s.slot[b, slot, Slot.JOB] >= 0:
                slot += 1
            kind = inst.application[i, job]
            app = inst.app[w, kind]
            s.slot[b, slot, Slot.JOB] = job
            s.slot[b, slot, Slot.APPLICATION] = kind
            s.slot[b, slot, Slot.ARRIVAL] = s.arrival[b, job]
            s.slot[b, slot, Slot.LEFT] = app[App.TASKS]
            s.done[b, job] = -1
            for t in range(inst.width):
                s.start[b, job, t] = -1
                s.pe[b, job, t] = -1
                s.level[b, job, t] = -1
            for t in range(app[App.TASKS]):
                x = slot * inst.width + t
                s.live[b, x, Live.MISSING] = inst.task[w, app[App.FIRST] + t, TaskData.PREDS]
                s.live[b, x, Live.STATUS] = OUTSTANDING
                s.live[b, x, Live.PLACE] = -1
                s.live[b, x, Live.ROW] = app[App.FIRST] + t
                s.live[b, x, Live.SLOT] = slot
                if s.live[b, x, Live.MISSING] == 0:
                    s.ready[b, clock[Clock.READY]] = x
                    clock[Clock.READY] += 1


def note_arrivals(inst: Instances, s: State, b: int, w: int) -> None:
    """Write the arrival times of data at each PE, for tasks that have just become ready."""
    clock = s.clock[b]
    now = clock[Clock.NOW]
    for y in range(clock[Clock.KNOWN], clock[Clock.READY]):
        x = s.ready[b, y]
        base = s.live[b, x, Live.SLOT] * inst.width
        row = inst.task[w, s.live[b, x, Live.ROW]]
        arrive = s.arrive[b, x]
        s.live[b, x, Live.STATUS] = READY
        s.live[b, x, Live.TICK] = now
        for p in range(s.element.shape[1]):
            arrive[p] = now
        for e in range(row[TaskData.PRED_AT], row[TaskData.PRED_AT] + row[TaskData.PREDS]):
            before = s.live[b, base + inst.pred[w, e, Pred.TASK]]
            volume = float(inst.pred[w, e, Pred.VOLUME])
            for p in range(s.element.shape[1]):
                transfer = int(min(volume / inst.bandwidth[w, before[Live.PLACE], p], 1e9))
                arrive[p] = max(arrive[p], before[Live.TICK] + transfer)
    clock[Clock.KNOWN] = clock[Clock.READY]


def look_ahead(inst: Instances, s: State, b: int) -> int:
    """0 if no task can start now, 2 if the data of one has arrived in this tick at an idle PE, else 1.

    Also writes Clock.NEXT, the next arrival of data at an idle PE.
    """
    clock = s.clock[b]
    w = inst.chip[s.row[b]]
    now = clock[Clock.NOW]
    offer = 0
    soonest = NEVER
    if clock[Clock.IDLE] > 0:
        for y in range(clock[Clock.READY]):
            x = s.ready[b, y]
            row = s.live[b, x, Live.ROW]
            for p in range(s.element.shape[1]):
                if s.element[b, p, Element.RUNS] < 0 and inst.seen[w, row, p] >= 0:
                    tick = s.arrive[b, x, p]
                    if tick > now:
                        soonest = min(soonest, tick)
                    else:
                        offer = max(offer, 2 if tick == now else 1)
    clock[Clock.NEXT] = soonest
    return offer


def next_event(inst: Instances, s: State, b: int, w: int) -> int:
    """The next tick at which anything happens, NEVER if nothing will."""
    clock = s.clock[b]
    tick = clock[Clock.NEXT] if inst.mode == START else NEVER
    for p in range(s.element.shape[1]):
        tick = min(tick, s.element[b, p, Element.END])
    if clock[Clock.ATTEMPT] < tick and (inst.rule[w, Rule.WHEN_FULL] != RETRY or clock[Clock.LIVE] < inst.rule[w, Rule.CAP]):
        tick = max(clock[Clock.ATTEMPT], clock[Clock.NOW])
    for y in range(clock[Clock.ASSIGNED]):
        x = s.line[b, y]
        p = s.live[b, x, Live.PLACE]
        if s.element[b, p, Element.RUNS] < 0:
            tick = min(tick, max(s.arrive[b, x, p], clock[Clock.NOW]))
    return tick
