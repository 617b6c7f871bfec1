"""The events of a chip between two choices: tasks end, jobs arrive, data arrives at PEs, assigned tasks start.

Within a tick, completions come first, then arrivals, then decisions, then starts.
"""

from __future__ import annotations

from dispatchgym.envs.soc.layout import (
    DONE,
    NEVER,
    OUTSTANDING,
    QUEUE,
    READY,
    REDRAW,
    RETRY,
    RUNNING,
    START,
    App,
    Clock,
    Element,
    Instances,
    Live,
    Pe,
    Pred,
    Rule,
    Slot,
    State,
    TaskData,
)


def at_level(inst: Instances, w: int, p: int, ticks: int, level: int) -> int:
    """The execution time `ticks` at frequency `level` of PE p, rounded up."""
    top = inst.mhz[w, p, inst.pe[w, p, Pe.LEVELS] - 1]
    mhz = inst.mhz[w, p, level]
    return ticks if mhz == top else (ticks * top + mhz - 1) // mhz


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
            # Rounded to the nearest, half up, without a sum of products: compilers may round that once or twice.
            ticks = max(1, (int(ticks * inst.stretch[i, job, t] * 2.0) + 1) >> 1)
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
