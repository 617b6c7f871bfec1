"""The rules of task graphs on a chip, event by event: jobs arrive in a stream, or one static graph is a stream of one job.

The processing elements (PEs) differ in speed. Time stands still while there is something to decide. What a choice is depends
on the mode (`inst.mode`). WAIT, where it exists, is the last choice of all.

START      a ready task and an idle PE at which its data has arrived (and a frequency level), or WAIT for the next event
ASSIGN     a ready task and any PE that can run it. Every ready task is assigned before time goes on. A PE runs its tasks in
           the order of assignment, but a later task whose data is there overtakes (DS3)
TASK_ONLY  as ASSIGN, on the PE with the earliest finish (DeepSoCS)
PE_ONLY    as ASSIGN, with the task that has been ready for longest (SoCRATES)

What happens between two choices is in events.py.
"""

from __future__ import annotations

from dispatchgym.envs.soc.events import (
    at_level,
    complete_due,
    let_in,
    look_ahead,
    next_event,
    note_arrivals,
    start_assigned,
)
from dispatchgym.envs.soc.layout import (
    ASSIGNED,
    EDP,
    ENERGY,
    FLOW,
    LATENCY,
    NEVER,
    PE_ONLY,
    QUEUE,
    START,
    TASK_ONLY,
    App,
    Clock,
    Element,
    Finish,
    Instances,
    Live,
    Pe,
    Rule,
    Slot,
    State,
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
